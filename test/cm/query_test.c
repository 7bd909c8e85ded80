/* SPDX-License-Identifier: MIT
 *
 * query_test.c - ZwQueryKey, each class in each length of buffer; ZwOpenKeyEx; links
 */
#include "cm_test.h"

void
NtTestSetUp(void)
{
    CmTestStart();
}

void
NtTestTearDown(void)
{
    CmTestStop();
}

#define PATH PATH_SERVICES L"\\Query"

/* The key, of class "Cls", with two subkeys and two values. */
static HANDLE
MakeQueryKey(VOID)
{
    UNICODE_STRING class = RTL_CONSTANT_STRING(L"Cls");
    UNICODE_STRING name = RTL_CONSTANT_STRING(PATH);
    OBJECT_ATTRIBUTES attributes;
    HANDLE below;
    HANDLE key;

    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL,
                               NULL);
    NT_EXPECT_STATUS(ZwCreateKey(&key, KEY_ALL_ACCESS, &attributes, 0, &class, 0, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmTestOpen(key, L"One", TRUE, KEY_READ, &below), STATUS_SUCCESS);
    ZwClose(below);
    NT_EXPECT_STATUS(CmTestOpen(key, L"Longer", TRUE, KEY_READ, &below), STATUS_SUCCESS);
    ZwClose(below);
    NT_EXPECT_STATUS(CmTestSet(key, L"V", REG_BINARY, "abcdefg", 7), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmTestSet(key, L"Value", REG_DWORD, "1234", 4), STATUS_SUCCESS);
    return key;
}

/* ---- buffers ---- */

NT_TEST(QueryKey, EveryClassInEveryLength)
{
    static const struct {
        KEY_INFORMATION_CLASS Class;
        ULONG Fixed;
        ULONG Whole;
    } rows[] = {
        {KeyBasicInformation, FIELD_OFFSET(KEY_BASIC_INFORMATION, Name),
         FIELD_OFFSET(KEY_BASIC_INFORMATION, Name) + 10},
        /* the name "Query", two bytes to the next ULONG, the class */
        {KeyNodeInformation, FIELD_OFFSET(KEY_NODE_INFORMATION, Name),
         FIELD_OFFSET(KEY_NODE_INFORMATION, Name) + 12 + 6},
        {KeyFullInformation, FIELD_OFFSET(KEY_FULL_INFORMATION, Class),
         FIELD_OFFSET(KEY_FULL_INFORMATION, Class) + 6},
        {KeyNameInformation, sizeof(ULONG), sizeof(ULONG) + sizeof(PATH) - sizeof(WCHAR)},
        {KeyCachedInformation, sizeof(KEY_CACHED_INFORMATION), sizeof(KEY_CACHED_INFORMATION)},
        {KeyVirtualizationInformation, sizeof(ULONG), sizeof(ULONG)},
    };
    HANDLE key = MakeQueryKey();

    NT_FOR_EACH (row, rows) {
        for (ULONG length = 0; length <= row->Whole + 1; ++length) {
            __attribute__((aligned(8))) UCHAR buffer[256];
            ULONG needed = 0;
            NTSTATUS expected = length < row->Fixed   ? STATUS_BUFFER_TOO_SMALL
                                : length < row->Whole ? STATUS_BUFFER_OVERFLOW
                                                      : STATUS_SUCCESS;
            memset(buffer, 0xEE, sizeof(buffer));
            NT_EXPECT_STATUS(
                ZwQueryKey(key, row->Class, length != 0 ? buffer : NULL, length, &needed),
                expected);
            NT_EXPECT_EQ(needed, row->Whole);
            NT_EXPECT_EQ(buffer[length], 0xEE);
            NT_EXPECT_EQ(buffer[0] == 0xEE, expected == STATUS_BUFFER_TOO_SMALL);
        }
    }
    ZwClose(key);
}

NT_TEST(QueryKey, UnknownAndReservedClassesAreRefused)
{
    static const KEY_INFORMATION_CLASS classes[] = {KeyFlagsInformation, KeyHandleTagsInformation,
                                                    MaxKeyInfoClass, (KEY_INFORMATION_CLASS)-1};
    HANDLE key = MakeQueryKey();

    NT_FOR_EACH (class, classes) {
        UCHAR buffer[64];
        ULONG needed = 0;
        memset(buffer, 0xEE, sizeof(buffer));
        NT_EXPECT_STATUS(ZwQueryKey(key, *class, buffer, sizeof(buffer), &needed),
                         STATUS_INVALID_PARAMETER);
        NT_EXPECT_EQ(buffer[0], 0xEE);
    }
    ZwClose(key);
}

/* ---- contents ---- */

NT_TEST(QueryKey, BasicAndNodeInformationNameTheKey)
{
    union {
        KEY_BASIC_INFORMATION Basic;
        KEY_NODE_INFORMATION Node;
        UCHAR Room[128];
    } buffer;
    HANDLE key = MakeQueryKey();
    ULONG needed;

    NT_EXPECT_STATUS(ZwQueryKey(key, KeyBasicInformation, &buffer, sizeof(buffer), &needed),
                     STATUS_SUCCESS);
    NT_EXPECT_NE(buffer.Basic.LastWriteTime.QuadPart, 0);
    NT_EXPECT_EQ(buffer.Basic.NameLength, 10);
    NT_EXPECT_TRUE(memcmp(buffer.Basic.Name, L"Query", 10) == 0);
    NT_EXPECT_STATUS(ZwQueryKey(key, KeyNodeInformation, &buffer, sizeof(buffer), &needed),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.Node.NameLength, 10);
    NT_EXPECT_TRUE(memcmp(buffer.Node.Name, L"Query", 10) == 0);
    NT_EXPECT_EQ(buffer.Node.ClassLength, 6);
    NT_EXPECT_TRUE(memcmp(buffer.Room + buffer.Node.ClassOffset, L"Cls", 6) == 0);
    ZwClose(key);
}

NT_TEST(QueryKey, FullAndCachedInformationCountAndMeasure)
{
    union {
        KEY_FULL_INFORMATION Full;
        KEY_CACHED_INFORMATION Cached;
        UCHAR Room[128];
    } buffer;
    HANDLE key = MakeQueryKey();
    ULONG needed;

    NT_EXPECT_STATUS(ZwQueryKey(key, KeyFullInformation, &buffer, sizeof(buffer), &needed),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.Full.ClassLength, 6);
    NT_EXPECT_TRUE(memcmp(buffer.Room + buffer.Full.ClassOffset, L"Cls", 6) == 0);
    NT_EXPECT_EQ(buffer.Full.SubKeys, 2);
    NT_EXPECT_EQ(buffer.Full.MaxNameLen, 12);
    NT_EXPECT_EQ(buffer.Full.MaxClassLen, 0);
    NT_EXPECT_EQ(buffer.Full.Values, 2);
    NT_EXPECT_EQ(buffer.Full.MaxValueNameLen, 10);
    NT_EXPECT_EQ(buffer.Full.MaxValueDataLen, 7);
    NT_EXPECT_STATUS(ZwQueryKey(key, KeyCachedInformation, &buffer, sizeof(buffer), &needed),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.Cached.SubKeys, 2);
    NT_EXPECT_EQ(buffer.Cached.MaxNameLen, 12);
    NT_EXPECT_EQ(buffer.Cached.Values, 2);
    NT_EXPECT_EQ(buffer.Cached.MaxValueNameLen, 10);
    NT_EXPECT_EQ(buffer.Cached.MaxValueDataLen, 7);
    NT_EXPECT_EQ(buffer.Cached.NameLength, 10);
    ZwClose(key);
}

/* KEY_VIRTUALIZATION_INFORMATION: no key is a candidate, a target or a source. */
NT_TEST(QueryKey, NoKeyIsVirtualized)
{
    HANDLE key = MakeQueryKey();
    ULONG flags = MAXULONG;
    ULONG needed;

    NT_EXPECT_STATUS(ZwQueryKey(key, KeyVirtualizationInformation, &flags, sizeof(flags), &needed),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(flags, 0);
    NT_EXPECT_EQ(needed, sizeof(flags));
    ZwClose(key);
}

NT_TEST(QueryKey, ADeletedKeyHasNoInformation)
{
    HANDLE key;
    ULONG flags;
    ULONG needed;

    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH, TRUE, KEY_ALL_ACCESS, &key), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwDeleteKey(key), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwQueryKey(key, KeyCachedInformation, &flags, sizeof(flags), &needed),
                     STATUS_KEY_DELETED);
    ZwClose(key);
}

/* ---- ZwOpenKeyEx ---- */

static NTSTATUS
OpenEx(HANDLE Root, PCWSTR Path, ULONG Options, HANDLE *Key)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Path);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, Root,
                               NULL);
    return ZwOpenKeyEx(Key, KEY_READ, &attributes, Options);
}

NT_TEST(OpenKeyEx, TakesTheOptionsThatAreDocumented)
{
    static const struct {
        PCWSTR Path;
        ULONG Options;
        NTSTATUS Status;
    } rows[] = {
        {PATH, 0, STATUS_SUCCESS},
        {PATH, REG_OPTION_OPEN_LINK, STATUS_SUCCESS},
        {PATH, REG_OPTION_BACKUP_RESTORE, STATUS_SUCCESS},
        {PATH, REG_OPTION_OPEN_LINK | REG_OPTION_BACKUP_RESTORE, STATUS_SUCCESS},
        {PATH, REG_OPTION_VOLATILE, STATUS_INVALID_PARAMETER_4},
        {PATH, REG_OPTION_CREATE_LINK, STATUS_INVALID_PARAMETER_4},
        {PATH, 0x80000000, STATUS_INVALID_PARAMETER_4},
        {PATH L"\\None", 0, STATUS_OBJECT_NAME_NOT_FOUND},
        {L"Registry\\Machine", 0, STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"", 0, STATUS_OBJECT_PATH_SYNTAX_BAD},
    };
    HANDLE key = MakeQueryKey();

    NT_FOR_EACH (row, rows) {
        HANDLE opened = (HANDLE)(ULONG_PTR)0x1234;
        NT_EXPECT_STATUS(OpenEx(NULL, row->Path, row->Options, &opened), row->Status);
        if (NT_SUCCESS(row->Status)) {
            NT_EXPECT_STATUS(ZwClose(opened), STATUS_SUCCESS);
        }
    }
    ZwClose(key);
}

NT_TEST(OpenKeyEx, OpensBelowARootAndMakesNothing)
{
    HANDLE key = MakeQueryKey();
    HANDLE opened;

    NT_EXPECT_STATUS(OpenEx(key, L"One", 0, &opened), STATUS_SUCCESS);
    ZwClose(opened);
    NT_EXPECT_STATUS(OpenEx(key, L"New", 0, &opened), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(OpenEx(key, L"New", 0, &opened), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(OpenEx(key, L"\\One", 0, &opened), STATUS_OBJECT_PATH_SYNTAX_BAD);
    ZwClose(key);
}

NT_TEST(OpenKeyEx, MemoryFailureIsReported)
{
    HANDLE key = MakeQueryKey();
    ULONG failures = 0;
    NTSTATUS status;
    HANDLE opened;

    for (ULONG nth = 1;; ++nth) {
        SimSetFaultPlan(NULL, nth);
        status = OpenEx(NULL, PATH, 0, &opened);
        SimSetFaultPlan(NULL, 0);
        if (NT_SUCCESS(status)) {
            break;
        }
        failures++;
        NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
    }
    NT_EXPECT_NE(failures, 0);
    ZwClose(opened);
    ZwClose(key);
}

/* There are no links, and none can be made. */
NT_TEST(OpenKeyEx, LinksAreRefusedByName)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(PATH_SERVICES L"\\Link");
    OBJECT_ATTRIBUTES attributes;
    HANDLE key;

    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL,
                               NULL);
    NT_EXPECT_STATUS(
        ZwCreateKey(&key, KEY_ALL_ACCESS, &attributes, 0, NULL, REG_OPTION_CREATE_LINK, NULL),
        STATUS_NOT_SUPPORTED);
    NT_EXPECT_STATUS(OpenEx(NULL, PATH_SERVICES L"\\Link", REG_OPTION_OPEN_LINK, &key),
                     STATUS_OBJECT_NAME_NOT_FOUND);
}
