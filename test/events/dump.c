/* SPDX-License-Identifier: MIT
 *
 * test/events/dump.c - machine events as text, and what reading them costs
 *
 * dump [-s bpf|perf|ptrace] [-b BUFFER] [-t MILLISECONDS] [-p ROOT] [-q] [-c] [-- COMMAND...]
 * -q prints no events, -c what the reader cost.
 */
#include "hal/halp.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct DUMP {
    int IsQuiet;
    uint64_t Count[HALP_EVENT_LOST + 1];
    uint64_t Lost;
    uint64_t Batches;
} DUMP;

static HALP_EVENTS *Source;

static void
OnSignal(int Signal)
{
    (void)Signal;
    HalpStopEvents(Source);
}

static void
OnEvent(void *Context, const HALP_EVENT *Event)
{
    DUMP *dump = Context;

    dump->Count[Event->Type]++;
    dump->Lost += Event->Lost;
    if (dump->IsQuiet) {
        return;
    }
    switch (Event->Type) {
    case HALP_EVENT_CREATE:
        printf("%llu CREATE %u parent %u creator %u.%u [%.*s] %.*s\n",
               (unsigned long long)Event->Time, Event->ProcessId, Event->ParentProcessId,
               Event->CreatorProcessId, Event->CreatorThreadId, (int)Event->ImagePathLength,
               Event->ImagePath, (int)Event->CommandLineLength, Event->CommandLine);
        break;
    case HALP_EVENT_EXIT:
        printf("%llu EXIT %u thread %u status %#x\n", (unsigned long long)Event->Time,
               Event->ProcessId, Event->ThreadId, (unsigned int)Event->ExitCode);
        break;
    case HALP_EVENT_IMAGE:
        printf("%llu IMAGE %u thread %u %#llx+%#llx [%.*s]\n", (unsigned long long)Event->Time,
               Event->ProcessId, Event->ThreadId, (unsigned long long)Event->ImageBase,
               (unsigned long long)Event->ImageSize, (int)Event->ImagePathLength, Event->ImagePath);
        break;
    case HALP_EVENT_LOST:
        printf("%llu LOST %llu\n", (unsigned long long)Event->Time,
               (unsigned long long)Event->Lost);
        break;
    }
}

static uint32_t
SourceByName(const char *Name)
{
    return strcmp(Name, "bpf") == 0      ? HALP_EVENTS_BPF
           : strcmp(Name, "perf") == 0   ? HALP_EVENTS_PERF
           : strcmp(Name, "ptrace") == 0 ? HALP_EVENTS_PTRACE
                                         : HALP_EVENTS_AUTO;
}

/* Seconds of processor time that this process has used. */
static double
ProcessorTime(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* KiB that are resident now. */
static unsigned long
ResidentMemory(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file != NULL) {
        if (fscanf(file, "%*u %lu", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

/* Since the source was open. */
static void
PrintCost(const DUMP *Dump, uint64_t Start, double StartCpu)
{
    double cpu = ProcessorTime() - StartCpu;
    double wall = (double)(HalpMonotonicTime() - Start) / 1e9;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr,
            "create %llu exit %llu image %llu lost %llu | wall %.3f s cpu %.3f s (%.2f %%) "
            "batches %llu resident %lu KiB, peak %ld KiB | %.0f creates/s, %.2f ms cpu per 1000\n",
            (unsigned long long)Dump->Count[HALP_EVENT_CREATE],
            (unsigned long long)Dump->Count[HALP_EVENT_EXIT],
            (unsigned long long)Dump->Count[HALP_EVENT_IMAGE], (unsigned long long)Dump->Lost, wall,
            cpu, 100 * cpu / wall, (unsigned long long)Dump->Batches, ResidentMemory(),
            usage.ru_maxrss, (double)Dump->Count[HALP_EVENT_CREATE] / wall,
            cpu * 1e6 / (double)(Dump->Count[HALP_EVENT_CREATE] + 1));
}

int
main(int Argc, char **Argv)
{
    HALP_EVENTS_OPTIONS options = {0};
    DUMP dump = {0};
    uint64_t deadline = HALP_NEVER;
    int printCost = 0;
    HALP_STATUS status;
    double startCpu;
    uint64_t start;
    int option;

    while ((option = getopt(Argc, Argv, "+s:b:t:p:qc")) != -1) {
        switch (option) {
        case 's':
            options.Source = SourceByName(optarg);
            break;
        case 'b':
            options.BufferSize = strtoul(optarg, NULL, 10);
            break;
        case 't':
            deadline = HalpMonotonicTime() + strtoul(optarg, NULL, 10) * 1000000;
            break;
        case 'p':
            options.RootProcessId = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'q':
            dump.IsQuiet = 1;
            break;
        case 'c':
            printCost = 1;
            break;
        default:
            return 2;
        }
    }
    if (optind < Argc) {
        options.Command = (const char *const *)(Argv + optind);
    }
    status = HalpOpenEvents(&options, &Source);
    if (status != HALP_OK) {
        fprintf(stderr, "dump: status %d: %s\n", status, HalpLastErrorText());
        return 1;
    }
    fprintf(stderr, "%s\n", HalpDescribeEvents(Source));
    signal(SIGINT, OnSignal);
    signal(SIGTERM, OnSignal);
    start = HalpMonotonicTime();
    startCpu = ProcessorTime();
    for (;;) {
        status = HalpWaitEvents(Source, deadline, OnEvent, &dump);
        dump.Batches++;
        if (status == HALP_TIMEOUT || HalpMonotonicTime() >= deadline) {
            deadline = HALP_NEVER;
            HalpStopEvents(Source);
        } else if (status != HALP_OK) {
            break;
        }
    }
    fflush(stdout);
    fprintf(stderr, "end %d, command status %#x\n", status, (unsigned)HalpCommandStatus(Source));
    if (printCost) {
        PrintCost(&dump, start, startCpu);
    }
    HalpCloseEvents(Source);
    return status == HALP_CLOSED ? 0 : 1;
}
