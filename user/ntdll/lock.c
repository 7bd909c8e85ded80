/* SPDX-License-Identifier: MIT
 *
 * ntdll/lock.c - critical sections, slim locks, condition variables, one-time initialisation
 *
 * All of them live in the caller's memory with Windows's sizes and initialisers, and wait on one
 * 32-bit word of it.
 *
 * Invariants  K1  CRITICAL_SECTION.LockCount: -1 free, 0 owned, 1 owned and somebody may wait.
 *             K2  SRWLOCK's low word: 0 free, EXCLUSIVE, else the number of shared owners; the
 *                 high word counts threads that wait. A waiter counts itself before it looks again.
 *             K3  CONDITION_VARIABLE's low word changes at every wake, so a sleeper that read it
 *                 under the caller's lock cannot miss one.
 */
#include "ntdll/ntdll.h"

#define SPIN_ROUNDS 64

static VOID
Spin(ULONG Round)
{
    if (Round < SPIN_ROUNDS) {
        __builtin_ia32_pause();
    }
}

static uint64_t
NanosecondsOf(DWORD Milliseconds)
{
    return Milliseconds == INFINITE ? UINT64_MAX : (uint64_t)Milliseconds * 1000000u;
}

/* ---- critical sections ---- */

#define SECTION_FREE (-1)
#define SECTION_OWNED 0
#define SECTION_CONTENDED 1

static uint32_t *
SectionWord(LPCRITICAL_SECTION Section)
{
    return (uint32_t *)&Section->LockCount;
}

BOOL WINAPI
InitializeCriticalSectionEx(LPCRITICAL_SECTION Section, DWORD SpinCount, DWORD Flags)
{
    memset(Section, 0, sizeof(*Section));
    Section->LockCount = SECTION_FREE;
    Section->SpinCount = SpinCount;
    return TRUE;
}

VOID WINAPI
InitializeCriticalSection(LPCRITICAL_SECTION Section)
{
    InitializeCriticalSectionEx(Section, 0, 0);
}

BOOL WINAPI
InitializeCriticalSectionAndSpinCount(LPCRITICAL_SECTION Section, DWORD SpinCount)
{
    return InitializeCriticalSectionEx(Section, SpinCount, 0);
}

VOID WINAPI
DeleteCriticalSection(LPCRITICAL_SECTION Section)
{
    memset(Section, 0, sizeof(*Section));
}

static HANDLE
SelfAsOwner(VOID)
{
    return (HANDLE)(ULONG_PTR)NtdllHostThreadId();
}

/* Sections are recursive; only the owner can read itself here. */
static BOOLEAN
IsSectionMine(LPCRITICAL_SECTION Section)
{
    return __atomic_load_n(&Section->OwningThread, __ATOMIC_RELAXED) == SelfAsOwner();
}

static VOID
OwnSection(LPCRITICAL_SECTION Section)
{
    __atomic_store_n(&Section->OwningThread, SelfAsOwner(), __ATOMIC_RELAXED);
    Section->RecursionCount = 1;
}

BOOL WINAPI
TryEnterCriticalSection(LPCRITICAL_SECTION Section)
{
    LONG expected = SECTION_FREE;

    if (__atomic_compare_exchange_n(&Section->LockCount, &expected, SECTION_OWNED, 0,
                                    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        OwnSection(Section);
        return TRUE;
    }
    if (IsSectionMine(Section)) {
        Section->RecursionCount++;
        return TRUE;
    }
    return FALSE;
}

VOID WINAPI
EnterCriticalSection(LPCRITICAL_SECTION Section)
{
    if (TryEnterCriticalSection(Section)) {
        return;
    }
    for (ULONG i = 0; i < SPIN_ROUNDS; i++) {
        Spin(i);
        if (__atomic_load_n(&Section->LockCount, __ATOMIC_RELAXED) == SECTION_FREE &&
            TryEnterCriticalSection(Section)) {
            return;
        }
    }
    while (__atomic_exchange_n(&Section->LockCount, SECTION_CONTENDED, __ATOMIC_ACQUIRE) !=
           SECTION_FREE) {
        NtdllHostWaitAddress(SectionWord(Section), SECTION_CONTENDED, UINT64_MAX);
    }
    OwnSection(Section);
}

VOID WINAPI
LeaveCriticalSection(LPCRITICAL_SECTION Section)
{
    if (--Section->RecursionCount != 0) {
        return;
    }
    __atomic_store_n(&Section->OwningThread, NULL, __ATOMIC_RELAXED);
    if (__atomic_exchange_n(&Section->LockCount, SECTION_FREE, __ATOMIC_RELEASE) ==
        SECTION_CONTENDED) {
        NtdllHostWakeAddress(SectionWord(Section), 1);
    }
}

DWORD WINAPI
SetCriticalSectionSpinCount(LPCRITICAL_SECTION Section, DWORD SpinCount)
{
    DWORD before = (DWORD)Section->SpinCount;

    Section->SpinCount = SpinCount;
    return before;
}

/* ---- slim reader/writer locks ---- */

#define SRW_EXCLUSIVE UINT32_MAX

typedef struct SRW_WORDS {
    uint32_t State;
    uint32_t Waiters;
} SRW_WORDS;

static SRW_WORDS *
SrwWords(PSRWLOCK Lock)
{
    return (SRW_WORDS *)&Lock->Ptr;
}

static BOOLEAN
TryExclusive(SRW_WORDS *Words)
{
    uint32_t free = 0;

    return __atomic_compare_exchange_n(&Words->State, &free, SRW_EXCLUSIVE, 0, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static BOOLEAN
TryShared(SRW_WORDS *Words)
{
    uint32_t state = __atomic_load_n(&Words->State, __ATOMIC_RELAXED);

    while (state < SRW_EXCLUSIVE - 1) {
        if (__atomic_compare_exchange_n(&Words->State, &state, state + 1, 0, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return TRUE;
        }
    }
    return FALSE;
}

static VOID
AcquireSlow(SRW_WORDS *Words, BOOLEAN (*Try)(SRW_WORDS *Words))
{
    for (ULONG i = 0; i < SPIN_ROUNDS; i++) {
        if (Try(Words)) {
            return;
        }
        Spin(i);
    }
    __atomic_add_fetch(&Words->Waiters, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        uint32_t state = __atomic_load_n(&Words->State, __ATOMIC_SEQ_CST);

        if (Try(Words)) {
            break;
        }
        if (state != 0) {
            NtdllHostWaitAddress(&Words->State, state, UINT64_MAX);
        }
    }
    __atomic_sub_fetch(&Words->Waiters, 1, __ATOMIC_SEQ_CST);
}

static VOID
WakeSrw(SRW_WORDS *Words)
{
    if (__atomic_load_n(&Words->Waiters, __ATOMIC_SEQ_CST) != 0) {
        NtdllHostWakeAddress(&Words->State, UINT32_MAX);
    }
}

VOID WINAPI
InitializeSRWLock(PSRWLOCK Lock)
{
    Lock->Ptr = NULL;
}

VOID WINAPI
AcquireSRWLockExclusive(PSRWLOCK Lock)
{
    if (!TryExclusive(SrwWords(Lock))) {
        AcquireSlow(SrwWords(Lock), TryExclusive);
    }
}

BOOLEAN WINAPI
TryAcquireSRWLockExclusive(PSRWLOCK Lock)
{
    return TryExclusive(SrwWords(Lock));
}

VOID WINAPI
ReleaseSRWLockExclusive(PSRWLOCK Lock)
{
    __atomic_store_n(&SrwWords(Lock)->State, 0, __ATOMIC_SEQ_CST);
    WakeSrw(SrwWords(Lock));
}

VOID WINAPI
AcquireSRWLockShared(PSRWLOCK Lock)
{
    if (!TryShared(SrwWords(Lock))) {
        AcquireSlow(SrwWords(Lock), TryShared);
    }
}

BOOLEAN WINAPI
TryAcquireSRWLockShared(PSRWLOCK Lock)
{
    return TryShared(SrwWords(Lock));
}

VOID WINAPI
ReleaseSRWLockShared(PSRWLOCK Lock)
{
    /* A writer waits for the count that it saw: every change wakes it to look again. */
    __atomic_sub_fetch(&SrwWords(Lock)->State, 1, __ATOMIC_SEQ_CST);
    WakeSrw(SrwWords(Lock));
}

/* ---- condition variables ---- */

static uint32_t *
ConditionWord(PCONDITION_VARIABLE Condition)
{
    return (uint32_t *)&Condition->Ptr;
}

VOID WINAPI
InitializeConditionVariable(PCONDITION_VARIABLE Condition)
{
    Condition->Ptr = NULL;
}

VOID WINAPI
WakeConditionVariable(PCONDITION_VARIABLE Condition)
{
    __atomic_add_fetch(ConditionWord(Condition), 1, __ATOMIC_SEQ_CST);
    NtdllHostWakeAddress(ConditionWord(Condition), 1);
}

VOID WINAPI
WakeAllConditionVariable(PCONDITION_VARIABLE Condition)
{
    __atomic_add_fetch(ConditionWord(Condition), 1, __ATOMIC_SEQ_CST);
    NtdllHostWakeAddress(ConditionWord(Condition), UINT32_MAX);
}

static BOOL
ConditionResult(int Woken)
{
    if (!Woken) {
        NtdllLastError = ERROR_TIMEOUT;
        return FALSE;
    }
    return TRUE;
}

BOOL WINAPI
SleepConditionVariableCS(PCONDITION_VARIABLE Condition, PCRITICAL_SECTION Section,
                         DWORD Milliseconds)
{
    uint32_t seen = __atomic_load_n(ConditionWord(Condition), __ATOMIC_SEQ_CST);
    int woken;

    LeaveCriticalSection(Section);
    woken = NtdllHostWaitAddress(ConditionWord(Condition), seen, NanosecondsOf(Milliseconds));
    EnterCriticalSection(Section);
    return ConditionResult(woken);
}

BOOL WINAPI
SleepConditionVariableSRW(PCONDITION_VARIABLE Condition, PSRWLOCK Lock, DWORD Milliseconds,
                          ULONG Flags)
{
    BOOLEAN shared = (Flags & CONDITION_VARIABLE_LOCKMODE_SHARED) != 0;
    uint32_t seen = __atomic_load_n(ConditionWord(Condition), __ATOMIC_SEQ_CST);
    int woken;

    if (shared) {
        ReleaseSRWLockShared(Lock);
    } else {
        ReleaseSRWLockExclusive(Lock);
    }
    woken = NtdllHostWaitAddress(ConditionWord(Condition), seen, NanosecondsOf(Milliseconds));
    if (shared) {
        AcquireSRWLockShared(Lock);
    } else {
        AcquireSRWLockExclusive(Lock);
    }
    return ConditionResult(woken);
}

/* ---- one-time initialisation ---- */

#define ONCE_IDLE 0u
#define ONCE_RUNNING 1u
#define ONCE_DONE 2u
#define ONCE_STATE_MASK 3u /* the rest is the context, whose low bits are 0 */

static uint32_t *
OnceWord(PINIT_ONCE Once)
{
    return (uint32_t *)&Once->Ptr;
}

VOID WINAPI
InitOnceInitialize(PINIT_ONCE Once)
{
    Once->Ptr = NULL;
}

/* Differs  INIT_ONCE_ASYNC is ERROR_NOT_SUPPORTED */
BOOL WINAPI
InitOnceBeginInitialize(PINIT_ONCE Once, DWORD Flags, PBOOL Pending, LPVOID *Context)
{
    for (;;) {
        ULONG_PTR value = (ULONG_PTR)__atomic_load_n(&Once->Ptr, __ATOMIC_ACQUIRE);
        PVOID idle = NULL;

        if ((Flags & ~INIT_ONCE_CHECK_ONLY) != 0) {
            NtdllLastError = ERROR_NOT_SUPPORTED;
            return FALSE;
        }
        if ((value & ONCE_STATE_MASK) == ONCE_DONE) {
            *Pending = FALSE;
            if (Context != NULL) {
                *Context = (LPVOID)(value & ~(ULONG_PTR)ONCE_STATE_MASK);
            }
            return TRUE;
        }
        if ((Flags & INIT_ONCE_CHECK_ONLY) != 0) {
            *Pending = TRUE;
            NtdllLastError = ERROR_GEN_FAILURE;
            return FALSE;
        }
        if (value == ONCE_IDLE &&
            __atomic_compare_exchange_n(&Once->Ptr, &idle, (PVOID)(ULONG_PTR)ONCE_RUNNING, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            *Pending = TRUE;
            return TRUE;
        }
        NtdllHostWaitAddress(OnceWord(Once), ONCE_RUNNING, UINT64_MAX);
    }
}

BOOL WINAPI
InitOnceComplete(PINIT_ONCE Once, DWORD Flags, LPVOID Context)
{
    ULONG_PTR value = (Flags & INIT_ONCE_INIT_FAILED) != 0
                          ? ONCE_IDLE
                          : (ULONG_PTR)Context | (ULONG_PTR)ONCE_DONE;
    PVOID running = (PVOID)(ULONG_PTR)ONCE_RUNNING;

    if ((Flags & ~INIT_ONCE_INIT_FAILED) != 0 || ((ULONG_PTR)Context & ONCE_STATE_MASK) != 0 ||
        !__atomic_compare_exchange_n(&Once->Ptr, &running, (PVOID)value, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
        NtdllLastError = ERROR_INVALID_PARAMETER;
        return FALSE;
    }
    NtdllHostWakeAddress(OnceWord(Once), UINT32_MAX);
    return TRUE;
}

BOOL WINAPI
InitOnceExecuteOnce(PINIT_ONCE Once, PINIT_ONCE_FN Function, PVOID Parameter, LPVOID *Context)
{
    PVOID result = NULL;
    BOOL pending;

    if (!InitOnceBeginInitialize(Once, 0, &pending, Context)) {
        return FALSE;
    }
    if (!pending) {
        return TRUE;
    }
    if (!Function(Once, Parameter, &result)) {
        InitOnceComplete(Once, INIT_ONCE_INIT_FAILED, NULL);
        return FALSE;
    }
    if (Context != NULL) {
        *Context = result;
    }
    return InitOnceComplete(Once, 0, result);
}

/* ---- waiting on an address ---- */

/* Differs  AddressSize other than 4 is ERROR_INVALID_PARAMETER (Windows: 1, 2, 4 or 8) */
BOOL WINAPI
WaitOnAddress(volatile VOID *Address, PVOID Compare, SIZE_T AddressSize, DWORD Milliseconds)
{
    if (AddressSize != sizeof(uint32_t) || ((ULONG_PTR)Address & 3) != 0) {
        NtdllLastError = ERROR_INVALID_PARAMETER;
        return FALSE;
    }
    return ConditionResult(NtdllHostWaitAddress(
        (const uint32_t *)Address, *(const uint32_t *)Compare, NanosecondsOf(Milliseconds)));
}

VOID WINAPI
WakeByAddressSingle(PVOID Address)
{
    NtdllHostWakeAddress(Address, 1);
}

VOID WINAPI
WakeByAddressAll(PVOID Address)
{
    NtdllHostWakeAddress(Address, UINT32_MAX);
}
