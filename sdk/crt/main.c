/* SPDX-License-Identifier: MIT
 *
 * crt/main.c - main for a client that has wmain, wWinMain or WinMain instead
 *
 * An archive member: linked only where the program has no main of its own. Arguments become UTF-16;
 * a byte that is not UTF-8 becomes U+FFFD.
 */
#include "ntcrt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int wmain(int Count, uint16_t **Arguments, uint16_t **Environment) __attribute__((weak));

/* The names of wmain in C++, where only Microsoft's compiler gives it C's. */
typedef int WMAIN(int Count, uint16_t **Arguments, uint16_t **Environment);
WMAIN WideMainWithoutArguments __asm__("_Z5wmainv") __attribute__((weak));
WMAIN WideMain __asm__("_Z5wmainiPPw") __attribute__((weak));
WMAIN WideMainOfConst __asm__("_Z5wmainiPPKw") __attribute__((weak));
WMAIN WideMainOfAllConst __asm__("_Z5wmainiPKPKw") __attribute__((weak));
WMAIN WideMainWithEnvironment __asm__("_Z5wmainiPPwS0_") __attribute__((weak));

int wWinMain(void *Instance, void *Previous, uint16_t *CommandLine, int Show) __attribute__((weak));
int WinMain(void *Instance, void *Previous, char *CommandLine, int Show) __attribute__((weak));

static void *
Allocate(size_t Size)
{
    void *memory = malloc(Size);

    if (memory == NULL) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static uint16_t *
Widen(const char *Text)
{
    size_t length = strlen(Text);
    uint16_t *wide = Allocate((length + 1) * sizeof(*wide));

    wide[NtcrtUtf8ToUtf16(wide, length, Text, length)] = 0;
    return wide;
}

static uint16_t **
WidenAll(char **Texts)
{
    size_t count = 0;
    uint16_t **wide;

    while (Texts[count] != NULL) {
        count++;
    }
    wide = Allocate((count + 1) * sizeof(*wide));
    wide[count] = NULL;
    while (count != 0) {
        count--;
        wide[count] = Widen(Texts[count]);
    }
    return wide;
}

/* The arguments after the program's name; those with a space are quoted. */
static char *
JoinArguments(char **Arguments)
{
    size_t size = 1;
    char *line;
    char *end;
    char **argument;

    for (argument = Arguments; *argument != NULL; argument++) {
        size += strlen(*argument) + 3;
    }
    line = Allocate(size);
    end = line;
    for (argument = Arguments; *argument != NULL; argument++) {
        const char *quote = strpbrk(*argument, " \t") != NULL ? "\"" : "";

        end += sprintf(end, "%s%s%s%s", argument == Arguments ? "" : " ", quote, *argument, quote);
    }
    *end = 0;
    return line;
}

/*
 * Memory that lives as long as the process: what the program was given. `used` keeps the compiler
 * from dropping variables that are only written: a leak checker finds the memory through them.
 */
static uint16_t **WideArguments __attribute__((used));
static uint16_t **WideEnvironment __attribute__((used));
static char *CommandLine __attribute__((used));
static uint16_t *WideCommandLine __attribute__((used));

#define SHOW_DEFAULT 10 /* winuser.h SW_SHOWDEFAULT */

/* The program's wmain, or NULL. */
static WMAIN *
FindWideMain(void)
{
    WMAIN *const names[] = {wmain,
                            WideMain,
                            WideMainOfConst,
                            WideMainOfAllConst,
                            WideMainWithEnvironment,
                            WideMainWithoutArguments};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i] != NULL) {
            return names[i];
        }
    }
    return NULL;
}

int
main(int Count, char **Arguments, char **Environment)
{
    WMAIN *wideMain = FindWideMain();

    if (wideMain != NULL) {
        WideArguments = WidenAll(Arguments);
        WideEnvironment = WidenAll(Environment);
        return wideMain(Count, WideArguments, WideEnvironment);
    }
    CommandLine = JoinArguments(Arguments + 1);
    if (wWinMain != NULL) {
        WideCommandLine = Widen(CommandLine);
        return wWinMain(NULL, NULL, WideCommandLine, SHOW_DEFAULT);
    }
    if (WinMain != NULL) {
        return WinMain(NULL, NULL, CommandLine, SHOW_DEFAULT);
    }
    fputs("the program has no main, wmain, wWinMain or WinMain\n", stderr);
    return 1;
}
