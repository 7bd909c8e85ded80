/* SPDX-License-Identifier: MIT
 *
 * nt_test.c - runs the tests of one program, each in a child process, and prints TAP
 *
 * The child runs its test under cmocka (so mocks and cmocka's own assertions work too); the
 * parent keeps the child's output and shows it only when the test fails or with --verbose.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nt_test.h"

#define SKIPPED_EXIT_CODE 77
#define WATCHDOG_SECONDS 30
#define MAX_REASON 200

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
void __asan_handle_no_return(void);
#endif

/* Absent when the program is not linked with hal/sim, or without ke. */
__attribute__((weak)) void SimSetSeed(uint64_t Seed);
__attribute__((weak)) void SimSetAbortHook(void (*Hook)(void));
__attribute__((weak)) extern uintptr_t KiBugCheckData[5];

typedef struct OPTIONS {
    const char *Filter;
    uint64_t Seed; /* 0: each test's own */
    int Timeout;
    int ExactFilter;
    int List;
    int NoFork;
    int Verbose;
} OPTIONS;

/* Memory shared with the child. */
typedef struct SHARED {
    char SkipReason[MAX_REASON];
} SHARED;

static const int FaultSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
#define FAULT_SIGNALS (sizeof(FaultSignals) / sizeof(FaultSignals[0]))

static NT_TEST_CASE *FirstCase;
static NT_TEST_CASE **LastCase = &FirstCase;
static OPTIONS Options = {.Timeout = WATCHDOG_SECONDS};
static SHARED *Shared;

static NT_TEST_CASE *CurrentCase;
static uint64_t CurrentSeed;
static pthread_t TestThread;
static struct sigaction SavedActions[FAULT_SIGNALS];
static int MachineIsDead;

void *NtTestBugCheckPoint[5];
void *NtTestKnownGapPoint[5];

/* The armed NT_EXPECT_BUGCHECK or NT_KNOWN_GAP; Text NULL: none. */
typedef struct ARMED {
    uint32_t Code;
    const char *Text;
    const char *File;
    int Line;
} ARMED;
static ARMED ArmedBugCheck;
static ARMED ArmedGap;

void
NtTestRegister(NT_TEST_CASE *Case)
{
    *LastCase = Case;
    LastCase = &Case->Next;
}

uint64_t
NtTestSeed(void)
{
    return CurrentSeed;
}

/* ---- failing ---- */

static int
IsOnTestThread(void)
{
    return pthread_equal(pthread_self(), TestThread);
}

static _Noreturn void
JumpTo(void **Point)
{
#ifdef HAVE_ASAN
    __asan_handle_no_return(); /* the frames that are jumped over keep no poison behind */
#endif
    __builtin_longjmp(Point, 1);
}

void
NtTestFailAt(const char *File, int Line, const char *Format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, Format);
    vsnprintf(text, sizeof(text), Format, arguments);
    va_end(arguments);
    if (ArmedGap.Text != NULL && IsOnTestThread()) {
        fprintf(stderr, "known gap (%s): %s\n", ArmedGap.Text, text);
        ArmedGap.Text = NULL;
        JumpTo(NtTestKnownGapPoint);
    }
    fprintf(stderr, "%s:%d: %s\nseed %llu\n", File, Line, text, (unsigned long long)CurrentSeed);
    fflush(NULL);
    if (IsOnTestThread()) {
        _fail(File, Line);
    }
    _exit(EXIT_FAILURE);
}

void
NtTestExpectEqual(uint64_t Actual, uint64_t Expected, const char *ActualText,
                  const char *ExpectedText, const char *File, int Line)
{
    if (Actual != Expected) {
        NtTestFailAt(File, Line, "%s is %lld (0x%llx), expected %s = %lld (0x%llx)", ActualText,
                     (long long)Actual, (unsigned long long)Actual, ExpectedText,
                     (long long)Expected, (unsigned long long)Expected);
    }
}

void
NtTestExpectNotEqual(uint64_t Actual, uint64_t Unexpected, const char *ActualText,
                     const char *UnexpectedText, const char *File, int Line)
{
    if (Actual == Unexpected) {
        NtTestFailAt(File, Line, "%s is %s = %lld (0x%llx)", ActualText, UnexpectedText,
                     (long long)Actual, (unsigned long long)Actual);
    }
}

void
NtTestExpectStatus(uint32_t Actual, uint32_t Expected, const char *ActualText,
                   const char *ExpectedText, const char *File, int Line)
{
    if (Actual != Expected) {
        NtTestFailAt(File, Line, "%s is 0x%08X, expected %s = 0x%08X", ActualText, Actual,
                     ExpectedText, Expected);
    }
}

void
NtTestExpectString(const char *Actual, const char *Expected, const char *ActualText,
                   const char *File, int Line)
{
    if (Actual == NULL || Expected == NULL ? Actual != Expected : strcmp(Actual, Expected) != 0) {
        NtTestFailAt(File, Line, "%s is \"%s\", expected \"%s\"", ActualText,
                     Actual == NULL ? "(null)" : Actual, Expected == NULL ? "(null)" : Expected);
    }
}

/* For messages only: what is not ASCII is shown as '?'. */
static void
Narrow(const uint16_t *Wide, char *Text, size_t Size)
{
    size_t i = 0;

    for (; Wide != NULL && Wide[i] != 0 && i + 1 < Size; ++i) {
        Text[i] = Wide[i] < 0x80 ? (char)Wide[i] : '?';
    }
    Text[i] = '\0';
}

void
NtTestExpectWideString(const uint16_t *Actual, const uint16_t *Expected, const char *ActualText,
                       const char *File, int Line)
{
    char actualText[256];
    char expectedText[256];
    size_t i = 0;

    if (Actual != NULL && Expected != NULL) {
        while (Actual[i] == Expected[i]) {
            if (Actual[i++] == 0) {
                return;
            }
        }
    } else if (Actual == Expected) {
        return;
    }
    Narrow(Actual, actualText, sizeof(actualText));
    Narrow(Expected, expectedText, sizeof(expectedText));
    NtTestFailAt(File, Line, "%s is L\"%s\", expected L\"%s\"", ActualText, actualText,
                 expectedText);
}

void
NtTestExpectContains(const char *Haystack, const char *Needle, const char *HaystackText,
                     const char *File, int Line)
{
    if (Haystack == NULL || strstr(Haystack, Needle) == NULL) {
        NtTestFailAt(File, Line, "%s does not contain \"%s\":\n%s", HaystackText, Needle,
                     Haystack == NULL ? "(null)" : Haystack);
    }
}

void
NtTestSkip(const char *Reason)
{
    snprintf(Shared->SkipReason, sizeof(Shared->SkipReason), "%s", Reason);
    fflush(NULL);
    _exit(SKIPPED_EXIT_CODE);
}

/* ---- bugchecks and gaps ---- */

/* HalpAbort of hal/sim comes here, on the thread that took the bugcheck. */
static void
OnAbort(void)
{
    ARMED armed = ArmedBugCheck;
    uint32_t code = &KiBugCheckData != NULL ? (uint32_t)KiBugCheckData[0] : 0;

    ArmedBugCheck.Text = NULL;
    MachineIsDead = 1;
    if (armed.Text == NULL) {
        return; /* HalpAbort goes on and ends the process */
    }
    if (&KiBugCheckData != NULL && code != armed.Code) {
        NtTestFailAt(armed.File, armed.Line, "bugcheck 0x%08X, expected %s = 0x%08X", code,
                     armed.Text, armed.Code);
    }
    if (!IsOnTestThread()) {
        fflush(NULL);
        _exit(EXIT_SUCCESS);
    }
    JumpTo(NtTestBugCheckPoint);
}

void
NtTestArmBugCheck(uint32_t Code, const char *CodeText, const char *File, int Line)
{
    if (SimSetAbortHook == NULL) {
        NtTestFailAt(File, Line, "NT_EXPECT_BUGCHECK needs hal/sim");
    }
    ArmedBugCheck = (ARMED){Code, CodeText, File, Line};
    SimSetAbortHook(OnAbort);
}

void
NtTestMissedBugCheck(void)
{
    ARMED armed = ArmedBugCheck;

    ArmedBugCheck.Text = NULL;
    NtTestFailAt(armed.File, armed.Line, "expected bugcheck %s did not happen", armed.Text);
}

void
NtTestArmKnownGap(const char *Reason, const char *File, int Line)
{
    ArmedGap = (ARMED){0, Reason, File, Line};
}

void
NtTestMissedKnownGap(void)
{
    ARMED gap = ArmedGap;

    ArmedGap.Text = NULL;
    NtTestFailAt(gap.File, gap.Line, "known gap is closed (%s): take the mark away", gap.Text);
}

/* ---- running ---- */

/* cmocka has just put its own handlers over those of the sanitizer: its reports are better. */
static void
RestoreSignals(void)
{
    for (size_t i = 0; i < FAULT_SIGNALS; ++i) {
        sigaction(FaultSignals[i], &SavedActions[i], NULL);
    }
}

static void
RunBody(void **State)
{
    (void)State;
    RestoreSignals();
    TestThread = pthread_self();
    if (SimSetSeed != NULL) {
        SimSetSeed(CurrentSeed);
    }
    if (NtTestSetUp != NULL) {
        NtTestSetUp();
    }
    CurrentCase->Body();
    if (NtTestTearDown != NULL && !MachineIsDead) {
        NtTestTearDown();
    }
}

/* Runs the current test in this process; the number of failures. */
static int
RunHere(void)
{
    const struct CMUnitTest tests[] = {{CurrentCase->Name, RunBody, NULL, NULL, NULL}};

    for (size_t i = 0; i < FAULT_SIGNALS; ++i) {
        sigaction(FaultSignals[i], NULL, &SavedActions[i]);
    }
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(CurrentCase->Group, tests, NULL, NULL);
}

/* 1 when the child has ended, 0 when the watchdog ran out. */
static int
WaitForChild(pid_t Child)
{
    struct pollfd entry = {.fd = (int)syscall(SYS_pidfd_open, Child, 0), .events = POLLIN};
    int result;

    if (entry.fd < 0) {
        return 1; /* no watchdog on a host this old; waitpid does the rest */
    }
    do {
        result = poll(&entry, 1, Options.Timeout * 1000);
    } while (result < 0 && errno == EINTR);
    close(entry.fd);
    return result != 0;
}

static _Noreturn void
BeChild(int Output)
{
    int failures;

    dup2(Output, STDOUT_FILENO);
    dup2(Output, STDERR_FILENO);
    failures = RunHere();
    fflush(NULL);
    if (failures != 0) {
        _exit(EXIT_FAILURE);
    }
    if (MachineIsDead) {
        _exit(EXIT_SUCCESS);
    }
    exit(EXIT_SUCCESS); /* the way through the sanitizers' leak check */
}

static void
PrintOutput(int Output)
{
    FILE *file = fdopen(dup(Output), "r");
    char line[1024];

    if (file == NULL) {
        return;
    }
    rewind(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        printf("# %s\n", line);
    }
    fclose(file);
}

/* Runs the current test with CurrentSeed. 0: passed, SKIPPED_EXIT_CODE, or else: failed. */
static int
RunInChild(void)
{
    int output = memfd_create("output", MFD_CLOEXEC);
    int status = 0;
    int result = EXIT_FAILURE;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        BeChild(output);
    }
    if (!WaitForChild(child)) {
        kill(child, SIGKILL);
        printf("# no end after %d seconds\n", Options.Timeout);
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
        result = WEXITSTATUS(status);
    } else {
        printf("# ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    if (Options.Verbose || (result != EXIT_SUCCESS && result != SKIPPED_EXIT_CODE)) {
        PrintOutput(output);
    }
    close(output);
    return result;
}

/* The seed of the first run: the command line's, else the environment's, else 1. */
static uint64_t
FirstSeed(void)
{
    const char *text = getenv("NTBOX_SEED");

    if (Options.Seed != 0) {
        return Options.Seed;
    }
    return text != NULL && strtoull(text, NULL, 0) != 0 ? strtoull(text, NULL, 0) : 1;
}

/* Each of the test's seeds, or one in NTBOX_SEED_DIVISOR where the build is slow. */
static uint64_t
SeedCount(const NT_TEST_CASE *Case)
{
    const char *text = getenv("NTBOX_SEED_DIVISOR");
    uint64_t divisor = text != NULL ? strtoull(text, NULL, 0) : 1;

    if (Options.Seed != 0 || divisor == 0) {
        return Options.Seed != 0 ? 1 : Case->SeedCount;
    }
    return (Case->SeedCount + divisor - 1) / divisor;
}

/* 1 if the test did not fail. */
static int
RunCase(NT_TEST_CASE *Case, unsigned Number)
{
    uint64_t first = FirstSeed();
    uint64_t count = SeedCount(Case);
    int result = EXIT_SUCCESS;

    CurrentCase = Case;
    Shared->SkipReason[0] = '\0';
    for (uint64_t seed = first; seed < first + count && result == EXIT_SUCCESS; ++seed) {
        CurrentSeed = seed;
        result = Options.NoFork ? RunHere() : RunInChild();
    }
    if (result == SKIPPED_EXIT_CODE && Shared->SkipReason[0] != '\0') {
        printf("ok %u - %s.%s # SKIP %s\n", Number, Case->Group, Case->Name, Shared->SkipReason);
        return 1;
    }
    if (result != EXIT_SUCCESS) {
        printf("# exit code %d; again: --filter %s.%s --seed %llu\n", result, Case->Group,
               Case->Name, (unsigned long long)CurrentSeed);
    }
    printf("%s %u - %s.%s\n", result == EXIT_SUCCESS ? "ok" : "not ok", Number, Case->Group,
           Case->Name);
    fflush(stdout);
    return result == EXIT_SUCCESS;
}

static int
IsSelected(const NT_TEST_CASE *Case)
{
    char name[256];

    if (Options.Filter == NULL) {
        return 1;
    }
    snprintf(name, sizeof(name), "%s.%s", Case->Group, Case->Name);
    return Options.ExactFilter ? strcmp(name, Options.Filter) == 0
                               : strstr(name, Options.Filter) != NULL;
}

/* A filter that is the name of a test means that test, also if others' names begin with it. */
static void
LookAtFilter(void)
{
    Options.ExactFilter = 1;
    for (NT_TEST_CASE *testCase = FirstCase; testCase != NULL; testCase = testCase->Next) {
        if (IsSelected(testCase)) {
            return;
        }
    }
    Options.ExactFilter = 0;
}

static _Noreturn void
Usage(const char *Program)
{
    fprintf(stderr,
            "usage: %s [--list] [--filter TEXT] [--seed N] [--timeout SECONDS] [--no-fork]"
            " [--verbose]\n",
            Program);
    exit(2);
}

static void
ReadOptions(int Count, char **Arguments)
{
    for (int i = 1; i < Count; ++i) {
        const char *name = Arguments[i];

        if (strcmp(name, "--list") == 0) {
            Options.List = 1;
        } else if (strcmp(name, "--no-fork") == 0) {
            Options.NoFork = 1;
        } else if (strcmp(name, "--verbose") == 0) {
            Options.Verbose = 1;
        } else if (i + 1 == Count) {
            Usage(Arguments[0]);
        } else if (strcmp(name, "--filter") == 0) {
            Options.Filter = Arguments[++i];
        } else if (strcmp(name, "--seed") == 0) {
            Options.Seed = strtoull(Arguments[++i], NULL, 0);
        } else if (strcmp(name, "--timeout") == 0) {
            Options.Timeout = atoi(Arguments[++i]);
        } else {
            Usage(Arguments[0]);
        }
    }
}

int
main(int Count, char **Arguments)
{
    unsigned number = 0;
    unsigned failures = 0;

    ReadOptions(Count, Arguments);
    LookAtFilter();
    Shared = mmap(NULL, sizeof(*Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (NT_TEST_CASE *testCase = FirstCase; testCase != NULL; testCase = testCase->Next) {
        if (!IsSelected(testCase)) {
            continue;
        }
        ++number;
        if (Options.List) {
            printf("%s.%s\n", testCase->Group, testCase->Name);
        } else {
            failures += RunCase(testCase, number) ? 0 : 1;
        }
    }
    if (!Options.List) {
        printf("1..%u\n", number);
    }
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
