/* SPDX-License-Identifier: MIT
 *
 * fuzz/hostile.h - what the files of the hostile client share
 *
 * fuzz_hostile plays clients that mean harm to a real ntboxd: processes that connect, open
 * channels, and send calls of which some words are right and others are not, while further threads
 * change the very words that the host reads. hostile.c starts them and counts; session.c is a
 * connection and what is done to it; message.c makes calls up from init/services.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lpc/protocol.h"

#define HOSTILE_THREADS 8u       /* of a session, at most */
#define HOSTILE_HANDLES 64u      /* remembered */
#define HOSTILE_STATUSES 64u     /* told apart */
#define HOSTILE_SCRATCH 0x40000u /* bytes of memory that good pointers point to */

/* ---- random numbers: splitmix64, one state a thread ---- */

typedef struct HOSTILE_RANDOM {
    uint64_t State;
} HOSTILE_RANDOM;

uint64_t HostileNext(HOSTILE_RANDOM *Random);
/* Below Limit, which is not 0. */
uint32_t HostileBelow(HOSTILE_RANDOM *Random, uint32_t Limit);
/* True once in Times. */
int HostileOnce(HOSTILE_RANDOM *Random, uint32_t Times);

/* ---- what is counted, in memory that all processes share; each field atomic ---- */

typedef struct HOSTILE_STATUS_COUNT {
    int32_t Status;
    uint32_t Used;
    uint64_t Count;
} HOSTILE_STATUS_COUNT;

typedef struct HOSTILE_COUNTS {
    uint64_t Messages; /* put into channels */
    uint64_t Replies;
    uint64_t Abandoned; /* channels whose call did not come back in time */
    uint64_t Racing;    /* words changed under the host's eyes */
    uint64_t Socket;    /* messages to the socket */
    uint64_t Sessions;
    uint64_t Refused;
    uint64_t Kills;     /* sessions that ended without a word */
    uint64_t Maps;      /* LPC_MAP messages that were answered, somehow */
    uint64_t Otherwise; /* statuses that found no place in Statuses */
    HOSTILE_STATUS_COUNT Statuses[HOSTILE_STATUSES];
} HOSTILE_COUNTS;

typedef struct HOSTILE_OPTIONS {
    const char *Socket;
    uint64_t Seed;
    uint64_t Messages; /* 0: no limit */
    uint32_t Seconds;  /* 0: no limit */
    uint32_t Processes;
    uint32_t Threads;  /* that call, of a process */
    uint32_t Patience; /* ms that a call may take before its channel is abandoned */
    int IsOwner;       /* the host lets this user load drivers and stop it: ask for neither */
} HOSTILE_OPTIONS;

extern HOSTILE_OPTIONS HostileOptions;
extern HOSTILE_COUNTS *HostileCounts;

void HostileCount(uint64_t *Counter);
void HostileCountStatus(int32_t Status);
/* The run is over: as many messages or seconds as were asked for. */
int HostileIsOver(void);

/* ---- session.c ---- */

typedef struct HOSTILE_SESSION {
    int Socket;
    int Maps; /* our end of the socket for LPC_MAP */
    uint8_t *Arena;
    uint64_t ArenaSize;
    uint64_t ZoneSize;
    uint8_t *Scratch;
    uint64_t Handles[HOSTILE_HANDLES];      /* atomic */
    LPC_CHANNEL *Channels[HOSTILE_THREADS]; /* atomic; what the racing thread looks for */
    uint32_t Abandoned;                     /* atomic */
    uint32_t Ends;                          /* atomic: its threads are to come to an end */
    uint64_t Seed;
} HOSTILE_SESSION;

/* Plays one session from hello to whatever end; in a process of its own or not. */
void HostilePlaySession(uint64_t Seed);
/* An honest client's hello, call and goodbye. NULL: all is well; else what is not. */
const char *HostileAskHonestly(void);

/* ---- message.c ---- */

/* Fills in Request and Data of Channel, and what they point to. The service's number. */
uint32_t HostileMakeRequest(HOSTILE_SESSION *Session, LPC_CHANNEL *Channel, uint32_t Thread,
                            HOSTILE_RANDOM *Random);
/* Learns from what came back: handles. */
void HostileTakeReply(HOSTILE_SESSION *Session, LPC_CHANNEL *Channel, uint32_t Service,
                      HOSTILE_RANDOM *Random);
const char *HostileServiceName(uint32_t Service);
/* The number of a service, for the honest. */
uint32_t HostileFindService(const char *Name);
