/* SPDX-License-Identifier: MIT
 *
 * lpc/protocol.h - what a client process and the host of the kernel say to each other
 *
 * A client connects to the host's Unix socket (SOCK_SEQPACKET: a message is whole or not there) and
 * says who it is; the socket's credentials say whether that is so. It hands over one end of a
 * second socket, on which the host asks it to map memory (LPC_MAP, LPC_UNMAP), and it answers
 * (LPC_DONE). Each thread of it then gets a channel, memory shared by the two of them, through
 * which it makes its system calls one at a time:
 *
 *   client  writes Request, then adds 1 to Calls; wakes the host if HostWaits
 *   host    copies Request and never looks again; does the call; writes Reply, then sets Returns to
 *           the number of the call; wakes the client if ClientWaits
 *
 * The host believes nothing: it reads each word once, checks it, and what a client writes at the
 * wrong moment spoils nobody's calls but its own.
 *
 * Everything is in the byte order and with the alignment of the machine: both sides run on it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LPC_VERSION 1u /* both sides must have the same */

/* ---- the socket ---- */

typedef enum LPC_SOCKET_CODE {
    LPC_HELLO = 1,   /* client, with descriptors of its /proc/self/mem and its end for LPC_MAP */
    LPC_WELCOME,     /* host: LPC_WELCOME_MESSAGE, with a descriptor of its arena */
    LPC_OPEN_THREAD, /* client: Value: the thread's number; Status not 0: it is suspended */
    LPC_THREAD_OPEN, /* host: the answer; Value: that number; with a descriptor of the channel */
    LPC_REFUSED,     /* host: the answer to what cannot be done; Status says why */
    LPC_GOODBYE, /* client: it ends, with Value; the host closes the socket when all is undone */
    LPC_MAP,     /* host: LPC_MAP_MESSAGE, with a descriptor: map it, then say LPC_DONE */
    LPC_UNMAP,   /* host: LPC_MAP_MESSAGE: undo it, then say LPC_DONE */
    LPC_DONE,    /* client: Value: the message's number; Status */
    LPC_CONTROL, /* client: a request of `ntbox status` and the like; text follows */
    LPC_ANSWER   /* host: the answer; text follows, LPC_ANSWER with no text ends it */
} LPC_SOCKET_CODE;

typedef struct LPC_SOCKET_MESSAGE {
    uint32_t Version; /* LPC_VERSION */
    uint32_t Code;    /* LPC_SOCKET_CODE */
    int32_t Status;   /* NTSTATUS */
    uint32_t Value;
} LPC_SOCKET_MESSAGE;

typedef struct LPC_WELCOME_MESSAGE {
    LPC_SOCKET_MESSAGE Header;
    uint64_t ArenaBase; /* where both sides have the arena */
    uint64_t ArenaSize;
    uint64_t ZoneSize; /* bytes behind it that LPC_MAP uses: to be kept free */
} LPC_WELCOME_MESSAGE;

typedef struct LPC_MAP_MESSAGE {
    LPC_SOCKET_MESSAGE Header; /* Value: number of the message */
    uint64_t Address;          /* in the zone */
    uint64_t Size;
    uint64_t Offset;   /* in the descriptor's memory */
    uint32_t Writable; /* 0 or 1; never executable */
    uint32_t Reserved;
} LPC_MAP_MESSAGE;

#define LPC_MAX_TEXT 4096u /* bytes of a LPC_CONTROL or LPC_ANSWER, behind its header */

/* ---- a channel ---- */

#define LPC_MAX_ARGUMENTS 12u
#define LPC_MAX_RANGES 8u /* of each kind; MI_WINDOW_RANGES */
#define LPC_CHANNEL_SIZE 0x20000u
#define LPC_NO_DATA 0xFFFFFFFFu

/* Services beyond those of init/services.h, whose numbers are their places in the list. */
#define LPC_NEXT_APC 0x1000u   /* the user APC of the last reply has run; which is the next one? */
#define LPC_END_THREAD 0x1001u /* Argument[0]: exit status; there is no reply */

#define LPC_RANGE_WRITABLE 1u    /* an output that the client has found to be writable */
#define LPC_AWAIT_RESUME 0x1002u /* returns when the thread is not, or no longer, suspended */
/* Argument: address, size, LPC_ARENA_* : what the client's mapping of part of its arena allows now.
 */
#define LPC_SET_ACCESS 0x1003u
#define LPC_ARENA_READ 1u
#define LPC_ARENA_WRITE 2u

/* A piece of the client's memory that the call will read, or write. */
typedef struct LPC_RANGE {
    uint64_t Address;
    uint32_t Length;
    uint32_t Offset; /* in Data: the bytes, or room for them; LPC_NO_DATA */
    uint32_t Flags;  /* LPC_RANGE_* */
    uint32_t Reserved;
} LPC_RANGE;

typedef struct LPC_REQUEST {
    uint32_t Service;
    uint32_t InCount;
    uint32_t OutCount;
    uint32_t Reserved;
    uint64_t Argument[LPC_MAX_ARGUMENTS];
    LPC_RANGE In[LPC_MAX_RANGES];
    LPC_RANGE Out[LPC_MAX_RANGES];
} LPC_REQUEST;

#define LPC_REPLY_APC 1u /* Apc is to be called, then LPC_NEXT_APC */

typedef struct LPC_REPLY {
    int32_t Status;
    uint32_t Flags;
    uint64_t Apc[4];                /* routine, context, two arguments */
    uint32_t First[LPC_MAX_RANGES]; /* of Out: bytes [First, Last) were written, and lie in Data */
    uint32_t Last[LPC_MAX_RANGES];
} LPC_REPLY;

typedef struct LPC_CHANNEL {
    uint32_t Calls;     /* the client's: calls made so far */
    uint32_t HostWaits; /* the host's: it sleeps on Calls */
    uint32_t Closed;    /* the host's: no call will be answered any more */
    uint32_t Pad1[13];
    uint32_t Returns;     /* the host's: calls answered so far */
    uint32_t ClientWaits; /* the client's: it sleeps on Returns */
    uint32_t Pad2[14];
    LPC_REQUEST Request;
    LPC_REPLY Reply;
    uint8_t Data[];
} LPC_CHANNEL;

#define LPC_DATA_SIZE (LPC_CHANNEL_SIZE - (uint32_t)offsetof(LPC_CHANNEL, Data))

_Static_assert(offsetof(LPC_CHANNEL, Returns) == 64, "each side's words have a line of their own");
