/* SPDX-License-Identifier: MIT
 *
 * ntdll/linux/host.c - user mode's host contract on Linux: libraries, process, clocks, memory
 *
 * The one folder of user/ with Linux headers; see ntdll/host.h for the contract.
 */
#include "ntdll/host.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KERNEL_FILE "libntoskrnl.so"
#define NANOSECONDS 1000000000u

/* ---- libraries ---- */

static const char OwnAddress; /* any address inside libntbox.so */

/* Path of File in Folder relative to this library's own folder. */
static int
MakeNeighbourPath(char *Path, size_t Size, const char *Folder, const char *File)
{
    Dl_info info;
    const char *slash;
    int length;

    if (dladdr(&OwnAddress, &info) == 0 || info.dli_fname == NULL) {
        return 0;
    }
    slash = strrchr(info.dli_fname, '/');
    if (slash == NULL) {
        return 0;
    }
    length = snprintf(Path, Size, "%.*s/%s%s", (int)(slash - info.dli_fname), info.dli_fname,
                      Folder, File);
    return length > 0 && (size_t)length < Size && access(Path, F_OK) == 0;
}

void *
NtdllHostLoadKernel(void)
{
    static const char *const folders[] = {"", "../src/", "../src/init/", "ntbox/"};
    const char *chosen = getenv("NTBOX_KERNEL");
    char path[4096];

    if (chosen != NULL && chosen[0] != '\0') {
        return dlopen(chosen, RTLD_NOW | RTLD_GLOBAL);
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (MakeNeighbourPath(path, sizeof(path), folders[i], KERNEL_FILE)) {
            return dlopen(path, RTLD_NOW | RTLD_GLOBAL);
        }
    }
    return dlopen(KERNEL_FILE, RTLD_NOW | RTLD_GLOBAL);
}

const char *
NtdllHostLoadError(void)
{
    const char *text = dlerror();

    return text != NULL ? text : "unknown loader error";
}

void *
NtdllHostFindSymbol(void *Library, const char *Name)
{
    return dlsym(Library, Name);
}

void *
NtdllHostFindOwnExport(const char *Name)
{
    Dl_info info;
    void *library;
    void *symbol;

    if (dladdr(&OwnAddress, &info) == 0) {
        return NULL;
    }
    library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL) {
        return NULL;
    }
    symbol = dlvsym(library, Name, "NTBOX_1");
    dlclose(library);
    return symbol;
}

/* ---- process and threads ---- */

void
NtdllHostExitNow(int Code)
{
    _exit(Code);
}

void
NtdllHostPark(void)
{
    for (;;) {
        pause();
    }
}

uint32_t
NtdllHostThreadId(void)
{
    static _Thread_local uint32_t id;

    if (id == 0) {
        id = (uint32_t)gettid();
    }
    return id;
}

uint32_t
NtdllHostProcessId(void)
{
    return (uint32_t)getpid();
}

void
NtdllHostYield(void)
{
    sched_yield();
}

/* Reads a /proc file whole; NULL on failure. The caller owns the text, which ends with a NUL. */
static char *
ReadWholeFile(const char *Path, size_t *Length)
{
    size_t size = 4096;
    char *text = malloc(size);
    FILE *file = fopen(Path, "re");

    *Length = 0;
    while (text != NULL && file != NULL) {
        size_t got = fread(text + *Length, 1, size - 1 - *Length, file);
        char *bigger;

        *Length += got;
        if (got == 0) {
            break;
        }
        if (*Length < size - 1) {
            continue;
        }
        bigger = realloc(text, size * 2);
        if (bigger == NULL) {
            break;
        }
        text = bigger;
        size *= 2;
    }
    if (file == NULL || text == NULL) {
        free(text);
        text = NULL;
    } else {
        text[*Length] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

const char *const *
NtdllHostArguments(int *Count)
{
    static const char **list; /* made once, by one caller: kernel32/module.c */
    size_t length;
    char *text = ReadWholeFile("/proc/self/cmdline", &length);
    int count = 0;

    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        count += text[i] == '\0';
    }
    list = calloc((size_t)count + 1, sizeof(*list));
    if (list == NULL) {
        free(text);
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        list[i] = text;
        text += strlen(text) + 1;
    }
    *Count = count;
    return list;
}

int
NtdllHostImagePath(char *Path, size_t Size)
{
    ssize_t length = readlink("/proc/self/exe", Path, Size);

    if (length <= 0 || (size_t)length >= Size) {
        return 0;
    }
    Path[length] = '\0';
    return 1;
}

int
NtdllHostCurrentFolder(char *Path, size_t Size)
{
    /* An unreachable folder is told as "(unreachable)/...". */
    return getcwd(Path, Size) != NULL && Path[0] == '/';
}

void
NtdllHostSetEnvironment(const char *Name, const char *Value)
{
    if (Value == NULL) {
        unsetenv(Name);
    } else {
        setenv(Name, Value, 1);
    }
}

int
NtdllHostIsDebugged(void)
{
    size_t length;
    char *text = ReadWholeFile("/proc/self/status", &length);
    const char *line;
    int traced;

    if (text == NULL) {
        return 0;
    }
    line = strstr(text, "\nTracerPid:");
    traced = line != NULL && strtol(line + sizeof("\nTracerPid:") - 1, NULL, 10) != 0;
    free(text);
    return traced;
}

int
NtdllHostWaitAddress(const uint32_t *Address, uint32_t Expected, uint64_t Nanoseconds)
{
    struct timespec timeout;
    struct timespec *limit = NULL;
    long result;

    if (Nanoseconds != UINT64_MAX) {
        timeout.tv_sec = (time_t)(Nanoseconds / NANOSECONDS);
        timeout.tv_nsec = (long)(Nanoseconds % NANOSECONDS);
        limit = &timeout;
    }
    result = syscall(SYS_futex, Address, FUTEX_WAIT_PRIVATE, Expected, limit, NULL, 0);
    if (result == 0 || limit == NULL) {
        return 1;
    }
    /* A signal or a changed word is a wake-up; only the clock is a time-out. */
    return __atomic_load_n(Address, __ATOMIC_ACQUIRE) != Expected;
}

void
NtdllHostWakeAddress(const uint32_t *Address, uint32_t Count)
{
    syscall(SYS_futex, Address, FUTEX_WAKE_PRIVATE, Count > INT32_MAX ? INT32_MAX : (int)Count,
            NULL, NULL, 0);
}

/* ---- clocks ---- */

static uint64_t
ReadClock(clockid_t Clock)
{
    struct timespec now;

    clock_gettime(Clock, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

uint64_t
NtdllHostMonotonicTime(void)
{
    return ReadClock(CLOCK_MONOTONIC);
}

uint64_t
NtdllHostSystemTime(void)
{
    return ReadClock(CLOCK_REALTIME);
}

int32_t
NtdllHostZoneOffset(int64_t UnixSeconds)
{
    time_t when = (time_t)UnixSeconds;
    struct tm local;

    tzset();
    if (localtime_r(&when, &local) == NULL) {
        return 0;
    }
    return (int32_t)local.tm_gmtoff;
}

/* ---- memory ---- */

static int
HostProtection(uint32_t Access)
{
    return ((Access & NTDLL_HOST_READ) != 0 ? PROT_READ : 0) |
           ((Access & NTDLL_HOST_WRITE) != 0 ? PROT_WRITE : 0) |
           ((Access & NTDLL_HOST_EXECUTE) != 0 ? PROT_EXEC : 0);
}

void *
NtdllHostMapPages(void *Address, size_t Size, size_t Alignment, uint32_t Access)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    int protection = HostProtection(Access);
    uintptr_t start;
    uintptr_t aligned;
    void *mapped;

    if (Address != NULL) {
        mapped = mmap(Address, Size, protection, flags | MAP_FIXED_NOREPLACE, -1, 0);
        return mapped == MAP_FAILED ? NULL : mapped;
    }
    if (Size + Alignment < Size) {
        return NULL;
    }
    mapped = mmap(NULL, Size + Alignment, protection, flags, -1, 0);
    if (mapped == MAP_FAILED) {
        return NULL;
    }
    start = (uintptr_t)mapped;
    aligned = (start + Alignment - 1) & ~(uintptr_t)(Alignment - 1);
    if (aligned != start) {
        munmap(mapped, aligned - start);
    }
    munmap((void *)(aligned + Size), start + Alignment - aligned);
    return (void *)aligned;
}

int
NtdllHostProtectPages(void *Address, size_t Size, uint32_t Access)
{
    return mprotect(Address, Size, HostProtection(Access)) == 0;
}

int
NtdllHostForgetPages(void *Address, size_t Size)
{
    return madvise(Address, Size, MADV_DONTNEED) == 0 && mprotect(Address, Size, PROT_NONE) == 0;
}

void
NtdllHostUnmapPages(void *Address, size_t Size)
{
    munmap(Address, Size);
}

size_t
NtdllHostHeapSize(void *Block)
{
    return malloc_usable_size(Block);
}

int
NtdllHostLockPages(void *Address, size_t Size, int Lock)
{
    return (Lock ? mlock(Address, Size) : munlock(Address, Size)) == 0;
}

#define USER_END 0x7FFFFFFFF000u

int
NtdllHostQueryRegion(uintptr_t Address, NTDLL_HOST_REGION *Region)
{
    FILE *maps = Address < USER_END ? fopen("/proc/self/maps", "re") : NULL;
    uintptr_t before = 0;
    char line[512];
    int found = 0;

    if (maps == NULL) {
        return 0;
    }
    memset(Region, 0, sizeof(*Region));
    while (!found && fgets(line, sizeof(line), maps) != NULL) {
        unsigned long long start;
        unsigned long long end;
        unsigned long long inode;
        char access[8];

        if (sscanf(line, "%llx-%llx %7s %*x %*x:%*x %llu", &start, &end, access, &inode) != 4) {
            continue; /* the rest of a line that was too long */
        }
        found = Address < end;
        if (found) {
            Region->IsMapped = Address >= start;
            Region->Start = Region->IsMapped ? (uintptr_t)start : before;
            Region->End = Region->IsMapped ? (uintptr_t)end : (uintptr_t)start;
        }
        if (found && Region->IsMapped) {
            Region->Access = (access[0] == 'r' ? NTDLL_HOST_READ : 0u) |
                             (access[1] == 'w' ? NTDLL_HOST_WRITE : 0u) |
                             (access[2] == 'x' ? NTDLL_HOST_EXECUTE : 0u);
            Region->IsShared = access[3] == 's';
            Region->IsFile = inode != 0;
        }
        before = (uintptr_t)end;
    }
    fclose(maps);
    if (!found) {
        Region->Start = before;
        Region->End = USER_END;
    }
    return 1;
}
