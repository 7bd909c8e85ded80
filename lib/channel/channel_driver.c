/* SPDX-License-Identifier: MIT
 *
 * channel_driver.c - the driver half of the event channel
 *
 * One ring of records serves all readers. Head, Tail and Position are byte counts that only grow;
 * a record's place is the count modulo the capacity. Publishing overwrites the oldest records, and
 * a reader whose Position has fallen behind Tail learns from the sequence numbers what it missed.
 *
 * Invariants  C1  Tail <= Position <= Head for a reader that is not behind, and
 *                 Head - Tail <= Capacity.
 *             C2  No record crosses the ring's end: a filler record pads it. It may be too short
 *                 for a whole header, and is never the oldest record.
 *             C3  Sequence numbers in the ring are consecutive: TailSequence is Tail's, and
 *                 NextSequence the one that the next record gets.
 *             C4  At most one thread delivers to a reader at a time (Delivering), so its reads
 *                 complete in the order of the records in them. Whoever makes a delivery due while
 *                 another delivers sets Due, and the deliverer looks again before it leaves: no
 *                 wake-up is lost.
 *             C5  A reader's position is moved by its deliverer only, and between two reads.
 *             C6  A reader's PassedGaps are the totals of the gap records before its Sequence. So
 *                 the difference to the channel's OverwrittenGaps is what a reader that was
 *                 overtaken has not been told.
 * Locks       CHANNEL.Lock (spin) guards the ring and all readers' fields but Queue.
 *             CHANNEL_READER.QueueLock (spin) guards Queue. Neither is held while the other is
 *             taken, and no IRP is completed under either.
 * IRP owner   From ChannelRead until IoCsqRemoveNextIrp returns it: the cancel-safe queue. Then the
 *             delivering thread, which completes it.
 */
#include "channel_driver.h"

#define CHANNEL_TYPE_FILLER 0xFFFFu
#define CHANNEL_MIN_CAPACITY (64u * 1024u)
#define CHANNEL_MAX_CAPACITY (1024u * 1024u * 1024u)
#define CHANNEL_MAX_BATCH 65536u
#define CHANNEL_MAX_FLUSH_MS 60000u
/* Bytes copied to a reader before the lock is given to others again. */
#define CHANNEL_COPY_SLICE (16u * 1024u)

/* Gap records of a stretch of the ring, by reason. */
typedef struct CHANNEL_GAP_TOTALS {
    UINT64 Records[ChannelGapReasons];
    UINT64 Count[ChannelGapReasons]; /* sum of CHANNEL_GAP.Count */
} CHANNEL_GAP_TOTALS;

struct CHANNEL {
    KSPIN_LOCK Lock;
    LIST_ENTRY Readers; /* CHANNEL_READER.Link */
    PUCHAR Ring;
    UINT64 Capacity; /* a power of two */
    UINT64 Head;
    UINT64 Tail;
    UINT64 TailSequence;
    UINT64 NextSequence;
    CHANNEL_GAP_TOTALS OverwrittenGaps; /* before Tail */
    CHANNEL_GAP_TOTALS PublishedGaps;   /* before Head */
    ULONG Tag;
};

typedef struct CHANNEL_READER {
    CHANNEL *Channel;
    LIST_ENTRY Link;
    UINT64 Position;
    UINT64 Sequence; /* the number it expects next */
    CHANNEL_GAP_TOTALS PassedGaps;
    UINT64 SkipPosition; /* where its deliverer moves it if it is not that far (C5) */
    UINT64 SkipSequence;
    CHANNEL_GAP_TOTALS SkipGaps;
    CHANNEL_OPTIONS Options;
    CHANNEL_STATISTICS Statistics;
    BOOLEAN Due;        /* a delivery should be tried */
    BOOLEAN Delivering; /* C4 */
    BOOLEAN FlushDue;   /* the first waiting record has waited long enough */
    BOOLEAN TimerSet;
    BOOLEAN Closed; /* cleanup has run */
    LONG References;
    KTIMER Timer;
    KDPC TimerDpc;
    IO_CSQ Csq;
    KSPIN_LOCK QueueLock;
    LIST_ENTRY Queue; /* IRP.Tail.Overlay.ListEntry */
} CHANNEL_READER;

static KDEFERRED_ROUTINE ChannelpFlushDpc;

/* ---- the queue of pended reads ---- */

static VOID NTAPI
ChannelpCsqInsert(PIO_CSQ Csq, PIRP Irp)
{
    CHANNEL_READER *reader = CONTAINING_RECORD(Csq, CHANNEL_READER, Csq);

    InsertTailList(&reader->Queue, &Irp->Tail.Overlay.ListEntry);
}

static VOID NTAPI
ChannelpCsqRemove(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

static PIRP NTAPI
ChannelpCsqPeek(PIO_CSQ Csq, PIRP Irp, PVOID Context)
{
    CHANNEL_READER *reader = CONTAINING_RECORD(Csq, CHANNEL_READER, Csq);
    PLIST_ENTRY next = Irp == NULL ? reader->Queue.Flink : Irp->Tail.Overlay.ListEntry.Flink;

    UNREFERENCED_PARAMETER(Context);
    return next == &reader->Queue ? NULL : CONTAINING_RECORD(next, IRP, Tail.Overlay.ListEntry);
}

static VOID NTAPI
ChannelpCsqLock(PIO_CSQ Csq, PKIRQL Irql)
{
    CHANNEL_READER *reader = CONTAINING_RECORD(Csq, CHANNEL_READER, Csq);

    KeAcquireSpinLock(&reader->QueueLock, Irql);
}

static VOID NTAPI
ChannelpCsqUnlock(PIO_CSQ Csq, KIRQL Irql)
{
    CHANNEL_READER *reader = CONTAINING_RECORD(Csq, CHANNEL_READER, Csq);

    KeReleaseSpinLock(&reader->QueueLock, Irql);
}

static VOID
ChannelpCompleteIrp(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
}

static VOID NTAPI
ChannelpCsqComplete(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    ChannelpCompleteIrp(Irp, STATUS_CANCELLED, 0);
}

/* ---- the ring; Lock held ---- */

static CHANNEL_RECORD *
ChannelpRecordAt(CHANNEL *Channel, UINT64 Position)
{
    return (CHANNEL_RECORD *)(Channel->Ring + (Position & (Channel->Capacity - 1)));
}

static VOID
ChannelpAddGap(CHANNEL_GAP_TOTALS *Totals, const CHANNEL_RECORD *Record)
{
    const CHANNEL_GAP *gap = (const CHANNEL_GAP *)(Record + 1);

    if (Record->Type == CHANNEL_TYPE_GAP) {
        Totals->Records[gap->Reason]++;
        Totals->Count[gap->Reason] += gap->Count;
    }
}

/* Drops the oldest records until Size bytes are free (C1), and a filler behind them (C2). */
static VOID
ChannelpMakeRoom(CHANNEL *Channel, UINT64 Size)
{
    while (Channel->Head + Size - Channel->Tail > Channel->Capacity) {
        const CHANNEL_RECORD *oldest = ChannelpRecordAt(Channel, Channel->Tail);

        ChannelpAddGap(&Channel->OverwrittenGaps, oldest);
        Channel->TailSequence = oldest->Sequence + 1;
        Channel->Tail += CHANNEL_ALIGN((UINT64)oldest->Size);
        oldest = ChannelpRecordAt(Channel, Channel->Tail);
        if (Channel->Tail < Channel->Head && oldest->Type == CHANNEL_TYPE_FILLER) {
            Channel->Tail += oldest->Size;
        }
    }
}

/* Space for a record of Size bytes, its header filled in; C2, C3. */
static CHANNEL_RECORD *
ChannelpReserve(CHANNEL *Channel, USHORT Type, LONG64 Time, ULONG Size)
{
    UINT64 aligned = CHANNEL_ALIGN((UINT64)Size);
    UINT64 toEnd = Channel->Capacity - (Channel->Head & (Channel->Capacity - 1));
    CHANNEL_RECORD *record;

    if (toEnd < aligned) {
        ChannelpMakeRoom(Channel, toEnd);
        record = ChannelpRecordAt(Channel, Channel->Head);
        record->Size = (UINT32)toEnd; /* at least 8: Size and Type fit */
        record->Type = CHANNEL_TYPE_FILLER;
        Channel->Head += toEnd;
    }
    ChannelpMakeRoom(Channel, aligned);
    record = ChannelpRecordAt(Channel, Channel->Head);
    record->Size = Size;
    record->Type = Type;
    record->Version = CHANNEL_VERSION;
    record->Sequence = Channel->NextSequence++;
    record->Time = (UINT64)Time;
    Channel->Head += aligned;
    return record;
}

/* ---- delivery ---- */

typedef struct CHANNEL_COPY {
    PUCHAR Buffer;
    ULONG Length;
    ULONG Used;
    BOOLEAN TooSmall; /* the next record does not fit although the buffer is empty */
} CHANNEL_COPY;

/* Room for Size more bytes at the right alignment, or NULL. */
static PVOID
ChannelpCopyRoom(CHANNEL_COPY *Copy, ULONG Size)
{
    ULONG start = CHANNEL_ALIGN(Copy->Used);

    if (start > Copy->Length || Copy->Length - start < Size) {
        Copy->TooSmall = Copy->Used == 0;
        return NULL;
    }
    if (start != Copy->Used) {
        RtlZeroMemory(Copy->Buffer + Copy->Used, start - Copy->Used);
    }
    Copy->Used = start + Size;
    return Copy->Buffer + start;
}

/* Tells Reader that the next Span numbers are gone. FALSE: no room for it, nothing done. */
static BOOLEAN
ChannelpCopyGap(CHANNEL *Channel, CHANNEL_READER *Reader, CHANNEL_COPY *Copy,
                CHANNEL_GAP_REASON Reason, UINT64 Count, UINT64 Span)
{
    struct {
        CHANNEL_RECORD Record;
        CHANNEL_GAP Gap;
    } * out;

    out = ChannelpCopyRoom(Copy, sizeof(*out));
    if (out == NULL) {
        return FALSE;
    }
    RtlZeroMemory(out, sizeof(*out));
    out->Record.Size = sizeof(*out);
    out->Record.Type = CHANNEL_TYPE_GAP;
    out->Record.Version = CHANNEL_VERSION;
    out->Record.Sequence = Reader->Sequence;
    out->Record.Time = ChannelpRecordAt(Channel, Channel->Tail)->Time;
    out->Gap.Reason = Reason;
    out->Gap.Count = Count;
    out->Gap.Span = Span;
    Reader->Statistics.Lost[Reason] += Count;
    Reader->Sequence += Span;
    return TRUE;
}

/*
 * Moves a reader that was overtaken to the oldest record, and writes the gaps that this leaves:
 * one for the records, and one for each reason of the gap records among what was overwritten.
 * There is none if only a filler was. FALSE: no room; what has been told is not told again.
 */
static BOOLEAN
ChannelpCatchUp(CHANNEL *Channel, CHANNEL_READER *Reader, CHANNEL_COPY *Copy)
{
    const CHANNEL_GAP_TOTALS *overwritten = &Channel->OverwrittenGaps;
    CHANNEL_GAP_TOTALS *passed = &Reader->PassedGaps;
    UINT64 records = Channel->TailSequence - Reader->Sequence;
    ULONG i;

    if (Reader->Position >= Channel->Tail) {
        return TRUE;
    }
    for (i = 0; i < ChannelGapReasons; i++) {
        records -= overwritten->Records[i] - passed->Records[i];
    }
    if (records != 0 &&
        !ChannelpCopyGap(Channel, Reader, Copy, ChannelGapOverrun, records, records)) {
        return FALSE;
    }
    for (i = 0; i < ChannelGapReasons; i++) {
        UINT64 span = overwritten->Records[i] - passed->Records[i];

        if (span != 0 && !ChannelpCopyGap(Channel, Reader, Copy, (CHANNEL_GAP_REASON)i,
                                          overwritten->Count[i] - passed->Count[i], span)) {
            return FALSE;
        }
        passed->Records[i] = overwritten->Records[i];
        passed->Count[i] = overwritten->Count[i];
    }
    Reader->Position = Channel->Tail;
    return TRUE;
}

static VOID
ChannelpCountDelivered(CHANNEL_READER *Reader, const CHANNEL_RECORD *Record)
{
    const CHANNEL_GAP *gap = (const CHANNEL_GAP *)(Record + 1);

    if (Record->Type == CHANNEL_TYPE_GAP) {
        Reader->Statistics.Lost[gap->Reason] += gap->Count;
    } else {
        Reader->Statistics.Delivered++;
    }
}

/* Copies at most a slice of records; Lock held. TRUE: call again for more. */
static BOOLEAN
ChannelpCopySlice(CHANNEL *Channel, CHANNEL_READER *Reader, CHANNEL_COPY *Copy)
{
    ULONG slice = 0;

    if (!ChannelpCatchUp(Channel, Reader, Copy)) {
        return FALSE;
    }
    while (slice < CHANNEL_COPY_SLICE) {
        const CHANNEL_RECORD *record;
        PVOID out;

        if (Reader->Position == Channel->Head) {
            return FALSE;
        }
        record = ChannelpRecordAt(Channel, Reader->Position);
        if (record->Type != CHANNEL_TYPE_FILLER) {
            out = ChannelpCopyRoom(Copy, record->Size);
            if (out == NULL) {
                return FALSE;
            }
            RtlCopyMemory(out, record, record->Size);
            ChannelpCountDelivered(Reader, record);
            ChannelpAddGap(&Reader->PassedGaps, record);
            Reader->Sequence = record->Sequence + 1;
        }
        Reader->Position += CHANNEL_ALIGN((UINT64)record->Size);
        slice += record->Size;
    }
    return TRUE;
}

/* Fills Irp, which the caller owns, and completes it. */
static VOID
ChannelpFillRead(CHANNEL *Channel, CHANNEL_READER *Reader, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    CHANNEL_COPY copy = {NULL, 0, 0, FALSE};
    NTSTATUS status = STATUS_SUCCESS;
    BOOLEAN more = TRUE;
    KIRQL irql;

    /* Mapped by ChannelRead, so this is a field access at any IRQL. */
    copy.Buffer = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    copy.Length = stack->Parameters.Read.Length;
    while (more) {
        KeAcquireSpinLock(&Channel->Lock, &irql);
        more = ChannelpCopySlice(Channel, Reader, &copy);
        KeReleaseSpinLock(&Channel->Lock, irql);
    }
    if (copy.TooSmall) {
        status = STATUS_BUFFER_TOO_SMALL;
    } else {
        KeAcquireSpinLock(&Channel->Lock, &irql);
        Reader->Statistics.Reads++;
        KeReleaseSpinLock(&Channel->Lock, irql);
    }
    ChannelpCompleteIrp(Irp, status, copy.Used);
}

/* Whether what waits for this reader should be delivered now; Lock held. Sets the flush timer. */
static BOOLEAN
ChannelpIsDeliveryDue(CHANNEL *Channel, CHANNEL_READER *Reader)
{
    LARGE_INTEGER due;

    if (Reader->Position == Channel->Head) {
        Reader->FlushDue = FALSE;
        return FALSE;
    }
    if (Reader->FlushDue || Reader->Options.FlushMilliseconds == 0 ||
        Channel->NextSequence - Reader->Sequence >= Reader->Options.BatchCount) {
        return TRUE;
    }
    if (!Reader->TimerSet && !Reader->Closed) {
        Reader->TimerSet = TRUE;
        due.QuadPart = -10000LL * Reader->Options.FlushMilliseconds;
        KeSetTimer(&Reader->Timer, due, &Reader->TimerDpc);
    }
    return FALSE;
}

/* The deliverer's loop for one reader (C4); called and returns without Lock. */
static VOID
ChannelpDeliver(CHANNEL *Channel, CHANNEL_READER *Reader)
{
    for (;;) {
        BOOLEAN due;
        PIRP irp;
        KIRQL irql;

        KeAcquireSpinLock(&Channel->Lock, &irql);
        Reader->Due = FALSE;
        if (Reader->Position < Reader->SkipPosition) {
            Reader->Position = Reader->SkipPosition;
            Reader->Sequence = Reader->SkipSequence;
            Reader->PassedGaps = Reader->SkipGaps;
        }
        due = ChannelpIsDeliveryDue(Channel, Reader);
        KeReleaseSpinLock(&Channel->Lock, irql);

        irp = due ? IoCsqRemoveNextIrp(&Reader->Csq, NULL) : NULL;
        if (irp != NULL) {
            ChannelpFillRead(Channel, Reader, irp);
            continue;
        }
        KeAcquireSpinLock(&Channel->Lock, &irql);
        if (!Reader->Due) {
            Reader->Delivering = FALSE;
            KeReleaseSpinLock(&Channel->Lock, irql);
            return;
        }
        KeReleaseSpinLock(&Channel->Lock, irql); /* C4: someone asked meanwhile */
    }
}

static VOID
ChannelpDereferenceReader(CHANNEL_READER *Reader)
{
    if (InterlockedDecrement(&Reader->References) == 0) {
        ExFreePoolWithTag(Reader, Reader->Channel->Tag);
    }
}

/* Delivers to one reader, unless another thread does; then that one looks again. */
static VOID
ChannelpKick(CHANNEL_READER *Reader)
{
    CHANNEL *channel = Reader->Channel;
    BOOLEAN mine;
    KIRQL irql;

    KeAcquireSpinLock(&channel->Lock, &irql);
    Reader->Due = TRUE;
    mine = !Reader->Delivering;
    Reader->Delivering = TRUE;
    KeReleaseSpinLock(&channel->Lock, irql);
    if (mine) {
        ChannelpDeliver(channel, Reader);
    }
}

/*
 * Takes the Lock that its caller gives up, and finds a reader to whom a delivery is due. The
 * reader comes back referenced and marked Delivering.
 */
static CHANNEL_READER *
ChannelpNextDueLocked(CHANNEL *Channel)
{
    PLIST_ENTRY link;

    for (link = Channel->Readers.Flink; link != &Channel->Readers; link = link->Flink) {
        CHANNEL_READER *reader = CONTAINING_RECORD(link, CHANNEL_READER, Link);

        if (reader->Due && !reader->Delivering) {
            reader->Delivering = TRUE;
            InterlockedIncrement(&reader->References);
            return reader;
        }
    }
    return NULL;
}

/* After a publication, with Lock held: marks the readers that are due, frees Lock, delivers. */
static VOID
ChannelpWakeReaders(CHANNEL *Channel, KIRQL Irql)
{
    PLIST_ENTRY link;

    for (link = Channel->Readers.Flink; link != &Channel->Readers; link = link->Flink) {
        CHANNEL_READER *reader = CONTAINING_RECORD(link, CHANNEL_READER, Link);

        if (!reader->Due && ChannelpIsDeliveryDue(Channel, reader)) {
            reader->Due = TRUE;
        }
    }
    for (;;) {
        CHANNEL_READER *reader = ChannelpNextDueLocked(Channel);

        KeReleaseSpinLock(&Channel->Lock, Irql);
        if (reader == NULL) {
            return;
        }
        ChannelpDeliver(Channel, reader);
        ChannelpDereferenceReader(reader);
        KeAcquireSpinLock(&Channel->Lock, &Irql);
    }
}

static VOID NTAPI
ChannelpFlushDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    CHANNEL_READER *reader = Context;
    KIRQL irql;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeAcquireSpinLock(&reader->Channel->Lock, &irql);
    reader->TimerSet = FALSE;
    reader->FlushDue = TRUE;
    KeReleaseSpinLock(&reader->Channel->Lock, irql);
    ChannelpKick(reader);
}

/* ---- publishing ---- */

static LONG64
ChannelpTime(LONG64 Time)
{
    LARGE_INTEGER now;

    if (Time != 0) {
        return Time;
    }
    KeQuerySystemTime(&now);
    return now.QuadPart;
}

/* A gap record in the ring; Lock held. */
static VOID
ChannelpAppendGap(CHANNEL *Channel, CHANNEL_GAP_REASON Reason, UINT64 Count, LONG64 Time)
{
    CHANNEL_RECORD *record;
    CHANNEL_GAP *gap;

    NT_ASSERT(Reason < ChannelGapReasons);
    record = ChannelpReserve(Channel, CHANNEL_TYPE_GAP, Time, sizeof(*record) + sizeof(*gap));
    gap = (CHANNEL_GAP *)(record + 1);
    gap->Count = Count;
    gap->Span = 1;
    gap->Reason = Reason;
    gap->Reserved = 0;
    ChannelpAddGap(&Channel->PublishedGaps, record);
}

VOID
ChannelPublish(CHANNEL *Channel, USHORT Type, LONG64 Time, const CHANNEL_PART *Parts, ULONG Count)
{
    UINT64 size = sizeof(CHANNEL_RECORD);
    LONG64 time = ChannelpTime(Time);
    PUCHAR out;
    KIRQL irql;
    ULONG i;

    for (i = 0; i < Count; i++) {
        size += Parts[i].Size;
    }
    KeAcquireSpinLock(&Channel->Lock, &irql);
    if (size > CHANNEL_MAX_RECORD || size > Channel->Capacity / 2) {
        ChannelpAppendGap(Channel, ChannelGapTooLarge, 1, time);
    } else {
        out = (PUCHAR)(ChannelpReserve(Channel, Type, time, (ULONG)size) + 1);
        for (i = 0; i < Count; i++) {
            if (Parts[i].Size != 0) { /* of an empty part, Data may be NULL */
                RtlCopyMemory(out, Parts[i].Data, Parts[i].Size);
            }
            out += Parts[i].Size;
        }
    }
    ChannelpWakeReaders(Channel, irql);
}

VOID
ChannelPublishGap(CHANNEL *Channel, CHANNEL_GAP_REASON Reason, LONG64 Time, UINT64 Count)
{
    LONG64 time = ChannelpTime(Time);
    KIRQL irql;

    KeAcquireSpinLock(&Channel->Lock, &irql);
    ChannelpAppendGap(Channel, Reason, Count, time);
    ChannelpWakeReaders(Channel, irql);
}

/* ---- life ---- */

NTSTATUS
ChannelCreate(SIZE_T Capacity, ULONG Tag, CHANNEL **Channel)
{
    CHANNEL *channel;
    SIZE_T capacity = CHANNEL_MIN_CAPACITY;

    if (Capacity > CHANNEL_MAX_CAPACITY) {
        return STATUS_INVALID_PARAMETER;
    }
    while (capacity < Capacity) {
        capacity *= 2;
    }
    channel = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*channel), Tag);
    if (channel == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(channel, sizeof(*channel));
    channel->Ring = ExAllocatePoolWithTag(NonPagedPoolNx, capacity, Tag);
    if (channel->Ring == NULL) {
        ExFreePoolWithTag(channel, Tag);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeInitializeSpinLock(&channel->Lock);
    InitializeListHead(&channel->Readers);
    channel->Capacity = capacity;
    channel->TailSequence = 1;
    channel->NextSequence = 1;
    channel->Tag = Tag;
    *Channel = channel;
    return STATUS_SUCCESS;
}

VOID
ChannelDelete(CHANNEL *Channel)
{
    ULONG tag = Channel->Tag;

    NT_ASSERT(IsListEmpty(&Channel->Readers));
    ExFreePoolWithTag(Channel->Ring, tag);
    ExFreePoolWithTag(Channel, tag);
}

NTSTATUS
ChannelOpen(CHANNEL *Channel, PFILE_OBJECT FileObject)
{
    CHANNEL_READER *reader;
    KIRQL irql;

    reader = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*reader), Channel->Tag);
    if (reader == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(reader, sizeof(*reader));
    reader->Channel = Channel;
    reader->References = 1;
    reader->Options.BatchCount = 1;
    KeInitializeSpinLock(&reader->QueueLock);
    InitializeListHead(&reader->Queue);
    KeInitializeTimer(&reader->Timer);
    KeInitializeDpc(&reader->TimerDpc, ChannelpFlushDpc, reader);
    IoCsqInitialize(&reader->Csq, ChannelpCsqInsert, ChannelpCsqRemove, ChannelpCsqPeek,
                    ChannelpCsqLock, ChannelpCsqUnlock, ChannelpCsqComplete);

    KeAcquireSpinLock(&Channel->Lock, &irql);
    reader->Position = Channel->Tail;
    reader->Sequence = Channel->TailSequence;
    reader->PassedGaps = Channel->OverwrittenGaps;
    InsertTailList(&Channel->Readers, &reader->Link);
    KeReleaseSpinLock(&Channel->Lock, irql);
    FileObject->FsContext = reader;
    return STATUS_SUCCESS;
}

static BOOLEAN
ChannelpIsClosed(CHANNEL *Channel, CHANNEL_READER *Reader)
{
    BOOLEAN closed;
    KIRQL irql;

    KeAcquireSpinLock(&Channel->Lock, &irql);
    closed = Reader->Closed;
    KeReleaseSpinLock(&Channel->Lock, irql);
    return closed;
}

static VOID
ChannelpCancelReads(CHANNEL_READER *Reader)
{
    PIRP irp;

    while ((irp = IoCsqRemoveNextIrp(&Reader->Csq, NULL)) != NULL) {
        ChannelpCompleteIrp(irp, STATUS_CANCELLED, 0);
    }
}

VOID
ChannelCleanup(PFILE_OBJECT FileObject)
{
    CHANNEL_READER *reader = FileObject->FsContext;
    CHANNEL *channel = reader->Channel;
    KIRQL irql;

    KeAcquireSpinLock(&channel->Lock, &irql);
    reader->Closed = TRUE;
    KeReleaseSpinLock(&channel->Lock, irql);
    ChannelpCancelReads(reader);
}

VOID
ChannelClose(PFILE_OBJECT FileObject)
{
    CHANNEL_READER *reader = FileObject->FsContext;
    CHANNEL *channel = reader->Channel;
    KIRQL irql;

    KeAcquireSpinLock(&channel->Lock, &irql);
    RemoveEntryList(&reader->Link);
    KeReleaseSpinLock(&channel->Lock, irql);
    /*
     * Closed: the timer is not set again. Cancelling it says nothing about the DPC of an earlier
     * expiry, which may still run.
     */
    KeCancelTimer(&reader->Timer);
    KeFlushQueuedDpcs();
    FileObject->FsContext = NULL;
    ChannelpDereferenceReader(reader);
}

/* ---- requests ---- */

NTSTATUS
ChannelRead(CHANNEL *Channel, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    CHANNEL_READER *reader = stack->FileObject->FsContext;
    NTSTATUS status = STATUS_SUCCESS;

    if (stack->Parameters.Read.Length < sizeof(CHANNEL_RECORD) + sizeof(CHANNEL_GAP)) {
        status = STATUS_BUFFER_TOO_SMALL;
    } else if (MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority) == NULL) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!NT_SUCCESS(status)) {
        ChannelpCompleteIrp(Irp, status, 0);
        return status;
    }
    /*
     * The queue marks the IRP pending and owns it from here: it is not touched again. Nor does
     * it keep the file open any longer, hence the reference.
     */
    InterlockedIncrement(&reader->References);
    IoCsqInsertIrp(&reader->Csq, Irp, NULL);
    ChannelpKick(reader);
    if (ChannelpIsClosed(Channel, reader)) {
        ChannelpCancelReads(reader); /* cleanup may have looked before the insertion */
    }
    ChannelpDereferenceReader(reader);
    return STATUS_PENDING;
}

static NTSTATUS
ChannelpSetOptions(CHANNEL_READER *Reader, const CHANNEL_OPTIONS *Options, ULONG Length)
{
    KIRQL irql;

    if (Length < sizeof(*Options)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (Options->BatchCount == 0 || Options->BatchCount > CHANNEL_MAX_BATCH ||
        Options->FlushMilliseconds > CHANNEL_MAX_FLUSH_MS ||
        (Options->Flags & ~CHANNEL_OPTION_SKIP_KEPT) != 0 || Options->Reserved != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    KeAcquireSpinLock(&Reader->Channel->Lock, &irql);
    Reader->Options = *Options;
    if (Options->Flags & CHANNEL_OPTION_SKIP_KEPT) {
        Reader->SkipPosition = Reader->Channel->Head;
        Reader->SkipSequence = Reader->Channel->NextSequence;
        Reader->SkipGaps = Reader->Channel->PublishedGaps;
    }
    KeReleaseSpinLock(&Reader->Channel->Lock, irql);
    ChannelpKick(Reader);
    return STATUS_SUCCESS;
}

static NTSTATUS
ChannelpQueryStatistics(CHANNEL_READER *Reader, CHANNEL_STATISTICS *Statistics, ULONG Length)
{
    KIRQL irql;

    if (Length < sizeof(*Statistics)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    KeAcquireSpinLock(&Reader->Channel->Lock, &irql);
    *Statistics = Reader->Statistics;
    Statistics->Published = Reader->Channel->NextSequence - 1;
    Statistics->Capacity = Reader->Channel->Capacity;
    KeReleaseSpinLock(&Reader->Channel->Lock, irql);
    return STATUS_SUCCESS;
}

NTSTATUS
ChannelControl(CHANNEL *Channel, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    CHANNEL_READER *reader = stack->FileObject->FsContext;
    PVOID buffer = Irp->AssociatedIrp.SystemBuffer;
    ULONG_PTR information = 0;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(Channel);
    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_CHANNEL_SET_OPTIONS:
        status =
            ChannelpSetOptions(reader, buffer, stack->Parameters.DeviceIoControl.InputBufferLength);
        break;
    case IOCTL_CHANNEL_QUERY_STATISTICS:
        status = ChannelpQueryStatistics(reader, buffer,
                                         stack->Parameters.DeviceIoControl.OutputBufferLength);
        information = NT_SUCCESS(status) ? sizeof(CHANNEL_STATISTICS) : 0;
        break;
    default:
        status = STATUS_INVALID_DEVICE_REQUEST;
        break;
    }
    ChannelpCompleteIrp(Irp, status, information);
    return status;
}
