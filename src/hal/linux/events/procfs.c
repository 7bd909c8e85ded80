/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/procfs.c - what /proc says of processes, and how a command line is written
 *
 * A process may end between any two reads: every answer may be "gone".
 *
 * Source  proc(5): /proc/PID/stat (state is field 3, ppid 4, num_threads 20), cmdline.
 */
#include "eventsp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- command lines ---- */

static int
HalpNeedsQuotes(const char *Argument, size_t Length)
{
    size_t i;

    for (i = 0; i < Length; i++) {
        if (Argument[i] == ' ' || Argument[i] == '\t' || Argument[i] == '\n' ||
            Argument[i] == '"') {
            return 1;
        }
    }
    return Length == 0;
}

/* Backslashes are doubled only in front of a quote, as CommandLineToArgvW undoes it. */
static char *
HalpAppendQuoted(char *Out, const char *Argument, size_t Length)
{
    size_t backslashes = 0;
    size_t i;

    *Out++ = '"';
    for (i = 0; i < Length; i++) {
        if (Argument[i] == '"') {
            memset(Out, '\\', backslashes + 1);
            Out += backslashes + 1;
        }
        backslashes = Argument[i] == '\\' ? backslashes + 1 : 0;
        *Out++ = Argument[i];
    }
    memset(Out, '\\', backslashes);
    Out += backslashes;
    *Out++ = '"';
    return Out;
}

size_t
HalpFormatCommandLine(const char *Arguments, size_t Length, int IsCut, char *Line)
{
    const char *end = Arguments + Length;
    const char *argument = Arguments;
    char *out = Line;
    size_t length;

    while (argument < end) {
        length = strnlen(argument, (size_t)(end - argument));
        if (out != Line) {
            *out++ = ' ';
        }
        if (HalpNeedsQuotes(argument, length)) {
            out = HalpAppendQuoted(out, argument, length);
        } else {
            memcpy(out, argument, length);
            out += length;
        }
        argument += length + 1;
    }
    if (IsCut) {
        memcpy(out, "...", 3);
        out += 3;
    }
    return (size_t)(out - Line);
}

/* ---- files of a process ---- */

/* Up to Size bytes of /proc/PID/NAME. Returns the length, -1 if it is gone. */
static ssize_t
HalpReadProcessFile(uint32_t Pid, const char *Name, char *Buffer, size_t Size)
{
    char path[64];
    ssize_t length;
    int fd;

    snprintf(path, sizeof(path), "/proc/%u/%s", Pid, Name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    length = read(fd, Buffer, Size);
    close(fd);
    return length;
}

size_t
HalpReadCommandLine(uint32_t Pid, char *Line)
{
    char arguments[HALP_LINE_BYTES + 1];
    ssize_t length = HalpReadProcessFile(Pid, "cmdline", arguments, sizeof(arguments));

    if (length <= 0) {
        return 0;
    }
    if ((size_t)length > HALP_LINE_BYTES) {
        return HalpFormatCommandLine(arguments, HALP_LINE_BYTES, 1, Line);
    }
    return HalpFormatCommandLine(arguments, (size_t)length, 0, Line);
}

typedef struct HALP_STAT {
    char State;
    uint32_t ParentPid;
    uint32_t ThreadCount;
} HALP_STAT;

static int
HalpReadStat(uint32_t Pid, HALP_STAT *Stat)
{
    char text[512];
    ssize_t length = HalpReadProcessFile(Pid, "stat", text, sizeof(text) - 1);
    const char *fields;

    if (length <= 0) {
        return 0;
    }
    text[length] = '\0';
    /* The name in parentheses may hold anything: the last one ends it. */
    fields = strrchr(text, ')');
    return fields != NULL &&
           sscanf(fields + 1,
                  " %c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %u",
                  &Stat->State, &Stat->ParentPid, &Stat->ThreadCount) == 3;
}

uint32_t
HalpReadParent(uint32_t Pid)
{
    HALP_STAT stat;

    return HalpReadStat(Pid, &stat) ? stat.ParentPid : 0;
}

static int
HalpIsDead(const HALP_STAT *Stat)
{
    /* The first thread may be a zombie while others live. */
    return (Stat->State == 'Z' || Stat->State == 'X') && Stat->ThreadCount <= 1;
}

int
HalpIsProcessGone(uint32_t Pid)
{
    HALP_STAT stat;

    return !HalpReadStat(Pid, &stat) || HalpIsDead(&stat);
}

/* ---- all processes ---- */

typedef struct HALP_SCANNED {
    uint32_t Pid;
    uint32_t ParentPid;
    uint32_t ThreadCount;
    uint32_t Flags;
    uint64_t Time;
} HALP_SCANNED;

typedef struct HALP_SCAN {
    HALP_SCANNED *Processes;
    size_t Count;
    size_t Capacity;
} HALP_SCAN;

static int
HalpAddScanned(HALP_SCAN *Scan, uint32_t Pid, const HALP_STAT *Stat)
{
    HALP_SCANNED *larger;

    if (Scan->Count == Scan->Capacity) {
        Scan->Capacity = Scan->Capacity == 0 ? 256 : Scan->Capacity * 2;
        larger = realloc(Scan->Processes, Scan->Capacity * sizeof(*larger));
        if (larger == NULL) {
            return 0;
        }
        Scan->Processes = larger;
    }
    Scan->Processes[Scan->Count++] = (HALP_SCANNED){.Pid = Pid,
                                                    .ParentPid = Stat->ParentPid,
                                                    .ThreadCount = Stat->ThreadCount,
                                                    .Time = HalpRecordClock()};
    return 1;
}

static HALP_STATUS
HalpListProcesses(HALP_SCAN *Scan)
{
    DIR *directory = opendir("/proc");
    HALP_STATUS status = HALP_OK;
    struct dirent *entry;
    HALP_STAT stat;
    uint32_t pid;

    if (directory == NULL) {
        return HalpEventsError("/proc", errno);
    }
    while (status == HALP_OK && (entry = readdir(directory)) != NULL) {
        pid = (uint32_t)strtoul(entry->d_name, NULL, 10);
        if (pid == 0 || !HalpReadStat(pid, &stat) || HalpIsDead(&stat)) {
            continue;
        }
        if (!HalpAddScanned(Scan, pid, &stat)) {
            status = HALP_NO_MEMORY;
        }
    }
    closedir(directory);
    return status;
}

/* Flags RootPid's descendants: passes over the list until nothing changes. 0: no such root. */
static int
HalpFlagDescendants(HALP_SCAN *Scan, uint32_t RootPid)
{
    int found = 0;
    int changed = 1;
    size_t i;
    size_t k;

    for (i = 0; i < Scan->Count; i++) {
        if (Scan->Processes[i].Pid == RootPid) {
            Scan->Processes[i].Flags = HALP_ORDER_FOLLOWED;
            found = 1;
        }
    }
    while (changed) {
        changed = 0;
        for (i = 0; i < Scan->Count; i++) {
            for (k = 0; k < Scan->Count && Scan->Processes[i].Flags == 0; k++) {
                if (Scan->Processes[k].Pid == Scan->Processes[i].ParentPid &&
                    Scan->Processes[k].Flags != 0) {
                    Scan->Processes[i].Flags = HALP_ORDER_FOLLOWED | HALP_ORDER_REPORT;
                    changed = 1;
                }
            }
        }
    }
    return found;
}

HALP_STATUS
HalpScanProcesses(HALP_ORDER *Order, uint32_t RootPid)
{
    HALP_SCAN scan = {0};
    HALP_STATUS status = HalpListProcesses(&scan);
    size_t i;

    if (status == HALP_OK && RootPid != 0 && !HalpFlagDescendants(&scan, RootPid)) {
        HalpSetErrorText("process %u: not there", RootPid);
        status = HALP_NOT_FOUND;
    }
    for (i = 0; i < scan.Count && status == HALP_OK; i++) {
        if (!HalpOrderAddProcess(Order, scan.Processes[i].Pid, scan.Processes[i].ThreadCount,
                                 scan.Processes[i].Time, scan.Processes[i].Flags)) {
            status = HALP_NO_MEMORY;
        }
    }
    HalpOrderSetComplete(Order, HalpRecordClock());
    free(scan.Processes);
    return status;
}
