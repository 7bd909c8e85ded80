/* SPDX-License-Identifier: MIT
 *
 * kernel32/poolio.c - callbacks for requests that end: files tied to the pool's port
 *
 * Source   SDK reference, nf-threadpoolapiset-createthreadpoolio, -startthreadpoolio,
 *          -cancelthreadpoolio; nf-winbase-bindiocompletioncallback.
 */
#include "kernel32/pool.h"

struct _TP_IO {
    BASE_POOL_ITEM Item;
    PTP_WIN32_IO_CALLBACK Callback;
    PVOID Context;
};

static VOID
RunIo(BASE_POOL_ITEM *Item, PTP_CALLBACK_INSTANCE Instance, PVOID Argument, IO_STATUS_BLOCK *Iosb)
{
    PTP_IO io = (PTP_IO)Item;

    io->Callback(Instance, io->Context, Argument, RtlNtStatusToDosErrorNoTeb(Iosb->Status),
                 Iosb->Information, io);
}

/* CreateThreadpoolIo - ERROR_INVALID_HANDLE; ERROR_INVALID_PARAMETER: the file has a port */
PTP_IO WINAPI
CreateThreadpoolIo(HANDLE File, PTP_WIN32_IO_CALLBACK Callback, PVOID Context,
                   PTP_CALLBACK_ENVIRON Environment)
{
    PTP_IO io = BasePoolCreateItem(sizeof(*io), RunIo, Environment);

    if (io == NULL) {
        return NULL;
    }
    io->Callback = Callback;
    io->Context = Context;
    if (!BasePoolBindFile(File, &io->Item)) {
        BasePoolDereference(&io->Item);
        return NULL;
    }
    return io;
}

/* Before each request: one callback is promised. */
VOID WINAPI
StartThreadpoolIo(PTP_IO Io)
{
    AcquireSRWLockExclusive(&BasePoolLock);
    BasePoolPromiseLocked(&Io->Item);
    ReleaseSRWLockExclusive(&BasePoolLock);
}

/* The request failed at once, so nothing comes. */
VOID WINAPI
CancelThreadpoolIo(PTP_IO Io)
{
    BasePoolWithdraw(&Io->Item);
}

VOID WINAPI
WaitForThreadpoolIoCallbacks(PTP_IO Io, BOOL Cancel)
{
    BasePoolWaitFor(&Io->Item, Cancel);
}

/* The file is closed before; requests that are under way keep the object. */
VOID WINAPI
CloseThreadpoolIo(PTP_IO Io)
{
    BasePoolDereference(&Io->Item);
}

typedef struct POOL_BOUND {
    BASE_POOL_ITEM Item;
    LPOVERLAPPED_COMPLETION_ROUTINE Routine;
} POOL_BOUND;

static VOID
RunBound(BASE_POOL_ITEM *Item, PTP_CALLBACK_INSTANCE Instance, PVOID Argument,
         IO_STATUS_BLOCK *Iosb)
{
    POOL_BOUND *bound = (POOL_BOUND *)Item;

    bound->Routine(RtlNtStatusToDosErrorNoTeb(Iosb->Status), (DWORD)Iosb->Information, Argument);
}

/*
 * BindIoCompletionCallback - Routine is called for each request of the file that ends
 *
 * Flags    must be 0
 * Errors   ERROR_INVALID_PARAMETER (also: the file has a port), ERROR_INVALID_HANDLE
 */
BOOL WINAPI
BindIoCompletionCallback(HANDLE File, LPOVERLAPPED_COMPLETION_ROUTINE Routine, ULONG Flags)
{
    POOL_BOUND *bound;

    if (Routine == NULL || Flags != 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    bound = BasePoolCreateItem(sizeof(*bound), RunBound, NULL);
    if (bound == NULL) {
        return FALSE;
    }
    bound->Item.Unlimited = TRUE;
    bound->Routine = Routine;
    if (!BasePoolBindFile(File, &bound->Item)) {
        BasePoolDereference(&bound->Item);
        return FALSE;
    }
    /* Nothing tells when the last packet has come: it stays until the process ends. */
    return TRUE;
}
