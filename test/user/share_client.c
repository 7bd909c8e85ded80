/* SPDX-License-Identifier: MIT
 *
 * test/user/share_client.c - memory that program and driver both see: mapped pages, sections, pages
 * of the program's own that are handed over by address
 */
#include "check.h"
#include "drivers/sharepage.h"

static HANDLE
Open(void)
{
    HANDLE device = CreateFileA("\\\\.\\NtboxSharePage", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                OPEN_EXISTING, 0, NULL);

    CHECK(device != INVALID_HANDLE_VALUE);
    return device;
}

static volatile ULONG *
Map(HANDLE Device, ULONG ReadOnly)
{
    union {
        ULONG ReadOnly;
        PVOID Address;
    } buffer = {.ReadOnly = ReadOnly};
    DWORD bytes = 0;

    CHECK(DeviceIoControl(Device, SHAREPAGE_MAP, &buffer, sizeof(ULONG), &buffer, sizeof(buffer),
                          &bytes, NULL));
    CHECK_EQ(bytes, sizeof(PVOID));
    return buffer.Address;
}

static BOOL
Unmap(HANDLE Device, volatile ULONG *Address)
{
    PVOID address = (PVOID)Address;
    DWORD bytes;

    return DeviceIoControl(Device, SHAREPAGE_UNMAP, &address, sizeof(address), NULL, 0, &bytes,
                           NULL);
}

static void
Add(HANDLE Device, ULONG Number)
{
    DWORD bytes;

    CHECK(DeviceIoControl(Device, SHAREPAGE_ADD, &Number, sizeof(Number), NULL, 0, &bytes, NULL));
}

static ULONG
Read(HANDLE Device, DWORD Code)
{
    ULONG word = 0;
    DWORD bytes;

    CHECK(DeviceIoControl(Device, Code, NULL, 0, &word, sizeof(word), &bytes, NULL));
    return word;
}

/* What one side writes the other reads, without a call between. */
TEST(BothSeeTheSamePage)
{
    HANDLE device = Open();
    volatile ULONG *page = Map(device, 0);
    ULONG start = *page;

    Add(device, 5);
    CHECK_EQ(*page, start + 5);
    *page += 7;
    CHECK_EQ(Read(device, SHAREPAGE_READ), start + 12);
    CHECK_EQ(Read(device, SHAREPAGE_NEIGHBOUR), 1);
    CHECK(Unmap(device, page));
    Add(device, 1);
    CHECK_EQ(Read(device, SHAREPAGE_READ), start + 13);
    CHECK(CloseHandle(device));
}

/* Two mappings of a page are two addresses of the same bytes; each goes on its own. */
TEST(AMappingMoreDoesNotEndTheOther)
{
    HANDLE device = Open();
    volatile ULONG *first = Map(device, 0);
    volatile ULONG *second = Map(device, 0);

    CHECK(first != second);
    *first = 41;
    CHECK_EQ(*second, 41);
    CHECK(Unmap(device, first));
    Add(device, 1);
    CHECK_EQ(*second, 42);
    CHECK(Unmap(device, second));
    CHECK_EQ(Read(device, SHAREPAGE_READ), 42);
    CHECK(CloseHandle(device));
}

static BOOL
IsWritable(volatile ULONG *Address)
{
    MEMORY_BASIC_INFORMATION information;

    CHECK(VirtualQuery((PVOID)Address, &information, sizeof(information)) != 0);
    CHECK((information.Protect & (PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE)) == 0);
    return information.Protect == PAGE_READWRITE;
}

TEST(AReadOnlyMappingIsReadOnly)
{
    HANDLE device = Open();
    volatile ULONG *writable = Map(device, 0);
    volatile ULONG *readable = Map(device, 1);

    CHECK(IsWritable(writable));
    CHECK(!IsWritable(readable));
    *writable = 77;
    CHECK_EQ(*readable, 77);
    CHECK(Unmap(device, readable));
    CHECK(Unmap(device, writable));
    CHECK(CloseHandle(device));
}

/* The address that the driver told is good in the driver, too, in this process's context. */
TEST(TheAddressMeansTheSameToTheDriver)
{
    HANDLE device = Open();
    volatile ULONG *page = Map(device, 0);
    PVOID address = (PVOID)page;
    ULONG value = 0;
    DWORD bytes;

    *page = 123;
    CHECK(DeviceIoControl(device, SHAREPAGE_THROUGH, &address, sizeof(address), &value,
                          sizeof(value), &bytes, NULL));
    CHECK_EQ(value, 123);
    CHECK(Unmap(device, page));
    CHECK_FAILS(DeviceIoControl(device, SHAREPAGE_THROUGH, &address, sizeof(address), &value,
                                sizeof(value), &bytes, NULL),
                ERROR_NOACCESS);
    CHECK(CloseHandle(device));
}

/* A pointer in a buffer, to pages of VirtualAlloc: as on Windows, until they are gone. */
TEST(PointersToPagesWork)
{
    HANDLE device = Open();
    volatile ULONG *pages = VirtualAlloc(NULL, 0x2000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PVOID address = (PVOID)(pages + 100);
    ULONG value = 0;
    DWORD old;
    DWORD bytes;

    pages[100] = 99;
    CHECK(DeviceIoControl(device, SHAREPAGE_THROUGH, &address, sizeof(address), &value,
                          sizeof(value), &bytes, NULL));
    CHECK_EQ(value, 99);
    CHECK(VirtualProtect((PVOID)pages, 0x1000, PAGE_NOACCESS, &old));
    CHECK_FAILS(DeviceIoControl(device, SHAREPAGE_THROUGH, &address, sizeof(address), &value,
                                sizeof(value), &bytes, NULL),
                ERROR_NOACCESS);
    CHECK(VirtualProtect((PVOID)pages, 0x1000, PAGE_READONLY, &old));
    CHECK(DeviceIoControl(device, SHAREPAGE_THROUGH, &address, sizeof(address), &value,
                          sizeof(value), &bytes, NULL));
    CHECK_EQ(value, 99);
    CHECK(VirtualFree((PVOID)pages, 0, MEM_RELEASE));
    CHECK_FAILS(DeviceIoControl(device, SHAREPAGE_THROUGH, &address, sizeof(address), &value,
                                sizeof(value), &bytes, NULL),
                ERROR_NOACCESS);
    CHECK(CloseHandle(device));
}

TEST(FreedPagesComeBackEmpty)
{
    PUCHAR pages = VirtualAlloc(NULL, 0x4000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG sum = 0;

    memset(pages, 0xAB, 0x4000);
    CHECK(VirtualFree(pages, 0x4000, MEM_DECOMMIT));
    CHECK(VirtualAlloc(pages, 0x4000, MEM_COMMIT, PAGE_READWRITE) == pages);
    for (ULONG i = 0; i < 0x4000; i++) {
        sum += pages[i];
    }
    CHECK_EQ(sum, 0);
    CHECK(VirtualFree(pages, 0, MEM_RELEASE));
}

/* A section has one content, in however many views. */
TEST(ViewsOfASectionShare)
{
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x20000,
                                        "NtboxShareClient");
    PULONG first = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    PULONG second = MapViewOfFile(section, FILE_MAP_READ, 0, 0x10000, 0x1000);

    CHECK(section != NULL);
    CHECK(first != NULL);
    CHECK(second != NULL);
    first[0x10000 / sizeof(ULONG)] = 31;
    CHECK_EQ(second[0], 31);
    CHECK(UnmapViewOfFile(first));
    CHECK_EQ(second[0], 31);
    CHECK(UnmapViewOfFile(second));
    CHECK(CloseHandle(section));
}

/* A program that ends with a mapping leaves nothing: the run's audit says so. */
TEST(AMappingLeftAtTheEndIsTakenBack)
{
    HANDLE device = Open();
    volatile ULONG *page = Map(device, 0);

    *page = 1;
    CHECK_EQ(Read(device, SHAREPAGE_READ), 1);
}
