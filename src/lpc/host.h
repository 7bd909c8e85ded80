/* SPDX-License-Identifier: MIT
 *
 * lpc/host.h - the kernel as its host process drives it: start, clients, stop
 *
 * ntboxd loads libntoskrnl.so, takes this table from NtboxHostEntry, and does what needs the host's
 * own means: sockets, credentials, signals. Statuses are NTSTATUS values; no NT header is needed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NTBOX_HOST_VERSION 1u

typedef struct NTBOX_CLIENT NTBOX_CLIENT;

/* Pointers may be NULL; they are looked at during the call only. */
typedef struct NTBOX_HOST_START {
    uint32_t Processors;         /* 0: default */
    const char *const *Drivers;  /* host paths, NULL-terminated; loaded in order */
    const char *const *Settings; /* "service\value=dword:1" or "=text": service-key values */
    uint32_t EventSource;        /* HALP_EVENTS_* */
    int NoMachineEvents;
    uint64_t ClientMemory; /* limits of each client, see mm/client.h MI_QUOTA; 0: default */
    uint32_t ClientRequests;
    uint32_t ClientHandles;
} NTBOX_HOST_START;

/* Who a client is, from the socket's credentials, and how the kernel reaches it. */
typedef struct NTBOX_CLIENT_OPTIONS {
    uint32_t ProcessId;
    uint32_t ParentId;
    uint32_t UserId;
    uint32_t GroupId;
    const uint32_t *Groups; /* supplementary ones */
    uint32_t GroupCount;
    int IsOwner;       /* may load and unload drivers: the host's own user, or root */
    const char *Image; /* UTF-8 path of its program; may be empty, not NULL */
    int Memory;        /* descriptor of its /proc/self/mem; the kernel's from the call on */
    void *Context;     /* for the calls below, made on the kernel's threads */
    /*
     * The client maps (Descriptor >= 0) or unmaps part of its zone, and says so: blocks until then.
     * 0: it is gone, or does not answer. The descriptor stays the kernel's.
     */
    int (*Map)(void *Context, int Descriptor, uint64_t Offset, uint64_t Address, uint64_t Size,
               int Writable);
    /* The client is run down, and Context is not used any more. The last call. */
    void (*Ended)(void *Context);
} NTBOX_CLIENT_OPTIONS;

/* What the client needs to know. */
typedef struct NTBOX_CLIENT_WELCOME {
    int Arena; /* a descriptor for it, to be closed */
    uint64_t ArenaBase;
    uint64_t ArenaSize;
    uint64_t ZoneSize; /* behind the arena */
} NTBOX_CLIENT_WELCOME;

/* Takes text for `ntbox status` and the like: whole lines. */
typedef void NTBOX_HOST_SINK(void *Context, const char *Text, size_t Length);

typedef struct NTBOX_HOST_CALLS {
    uint32_t Version; /* NTBOX_HOST_VERSION */
    uint32_t Size;
    /* Once. On failure *Failed names the driver or setting that could not be taken, or is NULL. */
    int32_t (*Start)(const NTBOX_HOST_START *Options, const char **Failed);
    /* After the last client's Ended. Returns audit findings. */
    uint32_t (*Stop)(void);
    /*
     * A process object and its arena.
     * STATUS_INSUFFICIENT_RESOURCES; STATUS_TOO_MANY_SESSIONS: as many clients as there are slices.
     */
    int32_t (*CreateClient)(const NTBOX_CLIENT_OPTIONS *Options, NTBOX_CLIENT **Client,
                            NTBOX_CLIENT_WELCOME *Welcome);
    /*
     * A thread of it: *Channel is a descriptor for the client, to be closed. STATUS_QUOTA_EXCEEDED:
     * it has as many as it may. Suspended: it does not run before NtResumeThread.
     */
    int32_t (*OpenThread)(NTBOX_CLIENT *Client, uint32_t ThreadId, int Suspended, int *Channel);
    /* The client is gone: what it had is cancelled, cleaned up and closed; Ended follows. */
    void (*EndClient)(NTBOX_CLIENT *Client, int32_t ExitStatus);
    /*
     * A command of `ntbox`, on a thread that the kernel does not know; its words are separated by
     * the character 0x1F: status; list KIND; load PATH [SERVICE\VALUE=...]; unload NAME. What is
     * listed are tables: a line that begins with # names the columns, which tabs separate; ":n"
     * behind a name says that it is a number, ":b" 0 or 1, and each other line is a row. Backslash,
     * tab and newline in a text are \\, \t and \n.
     * STATUS_INVALID_PARAMETER: no such command, list or setting; what LdrpLoadDriver and
     * LdrpUnloadByName return.
     */
    int32_t (*Command)(const char *Text, NTBOX_HOST_SINK *Sink, void *Context);
    /* Name of a status, or NULL. */
    const char *(*StatusName)(int32_t Status);
} NTBOX_HOST_CALLS;

/* Exported by libntoskrnl.so. NULL: it is of another version. */
typedef const NTBOX_HOST_CALLS *NTBOX_HOST_ENTRY(uint32_t Version);
__attribute__((visibility("default"))) NTBOX_HOST_ENTRY NtboxHostEntry;
