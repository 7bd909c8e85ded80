/* SPDX-License-Identifier: MIT
 *
 * ke/describe.c - words for reports: code, lock owners, and what lies where an object should be
 *
 * Everything is read as memory that may be gone or garbage: a report must not fault.
 */
#include <stdio.h>

#include "ke/ki.h"

#define KI_TEXT 300

static BOOLEAN
KiRead(VOID *Buffer, const VOID *Address, SIZE_T Size)
{
    uintptr_t fault;

    return HalpCopyMemory(Buffer, Address, Size, &fault) == HALP_OK;
}

VOID
KiNameCaller(ULONG_PTR Address, char *Buffer, SIZE_T Size)
{
    HALP_SYMBOL symbol;
    const char *file;

    /* A return address belongs to the call before it. */
    if (Address <= 1 || !HalpDescribeAddress(Address - 1, &symbol)) {
        snprintf(Buffer, Size, "0x%llx", (unsigned long long)Address);
        return;
    }
    if (symbol.File[0] != '\0') {
        file = strrchr(symbol.File, '/');
        snprintf(Buffer, Size, "%.120s (%.100s:%u)", symbol.Function,
                 file != NULL ? file + 1 : symbol.File, symbol.Line);
    } else {
        snprintf(Buffer, Size, "%.80s!%.120s+0x%llx", symbol.Module, symbol.Function,
                 (unsigned long long)symbol.Offset);
    }
}

/* ---- locks ---- */

/* Where the thread took the lock; 0 if it is not known. */
static ULONG_PTR
KiFindHeldLock(const KTHREAD *Thread, const VOID *Lock)
{
    KI_HELD_LOCK held[KI_HELD_LOCKS];
    ULONG count;

    if (!KiRead(&count, &Thread->SpinLocks, sizeof(count)) ||
        !KiRead(held, Thread->HeldLocks, sizeof(held))) {
        return 0;
    }
    for (ULONG i = min(count, KI_HELD_LOCKS); i > 0; i--) {
        if (held[i - 1].Lock == Lock) {
            return held[i - 1].Caller;
        }
    }
    return 0;
}

VOID
KiDescribeLockOwner(const ULONG_PTR *Word, ULONG_PTR Value, char *Buffer, SIZE_T Size)
{
    const KTHREAD *owner = (const KTHREAD *)(Value & ~KI_LOCK_FLAGS);
    char where[KI_TEXT];
    ULONG_PTR caller;
    ULONG number;

    Buffer[0] = '\0';
    if (!KiIsThread(owner) || !KiRead(&number, &owner->ThreadId, sizeof(number))) {
        return;
    }
    caller = KiFindHeldLock(owner, Word);
    KiNameCaller(caller, where, sizeof(where));
    snprintf(Buffer, Size, "thread %u%s%s", (unsigned)number,
             caller != 0 ? ", which took it in " : "", caller != 0 ? where : "");
}

BOOLEAN
KiIsThread(const VOID *Address)
{
    DISPATCHER_HEADER header;

    return ((ULONG_PTR)Address & 7) == 0 && (ULONG_PTR)Address >= 0x10000 &&
           KiRead(&header, Address, sizeof(header)) && header.Type == ThreadObject &&
           header.WaitListHead.Flink != NULL;
}

static SIZE_T
KiAppend(char *Buffer, SIZE_T Size, SIZE_T Used, const char *Separator, const char *Text)
{
    if (Used >= Size) {
        return Used;
    }
    return Used +
           (SIZE_T)snprintf(Buffer + Used, Size - Used, "%s%s", Used != 0 ? Separator : "", Text);
}

static SIZE_T
KiAppendHeld(char *Buffer, SIZE_T Size, SIZE_T Used, const char *What, const KI_HELD_LOCK *Held)
{
    char where[KI_TEXT];
    char text[KI_TEXT + 100];

    KiNameCaller(Held->Caller, where, sizeof(where));
    snprintf(text, sizeof(text), "%s %p, taken in %s", What, Held->Lock, where);
    return KiAppend(Buffer, Size, Used, "; ", text);
}

VOID
KiDescribeHeld(KTHREAD *Thread, char *Buffer, SIZE_T Size)
{
    char where[KI_TEXT];
    char text[KI_TEXT + 100];
    SIZE_T used = 0;

    Buffer[0] = '\0';
    for (ULONG i = 0; i < min(Thread->SpinLocks, KI_HELD_LOCKS); i++) {
        used = KiAppendHeld(Buffer, Size, used, "spin lock", &Thread->HeldLocks[i]);
    }
    if (Thread->LastMutex.Lock != NULL) {
        used = KiAppendHeld(Buffer, Size, used, "fast or guarded mutex", &Thread->LastMutex);
    }
    if (Thread->MutantList.Flink != NULL && !IsListEmpty(&Thread->MutantList)) {
        snprintf(text, sizeof(text), "mutex %p",
                 (void *)CONTAINING_RECORD(Thread->MutantList.Flink, KMUTANT, MutantListEntry));
        used = KiAppend(Buffer, Size, used, "; ", text);
    }
    if (Thread->KernelApcDisable != 0 || Thread->SpecialApcDisable != 0) {
        KiNameCaller(Thread->RegionCaller, where, sizeof(where));
        snprintf(text, sizeof(text), "inside %d critical and %d guarded regions%s%s",
                 -Thread->KernelApcDisable, -Thread->SpecialApcDisable,
                 Thread->RegionCaller != 0 ? ", the last entered in " : "",
                 Thread->RegionCaller != 0 ? where : "");
        KiAppend(Buffer, Size, used, "; ", text);
    }
}

/* ---- objects ---- */

static const char *
KiObjectName(UCHAR Type)
{
    static const char *const names[] = {
        [EventNotificationObject] = "a KEVENT (NotificationEvent)",
        [EventSynchronizationObject] = "a KEVENT (SynchronizationEvent)",
        [MutantObject] = "a KMUTEX",
        [ProcessObject] = "a process",
        [QueueObject] = "a KQUEUE",
        [SemaphoreObject] = "a KSEMAPHORE",
        [ThreadObject] = "a thread",
        [TimerNotificationObject] = "a KTIMER (NotificationTimer)",
        [TimerSynchronizationObject] = "a KTIMER (SynchronizationTimer)",
        [DpcObject] = "a KDPC",
        [DeviceQueueObject] = "a KDEVICE_QUEUE",
        [ThreadedDpcObject] = "a threaded KDPC",
    };

    return Type < sizeof(names) / sizeof(names[0]) ? names[Type] : NULL;
}

/* All Size bytes are Value. */
static BOOLEAN
KiIsFill(const UCHAR *Bytes, SIZE_T Size, UCHAR Value)
{
    for (SIZE_T i = 0; i < Size; i++) {
        if (Bytes[i] != Value) {
            return FALSE;
        }
    }
    return TRUE;
}

VOID
KiDescribeObject(const VOID *Object, char *Buffer, SIZE_T Size)
{
    UCHAR bytes[sizeof(DISPATCHER_HEADER)];
    ULONG64 words[2];
    const char *name;

    if (!KiRead(bytes, Object, sizeof(bytes))) {
        snprintf(Buffer, Size, "%s", "memory that cannot be read");
        return;
    }
    memcpy(words, bytes, sizeof(words));
    name = KiObjectName(bytes[0]);
    if (KiIsFill(bytes, sizeof(bytes), 0)) {
        snprintf(Buffer, Size, "%s", "only zeroes: it was never initialised");
    } else if (KiIsFill(bytes, sizeof(words), 0xCD)) {
        snprintf(Buffer, Size, "%s", "the fill of new pool, 0xCD: it was never initialised");
    } else if (KiIsFill(bytes, sizeof(words), 0xDD)) {
        snprintf(Buffer, Size, "%s", "the fill of freed pool, 0xDD: its memory was freed before");
    } else if (bytes[0] == EventNotificationObject && bytes[2] == sizeof(KEVENT) / sizeof(LONG) &&
               words[1] != 0) {
        snprintf(Buffer, Size, "%s", name);
    } else if (name != NULL && bytes[0] != EventNotificationObject && words[0] != 0 &&
               words[1] != 0) {
        snprintf(Buffer, Size, "%s", name);
    } else {
        snprintf(Buffer, Size, "the bytes %016llx %016llx: no kernel object begins like that",
                 (unsigned long long)words[0], (unsigned long long)words[1]);
    }
}

VOID
KiReportWrongObject(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, const VOID *Object,
                    const char *Function, const char *Wanted, const char *Initializer)
{
    char found[KI_TEXT];

    KiDescribeObject(Object, found, sizeof(found));
    KiBugCheckDetail(
        Code, P1, P2, 0, 0,
        "%s was called with %p, which is not an initialised %s. There lies %s. Call %s before the "
        "first use, and pass the address of the object itself",
        Function, Object, Wanted, found, Initializer);
}
