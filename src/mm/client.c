/* SPDX-License-Identifier: MIT
 *
 * mm/client.c - the memory of a client process: copies, windows and the pump
 *
 * Source   WDK reference, wdm.h ProbeForRead, ProbeForWrite; "Using Neither Buffered Nor Direct
 *          I/O": which context may touch a caller's memory.
 */
#include "mm/mip.h"

NTSTATUS
MiCreateClient(HALP_PEER *Peer, ULONG_PTR Base, MI_CLIENT **Client)
{
    MI_CLIENT *client =
        ExpAllocatePool(NonPagedPoolNx, sizeof(*client), MI_TAG_CLIENT, NT_CALLER());

    if (client == NULL) {
        HalpClosePeer(Peer);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(client, sizeof(*client));
    client->References = 1;
    client->Peer = Peer;
    client->Base = Base;
    client->ZoneBase = Base + MI_CLIENT_ARENA_SIZE;
    client->End = Base + MI_CLIENT_USER_SIZE;
    client->RunCount = 1;
    client->Runs[0] = (MI_ARENA_RUN){.End = client->ZoneBase};
    ExInitializeFastMutex(&client->ZoneLock);
    InitializeListHead(&client->Regions);
    KeInitializeSpinLock(&client->WorkLock);
    InitializeListHead(&client->Work);
    KeInitializeEvent(&client->WorkEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&client->RequestsEnd, SynchronizationEvent, FALSE);
    KeInitializeSpinLock(&client->CopyLock);
    for (ULONG i = 0; i < MI_COPY_BUCKETS; i++) {
        InitializeListHead(&client->Copies[i]);
    }
    *Client = client;
    return STATUS_SUCCESS;
}

VOID
MiReferenceClient(MI_CLIENT *Client)
{
    __atomic_fetch_add(&Client->References, 1, __ATOMIC_RELAXED);
}

VOID
MiDereferenceClient(MI_CLIENT *Client)
{
    if (__atomic_sub_fetch(&Client->References, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    NT_ASSERT_INTERNAL(IsListEmpty(&Client->Work) && IsListEmpty(&Client->Regions));
    HalpClosePeer(Client->Peer);
    ExFreePoolWithTag(Client, MI_TAG_CLIENT);
}

ULONG_PTR
MiClientBase(const MI_CLIENT *Client)
{
    return Client->Base;
}

VOID
MiSetClientUser(MI_CLIENT *Client, ULONG UserId, BOOLEAN IsTrusted)
{
    Client->UserId = UserId;
    Client->IsTrusted = IsTrusted;
}

BOOLEAN
MiCallerIsTrusted(VOID)
{
    const MI_CLIENT *client = MiCurrentClient();

    return KiGetCurrentThread()->PreviousMode == KernelMode || client == NULL || client->IsTrusted;
}

BOOLEAN
MiIsSharedRange(const MI_CLIENT *Client, const VOID *Address, SIZE_T Length)
{
    ULONG_PTR offset = (ULONG_PTR)Address - Client->Base;

    return offset < MI_CLIENT_USER_SIZE && Length <= MI_CLIENT_USER_SIZE - offset;
}

BOOLEAN
MiCanTouchClient(const MI_CLIENT *Client)
{
    KTHREAD *thread = KiGetCurrentThread();

    return thread->Irql < DISPATCH_LEVEL && thread->OwnProcess != NULL &&
           thread->OwnProcess->Client == Client;
}

/* ---- windows ---- */

/* The range of the table that has all of [Address, Address + Length); NULL: none does. */
static MI_WINDOW_RANGE *
MiFindRange(MI_WINDOW_RANGE *Ranges, ULONG Count, ULONG_PTR Address, SIZE_T Length)
{
    for (ULONG i = 0; i < Count; i++) {
        ULONG_PTR offset = Address - Ranges[i].Address;

        if (offset < Ranges[i].Length && Length <= Ranges[i].Length - offset) {
            return &Ranges[i];
        }
    }
    return NULL;
}

/* The calling thread's window, if the memory it speaks of is Client's. */
static MI_WINDOW *
MiWindowOf(const MI_CLIENT *Client)
{
    KTHREAD *thread = KiGetCurrentThread();

    return thread->Window != NULL && thread->OwnProcess->Client == Client ? thread->Window : NULL;
}

/* What was written in this call is read back from where it is. */
static BOOLEAN
MiReadWindow(MI_WINDOW *Window, PVOID Destination, ULONG_PTR Source, SIZE_T Length)
{
    MI_WINDOW_RANGE *range = MiFindRange(Window->Out, Window->OutCount, Source, Length);
    ULONG_PTR offset;

    if (range != NULL && range->Last > range->First) {
        offset = Source - range->Address;
        if (offset >= range->First && offset + Length <= range->Last) {
            RtlCopyMemory(Destination, range->Data + offset, Length);
            return TRUE;
        }
        MiFlushWindow();
        return FALSE;
    }
    range = MiFindRange(Window->In, Window->InCount, Source, Length);
    if (range == NULL || range->Data == NULL) {
        return FALSE;
    }
    RtlCopyMemory(Destination, range->Data + (Source - range->Address), Length);
    return TRUE;
}

/* What is written stays in one piece, so that what the client takes is what was written. */
static BOOLEAN
MiWriteWindow(MI_WINDOW *Window, ULONG_PTR Destination, const VOID *Source, SIZE_T Length)
{
    MI_WINDOW_RANGE *range = MiFindRange(Window->Out, Window->OutCount, Destination, Length);
    ULONG offset;
    ULONG end;

    if (range == NULL || range->Data == NULL || !range->Writable) {
        return FALSE;
    }
    offset = (ULONG)(Destination - range->Address);
    end = offset + (ULONG)Length;
    if (range->Last == range->First) {
        range->First = offset;
        range->Last = end;
    } else if (offset > range->Last || end < range->First) {
        return FALSE;
    }
    RtlCopyMemory(range->Data + offset, Source, Length);
    range->First = min(range->First, offset);
    range->Last = max(range->Last, end);
    return TRUE;
}

static NTSTATUS
MiWritePeer(MI_CLIENT *Client, ULONG_PTR Destination, const VOID *Source, SIZE_T Length)
{
    size_t done;

    return HalpWritePeer(Client->Peer, Destination, Source, Length, &done) == HALP_OK
               ? STATUS_SUCCESS
               : STATUS_ACCESS_VIOLATION;
}

VOID
MiFlushWindow(VOID)
{
    KTHREAD *thread = KiGetCurrentThread();
    MI_WINDOW *window = thread->Window;

    for (ULONG i = 0; window != NULL && i < window->OutCount; i++) {
        MI_WINDOW_RANGE *range = &window->Out[i];

        if (range->Last > range->First) {
            /* A client that has unmapped it meanwhile loses only this. */
            (VOID) MiWritePeer(thread->OwnProcess->Client, range->Address + range->First,
                               range->Data + range->First, range->Last - range->First);
            range->First = range->Last = 0;
        }
    }
}

/* ---- copies ---- */

/* Addresses that no process here has; a sum that wraps among them. */
static BOOLEAN
MiIsForeignRange(ULONG_PTR Address, SIZE_T Length)
{
    return Address <= MI_HIGHEST_USER && Length <= MI_HIGHEST_USER + 1 - Address;
}

NTSTATUS
MiReadClient(MI_CLIENT *Client, PVOID Destination, const VOID *Source, SIZE_T Length)
{
    MI_WINDOW *window = MiWindowOf(Client);
    uintptr_t fault;
    size_t done;

    if (MiIsSharedRange(Client, Source, Length)) {
        return HalpCopyMemory(Destination, Source, Length, &fault) == HALP_OK
                   ? STATUS_SUCCESS
                   : STATUS_ACCESS_VIOLATION;
    }
    if (!MiIsForeignRange((ULONG_PTR)Source, Length) || !MiCanTouchClient(Client)) {
        return STATUS_ACCESS_VIOLATION;
    }
    if (window != NULL && MiReadWindow(window, Destination, (ULONG_PTR)Source, Length)) {
        return STATUS_SUCCESS;
    }
    return HalpReadPeer(Client->Peer, (ULONG_PTR)Source, Destination, Length, &done) == HALP_OK
               ? STATUS_SUCCESS
               : STATUS_ACCESS_VIOLATION;
}

NTSTATUS
MiWriteClient(MI_CLIENT *Client, PVOID Destination, const VOID *Source, SIZE_T Length)
{
    MI_WINDOW *window = MiWindowOf(Client);
    uintptr_t fault;

    if (MiIsSharedRange(Client, Destination, Length)) {
        return HalpCopyMemory(Destination, Source, Length, &fault) == HALP_OK
                   ? STATUS_SUCCESS
                   : STATUS_ACCESS_VIOLATION;
    }
    if (!MiIsForeignRange((ULONG_PTR)Destination, Length) || !MiCanTouchClient(Client)) {
        return STATUS_ACCESS_VIOLATION;
    }
    if (window != NULL && MiWriteWindow(window, (ULONG_PTR)Destination, Source, Length)) {
        return STATUS_SUCCESS;
    }
    return MiWritePeer(Client, (ULONG_PTR)Destination, Source, Length);
}

/* Whether the pages of a foreign range are there: one byte of each is read. */
static NTSTATUS
MiTouchForeign(MI_CLIENT *Client, ULONG_PTR Address, SIZE_T Length)
{
    ULONG_PTR last = Address + Length - 1;
    UCHAR byte;
    size_t done;

    for (;;) {
        if (HalpReadPeer(Client->Peer, Address, &byte, 1, &done) != HALP_OK) {
            return STATUS_ACCESS_VIOLATION;
        }
        if ((Address | (PAGE_SIZE - 1)) >= last) {
            return STATUS_SUCCESS;
        }
        Address = (Address | (PAGE_SIZE - 1)) + 1;
    }
}

NTSTATUS
MiProbeClient(MI_CLIENT *Client, const VOID *Address, SIZE_T Length, BOOLEAN Write)
{
    MI_WINDOW *window = MiWindowOf(Client);
    MI_WINDOW_RANGE *range;
    uintptr_t fault;

    if (MiIsSharedRange(Client, Address, Length)) {
        return !Write || HalpTouchMemory((PVOID)Address, Length, HALP_READ | HALP_WRITE, &fault) ==
                             HALP_OK
                   ? STATUS_SUCCESS
                   : STATUS_ACCESS_VIOLATION;
    }
    if (!MiIsForeignRange((ULONG_PTR)Address, Length) || !MiCanTouchClient(Client)) {
        return STATUS_ACCESS_VIOLATION;
    }
    if (!Write) {
        return STATUS_SUCCESS;
    }
    if (window != NULL) {
        range = MiFindRange(window->Out, window->OutCount, (ULONG_PTR)Address, Length);
        if (range != NULL) {
            return range->Writable ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
        }
    }
    return MiTouchForeign(Client, (ULONG_PTR)Address, Length);
}

/* ---- the pump ---- */

VOID
MiQueueClientWork(MI_CLIENT *Client, MI_CLIENT_WORK *Work)
{
    KIRQL irql;

    KeAcquireSpinLock(&Client->WorkLock, &irql);
    InsertTailList(&Client->Work, &Work->Link);
    /* Under the lock: once it is free the work may be done, and with it the client's last request.
     */
    KeSetEvent(&Client->WorkEvent, IO_NO_INCREMENT, FALSE);
    KeReleaseSpinLock(&Client->WorkLock, irql);
}

/* The oldest work; NULL: none is left, and *Stop says whether none will come. */
static MI_CLIENT_WORK *
MiTakeClientWork(MI_CLIENT *Client, BOOLEAN *Stop)
{
    MI_CLIENT_WORK *work = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Client->WorkLock, &irql);
    if (!IsListEmpty(&Client->Work)) {
        work = CONTAINING_RECORD(RemoveHeadList(&Client->Work), MI_CLIENT_WORK, Link);
    }
    *Stop = Client->PumpStops;
    KeReleaseSpinLock(&Client->WorkLock, irql);
    return work;
}

VOID
MiRunClientPump(MI_CLIENT *Client)
{
    MI_CLIENT_WORK *work;
    BOOLEAN stop;

    for (;;) {
        work = MiTakeClientWork(Client, &stop);
        if (work != NULL) {
            work->Routine(work);
        } else if (stop) {
            return;
        } else {
            KeWaitForSingleObject(&Client->WorkEvent, Executive, KernelMode, FALSE, NULL);
        }
    }
}

VOID
MiBeginClientRequest(MI_CLIENT *Client)
{
    __atomic_fetch_add(&Client->Requests, 1, __ATOMIC_RELAXED);
}

/* The reference keeps the event for the setter: the waiter may go on at once. */
VOID
MiEndClientRequest(MI_CLIENT *Client)
{
    MiReferenceClient(Client);
    if (__atomic_sub_fetch(&Client->Requests, 1, __ATOMIC_ACQ_REL) == 0) {
        KeSetEvent(&Client->RequestsEnd, IO_NO_INCREMENT, FALSE);
    }
    MiDereferenceClient(Client);
}

BOOLEAN
MiWaitClientRequests(MI_CLIENT *Client, PLARGE_INTEGER TimeOut)
{
    while (__atomic_load_n(&Client->Requests, __ATOMIC_ACQUIRE) != 0) {
        if (KeWaitForSingleObject(&Client->RequestsEnd, Executive, KernelMode, FALSE, TimeOut) !=
            STATUS_SUCCESS) {
            return __atomic_load_n(&Client->Requests, __ATOMIC_ACQUIRE) == 0;
        }
    }
    return TRUE;
}

VOID
MiStopClientPump(MI_CLIENT *Client)
{
    KIRQL irql;

    KeAcquireSpinLock(&Client->WorkLock, &irql);
    Client->PumpStops = TRUE;
    KeReleaseSpinLock(&Client->WorkLock, irql);
    KeSetEvent(&Client->WorkEvent, IO_NO_INCREMENT, FALSE);
}
