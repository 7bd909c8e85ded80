/* SPDX-License-Identifier: MIT
 *
 * entry_test.c - libntoskrnl.so as a program meets it: loaded, started once, ended
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ntifs.h>
#include "init/services.h"
#include "ntbox/eh.h"
#include "nt_test.h"

#define DRIVER(name) TEST_DRIVER_FOLDER "/" name ".so"

static NTBOX_KERNEL_ENTRY *Entry;
static NTBOX_KERNEL_EXIT *Exit;

void
NtTestSetUp(void)
{
    void *kernel = dlopen(TEST_KERNEL, RTLD_NOW | RTLD_LOCAL);

    /* Links libntcrt, as every client does: its thread-local storage must be there from the start.
     */
    NT_EXPECT_EQ(NtcrtHasFrame(), 0);
    if (kernel == NULL) {
        NT_FAIL("%s", dlerror());
    }
    *(void **)&Entry = dlsym(kernel, "NtboxKernelEntry");
    *(void **)&Exit = dlsym(kernel, "NtboxKernelExit");
    NT_EXPECT_TRUE(Entry != NULL && Exit != NULL);
}

static const NTBOX_SYSTEM_CALLS *
Start(const char *const *Drivers)
{
    NTBOX_START_OPTIONS options = {
        .Version = NTBOX_GATE_VERSION, .Drivers = Drivers, .NoMachineEvents = TRUE};
    const NTBOX_SYSTEM_CALLS *calls = NULL;

    NT_EXPECT_STATUS(Entry(&options, &calls, NULL), STATUS_SUCCESS);
    return calls;
}

NT_TEST(Entry, StartsWithADriverAndEndsWithoutFindings)
{
    static const char *const drivers[] = {DRIVER("good"), NULL};
    const NTBOX_SYSTEM_CALLS *calls = Start(drivers);
    const NTBOX_SYSTEM_CALLS *again = NULL;
    const char *failed = NULL;

    NT_EXPECT_EQ(calls->Version, NTBOX_GATE_VERSION);
    NT_EXPECT_STATUS(calls->NtClose(ULongToHandle(0x1234)), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(Entry(NULL, &again, &failed), STATUS_SUCCESS);
    NT_EXPECT_EQ(again, calls);
    NT_EXPECT_EQ(Exit(), 0);
    NT_EXPECT_EQ(Exit(), 0);
    NT_EXPECT_STATUS(Entry(NULL, &again, &failed), STATUS_TOO_LATE);
}

NT_TEST(Entry, DriverThatStaysMayHaveATimerArmedAtTheEnd)
{
    static const char *const drivers[] = {DRIVER("stays"), NULL};

    Start(drivers);
    NT_EXPECT_EQ(Exit(), 0);
}

NT_TEST(Entry, EndCountsWhatDriversLeft)
{
    static const char *const drivers[] = {DRIVER("leaky"), NULL};

    Start(drivers);
    NT_EXPECT_EQ(Exit(), 3);
}

NT_TEST(Entry, FailingDriverIsNamedToEveryCaller)
{
    static const char *const drivers[] = {DRIVER("good"), DRIVER("missing"), NULL};
    NTBOX_START_OPTIONS options = {
        .Version = NTBOX_GATE_VERSION, .Drivers = drivers, .NoMachineEvents = TRUE};
    const NTBOX_SYSTEM_CALLS *calls = NULL;
    const char *failed = NULL;

    NT_EXPECT_STATUS(Entry(&options, &calls, &failed), STATUS_DRIVER_ENTRYPOINT_NOT_FOUND);
    NT_EXPECT_STR(failed, DRIVER("missing"));
    failed = NULL;
    NT_EXPECT_STATUS(Entry(NULL, &calls, &failed), STATUS_DRIVER_ENTRYPOINT_NOT_FOUND);
    NT_EXPECT_STR(failed, DRIVER("missing"));
}

NT_TEST(Entry, BadSettingIsNamed)
{
    static const char *const settings[] = {"good\\Value=dword:zzz", NULL};
    NTBOX_START_OPTIONS options = {
        .Version = NTBOX_GATE_VERSION, .Settings = settings, .NoMachineEvents = TRUE};
    const NTBOX_SYSTEM_CALLS *calls = NULL;
    const char *failed = NULL;

    NT_EXPECT_STATUS(Entry(&options, &calls, &failed), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STR(failed, settings[0]);
}

static void *
StartOnThread(void *Context)
{
    NTBOX_START_OPTIONS options = {.Version = NTBOX_GATE_VERSION, .NoMachineEvents = TRUE};
    const NTBOX_SYSTEM_CALLS *calls = NULL;

    NT_EXPECT_STATUS(Entry(&options, &calls, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(calls->NtClose(ULongToHandle(0x1234)), STATUS_INVALID_HANDLE);
    return (void *)calls;
}

NT_TEST(Entry, ManyThreadsStartOneKernel)
{
    pthread_t thread[8];
    void *first = NULL;

    for (int i = 0; i < 8; ++i) {
        NT_EXPECT_EQ(pthread_create(&thread[i], NULL, StartOnThread, NULL), 0);
    }
    for (int i = 0; i < 8; ++i) {
        void *calls;
        pthread_join(thread[i], &calls);
        NT_EXPECT_TRUE(calls != NULL && (first == NULL || calls == first));
        first = calls;
    }
    NT_EXPECT_EQ(Exit(), 0);
}

/* The kernel ends the process, so it runs in a child; its log comes back through a pipe. */
NT_TEST(Entry, CallOfAStubEndsTheProcessWithTheNameOfTheExport)
{
    static const char *const drivers[] = {DRIVER("stub"), NULL};
    char log[8192];
    size_t length = 0;
    ssize_t got;
    int ends[2];
    int status;
    pid_t child;

    NT_EXPECT_EQ(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        Start(drivers);
        _exit(0);
    }
    close(ends[1]);
    while (length < sizeof(log) - 1 &&
           (got = read(ends[0], log + length, sizeof(log) - 1 - length)) > 0) {
        length += (size_t)got;
    }
    log[length] = 0;
    NT_EXPECT_EQ(waitpid(child, &status, 0), child);
    NT_EXPECT_TRUE(WIFSIGNALED(status));
    NT_EXPECT_EQ(WTERMSIG(status), SIGABRT);
    NT_EXPECT_CONTAINS(log, "CcIsThereDirtyData is not implemented by ntbox");
    NT_EXPECT_CONTAINS(log, "driver stub");
    NT_EXPECT_CONTAINS(log, "stub.c:");
}
