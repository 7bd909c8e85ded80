/* SPDX-License-Identifier: MIT
 *
 * hal/posix/memory.c - address space, memory in it, and memory that is mapped more than once
 *
 * Invariant  P1  A page of a reservation is always mapped, with or without access: no other
 *                mapping of the process can get in between.
 */
#include "hal/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

/*
 * Of the program's leak checker, if it has one: what only our memory points to is no leak. A
 * program under AddressSanitizer may be checked before its kernel has ended.
 */
extern void __lsan_register_root_region(const void *Address, size_t Size) __attribute__((weak));
extern void __lsan_unregister_root_region(const void *Address, size_t Size) __attribute__((weak));

#define RESERVED_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

struct HALP_SHARED_MEMORY {
    int File;
    size_t Size;
};

static int
IsPageMultiple(uintptr_t Value)
{
    return (Value & (HALP_PAGE_SIZE - 1)) == 0;
}

static int
HostAccess(uint32_t Access)
{
    return ((Access & HALP_READ) != 0 ? PROT_READ : 0) |
           ((Access & HALP_WRITE) != 0 ? PROT_READ | PROT_WRITE : 0);
}

static HALP_STATUS
CheckRange(const char *What, const void *Address, size_t Size)
{
    if (Size == 0 || !IsPageMultiple(Size) || !IsPageMultiple((uintptr_t)Address)) {
        return PosixFailText(HALP_INVALID, "%s: %p, %zu bytes are not whole pages", What, Address,
                             Size);
    }
    return HALP_OK;
}

/* Reserves more than is asked for where that is needed to cut an aligned part out of it. */
HALP_STATUS
HalpReserveMemory(size_t Size, size_t Alignment, void **Address)
{
    size_t slack = Alignment > HALP_PAGE_SIZE ? Alignment - HALP_PAGE_SIZE : 0;
    HALP_STATUS status = CheckRange("HalpReserveMemory", NULL, Size);
    uintptr_t start;
    uintptr_t aligned;
    void *mapped;

    if (status != HALP_OK) {
        return status;
    }
    if (!IsPageMultiple(Alignment) || Size + slack < Size) {
        return PosixFailText(HALP_INVALID, "HalpReserveMemory: alignment %zu", Alignment);
    }
    mapped = mmap(NULL, Size + slack, PROT_NONE, RESERVED_FLAGS, -1, 0);
    if (mapped == MAP_FAILED) {
        return PosixFail("mmap");
    }
    start = (uintptr_t)mapped;
    aligned = Alignment == 0 ? start : (start + Alignment - 1) / Alignment * Alignment;
    if (aligned != start) {
        munmap(mapped, aligned - start);
    }
    if (start + slack != aligned) {
        munmap((void *)(aligned + Size), start + slack - aligned);
    }
    *Address = (void *)aligned;
    if (__lsan_register_root_region != NULL) {
        __lsan_register_root_region(*Address, Size);
    }
    return HALP_OK;
}

HALP_STATUS
HalpReserveMemoryAt(void *Address, size_t Size)
{
    HALP_STATUS status = CheckRange("HalpReserveMemoryAt", Address, Size);
    void *mapped;

    if (status != HALP_OK) {
        return status;
    }
    mapped = mmap(Address, Size, PROT_NONE, RESERVED_FLAGS | MAP_FIXED_NOREPLACE, -1, 0);
    if (mapped == MAP_FAILED) {
        return errno == EEXIST ? HALP_EXISTS : PosixFail("mmap");
    }
    if (mapped != Address) { /* a host too old for the flag takes it for a wish */
        munmap(mapped, Size);
        return HALP_EXISTS;
    }
    return HALP_OK;
}

HALP_STATUS
HalpCommitMemory(void *Address, size_t Size, uint32_t Access)
{
    return HalpProtectMemory(Address, Size, Access);
}

HALP_STATUS
HalpProtectMemory(void *Address, size_t Size, uint32_t Access)
{
    HALP_STATUS status = CheckRange("HalpProtectMemory", Address, Size);

    if (status == HALP_OK && mprotect(Address, Size, HostAccess(Access)) != 0) {
        status = PosixFail("mprotect");
    }
    return status;
}

void
HalpDecommitMemory(void *Address, size_t Size)
{
    if (CheckRange("HalpDecommitMemory", Address, Size) != HALP_OK ||
        mmap(Address, Size, PROT_NONE, RESERVED_FLAGS | MAP_FIXED, -1, 0) == MAP_FAILED) {
        PosixFatal("HalpDecommitMemory(%p, %zu): the host refused", Address, Size);
    }
}

/* ---- poison ---- */

#ifdef HAVE_ASAN
/* All poison given here lies in [PoisonLow, PoisonHigh): what a release has to look at. */
static uintptr_t PoisonLow = UINTPTR_MAX;
static uintptr_t PoisonHigh;

static void
NotePoison(uintptr_t Low, uintptr_t High)
{
    uintptr_t low = __atomic_load_n(&PoisonLow, __ATOMIC_RELAXED);
    uintptr_t high = __atomic_load_n(&PoisonHigh, __ATOMIC_RELAXED);

    while (Low < low && !__atomic_compare_exchange_n(&PoisonLow, &low, Low, 1, __ATOMIC_RELAXED,
                                                     __ATOMIC_RELAXED)) {
    }
    while (High > high && !__atomic_compare_exchange_n(&PoisonHigh, &high, High, 1,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}
#endif

void
HalpPoisonMemory(const void *Address, size_t Length)
{
#ifdef HAVE_ASAN
    NotePoison((uintptr_t)Address, (uintptr_t)Address + Length);
    __asan_poison_memory_region(Address, Length);
#else
    (void)Address;
    (void)Length;
#endif
}

void
HalpUnpoisonMemory(const void *Address, size_t Length)
{
#ifdef HAVE_ASAN
    __asan_unpoison_memory_region(Address, Length);
#else
    (void)Address;
    (void)Length;
#endif
}

/* The range goes back to the host, who may give it to somebody else. */
static void
UnpoisonReleased(uintptr_t Address, size_t Length)
{
#ifdef HAVE_ASAN
    uintptr_t low = __atomic_load_n(&PoisonLow, __ATOMIC_RELAXED);
    uintptr_t high = __atomic_load_n(&PoisonHigh, __ATOMIC_RELAXED);

    low = low < Address ? Address : low;
    high = high > Address + Length ? Address + Length : high;
    if (low < high) {
        __asan_unpoison_memory_region((void *)low, high - low);
    }
#else
    (void)Address;
    (void)Length;
#endif
}

static void
Unmap(const char *Name, void *Address, size_t Size)
{
    UnpoisonReleased((uintptr_t)Address, Size);
    if (CheckRange(Name, Address, Size) != HALP_OK || munmap(Address, Size) != 0) {
        PosixFatal("%s(%p, %zu): the host refused", Name, Address, Size);
    }
}

void
HalpReleaseMemory(void *Address, size_t Size)
{
    if (__lsan_unregister_root_region != NULL) {
        __lsan_unregister_root_region(Address, Size);
    }
    Unmap("HalpReleaseMemory", Address, Size);
}

/* ---- shared memory ---- */

HALP_STATUS
HalpCreateSharedMemory(const char *Name, size_t Size, HALP_SHARED_MEMORY **Memory)
{
    HALP_STATUS status = CheckRange("HalpCreateSharedMemory", NULL, Size);
    HALP_SHARED_MEMORY *memory;

    if (status != HALP_OK) {
        return status;
    }
    memory = malloc(sizeof(*memory));
    if (memory == NULL) {
        return PosixFail("malloc");
    }
    memory->Size = Size;
    memory->File = memfd_create(Name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory->File < 0) {
        status = PosixFail("memfd_create");
        goto FreeMemory;
    }
    if (ftruncate(memory->File, (off_t)Size) != 0) {
        status = PosixFail("ftruncate");
        goto CloseFile;
    }
    *Memory = memory;
    return HALP_OK;

CloseFile:
    close(memory->File);
FreeMemory:
    free(memory);
    return status;
}

void
HalpCloseSharedMemory(HALP_SHARED_MEMORY *Memory)
{
    close(Memory->File);
    free(Memory);
}

HALP_STATUS
HalpMapSharedMemory(HALP_SHARED_MEMORY *Memory, uint64_t Offset, size_t Size, uint32_t Access,
                    void *Address, void **Mapped)
{
    HALP_STATUS status = CheckRange("HalpMapSharedMemory", Address, Size);
    int flags = MAP_SHARED | (Address != NULL ? MAP_FIXED : 0);
    void *mapped;

    if (status != HALP_OK) {
        return status;
    }
    if (!IsPageMultiple(Offset) || Offset > Memory->Size || Size > Memory->Size - Offset) {
        return PosixFailText(HALP_INVALID, "HalpMapSharedMemory: %zu bytes at %llu of %zu", Size,
                             (unsigned long long)Offset, Memory->Size);
    }
    mapped = mmap(Address, Size, HostAccess(Access), flags, Memory->File, (off_t)Offset);
    if (mapped == MAP_FAILED) {
        return PosixFail("mmap");
    }
    *Mapped = mapped;
    return HALP_OK;
}

void
HalpUnmapSharedMemory(void *Mapped, size_t Size)
{
    Unmap("HalpUnmapSharedMemory", Mapped, Size);
}

/* Once: nobody may add a seal of his own then, which would keep others from mapping it. */
static int
SealFile(int File)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int present = fcntl(File, F_GET_SEALS);

    return present >= 0 && ((present & seals) == seals || fcntl(File, F_ADD_SEALS, seals) == 0);
}

/*
 * The size is sealed, so that no process can take pages away under another's hands (SIGBUS). What
 * is opened for reading cannot be mapped writable; opening it anew takes the owner's rights.
 */
HALP_STATUS
HalpShareMemory(HALP_SHARED_MEMORY *Memory, uint32_t Access, int *Descriptor)
{
    char path[64];
    int file;

    if (!SealFile(Memory->File) || fchmod(Memory->File, S_IRUSR | S_IWUSR) != 0) {
        return PosixFail("F_ADD_SEALS");
    }
    if ((Access & HALP_WRITE) != 0) {
        file = fcntl(Memory->File, F_DUPFD_CLOEXEC, 0);
    } else {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", Memory->File);
        file = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (file < 0) {
        return PosixFail("a descriptor of shared memory");
    }
    *Descriptor = file;
    return HALP_OK;
}
