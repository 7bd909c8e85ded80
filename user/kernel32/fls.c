/* SPDX-License-Identifier: MIT
 *
 * kernel32/fls.c - fibre-local slots: slots of threads, as nothing here switches fibres
 *
 * Invariant  F1  a thread's slots are on BaseFlsThreads from its first FlsSetValue to its end.
 * Lock       BaseFlsLock guards the list and the callbacks' table; no callback runs under it.
 */
#include <stdlib.h>
#include <threads.h>

#include "kernel32/kernel32.h"

#define SLOTS 128

typedef struct FLS_THREAD {
    struct FLS_THREAD *Next;
    PVOID Values[SLOTS];
} FLS_THREAD;

static SRWLOCK BaseFlsLock = SRWLOCK_INIT;
static FLS_THREAD *BaseFlsThreads;
static BOOLEAN BaseFlsTaken[SLOTS];
static PFLS_CALLBACK_FUNCTION BaseFlsCallbacks[SLOTS];
static _Thread_local FLS_THREAD *BaseFlsOwn __attribute__((tls_model("initial-exec")));
static tss_t BaseFlsKey;
static once_flag BaseFlsOnce = ONCE_FLAG_INIT;

/* The end of a thread: each value that is there goes to its slot's callback. */
static void
EndThread(void *Context)
{
    FLS_THREAD *thread = Context;
    FLS_THREAD **link = &BaseFlsThreads;

    for (int i = 0; i < SLOTS; i++) {
        PFLS_CALLBACK_FUNCTION callback;
        PVOID value;

        AcquireSRWLockExclusive(&BaseFlsLock);
        callback = BaseFlsCallbacks[i];
        value = thread->Values[i];
        thread->Values[i] = NULL;
        ReleaseSRWLockExclusive(&BaseFlsLock);
        if (callback != NULL && value != NULL) {
            callback(value);
        }
    }
    AcquireSRWLockExclusive(&BaseFlsLock);
    while (*link != thread) {
        link = &(*link)->Next;
    }
    *link = thread->Next;
    ReleaseSRWLockExclusive(&BaseFlsLock);
    BaseFlsOwn = NULL;
    free(thread);
}

static void
CreateKey(void)
{
    tss_create(&BaseFlsKey, EndThread);
}

/* FlsAlloc - Callback, which may be NULL, is called for values at a thread's end and at FlsFree */
DWORD WINAPI
FlsAlloc(PFLS_CALLBACK_FUNCTION Callback)
{
    DWORD index = 0;

    AcquireSRWLockExclusive(&BaseFlsLock);
    while (index < SLOTS && BaseFlsTaken[index]) {
        index++;
    }
    if (index < SLOTS) {
        BaseFlsTaken[index] = TRUE;
        BaseFlsCallbacks[index] = Callback;
    }
    ReleaseSRWLockExclusive(&BaseFlsLock);
    if (index == SLOTS) {
        BaseFail(ERROR_NO_MORE_ITEMS);
        return FLS_OUT_OF_INDEXES;
    }
    return index;
}

/* A value of the slot on any thread, taken; NULL: none is left. */
static PVOID
TakeValue(DWORD Index)
{
    PVOID value = NULL;

    AcquireSRWLockExclusive(&BaseFlsLock);
    for (FLS_THREAD *thread = BaseFlsThreads; thread != NULL && value == NULL;
         thread = thread->Next) {
        value = thread->Values[Index];
        thread->Values[Index] = NULL;
    }
    ReleaseSRWLockExclusive(&BaseFlsLock);
    return value;
}

BOOL WINAPI
FlsFree(DWORD Index)
{
    PFLS_CALLBACK_FUNCTION callback;
    PVOID value;

    if (Index >= SLOTS || !BaseFlsTaken[Index]) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    callback = BaseFlsCallbacks[Index];
    while ((value = TakeValue(Index)) != NULL) {
        if (callback != NULL) {
            callback(value);
        }
    }
    AcquireSRWLockExclusive(&BaseFlsLock);
    BaseFlsTaken[Index] = FALSE;
    BaseFlsCallbacks[Index] = NULL;
    ReleaseSRWLockExclusive(&BaseFlsLock);
    return TRUE;
}

/* The last error becomes 0 on success: NULL may be the value. */
PVOID WINAPI
FlsGetValue(DWORD Index)
{
    if (Index >= SLOTS) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    NtdllLastError = ERROR_SUCCESS;
    return BaseFlsOwn != NULL ? __atomic_load_n(&BaseFlsOwn->Values[Index], __ATOMIC_RELAXED)
                              : NULL;
}

BOOL WINAPI
FlsSetValue(DWORD Index, PVOID Value)
{
    if (Index >= SLOTS) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (BaseFlsOwn == NULL) {
        call_once(&BaseFlsOnce, CreateKey);
        BaseFlsOwn = calloc(1, sizeof(*BaseFlsOwn));
        if (BaseFlsOwn == NULL) {
            return BaseFail(ERROR_NOT_ENOUGH_MEMORY);
        }
        tss_set(BaseFlsKey, BaseFlsOwn);
        AcquireSRWLockExclusive(&BaseFlsLock);
        BaseFlsOwn->Next = BaseFlsThreads;
        BaseFlsThreads = BaseFlsOwn;
        ReleaseSRWLockExclusive(&BaseFlsLock);
    }
    AcquireSRWLockExclusive(&BaseFlsLock);
    __atomic_store_n(&BaseFlsOwn->Values[Index], Value, __ATOMIC_RELAXED);
    ReleaseSRWLockExclusive(&BaseFlsLock);
    return TRUE;
}
