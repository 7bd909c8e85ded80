/* SPDX-License-Identifier: MIT
 *
 * test/user/device_client.c - opening, closing, reading, writing and controlling a device
 */
#include "check.h"
#include <winioctl.h>
#include "drivers/iotest.h"

#define UNMAPPED ((PVOID)0x10000)
#define KERNEL_RANGE ((PVOID)0xFFFF800000001000ull)

static HANDLE
Open(const char *Name)
{
    HANDLE device = CreateFileA(Name, GENERIC_READ | GENERIC_WRITE,
                                FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);

    CHECK(device != INVALID_HANDLE_VALUE);
    return device;
}

static IOTEST_STATE
Query(HANDLE Device)
{
    IOTEST_STATE state = {0};
    DWORD bytes = 0;

    CHECK(DeviceIoControl(Device, IOTEST_QUERY, NULL, 0, &state, sizeof(state), &bytes, NULL));
    CHECK_EQ(bytes, sizeof(state));
    return state;
}

TEST(OpenAndClose)
{
    HANDLE device = Open(IOTEST_DEVICE);
    HANDLE second = CreateFileW(L"\\\\?\\ntboxIOtest", 0, 0, NULL, OPEN_EXISTING, 0, NULL);
    IOTEST_STATE before = Query(device);
    IOTEST_STATE after;

    CHECK(second != INVALID_HANDLE_VALUE);
    CHECK(second != device);
    CHECK(CloseHandle(second));
    after = Query(device);
    CHECK_EQ(after.Cleanups, before.Cleanups + 1);
    CHECK_EQ(after.Closes, before.Closes + 1);
    CHECK(CloseHandle(device));
    CHECK_FAILS(CloseHandle(device), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CloseHandle(NULL), ERROR_INVALID_HANDLE);
}

TEST(OpenErrors)
{
    static const struct {
        const char *Name;
        DWORD Error;
    } rows[] = {
        {"\\\\.\\NoSuchDevice", ERROR_FILE_NOT_FOUND},
        {"\\\\.\\NoSuchDevice\\x", ERROR_PATH_NOT_FOUND},
        {"\\\\.\\NtboxIoTest\\other", ERROR_FILE_NOT_FOUND},
        {"C:\\file.txt", ERROR_NOT_SUPPORTED},
        {"NUL", ERROR_NOT_SUPPORTED},
    };
    HANDLE device;

    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        CHECK_FAILS(CreateFileA(rows[i].Name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) !=
                        INVALID_HANDLE_VALUE,
                    rows[i].Error);
    }
    device = CreateFileA(IOTEST_DEVICE "\\name", 0, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(device != INVALID_HANDLE_VALUE);
    CHECK(CloseHandle(device));
    device =
        CreateFileA("\\\\.\\GLOBALROOT\\Device\\NtboxIoTest", 0, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(device != INVALID_HANDLE_VALUE);
    CHECK(CloseHandle(device));
}

TEST(ExclusiveDeviceOpensOnce)
{
    HANDLE device = Open(IOTEST_EXCLUSIVE_DEVICE);

    CHECK_FAILS(CreateFileA(IOTEST_EXCLUSIVE_DEVICE, 0, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                            OPEN_EXISTING, 0, NULL) != INVALID_HANDLE_VALUE,
                ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(device));
    CHECK(CloseHandle(Open(IOTEST_EXCLUSIVE_DEVICE)));
}

TEST(CallerIsThisThread)
{
    HANDLE device = Open(IOTEST_DEVICE);
    IOTEST_STATE state = Query(device);

    CHECK_EQ(state.ProcessId, GetCurrentProcessId());
    CHECK_EQ(state.ThreadId, GetCurrentThreadId());
    CHECK_EQ(state.IsUserMode, 1);
    CHECK(CloseHandle(device));
}

TEST(QueryDosDeviceTellsTheTarget)
{
    WCHAR target[64];
    char narrow[64];
    DWORD units = QueryDosDeviceW(L"NtboxIoTest", target, ARRAYSIZE(target));

    CHECK_EQ(units, sizeof("\\Device\\NtboxIoTest") + 1);
    CHECK_EQ(lstrcmpiW(target, L"\\Device\\NtboxIoTest"), 0);
    CHECK_EQ(QueryDosDeviceA("NtboxIoTest", narrow, sizeof(narrow)), units);
    CHECK_EQ(strcmp(narrow, "\\Device\\NtboxIoTest"), 0);
    CHECK_FAILS(QueryDosDeviceW(L"NoSuchName", target, ARRAYSIZE(target)), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(QueryDosDeviceW(L"NtboxIoTest", target, 4), ERROR_INSUFFICIENT_BUFFER);
}

/* ---- control codes ---- */

static const DWORD EchoCodes[] = {IOTEST_ECHO, IOTEST_ECHO_IN_DIRECT, IOTEST_ECHO_OUT_DIRECT,
                                  IOTEST_ECHO_NEITHER};

TEST(EchoBySizes)
{
    static const DWORD sizes[] = {1, 7, 8, 4095, 4096, 4097, 65536, 1 << 20};
    HANDLE device = Open(IOTEST_DEVICE);

    for (size_t s = 0; s < ARRAYSIZE(sizes); s++) {
        DWORD size = sizes[s];
        /* Odd addresses: nothing about a user buffer is aligned. */
        char *in = (char *)malloc(size + 1) + 1;
        char *out = (char *)malloc(size + 2) + 1;
        DWORD bytes;

        for (DWORD i = 0; i < size; i++) {
            in[i] = (char)(i * 7 + s);
        }
        for (size_t c = 0; c < ARRAYSIZE(EchoCodes); c++) {
            if (EchoCodes[c] == IOTEST_ECHO_IN_DIRECT) {
                continue; /* its MDL is locked for reading only: input, not output */
            }
            memset(out, 0, size);
            out[size] = 'e';
            bytes = 0;
            CHECK(DeviceIoControl(device, EchoCodes[c], in, size, out, size, &bytes, NULL));
            CHECK_EQ(bytes, size);
            CHECK_EQ(memcmp(in, out, size), 0);
            CHECK_EQ(out[size], 'e');
        }
        free(in - 1);
        free(out - 1);
    }
    CHECK(CloseHandle(device));
}

TEST(OutputTooSmallIsMoreData)
{
    HANDLE device = Open(IOTEST_DEVICE);
    char out[8] = "-------";
    DWORD bytes = 0;

    CHECK_FAILS(DeviceIoControl(device, IOTEST_ECHO, "abcdef", 6, out, 3, &bytes, NULL),
                ERROR_MORE_DATA);
    CHECK_EQ(bytes, 3);
    CHECK_EQ(memcmp(out, "abc----", 7), 0);
    CHECK_FAILS(DeviceIoControl(device, IOTEST_EIGHT, NULL, 0, out, 7, &bytes, NULL),
                ERROR_INSUFFICIENT_BUFFER);
    CHECK_EQ(bytes, 0);
    CHECK_EQ(memcmp(out, "abc----", 7), 0);
    CHECK(DeviceIoControl(device, IOTEST_EIGHT, NULL, 0, out, 8, &bytes, NULL));
    CHECK_EQ(memcmp(out, "12345678", 8), 0);
    CHECK(CloseHandle(device));
}

TEST(EmptyBuffersWork)
{
    HANDLE device = Open(IOTEST_DEVICE);
    DWORD bytes;

    for (size_t c = 0; c < ARRAYSIZE(EchoCodes); c++) {
        bytes = 77;
        CHECK(DeviceIoControl(device, EchoCodes[c], NULL, 0, NULL, 0, &bytes, NULL));
        CHECK_EQ(bytes, 0);
        /* A length of 0 makes the address irrelevant. */
        CHECK(DeviceIoControl(device, EchoCodes[c], UNMAPPED, 0, UNMAPPED, 0, &bytes, NULL));
    }
    CHECK(CloseHandle(device));
}

TEST(BadBuffersAreNoAccess)
{
    PVOID bad[] = {NULL, UNMAPPED, KERNEL_RANGE, (PVOID)(ULONG_PTR)-8};
    HANDLE device = Open(IOTEST_DEVICE);
    char good[16] = {0};
    DWORD bytes;

    for (size_t b = 0; b < ARRAYSIZE(bad); b++) {
        /* Buffered input at NULL is not copied at all, which is a trap for drivers. */
        if (bad[b] == NULL) {
            CHECK(DeviceIoControl(device, IOTEST_ECHO, NULL, 16, good, 16, &bytes, NULL));
        } else {
            CHECK_FAILS(DeviceIoControl(device, IOTEST_ECHO, bad[b], 16, good, 16, &bytes, NULL),
                        ERROR_NOACCESS);
        }
        CHECK_FAILS(
            DeviceIoControl(device, IOTEST_ECHO_NEITHER, bad[b], 16, good, 16, &bytes, NULL),
            ERROR_NOACCESS);
        CHECK_FAILS(
            DeviceIoControl(device, IOTEST_ECHO_NEITHER, good, 16, bad[b], 16, &bytes, NULL),
            ERROR_NOACCESS);
        CHECK_FAILS(
            DeviceIoControl(device, IOTEST_ECHO_OUT_DIRECT, good, 16, bad[b], 16, &bytes, NULL),
            ERROR_NOACCESS);
        CHECK_FAILS(
            DeviceIoControl(device, IOTEST_ECHO_IN_DIRECT, good, 16, bad[b], 16, &bytes, NULL),
            ERROR_NOACCESS);
    }
    CHECK_FAILS(DeviceIoControl(device, IOTEST_ECHO, good, 16, UNMAPPED, 16, &bytes, NULL),
                ERROR_NOACCESS);
    CHECK_EQ(Query(device).Pended, 0);
    CHECK(CloseHandle(device));
}

/* A buffer that is half there, and one that can only be read. */
TEST(GuardedBuffersAreNoAccess)
{
    char *pages = VirtualAlloc(NULL, 0x3000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    HANDLE device = Open(IOTEST_DEVICE);
    char good[64] = {0};
    DWORD bytes;
    DWORD old;

    CHECK(VirtualProtect(pages + 0x1000, 0x1000, PAGE_NOACCESS, &old));
    CHECK(VirtualProtect(pages + 0x2000, 0x1000, PAGE_READONLY, &old));
    for (size_t c = 0; c < ARRAYSIZE(EchoCodes); c++) {
        CHECK_FAILS(
            DeviceIoControl(device, EchoCodes[c], pages + 0x1000 - 32, 64, good, 64, &bytes, NULL),
            ERROR_NOACCESS);
    }
    for (size_t c = 1; c < ARRAYSIZE(EchoCodes); c++) {
        CHECK_FAILS(
            DeviceIoControl(device, EchoCodes[c], good, 64, pages + 0x1000 - 32, 64, &bytes, NULL),
            ERROR_NOACCESS);
    }
    CHECK_FAILS(
        DeviceIoControl(device, IOTEST_ECHO_OUT_DIRECT, good, 64, pages + 0x2000, 64, &bytes, NULL),
        ERROR_NOACCESS);
    CHECK_FAILS(
        DeviceIoControl(device, IOTEST_ECHO_NEITHER, good, 64, pages + 0x2000, 64, &bytes, NULL),
        ERROR_NOACCESS);
    CHECK(DeviceIoControl(device, IOTEST_ECHO, pages + 0x2000, 64, good, 64, &bytes, NULL));
    CHECK(CloseHandle(device));
    CHECK(VirtualFree(pages, 0, MEM_RELEASE));
}

TEST(StatusesOfTheDriverArrive)
{
    static const struct {
        ULONG Status;
        DWORD Error;
    } rows[] = {
        {0xC0000001, ERROR_GEN_FAILURE},   {0xC00000A3, ERROR_NOT_READY},
        {0xC0000022, ERROR_ACCESS_DENIED}, {0xC0000010, ERROR_INVALID_FUNCTION},
        {0xC0000011, ERROR_HANDLE_EOF},    {0x80000005, ERROR_MORE_DATA},
        {0x8000001A, ERROR_NO_MORE_ITEMS}, {0xE0001234, 0xE0001234},
    };
    HANDLE device = Open(IOTEST_DEVICE);
    ULONG good = 0x40000000; /* informational: a success */
    DWORD bytes;

    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        ULONG status = rows[i].Status;

        CHECK_FAILS(DeviceIoControl(device, IOTEST_FAIL, &status, 4, NULL, 0, &bytes, NULL),
                    rows[i].Error);
    }
    CHECK(DeviceIoControl(device, IOTEST_FAIL, &good, 4, NULL, 0, &bytes, NULL));
    CHECK_FAILS(DeviceIoControl(device, IOTEST_CODE(99, METHOD_BUFFERED, 0), NULL, 0, NULL, 0,
                                &bytes, NULL),
                ERROR_INVALID_FUNCTION);
    CHECK(CloseHandle(device));
}

TEST(CodesNeedTheirAccess)
{
    static const struct {
        DWORD Access;
        BOOL Read;
        BOOL Write;
    } rows[] = {
        {0, FALSE, FALSE},
        {GENERIC_READ, TRUE, FALSE},
        {GENERIC_WRITE, FALSE, TRUE},
        {GENERIC_READ | GENERIC_WRITE, TRUE, TRUE},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        HANDLE device = CreateFileA(IOTEST_DEVICE, rows[i].Access, 0, NULL, OPEN_EXISTING, 0, NULL);
        DWORD bytes;

        CHECK(DeviceIoControl(device, IOTEST_ECHO, NULL, 0, NULL, 0, &bytes, NULL));
        if (rows[i].Read) {
            CHECK(DeviceIoControl(device, IOTEST_NEEDS_READ, NULL, 0, NULL, 0, &bytes, NULL));
        } else {
            CHECK_FAILS(DeviceIoControl(device, IOTEST_NEEDS_READ, NULL, 0, NULL, 0, &bytes, NULL),
                        ERROR_ACCESS_DENIED);
        }
        if (rows[i].Write) {
            CHECK(DeviceIoControl(device, IOTEST_NEEDS_WRITE, NULL, 0, NULL, 0, &bytes, NULL));
        } else {
            CHECK_FAILS(DeviceIoControl(device, IOTEST_NEEDS_WRITE, NULL, 0, NULL, 0, &bytes, NULL),
                        ERROR_ACCESS_DENIED);
        }
        CHECK(CloseHandle(device));
    }
}

TEST(WrongHandlesAreInvalid)
{
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    HANDLE device = Open(IOTEST_DEVICE);
    HANDLE wrong[] = {NULL,   INVALID_HANDLE_VALUE,           (HANDLE)0xABCD0, event,
                      device, GetStdHandle(STD_OUTPUT_HANDLE)};
    char buffer[4];
    DWORD bytes;

    CHECK(CloseHandle(device));
    for (size_t i = 0; i < ARRAYSIZE(wrong); i++) {
        CHECK_FAILS(DeviceIoControl(wrong[i], IOTEST_ECHO, NULL, 0, NULL, 0, &bytes, NULL),
                    ERROR_INVALID_HANDLE);
        if (i != 5) {
            CHECK_FAILS(ReadFile(wrong[i], buffer, 4, &bytes, NULL), ERROR_INVALID_HANDLE);
        }
    }
    CHECK_FAILS(SetEvent(device), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(event));
}

/* ---- reads, writes, positions ---- */

static const char *const DataDevices[] = {IOTEST_DEVICE, IOTEST_DIRECT_DEVICE,
                                          IOTEST_NEITHER_DEVICE};

TEST(ReadAndWriteByOffset)
{
    for (size_t d = 0; d < ARRAYSIZE(DataDevices); d++) {
        HANDLE device = Open(DataDevices[d]);
        OVERLAPPED at = {.Offset = 10};
        OVERLAPPED end = {.Offset = 60};
        OVERLAPPED behind = {.Offset = 64};
        UCHAR buffer[8] = {0};
        DWORD bytes = 0;

        CHECK(ReadFile(device, buffer, 8, &bytes, &at));
        CHECK_EQ(bytes, 8);
        CHECK_EQ(buffer[0], 10);
        CHECK_EQ(buffer[7], 17);
        CHECK(ReadFile(device, buffer, 8, &bytes, &end));
        CHECK_EQ(bytes, 4);
        CHECK_FAILS(ReadFile(device, buffer, 8, &bytes, &behind), ERROR_HANDLE_EOF);
        CHECK_EQ(bytes, 0);
        CHECK_FAILS(WriteFile(device, buffer, 8, &bytes, &behind), ERROR_DISK_FULL);
        buffer[0] = 0xEE;
        CHECK(WriteFile(device, buffer, 1, &bytes, &at));
        CHECK_EQ(bytes, 1);
        buffer[0] = 0;
        CHECK(ReadFile(device, buffer, 1, &bytes, &at));
        CHECK_EQ(buffer[0], 0xEE);
        buffer[0] = 10;
        CHECK(WriteFile(device, buffer, 1, &bytes, &at));
        CHECK(CloseHandle(device));
    }
}

TEST(ReadsOfBadBuffersFail)
{
    for (size_t d = 0; d < ARRAYSIZE(DataDevices); d++) {
        HANDLE device = Open(DataDevices[d]);
        DWORD bytes = 7;

        CHECK_FAILS(ReadFile(device, UNMAPPED, 8, &bytes, NULL), ERROR_NOACCESS);
        CHECK_EQ(bytes, 0);
        CHECK_FAILS(WriteFile(device, UNMAPPED, 8, &bytes, NULL), ERROR_NOACCESS);
        CHECK(CloseHandle(device));
    }
}

TEST(AccessOfTheHandleCounts)
{
    HANDLE reader = CreateFileA(IOTEST_DEVICE, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    HANDLE writer =
        CreateFileA(IOTEST_DEVICE, GENERIC_WRITE, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    char buffer[4] = {0};
    DWORD bytes;

    CHECK_FAILS(WriteFile(reader, buffer, 4, &bytes, NULL), ERROR_ACCESS_DENIED);
    if (writer != INVALID_HANDLE_VALUE) {
        CHECK_FAILS(ReadFile(writer, buffer, 4, &bytes, NULL), ERROR_ACCESS_DENIED);
        CHECK(CloseHandle(writer));
    }
    CHECK(CloseHandle(reader));
}

TEST(PositionsAndSizes)
{
    HANDLE device = Open(IOTEST_DEVICE);
    LARGE_INTEGER distance = {.QuadPart = 5};
    LARGE_INTEGER position;
    LARGE_INTEGER size;

    CHECK(GetFileSizeEx(device, &size));
    CHECK_EQ(size.QuadPart, IOTEST_FILE_SIZE);
    CHECK_EQ(GetFileSize(device, NULL), IOTEST_FILE_SIZE);
    CHECK(SetFilePointerEx(device, distance, &position, FILE_BEGIN));
    CHECK_EQ(position.QuadPart, 5);
    CHECK_EQ(SetFilePointer(device, 3, NULL, FILE_CURRENT), 8);
    CHECK_EQ(SetFilePointer(device, -4, NULL, FILE_END), IOTEST_FILE_SIZE - 4);
    CHECK_FAILS(SetFilePointer(device, -1, NULL, FILE_BEGIN) != INVALID_SET_FILE_POINTER,
                ERROR_NEGATIVE_SEEK);
    CHECK_FAILS(FlushFileBuffers(device), ERROR_INVALID_FUNCTION);
    CHECK(CloseHandle(device));
}

TEST(DuplicatesShareTheFile)
{
    HANDLE device = Open(IOTEST_DEVICE);
    HANDLE copy = NULL;
    HANDLE weak = NULL;
    IOTEST_STATE before = Query(device);
    char buffer[4] = {0};
    DWORD bytes;

    CHECK(DuplicateHandle(GetCurrentProcess(), device, GetCurrentProcess(), &copy, 0, FALSE,
                          DUPLICATE_SAME_ACCESS));
    CHECK(DuplicateHandle(GetCurrentProcess(), device, GetCurrentProcess(), &weak, GENERIC_READ,
                          FALSE, 0));
    CHECK_FAILS(WriteFile(weak, buffer, 4, &bytes, NULL), ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(weak));
    CHECK(CloseHandle(device));
    CHECK_EQ(Query(copy).Cleanups, before.Cleanups);
    CHECK(CloseHandle(copy));
    device = Open(IOTEST_DEVICE);
    CHECK_EQ(Query(device).Cleanups, before.Cleanups + 1);
    CHECK_FAILS(DuplicateHandle(GetCurrentProcess(), (HANDLE)0xABCD0, GetCurrentProcess(), &copy, 0,
                                FALSE, DUPLICATE_SAME_ACCESS),
                ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(device));
}
