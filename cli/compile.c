/* SPDX-License-Identifier: MIT
 *
 * cli/compile.c - ntbox cc: the compiler, with the flags that Windows sources need here
 *
 * The flags come from the sdk's flags file: an argument a line, under [all], [c], [c++], [driver],
 * [client], [undefined] (with -fsanitize=undefined), [link], [link-driver] and [link-client]; @SDK@
 * is the file's folder, @LIB@ that of the libraries. The user's own arguments come behind all but
 * [undefined] and what links, so that they win.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char CompileHelp[] =
    "Usage: ntbox cc --driver|--client [--c++] [--print] [COMPILER ARGS]\n"
    "\n"
    "Compiles and links Windows sources for ntbox; COMPILER ARGS are gcc's or clang's.\n"
    "\n"
    "  --driver    WDM sources; links NAME.so for 'ntbox run'\n"
    "  --client    Win32 console sources; links a program\n"
    "  --c++       C++ ($CXX or g++ instead of $CC or gcc)\n"
    "  --print     show the command instead of running it\n"
    "  --help\n"
    "\n"
    "  ntbox cc --driver -g -o echo.so echo.c\n"
    "  ntbox cc --client -g -o client client.c\n"
    "\n"
    "Sources with __try are compiled with -O0 unless an -O is given. In #include lines "
    "backslashes\n"
    "and letters of any case are understood, as on Windows.\n"
    "Exit status: the compiler's; 2 wrong usage, 126 and 127 it cannot be run or found.\n";

typedef struct CLI_COMPILE {
    const char *Side; /* "driver" or "client"; NULL: not said */
    int IsCxx;
    int PrintOnly;
    int Links;            /* no -c, -S, -E, -M, -fsyntax-only */
    int HasLevel;         /* an -O */
    int HasTry;           /* a source has __try */
    int HasSanitizer;     /* -fsanitize= */
    int HasUndefined;     /* ...undefined... in it */
    const char *Language; /* of -x: it counts more than how the sources end */
    CLI_LIST User;        /* arguments for the compiler */
    CLI_LIST Sources;     /* those of User that are source files */
    CLI_LIST Copies;      /* a file, its copy, a file, ... */
    CLI_LIST Command;
} CLI_COMPILE;

/* ---- reading the arguments ---- */

static int
HasEnding(const char *Text, const char *Ending)
{
    size_t length = strlen(Text);
    size_t wanted = strlen(Ending);

    return length > wanted && strcmp(Text + length - wanted, Ending) == 0;
}

static int
IsSource(const char *Argument)
{
    return Argument[0] != '-' && (HasEnding(Argument, ".c") || HasEnding(Argument, ".cc") ||
                                  HasEnding(Argument, ".cpp") || HasEnding(Argument, ".cxx"));
}

/* Options whose value is the next argument and may look like a source. */
static int
TakesValue(const char *Argument)
{
    static const char *const names[] = {"-o",       "-I",       "-D",  "-U",       "-include",
                                        "-isystem", "-imacros", "-MF", "-MT",      "-MQ",
                                        "-x",       "-L",       "-l",  "-Xlinker", "-iquote"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(Argument, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The file has the word, outside of what a compiler would have to decide. */
int
CliMentionsTry(const char *Path)
{
    FILE *file = fopen(Path, "r");
    char line[4096];
    int found = 0;

    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = strstr(line, "__try") != NULL || strstr(line, "__except") != NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

static void
ReadUserArgument(CLI_COMPILE *Compile, char ***Argument)
{
    char *text = **Argument;

    CliAppend(&Compile->User, text);
    if (strcmp(text, "-x") == 0 && (*Argument)[1] != NULL) {
        Compile->Language = (*Argument)[1];
    }
    if (TakesValue(text) && (*Argument)[1] != NULL) {
        CliAppend(&Compile->User, *++*Argument);
    } else if (strcmp(text, "-c") == 0 || strcmp(text, "-S") == 0 || strcmp(text, "-E") == 0 ||
               strcmp(text, "-M") == 0 || strcmp(text, "-MM") == 0 ||
               strcmp(text, "-fsyntax-only") == 0) {
        Compile->Links = 0;
    } else if (strncmp(text, "-fsanitize=", 11) == 0) {
        Compile->HasSanitizer = 1;
        Compile->HasUndefined |= strstr(text, "undefined") != NULL;
    } else if (strncmp(text, "-O", 2) == 0) {
        Compile->HasLevel = 1;
    } else if (IsSource(text)) {
        CliAppend(&Compile->Sources, text);
        Compile->HasTry |= CliMentionsTry(text);
        Compile->IsCxx |= !HasEnding(text, ".c");
    }
}

/* 0, or the exit code after a message; -1 after --help. */
static int
ReadArguments(CLI_COMPILE *Compile, char **Argument)
{
    Compile->Links = 1;
    for (; *Argument != NULL; Argument++) {
        if (strcmp(*Argument, "--help") == 0) {
            fputs(CompileHelp, stdout);
            return -1;
        }
        if (strcmp(*Argument, "--driver") == 0 || strcmp(*Argument, "--client") == 0) {
            Compile->Side = *Argument + 2;
        } else if (strcmp(*Argument, "--c++") == 0) {
            Compile->IsCxx = 1;
        } else if (strcmp(*Argument, "--print") == 0) {
            Compile->PrintOnly = 1;
        } else {
            ReadUserArgument(Compile, &Argument);
        }
    }
    if (Compile->Language != NULL) {
        Compile->IsCxx = strcmp(Compile->Language, "c++") == 0;
    }
    if (Compile->Side == NULL) {
        return CliUsageError("cc", "say --driver or --client");
    }
    if (Compile->User.Count == 0) {
        return CliUsageError("cc", "nothing to compile");
    }
    return 0;
}

/* ---- putting the command together ---- */

/* Text with every Word replaced. */
static char *
Replace(const char *Text, const char *Word, const char *With)
{
    const char *at = strstr(Text, Word);

    if (at == NULL) {
        return CliFormat("%s", Text);
    }
    return Replace(CliFormat("%.*s%s%s", (int)(at - Text), Text, With, at + strlen(Word)), Word,
                   With);
}

static int
WantsSection(const CLI_COMPILE *Compile, const char *Section)
{
    if (strcmp(Section, "all") == 0 || strcmp(Section, Compile->IsCxx ? "c++" : "c") == 0 ||
        strcmp(Section, Compile->Side) == 0) {
        return 1;
    }
    return Compile->Links && strcmp(Section, "link") == 0;
}

/*
 * Appends the flags of the section Only, or with NULL those of every section that is wanted before
 * the user's arguments. 0 when the file cannot be read.
 */
static int
AppendFlags(CLI_COMPILE *Compile, const char *Path, const char *Only)
{
    char *sdk = CliFormat("%s", Path);
    char line[CLI_PATH_SIZE];
    FILE *file = fopen(Path, "r");
    int wanted = 0;

    if (file == NULL) {
        return 0;
    }
    *strrchr(sdk, '/') = '\0';
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '[') {
            char *section = line + 1;

            section[strcspn(section, "]")] = '\0';
            wanted = Only != NULL ? strcmp(section, Only) == 0 : WantsSection(Compile, section);
        } else if (wanted && line[0] != '\0' && line[0] != '#') {
            CliAppend(&Compile->Command, Replace(line, "@SDK@", sdk));
        }
    }
    fclose(file);
    return 1;
}

/* A library of ours: its path, and its folder for the loader. */
static int
AppendLibrary(CLI_COMPILE *Compile, CLI_PLACE Place, const char *Name)
{
    char path[CLI_PATH_SIZE];
    char *folder;

    if (!CliLocate(Place, path)) {
        CliError("%s is not next to this program; build or install all of ntbox", Name);
        return 0;
    }
    CliAppend(&Compile->Command, CliFormat("%s", path));
    if (HasEnding(path, ".so")) {
        folder = CliFormat("%s", path);
        *strrchr(folder, '/') = '\0';
        CliAppend(&Compile->Command, CliFormat("-Wl,-rpath,%s", folder));
    }
    return 1;
}

/* What links: after the objects, as linkers want it. */
static int
AppendLinking(CLI_COMPILE *Compile, const char *Flags)
{
    int isDriver = strcmp(Compile->Side, "driver") == 0;

    if (isDriver) {
        CliAppend(&Compile->Command, "-shared");
        /* Clang leaves the sanitizer's functions to the program; what else is missing is told when
         * the driver is loaded. */
        CliAppend(&Compile->Command, Compile->HasSanitizer ? "-Wl,-z,now" : "-Wl,-z,defs,-z,now");
    }
    AppendFlags(Compile, Flags, isDriver ? "link-driver" : "link-client");
    /* A program that calls nothing of Windows has a kernel and drivers, too. */
    CliAppend(&Compile->Command, "-Wl,--no-as-needed");
    if (isDriver ? !AppendLibrary(Compile, CliDriverLibrary, "libntbox_klib.a") ||
                       !AppendLibrary(Compile, CliKernel, "libntoskrnl.so")
                 : !AppendLibrary(Compile, CliMainLibrary, "libntbox_main.a") ||
                       !AppendLibrary(Compile, CliUserLibrary, "libntbox.so")) {
        return 0;
    }
    if (!AppendLibrary(Compile, CliRuntime, "libntcrt.so")) {
        return 0;
    }
    CliAppend(&Compile->Command, "-pthread");
    return 1;
}

/* What is made for the sources, so that they are read as on Windows. */
static void
PrepareSources(CLI_COMPILE *Compile)
{
    CLI_LIST files = {0};
    CLI_LIST traces = {0};
    char *folders[2] = {NULL, NULL};

    folders[0] = CliResolveIncludes(&Compile->Sources, &Compile->Command, &files, &traces);
    if (traces.Count != 0) {
        folders[1] = CliMakeTraceFolder(&Compile->Sources, &files, &traces);
    }
    for (size_t i = 0; i < 2; i++) {
        if (folders[i] != NULL) {
            CliAppend(&Compile->Command, "-idirafter");
            CliAppend(&Compile->Command, folders[i]);
        }
    }
    CliAdaptSources(&Compile->Sources, &Compile->Command, &Compile->Copies);
}

static int
BuildCommand(CLI_COMPILE *Compile)
{
    const char *variable = Compile->IsCxx ? "CXX" : "CC";
    const char *compiler = getenv(variable);
    char flags[CLI_PATH_SIZE];

    if (compiler == NULL || compiler[0] == '\0') {
        compiler = Compile->IsCxx ? "g++" : "gcc";
    }
    if (!CliSplit(compiler, &Compile->Command)) {
        return CliUsageError("cc", "%s has a quote that is not closed", variable);
    }
    if (!CliLocate(CliFlags, flags) || !AppendFlags(Compile, flags, NULL)) {
        CliError("the sdk's flags file is not next to this program; build or install all of "
                 "ntbox");
        return CLI_NOT_FOUND;
    }
    if (strcmp(Compile->Side, "driver") == 0) {
        CliAppend(&Compile->Command, "-fPIC");
    }
    if (Compile->HasTry && !Compile->HasLevel) {
        CliAppend(&Compile->Command, "-O0");
    }
    for (size_t i = 0; i < Compile->User.Count; i++) {
        CliAppend(&Compile->Command, Compile->User.Items[i]);
    }
    if (Compile->HasUndefined) {
        AppendFlags(Compile, flags, "undefined");
    }
    PrepareSources(Compile);
    if (Compile->Links && !AppendLinking(Compile, flags)) {
        return CLI_NOT_FOUND;
    }
    return 0;
}

/* ---- running it ---- */

static void
PrintQuoted(const char *Word)
{
    if (strpbrk(Word, " \t\"'\\$`&|;<>()*?[]#~") == NULL && Word[0] != '\0') {
        fputs(Word, stdout);
        return;
    }
    putchar('\'');
    for (; *Word != '\0'; Word++) {
        if (*Word == '\'') {
            fputs("'\\''", stdout);
        } else {
            putchar(*Word);
        }
    }
    putchar('\'');
}

/* Runs the check for __try blocks that the macros cannot express; 0, or its exit code. */
static int
CheckTry(const CLI_COMPILE *Compile)
{
    char script[CLI_PATH_SIZE];
    CLI_LIST command = {0};
    int status;
    pid_t child;

    if (!Compile->HasTry || !CliLocate(CliTryCheck, script)) {
        return 0;
    }
    CliAppend(&command, "python3");
    CliAppend(&command, script);
    CliAppend(&command, "--adapted");
    for (size_t i = 0; i < Compile->Sources.Count; i++) {
        CliAppend(&command, Compile->Sources.Items[i]);
    }
    fflush(NULL);
    child = fork();
    if (child == 0) {
        execvp(command.Items[0], command.Items);
        _exit(0); /* no python: the compiler finds what it can */
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return 0;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int
CliCompile(int ArgumentCount, char **Arguments)
{
    CLI_COMPILE compile = {0};
    int code = ReadArguments(&compile, Arguments + 1);
    char **items;

    (void)ArgumentCount;
    if (code != 0) {
        return code < 0 ? 0 : code;
    }
    code = BuildCommand(&compile);
    if (code != 0) {
        return code;
    }
    items = compile.Command.Items;
    if (compile.PrintOnly) {
        for (size_t i = 0; items[i] != NULL; i++) {
            fputs(i != 0 ? " " : "", stdout);
            PrintQuoted(items[i]);
        }
        putchar('\n');
        return 0;
    }
    code = CheckTry(&compile);
    if (code != 0) {
        return code;
    }
    if (compile.Copies.Count != 0 && CliWritesDependencies(&compile.Command)) {
        code = CliCompileCopies(&compile.Command, &compile.Sources, &compile.Copies);
        if (code >= 0) {
            return code;
        }
    } else {
        execvp(items[0], items);
    }
    code = errno;
    CliError("%s: %s; set %s to a compiler", items[0], strerror(code),
             compile.IsCxx ? "CXX" : "CC");
    return code == ENOENT ? CLI_NOT_FOUND : CLI_CANNOT_EXECUTE;
}
