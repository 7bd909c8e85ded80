/* SPDX-License-Identifier: MIT
 *
 * host/host.h - what the files of ntboxd share
 *
 * One thread, the main one, owns the connections and everything in them; the kernel's threads only
 * ask a client to map something (HostMap) and tell that a client is run down (HostEnded).
 */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "lpc/host.h"
#include "lpc/protocol.h"

#define HOST_STATUS_SUCCESS 0
#define HOST_STATUS_INVALID_PARAMETER ((int32_t)0xC000000D)
#define HOST_STATUS_REVISION_MISMATCH ((int32_t)0xC0000059)
#define HOST_STATUS_ACCESS_DENIED ((int32_t)0xC0000022)
#define HOST_STATUS_NO_MEMORY ((int32_t)0xC0000017)
#define HOST_STATUS_INVALID_CID ((int32_t)0xC000000B)
#define HOST_EXIT_KILLED 1 /* exit status of a client that did not say goodbye */

typedef struct HOST_SETTINGS {
    const char *Socket;      /* path */
    int IsSystem;            /* every user may connect */
    int ReadyDescriptor;     /* told when the socket listens; -1: nobody */
    uint32_t Connections;    /* that one user may have, the owner and root excepted */
    NTBOX_HOST_START Start;  /* of the kernel */
    struct timespec Started; /* CLOCK_MONOTONIC */
} HOST_SETTINGS;

typedef enum HOST_STATE {
    HostNew,     /* nothing said yet */
    HostWaiting, /* its hello waits for clients that are being run down */
    HostClient,  /* a client */
    HostEnding,  /* it is gone, or has said goodbye: the kernel runs it down */
    HostControl  /* `ntbox status` and the like */
} HOST_STATE;

typedef struct HOST_CONNECTION {
    struct HOST_CONNECTION *Next;
    HOST_STATE State;
    int Socket;
    int Process;     /* pidfd; -1: none */
    int Memory;      /* HostWaiting: its descriptor */
    time_t Deadline; /* HostNew: of its hello; HostWaiting: when it is admitted anyway;
                        HostEnding: until then hellos wait for it */
    pid_t ProcessId;
    uid_t UserId;
    gid_t GroupId;
    NTBOX_CLIENT *Client;
    int Ended;               /* atomic: the kernel has let go of it */
    pthread_mutex_t MapLock; /* one question at a time on Maps */
    int Maps;                /* the socket of LPC_MAP; -1: none */
    uint32_t MapNumber;      /* MapLock */
    int MapsFailed;          /* MapLock: it did not answer once, and is not asked again */
} HOST_CONNECTION;

extern const NTBOX_HOST_CALLS *HostKernel;
extern HOST_SETTINGS HostSettings;

/* ---- loop.c ---- */

/* Serves until somebody stops it. Returns the process's exit code. */
int HostServe(int Listener);
/* Has an event of Descriptor told with Connection (NULL: the wake-up). */
int HostWatch(int Descriptor, HOST_CONNECTION *Connection);
/* No event of it comes any more, even if a copy of the descriptor stays open (command.c). */
void HostForget(int Descriptor);
/* The loop looks at all connections again; any thread. */
void HostWake(void);
/* Stops the loop when the message being handled is done. */
void HostStop(void);

/* ---- connection.c ---- */

extern HOST_CONNECTION *HostConnections;
/* A connection that was accepted; takes the socket. */
void HostAccept(int Socket);
/* There is something to read on it, or its end. */
void HostHandle(HOST_CONNECTION *Connection);
/* Frees what has ended, welcomes who waited. How many clients are not run down yet. */
unsigned HostSweep(void);
/* Every client is run down, every other connection closed. */
void HostEndAll(void);

/* ---- command.c ---- */

/* Does a command and answers it, later; 0: no memory or thread for that. Socket stays the caller's.
 */
int HostBeginCommand(int Socket, const char *Text);
/* Commands that have not been answered yet. */
unsigned HostCommandsRunning(void);
/* The peer has asked to stop, and hears of the end. */
void HostKeepStopper(int Socket);
/* The process ends now, with Code. */
void HostTellStopped(int Code);

/* ---- message.c ---- */

/* One message with a descriptor (-1: none), never blocking; 0: the peer does not take it. */
int HostSend(int Socket, const void *Message, size_t Length, int Descriptor);
#define HOST_MAX_DESCRIPTORS 2u
/*
 * Bytes; 0: end; -1: nothing there. At most Count (HOST_MAX_DESCRIPTORS) descriptors, the rest -1;
 * what else was sent along never becomes a descriptor of ours.
 */
ssize_t HostReceive(int Socket, void *Message, size_t Size, int *Descriptors, unsigned Count);
/* NTBOX_CLIENT_OPTIONS.Map; Context: the connection. */
int HostMap(void *Context, int Descriptor, uint64_t Offset, uint64_t Address, uint64_t Size,
            int Writable);

/* ---- closer.c ---- */

int HostStartCloser(void);
/* Closes a descriptor of that user's (-1: none) some time. */
void HostCloseStrange(int Descriptor, uid_t UserId);
/* How many of that user's are not closed yet. */
uint32_t HostCountStrange(uid_t UserId);
/* It is a mem file of /proc, as the process has that mounted. Never blocks. */
int HostIsMemory(int Descriptor, pid_t ProcessId);
