/* SPDX-License-Identifier: MIT
 *
 * channel_driver.h - the driver half: publish records, answer reads
 *
 * A driver makes one CHANNEL, calls the four entry points from its dispatch routines, and
 * publishes from wherever things happen. Each open handle is a reader with a position of its own;
 * a reader that falls behind loses the oldest records and is told exactly how many.
 *
 *     IRP_MJ_CREATE          ChannelOpen(channel, fileObject)
 *     IRP_MJ_READ            return ChannelRead(channel, irp)
 *     IRP_MJ_DEVICE_CONTROL  return ChannelControl(channel, irp)    for the CHANNEL codes
 *     IRP_MJ_CLEANUP         ChannelCleanup(fileObject)
 *     IRP_MJ_CLOSE           ChannelClose(fileObject)
 *
 * The device must have DO_DIRECT_IO. ChannelOpen keeps its reader in FileObject->FsContext.
 */
#pragma once

#include <wdm.h>
#include "channel.h"

typedef struct CHANNEL CHANNEL;

/*
 * ChannelCreate - make a channel
 *
 * Capacity  bytes kept for readers that are behind (and before the first reader comes); rounded
 *           up to a power of two, 64 KiB .. 1 GiB. Non-paged.
 * Tag       pool tag of everything the channel allocates
 *
 * Returns   STATUS_SUCCESS, STATUS_INVALID_PARAMETER, STATUS_INSUFFICIENT_RESOURCES
 * IRQL      PASSIVE_LEVEL
 */
NTSTATUS ChannelCreate(SIZE_T Capacity, ULONG Tag, CHANNEL **Channel);

/* Frees the channel. No reader is open and no publisher runs any more. IRQL PASSIVE_LEVEL. */
VOID ChannelDelete(CHANNEL *Channel);

/*
 * ChannelPublish - append a record and complete the reads that it makes due
 *
 * Type     1 .. 0x7fff, the caller's
 * Time     100 ns units since 1601 UTC, or 0: now
 * Parts    Count pieces that make up the payload, copied in order; the caller keeps them
 *
 * A record that does not fit is replaced by a gap record (ChannelGapTooLarge): nothing is lost in
 * silence, so there is nothing to return. Never waits. IRQL <= DISPATCH_LEVEL.
 */
typedef struct CHANNEL_PART {
    const VOID *Data;
    ULONG Size;
} CHANNEL_PART;
VOID ChannelPublish(CHANNEL *Channel, USHORT Type, LONG64 Time, const CHANNEL_PART *Parts,
                    ULONG Count);

/*
 * Tells every reader, in its place, that Count things could not be published. Time as above: when
 * they were missed. Same IRQL.
 */
VOID ChannelPublishGap(CHANNEL *Channel, CHANNEL_GAP_REASON Reason, LONG64 Time, UINT64 Count);

/* Makes the reader of a new handle, at the oldest record kept. IRQL PASSIVE_LEVEL. */
NTSTATUS ChannelOpen(CHANNEL *Channel, PFILE_OBJECT FileObject);
/* Take the IRP over: it is completed now or later. Return their result from the dispatch. */
NTSTATUS ChannelRead(CHANNEL *Channel, PIRP Irp);
NTSTATUS ChannelControl(CHANNEL *Channel, PIRP Irp);
/* Cancels the handle's reads. After it, reads are refused. IRQL PASSIVE_LEVEL. */
VOID ChannelCleanup(PFILE_OBJECT FileObject);
/* Frees the reader. IRQL PASSIVE_LEVEL. */
VOID ChannelClose(PFILE_OBJECT FileObject);
