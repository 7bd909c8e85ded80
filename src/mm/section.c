/* SPDX-License-Identifier: MIT
 *
 * mm/section.c - memory that is mapped as views: sections without their object
 *
 * A section is memory shared with the host, which every view maps once more; a change through one
 * view is seen through all. A view of a process is a user address, one of the system a kernel
 * address, and begins at a multiple of 64 KiB, as on Windows.
 *
 * Invariants  S1  A view holds a reference to its section, so the memory outlives handles.
 *             S2  A view is on MiViews from its making until it is unmapped, or its process's
 *                 rundown takes it, whichever takes it off first.
 * Locks       MiViewLock (spin) guards the list. No host call is made while it is held.
 * Source      WDK docs, "Section Objects and Views".
 */
#include "mm/client.h"
#include "mm/mi.h"

#define MI_TAG_SECTION 0x74536D4Du /* 'MmSt' */
#define MI_VIEW_ALIGNMENT 0x10000u

struct MI_SECTION {
    LONG References; /* atomic */
    ULONG64 Size;    /* whole pages */
    HALP_SHARED_MEMORY *Memory;
    MI_CLIENT *Client; /* whose quota has it; or NULL */
};

typedef struct MI_VIEW {
    LIST_ENTRY Link;
    MI_SECTION *Section;
    PEPROCESS Process; /* NULL: the system's */
    PVOID Base;
    SIZE_T Size;
    MI_CLIENT_MAPPING *Remote; /* of a process of its own; else NULL */
} MI_VIEW;

static KSPIN_LOCK MiViewLock;
static LIST_ENTRY MiViews NT_GUARDED_BY(MiViewLock) = {&MiViews, &MiViews};

NTSTATUS
MiCreateSection(ULONG64 Size, MI_SECTION **Section)
{
    MI_SECTION *section;

    NT_ASSERT_INTERNAL(Size != 0 && (Size & (PAGE_SIZE - 1)) == 0);
    section = ExpAllocatePool(NonPagedPoolNx, sizeof(*section), MI_TAG_SECTION, NT_CALLER());
    if (section == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    section->References = 1;
    section->Size = Size;
    section->Client = KiGetCurrentThread()->PreviousMode != KernelMode ? MiCurrentClient() : NULL;
    if (!NT_SUCCESS(MiChargeClient(section->Client, MiQuotaMemory, Size))) {
        ExFreePoolWithTag(section, MI_TAG_SECTION);
        return STATUS_QUOTA_EXCEEDED;
    }
    if (HalpShouldFail("section") ||
        HalpCreateSharedMemory("ntbox section", Size, &section->Memory) != HALP_OK) {
        MiReturnCharge(section->Client, MiQuotaMemory, Size);
        ExFreePoolWithTag(section, MI_TAG_SECTION);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *Section = section;
    return STATUS_SUCCESS;
}

VOID
MiDereferenceSection(MI_SECTION *Section)
{
    if (__atomic_sub_fetch(&Section->References, 1, __ATOMIC_ACQ_REL) == 0) {
        HalpCloseSharedMemory(Section->Memory);
        MiReturnCharge(Section->Client, MiQuotaMemory, Section->Size);
        ExFreePoolWithTag(Section, MI_TAG_SECTION);
    }
}

ULONG64
MiSectionSize(const MI_SECTION *Section)
{
    return Section->Size;
}

/* Memory at View->Base. */
static NTSTATUS
MiPlaceView(MI_VIEW *View, ULONG64 Offset, BOOLEAN Writable)
{
    ULONG access = Writable ? HALP_READ | HALP_WRITE : HALP_READ;
    MI_CLIENT *client = View->Process != NULL ? ((KPROCESS *)View->Process)->Client : NULL;
    PVOID mapped;

    View->Remote = NULL;
    if (client != NULL) {
        return MiMapIntoClient(client, View->Section->Memory, Offset, View->Size, MI_VIEW_ALIGNMENT,
                               Writable, &View->Remote, &View->Base);
    }
    if (HalpShouldFail("map") ||
        HalpReserveMemory(View->Size, MI_VIEW_ALIGNMENT, &View->Base) != HALP_OK) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (HalpMapSharedMemory(View->Section->Memory, Offset, View->Size, access, View->Base,
                            &mapped) != HALP_OK ||
        (View->Process == NULL &&
         !NT_SUCCESS(MiAddSystemView((ULONG_PTR)View->Base, View->Size)))) {
        HalpReleaseMemory(View->Base, View->Size);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

NTSTATUS
MiMapView(MI_SECTION *Section, ULONG64 Offset, SIZE_T Size, BOOLEAN Writable, PEPROCESS Process,
          PVOID *Base)
{
    MI_VIEW *view;
    NTSTATUS status;
    KIRQL irql;

    NT_ASSERT_INTERNAL(Offset <= Section->Size && Size <= Section->Size - Offset && Size != 0);
    view = ExpAllocatePool(NonPagedPoolNx, sizeof(*view), MI_TAG_SECTION, NT_CALLER());
    if (view == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    view->Section = Section;
    view->Process = Process;
    view->Size = Size;
    status = MiPlaceView(view, Offset, Writable);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(view, MI_TAG_SECTION);
        return status;
    }
    __atomic_fetch_add(&Section->References, 1, __ATOMIC_RELAXED); /* S1 */
    *Base = view->Base;
    KeAcquireSpinLock(&MiViewLock, &irql);
    InsertTailList(&MiViews, &view->Link);
    KeReleaseSpinLock(&MiViewLock, irql);
    return STATUS_SUCCESS;
}

/* Takes the view of Process that Address lies in (NULL: any) off the list; NULL: none. */
static MI_VIEW *
MiTakeView(PEPROCESS Process, PVOID Address)
{
    MI_VIEW *found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&MiViewLock, &irql);
    for (PLIST_ENTRY link = MiViews.Flink; link != &MiViews && found == NULL; link = link->Flink) {
        MI_VIEW *view = CONTAINING_RECORD(link, MI_VIEW, Link);

        if (view->Process == Process &&
            (Address == NULL || (ULONG_PTR)Address - (ULONG_PTR)view->Base < view->Size)) {
            found = view;
        }
    }
    if (found != NULL) {
        RemoveEntryList(&found->Link);
    }
    KeReleaseSpinLock(&MiViewLock, irql);
    return found;
}

static VOID
MiDeleteView(MI_VIEW *View)
{
    if (View->Process == NULL) {
        MiRemoveSystemView((ULONG_PTR)View->Base);
    }
    if (View->Remote != NULL) {
        MiUnmapFromClient(View->Remote);
    } else {
        HalpReleaseMemory(View->Base, View->Size);
    }
    MiDereferenceSection(View->Section);
    ExFreePoolWithTag(View, MI_TAG_SECTION);
}

NTSTATUS
MiUnmapView(PEPROCESS Process, PVOID Address)
{
    MI_VIEW *view = Address != NULL ? MiTakeView(Process, Address) : NULL;

    if (view == NULL) {
        return STATUS_NOT_MAPPED_VIEW;
    }
    MiDeleteView(view);
    return STATUS_SUCCESS;
}

LONG
MiViewCount(PEPROCESS Process)
{
    LONG count = 0;
    KIRQL irql;

    KeAcquireSpinLock(&MiViewLock, &irql);
    for (PLIST_ENTRY link = MiViews.Flink; link != &MiViews; link = link->Flink) {
        count += CONTAINING_RECORD(link, MI_VIEW, Link)->Process == Process;
    }
    KeReleaseSpinLock(&MiViewLock, irql);
    return count;
}

VOID
MiRundownViews(PEPROCESS Process)
{
    MI_VIEW *view;

    while ((view = MiTakeView(Process, NULL)) != NULL) {
        MiDeleteView(view);
    }
}
