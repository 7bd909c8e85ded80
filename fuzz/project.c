/* SPDX-License-Identifier: MIT
 *
 * fuzz/project.c - the readers of projects: .vcxproj and what it imports, .sln, .slnx, sources
 *
 * Input  1 byte: which reader and choice; the rest: files, each ended by a zero byte. The first is
 *        the project; the others are a.props, b.props and so on, main.c among them.
 */
#include "fuzz.h"

#include "cli/project/project.h"

#include <string.h>

#define MAX_FILES 5

static const char *Names[MAX_FILES] = {"project", "a.props", "b.props", "main.c", "sub/x.c"};
static const char *Texts[MAX_FILES];
static size_t Sizes[MAX_FILES];

/* ---- a file system of the input ---- */

static int
FindIndex(const char *Path)
{
    for (int i = 0; i < MAX_FILES; i++) {
        if (Texts[i] != NULL && strcasecmp(Names[i], Path) == 0) {
            return i;
        }
    }
    return -1;
}

static char *
FuzzRead(const char *Path, size_t *Size)
{
    int index = FindIndex(CliTidyPath(Path));
    char *text;

    if (index < 0) {
        return NULL;
    }
    text = CliAllocate(Sizes[index] + 1);
    memcpy(text, Texts[index], Sizes[index]);
    *Size = Sizes[index];
    return text;
}

static char *
FuzzFind(const char *Folder, const char *Name)
{
    char *path = CliFormat("%s", Name);
    int index;

    for (char *at = path; *at != '\0'; at++) {
        *at = *at == '\\' ? '/' : *at;
    }
    path = CliTidyPath(strncmp(path, "/w/", 3) == 0 ? path + 3 : CliJoinPath(Folder, path));
    index = FindIndex(path);
    if (index >= 0) {
        return CliFormat("%s", Names[index]);
    }
    return strcmp(path, ".") == 0 || strcmp(path, "sub") == 0 ? path : NULL;
}

static void
FuzzList(const char *Folder, CLI_LIST *List)
{
    if (strcmp(Folder, ".") == 0) {
        CliAppend(List, "main.c");
        CliAppend(List, "sub/");
    } else if (strcmp(Folder, "sub") == 0) {
        CliAppend(List, "x.c");
    }
}

static char *
FuzzAbsolute(const char *Path)
{
    return Path[0] == '/' ? CliTidyPath(Path) : CliTidyPath(CliFormat("/w/%s", Path));
}

static const CLI_FILES Files = {FuzzRead, FuzzFind, FuzzList, FuzzAbsolute};

/* ---- what must hold ---- */

static void
CheckLines(const CLI_LIST *Lines)
{
    FUZZ_CHECK(Lines->Count <= CLI_FILE_LIMIT);
    for (size_t i = 0; i < Lines->Count; i++) {
        FUZZ_CHECK(Lines->Items[i][0] != '\0');
        for (const char *at = Lines->Items[i]; *at != '\0'; at++) {
            FUZZ_CHECK((unsigned char)*at >= ' ' && *at != 0x7F);
        }
    }
}

static void
CheckProject(const CLI_PROJECT *Project)
{
    FUZZ_CHECK(Project->Name != NULL && Project->Target != NULL && Project->Target[0] != '\0');
    FUZZ_CHECK(strpbrk(Project->Target, "/\\") == NULL);
    FUZZ_CHECK(Project->Configuration != NULL);
    CheckLines(&Project->Notes);
    CheckLines(&Project->Errors);
    if (Project->Kind == CliKindNone && Project->Refusal == NULL) {
        FUZZ_CHECK(Project->Errors.Count != 0 || Project->Notes.Count != 0);
    }
    for (size_t i = 0; i < Project->SourceCount; i++) {
        const CLI_SOURCE *source = &Project->Sources[i];

        FUZZ_CHECK(FindIndex(source->Path) >= 0 || strcmp(source->Path, ".") == 0 ||
                   strcmp(source->Path, "sub") == 0);
        for (size_t k = 0; k < source->Includes.Count; k++) {
            FUZZ_CHECK(source->Includes.Items[k][0] != '\0');
        }
        for (size_t k = 0; k < source->Defines.Count; k++) {
            FUZZ_CHECK(source->Defines.Items[k][0] != '\0' && source->Defines.Items[k][0] != '=');
        }
    }
}

/* The same project twice is the same. */
static void
ReadTwice(CLI_PROJECT *(*Read)(const CLI_FILES *, const char *, const CLI_CHOICE *),
          const CLI_CHOICE *Choice)
{
    CLI_PROJECT *first = Read(&Files, "project", Choice);
    CLI_PROJECT *second = Read(&Files, "project", Choice);

    CheckProject(first);
    FUZZ_CHECK(first->SourceCount == second->SourceCount);
    FUZZ_CHECK(first->Kind == second->Kind && strcmp(first->Target, second->Target) == 0);
    FUZZ_CHECK(first->Notes.Count == second->Notes.Count);
    FUZZ_CHECK(first->Errors.Count == second->Errors.Count);
}

static void
ReadSolution(const char *Name, const CLI_CHOICE *Choice)
{
    CLI_SOLUTION solution = {0};
    char *error;
    const char *text = Texts[0];
    size_t size = Sizes[0];

    /* Under a name that says which kind it is. */
    Names[1] = Name;
    Texts[1] = text;
    Sizes[1] = size;
    CliReadSolution(&Files, Name, Choice, &solution, &error);
    for (size_t i = 0; i < solution.Count; i++) {
        FUZZ_CHECK(CliHasEnding(solution.Members[i].Path, ".vcxproj"));
        FUZZ_CHECK(!solution.Members[i].IsLeftOut || solution.Configuration != NULL);
    }
    FUZZ_CHECK(error == NULL || error[0] != '\0');
    Names[1] = "a.props";
}

int
LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size)
{
    unsigned which = Size != 0 ? Data[0] : 0;
    CLI_CHOICE choice = {.Configuration = which & 4 ? "Release" : NULL,
                         .Platform = which & 8 ? "x64" : NULL};
    const char *at = Size != 0 ? (const char *)Data + 1 : NULL;
    size_t left = Size != 0 ? Size - 1 : 0;

    memset(Texts, 0, sizeof(Texts));
    for (int i = 0; i < MAX_FILES && left != 0; i++) {
        const char *end = memchr(at, 0, left);

        Texts[i] = at;
        Sizes[i] = end != NULL ? (size_t)(end - at) : left;
        left -= Sizes[i] + (end != NULL);
        at += Sizes[i] + (end != NULL);
    }
    switch (which & 3) {
    case 0:
    case 1:
        ReadTwice(CliReadVcxproj, &choice);
        break;
    case 2:
        ReadTwice(CliReadSources, &choice);
        break;
    default:
        ReadSolution(which & 4 ? "x.slnx" : "x.sln", &choice);
        break;
    }
    CliReleaseAll();
    return 0;
}
