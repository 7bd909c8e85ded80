/* SPDX-License-Identifier: MIT
 *
 * hal/posix/peer.c - the memory of another process
 *
 * The process opens its own /proc/self/mem, where the host checks that it may, and hands the
 * descriptor over: reading and writing need no privilege of ours then, and the descriptor never
 * means another process, whatever becomes of the process's number.
 */
#include "hal/posix/posix.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct HALP_PEER {
    int File;
};

HALP_STATUS
HalpOpenPeer(int Descriptor, HALP_PEER **Peer)
{
    HALP_PEER *peer;

    if (Descriptor < 0) {
        return PosixFailText(HALP_INVALID, "HalpOpenPeer: descriptor %d", Descriptor);
    }
    peer = malloc(sizeof(*peer));
    if (peer == NULL) {
        return PosixFail("malloc");
    }
    peer->File = Descriptor;
    *Peer = peer;
    return HALP_OK;
}

void
HalpCloseDescriptor(int Descriptor)
{
    close(Descriptor);
}

void
HalpClosePeer(HALP_PEER *Peer)
{
    close(Peer->File);
    free(Peer);
}

/* Of a transfer that did not go on: the memory of a process that has ended has length 0. */
static HALP_STATUS
StopStatus(ssize_t Result)
{
    if (Result == 0) {
        return HALP_CLOSED;
    }
    return errno == EIO || errno == EFAULT ? HALP_FAULT : PosixFail("/proc/self/mem");
}

HALP_STATUS
HalpReadPeer(HALP_PEER *Peer, uintptr_t Address, void *Buffer, size_t Length, size_t *Done)
{
    size_t done = 0;

    while (done < Length) {
        ssize_t result =
            pread(Peer->File, (char *)Buffer + done, Length - done, (off_t)(Address + done));

        if (result < 0 && errno == EINTR) {
            continue;
        }
        if (result <= 0) {
            *Done = done;
            return StopStatus(result);
        }
        done += (size_t)result;
    }
    *Done = done;
    return HALP_OK;
}

HALP_STATUS
HalpWritePeer(HALP_PEER *Peer, uintptr_t Address, const void *Buffer, size_t Length, size_t *Done)
{
    size_t done = 0;

    while (done < Length) {
        ssize_t result =
            pwrite(Peer->File, (const char *)Buffer + done, Length - done, (off_t)(Address + done));

        if (result < 0 && errno == EINTR) {
            continue;
        }
        if (result <= 0) {
            *Done = done;
            return StopStatus(result);
        }
        done += (size_t)result;
    }
    *Done = done;
    return HALP_OK;
}
