/* SPDX-License-Identifier: MIT
 *
 * lpc/client.c - client processes: made when they connect, taken apart when they are gone
 *
 * Invariants  C1  A thread is in NTBOX_CLIENT.Threads from LpcpOpenThread until it is no longer
 *                 served, then in Ended until its host thread is joined.
 *             C2  Once Closing is set no thread is added; the reaper goes on when ThreadCount is 0.
 * Locks       LpcpSliceLock (spin) guards LpcpSlices; NTBOX_CLIENT.Lock see lpcp.h.
 *             LpcpClientsLock (fast mutex) guards LpcpClients and IsRundown; ZoneLock may be taken
 *             under it.
 */
#include <stdio.h>

#include "lpc/lpcp.h"

#define LPCP_FIRST_SLICE 0x7A0000000000ull /* where sanitizers, too, have application memory */

static KSPIN_LOCK LpcpSliceLock;
static UCHAR LpcpSlices[LPCP_MAX_CLIENTS] NT_GUARDED_BY(LpcpSliceLock); /* 1: taken */

static FAST_MUTEX LpcpClientsLock;
LIST_ENTRY LpcpClients NT_GUARDED_BY(LpcpClientsLock);

/* ---- all clients ---- */

VOID
LpcpInitializeClients(VOID)
{
    ExInitializeFastMutex(&LpcpClientsLock);
    InitializeListHead(&LpcpClients);
}

VOID
LpcpAcquireClients(VOID)
{
    ExAcquireFastMutex(&LpcpClientsLock);
}

VOID
LpcpReleaseClients(VOID)
{
    ExReleaseFastMutex(&LpcpClientsLock);
}

BOOLEAN
LpcpIsClosing(NTBOX_CLIENT *Client)
{
    BOOLEAN closing;
    KIRQL irql;

    KeAcquireSpinLock(&Client->Lock, &irql);
    closing = Client->Closing;
    KeReleaseSpinLock(&Client->Lock, irql);
    return closing;
}

static VOID
LpcpSetRundown(NTBOX_CLIENT *Client)
{
    LpcpAcquireClients();
    Client->IsRundown = TRUE;
    LpcpReleaseClients();
}

static VOID
LpcpForgetClient(NTBOX_CLIENT *Client)
{
    LpcpAcquireClients();
    RemoveEntryList(&Client->AllLink);
    LpcpReleaseClients();
}

/* ---- slices of the address space ---- */

static ULONG_PTR
LpcpSliceBase(ULONG Slice)
{
    return LPCP_FIRST_SLICE + Slice * MI_CLIENT_SLICE_SIZE;
}

static VOID
LpcpSetSlice(ULONG Slice, UCHAR Taken)
{
    KIRQL irql;

    KeAcquireSpinLock(&LpcpSliceLock, &irql);
    LpcpSlices[Slice] = Taken;
    KeReleaseSpinLock(&LpcpSliceLock, irql);
}

/* A slice that was free, in *Slice. */
static BOOLEAN
LpcpTakeFreeSlice(ULONG *Slice)
{
    BOOLEAN found = FALSE;
    KIRQL irql;

    KeAcquireSpinLock(&LpcpSliceLock, &irql);
    for (ULONG i = *Slice; i < LPCP_MAX_CLIENTS && !found; i++) {
        if (LpcpSlices[i] == 0) {
            LpcpSlices[i] = 1;
            *Slice = i;
            found = TRUE;
        }
    }
    KeReleaseSpinLock(&LpcpSliceLock, irql);
    return found;
}

/* Reserves it; one that something else lies in is passed over, and stays taken. */
static BOOLEAN
LpcpTakeSlice(ULONG *Slice)
{
    *Slice = 0;
    while (LpcpTakeFreeSlice(Slice)) {
        if (HalpReserveMemoryAt((PVOID)LpcpSliceBase(*Slice), MI_CLIENT_SLICE_SIZE) == HALP_OK) {
            return TRUE;
        }
    }
    return FALSE;
}

static VOID
LpcpGiveSlice(ULONG Slice)
{
    /* Not HalpReleaseMemory: a leak checker was never told of it, since it is the client's. */
    HalpUnmapSharedMemory((PVOID)LpcpSliceBase(Slice), MI_CLIENT_SLICE_SIZE);
    LpcpSetSlice(Slice, 0);
}

/* ---- making ---- */

static VOID
LpcpPump(void *Context)
{
    NTBOX_CLIENT *client = Context;

    if (PspEnterServerThread(client->Process)) {
        MiRunClientPump(client->Memory);
        PspLeaveServerThread();
    }
}

/* The arena in its slice, and its descriptor for the client. */
static NTSTATUS
LpcpCreateArena(NTBOX_CLIENT *Client, int *Descriptor)
{
    NTSTATUS status;

    if (HalpCreateSharedMemory("ntbox-arena", MI_CLIENT_ARENA_SIZE, &Client->Arena) != HALP_OK) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = MiMapClientArena(Client->Memory, Client->Arena);
    if (!NT_SUCCESS(status)) {
        goto CloseArena;
    }
    if (HalpShareMemory(Client->Arena, HALP_READ | HALP_WRITE, Descriptor) != HALP_OK) {
        status = STATUS_INSUFFICIENT_RESOURCES;
        goto UnmapArena;
    }
    return STATUS_SUCCESS;

UnmapArena:
    MiUnmapClientArena(Client->Memory);
CloseArena:
    HalpCloseSharedMemory(Client->Arena);
    return status;
}

/* Its slice and memory; *Peer is consumed. */
static NTSTATUS
LpcpCreateMemory(NTBOX_CLIENT *Client, HALP_PEER *Peer, int *Descriptor)
{
    NTSTATUS status;

    if (!LpcpTakeSlice(&Client->Slice)) {
        HalpClosePeer(Peer);
        return STATUS_TOO_MANY_SESSIONS;
    }
    status = MiCreateClient(Peer, LpcpSliceBase(Client->Slice), &Client->Memory);
    if (!NT_SUCCESS(status)) {
        goto GiveSlice;
    }
    MiSetClientMapper(Client->Memory, Client->Options.Map, Client->Options.Context);
    MiSetClientUser(Client->Memory, Client->Options.UserId, Client->Options.IsOwner != 0);
    status = LpcpCreateArena(Client, Descriptor);
    if (!NT_SUCCESS(status)) {
        MiDereferenceClient(Client->Memory);
        goto GiveSlice;
    }
    return STATUS_SUCCESS;

GiveSlice:
    LpcpGiveSlice(Client->Slice);
    return status;
}

static VOID
LpcpDeleteMemory(NTBOX_CLIENT *Client)
{
    MiUnmapClientArena(Client->Memory);
    MiDereferenceClient(Client->Memory);
    HalpCloseSharedMemory(Client->Arena);
    LpcpGiveSlice(Client->Slice);
}

/* The process object and its pump. */
static NTSTATUS
LpcpCreateProcess(NTBOX_CLIENT *Client, const NTBOX_CLIENT_OPTIONS *Options)
{
    PSP_CLIENT_OPTIONS process = {
        .ProcessId = Options->ProcessId,
        .ParentId = Options->ParentId,
        .Image = Options->Image,
        .Memory = Client->Memory,
    };
    const SEP_IDENTITY identity = {
        .Uid = Options->UserId,
        .Gid = Options->GroupId,
        .Groups = (const ULONG *)Options->Groups,
        .GroupCount = Options->GroupCount,
        .IsAdministrator = Options->IsOwner != 0,
    };
    NTSTATUS status = SepCreateToken(&identity, &process.Token);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = PspCreateClientProcess(&process, &Client->Process);
    ObDereferenceObject(process.Token);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (HalpCreateThread(&Client->Pump, "pump", LpcpPump, Client) != HALP_OK) {
        PspEndClientProcess(Client->Process, STATUS_INSUFFICIENT_RESOURCES);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

int32_t
LpcpCreateClient(const NTBOX_CLIENT_OPTIONS *Options, NTBOX_CLIENT **Client,
                 NTBOX_CLIENT_WELCOME *Welcome)
{
    NTBOX_CLIENT *client = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*client), LPCP_TAG);
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    HALP_PEER *peer;

    if (client == NULL) {
        HalpCloseDescriptor(Options->Memory);
        return status;
    }
    client->Options = *Options;
    client->Options.Image = NULL;
    client->Options.Groups = NULL;
    KeInitializeSpinLock(&client->Lock);
    InitializeListHead(&client->Threads);
    InitializeListHead(&client->Ended);
    if (HalpOpenPeer(Options->Memory, &peer) != HALP_OK) {
        HalpCloseDescriptor(Options->Memory);
        goto FreeClient;
    }
    status = LpcpCreateMemory(client, peer, &Welcome->Arena);
    if (!NT_SUCCESS(status)) {
        goto FreeClient;
    }
    status = LpcpCreateProcess(client, Options);
    if (!NT_SUCCESS(status)) {
        goto DeleteMemory;
    }
    Welcome->ArenaBase = LpcpSliceBase(client->Slice);
    Welcome->ArenaSize = MI_CLIENT_ARENA_SIZE;
    Welcome->ZoneSize = MI_CLIENT_ZONE_SIZE;
    LpcpAcquireClients();
    InsertTailList(&LpcpClients, &client->AllLink);
    LpcpReleaseClients();
    *Client = client;
    return STATUS_SUCCESS;

DeleteMemory:
    HalpCloseDescriptor(Welcome->Arena);
    LpcpDeleteMemory(client);
FreeClient:
    ExFreePoolWithTag(client, LPCP_TAG);
    return status;
}

/* ---- threads ---- */

/* Waits for the host threads that have ended; PASSIVE_LEVEL. */
static VOID
LpcpJoinEnded(NTBOX_CLIENT *Client)
{
    LPCP_THREAD *thread;
    KIRQL irql;

    for (;;) {
        thread = NULL;
        KeAcquireSpinLock(&Client->Lock, &irql);
        if (!IsListEmpty(&Client->Ended)) {
            thread = CONTAINING_RECORD(RemoveHeadList(&Client->Ended), LPCP_THREAD, Link);
        }
        KeReleaseSpinLock(&Client->Lock, irql);
        if (thread == NULL) {
            return;
        }
        HalpWaitThreadEnd(thread->Host);
        HalpUnmapSharedMemory(thread->Channel, LPC_CHANNEL_SIZE);
        ExFreePoolWithTag(thread, LPCP_TAG);
    }
}

VOID
LpcpSetThreadObject(LPCP_THREAD *Thread, PETHREAD Object)
{
    KIRQL irql;

    KeAcquireSpinLock(&Thread->Client->Lock, &irql);
    Thread->Thread = Object;
    KeReleaseSpinLock(&Thread->Client->Lock, irql);
}

/* The lock is taken on a borrowed KTHREAD: the thread's own is gone. */
VOID
LpcpThreadEnded(LPCP_THREAD *Thread)
{
    NTBOX_CLIENT *client = Thread->Client;
    KTHREAD borrowed;
    KIRQL irql;

    PspBorrowSystemThread(&borrowed);
    KeAcquireSpinLock(&client->Lock, &irql);
    RemoveEntryList(&Thread->Link);
    InsertTailList(&client->Ended, &Thread->Link); /* C1 */
    KeReleaseSpinLock(&client->Lock, irql);
    PspReturnSystemThread(&borrowed);
    __atomic_fetch_sub(&client->ThreadCount, 1, __ATOMIC_ACQ_REL);
    HalpWakeAddress(&client->ThreadCount, MAXLONG);
}

static NTSTATUS
LpcpCreateChannel(LPCP_THREAD *Thread, int *Descriptor)
{
    HALP_SHARED_MEMORY *memory;
    PVOID mapped;

    if (HalpCreateSharedMemory("ntbox-channel", LPC_CHANNEL_SIZE, &memory) != HALP_OK) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (HalpMapSharedMemory(memory, 0, LPC_CHANNEL_SIZE, HALP_READ | HALP_WRITE, NULL, &mapped) !=
        HALP_OK) {
        goto CloseMemory;
    }
    if (HalpShareMemory(memory, HALP_READ | HALP_WRITE, Descriptor) != HALP_OK) {
        HalpUnmapSharedMemory(mapped, LPC_CHANNEL_SIZE);
        goto CloseMemory;
    }
    HalpCloseSharedMemory(memory); /* the mapping is enough: a descriptor a thread would be many */
    Thread->Channel = mapped;
    return STATUS_SUCCESS;

CloseMemory:
    HalpCloseSharedMemory(memory);
    return STATUS_INSUFFICIENT_RESOURCES;
}

/* Into the client's list (C1), unless it is closing or has too many. */
static NTSTATUS
LpcpAddThread(LPCP_THREAD *Thread)
{
    NTBOX_CLIENT *client = Thread->Client;
    NTSTATUS status = STATUS_SUCCESS;
    KIRQL irql;

    KeAcquireSpinLock(&client->Lock, &irql);
    if (client->Closing) {
        status = STATUS_PROCESS_IS_TERMINATING; /* C2 */
    } else if (__atomic_load_n(&client->ThreadCount, __ATOMIC_RELAXED) >= LPCP_MAX_THREADS) {
        status = STATUS_QUOTA_EXCEEDED;
    } else {
        InsertTailList(&client->Threads, &Thread->Link);
        __atomic_fetch_add(&client->ThreadCount, 1, __ATOMIC_RELAXED);
    }
    KeReleaseSpinLock(&client->Lock, irql);
    return status;
}

int32_t
LpcpOpenThread(NTBOX_CLIENT *Client, uint32_t ThreadId, int Suspended, int *Channel)
{
    LPCP_THREAD *thread = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*thread), LPCP_TAG);
    NTSTATUS status;

    LpcpJoinEnded(Client);
    if (thread == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    thread->Client = Client;
    thread->ThreadId = ThreadId;
    thread->Suspended = Suspended != 0;
    status = LpcpCreateChannel(thread, Channel);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(thread, LPCP_TAG);
        return status;
    }
    status = LpcpAddThread(thread);
    if (NT_SUCCESS(status) &&
        HalpCreateThread(&thread->Host, "client", LpcpServeThread, thread) == HALP_OK) {
        return STATUS_SUCCESS;
    }
    if (NT_SUCCESS(status)) {
        KIRQL irql;

        KeAcquireSpinLock(&Client->Lock, &irql);
        RemoveEntryList(&thread->Link);
        __atomic_fetch_sub(&Client->ThreadCount, 1, __ATOMIC_RELAXED);
        KeReleaseSpinLock(&Client->Lock, irql);
        status = STATUS_INSUFFICIENT_RESOURCES;
    }
    HalpCloseDescriptor(*Channel);
    HalpUnmapSharedMemory(thread->Channel, LPC_CHANNEL_SIZE);
    ExFreePoolWithTag(thread, LPCP_TAG);
    return status;
}

/* ---- the end ---- */

static VOID
LpcpCloseThreads(NTBOX_CLIENT *Client)
{
    KIRQL irql;

    KeAcquireSpinLock(&Client->Lock, &irql);
    Client->Closing = TRUE;
    for (PLIST_ENTRY link = Client->Threads.Flink; link != &Client->Threads; link = link->Flink) {
        LpcpCloseThreadLocked(CONTAINING_RECORD(link, LPCP_THREAD, Link));
    }
    KeReleaseSpinLock(&Client->Lock, irql);
}

/*
 * Waits until no thread of the client is served. Each round closes them again: a client that still
 * lives may write what it likes to the words that they sleep on.
 */
static VOID
LpcpAwaitThreads(NTBOX_CLIENT *Client)
{
    ULONG64 limit = HalpMonotonicTime() + LPCP_REPORT;
    BOOLEAN reported = FALSE;
    uint32_t count;

    while ((count = __atomic_load_n(&Client->ThreadCount, __ATOMIC_ACQUIRE)) != 0) {
        ULONG64 now = HalpMonotonicTime();
        BOOLEAN report = now >= limit && !reported;

        LpcpCloseThreads(Client);
        PspPushClientOut(Client->Process, report);
        reported |= report;
        HalpWaitAddress(&Client->ThreadCount, count, now + (reported ? 100000000u : 1000000u));
    }
}

/* Requests that outlive their threads (of a file with a completion port) were cancelled by the
 * closing of their files; a driver that keeps one anyway keeps the process. */
static VOID
LpcpAwaitRequests(NTBOX_CLIENT *Client)
{
    LARGE_INTEGER limit = {.QuadPart = -(LONGLONG)(LPCP_REPORT / 100)};
    char line[256];
    int length;

    if (MiWaitClientRequests(Client->Memory, &limit)) {
        return;
    }
    length =
        snprintf(line, sizeof(line),
                 "ntbox: lpc: process %u has ended, but a driver does not complete a cancelled "
                 "request of it; `ntbox list irps` names it\n",
                 (unsigned)Client->Options.ProcessId);
    HalpWriteLog(line, (SIZE_T)min(length, (int)sizeof(line) - 1));
    MiWaitClientRequests(Client->Memory, NULL);
}

static VOID NTAPI
LpcpReap(PVOID Context)
{
    NTBOX_CLIENT *client = Context;
    VOID (*ended)(PVOID) = client->Options.Ended;
    PVOID context = client->Options.Context;

    LpcpAwaitThreads(client);
    LpcpJoinEnded(client);
    LpcpSetRundown(client);
    PspRundownProcess(client->Process);
    LpcpAwaitRequests(client);
    MiStopClientPump(client->Memory);
    HalpWaitThreadEnd(client->Pump);
    LpcpForgetClient(client);
    PspEndClientProcess(client->Process, client->ExitStatus);
    LpcpDeleteMemory(client);
    ExFreePoolWithTag(client, LPCP_TAG);
    ended(context);
}

void
LpcpEndClient(NTBOX_CLIENT *Client, int32_t ExitStatus)
{
    PETHREAD reaper;

    Client->ExitStatus = ExitStatus;
    LpcpCloseThreads(Client);
    if (NT_SUCCESS(PspCreateReferencedSystemThread(LpcpReap, Client, &reaper))) {
        ObDereferenceObject(reaper);
        return;
    }
    LpcpReap(Client); /* no memory for a thread: here, then */
}
