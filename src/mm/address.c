/* SPDX-License-Identifier: MIT
 *
 * mm/address.c - which addresses are the kernel's, and crossing to the user's
 *
 * Images and views of the system are ranges in two tables. Every probe reads them, so reading
 * takes no lock: a reader that met a change begins again.
 *
 * Invariants  A1  MI_RANGES.Changes is odd while the table is being changed. What a reader took
 *                 between two equal, even values is one state of the table.
 * Locks       MI_RANGES.Lock (spin) serialises changes.
 * Source      WDK reference, wdm.h ProbeForRead, ProbeForWrite (2023-05-09).
 */
#include "mm/client.h"
#include "mm/mi.h"

#define MI_MAX_RANGES 1024u

typedef struct MI_RANGE {
    ULONG_PTR Base;
    ULONG_PTR End;
} MI_RANGE;

typedef struct MI_RANGES {
    KSPIN_LOCK Lock;
    uint32_t Changes; /* A1; atomic, as all below */
    ULONG Count;
    MI_RANGE Range[MI_MAX_RANGES]; /* sorted by Base; they do not overlap */
} MI_RANGES;

static MI_RANGES MiImages;
static MI_RANGES MiViewRanges;

#pragma GCC visibility push(default)
/* This host's limits; its pools lie below them too, so every address compares as the user's. */
PVOID MmHighestUserAddress = (PVOID)MI_HIGHEST_USER;
PVOID MmSystemRangeStart = (PVOID)0xFFFF800000000000ull;
ULONG64 MmUserProbeAddress = 0x00007FFFFFFFF000ull;
BOOLEAN Mm64BitPhysicalAddress = TRUE;
PVOID MmBadPointer = (PVOID)0xFFFF800000000000ull;
#pragma GCC visibility pop

NTSTATUS
MiInitializeSystem(VOID)
{
    KeInitializeSpinLock(&MiImages.Lock);
    KeInitializeSpinLock(&MiViewRanges.Lock);
    MiInitializeIsolation();
    KiRegisterRaise(ExRaiseStatus);
    return STATUS_SUCCESS;
}

VOID
MiShutdownSystem(VOID)
{
    MiRundownViews(NULL);
    __atomic_store_n(&MiImages.Count, 0, __ATOMIC_RELEASE);
}

/* ---- ranges ---- */

/* A1: what is stored behind this is seen only with an odd or a later number. */
static KIRQL
MiBeginChange(MI_RANGES *Ranges)
{
    KIRQL irql;

    KeAcquireSpinLock(&Ranges->Lock, &irql);
    __atomic_fetch_add(&Ranges->Changes, 1, __ATOMIC_ACQ_REL);
    return irql;
}

static VOID
MiEndChange(MI_RANGES *Ranges, KIRQL Irql)
{
    __atomic_fetch_add(&Ranges->Changes, 1, __ATOMIC_RELEASE);
    KeReleaseSpinLock(&Ranges->Lock, Irql);
}

static VOID
MiSetRange(MI_RANGE *Range, ULONG_PTR Base, ULONG_PTR End)
{
    __atomic_store_n(&Range->Base, Base, __ATOMIC_RELEASE);
    __atomic_store_n(&Range->End, End, __ATOMIC_RELEASE);
}

static NTSTATUS
MiAddRange(MI_RANGES *Ranges, ULONG_PTR Base, SIZE_T Size)
{
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    KIRQL irql = MiBeginChange(Ranges);
    ULONG place = Ranges->Count;

    if (place < MI_MAX_RANGES) {
        for (; place != 0 && Ranges->Range[place - 1].Base > Base; --place) {
            MiSetRange(&Ranges->Range[place], Ranges->Range[place - 1].Base,
                       Ranges->Range[place - 1].End);
        }
        MiSetRange(&Ranges->Range[place], Base, Base + Size);
        __atomic_store_n(&Ranges->Count, Ranges->Count + 1, __ATOMIC_RELEASE);
        status = STATUS_SUCCESS;
    }
    MiEndChange(Ranges, irql);
    return status;
}

static VOID
MiRemoveRange(MI_RANGES *Ranges, ULONG_PTR Base)
{
    KIRQL irql = MiBeginChange(Ranges);
    ULONG count = Ranges->Count;
    ULONG place = 0;

    while (place < count && Ranges->Range[place].Base != Base) {
        ++place;
    }
    if (place < count) {
        for (; place + 1 < count; ++place) {
            MiSetRange(&Ranges->Range[place], Ranges->Range[place + 1].Base,
                       Ranges->Range[place + 1].End);
        }
        __atomic_store_n(&Ranges->Count, count - 1, __ATOMIC_RELEASE);
    }
    MiEndChange(Ranges, irql);
}

/* FALSE: the table has changed, or is changing, since Changes was read. */
static inline BOOLEAN
MiIsUnchanged(const MI_RANGES *Ranges, uint32_t Changes)
{
    return (Changes & 1) == 0 && __atomic_load_n(&Ranges->Changes, __ATOMIC_RELAXED) == Changes;
}

/* A range that has a byte in [First, Last]. */
static BOOLEAN
MiTouchesRange(const MI_RANGES *Ranges, ULONG_PTR First, ULONG_PTR Last)
{
    uint32_t changes;
    BOOLEAN touches;

    do {
        ULONG low = 0;
        ULONG count;
        ULONG high;

        changes = __atomic_load_n(&Ranges->Changes, __ATOMIC_ACQUIRE);
        count = __atomic_load_n(&Ranges->Count, __ATOMIC_ACQUIRE);
        /* The first range that ends behind First. */
        high = count;
        while (low < high) {
            ULONG middle = (low + high) / 2;

            if (__atomic_load_n(&Ranges->Range[middle].End, __ATOMIC_ACQUIRE) <= First) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        touches =
            low < count && __atomic_load_n(&Ranges->Range[low].Base, __ATOMIC_ACQUIRE) <= Last;
    } while (!MiIsUnchanged(Ranges, changes));
    return touches;
}

/* ---- images and views ---- */

NTSTATUS
MiAddKernelImage(ULONG_PTR Base, SIZE_T Size)
{
    return MiAddRange(&MiImages, Base, Size);
}

VOID
MiRemoveKernelImage(ULONG_PTR Base)
{
    MiRemoveRange(&MiImages, Base);
}

NTSTATUS
MiAddSystemView(ULONG_PTR Base, SIZE_T Size)
{
    return MiAddRange(&MiViewRanges, Base, Size);
}

VOID
MiRemoveSystemView(ULONG_PTR Base)
{
    MiRemoveRange(&MiViewRanges, Base);
}

BOOLEAN
MiQueryKernelImage(ULONG Index, PULONG_PTR Base, PSIZE_T Size)
{
    ULONG_PTR base = 0;
    ULONG_PTR end = 0;
    uint32_t changes;
    BOOLEAN found;

    do {
        changes = __atomic_load_n(&MiImages.Changes, __ATOMIC_ACQUIRE);
        found = Index < __atomic_load_n(&MiImages.Count, __ATOMIC_ACQUIRE);
        if (found) {
            base = __atomic_load_n(&MiImages.Range[Index].Base, __ATOMIC_ACQUIRE);
            end = __atomic_load_n(&MiImages.Range[Index].End, __ATOMIC_ACQUIRE);
        }
    } while (!MiIsUnchanged(&MiImages, changes));
    if (found) {
        *Base = base;
        *Size = end - base;
    }
    return found;
}

BOOLEAN
MiIsImageAddress(ULONG_PTR Address)
{
    return MiTouchesRange(&MiImages, Address, Address);
}

/* An image or a view that has a byte in [First, Last]. */
static BOOLEAN
MiTouchesImage(ULONG_PTR First, ULONG_PTR Last)
{
    return MiTouchesRange(&MiImages, First, Last) || MiTouchesRange(&MiViewRanges, First, Last);
}

BOOLEAN
MiIsKernelAddress(ULONG_PTR Address)
{
    if (Address - ExpKernelBase < ExpKernelEnd - ExpKernelBase) {
        return TRUE;
    }
    /* What lies between the highest user address and bit 47 faults as a user's does. */
    return (Address >> 47) != 0 || MiTouchesImage(Address, Address);
}

BOOLEAN
MiIsUserRange(const VOID *Address, SIZE_T Length)
{
    ULONG_PTR first = (ULONG_PTR)Address;
    ULONG_PTR last = Length == 0 ? first : first + Length - 1;
    MI_CLIENT *client = MiCurrentClient();

    if (client != NULL) {
        return MiIsSharedRange(client, Address, Length);
    }
    if (last < first || last > MI_HIGHEST_USER) {
        return FALSE;
    }
    if (first < ExpKernelEnd && last >= ExpKernelBase) {
        return FALSE;
    }
    return !MiTouchesImage(first, last);
}

/* ---- copies and probes ---- */

static NTSTATUS
MiCopyChecked(PVOID Destination, const VOID *Source, SIZE_T Length)
{
    uintptr_t fault;

    while (HalpCopyMemory(Destination, Source, Length, &fault) != HALP_OK) {
        if (!MiAwaitMove(fault)) {
            return STATUS_ACCESS_VIOLATION;
        }
    }
    return STATUS_SUCCESS;
}

NTSTATUS
MiCopyFromUser(PVOID Destination, const VOID *UserSource, SIZE_T Length, KPROCESSOR_MODE Mode)
{
    MI_CLIENT *client;

    if (Length == 0) {
        return STATUS_SUCCESS;
    }
    if (Mode == KernelMode) {
        memcpy(Destination, UserSource, Length);
        return STATUS_SUCCESS;
    }
    client = MiCurrentClient();
    if (client != NULL) {
        return MiReadClient(client, Destination, UserSource, Length);
    }
    if (!MiIsUserRange(UserSource, Length)) {
        return STATUS_ACCESS_VIOLATION;
    }
    return MiCopyChecked(Destination, UserSource, Length);
}

NTSTATUS
MiCopyToUser(PVOID UserDestination, const VOID *Source, SIZE_T Length, KPROCESSOR_MODE Mode)
{
    MI_CLIENT *client;

    if (Length == 0) {
        return STATUS_SUCCESS;
    }
    if (Mode == KernelMode) {
        memcpy(UserDestination, Source, Length);
        return STATUS_SUCCESS;
    }
    client = MiCurrentClient();
    if (client != NULL) {
        return MiWriteClient(client, UserDestination, Source, Length);
    }
    if (!MiIsUserRange(UserDestination, Length)) {
        return STATUS_ACCESS_VIOLATION;
    }
    return MiCopyChecked(UserDestination, Source, Length);
}

NTSTATUS
MiProbeUser(const VOID *Address, SIZE_T Length, ULONG Alignment, BOOLEAN Write)
{
    MI_CLIENT *client;
    uintptr_t fault;

    if (Length == 0) {
        return STATUS_SUCCESS;
    }
    if (Alignment > 1 && ((ULONG_PTR)Address & (Alignment - 1)) != 0) {
        return STATUS_DATATYPE_MISALIGNMENT;
    }
    client = MiCurrentClient();
    if (client != NULL) {
        return MiProbeClient(client, Address, Length, Write);
    }
    if (!MiIsUserRange(Address, Length)) {
        return STATUS_ACCESS_VIOLATION;
    }
    if (Write &&
        HalpTouchMemory((PVOID)Address, Length, HALP_READ | HALP_WRITE, &fault) != HALP_OK) {
        return STATUS_ACCESS_VIOLATION;
    }
    return STATUS_SUCCESS;
}

/* For a driver, which goes on to use the address. */
static NTSTATUS
MiProbeTouchable(const VOID *Address, SIZE_T Length, ULONG Alignment, BOOLEAN Write)
{
    NTSTATUS status = MiProbeUser(Address, Length, Alignment, Write);

    return NT_SUCCESS(status) && Length != 0 && !MiIsUserRange(Address, Length)
               ? STATUS_ACCESS_VIOLATION
               : status;
}

static VOID
MiRaiseProbe(NTSTATUS Status)
{
    if (Status == STATUS_ACCESS_VIOLATION) {
        ExRaiseAccessViolation();
    }
    if (Status == STATUS_DATATYPE_MISALIGNMENT) {
        ExRaiseDatatypeMisalignment();
    }
}

#pragma GCC visibility push(default)

/*
 * Differs: of a client process's memory a driver can touch what is shared with it, and the buffers
 * of the request, which it sees at other addresses; a pointer to anything else, as one may lie in a
 * buffer, is not accessible.
 */
VOID NTAPI
ProbeForRead(CONST VOID *Address, SIZE_T Length, ULONG Alignment)
{
    NT_ENTER(ProbeForRead);
    MiRaiseProbe(MiProbeTouchable(Address, Length, Alignment, FALSE));
}

VOID NTAPI
ProbeForWrite(PVOID Address, SIZE_T Length, ULONG Alignment)
{
    NT_ENTER(ProbeForWrite);
    MiRaiseProbe(MiProbeTouchable(Address, Length, Alignment, TRUE));
}

/* IRQL <= DISPATCH_LEVEL. Source: ntddk.h MmIsAddressValid: TRUE says little about the next moment.
 */
BOOLEAN NTAPI
MmIsAddressValid(PVOID VirtualAddress)
{
    NT_ENTER(MmIsAddressValid);
    uintptr_t fault;

    return HalpTouchMemory(VirtualAddress, 1, HALP_READ, &fault) == HALP_OK;
}

BOOLEAN NTAPI
MmIsNonPagedSystemAddressValid(PVOID VirtualAddress)
{
    NT_ENTER(MmIsNonPagedSystemAddressValid);
    EXP_POOL_BLOCK block;
    BOOLEAN isFree;

    return ExpDescribePoolAddress((ULONG_PTR)VirtualAddress, &block, &isFree) && block.NonPaged &&
           !isFree;
}

#pragma GCC visibility pop
