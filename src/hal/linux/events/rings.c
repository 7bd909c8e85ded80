/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/rings.c - one perf ring a processor, read as one stream
 *
 * Each ring is in time order: the kernel takes the time and the room of a record with preemption
 * off. Records stay in the ring until they are due, so nothing is copied and nothing allocated.
 *
 * Beside each ring lies a doorbell: a second event that is on only while the reader sleeps
 * without a timeout, and wakes it at the first record. While records flow the reader looks every
 * few milliseconds instead, and the rings wake it only when a quarter full.
 *
 * Invariants  R1  Tail of a ring is only given back up to records whose callback has returned.
 *             R2  LossTold never exceeds what the kernel dropped: each loss is told once, whether
 *                 a LOST record or the counter of the descriptor is seen first.
 * Sources     perf_event_open(2); kernel/events/ring_buffer.c (lost counts, watermark).
 */
#include "eventsp.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HALP_RING_DEFAULT (1024u * 1024u)
#define HALP_RING_DEFAULT_MANY (512u * 1024u) /* each, on a machine of many processors */
#define HALP_RING_MAXIMUM (64u * 1024u * 1024u)
#define HALP_RECORD_MAXIMUM 65536u
#define HALP_RING_ROOM 8192u /* any record of ours fits */

typedef struct HALP_RING {
    int Fd;
    uint32_t Processor;
    struct perf_event_mmap_page *Page;
    uint8_t *Data;
    uint64_t Head; /* as of the start of this drain */
    uint64_t Tail;
    uint64_t Returned; /* tail that the kernel knows */
    uint64_t LossSeen; /* by LOST records */
    uint64_t LossTold;
    int DoorbellFd;
    struct perf_event_mmap_page *Doorbell;
} HALP_RING;

struct HALP_RINGS {
    uint32_t Count;
    uint32_t Current; /* the ring being drained */
    size_t Size;      /* of each ring's data */
    size_t PageSize;
    int HasLossCounter;
    int WasFull;     /* a ring, when it was last drained */
    uint64_t *Times; /* of each ring's next record; UINT64_MAX: none */
    HALP_RING *Ring;
    struct pollfd *Poll;
    uint8_t Straight[HALP_RECORD_MAXIMUM]; /* a record that wraps */
};

uint64_t
HalpRecordClock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- opening ---- */

static int
HalpOpenPerfEvent(struct perf_event_attr *Attributes, uint32_t Processor)
{
    Attributes->size = sizeof(*Attributes);
    Attributes->type = PERF_TYPE_SOFTWARE;
    Attributes->sample_id_all = 1;
    Attributes->disabled = 1;
    Attributes->use_clockid = 1;
    Attributes->clockid = CLOCK_MONOTONIC;
    Attributes->watermark = 1;
    return (int)syscall(SYS_perf_event_open, Attributes, -1, (int)Processor, -1,
                        PERF_FLAG_FD_CLOEXEC);
}

static int
HalpOpenRingEvent(HALP_RINGS *Rings, const HALP_RINGS_OPTIONS *Options, uint32_t Processor)
{
    struct perf_event_attr attributes = {
        .config = Options->HasSamples ? PERF_COUNT_SW_BPF_OUTPUT : PERF_COUNT_SW_DUMMY,
        .sample_type = PERF_SAMPLE_TIME | (Options->HasSamples ? PERF_SAMPLE_RAW : 0),
        .sample_period = Options->HasSamples ? 1 : 0,
        .read_format = Rings->HasLossCounter ? PERF_FORMAT_LOST : 0,
        .mmap = 1,
        .mmap2 = 1,
        .comm = !Options->HasSamples, /* the programs tell these */
        .comm_exec = !Options->HasSamples,
        .task = 1, /* mmap implies it */
        .wakeup_watermark = (uint32_t)(Rings->Size / 4)};
    int fd = HalpOpenPerfEvent(&attributes, Processor);

    if (fd < 0 && errno == EINVAL && Rings->HasLossCounter) {
        Rings->HasLossCounter = 0; /* before Linux 6.0 */
        return HalpOpenRingEvent(Rings, Options, Processor);
    }
    return fd;
}

static int
HalpOpenDoorbell(HALP_RINGS *Rings, HALP_RING *Ring)
{
    struct perf_event_attr attributes = {.config = PERF_COUNT_SW_DUMMY,
                                         .sample_type = PERF_SAMPLE_TIME,
                                         .mmap = 1,
                                         .task = 1,
                                         .wakeup_watermark = 1};
    void *mapped;

    Ring->DoorbellFd = HalpOpenPerfEvent(&attributes, Ring->Processor);
    if (Ring->DoorbellFd < 0) {
        return 0;
    }
    mapped =
        mmap(NULL, 2 * Rings->PageSize, PROT_READ | PROT_WRITE, MAP_SHARED, Ring->DoorbellFd, 0);
    if (mapped == MAP_FAILED) {
        return 0;
    }
    Ring->Doorbell = mapped;
    return 1;
}

/* Maps the data of all rings; a default size that the host's limit refuses is halved. */
static HALP_STATUS
HalpMapRing(HALP_RINGS *Rings, HALP_RING *Ring, int MayShrink)
{
    void *mapped;
    size_t size = Rings->Size;

    for (;;) {
        mapped =
            mmap(NULL, Rings->PageSize + size, PROT_READ | PROT_WRITE, MAP_SHARED, Ring->Fd, 0);
        if (mapped != MAP_FAILED) {
            break;
        }
        if (!MayShrink || errno != EPERM || size <= 64 * 1024) {
            return HalpEventsError("mapping a perf ring (perf_event_mlock_kb)", errno);
        }
        size /= 2;
    }
    Rings->Size = size; /* of this ring and those that follow; see Page->data_size */
    Ring->Page = mapped;
    Ring->Data = (uint8_t *)mapped + Rings->PageSize;
    return HALP_OK;
}

static HALP_STATUS
HalpOpenRing(HALP_RINGS *Rings, const HALP_RINGS_OPTIONS *Options, uint32_t Processor)
{
    HALP_RING *ring = &Rings->Ring[Rings->Count];
    HALP_STATUS status;

    *ring = (HALP_RING){.Fd = -1, .DoorbellFd = -1, .Processor = Processor};
    ring->Fd = HalpOpenRingEvent(Rings, Options, Processor);
    if (ring->Fd < 0) {
        if (errno == ENODEV) {
            return HALP_NOT_FOUND; /* offline */
        }
        return HalpEventsError("perf_event_open", errno);
    }
    Rings->Count++;
    status = HalpMapRing(Rings, ring, Options->BufferSize == 0);
    if (status == HALP_OK && !HalpOpenDoorbell(Rings, ring)) {
        status = HalpEventsError("perf_event_open (doorbell)", errno);
    }
    return status;
}

static size_t
HalpRingSize(size_t Wanted, uint32_t ProcessorCount, size_t PageSize)
{
    size_t size = PageSize;

    if (Wanted == 0) {
        return ProcessorCount <= 8 ? HALP_RING_DEFAULT : HALP_RING_DEFAULT_MANY;
    }
    while (size < Wanted && size < HALP_RING_MAXIMUM) {
        size *= 2;
    }
    return size;
}

HALP_STATUS
HalpOpenRings(const HALP_RINGS_OPTIONS *Options, HALP_RINGS **Rings)
{
    long configured = sysconf(_SC_NPROCESSORS_CONF);
    uint32_t processors = configured > 0 ? (uint32_t)configured : 1;
    HALP_RINGS *rings = calloc(1, sizeof(*rings));
    HALP_STATUS status = HALP_OK;
    uint32_t processor;

    if (rings == NULL) {
        return HALP_NO_MEMORY;
    }
    rings->PageSize = (size_t)sysconf(_SC_PAGESIZE);
    rings->Size = HalpRingSize(Options->BufferSize, processors, rings->PageSize);
    rings->HasLossCounter = 1;
    rings->Times = calloc(processors, sizeof(*rings->Times));
    rings->Ring = calloc(processors, sizeof(*rings->Ring));
    rings->Poll = calloc(processors + 1, sizeof(*rings->Poll));
    if (rings->Times == NULL || rings->Ring == NULL || rings->Poll == NULL) {
        status = HALP_NO_MEMORY;
    }
    for (processor = 0; processor < processors && status == HALP_OK; processor++) {
        status = HalpOpenRing(rings, Options, processor);
        if (status == HALP_NOT_FOUND) {
            status = HALP_OK;
        }
    }
    if (status != HALP_OK) {
        HalpCloseRings(rings);
        return status;
    }
    *Rings = rings;
    return HALP_OK;
}

void
HalpCloseRings(HALP_RINGS *Rings)
{
    uint32_t index;

    for (index = 0; index < Rings->Count; index++) {
        HALP_RING *ring = &Rings->Ring[index];
        if (ring->Doorbell != NULL) {
            munmap(ring->Doorbell, 2 * Rings->PageSize);
        }
        if (ring->DoorbellFd >= 0) {
            close(ring->DoorbellFd);
        }
        if (ring->Page != NULL) {
            munmap(ring->Page, Rings->PageSize + ring->Page->data_size);
        }
        close(ring->Fd);
    }
    free(Rings->Times);
    free(Rings->Ring);
    free(Rings->Poll);
    free(Rings);
}

HALP_STATUS
HalpStartRings(HALP_RINGS *Rings)
{
    uint32_t index;

    for (index = 0; index < Rings->Count; index++) {
        if (ioctl(Rings->Ring[index].Fd, PERF_EVENT_IOC_ENABLE, 0) != 0) {
            return HalpEventsError("PERF_EVENT_IOC_ENABLE", errno);
        }
    }
    return HALP_OK;
}

uint32_t
HalpRingCount(const HALP_RINGS *Rings)
{
    return Rings->Count;
}

int
HalpRingDescriptor(const HALP_RINGS *Rings, uint32_t Index, uint32_t *Processor)
{
    *Processor = Rings->Ring[Index].Processor;
    return Rings->Ring[Index].Fd;
}

/* ---- draining ---- */

static uint64_t
HalpRingHead(const HALP_RING *Ring)
{
    return __atomic_load_n(&Ring->Page->data_head, __ATOMIC_ACQUIRE);
}

/* Time of the record at Tail; UINT64_MAX if there is none. Records and their times are 8-aligned.
 */
static uint64_t
HalpNextTime(const HALP_RING *Ring)
{
    uint64_t mask = Ring->Page->data_size - 1;
    const struct perf_event_header *header;
    uint64_t offset;

    if (Ring->Tail == Ring->Head) {
        return UINT64_MAX;
    }
    header = (const struct perf_event_header *)(Ring->Data + (Ring->Tail & mask));
    /* A sample starts with its time (PERF_SAMPLE_TIME); other records end with it. */
    offset = header->type == PERF_RECORD_SAMPLE ? sizeof(*header) : header->size - 8u;
    return *(const uint64_t *)(Ring->Data + ((Ring->Tail + offset) & mask));
}

static const struct perf_event_header *
HalpStraightRecord(HALP_RINGS *Rings, const HALP_RING *Ring)
{
    uint64_t size = Ring->Page->data_size;
    uint64_t start = Ring->Tail & (size - 1);
    const struct perf_event_header *header;
    size_t first = (size_t)(size - start);

    header = (const struct perf_event_header *)(Ring->Data + start);
    if (header->size <= first) {
        return header;
    }
    memcpy(Rings->Straight + first, Ring->Data, header->size - first);
    memcpy(Rings->Straight, header, first);
    return (const struct perf_event_header *)Rings->Straight;
}

/* R1. */
static void
HalpReturnRing(HALP_RING *Ring)
{
    if (Ring->Returned != Ring->Tail) {
        Ring->Returned = Ring->Tail;
        __atomic_store_n(&Ring->Page->data_tail, Ring->Tail, __ATOMIC_RELEASE);
    }
}

static uint32_t
HalpEarliestRing(const HALP_RINGS *Rings)
{
    uint32_t earliest = 0;
    uint32_t index;

    for (index = 1; index < Rings->Count; index++) {
        if (Rings->Times[index] < Rings->Times[earliest]) {
            earliest = index;
        }
    }
    return earliest;
}

size_t
HalpDrainRings(HALP_RINGS *Rings, uint64_t Limit, HALP_RING_CALLBACK *Callback, void *Context)
{
    const struct perf_event_header *record;
    size_t count = 0;
    HALP_RING *ring;
    uint32_t index;

    Rings->WasFull = 0;
    for (index = 0; index < Rings->Count; index++) {
        ring = &Rings->Ring[index];
        ring->Head = HalpRingHead(ring);
        Rings->WasFull |= ring->Head - ring->Tail + HALP_RING_ROOM > ring->Page->data_size;
        Rings->Times[index] = HalpNextTime(ring);
    }
    for (;;) {
        index = HalpEarliestRing(Rings);
        if (Rings->Times[index] > Limit || Rings->Times[index] == UINT64_MAX) {
            break;
        }
        ring = &Rings->Ring[index];
        record = HalpStraightRecord(Rings, ring);
        Rings->Current = index;
        Callback(Context, record, Rings->Times[index]);
        ring->Tail += record->size;
        if (ring->Tail - ring->Returned >= ring->Page->data_size / 8) {
            HalpReturnRing(ring);
        }
        Rings->Times[index] = HalpNextTime(ring);
        count++;
    }
    for (index = 0; index < Rings->Count; index++) {
        HalpReturnRing(&Rings->Ring[index]);
    }
    return count;
}

int
HalpWasRingFull(const HALP_RINGS *Rings)
{
    return Rings->WasFull;
}

/* R2: Total is one of two views of the same growing count; what the other told is not news. */
static uint64_t
HalpRingLossNews(HALP_RING *Ring, uint64_t Total)
{
    uint64_t news = Total > Ring->LossTold ? Total - Ring->LossTold : 0;

    Ring->LossTold += news;
    return news;
}

uint64_t
HalpAccountRingLoss(HALP_RINGS *Rings, uint64_t Lost)
{
    HALP_RING *ring = &Rings->Ring[Rings->Current];

    ring->LossSeen += Lost;
    return HalpRingLossNews(ring, ring->LossSeen);
}

uint64_t
HalpReadRingLoss(HALP_RINGS *Rings)
{
    struct {
        uint64_t Value;
        uint64_t Lost;
    } counters;
    uint64_t news = 0;
    uint32_t index;

    for (index = 0; Rings->HasLossCounter && index < Rings->Count; index++) {
        HALP_RING *ring = &Rings->Ring[index];
        if (read(ring->Fd, &counters, sizeof(counters)) == (ssize_t)sizeof(counters)) {
            news += HalpRingLossNews(ring, counters.Lost);
        }
    }
    return news;
}

/* ---- waiting ---- */

static int
HalpRingsHaveNews(const HALP_RINGS *Rings)
{
    uint32_t index;

    for (index = 0; index < Rings->Count; index++) {
        if (HalpRingHead(&Rings->Ring[index]) != Rings->Ring[index].Tail) {
            return 1;
        }
    }
    return 0;
}

static void
HalpSwitchDoorbells(HALP_RINGS *Rings, int IsOn)
{
    uint32_t index;

    for (index = 0; index < Rings->Count; index++) {
        HALP_RING *ring = &Rings->Ring[index];
        ioctl(ring->DoorbellFd, IsOn ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
        if (!IsOn) {
            __atomic_store_n(&ring->Doorbell->data_tail,
                             __atomic_load_n(&ring->Doorbell->data_head, __ATOMIC_ACQUIRE),
                             __ATOMIC_RELEASE);
        }
    }
}

static int
HalpPollRings(HALP_RINGS *Rings, int StopFd, uint64_t Deadline, int OnDoorbells)
{
    uint64_t now = HalpRecordClock();
    uint64_t left = Deadline > now ? Deadline - now : 0;
    struct timespec timeout = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    uint32_t index;

    for (index = 0; index < Rings->Count; index++) {
        HALP_RING *ring = &Rings->Ring[index];
        Rings->Poll[index].fd = OnDoorbells ? ring->DoorbellFd : ring->Fd;
        Rings->Poll[index].events = POLLIN;
    }
    Rings->Poll[Rings->Count].fd = StopFd;
    Rings->Poll[Rings->Count].events = POLLIN;
    return ppoll(Rings->Poll, Rings->Count + 1, Deadline == HALP_NEVER ? NULL : &timeout, NULL) > 0;
}

int
HalpWaitRings(HALP_RINGS *Rings, int StopFd, uint64_t Deadline, int WakeOnFirst)
{
    int woken;

    if (!WakeOnFirst) {
        return HalpPollRings(Rings, StopFd, Deadline, 0);
    }
    HalpSwitchDoorbells(Rings, 1);
    /* What came before the doorbells were on rings none. */
    woken = HalpRingsHaveNews(Rings) || HalpPollRings(Rings, StopFd, Deadline, 1);
    HalpSwitchDoorbells(Rings, 0);
    return woken;
}
