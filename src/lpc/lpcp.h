/* SPDX-License-Identifier: MIT
 *
 * lpc/lpcp.h - what the files of lpc share
 */
#pragma once

#include "init/init.h"
#include "kd/kd.h"
#include "lpc/host.h"
#include "lpc/protocol.h"
#include "mm/client.h"

#define LPCP_TAG 0x6370634Cu   /* 'Lcpc' */
#define LPCP_MAX_CLIENTS 512u  /* slices */
#define LPCP_MAX_THREADS 1024u /* of a client */
#define LPCP_REPORT                                                              \
    30000000000ull /* ns after which a thread that does not come out is reported \
                    */

/*
 * A client. Its threads and its pump are host threads of ours; the reaper, a system thread, takes
 * it apart when it is gone.
 *
 * Lock  NTBOX_CLIENT.Lock (spin) guards Threads, ThreadCount and Closing.
 */
struct NTBOX_CLIENT {
    NTBOX_CLIENT_OPTIONS Options; /* Image and Groups are not kept */
    PEPROCESS Process;
    MI_CLIENT *Memory;
    ULONG Slice;
    HALP_SHARED_MEMORY *Arena;
    HALP_THREAD *Pump;
    KSPIN_LOCK Lock;
    LIST_ENTRY Threads;   /* LPCP_THREAD.Link: that have not ended */
    LIST_ENTRY Ended;     /* LPCP_THREAD.Link: to be joined */
    uint32_t ThreadCount; /* atomic, for its waiter; in Threads */
    BOOLEAN Closing;      /* no thread is added */
    LONG ExitStatus;
    LIST_ENTRY AllLink; /* LpcpClients; its lock, as IsRundown */
    BOOLEAN IsRundown;  /* its handles are going, or gone: nobody looks at its table */
};

/* A thread of a client, as it is served. */
typedef struct LPCP_THREAD {
    LIST_ENTRY Link;
    NTBOX_CLIENT *Client;
    ULONG ThreadId;
    BOOLEAN Suspended; /* at its start */
    PETHREAD Thread;   /* while it is in Threads; client's Lock */
    HALP_THREAD *Host;
    LPC_CHANNEL *Channel;
    uint32_t Closing; /* atomic: no further call */
    uint32_t Served;  /* calls answered */
    ULONG Spin;       /* turns that waiting for a call is worth, as learnt */
    LONG ExitStatus;
    MI_WINDOW Window;
    LPC_REQUEST Request; /* ours: read once */
    PUCHAR Buffer;       /* of the bytes that a request brought; BufferSize */
    ULONG BufferSize;
} LPCP_THREAD;

/* ---- serve.c ---- */

/* The life of a client's thread; Context is its LPCP_THREAD. */
void LpcpServeThread(void *Context);
/* Ends its loop as soon as it is not in a call. Lock. */
VOID LpcpCloseThreadLocked(LPCP_THREAD *Thread);

/* ---- client.c ---- */

/* Every client, from its making until its process is no longer found. */
extern LIST_ENTRY LpcpClients;
VOID LpcpInitializeClients(VOID);
/* Guards LpcpClients; APC_LEVEL until it is released. */
VOID LpcpAcquireClients(VOID);
VOID LpcpReleaseClients(VOID);
BOOLEAN LpcpIsClosing(NTBOX_CLIENT *Client);

/* NTBOX_HOST_CALLS */
int32_t LpcpCreateClient(const NTBOX_CLIENT_OPTIONS *Options, NTBOX_CLIENT **Client,
                         NTBOX_CLIENT_WELCOME *Welcome);
int32_t LpcpOpenThread(NTBOX_CLIENT *Client, uint32_t ThreadId, int Suspended, int *Channel);
void LpcpEndClient(NTBOX_CLIENT *Client, int32_t ExitStatus);
/* The thread is no longer served. Its host thread has no KTHREAD any more. */
VOID LpcpThreadEnded(LPCP_THREAD *Thread);
/* Its object is known, or (NULL) no longer. */
VOID LpcpSetThreadObject(LPCP_THREAD *Thread, PETHREAD Object);

/* ---- text.c: a table as text, see NTBOX_HOST_CALLS.Command ---- */

typedef struct LPCP_TEXT {
    char *Data; /* pool, LPCP_TAG */
    SIZE_T Length;
    SIZE_T Size;
    BOOLEAN IsShort; /* memory ran out: the end is missing */
    BOOLEAN InLine;  /* a field has been put */
} LPCP_TEXT;

/* The names of the columns of what follows: "name\tdevices:n". */
VOID LpcpPutHeader(LPCP_TEXT *Text, const char *Columns);
VOID LpcpPutText(LPCP_TEXT *Text, const char *Field);
VOID LpcpPutWide(LPCP_TEXT *Text, PCUNICODE_STRING Field);
VOID LpcpPutNumber(LPCP_TEXT *Text, ULONG64 Field);
/* As 0x..., of that many digits at least. */
VOID LpcpPutHex(LPCP_TEXT *Text, ULONG64 Field, ULONG Digits);
VOID LpcpEndLine(LPCP_TEXT *Text);

/* ---- list.c ---- */

/* What `ntbox list` asks for. STATUS_INVALID_PARAMETER: there is no such list. PASSIVE_LEVEL. */
NTSTATUS LpcpList(const char *Kind, LPCP_TEXT *Text);
VOID LpcpPutStatus(LPCP_TEXT *Text);

/* ---- command.c ---- */

/* NTBOX_HOST_CALLS */
int32_t LpcpCommand(const char *Command, NTBOX_HOST_SINK *Sink, void *Context);

/* ---- counters.c ---- */

/* The command "counters"; on a thread that the kernel does not know. */
int32_t LpcpCounters(NTBOX_HOST_SINK *Sink, void *Context);
