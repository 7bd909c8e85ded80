/* SPDX-License-Identifier: MIT
 *
 * live_test.c - the sources against a workload that writes down what it ran
 *
 * Each test runs for bpf, perf and ptrace where it makes sense; a source that is not allowed here
 * is skipped by name. No test depends on how long anything takes. What a test keeps is static, one
 * test a process: nothing is freed, and no leak of the code under test is hidden.
 */
#include "collect.h"

#include "hal/linux/events/eventsp.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct RUN {
    HALP_EVENTS *Events;
    COLLECTION Told;
    int LogFd;
    int CommandStatus;
    size_t StopAfter; /* CREATEs; 0: never */
    size_t Creates;
} RUN;

typedef struct LOGGED {
    uint32_t Pid;
    uint32_t Parent;
    char Name[32];
} LOGGED;

static const char *const SourceNames[] = {"auto", "bpf", "perf", "ptrace"};

static void
SkipIfDenied(uint32_t Source, HALP_STATUS Status)
{
    static char reason[512];

    if (Status == HALP_DENIED || Status == HALP_UNSUPPORTED) {
        snprintf(reason, sizeof(reason), "source %s: %s", SourceNames[Source], HalpLastErrorText());
        NT_SKIP(reason);
    }
    if (Status != HALP_OK) {
        NT_FAIL("source %s: status %d: %s", SourceNames[Source], Status, HalpLastErrorText());
    }
}

/* The workload in Mode with up to two arguments, as the command of Source. */
static void
OpenWorkload(RUN *Run, uint32_t Source, size_t BufferSize, const char *Mode, const char *First,
             const char *Second)
{
    char fd[16];
    const char *command[] = {TEST_WORKLOAD, fd, Mode, First, Second, NULL};
    HALP_EVENTS_OPTIONS options = {.Source = Source, .Command = command, .BufferSize = BufferSize};

    memset(Run, 0, sizeof(*Run));
    Run->LogFd = memfd_create("log", 0);
    snprintf(fd, sizeof(fd), "%d", Run->LogFd);
    SkipIfDenied(Source, HalpOpenEvents(&options, &Run->Events));
}

static void
CollectAndStop(void *Context, const HALP_EVENT *Event)
{
    RUN *run = Context;

    Collect(&run->Told, Event);
    if (Event->Type == HALP_EVENT_CREATE && ++run->Creates == run->StopAfter) {
        HalpStopEvents(run->Events);
    }
}

static void
ReadToEnd(RUN *Run)
{
    HALP_STATUS status;

    do {
        status = HalpWaitEvents(Run->Events, HALP_NEVER, CollectAndStop, Run);
        NT_EXPECT_TRUE(status == HALP_OK || status == HALP_CLOSED);
    } while (status != HALP_CLOSED);
    NT_EXPECT_STATUS(HalpWaitEvents(Run->Events, HALP_NEVER, CollectAndStop, Run), HALP_CLOSED);
    ExpectOrder(&Run->Told);
}

static void
RunWorkload(RUN *Run, uint32_t Source, const char *Mode, const char *First, const char *Second)
{
    OpenWorkload(Run, Source, 0, Mode, First, Second);
    ReadToEnd(Run);
    Run->CommandStatus = HalpCommandStatus(Run->Events);
    NT_EXPECT_EQ(Run->Told.Lost, 0);
    HalpCloseEvents(Run->Events);
}

/* What the workload wrote. */
static size_t
ReadLog(int LogFd, LOGGED **Lines)
{
    off_t length = lseek(LogFd, 0, SEEK_END);
    char *text = calloc(1, (size_t)length + 1);
    size_t count = 0;
    char *line;

    *Lines = calloc((size_t)length / 4 + 1, sizeof(**Lines));
    NT_EXPECT_EQ(pread(LogFd, text, (size_t)length, 0), length);
    for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        LOGGED *logged = &(*Lines)[count++];
        NT_EXPECT_EQ(sscanf(line, "%u %u %31s", &logged->Pid, &logged->Parent, logged->Name), 3);
    }
    free(text);
    return count;
}

static int
EndsWith(const char *Text, const char *End)
{
    size_t length = strlen(Text);

    return length >= strlen(End) && strcmp(Text + length - strlen(End), End) == 0;
}

static void
ExpectExitCode(uint32_t Source, const EVENT *Exit, int Status)
{
    NT_EXPECT_TRUE(Exit != NULL);
    NT_EXPECT_EQ((int64_t)Exit->Event.ExitCode,
                 (int64_t)(Source == HALP_EVENTS_PERF ? -1 : Status));
}

/* ---- every process of a crowd ---- */

static void
ExpectTrue(uint32_t Source, const RUN *Run, const LOGGED *Logged)
{
    const EVENT *create = FindEvent(&Run->Told, HALP_EVENT_CREATE, Logged->Pid, 0);

    if (create == NULL) {
        NT_FAIL("process %u was not told", Logged->Pid);
    }
    NT_EXPECT_EQ(create->Event.ParentProcessId, Logged->Parent);
    NT_EXPECT_EQ(create->Event.CreatorProcessId, Logged->Parent);
    NT_EXPECT_TRUE(EndsWith(create->Path, "/true"));
    if (Source != HALP_EVENTS_PERF) {
        NT_EXPECT_STR(create->Line, "/bin/true");
    }
    NT_EXPECT_TRUE(CountEvents(&Run->Told, HALP_EVENT_IMAGE, Logged->Pid) >= 2);
    ExpectExitCode(Source, FindEvent(&Run->Told, HALP_EVENT_EXIT, Logged->Pid, 0), 0);
}

static void
RunCrowd(uint32_t Source, const char *How, const char *Count, const char *Parallel)
{
    static LOGGED *logged;
    size_t count;
    static RUN run;
    size_t i;

    RunWorkload(&run, Source, How, Count, Parallel);
    NT_EXPECT_EQ(run.CommandStatus, 0);
    ExpectParentsFirst(&run.Told);
    count = ReadLog(run.LogFd, &logged);
    NT_EXPECT_EQ(count, atoi(Count));
    NT_EXPECT_EQ(run.Creates, count + 1); /* and the workload itself, no stranger */
    for (i = 0; i < count; i++) {
        ExpectTrue(Source, &run, &logged[i]);
    }
}

/* ---- the same for each source ---- */

static void
ExecChain(uint32_t Source)
{
    uint32_t pid;
    static RUN run;

    RunWorkload(&run, Source, "chain", "5", NULL);
    NT_EXPECT_TRUE(WIFEXITED(run.CommandStatus) && WEXITSTATUS(run.CommandStatus) == 7);
    NT_EXPECT_EQ(run.Creates, 6);
    pid = run.Told.Events[0].Event.ProcessId;
    NT_EXPECT_EQ(CountEvents(&run.Told, HALP_EVENT_EXIT, pid), 6);
    NT_EXPECT_EQ(FindEvent(&run.Told, HALP_EVENT_EXIT, pid, 0)->Event.ExitCode, 0);
    ExpectExitCode(Source, FindEvent(&run.Told, HALP_EVENT_EXIT, pid, 5), 7 << 8);
    NT_EXPECT_EQ(run.Told.Events[0].Event.ParentProcessId, getpid());
}

static void
Threads(uint32_t Source)
{
    const EVENT *last;
    static LOGGED *logged;
    size_t count;
    static RUN run;
    size_t i;

    RunWorkload(&run, Source, "threads", "4", NULL);
    NT_EXPECT_EQ(run.CommandStatus, 0);
    count = ReadLog(run.LogFd, &logged);
    NT_EXPECT_EQ(count, 4);
    for (i = 0; i < count; i++) {
        ExpectTrue(Source, &run, &logged[i]);
        NT_EXPECT_NE(
            FindEvent(&run.Told, HALP_EVENT_CREATE, logged[i].Pid, 0)->Event.CreatorThreadId,
            logged[i].Parent);
    }
    /* The first thread ended before its children began; the process ends last. */
    last = &run.Told.Events[run.Told.Count - 1];
    NT_EXPECT_EQ(last->Event.Type, HALP_EVENT_EXIT);
    NT_EXPECT_EQ(last->Event.ProcessId, logged[0].Parent);
}

static void
ThreadExec(uint32_t Source)
{
    static LOGGED *logged;
    static RUN run;

    RunWorkload(&run, Source, "threadexec", NULL, NULL);
    NT_EXPECT_EQ(run.CommandStatus, 0);
    NT_EXPECT_EQ(ReadLog(run.LogFd, &logged), 1);
    NT_EXPECT_EQ(CountEvents(&run.Told, HALP_EVENT_CREATE, logged[0].Pid), 2);
    NT_EXPECT_EQ(CountEvents(&run.Told, HALP_EVENT_EXIT, logged[0].Pid), 2);
    NT_EXPECT_TRUE(
        EndsWith(FindEvent(&run.Told, HALP_EVENT_CREATE, logged[0].Pid, 1)->Path, "/true"));
}

static void
DoubleFork(uint32_t Source)
{
    static LOGGED *logged;
    static RUN run;

    RunWorkload(&run, Source, "double", NULL, NULL);
    NT_EXPECT_EQ(ReadLog(run.LogFd, &logged), 1);
    NT_EXPECT_TRUE(FindEvent(&run.Told, HALP_EVENT_CREATE, logged[0].Pid, 0) != NULL);
    NT_EXPECT_EQ(run.Told.Events[run.Told.Count - 1].Event.ProcessId, logged[0].Pid);
}

static void
Script(uint32_t Source)
{
    static const char text[] = "#!/bin/sh\nexit 0\n";
    char path[] = "/tmp/ntbox-script-XXXXXX";
    const EVENT *create;
    char line[128];
    static LOGGED *logged;
    static RUN run;
    int fd = mkstemp(path);

    NT_EXPECT_EQ(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    fchmod(fd, 0755);
    close(fd);
    RunWorkload(&run, Source, "script", path, NULL);
    unlink(path);
    NT_EXPECT_EQ(run.CommandStatus, 0);
    NT_EXPECT_EQ(ReadLog(run.LogFd, &logged), 1);
    create = FindEvent(&run.Told, HALP_EVENT_CREATE, logged[0].Pid, 0);
    NT_EXPECT_TRUE(create != NULL && EndsWith(create->Path, "sh")); /* what is mapped */
    snprintf(line, sizeof(line), "/bin/sh %s \"a b\"", path);
    if (Source != HALP_EVENTS_PERF) {
        NT_EXPECT_STR(create->Line, line);
    }
}

static void
KilledBySignal(uint32_t Source)
{
    static LOGGED *logged;
    static RUN run;

    RunWorkload(&run, Source, "signal", "9", NULL);
    NT_EXPECT_EQ(run.CommandStatus, 0);
    NT_EXPECT_EQ(ReadLog(run.LogFd, &logged), 1);
    ExpectExitCode(Source, FindEvent(&run.Told, HALP_EVENT_EXIT, logged[0].Pid, 0), SIGKILL);
}

/* The command goes on to its own end, and its children still load their libraries. */
static void
StopWhileBusy(uint32_t Source)
{
    int status;
    static RUN run;

    OpenWorkload(&run, Source, 0, "spawn", "300", "2");
    run.StopAfter = 20;
    ReadToEnd(&run);
    NT_EXPECT_TRUE(run.Creates >= 20);
    do {
        sched_yield();
        status = HalpCommandStatus(run.Events);
    } while (status == -1);
    NT_EXPECT_EQ(status, 0);
    HalpCloseEvents(run.Events);
}

static void
CommandThatIsNotThere(uint32_t Source)
{
    const char *command[] = {"/nonexistent/program", NULL};
    HALP_EVENTS_OPTIONS options = {.Source = Source, .Command = command};
    HALP_EVENTS *events = NULL;
    HALP_STATUS status = HalpOpenEvents(&options, &events);

    if (status == HALP_DENIED || status == HALP_UNSUPPORTED) {
        SkipIfDenied(Source, status);
    }
    NT_EXPECT_STATUS(status, HALP_NOT_FOUND);
    NT_EXPECT_CONTAINS(HalpLastErrorText(), "/nonexistent/program");
    NT_EXPECT_TRUE(events == NULL);
    NT_EXPECT_EQ(waitpid(-1, NULL, WNOHANG) > 0, 0);
}

static void
OneProcess(uint32_t Source)
{
    static LOGGED *logged;
    uint64_t before = HalpSystemTime();
    uint64_t after;
    static RUN run;

    RunWorkload(&run, Source, "spawn", "1", "1");
    after = HalpSystemTime();
    NT_EXPECT_EQ(ReadLog(run.LogFd, &logged), 1);
    NT_EXPECT_TRUE(run.Told.Events[0].Event.Time >= before - 10000);
    NT_EXPECT_TRUE(run.Told.Events[run.Told.Count - 1].Event.Time <= after + 10000);
    NT_EXPECT_TRUE(FindEvent(&run.Told, HALP_EVENT_IMAGE, logged[0].Pid, 0)->Event.ImageSize > 0);
}

static void
Crowd(uint32_t Source)
{
    RunCrowd(Source, "spawn", "2000", "4");
}

static void
VforkCrowd(uint32_t Source)
{
    RunCrowd(Source, "vfork", "200", "3");
}

static void
ForkCrowd(uint32_t Source)
{
    RunCrowd(Source, "fork", "200", "3");
}

#define FOR_EACH_SOURCE(name)     \
    NT_TEST(EventsBpf, name)      \
    {                             \
        name(HALP_EVENTS_BPF);    \
    }                             \
    NT_TEST(EventsPerf, name)     \
    {                             \
        name(HALP_EVENTS_PERF);   \
    }                             \
    NT_TEST(EventsPtrace, name)   \
    {                             \
        name(HALP_EVENTS_PTRACE); \
    }

FOR_EACH_SOURCE(OneProcess)
FOR_EACH_SOURCE(Crowd)
FOR_EACH_SOURCE(VforkCrowd)
FOR_EACH_SOURCE(ForkCrowd)
FOR_EACH_SOURCE(ExecChain)
FOR_EACH_SOURCE(Threads)
FOR_EACH_SOURCE(ThreadExec)
FOR_EACH_SOURCE(DoubleFork)
FOR_EACH_SOURCE(Script)
FOR_EACH_SOURCE(KilledBySignal)
FOR_EACH_SOURCE(StopWhileBusy)
FOR_EACH_SOURCE(CommandThatIsNotThere)

/* ---- losses ---- */

/* Nobody reads until the workload is done: the rings overflow, and nothing is lost unsaid. */
static void
TinyBuffer(uint32_t Source)
{
    uint64_t unseen = 0;
    static LOGGED *logged;
    size_t count;
    static RUN run;
    size_t i;

    OpenWorkload(&run, Source, 4096, "spawn", "500", "4");
    while (HalpCommandStatus(run.Events) == -1) {
        sched_yield();
    }
    ReadToEnd(&run);
    HalpCloseEvents(run.Events);
    count = ReadLog(run.LogFd, &logged);
    NT_EXPECT_EQ(count, 500);
    for (i = 0; i < count; i++) {
        unseen += FindEvent(&run.Told, HALP_EVENT_CREATE, logged[i].Pid, 0) == NULL;
    }
    NT_EXPECT_TRUE(unseen != 0);
    /* Of each unseen process at least its fork, exec, images and exit are gone. */
    NT_EXPECT_TRUE(run.Told.Lost >= 4 * unseen);
}

NT_TEST(EventsBpf, TinyBufferLosesNothingUnsaid)
{
    TinyBuffer(HALP_EVENTS_BPF);
}

NT_TEST(EventsPerf, TinyBufferLosesNothingUnsaid)
{
    TinyBuffer(HALP_EVENTS_PERF);
}

/* ---- the whole machine, a root, privileges ---- */

static void
WholeMachine(uint32_t Source)
{
    HALP_EVENTS_OPTIONS options = {.Source = Source};
    char *const arguments[] = {(char *)(uintptr_t) "/bin/true", NULL};
    static RUN run;
    pid_t pids[100];
    size_t i;

    SkipIfDenied(Source, HalpOpenEvents(&options, &run.Events));
    for (i = 0; i < 100; i++) {
        NT_EXPECT_EQ(posix_spawn(&pids[i], arguments[0], NULL, NULL, arguments, NULL), 0);
        NT_EXPECT_EQ(waitpid(pids[i], NULL, 0), pids[i]);
    }
    HalpStopEvents(run.Events);
    ReadToEnd(&run);
    HalpCloseEvents(run.Events);
    NT_EXPECT_EQ(run.Told.Lost, 0);
    for (i = 0; i < 100; i++) {
        NT_EXPECT_TRUE(FindEvent(&run.Told, HALP_EVENT_CREATE, (uint32_t)pids[i], 0) != NULL);
        NT_EXPECT_TRUE(FindEvent(&run.Told, HALP_EVENT_EXIT, (uint32_t)pids[i], 0) != NULL);
    }
}

NT_TEST(EventsBpf, WholeMachine)
{
    WholeMachine(HALP_EVENTS_BPF);
}

NT_TEST(EventsPerf, WholeMachine)
{
    WholeMachine(HALP_EVENTS_PERF);
}

/* Descendants of a process that is there already; it ends, and so does the source. */
static void
RootProcess(uint32_t Source)
{
    HALP_EVENTS_OPTIONS options = {.Source = Source};
    char *const arguments[] = {(char *)(uintptr_t) "/bin/true", NULL};
    static RUN run;
    int ends[2];
    pid_t child;
    char byte;
    int i;

    NT_EXPECT_EQ(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        i = read(ends[0], &byte, 1) == 1 ? 0 : 20;
        for (; i < 20; i++) {
            posix_spawn(&child, arguments[0], NULL, NULL, arguments, NULL);
            waitpid(child, NULL, 0);
        }
        _exit(0);
    }
    options.RootProcessId = (uint32_t)child;
    SkipIfDenied(Source, HalpOpenEvents(&options, &run.Events));
    NT_EXPECT_EQ(write(ends[1], "", 1), 1);
    ReadToEnd(&run);
    HalpCloseEvents(run.Events);
    NT_EXPECT_EQ(run.Creates, 20);
    NT_EXPECT_EQ(run.Told.Events[0].Event.ParentProcessId, child);
    waitpid(child, NULL, 0);
}

NT_TEST(EventsBpf, RootProcess)
{
    RootProcess(HALP_EVENTS_BPF);
}

NT_TEST(EventsPerf, RootProcess)
{
    RootProcess(HALP_EVENTS_PERF);
}

NT_TEST(Events, ArgumentsAreQuotedAsWindowsProgramsParseThem)
{
    static const struct {
        const char *Arguments;
        size_t Length;
        const char *Line;
    } rows[] = {
        {"a\0b", 4, "a b"},
        {"a b\0", 4, "\"a b\""},
        {"\0\0", 2, "\"\" \"\""},
        {"a\"b\0", 4, "\"a\\\"b\""},
        {"a\\b\0", 4, "a\\b"},       /* a backslash stands for itself */
        {"a \\\0", 4, "\"a \\\\\""}, /* but not in front of a quote */
        {"\\\\\"\0", 4, "\"\\\\\\\\\\\"\""},
        {"cut", 3, "cut..."},
    };
    char line[HALP_LINE_SIZE];
    size_t length;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        length = HalpFormatCommandLine(rows[i].Arguments, rows[i].Length,
                                       strcmp(rows[i].Arguments, "cut") == 0, line);
        line[length] = '\0';
        NT_EXPECT_STR(line, rows[i].Line);
    }
}

NT_TEST(Events, RootProcessThatIsNotThere)
{
    HALP_EVENTS_OPTIONS options = {.RootProcessId = 0x3ffffff};
    HALP_EVENTS *events;
    HALP_STATUS status = HalpOpenEvents(&options, &events);

    SkipIfDenied(HALP_EVENTS_AUTO, status == HALP_NOT_FOUND ? HALP_OK : status);
    NT_EXPECT_STATUS(status, HALP_NOT_FOUND);
}

NT_TEST(Events, ArgumentsThatMakeNoSense)
{
    const char *none[] = {NULL};
    HALP_EVENTS_OPTIONS unknown = {.Source = 9};
    HALP_EVENTS_OPTIONS empty = {.Command = none};
    HALP_EVENTS_OPTIONS bare = {.Source = HALP_EVENTS_PTRACE};
    HALP_EVENTS *events;

    NT_EXPECT_STATUS(HalpOpenEvents(&unknown, &events), HALP_INVALID);
    NT_EXPECT_STATUS(HalpOpenEvents(&empty, &events), HALP_INVALID);
    NT_EXPECT_STATUS(HalpOpenEvents(&bare, &events), HALP_INVALID);
}

static void
BecomeNobody(void)
{
    if (geteuid() == 0) {
        NT_EXPECT_EQ(setgroups(0, NULL), 0);
        NT_EXPECT_EQ(setresgid(65534, 65534, 65534), 0);
        NT_EXPECT_EQ(setresuid(65534, 65534, 65534), 0);
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as after an exec by that user */
    }
}

NT_TEST(Events, WithoutPrivilegesTheTextSaysWhatToDo)
{
    HALP_EVENTS_OPTIONS options = {0};
    HALP_EVENTS *events;
    HALP_STATUS status;

    BecomeNobody();
    status = HalpOpenEvents(&options, &events);
    if (status == HALP_OK) {
        NT_SKIP("kernel.perf_event_paranoid lets everyone watch the machine");
    }
    NT_EXPECT_STATUS(status, HALP_DENIED);
    NT_EXPECT_CONTAINS(HalpLastErrorText(), "run as root");
    NT_EXPECT_CONTAINS(HalpLastErrorText(), "-- COMMAND");
}

NT_TEST(Events, WithoutPrivilegesACommandIsFollowed)
{
    BecomeNobody();
    if (access(TEST_WORKLOAD, X_OK) != 0) {
        NT_SKIP("user nobody cannot run " TEST_WORKLOAD);
    }
    RunCrowd(HALP_EVENTS_AUTO, "spawn", "200", "3");
}

NT_TEST(Events, CommandHasItsSignalsReset)
{
    static RUN run;

    signal(SIGINT, SIG_IGN);
    OpenWorkload(&run, HALP_EVENTS_PTRACE, 0, "pause", NULL, NULL);
    while (run.Creates == 0) {
        NT_EXPECT_STATUS(HalpWaitEvents(run.Events, HALP_NEVER, CollectAndStop, &run), HALP_OK);
    }
    /* Ignored here, but not in the command. */
    kill((pid_t)run.Told.Events[0].Event.ProcessId, SIGINT);
    ReadToEnd(&run);
    NT_EXPECT_EQ(WTERMSIG(HalpCommandStatus(run.Events)), SIGINT);
    HalpCloseEvents(run.Events);
}
