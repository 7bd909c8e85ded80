/* SPDX-License-Identifier: MIT
 *
 * test/user/lock_test.c - locks under threads, one-time initialisation, control events
 */
#include "gate.h"
#include "nt_test.h"
#include "threads.h"

#define THREADS 4
#define ROUNDS 20000

static CRITICAL_SECTION Section;
static SRWLOCK Lock = SRWLOCK_INIT;
static CONDITION_VARIABLE Condition = CONDITION_VARIABLE_INIT;
static INIT_ONCE Once = INIT_ONCE_STATIC_INIT;
static ULONG Counter;   /* not atomic: what the locks guard */
static ULONG OnceCalls; /* not atomic either */

static void
RunThreads(void (*Body)(void))
{
    NT_EXPECT_TRUE(TestRunThreads(THREADS, Body));
}

static void
CountInSection(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        EnterCriticalSection(&Section);
        EnterCriticalSection(&Section);
        Counter++;
        LeaveCriticalSection(&Section);
        LeaveCriticalSection(&Section);
    }
}

NT_TEST(Section, GuardsAndRecurses)
{
    InitializeCriticalSection(&Section);
    RunThreads(CountInSection);
    NT_EXPECT_EQ(Counter, THREADS * ROUNDS);
    NT_EXPECT_TRUE(TryEnterCriticalSection(&Section));
    LeaveCriticalSection(&Section);
    DeleteCriticalSection(&Section);
}

static void
CountInSlimLock(void)
{
    ULONG before = 0;

    for (int i = 0; i < ROUNDS; i++) {
        if (i % 4 != 0) {
            AcquireSRWLockShared(&Lock);
            NT_EXPECT_TRUE(Counter >= before);
            before = Counter;
            ReleaseSRWLockShared(&Lock);
            continue;
        }
        AcquireSRWLockExclusive(&Lock);
        Counter++;
        ReleaseSRWLockExclusive(&Lock);
    }
}

NT_TEST(SlimLock, GuardsAgainstWritersAndReaders)
{
    RunThreads(CountInSlimLock);
    NT_EXPECT_EQ(Counter, THREADS * ROUNDS / 4);
    NT_EXPECT_TRUE(TryAcquireSRWLockShared(&Lock));
    NT_EXPECT_FALSE(TryAcquireSRWLockExclusive(&Lock));
    NT_EXPECT_TRUE(TryAcquireSRWLockShared(&Lock));
    ReleaseSRWLockShared(&Lock);
    ReleaseSRWLockShared(&Lock);
    NT_EXPECT_TRUE(TryAcquireSRWLockExclusive(&Lock));
    NT_EXPECT_FALSE(TryAcquireSRWLockShared(&Lock));
}

/* Each thread takes its turn: a lost wake-up hangs the test. */
static void
TakeTurns(void)
{
    static ULONG next;
    ULONG self = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);

    for (ULONG i = 0; i < 500; i++) {
        AcquireSRWLockExclusive(&Lock);
        while (Counter != i * THREADS + self) {
            SleepConditionVariableSRW(&Condition, &Lock, INFINITE, 0);
        }
        Counter++;
        ReleaseSRWLockExclusive(&Lock);
        WakeAllConditionVariable(&Condition);
    }
}

NT_TEST(Condition, WakesEverySleeper)
{
    RunThreads(TakeTurns);
    NT_EXPECT_EQ(Counter, THREADS * 500);
}

NT_TEST(Condition, TimesOut)
{
    AcquireSRWLockExclusive(&Lock);
    NT_EXPECT_FALSE(SleepConditionVariableSRW(&Condition, &Lock, 0, 0));
    NT_EXPECT_EQ(GetLastError(), ERROR_TIMEOUT);
    NT_EXPECT_FALSE(TryAcquireSRWLockShared(&Lock));
}

static BOOL CALLBACK
CountOnce(PINIT_ONCE Object, PVOID Parameter, PVOID *Context)
{
    OnceCalls++;
    *Context = &OnceCalls;
    return TRUE;
}

static void
InitializeOnce(void)
{
    PVOID context = NULL;

    NT_EXPECT_TRUE(InitOnceExecuteOnce(&Once, CountOnce, NULL, &context));
    NT_EXPECT_EQ(context, &OnceCalls);
    NT_EXPECT_EQ(OnceCalls, 1);
}

NT_TEST(Once, RunsOnceForAll)
{
    BOOL pending;

    RunThreads(InitializeOnce);
    NT_EXPECT_EQ(OnceCalls, 1);
    NT_EXPECT_TRUE(InitOnceBeginInitialize(&Once, INIT_ONCE_CHECK_ONLY, &pending, NULL));
    NT_EXPECT_FALSE(pending);
    InitOnceInitialize(&Once);
    NT_EXPECT_FALSE(InitOnceBeginInitialize(&Once, INIT_ONCE_CHECK_ONLY, &pending, NULL));
    NT_EXPECT_TRUE(InitOnceBeginInitialize(&Once, 0, &pending, NULL));
    NT_EXPECT_TRUE(InitOnceComplete(&Once, INIT_ONCE_INIT_FAILED, NULL));
    NT_EXPECT_FALSE(InitOnceComplete(&Once, 0, NULL));
}

/* ---- control events ---- */

static uint32_t Events;
static uint32_t LastEvent;
static DWORD HandlerThread;

static BOOL WINAPI
TakeControlEvent(DWORD Event)
{
    HandlerThread = GetCurrentThreadId();
    LastEvent = Event;
    __atomic_add_fetch(&Events, 1, __ATOMIC_SEQ_CST);
    WakeByAddressAll(&Events);
    return TRUE;
}

static BOOL WINAPI
PassControlEvent(DWORD Event)
{
    return FALSE;
}

NT_TEST(Control, HandlerRunsOnAnotherThread)
{
    uint32_t none = 0;

    NT_EXPECT_TRUE(SetConsoleCtrlHandler(TakeControlEvent, TRUE));
    NT_EXPECT_TRUE(SetConsoleCtrlHandler(PassControlEvent, TRUE));
    NT_EXPECT_TRUE(GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, 0));
    while (__atomic_load_n(&Events, __ATOMIC_SEQ_CST) == 0) {
        WaitOnAddress(&Events, &none, sizeof(none), INFINITE);
    }
    NT_EXPECT_EQ(LastEvent, CTRL_BREAK_EVENT);
    NT_EXPECT_NE(HandlerThread, GetCurrentThreadId());
    NT_EXPECT_TRUE(SetConsoleCtrlHandler(PassControlEvent, FALSE));
    NT_EXPECT_FALSE(SetConsoleCtrlHandler(PassControlEvent, FALSE));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}
