/* SPDX-License-Identifier: MIT
 *
 * cli/project/project.c - what all readers of projects share
 */
#include "cli/project/project.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

CLI_PROJECT *
CliNewProject(const char *File, const char *Folder, const char *Name)
{
    CLI_PROJECT *project = CliAllocate(sizeof(*project));

    project->File = File;
    project->Folder = Folder;
    project->Name = Name[0] != '\0' ? Name : "project";
    project->Target = project->Name;
    project->Configuration = "Debug";
    return project;
}

CLI_SOURCE *
CliAddSource(CLI_PROJECT *Project, const char *Path)
{
    CLI_SOURCE *source;

    if (Project->SourceCount == Project->SourceSize) {
        CLI_SOURCE *sources;

        Project->SourceSize = Project->SourceSize != 0 ? Project->SourceSize * 2 : 16;
        sources = CliAllocate(Project->SourceSize * sizeof(*sources));
        if (Project->SourceCount != 0) {
            memcpy(sources, Project->Sources, Project->SourceCount * sizeof(*sources));
        }
        Project->Sources = sources;
    }
    source = &Project->Sources[Project->SourceCount++];
    source->Path = Path;
    return source;
}

/* The text of a line, without control characters: file contents reach the terminal through it. */
static char *
MakeLine(const char *Format, va_list Arguments)
{
    char line[2048];

    vsnprintf(line, sizeof(line), Format, Arguments);
    for (char *at = line; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7F) {
            *at = ' ';
        }
    }
    return CliFormat("%s", line);
}

static void
AddLine(CLI_LIST *List, char *Line)
{
    for (size_t i = 0; i < List->Count; i++) {
        if (strcmp(List->Items[i], Line) == 0) {
            return;
        }
    }
    if (List->Count < CLI_FILE_LIMIT) {
        CliAppend(List, Line);
    }
}

void
CliNote(CLI_PROJECT *Project, const char *Format, ...)
{
    va_list arguments;

    va_start(arguments, Format);
    AddLine(&Project->Notes, MakeLine(Format, arguments));
    va_end(arguments);
}

void
CliProjectError(CLI_PROJECT *Project, const char *Format, ...)
{
    va_list arguments;

    va_start(arguments, Format);
    AddLine(&Project->Errors, MakeLine(Format, arguments));
    va_end(arguments);
}

void
CliJudgeLibraries(CLI_PROJECT *Project)
{
    static const char *const kinds[][2] = {
        {"fltmgr.lib", "a file system minifilter (fltmgr)"},
        {"ndis.lib", "a network driver (NDIS)"},
        {"fwpkclnt.lib", "a network filter (WFP callout)"},
        {"storport.lib", "a storage miniport (Storport)"},
        {"portcls.lib", "an audio driver (PortCls)"},
        {"ks.lib", "a streaming driver (KS)"},
        {"stream.lib", "a streaming driver"},
        {"wdfldr.lib", "a KMDF driver"},
        {"wdfdriverentry.lib", "a KMDF driver"},
        {"vhfkm.lib", "a HID source (VHF)"},
        {"displib.lib", "a display driver"},
        {"netio.lib", "a network driver (WSK)"},
    };

    if (Project->Kind != CliKindDriver || Project->Refusal != NULL) {
        return;
    }
    for (size_t i = 0; i < Project->LibraryFiles.Count; i++) {
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            if (strcasecmp(Project->LibraryFiles.Items[i], kinds[k][0]) == 0) {
                Project->Refusal = kinds[k][1];
                return;
            }
        }
    }
}

/* ---- configurations ---- */

/* The first one whose platform is Platform (NULL: any) and whose name Configuration is or starts.
 */
static const char *
FindConfiguration(const CLI_LIST *List, const char *Configuration, const char *Platform,
                  int IsStart)
{
    for (size_t i = 0; i < List->Count; i++) {
        const char *item = List->Items[i];
        const char *bar = strchr(item, '|');
        size_t length = Configuration != NULL ? strlen(Configuration) : 0;

        if ((Platform == NULL || strcasecmp(bar + 1, Platform) == 0) &&
            strncasecmp(item, Configuration != NULL ? Configuration : "", length) == 0 &&
            (IsStart || item[length] == '|')) {
            return item;
        }
    }
    return NULL;
}

const char *
CliChooseConfiguration(const CLI_LIST *List, const CLI_CHOICE *Choice)
{
    const char *wanted = Choice->Configuration != NULL ? Choice->Configuration : "Debug";
    const char *platform = Choice->Platform != NULL ? Choice->Platform : "x64";
    const char *found = FindConfiguration(List, wanted, platform, 0);

    if (found == NULL && Choice->Configuration == NULL) {
        found = FindConfiguration(List, wanted, platform, 1);
        found = found != NULL ? found : FindConfiguration(List, NULL, platform, 1);
    }
    if (found == NULL && Choice->Platform == NULL) {
        found = FindConfiguration(List, wanted, NULL, 0);
        if (found == NULL && Choice->Configuration == NULL) {
            found = FindConfiguration(List, NULL, NULL, 1);
        }
    }
    return found;
}

/* ---- compiler options ---- */

void
CliTakeDefine(CLI_SOURCE *Source, const char *Text)
{
    char *define = CliFormat("%s", Text);
    char *to = define;

    for (const char *from = define; *from != '\0'; from++) {
        if (*from == '\\' && from[1] == '"') {
            continue;
        }
        *to++ = *from;
    }
    *to = '\0';
    if (define[0] != '\0' && define[0] != '=') {
        CliAppend(&Source->Defines, define);
    }
}

/* The next word, as Windows programs split their command line; NULL: there is none. */
static char *
TakeOption(const char **Text)
{
    const char *at = *Text + strspn(*Text, " \t\r\n");
    char *word = CliAllocate(strlen(at) + 1);
    size_t length = 0;
    int isQuoted = 0;

    if (*at == '\0') {
        return NULL;
    }
    for (; *at != '\0' && (isQuoted || strchr(" \t\r\n", *at) == NULL); at++) {
        if (*at == '\\' && at[1] == '"') {
            word[length++] = *++at;
        } else if (*at == '"') {
            isQuoted = !isQuoted;
        } else {
            word[length++] = *at;
        }
    }
    *Text = at;
    return word;
}

static const char *
StandardOfOption(const char *Name)
{
    static const char *const standards[][2] = {
        {"c++14", "gnu++14"},     {"c++17", "gnu++17"}, {"c++20", "gnu++20"},
        {"c++latest", "gnu++2b"}, {"c11", "gnu11"},     {"c17", "gnu17"},
    };

    for (size_t i = 0; i < sizeof(standards) / sizeof(standards[0]); i++) {
        if (strcmp(Name, standards[i][0]) == 0) {
            return standards[i][1];
        }
    }
    return NULL;
}

void
CliTakeOptions(CLI_PROJECT *Project, CLI_SOURCE *Source, const char *Options)
{
    char *word;

    (void)Project;
    while ((word = TakeOption(&Options)) != NULL) {
        const char *name = word + 1;
        const char *value;

        if (word[0] != '/' && word[0] != '-') {
            continue;
        }
        if (strncmp(name, "std:", 4) == 0) {
            const char *standard = StandardOfOption(name + 4);

            Source->Standard = standard != NULL ? standard : Source->Standard;
            continue;
        }
        value = name + (strncmp(name, "FI", 2) == 0 ? 2 : 1);
        if (strchr("DUI", *name) == NULL && strncmp(name, "FI", 2) != 0) {
            continue; /* how Microsoft's compiler warns, optimizes and so on */
        }
        if (*name == '\0') {
            continue;
        }
        if (*value == '\0' && (value = TakeOption(&Options)) == NULL) {
            return;
        }
        if (*name == 'D') {
            CliTakeDefine(Source, value);
        } else {
            CliAppend(*name == 'U'   ? &Source->Undefines
                      : *name == 'I' ? &Source->Includes
                                     : &Source->Forced,
                      value);
        }
    }
}
