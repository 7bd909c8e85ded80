/* SPDX-License-Identifier: MIT
 *
 * cli/project/build.c - ntbox build: a project as its author left it, by one command
 */
#include "cli/project/maker.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char BuildHelp[] =
    "Usage: ntbox build [OPTIONS] [PATH]\n"
    "\n"
    "Builds a driver project, its programs and its libraries as their author left them. PATH is a\n"
    ".vcxproj, .sln or .slnx, a sources or dirs file of the WDK 7, or a folder with one of these "
    "or\n"
    "with C and C++ sources alone; without it, this folder.\n"
    "\n"
    "  --configuration NAME    of the solution or project (Debug, or the first that begins so)\n"
    "  --platform NAME         whose settings are taken (x64, or what there is)\n"
    "  -p, --property N=VALUE  sets a property, as msbuild's -p\n"
    "  -o, --output FOLDER     instead of ntbox-build beside the project\n"
    "  -D NAME[=VALUE]         defines a macro in all sources\n"
    "  -I FOLDER               one more folder with headers\n"
    "  --cc COMPILER           gcc, clang, ...; for C++ the one that goes with it\n"
    "  --sanitize LIST         address,undefined\n"
    "  -j, --jobs N            how many compilers run at once\n"
    "  --check                 compile, and tell what is missing; link nothing\n"
    "  --strict                fail when a driver needs exports that are stubs\n"
    "  --json                  the summary as JSON on standard output\n"
    "  -v, --verbose           show each command\n"
    "  --help\n"
    "\n"
    "Exit status: 0 built; 1 failed; 2 wrong usage; 4 see --strict; 5 a project is not for WDM;\n"
    "126 and 127 the compiler cannot be run or found.\n";

enum {
    OptionConfiguration = 256,
    OptionPlatform,
    OptionCompiler,
    OptionSanitize,
    OptionCheck,
    OptionStrict,
    OptionJson,
    OptionHelp
};

static const struct option BuildOptions[] = {
    {"configuration", required_argument, NULL, OptionConfiguration},
    {"platform", required_argument, NULL, OptionPlatform},
    {"property", required_argument, NULL, 'p'},
    {"output", required_argument, NULL, 'o'},
    {"cc", required_argument, NULL, OptionCompiler},
    {"sanitize", required_argument, NULL, OptionSanitize},
    {"jobs", required_argument, NULL, 'j'},
    {"check", no_argument, NULL, OptionCheck},
    {"strict", no_argument, NULL, OptionStrict},
    {"json", no_argument, NULL, OptionJson},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, OptionHelp},
    {NULL, 0, NULL, 0},
};

/* "gcc-13" is "g++-13" for C++, "clang" is "clang++"; any other compiler is both. */
static char *
CxxOf(const char *Compiler)
{
    const char *base = CliBaseName(Compiler);
    int folder = (int)(base - Compiler);

    if (strncmp(base, "gcc", 3) == 0) {
        return CliFormat("%.*sg++%s", folder, Compiler, base + 3);
    }
    if (strncmp(base, "clang", 5) == 0 && strncmp(base, "clang++", 7) != 0) {
        return CliFormat("%.*sclang++%s", folder, Compiler, base + 5);
    }
    if (strncmp(base, "cc", 2) == 0) {
        return CliFormat("%.*sc++%s", folder, Compiler, base + 2);
    }
    return CliFormat("%s", Compiler);
}

static int
TakeProperty(CLI_CHOICE *Choice, const char *Text)
{
    const char *equals = strchr(Text, '=');
    char *name;

    if (equals == NULL || equals == Text) {
        return CliUsageError("build", "-p %s: write NAME=VALUE", Text);
    }
    name = CliFormat("%.*s", (int)(equals - Text), Text);
    if (strcasecmp(name, "Configuration") == 0) {
        Choice->Configuration = equals + 1;
    } else if (strcasecmp(name, "Platform") == 0) {
        Choice->Platform = equals + 1;
    } else {
        CliSetFixed(&Choice->Properties, name, equals + 1);
    }
    return 0;
}

/* Takes one option; 0, or the exit code after a message. */
static int
TakeOption(CLI_MAKE *Make, CLI_CHOICE *Choice, int Option, char *Value)
{
    switch (Option) {
    case OptionConfiguration:
        Choice->Configuration = Value;
        return 0;
    case OptionPlatform:
        Choice->Platform = Value;
        return 0;
    case 'p':
        return TakeProperty(Choice, Value);
    case 'o':
        Make->OutFolder = CliTidyPath(Value);
        return 0;
    case 'D':
        CliAppend(&Make->Defines, Value);
        return 0;
    case 'I':
        CliAppend(&Make->Includes, Value);
        return 0;
    case OptionCompiler:
        (void)setenv("CC", Value, 1);
        (void)setenv("CXX", CxxOf(Value), 1);
        return 0;
    case OptionSanitize:
        Make->Sanitizers = Value;
        return 0;
    case 'j':
        if (!CliIsCount(Value) || atoi(Value) > 1024) {
            return CliUsageError("build", "-j %s: say 1 to 1024", Value);
        }
        Make->Parallel = (unsigned)atoi(Value);
        return 0;
    case OptionCheck:
        Make->Check = 1;
        return 0;
    case OptionStrict:
        Make->Strict = 1;
        return 0;
    case OptionJson:
        Make->Json = 1;
        return 0;
    default:
        Make->Verbose = 1;
        return 0;
    }
}

static unsigned
CountProcessors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    return 1;
}

static int
MakeAndTell(CLI_MAKE *Make, const CLI_CHOICE *Choice, const char *Path)
{
    CLI_PROJECT *first;
    CLI_UNIT *units;
    size_t count;
    char *folder;
    int code = 0;

    first = CliReadProjects(Path, Choice, &folder, &code);
    if (first == NULL) {
        return code;
    }
    if (Make->OutFolder == NULL) {
        Make->OutFolder = CliJoinPath(folder, "ntbox-build");
    }
    if (Make->Parallel == 0) {
        Make->Parallel = CountProcessors();
    }
    code = CliMakeAll(Make, first, &units, &count);
    CliPrintSummary(Make, units, count, code);
    return code;
}

int
CliBuild(int ArgumentCount, char **Arguments)
{
    CLI_CHOICE choice = {0};
    CLI_MAKE make = {0};
    int option;

    opterr = 0;
    while ((option = getopt_long(ArgumentCount, Arguments, ":p:o:D:I:j:v", BuildOptions, NULL)) !=
           -1) {
        int code;

        if (option == OptionHelp) {
            fputs(BuildHelp, stdout);
            return 0;
        }
        if (option == ':') {
            return CliUsageError("build", "%s needs a value", Arguments[optind - 1]);
        }
        if (option == '?') {
            return CliUsageError("build", "no option '%s'", Arguments[optind - 1]);
        }
        code = TakeOption(&make, &choice, option, optarg);
        if (code != 0) {
            return code;
        }
    }
    if (optind + 1 < ArgumentCount) {
        return CliUsageError("build", "name one path, not also '%s'", Arguments[optind + 1]);
    }
    return MakeAndTell(&make, &choice, optind < ArgumentCount ? Arguments[optind] : ".");
}
