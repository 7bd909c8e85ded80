/* SPDX-License-Identifier: MIT
 *
 * mm/address.c - which addresses are the kernel's, and crossing to the user's
 *
 * Invariants  A1  MiImages points to a table that never changes; a change publishes a new one and
 *                 keeps the old until shutdown, so readers need no lock.
 * Locks       MiImageLock (spin) serialises changes.
 * Source      WDK reference, wdm.h ProbeForRead, ProbeForWrite (2023-05-09).
 */
#include "mm/mi.h"

#define MI_MAX_IMAGES 256u
#define MI_TAG_IMAGES 0x676D694Du             /* 'Mimg' */
#define MI_HIGHEST_USER 0x00007FFFFFFFEFFFull /* this host's last usable byte */

typedef struct MI_IMAGE_TABLE {
    struct MI_IMAGE_TABLE *Older;
    ULONG Count;
    struct {
        ULONG_PTR Base;
        ULONG_PTR End;
    } Image[MI_MAX_IMAGES]; /* sorted by Base */
} MI_IMAGE_TABLE;

static KSPIN_LOCK MiImageLock;
static MI_IMAGE_TABLE *MiImages; /* A1 */

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
    KeInitializeSpinLock(&MiImageLock);
    KiRegisterRaise(ExRaiseStatus);
    return STATUS_SUCCESS;
}

VOID
MiShutdownSystem(VOID)
{
    MI_IMAGE_TABLE *table;

    MiRundownViews(NULL);
    table = __atomic_exchange_n(&MiImages, NULL, __ATOMIC_ACQ_REL);
    while (table != NULL) {
        MI_IMAGE_TABLE *older = table->Older;

        ExFreePoolWithTag(table, MI_TAG_IMAGES);
        table = older;
    }
}

/* A1: the new table holds the old one's images, less the one at Remove, plus [Base, End). */
static VOID
MiBuildTable(MI_IMAGE_TABLE *Table, const MI_IMAGE_TABLE *Old, ULONG_PTR Base, ULONG_PTR End,
             ULONG_PTR Remove)
{
    ULONG count = 0;
    BOOLEAN placed = End == 0;

    for (ULONG i = 0; Old != NULL && i < Old->Count; i++) {
        if (!placed && Base < Old->Image[i].Base) {
            Table->Image[count].Base = Base;
            Table->Image[count++].End = End;
            placed = TRUE;
        }
        if (Old->Image[i].Base != Remove) {
            Table->Image[count++] = Old->Image[i];
        }
    }
    if (!placed) {
        Table->Image[count].Base = Base;
        Table->Image[count++].End = End;
    }
    Table->Count = count;
}

static NTSTATUS
MiChangeImages(ULONG_PTR Base, ULONG_PTR End, ULONG_PTR Remove)
{
    MI_IMAGE_TABLE *table;
    KIRQL irql;

    table = ExpAllocatePool(NonPagedPoolNx, sizeof(*table), MI_TAG_IMAGES, NT_CALLER());
    if (table == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeAcquireSpinLock(&MiImageLock, &irql);
    if (End != 0 && MiImages != NULL && MiImages->Count == MI_MAX_IMAGES) {
        KeReleaseSpinLock(&MiImageLock, irql);
        ExFreePoolWithTag(table, MI_TAG_IMAGES);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    MiBuildTable(table, MiImages, Base, End, Remove);
    table->Older = MiImages;
    __atomic_store_n(&MiImages, table, __ATOMIC_RELEASE);
    KeReleaseSpinLock(&MiImageLock, irql);
    return STATUS_SUCCESS;
}

NTSTATUS
MiAddKernelImage(ULONG_PTR Base, SIZE_T Size)
{
    return MiChangeImages(Base, Base + Size, 0);
}

VOID
MiRemoveKernelImage(ULONG_PTR Base)
{
    /* Without memory for a new table the range stays the kernel's: the safe side. */
    MiChangeImages(0, 0, Base);
}

BOOLEAN
MiQueryKernelImage(ULONG Index, PULONG_PTR Base, PSIZE_T Size)
{
    const MI_IMAGE_TABLE *table = __atomic_load_n(&MiImages, __ATOMIC_ACQUIRE);

    for (ULONG i = 0; table != NULL && i < table->Count; i++) {
        if (!MiIsSystemView(table->Image[i].Base) && Index-- == 0) {
            *Base = table->Image[i].Base;
            *Size = table->Image[i].End - table->Image[i].Base;
            return TRUE;
        }
    }
    return FALSE;
}

/* An image that has a byte in [First, Last]. */
static BOOLEAN
MiTouchesImage(ULONG_PTR First, ULONG_PTR Last)
{
    const MI_IMAGE_TABLE *table = __atomic_load_n(&MiImages, __ATOMIC_ACQUIRE);
    ULONG low = 0;
    ULONG high;

    if (table == NULL) {
        return FALSE;
    }
    /* The first image that ends behind First; images do not overlap. */
    high = table->Count;
    while (low < high) {
        ULONG middle = (low + high) / 2;

        if (table->Image[middle].End <= First) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < table->Count && table->Image[low].Base <= Last;
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

    return HalpCopyMemory(Destination, Source, Length, &fault) == HALP_OK ? STATUS_SUCCESS
                                                                          : STATUS_ACCESS_VIOLATION;
}

NTSTATUS
MiCopyFromUser(PVOID Destination, const VOID *UserSource, SIZE_T Length, KPROCESSOR_MODE Mode)
{
    if (Length == 0) {
        return STATUS_SUCCESS;
    }
    if (Mode == KernelMode) {
        memcpy(Destination, UserSource, Length);
        return STATUS_SUCCESS;
    }
    if (!MiIsUserRange(UserSource, Length)) {
        return STATUS_ACCESS_VIOLATION;
    }
    return MiCopyChecked(Destination, UserSource, Length);
}

NTSTATUS
MiCopyToUser(PVOID UserDestination, const VOID *Source, SIZE_T Length, KPROCESSOR_MODE Mode)
{
    if (Length == 0) {
        return STATUS_SUCCESS;
    }
    if (Mode == KernelMode) {
        memcpy(UserDestination, Source, Length);
        return STATUS_SUCCESS;
    }
    if (!MiIsUserRange(UserDestination, Length)) {
        return STATUS_ACCESS_VIOLATION;
    }
    return MiCopyChecked(UserDestination, Source, Length);
}

NTSTATUS
MiProbeUser(const VOID *Address, SIZE_T Length, ULONG Alignment, BOOLEAN Write)
{
    uintptr_t fault;

    if (Length == 0) {
        return STATUS_SUCCESS;
    }
    if (Alignment > 1 && ((ULONG_PTR)Address & (Alignment - 1)) != 0) {
        return STATUS_DATATYPE_MISALIGNMENT;
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

VOID NTAPI
ProbeForRead(CONST VOID *Address, SIZE_T Length, ULONG Alignment)
{
    NT_ENTER(ProbeForRead);
    MiRaiseProbe(MiProbeUser(Address, Length, Alignment, FALSE));
}

VOID NTAPI
ProbeForWrite(PVOID Address, SIZE_T Length, ULONG Alignment)
{
    NT_ENTER(ProbeForWrite);
    MiRaiseProbe(MiProbeUser(Address, Length, Alignment, TRUE));
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
