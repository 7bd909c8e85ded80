/* SPDX-License-Identifier: MIT
 *
 * monitor.c - shows what the notify driver reports, live
 *
 * One loop: take the next record, count it, show it if it is asked for; write out and sleep when
 * there is none. Ctrl-C, the time, the count and the end of a followed command leave the loop.
 */
#include <stdio.h>
#include "channel_client.h"
#include "notify.h"
#include "options.h"
#include "output.h"
#include "pidset.h"

#define MONITOR_EXIT_FAILED 1
#define MONITOR_EXIT_USAGE 2
#define MONITOR_STATS_PERIOD 1000u /* milliseconds */
#define MONITOR_LINGER 250u        /* milliseconds: longer than an event takes to arrive */
#define MONITOR_DRAIN_LIMIT 10000u /* milliseconds, however much there is */
#define MONITOR_BUSY_RECORDS 1024u

typedef struct MONITOR_COUNTS {
    ULONGLONG Creates;
    ULONGLONG Exits;
    ULONGLONG Images;
    ULONGLONG Lost;
    ULONGLONG Shown;
} MONITOR_COUNTS;

typedef struct MONITOR {
    MONITOR_OPTIONS Options;
    CHANNEL_CLIENT *Client;
    MONITOR_OUTPUT *Output;
    MONITOR_PID_SET Tree;
    MONITOR_COUNTS Counts;
    ULONGLONG Start;     /* GetTickCount64 */
    ULONGLONG NextStats; /* GetTickCount64 */
    ULONGLONG StatsEvents;
    ULONG SinceIdle; /* records since the clock was looked at */
    BOOL Finished;   /* nothing more is to be shown */
    int ExitCode;
} MONITOR;

/* For the console's handler, which runs on a thread of its own. */
static CHANNEL_CLIENT *MonitorInterrupted;

static BOOL WINAPI
MonitorOnControl(DWORD Type)
{
    if (Type != CTRL_C_EVENT && Type != CTRL_BREAK_EVENT && Type != CTRL_CLOSE_EVENT) {
        return FALSE;
    }
    ChannelClientCancel(MonitorInterrupted);
    return TRUE;
}

/* ---- what is shown ---- */

static DWORD
MonitorRecordProcess(const CHANNEL_RECORD *Record)
{
    /* Each payload begins with the process's ID; MonitorWriteRecord checks the rest. */
    return Record->Size >= sizeof(*Record) + sizeof(UINT32) ? *(const UINT32 *)(Record + 1) : 0;
}

/* Keeps the set of the tree's processes up to date; whether this record belongs to it. */
static BOOL
MonitorIsInTree(MONITOR *Monitor, const CHANNEL_RECORD *Record)
{
    DWORD process = MonitorRecordProcess(Record);
    const NOTIFY_CREATE *create = (const NOTIFY_CREATE *)(Record + 1);

    if (Record->Type == NotifyProcessCreate &&
        Record->Size >= sizeof(*Record) + sizeof(NOTIFY_CREATE) &&
        (MonitorPidSetContains(&Monitor->Tree, create->ParentProcessId) ||
         MonitorPidSetContains(&Monitor->Tree, create->CreatorProcessId))) {
        MonitorPidSetAdd(&Monitor->Tree, process);
    }
    if (!MonitorPidSetContains(&Monitor->Tree, process)) {
        return FALSE;
    }
    if (Record->Type == NotifyProcessExit) {
        MonitorPidSetRemove(&Monitor->Tree, process);
    }
    return TRUE;
}

static BOOL
MonitorIsWanted(MONITOR *Monitor, const CHANNEL_RECORD *Record)
{
    const MONITOR_OPTIONS *options = &Monitor->Options;
    ULONG bit;

    switch (Record->Type) {
    case NotifyProcessCreate:
        bit = MONITOR_SHOW_CREATE;
        break;
    case NotifyProcessExit:
        bit = MONITOR_SHOW_EXIT;
        break;
    case NotifyImageLoad:
        bit = MONITOR_SHOW_IMAGE;
        break;
    default:
        return Record->Type == CHANNEL_TYPE_GAP;
    }
    if (options->Tree != 0 && !MonitorIsInTree(Monitor, Record)) {
        return FALSE;
    }
    if (options->ProcessId != 0 && MonitorRecordProcess(Record) != options->ProcessId) {
        return FALSE;
    }
    return (options->Show & bit) != 0;
}

static VOID
MonitorCount(MONITOR_COUNTS *Counts, const CHANNEL_RECORD *Record)
{
    switch (Record->Type) {
    case NotifyProcessCreate:
        Counts->Creates++;
        break;
    case NotifyProcessExit:
        Counts->Exits++;
        break;
    case NotifyImageLoad:
        Counts->Images++;
        break;
    case CHANNEL_TYPE_GAP:
        Counts->Lost += ((const CHANNEL_GAP *)(Record + 1))->Count;
        break;
    default:
        break;
    }
}

/* ---- reports ---- */

static ULONGLONG
MonitorEvents(const MONITOR_COUNTS *Counts)
{
    return Counts->Creates + Counts->Exits + Counts->Images;
}

static VOID
MonitorPrintSummary(const MONITOR *Monitor)
{
    const MONITOR_COUNTS *counts = &Monitor->Counts;
    double seconds = (double)(GetTickCount64() - Monitor->Start) / 1000;
    CHANNEL_STATISTICS statistics;

    fflush(stdout);
    fprintf(stderr,
            "%llu events in %.1f s (%.0f/s): %llu creates, %llu exits, %llu images; "
            "lost %llu\n",
            MonitorEvents(counts), seconds,
            seconds > 0 ? (double)MonitorEvents(counts) / seconds : 0.0, counts->Creates,
            counts->Exits, counts->Images, counts->Lost);
    if (Monitor->Options.Stats && ChannelClientStatistics(Monitor->Client, &statistics)) {
        fprintf(stderr, "channel: %llu records in %llu reads (%.1f a read), ring %llu KiB\n",
                statistics.Delivered, statistics.Reads,
                statistics.Reads != 0 ? (double)statistics.Delivered / (double)statistics.Reads
                                      : 0.0,
                statistics.Capacity / 1024);
    }
}

static VOID
MonitorPrintStats(MONITOR *Monitor, ULONGLONG Now)
{
    ULONGLONG events = MonitorEvents(&Monitor->Counts);
    CHANNEL_STATISTICS statistics = {0};

    ChannelClientStatistics(Monitor->Client, &statistics);
    fprintf(stderr, "stats: %llu events/s, %llu in all, %llu reads, lost %llu\n",
            events - Monitor->StatsEvents, events, statistics.Reads, Monitor->Counts.Lost);
    Monitor->StatsEvents = events;
    Monitor->NextStats = Now + MONITOR_STATS_PERIOD;
}

static VOID
MonitorPrintError(const char *What, DWORD Error)
{
    char text[256];

    if (FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, Error, 0,
                       text, sizeof(text), NULL) == 0) {
        snprintf(text, sizeof(text), "no text\n");
    }
    text[strcspn(text, "\r\n")] = '\0';
    fprintf(stderr, "monitor: %s: error %u: %s\n", What, (unsigned)Error, text);
}

/* ---- the loop ---- */

/* The followed command's wait(2) status as an exit code, as a shell gives it. */
static int
MonitorCommandCode(UINT32 Status)
{
    return (Status & 0x7F) != 0 ? 128 + (int)(Status & 0x7F) : (int)(Status >> 8 & 0xFF);
}

/* How long the next wait may take; 0 when the time is over. */
static DWORD
MonitorWaitTime(const MONITOR *Monitor, ULONGLONG Now)
{
    ULONGLONG wait = INFINITE;

    if (Monitor->Options.ForMilliseconds != 0) {
        ULONGLONG end = Monitor->Start + Monitor->Options.ForMilliseconds;

        wait = end > Now ? end - Now : 0;
    }
    if (Monitor->Options.Stats) {
        ULONGLONG untilStats = Monitor->NextStats > Now ? Monitor->NextStats - Now : 0;

        wait = min(wait, untilStats);
    }
    return (DWORD)min(wait, (ULONGLONG)INFINITE);
}

/* TRUE: go on. */
static BOOL
MonitorTakeRecord(MONITOR *Monitor, const CHANNEL_RECORD *Record)
{
    if (Record->Type == NotifyEnd) {
        if (Record->Size >= sizeof(*Record) + sizeof(NOTIFY_END)) {
            const NOTIFY_END *end = (const NOTIFY_END *)(Record + 1);

            Monitor->ExitCode =
                end->Unavailable ? MONITOR_EXIT_FAILED : MonitorCommandCode(end->Status);
        }
        return FALSE;
    }
    if (!MonitorIsWanted(Monitor, Record)) {
        return TRUE;
    }
    MonitorCount(&Monitor->Counts, Record);
    if (!Monitor->Options.Quiet && !MonitorWriteRecord(Monitor->Output, Record)) {
        Monitor->ExitCode = MONITOR_EXIT_FAILED;
        return FALSE;
    }
    return Record->Type == CHANNEL_TYPE_GAP || ++Monitor->Counts.Shown != Monitor->Options.Count;
}

/* Without a record: FALSE when it is time to leave. */
static BOOL
MonitorIdle(MONITOR *Monitor, DWORD *Wait)
{
    ULONGLONG now = GetTickCount64();

    if (!MonitorFlushOutput(Monitor->Output)) {
        return FALSE; /* the reader of our output has gone, as with "| head" */
    }
    if (Monitor->Options.Stats && now >= Monitor->NextStats) {
        MonitorPrintStats(Monitor, now);
    }
    *Wait = MonitorWaitTime(Monitor, now);
    return Monitor->Options.ForMilliseconds == 0 ||
           now < Monitor->Start + Monitor->Options.ForMilliseconds;
}

/* One pass of the loop; FALSE when it is time to leave. */
static BOOL
MonitorStep(MONITOR *Monitor, DWORD *Wait)
{
    const CHANNEL_RECORD *record;

    switch (ChannelClientNext(Monitor->Client, *Wait, &record)) {
    case ChannelClientRecord:
        *Wait = 0; /* look for more before writing out */
        if (!MonitorTakeRecord(Monitor, record)) {
            Monitor->Finished = TRUE;
            return FALSE;
        }
        if (++Monitor->SinceIdle < MONITOR_BUSY_RECORDS) {
            return TRUE;
        }
        break; /* never idle under load: the clock is looked at now and then all the same */
    case ChannelClientTimeout:
        break;
    case ChannelClientCancelled:
        return FALSE;
    case ChannelClientFailed:
        MonitorPrintError("reading \\\\.\\NtboxNotify", GetLastError());
        Monitor->ExitCode = MONITOR_EXIT_FAILED;
        Monitor->Finished = TRUE;
        return FALSE;
    }
    Monitor->SinceIdle = 0;
    return MonitorIdle(Monitor, Wait);
}

static UINT64
MonitorSystemTime(VOID)
{
    FILETIME now;

    GetSystemTimeAsFileTime(&now);
    return (UINT64)now.dwHighDateTime << 32 | now.dwLowDateTime;
}

/*
 * Shows what had happened when it was told to stop: that is still on its way for a moment. Ends
 * when nothing so old has come for MONITOR_LINGER; what is younger is shown as well until then,
 * because what a source has lost becomes certain only after records that followed it.
 */
static VOID
MonitorDrain(MONITOR *Monitor)
{
    UINT64 stop = MonitorSystemTime();
    ULONGLONG now = GetTickCount64();
    ULONGLONG limit = now + MONITOR_DRAIN_LIMIT;
    ULONGLONG end = now + MONITOR_LINGER;
    const CHANNEL_RECORD *record;

    while (now < end &&
           ChannelClientNext(Monitor->Client, (DWORD)(end - now), &record) == ChannelClientRecord) {
        BOOL old = record->Time <= stop;

        if (!MonitorTakeRecord(Monitor, record)) {
            return;
        }
        now = GetTickCount64();
        end = old ? min(now + MONITOR_LINGER, limit) : end;
    }
}

static VOID
MonitorRun(MONITOR *Monitor)
{
    DWORD wait = 0;

    while (MonitorStep(Monitor, &wait)) {
    }
    if (!Monitor->Finished) {
        MonitorDrain(Monitor);
    }
}

/* ---- start ---- */

static MONITOR_OUTPUT *
MonitorOpenConsole(const MONITOR_OPTIONS *Options)
{
    HANDLE file = GetStdHandle(STD_OUTPUT_HANDLE);
    CONSOLE_SCREEN_BUFFER_INFO info;
    MONITOR_FORM form = MonitorFormTabs;
    ULONG width = 0;
    DWORD mode;
    BOOL terminal = GetConsoleMode(file, &mode);

    if (terminal) {
        SetConsoleMode(file, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
        SetConsoleOutputCP(CP_UTF8);
        if (GetConsoleScreenBufferInfo(file, &info)) {
            width = (ULONG)info.dwSize.X;
        }
    }
    if (Options->Json) {
        form = MonitorFormJson;
    } else if (terminal || Options->Color == MonitorColorAlways) {
        form = MonitorFormColumns;
    }
    return MonitorOpenOutput(file, form,
                             Options->Color == MonitorColorAlways ||
                                 (terminal && Options->Color == MonitorColorAuto),
                             width);
}

static BOOL
MonitorOpenChannel(MONITOR *Monitor)
{
    CHANNEL_CLIENT_OPTIONS options = {0, 0, Monitor->Options.BatchCount,
                                      Monitor->Options.FlushMilliseconds, FALSE};

    Monitor->Client = ChannelClientOpen(NOTIFY_WIN32_NAME, &options);
    if (Monitor->Client == NULL) {
        MonitorPrintError("cannot open \\\\.\\NtboxNotify (is the notify driver loaded?)",
                          GetLastError());
        return FALSE;
    }
    return TRUE;
}

int
main(int argc, char **argv)
{
    static MONITOR monitor;

    switch (MonitorParseOptions(argc, argv, &monitor.Options)) {
    case MonitorParseDone:
        return 0;
    case MonitorParseError:
        return MONITOR_EXIT_USAGE;
    case MonitorParseRun:
        break;
    }
    if (monitor.Options.Tree != 0 && !MonitorPidSetAdd(&monitor.Tree, monitor.Options.Tree)) {
        MonitorPrintError("starting", ERROR_NOT_ENOUGH_MEMORY);
        return MONITOR_EXIT_FAILED;
    }
    if (!MonitorOpenChannel(&monitor)) {
        return MONITOR_EXIT_FAILED;
    }
    monitor.Output = MonitorOpenConsole(&monitor.Options);
    if (monitor.Output == NULL) {
        ChannelClientClose(monitor.Client);
        MonitorPrintError("starting", ERROR_NOT_ENOUGH_MEMORY);
        return MONITOR_EXIT_FAILED;
    }
    MonitorInterrupted = monitor.Client;
    SetConsoleCtrlHandler(MonitorOnControl, TRUE);
    monitor.Start = GetTickCount64();
    monitor.NextStats = monitor.Start + MONITOR_STATS_PERIOD;

    MonitorRun(&monitor);

    MonitorCloseOutput(monitor.Output);
    MonitorPrintSummary(&monitor);
    SetConsoleCtrlHandler(MonitorOnControl, FALSE);
    ChannelClientClose(monitor.Client);
    MonitorPidSetFree(&monitor.Tree);
    return monitor.ExitCode;
}
