/* SPDX-License-Identifier: MIT
 *
 * ntdll/remote.c - the remote carrier: system calls to a kernel in another process
 *
 * Each thread has a channel of its own, opened at its first call; lpc/protocol.h tells what is in
 * it. The kernel reaches this process's memory by itself, so a call would work with its plain
 * arguments; what a stub sends along beyond them (RemoteIn, RemoteOut) saves the kernel system
 * calls to get at small things on the stack.
 *
 * A hidden thread listens to what the kernel wants to have mapped here, and to its end: when the
 * host dies, calls in flight and later ones return STATUS_HOST_DOWN.
 *
 * Invariants  R1  A channel belongs to its thread alone, from its opening to the thread's end; the
 *                 listener writes nothing but Closed, and wakes.
 *             R2  Only memory known to be there is read or written here: what is on the caller's
 *                 stack, or what the host says is writable. The kernel finds out about the rest.
 *             R3  A child of fork has no connection and no handles; its first call makes one.
 * Locks       RemoteLock guards the socket's question and answer, and the list of channels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lpc/protocol.h"
#include "ntdll/ntdll.h"

#define SPIN_MAX 2000u
#define SPIN_MIN 16u
#define INLINE_LIMIT 16384u /* bytes that are worth copying twice to save a system call */
#define LISTENER_STACK 65536u

typedef struct REMOTE_THREAD {
    struct REMOTE_THREAD *Next; /* RemoteThreads; RemoteLock */
    LPC_CHANNEL *Channel;
    uintptr_t StackTop;
    uint32_t Calls; /* made so far */
    uint32_t Spin;  /* turns that waiting for a return is worth, as learnt */
    NTSTATUS ExitStatus;
} REMOTE_THREAD;

typedef struct REMOTE_CALL {
    REMOTE_THREAD *Thread;
    LPC_CHANNEL *Channel;
    uint32_t Used;                /* bytes of Data */
    NTSTATUS Status;              /* when there is no channel */
    uintptr_t Bottom;             /* the caller's stack begins here */
    PVOID Target[LPC_MAX_RANGES]; /* of the outputs */
} REMOTE_CALL;

static SRWLOCK RemoteLock = SRWLOCK_INIT;
static int RemoteSocket = -1;
static int RemoteListenerEnd = -1;
static REMOTE_THREAD *RemoteThreads;
ULONG_PTR NtdllArenaBase;
ULONG_PTR NtdllArenaEnd;
static uint32_t RemoteIsDown; /* atomic: the host has ended */
static uint32_t RemoteSpins;  /* there are processors to spin on */
static char *RemotePath;
static _Thread_local REMOTE_THREAD *RemoteSelf __attribute__((tls_model("initial-exec")));

/* ---- the socket's question and answer ---- */

/* Sends a message and waits for its answer; 0: the host is gone. RemoteLock. */
static int
AskLocked(const LPC_SOCKET_MESSAGE *Message, void *Answer, size_t Size, int *Descriptor)
{
    return NtdllHostSend(RemoteSocket, Message, sizeof(*Message), NULL, 0) &&
           NtdllHostReceive(RemoteSocket, Answer, Size, Descriptor) >=
               (ptrdiff_t)sizeof(LPC_SOCKET_MESSAGE);
}

/* ---- order ---- */

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ORDER_CALLS 1
#endif
#endif

/*
 * What one thread did before its call, another sees behind a call that depends on it: the kernel
 * makes it so. ThreadSanitizer sees this process only, and is told that each call follows the last.
 */
static inline VOID
OrderCalls(VOID)
{
#ifdef ORDER_CALLS
    static uint32_t calls;

    __atomic_fetch_add(&calls, 1, __ATOMIC_ACQ_REL);
#endif
}

/* ---- the listener ---- */

static VOID
CloseChannels(VOID)
{
    __atomic_store_n(&RemoteIsDown, 1, __ATOMIC_SEQ_CST);
    AcquireSRWLockExclusive(&RemoteLock);
    for (REMOTE_THREAD *thread = RemoteThreads; thread != NULL; thread = thread->Next) {
        __atomic_store_n(&thread->Channel->Closed, 1, __ATOMIC_SEQ_CST);
        /* The word changes, so that one who is about to sleep on it does not. */
        __atomic_fetch_xor(&thread->Channel->Returns, 0x80000000u, __ATOMIC_SEQ_CST);
        NtdllHostWakeShared(&thread->Channel->Returns, UINT32_MAX);
    }
    ReleaseSRWLockExclusive(&RemoteLock);
}

/* What lies in the zone is the kernel's to choose; nothing else here is. */
static NTSTATUS
ChangeMapping(const LPC_MAP_MESSAGE *Message, int Descriptor)
{
    uint32_t access = NTDLL_HOST_READ | (Message->Writable != 0 ? NTDLL_HOST_WRITE : 0);
    PVOID address = (PVOID)(uintptr_t)Message->Address;

    if (Message->Header.Code == LPC_UNMAP) {
        return NtdllHostForgetPages(address, Message->Size) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
    }
    return Descriptor >= 0 && NtdllHostMapShared(Descriptor, Message->Offset, address,
                                                 Message->Size, access) != NULL
               ? STATUS_SUCCESS
               : STATUS_NO_MEMORY;
}

static void
Listen(void *Context)
{
    int end = (int)(intptr_t)Context;
    LPC_MAP_MESSAGE message;
    int descriptor;

    while (NtdllHostReceive(end, &message, sizeof(message), &descriptor) ==
           (ptrdiff_t)sizeof(message)) {
        LPC_SOCKET_MESSAGE answer = {LPC_VERSION, LPC_DONE, ChangeMapping(&message, descriptor),
                                     message.Header.Value};

        if (descriptor >= 0) {
            NtdllHostClose(descriptor);
        }
        OrderCalls();
        NtdllHostSend(end, &answer, sizeof(answer), NULL, 0);
    }
    CloseChannels();
}

/* ---- connecting ---- */

static DECLSPEC_NORETURN VOID
FailConnection(const char *What)
{
    fprintf(stderr, "ntbox: the host at %s %s\n", RemotePath, What);
    fflush(NULL);
    NtdllHostExitNow(3);
}

static VOID
SayHello(int Ends[2])
{
    LPC_SOCKET_MESSAGE hello = {LPC_VERSION, LPC_HELLO, 0, NtdllHostThreadId()};
    int descriptors[2] = {NtdllHostOpenOwnMemory(), Ends[1]};

    if (descriptors[0] < 0 || !NtdllHostSend(RemoteSocket, &hello, sizeof(hello), descriptors, 2)) {
        FailConnection("cannot be told who we are: /proc is needed, and the host must be up");
    }
    NtdllHostClose(descriptors[0]);
    NtdllHostClose(Ends[1]);
}

static VOID
TakeWelcome(VOID)
{
    LPC_WELCOME_MESSAGE welcome;
    int arena;
    ptrdiff_t got = NtdllHostReceive(RemoteSocket, &welcome, sizeof(welcome), &arena);

    if (got < (ptrdiff_t)sizeof(welcome.Header) || welcome.Header.Version != LPC_VERSION) {
        FailConnection("is of another version, or has ended; restart it with `ntbox start`");
    }
    if (got != (ptrdiff_t)sizeof(welcome) || arena < 0) {
        const char *name = NtdllStatusName(welcome.Header.Status);

        FailConnection(name != NULL ? name : "refuses this process");
    }
    NtdllArenaBase = (uintptr_t)welcome.ArenaBase;
    NtdllArenaEnd = NtdllArenaBase + welcome.ArenaSize;
    if (NtdllHostMapPages((PVOID)NtdllArenaBase, welcome.ArenaSize + welcome.ZoneSize, 1, 0) ==
            NULL ||
        NtdllHostMapShared(arena, 0, (PVOID)NtdllArenaBase, welcome.ArenaSize, 0) == NULL) {
        FailConnection("wants memory at an address that is taken in this process");
    }
    NtdllHostClose(arena);
}

/* The child of a fork: what the parent had is not ours (R3). */
static void
ForgetConnection(void)
{
    if (RemoteSocket >= 0) {
        NtdllHostClose(RemoteSocket);
        NtdllHostClose(RemoteListenerEnd);
        NtdllHostUnmapPages((PVOID)NtdllArenaBase, NtdllArenaEnd - NtdllArenaBase);
        RemoteSocket = -1;
    }
    InitializeSRWLock(&RemoteLock); /* whoever had it is not in this process */
    RemoteThreads = NULL;
    RemoteSelf = NULL;
}

static VOID
ConnectLocked(int Socket)
{
    int ends[2];

    RemoteSocket = Socket;
    RemoteSpins = NtdllHostProcessorCount() > 1;
    if (!NtdllHostSocketPair(ends)) {
        FailConnection("cannot be used: no descriptors are left");
    }
    RemoteListenerEnd = ends[0];
    SayHello(ends);
    TakeWelcome();
    if (!NtdllHostStartThread(Listen, (PVOID)(intptr_t)ends[0], LISTENER_STACK)) {
        FailConnection("cannot be used: no thread can be made");
    }
}

BOOLEAN
NtdllConnectHost(const char *Path, BOOLEAN Required)
{
    static BOOLEAN forksAreWatched; /* whoever starts the kernel calls this, and nobody else */
    int end = NtdllHostConnect(Path);

    if (!forksAreWatched) {
        forksAreWatched = TRUE;
        NtdllHostAtFork(ForgetConnection);
    }
    free(RemotePath); /* of a place where there is none */
    RemotePath = strdup(Path);
    if (end < 0 && Required) {
        fprintf(stderr, "ntbox: no host at %s: %s; start one with `ntbox start`\n", Path,
                NtdllHostSocketError());
        NtdllHostExitNow(3);
    }
    if (end >= 0) {
        AcquireSRWLockExclusive(&RemoteLock);
        ConnectLocked(end);
        ReleaseSRWLockExclusive(&RemoteLock);
    }
    return end >= 0;
}

VOID
NtdllLeaveHost(int ExitCode)
{
    LPC_SOCKET_MESSAGE goodbye = {LPC_VERSION, LPC_GOODBYE, 0, (uint32_t)ExitCode};
    LPC_SOCKET_MESSAGE answer;
    int descriptor;

    if (RemoteSocket < 0 || __atomic_load_n(&RemoteIsDown, __ATOMIC_ACQUIRE) != 0) {
        return;
    }
    AcquireSRWLockExclusive(&RemoteLock);
    /* The answer is the end of the connection, when all handles are closed. */
    (VOID) AskLocked(&goodbye, &answer, sizeof(answer), &descriptor);
    ReleaseSRWLockExclusive(&RemoteLock);
}

/* ---- a thread's channel ---- */

/* The thread ends: the kernel need not answer that. */
static void
EndThread(void *Context)
{
    REMOTE_THREAD *thread = Context;
    LPC_CHANNEL *channel = thread->Channel;
    REMOTE_THREAD **link = &RemoteThreads;

    OrderCalls();
    channel->Request.Argument[0] = (ULONG64)thread->ExitStatus;
    __atomic_store_n(&channel->Request.Service, LPC_END_THREAD, __ATOMIC_RELAXED);
    __atomic_store_n(&channel->Calls, ++thread->Calls, __ATOMIC_SEQ_CST);
    NtdllHostWakeShared(&channel->Calls, 1);
    AcquireSRWLockExclusive(&RemoteLock);
    while (*link != NULL && *link != thread) {
        link = &(*link)->Next;
    }
    if (*link != NULL) {
        *link = thread->Next;
    }
    ReleaseSRWLockExclusive(&RemoteLock);
    NtdllHostUnmapPages(channel, LPC_CHANNEL_SIZE);
    RemoteSelf = NULL;
    free(thread);
}

/* NULL: refused, or the host is gone; *Status says which. RemoteLock. */
static LPC_CHANNEL *
OpenChannelLocked(BOOLEAN Suspended, NTSTATUS *Status)
{
    LPC_SOCKET_MESSAGE question = {LPC_VERSION, LPC_OPEN_THREAD, Suspended, NtdllHostThreadId()};
    LPC_SOCKET_MESSAGE answer;
    LPC_CHANNEL *channel = NULL;
    int descriptor;

    *Status = STATUS_HOST_DOWN;
    if (!AskLocked(&question, &answer, sizeof(answer), &descriptor)) {
        return NULL;
    }
    *Status = answer.Status;
    if (answer.Code == LPC_THREAD_OPEN && descriptor >= 0) {
        channel = NtdllHostMapShared(descriptor, 0, NULL, LPC_CHANNEL_SIZE,
                                     NTDLL_HOST_READ | NTDLL_HOST_WRITE);
        *Status = channel != NULL ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    }
    if (descriptor >= 0) {
        NtdllHostClose(descriptor);
    }
    return channel;
}

/* The calling thread's, made at its first call. */
static REMOTE_THREAD *
OpenRemoteThread(BOOLEAN Suspended, NTSTATUS *Status)
{
    REMOTE_THREAD *thread = calloc(1, sizeof(*thread));

    *Status = STATUS_NO_MEMORY;
    if (thread == NULL) {
        return NULL;
    }
    AcquireSRWLockExclusive(&RemoteLock);
    if (RemoteSocket < 0) {
        int end = NtdllHostConnect(RemotePath); /* R3 */

        if (end >= 0) {
            ConnectLocked(end);
        }
    }
    thread->Channel = OpenChannelLocked(Suspended, Status);
    if (thread->Channel != NULL) {
        thread->Next = RemoteThreads;
        RemoteThreads = thread;
    }
    ReleaseSRWLockExclusive(&RemoteLock);
    if (thread->Channel == NULL) {
        free(thread);
        return NULL;
    }
    thread->StackTop = NtdllHostStackTop();
    thread->Spin = RemoteSpins ? SPIN_MAX : 0;
    RemoteSelf = thread;
    NtdllHostAtThreadEnd(EndThread, thread);
    return thread;
}

/* ---- a call ---- */

static BOOLEAN
RemoteBegin(REMOTE_CALL *Call, uint32_t Service)
{
    REMOTE_THREAD *thread = RemoteSelf;

    if (__builtin_expect(thread == NULL, 0)) {
        thread = OpenRemoteThread(FALSE, &Call->Status);
        if (thread == NULL) {
            return FALSE;
        }
    }
    Call->Thread = thread;
    Call->Channel = thread->Channel;
    Call->Used = 0;
    Call->Bottom = (uintptr_t)__builtin_frame_address(0);
    thread->Channel->Request.Service = Service;
    thread->Channel->Request.InCount = 0;
    thread->Channel->Request.OutCount = 0;
    return TRUE;
}

/* Memory of the caller's frames, or of theirs, which is there. */
static BOOLEAN
IsOnStack(const REMOTE_CALL *Call, const VOID *Address, size_t Size)
{
    uintptr_t start = (uintptr_t)Address;

    return start >= Call->Bottom && start < Call->Thread->StackTop &&
           Size <= Call->Thread->StackTop - start;
}

static BOOLEAN
IsInArena(const VOID *Address, size_t Size)
{
    uintptr_t start = (uintptr_t)Address;

    return start >= NtdllArenaBase && start < NtdllArenaEnd && Size <= NtdllArenaEnd - start;
}

/* Room in Data, or LPC_NO_DATA. */
static uint32_t
TakeRoom(REMOTE_CALL *Call, size_t Size)
{
    uint32_t offset = (Call->Used + 15) & ~15u;

    if (Size > INLINE_LIMIT || offset > LPC_DATA_SIZE || Size > LPC_DATA_SIZE - offset) {
        return LPC_NO_DATA;
    }
    Call->Used = offset + (uint32_t)Size;
    return offset;
}

/* The call will read this. R2: what is not on the stack the kernel fetches. */
static VOID
RemoteIn(REMOTE_CALL *Call, const VOID *Address, size_t Size)
{
    LPC_REQUEST *request = &Call->Channel->Request;
    uint32_t offset;

    if (Size == 0 || !IsOnStack(Call, Address, Size) || request->InCount == LPC_MAX_RANGES) {
        return;
    }
    offset = TakeRoom(Call, Size);
    if (offset == LPC_NO_DATA) {
        return;
    }
    memcpy(Call->Channel->Data + offset, Address, Size);
    request->In[request->InCount++] =
        (LPC_RANGE){.Address = (uintptr_t)Address, .Length = (uint32_t)Size, .Offset = offset};
}

/* The call will write this. */
static VOID
RemoteOut(REMOTE_CALL *Call, PVOID Address, size_t Size)
{
    LPC_REQUEST *request = &Call->Channel->Request;
    LPC_RANGE *range = &request->Out[request->OutCount];
    int writable;

    if (Address == NULL || Size == 0 || Size > UINT32_MAX || IsInArena(Address, Size) ||
        request->OutCount == LPC_MAX_RANGES) {
        return;
    }
    writable = IsOnStack(Call, Address, Size) ? 1 : NtdllHostIsWritable(Address, Size);
    if (writable < 0) {
        return;
    }
    Call->Target[request->OutCount++] = Address;
    *range = (LPC_RANGE){.Address = (uintptr_t)Address,
                         .Length = (uint32_t)Size,
                         .Offset = writable ? TakeRoom(Call, Size) : LPC_NO_DATA,
                         .Flags = writable ? LPC_RANGE_WRITABLE : 0};
}

static VOID
RemoteString(REMOTE_CALL *Call, const UNICODE_STRING *String)
{
    if (!IsOnStack(Call, String, sizeof(*String))) {
        return;
    }
    RemoteIn(Call, String, sizeof(*String));
    RemoteIn(Call, String->Buffer, String->Length);
}

static VOID
RemoteAttributes(REMOTE_CALL *Call, const OBJECT_ATTRIBUTES *Attributes)
{
    if (!IsOnStack(Call, Attributes, sizeof(*Attributes))) {
        return;
    }
    RemoteIn(Call, Attributes, sizeof(*Attributes));
    if (Attributes->ObjectName != NULL) {
        RemoteString(Call, Attributes->ObjectName);
    }
}

static BOOLEAN
HasReturn(const REMOTE_THREAD *Thread)
{
    return __atomic_load_n(&Thread->Channel->Returns, __ATOMIC_ACQUIRE) == Thread->Calls ||
           __atomic_load_n(&Thread->Channel->Closed, __ATOMIC_ACQUIRE) != 0;
}

/* As the host's side does it: spins for as long as that has paid of late. */
static BOOLEAN
SpinForReturn(REMOTE_THREAD *Thread)
{
    for (uint32_t i = 0; i < Thread->Spin; i++) {
        if (HasReturn(Thread)) {
            Thread->Spin = Thread->Spin * 2 < SPIN_MAX ? Thread->Spin * 2 : SPIN_MAX;
            return TRUE;
        }
        NtdllHostPause();
    }
    if (RemoteSpins) {
        Thread->Spin = Thread->Spin / 2 > SPIN_MIN ? Thread->Spin / 2 : SPIN_MIN;
    }
    return HasReturn(Thread);
}

/* Makes the call that is in the channel; FALSE: the host is gone. */
static BOOLEAN
CallHost(REMOTE_THREAD *Thread)
{
    LPC_CHANNEL *channel = Thread->Channel;

    if (__atomic_load_n(&channel->Closed, __ATOMIC_ACQUIRE) != 0) {
        return FALSE;
    }
    OrderCalls();
    __atomic_store_n(&channel->Calls, ++Thread->Calls, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&channel->HostWaits, __ATOMIC_SEQ_CST) != 0) {
        NtdllHostWakeShared(&channel->Calls, 1);
    }
    if (!SpinForReturn(Thread)) {
        __atomic_store_n(&channel->ClientWaits, 1, __ATOMIC_SEQ_CST);
        while (!HasReturn(Thread)) {
            uint32_t returns = __atomic_load_n(&channel->Returns, __ATOMIC_ACQUIRE);

            if (returns != Thread->Calls) {
                NtdllHostWaitShared(&channel->Returns, returns, UINT64_MAX);
            }
        }
        __atomic_store_n(&channel->ClientWaits, 0, __ATOMIC_RELAXED);
    }
    OrderCalls();
    return __atomic_load_n(&channel->Returns, __ATOMIC_ACQUIRE) == Thread->Calls;
}

/* What the kernel wrote to the outputs, if it is theirs. */
static VOID
TakeOutputs(const REMOTE_CALL *Call)
{
    const LPC_CHANNEL *channel = Call->Channel;

    for (uint32_t i = 0; i < channel->Request.OutCount; i++) {
        const LPC_RANGE *range = &channel->Request.Out[i];
        uint32_t first = channel->Reply.First[i];
        uint32_t last = channel->Reply.Last[i];

        if (first < last && last <= range->Length && range->Offset != LPC_NO_DATA) {
            memcpy((PUCHAR)Call->Target[i] + first, channel->Data + range->Offset + first,
                   last - first);
        }
    }
}

static BOOLEAN
AskForApc(REMOTE_THREAD *Thread)
{
    Thread->Channel->Request.Service = LPC_NEXT_APC;
    Thread->Channel->Request.InCount = 0;
    Thread->Channel->Request.OutCount = 0;
    return CallHost(Thread) && (Thread->Channel->Reply.Flags & LPC_REPLY_APC) != 0;
}

/* User APCs run here, before the call returns; they may make calls of their own. */
static VOID
RunApcs(REMOTE_THREAD *Thread)
{
    do {
        const ULONG64 *apc = (const ULONG64 *)Thread->Channel->Reply.Apc;
        VOID (*routine)(PVOID, PVOID, PVOID) = (VOID(*)(PVOID, PVOID, PVOID))(uintptr_t)apc[0];

        routine((PVOID)(uintptr_t)apc[1], (PVOID)(uintptr_t)apc[2], (PVOID)(uintptr_t)apc[3]);
    } while (AskForApc(Thread));
}

static NTSTATUS
RemoteMake(REMOTE_CALL *Call)
{
    BOOLEAN answered = CallHost(Call->Thread);
    NTSTATUS status;

    if (__builtin_expect(NtdllIsProcessEnding(), 0)) {
        NtdllHostPark(); /* Windows would have terminated this thread before its wait ended */
    }
    if (!answered) {
        return STATUS_HOST_DOWN;
    }
    status = Call->Channel->Reply.Status;
    TakeOutputs(Call);
    if (__builtin_expect((Call->Channel->Reply.Flags & LPC_REPLY_APC) != 0, 0)) {
        RunApcs(Call->Thread);
    }
    return status;
}

NTSTATUS
NtdllTellArenaAccess(PVOID Address, SIZE_T Size, uint32_t Access)
{
    REMOTE_CALL call;

    if (!RemoteBegin(&call, LPC_SET_ACCESS)) {
        return call.Status;
    }
    call.Channel->Request.Argument[0] = (ULONG_PTR)Address;
    call.Channel->Request.Argument[1] = Size;
    call.Channel->Request.Argument[2] = Access;
    return RemoteMake(&call);
}

/* ---- threads ---- */

typedef struct REMOTE_START {
    NTSTATUS (*Start)(PVOID);
    PVOID Context;
    BOOLEAN Suspended;
    NTSTATUS Status;
    uint32_t ThreadId;
    uint32_t Opened; /* atomic: Status and ThreadId are set */
    uint32_t Go;     /* atomic: 1 run, 2 do not; whoever makes it frees nothing, the thread does */
} REMOTE_START;

static VOID
SetWord(uint32_t *Word, uint32_t Value)
{
    __atomic_store_n(Word, Value, __ATOMIC_RELEASE);
    NtdllHostWakeAddress(Word, UINT32_MAX);
}

static uint32_t
AwaitWord(const uint32_t *Word)
{
    uint32_t value;

    while ((value = __atomic_load_n(Word, __ATOMIC_ACQUIRE)) == 0) {
        NtdllHostWaitAddress(Word, 0, UINT64_MAX);
    }
    return value;
}

static NTSTATUS RemoteNtboxTerminateCurrentThread(NTSTATUS Status);

static void
StartThread(void *Context)
{
    REMOTE_START *start = Context;
    NTSTATUS (*routine)(PVOID) = start->Start;
    PVOID context = start->Context;
    BOOLEAN suspended = start->Suspended;
    REMOTE_CALL call;
    uint32_t go;

    start->ThreadId = NtdllHostThreadId();
    if (OpenRemoteThread(suspended, &start->Status) != NULL && RemoteBegin(&call, LPC_NEXT_APC)) {
        start->Status = RemoteMake(&call); /* the kernel knows the thread when it has answered */
    }
    SetWord(&start->Opened, 1);
    go = AwaitWord(&start->Go);
    free(start);
    if (go != 1) {
        NtdllHostEndThread();
    }
    if (suspended && RemoteBegin(&call, LPC_AWAIT_RESUME)) {
        RemoteMake(&call);
    }
    RemoteNtboxTerminateCurrentThread(routine(context));
}

static NTSTATUS RemoteNtOpenThread(PHANDLE Handle, ACCESS_MASK Access,
                                   POBJECT_ATTRIBUTES Attributes, PCLIENT_ID ClientId);

static NTSTATUS
RemoteNtboxCreateThread(PHANDLE Handle, PVOID Start, PVOID Context, BOOLEAN Suspended,
                        CLIENT_ID *ClientId)
{
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof(attributes)};
    REMOTE_START *start = calloc(1, sizeof(*start));
    CLIENT_ID id;
    NTSTATUS status;

    if (start == NULL) {
        return STATUS_NO_MEMORY;
    }
    start->Start = (NTSTATUS(*)(PVOID))(uintptr_t)Start;
    start->Context = Context;
    start->Suspended = Suspended;
    if (!NtdllHostStartThread(StartThread, start, 0)) {
        free(start);
        return STATUS_NO_MEMORY;
    }
    AwaitWord(&start->Opened);
    id.UniqueProcess = (HANDLE)(uintptr_t)NtdllHostProcessId();
    id.UniqueThread = (HANDLE)(uintptr_t)start->ThreadId;
    status = start->Status;
    if (NT_SUCCESS(status)) {
        status = RemoteNtOpenThread(Handle, THREAD_ALL_ACCESS, &attributes, &id);
    }
    if (NT_SUCCESS(status) && ClientId != NULL) {
        *ClientId = id;
    }
    SetWord(&start->Go, NT_SUCCESS(status) ? 1 : 2);
    return status;
}

static NTSTATUS
RemoteNtboxTerminateCurrentThread(NTSTATUS Status)
{
    if (RemoteSelf != NULL) {
        RemoteSelf->ExitStatus = Status;
    }
    NtdllHostEndThread();
}

#include "lpc-client.inc"
