/* SPDX-License-Identifier: MIT
 *
 * cli/project/make.c - builds projects: what is generated, then all objects, libraries, drivers,
 * programs
 *
 * OUT/NAME.sys and OUT/NAME are the products; OUT/.obj/CONFIGURATION/PROJECT has the objects, what
 * was generated (gen), and stamps. Compiling and linking is `ntbox cc`, run in here.
 */
#include "cli/project/maker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- units ---- */

static char *
FileName(const char *Text)
{
    char *name = CliFormat("%s", Text);

    for (char *at = name; *at != '\0'; at++) {
        if (*at == '/' || *at == '\\') {
            *at = '_';
        }
    }
    return name[0] == '.' ? CliFormat("_%s", name) : name;
}

static const char *
EndingOf(const CLI_PROJECT *Project)
{
    return Project->Kind == CliKindDriver ? ".sys" : "";
}

/* Another project has the same name, so that their objects need folders of their own. */
static int
SharesName(const CLI_UNIT *Units, size_t Count, const CLI_PROJECT *Project)
{
    for (size_t i = 0; i < Count; i++) {
        const CLI_PROJECT *other = Units[i].Project;

        if (other != Project && strcasecmp(other->Name, Project->Name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Another project makes a file of the same name. */
static int
SharesTarget(const CLI_UNIT *Units, size_t Count, const CLI_PROJECT *Project)
{
    for (size_t i = 0; i < Count; i++) {
        const CLI_PROJECT *other = Units[i].Project;

        if (other != Project && Units[i].Output != NULL && other->Kind == Project->Kind &&
            strcasecmp(other->Target, Project->Target) == 0) {
            return 1;
        }
    }
    return 0;
}

static void
PlaceUnits(const CLI_MAKE *Make, CLI_UNIT *Units, size_t Count)
{
    for (size_t i = 0; i < Count; i++) {
        CLI_PROJECT *project = Units[i].Project;
        int isBuilt = project->Kind != CliKindNone && project->Refusal == NULL;

        Units[i].Output = isBuilt ? CliFormat("%s", "") : NULL;
    }
    for (size_t i = 0; i < Count; i++) {
        CLI_PROJECT *project = Units[i].Project;
        const char *folder;

        if (Units[i].Output == NULL) {
            continue;
        }
        folder = CliFormat("%s/", FileName(CliBaseName(project->Folder)));
        Units[i].Objects =
            CliFormat("%s/.obj/%s/%s%s", Make->OutFolder, FileName(project->Configuration),
                      SharesName(Units, Count, project) ? folder : "", FileName(project->Name));
        if (project->Kind == CliKindLibrary) {
            Units[i].Output = CliFormat("%s/%s.a", Units[i].Objects, FileName(project->Target));
        } else {
            Units[i].Output = CliFormat("%s/%s%s%s", Make->OutFolder,
                                        SharesTarget(Units, Count, project) ? folder : "",
                                        FileName(project->Target), EndingOf(project));
        }
    }
}

static CLI_UNIT *
MakeUnits(CLI_PROJECT *First, size_t *Count)
{
    CLI_UNIT *units;
    size_t i = 0;

    *Count = 0;
    for (CLI_PROJECT *project = First; project != NULL; project = project->Next) {
        ++*Count;
    }
    units = CliAllocate((*Count + 1) * sizeof(*units));
    for (CLI_PROJECT *project = First; project != NULL; project = project->Next) {
        units[i++].Project = project;
    }
    return units;
}

/* ---- generated files ---- */

/*
 * The message compiler stumbles over a byte order mark: a copy without it, and the option that says
 * how the file is encoded (or NULL). NULL after a message.
 */
static const char *
StripMark(const char *Path, const char *Folder, const char **Encoding)
{
    char *copy = CliFormat("%s/%s", Folder, CliBaseName(Path));
    size_t size = 0;
    char *text = CliHostFiles.Read(Path, &size);
    size_t mark;
    FILE *file;

    *Encoding = NULL;
    if (text == NULL) {
        CliError("%s: cannot be read", Path);
        return NULL;
    }
    mark = size > 1 && memcmp(text, "\xFF\xFE", 2) == 0       ? 2
           : size > 2 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3
                                                              : 0;
    if (mark == 0) {
        return Path;
    }
    *Encoding = mark == 2 ? "-u" : "-C65001";
    file = fopen(copy, "wb");
    if (file == NULL || fwrite(text + mark, 1, size - mark, file) != size - mark) {
        CliError("%s: %s", copy, strerror(errno));
        copy = NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return copy;
}

/* A message file: its header (and an .rc, which nobody reads) by binutils. */
static int
CompileMessages(const CLI_MAKE *Make, CLI_UNIT *Unit, const char *Path, const char *Folder)
{
    static const char tool[] = "x86_64-w64-mingw32-windmc";
    const char *base = CliBaseName(Path);
    const char *plain;
    const char *encoding;
    CLI_JOB job = {.Title = base};
    CLI_JOB *jobs[] = {&job};
    int failed = 0;

    plain = StripMark(Path, Folder, &encoding);
    if (plain == NULL) {
        return 0;
    }
    CliAppend(&job.Command, tool);
    if (encoding != NULL) {
        CliAppend(&job.Command, encoding);
    }
    CliAppend(&job.Command, "-h");
    CliAppend(&job.Command, Folder);
    CliAppend(&job.Command, "-r");
    CliAppend(&job.Command, Folder);
    CliAppend(&job.Command, plain);
    CliAppend(&job.Files, Path);
    job.Output = CliFormat("%s/%.*s.h", Folder, (int)strcspn(base, "."), base);
    Unit->Compiled += CliRunJobs(jobs, 1, 1, Make->Verbose, &failed);
    if (job.Code == CLI_NOT_FOUND) {
        CliError("%s: install the package binutils-mingw-w64-x86-64, which has %s", Path, tool);
    }
    return !failed;
}

static int
Generate(const CLI_MAKE *Make, CLI_UNIT *Unit)
{
    char *folder = CliFormat("%s/gen", Unit->Objects);
    CLI_PROJECT *project = Unit->Project;

    CliMakeFolders(CliFormat("%s/", folder));
    for (size_t i = 0; i < project->Messages.Count; i++) {
        if (!CompileMessages(Make, Unit, project->Messages.Items[i], folder)) {
            return 0;
        }
    }
    return CliMakeTraceHeaders(&CliHostFiles, project, folder);
}

/* ---- compiling ---- */

static void
AppendAll(CLI_LIST *To, const char *Option, const CLI_LIST *Items)
{
    for (size_t i = 0; i < Items->Count; i++) {
        if (Option != NULL) {
            CliAppend(To, Option);
        }
        CliAppend(To, Items->Items[i]);
    }
}

/* Names that the sdk's flags define; a project's own value is no redefinition. */
static int
IsDefinedBySdk(const char *Define)
{
    static const char *const names[] = {"_WIN32_WINNT", "NTDDI_VERSION", "WINNT", "_WIN64",
                                        "_AMD64_"};
    size_t length = strcspn(Define, "=");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == length && strncmp(names[i], Define, length) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Later values of a name win, without a warning, as with Microsoft's compiler. */
static void
AppendDefines(CLI_LIST *Command, const CLI_LIST *Defines)
{
    for (size_t i = 0; i < Defines->Count; i++) {
        const char *define = Defines->Items[i];
        size_t length = strcspn(define, "=");
        int isRepeated = IsDefinedBySdk(define);

        for (size_t k = 0; k < i; k++) {
            const char *earlier = Defines->Items[k];

            isRepeated |= strcspn(earlier, "=") == length && strncmp(earlier, define, length) == 0;
        }
        if (isRepeated) {
            CliAppend(Command, CliFormat("-U%.*s", (int)length, define));
        }
        CliAppend(Command, CliFormat("-D%s", define));
    }
}

static int
IsCxxSource(const CLI_SOURCE *Source)
{
    if (Source->Language != NULL) {
        return strcmp(Source->Language, "c++") == 0;
    }
    return !CliHasEnding(Source->Path, ".c");
}

/* The name of an object: of the source, and of its folder below the project's. */
static char *
ObjectOf(const CLI_UNIT *Unit, size_t Index)
{
    const char *path = Unit->Project->Sources[Index].Path;
    size_t length = strlen(Unit->Project->Folder);
    char *name;

    if (strncmp(path, Unit->Project->Folder, length) == 0 && path[length] == '/') {
        path += length + 1;
    }
    name = CliFormat("%s/%s.o", Unit->Objects, FileName(path));
    for (size_t i = 0; i < Index; i++) {
        if (strcasecmp(Unit->Jobs[i]->Output, name) == 0) {
            return CliFormat("%s/%s.%zu.o", Unit->Objects, FileName(path), Index);
        }
    }
    return name;
}

static CLI_JOB *
CompileJob(const CLI_MAKE *Make, const CLI_UNIT *Unit, size_t Index)
{
    const CLI_SOURCE *source = &Unit->Project->Sources[Index];
    CLI_JOB *job = CliAllocate(sizeof(*job));
    CLI_LIST *command = &job->Command;
    CLI_LIST defines = {0};
    char flags[CLI_PATH_SIZE];

    job->Title = CliBaseName(source->Path);
    job->Output = ObjectOf(Unit, Index);
    job->Inputs = CliFormat("%s.d", job->Output);
    if (CliLocate(CliFlags, flags)) {
        CliAppend(&job->Files, CliFormat("%s", flags)); /* another ntbox compiles anew */
    }
    CliAppend(command, "cc");
    CliAppend(command, Unit->Project->IsKernel ? "--driver" : "--client");
    CliAppend(command, "-c");
    CliAppend(command, "-g");
    CliAppend(command, source->IsOptimized && !CliMentionsTry(source->Path) ? "-O2" : "-O0");
    if (source->Standard != NULL) {
        CliAppend(command, CliFormat("-std=%s", source->Standard));
    }
    if (Make->Sanitizers != NULL) {
        CliAppend(command, CliFormat("-fsanitize=%s", Make->Sanitizers));
    }
    AppendAll(&defines, NULL, &source->Defines);
    AppendAll(&defines, NULL, &Make->Defines);
    AppendDefines(command, &defines);
    for (size_t i = 0; i < source->Undefines.Count; i++) {
        CliAppend(command, CliFormat("-U%s", source->Undefines.Items[i]));
    }
    /* Microsoft's compiler looks for quoted names beside all files that are being included. */
    CliAppend(command, "-iquote");
    CliAppend(command, CliFolderOf(source->Path));
    AppendAll(command, "-I", &Make->Includes);
    AppendAll(command, "-I", &source->Includes);
    CliAppend(command, "-I");
    CliAppend(command, CliFormat("%s/gen", Unit->Objects));
    AppendAll(command, "-include", &source->Forced);
    CliAppend(command, "-MD");
    CliAppend(command, "-MF");
    CliAppend(command, job->Inputs);
    CliAppend(command, "-o");
    CliAppend(command, job->Output);
    if (IsCxxSource(source) || source->Language != NULL) {
        CliAppend(command, "-x");
        CliAppend(command, IsCxxSource(source) ? "c++" : "c");
    }
    CliAppend(command, source->Path);
    if (isatty(STDERR_FILENO)) {
        CliAppend(&job->Extra, "-fdiagnostics-color=always");
    }
    return job;
}

static void
PrepareUnit(const CLI_MAKE *Make, CLI_UNIT *Unit)
{
    CLI_PROJECT *project = Unit->Project;

    if (Unit->Output == NULL || project->Errors.Count != 0) {
        return;
    }
    if (!Generate(Make, Unit)) {
        Unit->Failed = 1;
        return;
    }
    Unit->Jobs = CliAllocate((project->SourceCount + 1) * sizeof(CLI_JOB *));
    for (size_t i = 0; i < project->SourceCount; i++) {
        Unit->Jobs[i] = CompileJob(Make, Unit, i);
        Unit->JobCount = i + 1;
    }
}

/* All objects of all projects beside each other. */
static void
CompileAll(const CLI_MAKE *Make, CLI_UNIT *Units, size_t Count)
{
    size_t total = 0;
    size_t next = 0;
    int failed = 0;
    CLI_JOB **jobs;

    for (size_t i = 0; i < Count; i++) {
        total += Units[i].JobCount;
    }
    jobs = CliAllocate((total + 1) * sizeof(CLI_JOB *));
    for (size_t i = 0; i < Count; i++) {
        for (size_t k = 0; k < Units[i].JobCount; k++) {
            jobs[next++] = Units[i].Jobs[k];
        }
    }
    (void)CliRunJobs(jobs, total, Make->Parallel, Make->Verbose, &failed);
    for (size_t i = 0; i < Count; i++) {
        for (size_t k = 0; k < Units[i].JobCount; k++) {
            Units[i].Failed |= Units[i].Jobs[k]->Code != 0;
            Units[i].Compiled += Units[i].Jobs[k]->Messages != 0;
        }
    }
}

/* ---- linking ---- */

static int
IsGood(const CLI_UNIT *Unit)
{
    return Unit->Output != NULL && !Unit->Failed && Unit->Project->Errors.Count == 0;
}

/* Unit uses the library: by a reference, or by its name among the linker's. */
static int
Uses(const CLI_UNIT *Unit, const CLI_UNIT *Library)
{
    const CLI_PROJECT *project = Unit->Project;

    if (Library->Project->Kind != CliKindLibrary || Unit == Library) {
        return 0;
    }
    for (size_t i = 0; i < project->References.Count; i++) {
        if (strcmp(project->References.Items[i], Library->Project->File) == 0) {
            return 1;
        }
    }
    for (size_t i = 0; i < project->LibraryFiles.Count; i++) {
        if (strcasecmp(project->LibraryFiles.Items[i],
                       CliFormat("%s.lib", Library->Project->Target)) == 0) {
            return 1;
        }
    }
    return 0;
}

static CLI_JOB *
LinkJob(const CLI_MAKE *Make, CLI_UNIT *Units, size_t Count, CLI_UNIT *Unit)
{
    CLI_JOB *job = CliAllocate(sizeof(*job));
    CLI_LIST *command = &job->Command;
    int isCxx = 0;

    job->Title = CliBaseName(Unit->Output);
    job->Output = Unit->Output;
    job->Stamp = CliFormat("%s/%s.stamp", Unit->Objects, job->Title);
    for (size_t i = 0; i < Unit->JobCount; i++) {
        CliAppend(&job->Files, Unit->Jobs[i]->Output);
        isCxx |= IsCxxSource(&Unit->Project->Sources[i]);
    }
    if (Unit->Project->Kind == CliKindLibrary) {
        CliAppend(command, "ar");
        CliAppend(command, "rcsD");
        CliAppend(command, Unit->Output);
        AppendAll(command, NULL, &job->Files);
        return job;
    }
    for (size_t i = 0; i < Count; i++) {
        if (Uses(Unit, &Units[i])) {
            CliAppend(&job->Files, Units[i].Output);
            for (size_t k = 0; k < Units[i].JobCount; k++) {
                isCxx |= IsCxxSource(&Units[i].Project->Sources[k]);
            }
        }
    }
    CliAppend(command, "cc");
    CliAppend(command, Unit->Project->IsKernel ? "--driver" : "--client");
    if (isCxx) {
        CliAppend(command, "--c++");
    }
    CliAppend(command, "-g");
    if (Make->Sanitizers != NULL) {
        CliAppend(command, CliFormat("-fsanitize=%s", Make->Sanitizers));
    }
    CliAppend(command, "-o");
    CliAppend(command, Unit->Output);
    CliAppend(command, "-Wl,--start-group");
    AppendAll(command, NULL, &job->Files);
    CliAppend(command, "-Wl,--end-group");
    return job;
}

/* A library that a unit uses and that was not built makes it fail, too. */
static void
CheckLibraries(CLI_UNIT *Units, size_t Count, CLI_UNIT *Unit)
{
    for (size_t i = 0; i < Count; i++) {
        if (Uses(Unit, &Units[i]) && !IsGood(&Units[i])) {
            CliError("%s: needs %s, which is not built", Unit->Project->Name,
                     Units[i].Project->Name);
            Unit->Failed = 1;
        }
    }
}

/* Links all libraries, or all others. */
static void
LinkAll(const CLI_MAKE *Make, CLI_UNIT *Units, size_t Count, int Libraries)
{
    CLI_JOB **jobs = CliAllocate((Count + 1) * sizeof(CLI_JOB *));
    size_t total = 0;
    int failed = 0;

    for (size_t i = 0; i < Count; i++) {
        CLI_UNIT *unit = &Units[i];

        if ((unit->Project->Kind == CliKindLibrary) != Libraries || !IsGood(unit)) {
            continue;
        }
        CheckLibraries(Units, Count, unit);
        if (!unit->Failed && !Make->Check) {
            unit->Link = LinkJob(Make, Units, Count, unit);
            jobs[total++] = unit->Link;
        }
    }
    (void)CliRunJobs(jobs, total, Make->Parallel, Make->Verbose, &failed);
    for (size_t i = 0; i < Count; i++) {
        if ((Units[i].Project->Kind == CliKindLibrary) == Libraries && Units[i].Link != NULL) {
            Units[i].Failed |= Units[i].Link->Code != 0;
            Units[i].IsLinked = Units[i].Link->Messages != 0 && !Units[i].Failed;
        }
    }
}

/* ---- what is missing ---- */

static void
Analyse(const CLI_MAKE *Make, CLI_UNIT *Units, size_t Count, CLI_UNIT *Unit)
{
    CLI_LIST files = {0};
    CLI_LIST defined = {0};
    CLI_LIST undefined = {0};
    int fromObjects = Make->Check || Unit->Failed;

    if (Unit->Output == NULL || Unit->Project->Kind == CliKindLibrary) {
        return;
    }
    if (fromObjects) {
        for (size_t i = 0; i < Unit->JobCount; i++) {
            CliAppend(&files, Unit->Jobs[i]->Output);
        }
        for (size_t i = 0; i < Count; i++) {
            for (size_t k = 0; k < Units[i].JobCount && Uses(Unit, &Units[i]); k++) {
                CliAppend(&files, Units[i].Jobs[k]->Output);
            }
        }
    } else {
        CliAppend(&files, Unit->Output);
    }
    if (Unit->Project->Kind == CliKindDriver) {
        CliFindNeeds(&files, Make->Check, &Unit->Needs);
        return;
    }
    for (size_t i = 0; i < files.Count; i++) {
        (void)CliReadSymbols(files.Items[i], &defined, &undefined);
    }
    for (size_t i = 0; i < undefined.Count; i++) {
        Unit->NeedsInstaller |= strcmp(undefined.Items[i], "CreateServiceA") == 0 ||
                                strcmp(undefined.Items[i], "CreateServiceW") == 0;
    }
}

/* ---- all of it ---- */

static int
CodeOf(const CLI_MAKE *Make, const CLI_UNIT *Units, size_t Count)
{
    int code = 0;

    for (size_t i = 0; i < Count; i++) {
        const CLI_UNIT *unit = &Units[i];

        for (size_t k = 0; k < unit->JobCount; k++) {
            if (unit->Jobs[k]->Code == CLI_NOT_FOUND || unit->Jobs[k]->Code == CLI_CANNOT_EXECUTE) {
                return unit->Jobs[k]->Code;
            }
        }
        if (unit->Failed || unit->Project->Errors.Count != 0 || unit->Needs.Unknown.Count != 0) {
            code = CLI_BUILD_FAILED;
        } else if (unit->Project->Refusal != NULL && code != CLI_BUILD_FAILED) {
            code = CLI_BUILD_REFUSED;
        } else if (Make->Strict && unit->Needs.Stubs.Count != 0 && code == 0) {
            code = CLI_BUILD_STUBS;
        }
    }
    return code;
}

int
CliMakeAll(const CLI_MAKE *Make, CLI_PROJECT *First, CLI_UNIT **Units, size_t *Count)
{
    CLI_UNIT *units = MakeUnits(First, Count);

    *Units = units;
    PlaceUnits(Make, units, *Count);
    if (!CliWriteIfChanged(CliFormat("%s/.gitignore", Make->OutFolder), "*\n")) {
        return CLI_BUILD_FAILED;
    }
    for (size_t i = 0; i < *Count; i++) {
        PrepareUnit(Make, &units[i]);
    }
    CompileAll(Make, units, *Count);
    LinkAll(Make, units, *Count, 1);
    LinkAll(Make, units, *Count, 0);
    for (size_t i = 0; i < *Count; i++) {
        Analyse(Make, units, *Count, &units[i]);
    }
    return CodeOf(Make, units, *Count);
}
