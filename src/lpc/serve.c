/* SPDX-License-Identifier: MIT
 *
 * lpc/serve.c - a client's thread as it is served: one call after another from its channel
 *
 * The channel is the client's to scribble on at any time. So a request is copied into LPCP_THREAD,
 * each word once, and only the copy is checked and used; what goes back is written and not read.
 *
 * Invariants  S1  Request and Buffer are what was copied for the call being done, nothing else.
 *             S2  Served counts the calls answered; the client's count only says that there is one.
 */
#include "lpc/lpcp.h"

#include "lpc-host.inc"

_Static_assert(LPC_ARENA_READ == HALP_READ && LPC_ARENA_WRITE == HALP_WRITE, "one meaning");

#define LPCP_SPIN_MAX 2000u /* turns of a spin loop: some 50 microseconds */
#define LPCP_SPIN_MIN 16u

/* ---- waiting for a call ---- */

static BOOLEAN
LpcpHasCall(LPCP_THREAD *Thread)
{
    return __atomic_load_n(&Thread->Channel->Calls, __ATOMIC_ACQUIRE) != Thread->Served ||
           __atomic_load_n(&Thread->Closing, __ATOMIC_ACQUIRE) != 0;
}

/*
 * Spins for as long as that has paid of late: a call that comes while we spin makes the next spin
 * longer, one that does not, shorter. On one processor it never pays.
 */
static BOOLEAN
LpcpSpin(LPCP_THREAD *Thread)
{
    for (ULONG i = 0; i < Thread->Spin; i++) {
        if (LpcpHasCall(Thread)) {
            Thread->Spin = min(Thread->Spin * 2, LPCP_SPIN_MAX);
            return TRUE;
        }
        HalpPause();
    }
    if (Thread->Spin != 0) {
        Thread->Spin = max(Thread->Spin / 2, LPCP_SPIN_MIN);
    }
    return LpcpHasCall(Thread);
}

/* FALSE: the thread is closed. */
static BOOLEAN
LpcpAwaitCall(LPCP_THREAD *Thread)
{
    LPC_CHANNEL *channel = Thread->Channel;

    if (!LpcpSpin(Thread)) {
        __atomic_store_n(&channel->HostWaits, 1, __ATOMIC_SEQ_CST);
        while (!LpcpHasCall(Thread)) {
            HalpWaitSharedAddress(&channel->Calls, Thread->Served, HALP_NEVER);
        }
        __atomic_store_n(&channel->HostWaits, 0, __ATOMIC_RELAXED);
    }
    return __atomic_load_n(&Thread->Closing, __ATOMIC_ACQUIRE) == 0;
}

VOID
LpcpCloseThreadLocked(LPCP_THREAD *Thread)
{
    __atomic_store_n(&Thread->Closing, 1, __ATOMIC_SEQ_CST);
    if (Thread->Thread != NULL) { /* one that was never resumed */
        __atomic_store_n(&Thread->Thread->SuspendCount, 0, __ATOMIC_RELEASE);
        HalpWakeAddress((uint32_t *)&Thread->Thread->SuspendCount, MAXLONG);
    }
    /* The word changes, so that one who is about to sleep on it does not. */
    __atomic_fetch_xor(&Thread->Channel->Calls, 0x80000000u, __ATOMIC_SEQ_CST);
    HalpWakeSharedAddress(&Thread->Channel->Calls, MAXLONG);
}

/* ---- taking a request ---- */

/* The bytes of a request's input, ours from here on; NULL: no memory. */
static PUCHAR
LpcpGetBuffer(LPCP_THREAD *Thread, ULONG Size)
{
    if (Size > Thread->BufferSize) {
        PUCHAR buffer = ExAllocatePoolWithTag(NonPagedPoolNx, Size, LPCP_TAG);

        if (buffer == NULL) {
            return NULL;
        }
        if (Thread->Buffer != NULL) {
            ExFreePoolWithTag(Thread->Buffer, LPCP_TAG);
        }
        Thread->Buffer = buffer;
        Thread->BufferSize = Size;
    }
    return Thread->Buffer;
}

static BOOLEAN
LpcpIsInData(const LPC_RANGE *Range)
{
    return Range->Offset <= LPC_DATA_SIZE && Range->Length <= LPC_DATA_SIZE - Range->Offset;
}

/* The inputs behind each other in Buffer. */
static NTSTATUS
LpcpTakeInputs(LPCP_THREAD *Thread)
{
    const LPC_REQUEST *request = &Thread->Request;
    MI_WINDOW *window = &Thread->Window;
    PUCHAR place;
    ULONG size = 0;

    for (ULONG i = 0; i < request->InCount; i++) {
        if (request->In[i].Offset == LPC_NO_DATA || !LpcpIsInData(&request->In[i])) {
            return STATUS_INVALID_PARAMETER;
        }
        size += request->In[i].Length; /* at most LPC_MAX_RANGES * LPC_DATA_SIZE */
    }
    if (size > LPC_DATA_SIZE) {
        return STATUS_INVALID_PARAMETER; /* they overlap: it would have us keep more than it gives
                                          */
    }
    place = size != 0 ? LpcpGetBuffer(Thread, size) : NULL;
    if (size != 0 && place == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (ULONG i = 0; i < request->InCount; i++) {
        MI_WINDOW_RANGE *range = &window->In[i];

        range->Address = (ULONG_PTR)request->In[i].Address;
        range->Length = request->In[i].Length;
        range->Data = place;
        if (range->Length != 0) { /* there may be no buffer */
            memcpy(place, Thread->Channel->Data + request->In[i].Offset, range->Length);
            place += range->Length;
        }
    }
    window->InCount = request->InCount;
    return STATUS_SUCCESS;
}

/* Outputs go straight to the channel: nobody here reads them from there but MiReadWindow, for whom
 * a client that changes them has changed its own memory. */
static NTSTATUS
LpcpTakeOutputs(LPCP_THREAD *Thread)
{
    const LPC_REQUEST *request = &Thread->Request;
    MI_WINDOW *window = &Thread->Window;

    for (ULONG i = 0; i < request->OutCount; i++) {
        MI_WINDOW_RANGE *range = &window->Out[i];
        BOOLEAN hasRoom = request->Out[i].Offset != LPC_NO_DATA;

        if (hasRoom && !LpcpIsInData(&request->Out[i])) {
            return STATUS_INVALID_PARAMETER;
        }
        range->Address = (ULONG_PTR)request->Out[i].Address;
        range->Length = request->Out[i].Length;
        range->First = range->Last = 0;
        range->Writable = (request->Out[i].Flags & LPC_RANGE_WRITABLE) != 0;
        range->Data = hasRoom ? Thread->Channel->Data + request->Out[i].Offset : NULL;
    }
    window->OutCount = request->OutCount;
    return STATUS_SUCCESS;
}

/* S1. STATUS_INVALID_PARAMETER: no request is like this. */
static NTSTATUS
LpcpTakeRequest(LPCP_THREAD *Thread)
{
    const LPC_REQUEST *shared = &Thread->Channel->Request;
    LPC_REQUEST *request = &Thread->Request;
    NTSTATUS status;

    Thread->Window.InCount = Thread->Window.OutCount = 0;
    memcpy(request, shared, offsetof(LPC_REQUEST, In));
    if (request->InCount > LPC_MAX_RANGES || request->OutCount > LPC_MAX_RANGES) {
        return STATUS_INVALID_PARAMETER;
    }
    memcpy(request->In, shared->In, request->InCount * sizeof(LPC_RANGE));
    memcpy(request->Out, shared->Out, request->OutCount * sizeof(LPC_RANGE));
    status = LpcpTakeInputs(Thread);
    return NT_SUCCESS(status) ? LpcpTakeOutputs(Thread) : status;
}

/* ---- doing it ---- */

/* Services that change the kernel itself are its owner's. */
static BOOLEAN
LpcpIsAllowed(const LPCP_THREAD *Thread)
{
    switch (Thread->Request.Service) {
    case LpcpNtboxLoadDriver:
    case LpcpNtboxUnloadDriver:
    case LpcpNtLoadDriver:
    case LpcpNtUnloadDriver:
        return Thread->Client->Options.IsOwner;
    default:
        return TRUE;
    }
}

/* Until NtResumeThread, or the client's end. Not a wait of the kernel's: none of its APCs run. */
static NTSTATUS
LpcpAwaitResume(PETHREAD Thread)
{
    LONG suspended;

    while ((suspended = __atomic_load_n(&Thread->SuspendCount, __ATOMIC_ACQUIRE)) != 0) {
        HalpWaitAddress((uint32_t *)&Thread->SuspendCount, (uint32_t)suspended, HALP_NEVER);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
LpcpDoCall(LPCP_THREAD *Thread)
{
    NTSTATUS status = LpcpTakeRequest(Thread);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    switch (Thread->Request.Service) {
    case LPC_NEXT_APC:
        return STATUS_SUCCESS;
    case LPC_AWAIT_RESUME:
        return LpcpAwaitResume((PETHREAD)KiGetCurrentThread());
    case LPC_SET_ACCESS:
        return MiSetArenaAccess(Thread->Client->Memory, (ULONG_PTR)Thread->Request.Argument[0],
                                (SIZE_T)Thread->Request.Argument[1],
                                (ULONG)Thread->Request.Argument[2] & (HALP_READ | HALP_WRITE));
    case LpcpNtboxCreateThread: /* threads are made over there */
    case LpcpNtboxTerminateCurrentThread:
        return STATUS_INVALID_SYSTEM_SERVICE;
    default:
        break;
    }
    if (!LpcpIsAllowed(Thread)) {
        return STATUS_PRIVILEGE_NOT_HELD;
    }
    KiGetCurrentThread()->Window = &Thread->Window;
    status = LpcpCall(&InitpSystemCalls, Thread->Request.Service,
                      (const ULONG64 *)Thread->Request.Argument);
    KiGetCurrentThread()->Window = NULL;
    return status;
}

static VOID
LpcpReply(LPCP_THREAD *Thread, NTSTATUS Status)
{
    LPC_CHANNEL *channel = Thread->Channel;
    LPC_REPLY *reply = &channel->Reply;
    KI_USER_CALL call;

    reply->Status = Status;
    reply->Flags = 0;
    for (ULONG i = 0; i < Thread->Window.OutCount; i++) {
        reply->First[i] = Thread->Window.Out[i].First;
        reply->Last[i] = Thread->Window.Out[i].Last;
    }
    if ((__atomic_load_n(&KiGetCurrentThread()->UserApcPending, __ATOMIC_ACQUIRE) ||
         Thread->Request.Service == LPC_NEXT_APC) &&
        InitTakeUserApc(&call)) {
        reply->Flags = LPC_REPLY_APC;
        reply->Apc[0] = (ULONG_PTR)call.Routine;
        reply->Apc[1] = (ULONG_PTR)call.Context;
        reply->Apc[2] = (ULONG_PTR)call.Argument1;
        reply->Apc[3] = (ULONG_PTR)call.Argument2;
    }
    __atomic_store_n(&channel->Returns, ++Thread->Served, __ATOMIC_SEQ_CST); /* S2 */
    if (__atomic_load_n(&channel->ClientWaits, __ATOMIC_SEQ_CST) != 0) {
        HalpWakeSharedAddress(&channel->Returns, 1);
    }
}

/* ---- a thread's life ---- */

static VOID
LpcpServeCalls(LPCP_THREAD *Thread)
{
    while (LpcpAwaitCall(Thread)) {
        NTSTATUS status;

        if (__atomic_load_n(&Thread->Channel->Request.Service, __ATOMIC_RELAXED) ==
            LPC_END_THREAD) {
            Thread->ExitStatus =
                (LONG)__atomic_load_n(&Thread->Channel->Request.Argument[0], __ATOMIC_RELAXED);
            return;
        }
        status = LpcpDoCall(Thread);
        LpcpReply(Thread, status);
    }
    Thread->ExitStatus = Thread->Client->ExitStatus;
}

void
LpcpServeThread(void *Context)
{
    LPCP_THREAD *thread = Context;
    PETHREAD object;

    if (PspEnterClientThread(thread->Client->Process, thread->ThreadId)) {
        object = (PETHREAD)KiGetCurrentThread();
        __atomic_store_n(&object->SuspendCount, thread->Suspended, __ATOMIC_RELEASE);
        thread->Spin = HalpProcessorCount() > 1 ? LPCP_SPIN_MAX : 0;
        LpcpSetThreadObject(thread, object);
        LpcpServeCalls(thread);
        LpcpSetThreadObject(thread, NULL);
        if (thread->Buffer != NULL) {
            ExFreePoolWithTag(thread->Buffer, LPCP_TAG);
        }
        PspLeaveClientThread(thread->ExitStatus);
    }
    __atomic_store_n(&thread->Channel->Closed, 1, __ATOMIC_SEQ_CST);
    HalpWakeSharedAddress(&thread->Channel->Returns, MAXLONG);
    LpcpThreadEnded(thread);
}
