/* SPDX-License-Identifier: MIT
 *
 * cli/project/vcxproj.c - a Visual Studio project, as what the maker builds
 *
 * What Microsoft's own property files would define is said here: the properties that name folders
 * of the toolset have values that begin with "ntbox:", and paths that begin so are left out, as the
 * sdk has what they would bring.
 */
#include "cli/project/project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- which configuration ---- */

static int
StartsWith(const char *Text, const char *Start)
{
    return strncasecmp(Text, Start, strlen(Start)) == 0;
}

/* All "Configuration|Platform" that the document names. */
static void
ListConfigurations(const CLI_XML *Document, CLI_LIST *List)
{
    for (const CLI_XML *group = Document->First; group != NULL; group = group->Next) {
        for (const CLI_XML *node = group->First; node != NULL; node = node->Next) {
            const char *include = CliAttribute(node, "Include");

            if (strcmp(node->Name, "ProjectConfiguration") == 0 && include != NULL &&
                strchr(include, '|') != NULL) {
                CliAppend(List, include);
            }
        }
    }
}

/* Sets Configuration and Platform. 0 when what the user asked for is not there. */
static int
ChooseConfiguration(CLI_EVALUATION *Evaluation, const CLI_XML *Document, const CLI_CHOICE *Choice)
{
    const char *wanted = Choice->Configuration != NULL ? Choice->Configuration : "Debug";
    const char *platform = Choice->Platform != NULL ? Choice->Platform : "x64";
    CLI_PROJECT *project = Evaluation->Project;
    const char *found;
    CLI_LIST list = {0};

    ListConfigurations(Document, &list);
    found = CliChooseConfiguration(&list, Choice);
    if (found != NULL && strcasecmp(strchr(found, '|') + 1, platform) != 0) {
        CliNote(project, "%s: no configuration for x64; what %s says is taken", project->File,
                found);
    } else if (found != NULL && strncasecmp(found, wanted, strcspn(found, "|")) != 0) {
        CliNote(project, "%s: configuration %s; choose with --configuration", project->File, found);
    }
    if (found == NULL && list.Count != 0) {
        CliProjectError(project, "%s: no configuration %s|%s; it has: %s", project->File, wanted,
                        platform, CliJoin(&list, ", "));
        return 0;
    }
    if (found == NULL) {
        found = CliFormat("%s|%s", wanted, platform);
    }
    project->Configuration = CliFormat("%.*s", (int)strcspn(found, "|"), found);
    CliSetFixed(&Evaluation->Properties, "Configuration", project->Configuration);
    CliSetFixed(&Evaluation->Properties, "Platform", strchr(found, '|') + 1);
    return 1;
}

/* ---- what is defined before the first line ---- */

/* The folder of the nearest solution, for $(SolutionDir). */
static char *
FindSolutionFolder(const CLI_EVALUATION *Evaluation)
{
    char *folder = CliFormat("%s", Evaluation->Root);

    for (unsigned i = 0; i < 8; i++) {
        CLI_LIST names = {0};
        char *found = Evaluation->Files->Find(folder, ".");

        if (found == NULL) {
            break;
        }
        Evaluation->Files->List(found, &names);
        for (size_t k = 0; k < names.Count; k++) {
            if (CliHasEnding(names.Items[k], ".sln") || CliHasEnding(names.Items[k], ".slnx")) {
                return found;
            }
        }
        folder = CliFormat("%s/..", folder);
    }
    return CliFormat("%s", Evaluation->Root);
}

static void
SetProjectNames(CLI_EVALUATION *Evaluation, const char *Path)
{
    CLI_TABLE *table = &Evaluation->Properties;
    const char *name = Evaluation->Project->Name;
    char *root = Evaluation->Files->Absolute(Evaluation->Root);
    char *folder = CliFormat("%s/", root);

    Path = Evaluation->Files->Absolute(Path);
    CliSet(table, "MSBuildProjectName", name);
    CliSet(table, "MSBuildProjectFile", CliBaseName(Path));
    CliSet(table, "MSBuildProjectFullPath", Path);
    CliSet(table, "MSBuildProjectExtension", ".vcxproj");
    CliSet(table, "MSBuildProjectDirectory", root);
    CliSet(table, "ProjectName", name);
    CliSet(table, "ProjectFileName", CliBaseName(Path));
    CliSet(table, "ProjectPath", Path);
    CliSet(table, "ProjectDir", folder);
    CliSet(table, "ProjectExt", ".vcxproj");
    CliSet(table, "SolutionDir",
           CliFormat("%s/", Evaluation->Files->Absolute(FindSolutionFolder(Evaluation))));
    CliSet(table, "TargetName", name);
    CliSet(table, "OS", "Windows_NT");
    CliSet(table, "VisualStudioVersion", "17.0");
    CliSet(table, "MSBuildToolsVersion", "Current");
    CliSet(table, "PlatformTarget", "x64");
    CliSet(table, "PlatformShortName", "x64");
    CliSet(table, "PlatformArchitecture", "64");
    CliSet(table, "DefaultPlatformToolset", "v143");
    CliSet(table, "IntDir", "ntbox:out/");
    CliSet(table, "OutDir", "ntbox:out/");
}

static void
SetToolset(CLI_TABLE *Table)
{
    static const char *const folders[] = {
        "VCTargetsPath",
        "VCTargetsPath14",
        "VCTargetsPath15",
        "VCTargetsPath16",
        "VCTargetsPath17",
        "MSBuildExtensionsPath",
        "MSBuildExtensionsPath32",
        "MSBuildExtensionsPath64",
        "MSBuildToolsPath",
        "MSBuildBinPath",
        "WDKContentRoot",
        "WindowsSdkDir",
        "WindowsSDK_IncludePath",
        "VCInstallDir",
        "VSInstallDir",
        "VC_IncludePath",
        "VC_LibraryPath_x64",
        "WindowsSDK_LibraryPath_x64",
        "IncludePath",
        "LibraryPath",
        "DDK_INC_PATH",
        "DDK_LIB_PATH",
        "IFSKIT_INC_PATH",
        "IFSKIT_LIB_PATH",
        "SDK_INC_PATH",
        "SDK_LIB_PATH",
        "CRT_INC_PATH",
        "WDM_INC_PATH",
        "KIT_SHARED_INC_PATH",
        "KIT_SHARED_IncludePath",
        "KM_IncludePath",
        "UM_IncludePath",
        "KMDF_INC_PATH",
        "KMDF_LIB_PATH",
        "UMDF_INC_PATH",
        "CoreLibraryDependencies",
    };

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        CliSet(Table, folders[i], "ntbox:sdk");
    }
    CliSet(Table, "CoreLibraryDependencies", "");
}

/* ---- a source's settings ---- */

static const char *
Metadata(const CLI_ITEM *Item, const char *Name)
{
    const char *value = CliGet(&Item->Metadata, Name);

    return value != NULL ? value : "";
}

/* A list in the item's metadata, with what only now is known of it. */
static void
TakeList(CLI_EVALUATION *Evaluation, const CLI_ITEM *Item, const char *Name, CLI_LIST *List)
{
    Evaluation->File = Item->File;
    Evaluation->Line = Item->Line;
    Evaluation->Item = Item;
    Evaluation->Metadata = &Item->Metadata;
    CliSplitList(CliExpand(Evaluation, Metadata(Item, Name)), List);
    Evaluation->Item = NULL;
    Evaluation->Metadata = NULL;
}

static void
TakeFolders(CLI_EVALUATION *Evaluation, const CLI_LIST *Folders, CLI_SOURCE *Source)
{
    for (size_t i = 0; i < Folders->Count; i++) {
        char *folder = Folders->Items[i];
        char *path;

        if (StartsWith(folder, "ntbox:") || strstr(folder, "$(") != NULL) {
            continue;
        }
        path = Evaluation->Files->Find(Evaluation->Root, folder);
        if (path != NULL) {
            CliAppend(&Source->Includes, path);
        } else {
            CliNote(Evaluation->Project, "%s: include folder %s is not there",
                    Evaluation->Project->File, folder);
        }
    }
}

/* The file that /FI or ForcedIncludeFiles names: beside the source or project, or in -I folders. */
static void
TakeForced(CLI_EVALUATION *Evaluation, const char *Name, CLI_SOURCE *Source)
{
    char *path = Evaluation->Files->Find(CliFolderOf(Source->Path), Name);

    path = path != NULL ? path : Evaluation->Files->Find(Evaluation->Root, Name);
    for (size_t i = 0; path == NULL && i < Source->Includes.Count; i++) {
        path = Evaluation->Files->Find(Source->Includes.Items[i], Name);
    }
    CliAppend(&Source->Forced, path != NULL ? path : CliFormat("%s", Name));
}

static const char *
StandardOf(const CLI_ITEM *Item, int IsCxx)
{
    static const char *const standards[][2] = {
        {"stdcpp14", "gnu++14"},
        {"stdcpp17", "gnu++17"},
        {"stdcpp20", "gnu++20"},
        {"stdcpp23", "gnu++2b"},
        {"stdcpp23preview", "gnu++2b"},
        {"stdcpplatest", "gnu++2b"},
        {"stdc11", "gnu11"},
        {"stdc17", "gnu17"},
        {"stdclatest", "gnu2x"},
    };
    const char *value = Metadata(Item, IsCxx ? "LanguageStandard" : "LanguageStandard_C");

    for (size_t i = 0; i < sizeof(standards) / sizeof(standards[0]); i++) {
        if (strcasecmp(value, standards[i][0]) == 0) {
            return standards[i][1];
        }
    }
    return NULL;
}

static const char *
Property(const CLI_EVALUATION *Evaluation, const char *Name)
{
    const char *value = CliGet(&Evaluation->Properties, Name);

    return value != NULL ? value : "";
}

/* What the toolset defines by the properties of the project. */
static void
TakeToolsetDefines(const CLI_EVALUATION *Evaluation, CLI_SOURCE *Source)
{
    int isDebug = strcasecmp(Property(Evaluation, "UseDebugLibraries"), "true") == 0;
    const char *letters = Property(Evaluation, "CharacterSet");

    if (Evaluation->Project->IsKernel) {
        CliAppend(&Source->Defines, isDebug ? "DBG=1" : "NDEBUG");
    } else if (isDebug) {
        CliAppend(&Source->Defines, "_DEBUG");
    }
    if (strcasecmp(letters, "Unicode") == 0) {
        CliAppend(&Source->Defines, "_UNICODE");
        CliAppend(&Source->Defines, "UNICODE");
    } else if (strcasecmp(letters, "MultiByte") == 0) {
        CliAppend(&Source->Defines, "_MBCS");
    }
}

static void
TakeSettings(CLI_EVALUATION *Evaluation, const CLI_ITEM *Item, CLI_SOURCE *Source)
{
    const char *compileAs = Metadata(Item, "CompileAs");
    const char *level = Metadata(Item, "Optimization");
    int isDebug = strcasecmp(Property(Evaluation, "UseDebugLibraries"), "true") == 0;
    int isCxx = !CliHasEnding(Source->Path, ".c");
    CLI_LIST defines = {0};
    CLI_LIST folders = {0};
    CLI_LIST forced = {0};

    if (strcasecmp(compileAs, "CompileAsC") == 0 || strcasecmp(compileAs, "CompileAsCpp") == 0) {
        int wantsCxx = strcasecmp(compileAs, "CompileAsCpp") == 0;

        Source->Language = wantsCxx == isCxx ? NULL : wantsCxx ? "c++" : "c";
        isCxx = wantsCxx;
    }
    Source->Standard = StandardOf(Item, isCxx);
    Source->IsOptimized = level[0] != '\0' ? strcasecmp(level, "Disabled") != 0 : !isDebug;
    TakeToolsetDefines(Evaluation, Source);
    TakeList(Evaluation, Item, "PreprocessorDefinitions", &defines);
    for (size_t i = 0; i < defines.Count; i++) {
        CliTakeDefine(Source, defines.Items[i]);
    }
    TakeList(Evaluation, Item, "UndefinePreprocessorDefinitions", &Source->Undefines);
    TakeList(Evaluation, Item, "AdditionalIncludeDirectories", &folders);
    CliSplitList(Property(Evaluation, "IncludePath"), &folders);
    CliTakeOptions(Evaluation->Project, Source, Metadata(Item, "AdditionalOptions"));
    for (size_t i = 0; i < Source->Includes.Count; i++) {
        CliAppend(&folders, Source->Includes.Items[i]);
    }
    Source->Includes.Count = 0;
    TakeFolders(Evaluation, &folders, Source);
    TakeList(Evaluation, Item, "ForcedIncludeFiles", &forced);
    for (size_t i = 0; i < Source->Forced.Count; i++) {
        CliAppend(&forced, Source->Forced.Items[i]);
    }
    Source->Forced.Count = 0;
    for (size_t i = 0; i < forced.Count; i++) {
        TakeForced(Evaluation, forced.Items[i], Source);
    }
}

/* ---- items ---- */

static int
IsExcludedItem(const CLI_ITEM *Item)
{
    return strcasecmp(Metadata(Item, "ExcludedFromBuild"), "true") == 0;
}

static void
TakeTracing(CLI_EVALUATION *Evaluation, const CLI_ITEM *Item)
{
    CLI_PROJECT *project = Evaluation->Project;
    const char *file = Metadata(Item, "WppScanConfigurationData");
    char *path;

    if (strcasecmp(Metadata(Item, "WppEnabled"), "true") != 0) {
        return;
    }
    CliSplitList(Metadata(Item, "WppTraceFunction"), &project->Traces);
    path = file[0] != '\0' ? Evaluation->Files->Find(Evaluation->Root, file) : NULL;
    if (path != NULL) {
        CliAppend(&project->TraceFiles, path);
    }
}

static void
TakeSource(CLI_EVALUATION *Evaluation, const CLI_ITEM *Item)
{
    CLI_PROJECT *project = Evaluation->Project;
    char *path = Evaluation->Files->Find(Evaluation->Root, Item->Include);

    if (IsExcludedItem(Item)) {
        return;
    }
    if (path == NULL) {
        CliProjectError(project, "%s:%d: source %s: no such file", Item->File, Item->Line,
                        Item->Include);
        return;
    }
    for (size_t i = 0; i < project->SourceCount; i++) {
        if (strcmp(project->Sources[i].Path, path) == 0) {
            return;
        }
    }
    TakeSettings(Evaluation, Item, CliAddSource(project, path));
    TakeTracing(Evaluation, Item);
}

static void
TakeMessages(CLI_EVALUATION *Evaluation, const CLI_ITEM *Item)
{
    CLI_PROJECT *project = Evaluation->Project;
    char *path = Evaluation->Files->Find(Evaluation->Root, Item->Include);

    if (!CliHasEnding(Item->Include, ".mc")) {
        CliNote(project, "%s: event manifests are not compiled; make its header on Windows",
                Item->Include);
    } else if (path == NULL) {
        CliProjectError(project, "%s:%d: message file %s: no such file", Item->File, Item->Line,
                        Item->Include);
    } else {
        CliAppend(&project->Messages, path);
    }
}

static void
TakeItem(CLI_EVALUATION *Evaluation, const CLI_ITEM *Item)
{
    static const char *const unsupported[][2] = {
        {"Midl", "interfaces are not compiled (MIDL); make its header on Windows"},
        {"MASM", "assembler (MASM) is not supported; leave it out or write it in C"},
        {"MARMASM", "assembler is not supported; leave it out or write it in C"},
        {"NASM", "assembler (NASM) is not supported; leave it out or write it in C"},
        {"Ctrpp", "performance counters (ctrpp) are not compiled; make its header on Windows"},
        {"CustomBuild", "its custom build step is not run; run it yourself"},
    };
    CLI_PROJECT *project = Evaluation->Project;

    if (strcasecmp(Item->Type, "ClCompile") == 0) {
        TakeSource(Evaluation, Item);
    } else if (IsExcludedItem(Item)) {
        return;
    } else if (strcasecmp(Item->Type, "MessageCompile") == 0) {
        TakeMessages(Evaluation, Item);
    } else if (strcasecmp(Item->Type, "ResourceCompile") == 0) {
        CliNote(project, "%s: resources are left out", Item->Include);
    } else if (strcasecmp(Item->Type, "ProjectReference") == 0) {
        char *path = Evaluation->Files->Find(Evaluation->Root, Item->Include);

        if (path != NULL) {
            CliAppend(&project->References, path);
        } else {
            CliProjectError(project, "%s:%d: project %s: no such file", Item->File, Item->Line,
                            Item->Include);
        }
    }
    for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
        if (strcasecmp(Item->Type, unsupported[i][0]) == 0) {
            CliNote(project, "%s: %s", Item->Include, unsupported[i][1]);
        }
    }
}

/* ---- the project ---- */

static void
SetKind(CLI_EVALUATION *Evaluation)
{
    CLI_PROJECT *project = Evaluation->Project;
    const char *type = Property(Evaluation, "ConfigurationType");
    const char *driver = Property(Evaluation, "DriverType");
    const char *toolset = Property(Evaluation, "PlatformToolset");

    project->IsKernel = StartsWith(toolset, "WindowsKernelModeDriver");
    if (StartsWith(driver, "KMDF") || CliGet(&Evaluation->Properties, "KMDF_VERSION_MAJOR")) {
        project->Refusal = "a KMDF driver";
    } else if (StartsWith(driver, "UMDF") || StartsWith(toolset, "WindowsUserModeDriver")) {
        project->Refusal = "a UMDF driver";
    } else if (strcasecmp(type, "Driver") == 0) {
        project->Kind = CliKindDriver;
        project->IsKernel = 1;
    } else if (strcasecmp(type, "Application") == 0 || type[0] == '\0') {
        project->Kind = CliKindProgram;
        project->IsKernel = 0;
    } else if (strcasecmp(type, "StaticLibrary") == 0) {
        project->Kind = CliKindLibrary;
    } else if (strcasecmp(type, "DynamicLibrary") == 0) {
        project->Refusal = project->IsKernel ? "an export driver (a DLL of the kernel)" : "a DLL";
    } else {
        CliNote(project, "%s: of type %s, so there is nothing to build", project->File, type);
    }
    /* A package of drivers, of no type of its own. */
    if (StartsWith(driver, "Package")) {
        project->Kind = CliKindNone;
    }
}

static void
TakeLibraries(CLI_EVALUATION *Evaluation)
{
    const char *names = CliDefinition(Evaluation, "Link", "AdditionalDependencies");
    CLI_LIST list = {0};

    CliSplitList(names != NULL ? names : "", &list);
    for (size_t i = 0; i < list.Count; i++) {
        char *slash = strrchr(list.Items[i], '\\');

        CliAppend(&Evaluation->Project->LibraryFiles,
                  slash != NULL ? slash + 1 : CliBaseName(list.Items[i]));
    }
}

static void
NoteSteps(CLI_EVALUATION *Evaluation)
{
    static const char *const steps[] = {"PreBuildEvent", "PreLinkEvent", "PostBuildEvent",
                                        "CustomBuildStep"};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const char *command = CliDefinition(Evaluation, steps[i], "Command");

        if (command != NULL && command[0] != '\0') {
            CliNote(Evaluation->Project, "%s: its %s is not run; run it yourself",
                    Evaluation->Project->File, steps[i]);
        }
    }
}

static void
TakeDocument(CLI_EVALUATION *Evaluation, CLI_XML *Document)
{
    CLI_PROJECT *project = Evaluation->Project;
    const char *target;

    CliEvaluate(Evaluation, Document);
    target = CliUnescape(CliFormat("%s", Property(Evaluation, "TargetName")));
    if (target[0] != '\0' && strpbrk(target, "/\\") == NULL) {
        project->Target = target;
    }
    SetKind(Evaluation);
    TakeLibraries(Evaluation);
    CliJudgeLibraries(project);
    if (project->Kind == CliKindNone || project->Refusal != NULL) {
        return;
    }
    for (size_t i = 0; i < Evaluation->ItemCount; i++) {
        TakeItem(Evaluation, Evaluation->Items[i]);
    }
    NoteSteps(Evaluation);
    if (project->SourceCount == 0 && project->Errors.Count == 0) {
        CliNote(project, "%s: no sources, so there is nothing to build", project->File);
        project->Kind = CliKindNone;
    }
}

CLI_PROJECT *
CliReadVcxproj(const CLI_FILES *Files, const char *Path, const CLI_CHOICE *Choice)
{
    const char *base = CliBaseName(Path);
    char *folder = CliFolderOf(Path);
    CLI_PROJECT *project =
        CliNewProject(Path, folder, CliFormat("%.*s", (int)strcspn(base, "."), base));
    CLI_EVALUATION evaluation = {.Files = Files, .Project = project, .Root = folder, .File = Path};
    size_t size = 0;
    char *text = Files->Read(Path, &size);
    char *error;
    CLI_XML *document;

    if (CliHasEnding(base, ".vcxproj")) {
        project->Name = CliFormat("%.*s", (int)(strlen(base) - 8), base);
        project->Target = project->Name;
    }
    if (text == NULL) {
        CliProjectError(project, "%s: cannot be read", Path);
        return project;
    }
    document = CliParseXml(Path, text, size, &error);
    if (document == NULL) {
        CliProjectError(project, "%s", error);
        return project;
    }
    if (strcmp(document->Name, "Project") != 0) {
        CliProjectError(project, "%s:%d: <%.60s> is not an MSBuild project", Path, document->Line,
                        document->Name);
        return project;
    }
    for (size_t i = 0; i < Choice->Properties.Count; i++) {
        CliSetFixed(&evaluation.Properties, Choice->Properties.Rows[i].Name,
                    Choice->Properties.Rows[i].Text);
    }
    if (ChooseConfiguration(&evaluation, document, Choice)) {
        SetToolset(&evaluation.Properties);
        SetProjectNames(&evaluation, Path);
        TakeDocument(&evaluation, document);
    }
    return project;
}
