/* SPDX-License-Identifier: MIT
 *
 * hal/linux/linux.c - start and end, clocks, randomness, NTBOX_FAIL
 */
#include "hal/linux/linux.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS_PER_SECOND 1000000000ull
#define UNITS_PER_SECOND 10000000ll        /* of 100 ns */
#define SECONDS_1601_TO_1970 11644473600ll /* 369 years, 89 of them leap years */

HALP_UPCALLS LinuxUpcalls;

static int IsRunning;

/* NTBOX_FAIL=site:n makes the nth call for that site fail. Read once, at the start. */
static struct {
    char Site[64];
    uint64_t Nth; /* 0: no plan */
    uint64_t Calls;
} FailPlan;

static HALP_STATUS
ReadFailPlan(void)
{
    const char *text = getenv("NTBOX_FAIL");
    const char *colon = text == NULL ? NULL : strrchr(text, ':');
    char *end = NULL;

    memset(&FailPlan, 0, sizeof(FailPlan));
    if (text == NULL || text[0] == '\0') {
        return HALP_OK;
    }
    if (colon != NULL && (size_t)(colon - text) < sizeof(FailPlan.Site)) {
        memcpy(FailPlan.Site, text, (size_t)(colon - text));
        FailPlan.Nth = strtoull(colon + 1, &end, 10);
    }
    if (FailPlan.Nth == 0 || *end != '\0') {
        FailPlan.Nth = 0;
        return PosixFailText(HALP_INVALID, "NTBOX_FAIL=%s is not site:number", text);
    }
    return HALP_OK;
}

int
HalpShouldFail(const char *Site)
{
    if (__builtin_expect(FailPlan.Nth == 0, 1) || strcmp(Site, FailPlan.Site) != 0) {
        return 0;
    }
    return __atomic_add_fetch(&FailPlan.Calls, 1, __ATOMIC_RELAXED) == FailPlan.Nth;
}

HALP_STATUS
HalpInitialize(uint32_t Version, const HALP_UPCALLS *Upcalls)
{
    HALP_STATUS status;

    if (Version != HALP_VERSION || Upcalls == NULL) {
        return PosixFailText(HALP_INVALID, "HalpInitialize: version %u, not %u", Version,
                             HALP_VERSION);
    }
    if (IsRunning) {
        return PosixFailText(HALP_EXISTS, "HalpInitialize: called before");
    }
    LinuxUpcalls = *Upcalls;
    /* Quick as long as the process has one thread; HalpFlushWriteBuffers does without, too. */
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    status = ReadFailPlan();
    if (status == HALP_OK) {
        status = LinuxInitializeThreads();
    }
    if (status != HALP_OK) {
        return status;
    }
    PosixEnterThread();
    status = PosixInitializeFaults(Upcalls->Fault);
    IsRunning = status == HALP_OK;
    return status;
}

/* LinuxUpcalls stays: a thread that was attached may end later, and withdraws nothing. */
void
HalpShutdown(void)
{
    PosixShutdownFaults();
    PosixForgetSymbols();
    LinuxUpcalls.ThreadExit = NULL;
    IsRunning = 0;
}

/* Where membarrier is not allowed: taking a page away makes the host tell each processor. */
static void
ShootDownPage(void)
{
    static char page[8192] __attribute__((aligned(4096)));

    page[0] = 1;
    mprotect(page, 4096, PROT_NONE);
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

void
HalpFlushWriteBuffers(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0 &&
        syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) {
        ShootDownPage();
    }
}

const char *
HalpName(void)
{
    return "linux";
}

void
HalpAbort(void)
{
    abort();
}

void
HalpExit(int Code)
{
    _exit(Code);
}

void
HalpWriteLog(const char *Text, size_t Length)
{
    PosixWriteLog(Text, Length);
}

/* ---- clocks, randomness ---- */

uint64_t
HalpMonotonicTime(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t
HalpSystemTime(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)((now.tv_sec + SECONDS_1601_TO_1970) * UNITS_PER_SECOND + now.tv_nsec / 100);
}

int64_t
HalpTimeZoneBias(void)
{
    static pthread_mutex_t zoneLock = PTHREAD_MUTEX_INITIALIZER;
    time_t now = time(NULL);
    struct tm local;
    int known;

    /* The C library's own lock around its zone is not one that ThreadSanitizer knows. */
    pthread_mutex_lock(&zoneLock);
    tzset();
    known = localtime_r(&now, &local) != NULL;
    pthread_mutex_unlock(&zoneLock);
    if (!known) {
        return 0;
    }
    return -(int64_t)local.tm_gmtoff * UNITS_PER_SECOND;
}

void
HalpRandom(void *Buffer, size_t Length)
{
    unsigned char *bytes = Buffer;

    while (Length != 0) {
        ssize_t got = getrandom(bytes, Length, 0);

        if (got < 0 && errno != EINTR) {
            PosixFatal("getrandom: %s", strerror(errno));
        }
        if (got > 0) {
            bytes += got;
            Length -= (size_t)got;
        }
    }
}
