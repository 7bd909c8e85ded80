/* SPDX-License-Identifier: MIT
 *
 * cli/project/wpp.c - the headers (NAME.tmh) that Microsoft's trace preprocessor (WPP) would make
 *
 * Tracing is off here: a trace function evaluates none of its arguments, as a disabled one on
 * Windows, but what the project's own WPP_..._PRE and WPP_..._POST macros put around it stays. The
 * functions are those of begin_wpp comment blocks and of the project's settings.
 */
#include "cli/project/maker.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCAN_LIMIT 500u

static const char Head[] = "/* Made by ntbox. Tracing is off. */\n"
                           "#ifndef NTBOX_WPP\n"
                           "#define NTBOX_WPP\n"
                           "struct NTBOX_WPP_CONTROL {\n"
                           "    unsigned char Level;\n"
                           "    unsigned int Flags[1];\n"
                           "    unsigned long long Logger, RegHandle;\n"
                           "};\n"
                           "static const struct NTBOX_WPP_CONTROL NtboxWppControl "
                           "__attribute__((unused)) = {0, {0}, 0, 0};\n"
                           "#ifdef WPP_CONTROL_GUIDS\n"
                           "#define WPP_DEFINE_CONTROL_GUID(Name, Guid, Bits) Bits\n"
                           "#define WPP_DEFINE_BIT(Name) WPP_BIT_##Name,\n"
                           "enum NTBOX_WPP_BITS { WPP_CONTROL_GUIDS NTBOX_WPP_LAST_BIT };\n"
                           "#undef WPP_DEFINE_CONTROL_GUID\n"
                           "#undef WPP_DEFINE_BIT\n"
                           "#endif\n"
                           "#endif\n";

/* Macros of WPP itself, and what they are when tracing is off. */
static const char *const Macros[][2] = {
    {"WPP_INIT_TRACING(...)", "((void)0)"},
    {"WPP_CLEANUP(...)", "((void)0)"},
    {"WPP_SYSTEMCONTROL(...)", "((void)0)"},
    {"WPP_SYSTEMCONTROL2(...)", "((void)0)"},
    {"WPP_CONTROL(...)", "NtboxWppControl"},
    {"WPP_ENABLED(...)", "0"},
    {"WPP_LOGGER(...)", "0"},
    {"WPP_LEVEL_ENABLED(...)", "0"},
    {"WPP_LEVEL_LOGGER(...)", "0"},
    {"WPP_FLAG_ENABLED(...)", "0"},
    {"WPP_FLAG_LOGGER(...)", "0"},
    {"WPP_FLAGS_ENABLED(...)", "0"},
    {"WPP_FLAGS_LOGGER(...)", "0"},
    {"TRACE_LEVEL_NONE", "0"},
    {"TRACE_LEVEL_CRITICAL", "1"},
    {"TRACE_LEVEL_FATAL", "1"},
    {"TRACE_LEVEL_ERROR", "2"},
    {"TRACE_LEVEL_WARNING", "3"},
    {"TRACE_LEVEL_INFORMATION", "4"},
    {"TRACE_LEVEL_VERBOSE", "5"},
};

typedef struct CLI_SCAN {
    const CLI_FILES *Files;
    CLI_LIST Paths;      /* to be read */
    CLI_LIST Headers;    /* .tmh names that are included and not there */
    CLI_LIST Signatures; /* NAME{FIXED=VALUE,...}(ARGUMENT,...) */
} CLI_SCAN;

static void
AddOnce(CLI_LIST *List, const char *Item)
{
    for (size_t i = 0; i < List->Count; i++) {
        if (strcmp(List->Items[i], Item) == 0) {
            return;
        }
    }
    CliAppend(List, Item);
}

/* ---- scanning ---- */

static void
AddFolder(CLI_SCAN *Scan, const char *Folder)
{
    CLI_LIST names = {0};

    Scan->Files->List(Folder, &names);
    for (size_t i = 0; i < names.Count && Scan->Paths.Count < SCAN_LIMIT; i++) {
        const char *name = names.Items[i];

        if (CliHasEnding(name, ".h") || CliHasEnding(name, ".hpp") || CliHasEnding(name, ".hxx") ||
            CliHasEnding(name, ".inl")) {
            AddOnce(&Scan->Paths, CliJoinPath(Folder, name));
        }
    }
}

/* A header called Name, if it can be one below a folder of ours. */
static void
AddHeader(CLI_SCAN *Scan, char *Name)
{
    if (Name[0] == '/' || strstr(Name, "..") != NULL) {
        return;
    }
    for (char *slash = strchr(Name, '\\'); slash != NULL; slash = strchr(slash, '\\')) {
        *slash = '/';
    }
    AddOnce(&Scan->Headers, Name);
}

/* #include "NAME.tmh" */
static void
ScanInclude(CLI_SCAN *Scan, const char *Path, const char *Line)
{
    const char *at = Line + strspn(Line, " \t");
    const char *start;
    char *name;

    if (*at != '#' || strncmp(at + 1 + strspn(at + 1, " \t"), "include", 7) != 0) {
        return;
    }
    start = strpbrk(at, "\"<");
    if (start == NULL) {
        return;
    }
    name = CliFormat("%.*s", (int)strcspn(start + 1, "\">"), start + 1);
    if (CliHasEnding(name, ".tmh") && Scan->Files->Find(CliFolderOf(Path), name) == NULL) {
        AddHeader(Scan, name);
    }
}

/* A line between begin_wpp config and end_wpp. */
static void
ScanConfig(CLI_SCAN *Scan, const char *Line)
{
    const char *at = Line + strspn(Line, " \t/*");

    if (strncasecmp(at, "FUNC", 4) == 0 && (at[4] == ' ' || at[4] == '\t')) {
        at += 4 + strspn(at + 4, " \t");
        AddOnce(&Scan->Signatures, CliFormat("%.*s", (int)strcspn(at, ";\r"), at));
    }
}

static void
ScanFile(CLI_SCAN *Scan, const char *Path)
{
    size_t size = 0;
    char *text = Scan->Files->Read(Path, &size);
    int isConfig = 0;
    char *next;

    if (text == NULL || (strcasestr(text, ".tmh") == NULL && strstr(text, "begin_wpp") == NULL)) {
        return;
    }
    for (char *line = text; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (strcasestr(line, "begin_wpp config") != NULL) {
            isConfig = 1;
        } else if (strcasestr(line, "end_wpp") != NULL) {
            isConfig = 0;
        } else if (isConfig) {
            ScanConfig(Scan, line);
        } else {
            ScanInclude(Scan, Path, line);
        }
    }
}

/* ---- writing ---- */

typedef struct CLI_TRACE {
    const char *Name;
    CLI_LIST Conditions; /* names for WPP_..._PRE: of the fixed ones, then of the arguments */
    CLI_LIST Values;     /* what they are */
    CLI_LIST Arguments;  /* before the message */
    int HasRest;         /* a message, or more arguments */
    int IsPlain;         /* double parentheses, or a message that is not last */
} CLI_TRACE;

static int
IsIdentifier(const char *Text)
{
    if (!isalpha((unsigned char)Text[0]) && Text[0] != '_') {
        return 0;
    }
    for (; *Text != '\0'; Text++) {
        if (!isalnum((unsigned char)*Text) && *Text != '_') {
            return 0;
        }
    }
    return 1;
}

/* The items of a list with ',' between. */
static void
SplitCommas(const char *Text, size_t Length, CLI_LIST *List)
{
    char *text = CliFormat("%.*s", (int)Length, Text);

    for (char *at = text; *at != '\0'; at++) {
        *at = *at == ',' ? ';' : *at;
    }
    CliSplitList(text, List);
}

/* {NAME=VALUE,...} */
static int
TakeFixed(CLI_TRACE *Trace, const char *Text, size_t Length)
{
    CLI_LIST items = {0};

    SplitCommas(Text, Length, &items);
    for (size_t i = 0; i < items.Count; i++) {
        char *item = items.Items[i];
        char *equals = strchr(item, '=');
        char *name = CliFormat("%.*s", (int)strcspn(item, "= \t"), item);

        if (!IsIdentifier(name)) {
            return 0;
        }
        CliAppend(&Trace->Conditions, name);
        CliAppend(&Trace->Values, equals != NULL ? equals + 1 + strspn(equals + 1, " \t") : "");
    }
    return 1;
}

/* (ARGUMENT,...,MSG,...) */
static int
TakeArguments(CLI_TRACE *Trace, const char *Text, size_t Length)
{
    CLI_LIST items = {0};

    SplitCommas(Text, Length, &items);
    for (size_t i = 0; i < items.Count; i++) {
        const char *item = items.Items[i];

        if (strcmp(item, "...") == 0 || strcasecmp(item, "MSG") == 0) {
            Trace->HasRest = 1;
        } else if (!IsIdentifier(item)) {
            return 0;
        } else if (Trace->HasRest) {
            Trace->IsPlain = 1;
        } else {
            CliAppend(&Trace->Conditions, item);
            CliAppend(&Trace->Values, item);
            CliAppend(&Trace->Arguments, item);
        }
    }
    return 1;
}

/* 0 when Signature is not one. */
static int
ParseTrace(const char *Signature, CLI_TRACE *Trace)
{
    const char *open = strpbrk(Signature, "({");
    const char *close;
    size_t length = strcspn(Signature, " \t({");

    Trace->Name = CliFormat("%.*s", (int)length, Signature);
    if (open == NULL || !IsIdentifier(Trace->Name)) {
        return 0;
    }
    if (*open == '{') {
        close = strchr(open, '}');
        if (close == NULL || !TakeFixed(Trace, open + 1, (size_t)(close - open - 1))) {
            return 0;
        }
        open = strchr(close, '(');
    }
    close = open != NULL ? strchr(open, ')') : NULL;
    if (close == NULL) {
        return 0;
    }
    if (open[1 + strspn(open + 1, " \t")] == '(') {
        Trace->IsPlain = 1;
        return 1;
    }
    return TakeArguments(Trace, open + 1, (size_t)(close - open - 1));
}

static void
WriteTrace(FILE *File, const CLI_TRACE *Trace)
{
    const char *arguments = CliJoin(&Trace->Arguments, ", ");
    const char *values = CliJoin(&Trace->Values, ", ");
    const char *conditions = CliJoin(&Trace->Conditions, "_");
    char *head;

    fprintf(File, "#undef %s\n", Trace->Name);
    if (Trace->IsPlain || conditions == NULL) {
        fprintf(File, "#define %s(...) ((void)0)\n", Trace->Name);
        return;
    }
    head = CliFormat("#define %s(%s%s)", Trace->Name, arguments != NULL ? arguments : "",
                     !Trace->HasRest     ? ""
                     : arguments != NULL ? ", ..."
                                         : "...");
    fprintf(File,
            "#if defined(WPP_%s_PRE) && defined(WPP_%s_POST)\n"
            "%s WPP_%s_PRE(%s) ((void)0) WPP_%s_POST(%s)\n",
            conditions, conditions, head, conditions, values, conditions, values);
    fprintf(File, "#elif defined(WPP_%s_PRE)\n%s WPP_%s_PRE(%s) ((void)0)\n", conditions, head,
            conditions, values);
    fprintf(File, "#elif defined(WPP_%s_POST)\n%s ((void)0) WPP_%s_POST(%s)\n", conditions, head,
            conditions, values);
    fprintf(File, "#else\n#define %s(...) ((void)0)\n#endif\n", Trace->Name);
}

static char *
MakeText(CLI_PROJECT *Project, const CLI_LIST *Signatures)
{
    char *data = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&data, &size);
    char *text;

    if (file == NULL) {
        return NULL;
    }
    fputs(Head, file);
    for (size_t i = 0; i < sizeof(Macros) / sizeof(Macros[0]); i++) {
        const char *macro = Macros[i][0];

        fprintf(file, "#ifndef %.*s\n#define %s %s\n#endif\n", (int)strcspn(macro, "("), macro,
                macro, Macros[i][1]);
    }
    for (size_t i = 0; i < Signatures->Count; i++) {
        CLI_TRACE trace = {0};

        if (ParseTrace(Signatures->Items[i], &trace)) {
            WriteTrace(file, &trace);
        } else {
            CliNote(Project, "%s: trace function '%.100s' is not understood", Project->File,
                    Signatures->Items[i]);
        }
    }
    fclose(file);
    text = CliFormat("%s", data);
    free(data);
    return text;
}

int
CliMakeTraceHeaders(const CLI_FILES *Files, CLI_PROJECT *Project, const char *Folder)
{
    CLI_SCAN scan = {.Files = Files};
    char *text;

    for (size_t i = 0; i < Project->SourceCount; i++) {
        AddOnce(&scan.Paths, Project->Sources[i].Path);
    }
    for (size_t i = 0; i < Project->TraceFiles.Count; i++) {
        AddOnce(&scan.Paths, Project->TraceFiles.Items[i]);
    }
    AddFolder(&scan, Project->Folder);
    for (size_t i = 0; i < Project->SourceCount; i++) {
        AddFolder(&scan, CliFolderOf(Project->Sources[i].Path));
        for (size_t k = 0; k < Project->Sources[i].Includes.Count; k++) {
            AddFolder(&scan, Project->Sources[i].Includes.Items[k]);
        }
    }
    for (size_t i = 0; i < Project->TraceHeaders.Count; i++) {
        AddHeader(&scan, CliFormat("%s", Project->TraceHeaders.Items[i]));
    }
    CliAppend(&scan.Signatures, "DoTraceMessage(FLAGS,MSG,...)");
    for (size_t i = 0; i < Project->Traces.Count; i++) {
        AddOnce(&scan.Signatures, Project->Traces.Items[i]);
    }
    for (size_t i = 0; i < scan.Paths.Count; i++) {
        ScanFile(&scan, scan.Paths.Items[i]);
    }
    if (scan.Headers.Count == 0) {
        return 1;
    }
    CliNote(Project, "%s: WPP tracing is off", Project->File);
    text = MakeText(Project, &scan.Signatures);
    for (size_t i = 0; text != NULL && i < scan.Headers.Count; i++) {
        if (!CliWriteIfChanged(CliFormat("%s/%s", Folder, scan.Headers.Items[i]), text)) {
            return 0;
        }
    }
    return text != NULL;
}
