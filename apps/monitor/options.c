/* SPDX-License-Identifier: MIT
 *
 * options.c - the monitor's command line
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"

#define MONITOR_VERSION "0.1.0"

static const char MonitorUsage[] =
    "Usage: monitor [OPTIONS]\n"
    "\n"
    "Shows process creates, process exits and image loads as the notify driver reports them.\n"
    "\n"
    "  --for SECONDS     stop after this time (fractions allowed)\n"
    "  --count N         stop after N events\n"
    "  --only LIST       only these, separated by commas: create, exit, image\n"
    "  --pid PID         only events of this process\n"
    "  --tree PID        only events of this process and its descendants\n"
    "  --json            one JSON object a line\n"
    "  --stats           a line of counts on standard error each second\n"
    "  --quiet           show only the summary\n"
    "  --batch N         records that make a read complete at once (default 256)\n"
    "  --flush MS        how long a record may wait for a full batch (default 20)\n"
    "  --color WHEN      auto (on a terminal), always or never\n"
    "  --help, --version\n"
    "\n"
    "Ctrl-C ends it with a summary. Exit status: 0, 1 if the device failed, 2 for a wrong option;\n"
    "when a followed command has ended, that command's.\n";

static MONITOR_PARSE
MonitorOptionError(const char *Option, const char *Problem)
{
    fprintf(stderr, "monitor: %s: %s\nTry 'monitor --help'.\n", Option, Problem);
    return MonitorParseError;
}

static BOOL
MonitorParseNumber(const char *Text, ULONGLONG Maximum, ULONGLONG *Value)
{
    ULONGLONG value = 0;

    if (*Text == '\0') {
        return FALSE;
    }
    for (; *Text != '\0'; Text++) {
        if (*Text < '0' || *Text > '9' || value > (Maximum - (ULONGLONG)(*Text - '0')) / 10) {
            return FALSE;
        }
        value = value * 10 + (ULONGLONG)(*Text - '0');
    }
    *Value = value;
    return TRUE;
}

/* Seconds with an optional fraction, in milliseconds, at least 1. */
static BOOL
MonitorParseSeconds(const char *Text, ULONGLONG *Milliseconds)
{
    char *end;
    double seconds = strtod(Text, &end);

    if (end == Text || *end != '\0' || !(seconds > 0 && seconds < 1e9)) {
        return FALSE;
    }
    *Milliseconds = (ULONGLONG)(seconds * 1000);
    if (*Milliseconds == 0) {
        *Milliseconds = 1;
    }
    return TRUE;
}

static BOOL
MonitorParseShow(const char *Text, ULONG *Show)
{
    static const struct {
        const char *Name;
        ULONG Bit;
    } rows[] = {{"create", MONITOR_SHOW_CREATE},
                {"exit", MONITOR_SHOW_EXIT},
                {"image", MONITOR_SHOW_IMAGE}};
    ULONG show = 0;

    for (;;) {
        size_t length = strcspn(Text, ",");
        size_t i;

        for (i = 0; i < ARRAYSIZE(rows); i++) {
            if (strlen(rows[i].Name) == length && strncmp(rows[i].Name, Text, length) == 0) {
                break;
            }
        }
        if (i == ARRAYSIZE(rows)) {
            return FALSE;
        }
        show |= rows[i].Bit;
        if (Text[length] == '\0') {
            break;
        }
        Text += length + 1;
    }
    *Show = show;
    return TRUE;
}

static BOOL
MonitorParseColor(const char *Text, MONITOR_COLOR *Color)
{
    static const char *const names[] = {"auto", "always", "never"};
    int i;

    for (i = 0; i < 3; i++) {
        if (strcmp(names[i], Text) == 0) {
            *Color = (MONITOR_COLOR)i;
            return TRUE;
        }
    }
    return FALSE;
}

static BOOL
MonitorParseUlong(const char *Text, ULONG Minimum, ULONG Maximum, ULONG *Value)
{
    ULONGLONG value;

    if (!MonitorParseNumber(Text, Maximum, &value) || value < Minimum) {
        return FALSE;
    }
    *Value = (ULONG)value;
    return TRUE;
}

static BOOL
MonitorIsFlag(const char *Option, MONITOR_OPTIONS *Options)
{
    if (strcmp(Option, "--json") == 0) {
        Options->Json = TRUE;
    } else if (strcmp(Option, "--stats") == 0) {
        Options->Stats = TRUE;
    } else if (strcmp(Option, "--quiet") == 0) {
        Options->Quiet = TRUE;
    } else {
        return FALSE;
    }
    return TRUE;
}

/* An option with a value. NULL: fine; else what is wrong. */
static const char *
MonitorParseValue(const char *Option, const char *Value, MONITOR_OPTIONS *Options)
{
    if (strcmp(Option, "--for") == 0) {
        return MonitorParseSeconds(Value, &Options->ForMilliseconds) ? NULL
                                                                     : "needs a number of seconds";
    }
    if (strcmp(Option, "--count") == 0) {
        return MonitorParseNumber(Value, 1ull << 62, &Options->Count) && Options->Count != 0
                   ? NULL
                   : "needs a number of events";
    }
    if (strcmp(Option, "--only") == 0) {
        return MonitorParseShow(Value, &Options->Show) ? NULL
                                                       : "needs a list of create, exit, image";
    }
    if (strcmp(Option, "--pid") == 0) {
        return MonitorParseUlong(Value, 1, MAXDWORD, (ULONG *)&Options->ProcessId)
                   ? NULL
                   : "needs a process ID";
    }
    if (strcmp(Option, "--tree") == 0) {
        return MonitorParseUlong(Value, 1, MAXDWORD, (ULONG *)&Options->Tree)
                   ? NULL
                   : "needs a process ID";
    }
    if (strcmp(Option, "--batch") == 0) {
        return MonitorParseUlong(Value, 1, 65536, &Options->BatchCount) ? NULL : "needs 1 to 65536";
    }
    if (strcmp(Option, "--flush") == 0) {
        return MonitorParseUlong(Value, 0, 60000, &Options->FlushMilliseconds)
                   ? NULL
                   : "needs 0 to 60000 milliseconds";
    }
    if (strcmp(Option, "--color") == 0) {
        return MonitorParseColor(Value, &Options->Color) ? NULL : "needs auto, always or never";
    }
    return "unknown option";
}

MONITOR_PARSE
MonitorParseOptions(int Count, char **Arguments, MONITOR_OPTIONS *Options)
{
    int i;

    memset(Options, 0, sizeof(*Options));
    Options->Show = MONITOR_SHOW_ALL;
    Options->BatchCount = 256;
    Options->FlushMilliseconds = 20;
    for (i = 1; i < Count; i++) {
        const char *argument = Arguments[i];
        const char *equals = strchr(argument, '=');
        const char *problem;
        char name[16];

        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            fputs(MonitorUsage, stdout);
            return MonitorParseDone;
        }
        if (strcmp(argument, "--version") == 0) {
            printf("monitor (ntbox) %s\n", MONITOR_VERSION);
            return MonitorParseDone;
        }
        if (MonitorIsFlag(argument, Options)) {
            continue;
        }
        if (equals != NULL && (size_t)(equals - argument) < sizeof(name)) {
            memcpy(name, argument, (size_t)(equals - argument));
            name[equals - argument] = '\0';
            problem = MonitorParseValue(name, equals + 1, Options);
        } else {
            i++;
            problem = MonitorParseValue(argument, i < Count ? Arguments[i] : "", Options);
        }
        if (problem != NULL) {
            return MonitorOptionError(argument, problem);
        }
    }
    return MonitorParseRun;
}
