/* SPDX-License-Identifier: MIT
 *
 * key_test.c - keys and values: paths, enumeration, information classes and their buffer rules
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

static HANDLE
MakeKey(PCWSTR Path)
{
    HANDLE key;

    NT_EXPECT_STATUS(CmTestOpen(NULL, Path, TRUE, KEY_ALL_ACCESS, &key), STATUS_SUCCESS);
    return key;
}

NT_TEST(Key, PathsAreWalkedWithoutRegardToCase)
{
    HANDLE key = MakeKey(PATH_SERVICES L"\\Notify");
    HANDLE again;

    NT_EXPECT_STATUS(CmTestOpen(NULL,
                                L"\\REGISTRY\\machine\\SYSTEM\\currentcontrolset\\services\\NOTIFY",
                                FALSE, KEY_READ, &again),
                     STATUS_SUCCESS);
    ZwClose(again);
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\\\Notify\\", FALSE, KEY_READ, &again),
                     STATUS_SUCCESS);
    ZwClose(again);
    ZwClose(key);
}

NT_TEST(Key, BadPathsHaveTheirStatus)
{
    static const struct {
        PCWSTR Path;
        BOOLEAN Create;
        NTSTATUS Status;
    } rows[] = {
        {PATH_SERVICES L"\\Absent", FALSE, STATUS_OBJECT_NAME_NOT_FOUND},
        {PATH_SERVICES L"\\Absent\\Below", TRUE, STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\Device\\Null", FALSE, STATUS_OBJECT_NAME_NOT_FOUND},
        {L"Services", FALSE, STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"", FALSE, STATUS_OBJECT_PATH_SYNTAX_BAD},
    };

    NT_FOR_EACH (row, rows) {
        HANDLE key;
        NT_EXPECT_STATUS(CmTestOpen(NULL, row->Path, row->Create, KEY_READ, &key), row->Status);
    }
}

NT_TEST(Key, RelativeNamesStartAtTheirRoot)
{
    HANDLE services = MakeKey(PATH_SERVICES);
    HANDLE parent;
    HANDLE child;

    NT_EXPECT_STATUS(CmTestOpen(services, L"One", TRUE, KEY_ALL_ACCESS, &parent), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmTestOpen(parent, L"Two", TRUE, KEY_ALL_ACCESS, &child), STATUS_SUCCESS);
    ZwClose(child);
    NT_EXPECT_STATUS(CmTestOpen(services, L"one\\two", FALSE, KEY_READ, &child), STATUS_SUCCESS);
    ZwClose(child);
    NT_EXPECT_STATUS(CmTestOpen(services, L"\\One", FALSE, KEY_READ, &child),
                     STATUS_OBJECT_PATH_SYNTAX_BAD);
    ZwClose(parent);
    ZwClose(services);
}

NT_TEST(Key, DispositionTellsNewFromExisting)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(PATH_SERVICES L"\\Fresh");
    OBJECT_ATTRIBUTES attributes;
    ULONG disposition = 0;
    HANDLE key;

    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_EXPECT_STATUS(ZwCreateKey(&key, KEY_READ, &attributes, 0, NULL, 0, &disposition),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(disposition, REG_CREATED_NEW_KEY);
    ZwClose(key);
    NT_EXPECT_STATUS(ZwCreateKey(&key, KEY_READ, &attributes, 0, NULL, 0, &disposition),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(disposition, REG_OPENED_EXISTING_KEY);
    ZwClose(key);
    NT_EXPECT_STATUS(
        ZwCreateKey(&key, KEY_READ, &attributes, 0, NULL, REG_OPTION_CREATE_LINK, NULL),
        STATUS_NOT_SUPPORTED);
}

/* ObReferenceObjectByHandle compares access for user-mode callers only, and Zw is a kernel caller.
 */
NT_TEST(Key, AccessOfAKernelCallersHandleIsNotCompared)
{
    ULONG number = 1;
    HANDLE key;

    ZwClose(MakeKey(PATH_SERVICES L"\\ReadOnly"));
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\ReadOnly", FALSE, KEY_READ, &key),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmTestSet(key, L"Value", REG_DWORD, &number, sizeof(number)), STATUS_SUCCESS);
    ZwClose(key);
}

/* ---- deletion ---- */

NT_TEST(Key, DeletedKeyIsGoneForOpenHandlesToo)
{
    HANDLE parent = MakeKey(PATH_SERVICES L"\\Parent");
    HANDLE child = MakeKey(PATH_SERVICES L"\\Parent\\Child");
    ULONG number = 1;
    HANDLE other;

    NT_EXPECT_STATUS(ZwDeleteKey(parent), STATUS_CANNOT_DELETE);
    NT_EXPECT_STATUS(ZwDeleteKey(child), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmTestSet(child, L"Value", REG_DWORD, &number, 4), STATUS_KEY_DELETED);
    NT_EXPECT_STATUS(CmTestOpen(child, L"Below", TRUE, KEY_READ, &other), STATUS_KEY_DELETED);
    NT_EXPECT_STATUS(ZwDeleteKey(child), STATUS_KEY_DELETED);
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\Parent\\Child", FALSE, KEY_READ, &other),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(ZwDeleteKey(parent), STATUS_SUCCESS);
    ZwClose(child);
    ZwClose(parent);
}

NT_TEST(Key, DeletedValueIsGone)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"VALUE");
    HANDLE key = MakeKey(PATH_SERVICES L"\\Values");
    ULONG number = 1;

    NT_EXPECT_STATUS(ZwDeleteValueKey(key, &name), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(CmTestSet(key, L"Value", REG_DWORD, &number, 4), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwDeleteValueKey(key, &name), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwDeleteValueKey(key, &name), STATUS_OBJECT_NAME_NOT_FOUND);
    ZwClose(key);
}

/* ---- the buffer rule, for each class at each length ---- */

typedef struct CLASS_ROW {
    KEY_VALUE_INFORMATION_CLASS Class;
    ULONG Fixed;
    ULONG Whole;
} CLASS_ROW;

static VOID
CheckLengths(HANDLE Key, const CLASS_ROW *Row)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"value");

    for (ULONG length = 0; length <= Row->Whole + 1; ++length) {
        UCHAR buffer[128];
        ULONG needed = 0;
        NTSTATUS status;
        memset(buffer, 0xEE, sizeof(buffer));
        status =
            ZwQueryValueKey(Key, &name, Row->Class, length != 0 ? buffer : NULL, length, &needed);
        NT_EXPECT_EQ(needed, Row->Whole);
        if (length < Row->Fixed) {
            NT_EXPECT_STATUS(status, STATUS_BUFFER_TOO_SMALL);
            NT_EXPECT_EQ(buffer[0], 0xEE);
        } else if (length < Row->Whole) {
            NT_EXPECT_STATUS(status, STATUS_BUFFER_OVERFLOW);
        } else {
            NT_EXPECT_STATUS(status, STATUS_SUCCESS);
        }
        NT_EXPECT_EQ(buffer[length], 0xEE);
    }
}

NT_TEST(Key, ValueBuffersFollowOneRule)
{
    /* Name "Value": 10 bytes. Data: 6 bytes. */
    static const CLASS_ROW rows[] = {
        {KeyValueBasicInformation, 12, 22},
        {KeyValueFullInformation, 20, 38}, /* 20 + 10, up to 32, + 6 */
        {KeyValuePartialInformation, 12, 18},
        {KeyValueFullInformationAlign64, 20, 38}, /* 20 + 10, up to 32, + 6 */
        {KeyValuePartialInformationAlign64, 8, 14},
    };
    HANDLE key = MakeKey(PATH_SERVICES L"\\Buffers");

    NT_EXPECT_STATUS(CmTestSet(key, L"Value", REG_BINARY, "abcdef", 6), STATUS_SUCCESS);
    NT_FOR_EACH (row, rows) {
        CheckLengths(key, row);
    }
    ZwClose(key);
}

NT_TEST(Key, FullInformationHoldsNameAndData)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"VALUE");
    union {
        KEY_VALUE_FULL_INFORMATION Full;
        UCHAR Room[128];
    } buffer;
    HANDLE key = MakeKey(PATH_SERVICES L"\\Full");
    ULONG needed;

    CmTestSet(key, L"Value", REG_BINARY, "abcdef", 6);
    NT_EXPECT_STATUS(
        ZwQueryValueKey(key, &name, KeyValueFullInformation, &buffer, sizeof(buffer), &needed),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.Full.Type, REG_BINARY);
    NT_EXPECT_EQ(buffer.Full.NameLength, 10);
    NT_EXPECT_EQ(memcmp(buffer.Full.Name, L"Value", 10), 0); /* the name as it was set */
    NT_EXPECT_EQ(buffer.Full.DataLength, 6);
    NT_EXPECT_EQ(memcmp(buffer.Room + buffer.Full.DataOffset, "abcdef", 6), 0);
    CmTestSet(key, L"Value", REG_NONE, NULL, 0);
    NT_EXPECT_STATUS(
        ZwQueryValueKey(key, &name, KeyValueFullInformation, &buffer, sizeof(buffer), &needed),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.Full.DataLength, 0);
    NT_EXPECT_EQ(buffer.Full.DataOffset, MAXULONG);
    NT_EXPECT_STATUS(
        ZwQueryValueKey(key, &name, MaxKeyValueInfoClass, &buffer, sizeof(buffer), &needed),
        STATUS_INVALID_PARAMETER);
    ZwClose(key);
}

NT_TEST(Key, OverflowGivesWhatFits)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"Value");
    union {
        KEY_VALUE_PARTIAL_INFORMATION Partial;
        UCHAR Room[64];
    } buffer = {.Room = {0}};
    HANDLE key = MakeKey(PATH_SERVICES L"\\Overflow");
    ULONG needed;

    CmTestSet(key, L"Value", REG_BINARY, "abcdef", 6);
    NT_EXPECT_STATUS(ZwQueryValueKey(key, &name, KeyValuePartialInformation, &buffer, 15, &needed),
                     STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_EQ(buffer.Partial.DataLength, 6);
    NT_EXPECT_EQ(memcmp(buffer.Partial.Data, "abc\0", 4), 0);
    ZwClose(key);
}

/* ---- enumeration ---- */

static VOID
CheckSubKey(HANDLE Key, ULONG Index, PCWSTR Name)
{
    union {
        KEY_BASIC_INFORMATION Basic;
        UCHAR Room[64];
    } buffer;
    UNICODE_STRING expected;
    ULONG needed;

    RtlInitUnicodeString(&expected, Name);
    NT_EXPECT_STATUS(
        ZwEnumerateKey(Key, Index, KeyBasicInformation, &buffer, sizeof(buffer), &needed),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.Basic.NameLength, expected.Length);
    NT_EXPECT_EQ(memcmp(buffer.Basic.Name, Name, expected.Length), 0);
}

NT_TEST(Key, SubKeysAreSortedAndValuesKeepTheirOrder)
{
    HANDLE key = MakeKey(PATH_SERVICES L"\\Order");
    union {
        KEY_VALUE_BASIC_INFORMATION Basic;
        UCHAR Room[64];
    } value;
    ULONG needed;

    ZwClose(MakeKey(PATH_SERVICES L"\\Order\\beta"));
    ZwClose(MakeKey(PATH_SERVICES L"\\Order\\Gamma"));
    ZwClose(MakeKey(PATH_SERVICES L"\\Order\\Alpha"));
    CheckSubKey(key, 0, L"Alpha");
    CheckSubKey(key, 1, L"beta");
    CheckSubKey(key, 2, L"Gamma");
    NT_EXPECT_STATUS(ZwEnumerateKey(key, 3, KeyBasicInformation, &value, sizeof(value), &needed),
                     STATUS_NO_MORE_ENTRIES);
    CmTestSet(key, L"Z", REG_DWORD, "1234", 4);
    CmTestSet(key, L"A", REG_DWORD, "1234", 4);
    NT_EXPECT_STATUS(
        ZwEnumerateValueKey(key, 0, KeyValueBasicInformation, &value, sizeof(value), &needed),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(value.Basic.Name[0], L'Z');
    NT_EXPECT_STATUS(
        ZwEnumerateValueKey(key, 2, KeyValueBasicInformation, &value, sizeof(value), &needed),
        STATUS_NO_MORE_ENTRIES);
    ZwClose(key);
}

NT_TEST(Key, KeyInformationCountsAndNames)
{
    HANDLE key = MakeKey(PATH_SERVICES L"\\Info");
    union {
        KEY_FULL_INFORMATION Full;
        KEY_CACHED_INFORMATION Cached;
        ULONG NameLength;
        UCHAR Room[256];
    } buffer;
    UNICODE_STRING full = RTL_CONSTANT_STRING(PATH_SERVICES L"\\Info");
    ULONG needed;

    ZwClose(MakeKey(PATH_SERVICES L"\\Info\\Below"));
    CmTestSet(key, L"Value", REG_BINARY, "abcdef", 6);
    NT_EXPECT_STATUS(ZwQueryKey(key, KeyFullInformation, &buffer, sizeof(buffer), &needed),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.Full.SubKeys, 1);
    NT_EXPECT_EQ(buffer.Full.MaxNameLen, 10);
    NT_EXPECT_EQ(buffer.Full.Values, 1);
    NT_EXPECT_EQ(buffer.Full.MaxValueNameLen, 10);
    NT_EXPECT_EQ(buffer.Full.MaxValueDataLen, 6);
    NT_EXPECT_STATUS(ZwQueryKey(key, KeyNameInformation, &buffer, sizeof(buffer), &needed),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.NameLength, full.Length);
    NT_EXPECT_EQ(memcmp(buffer.Room + sizeof(ULONG), full.Buffer, full.Length), 0);
    NT_EXPECT_STATUS(
        ZwQueryKey(key, KeyCachedInformation, &buffer, sizeof(KEY_CACHED_INFORMATION) - 1, &needed),
        STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_EQ(needed, sizeof(KEY_CACHED_INFORMATION));
    NT_EXPECT_STATUS(ZwQueryKey(key, KeyCachedInformation, &buffer, sizeof(buffer), &needed),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(needed, sizeof(KEY_CACHED_INFORMATION));
    NT_EXPECT_EQ(buffer.Cached.SubKeys, 1);
    NT_EXPECT_EQ(buffer.Cached.MaxNameLen, 10);
    NT_EXPECT_EQ(buffer.Cached.Values, 1);
    NT_EXPECT_EQ(buffer.Cached.MaxValueNameLen, 10);
    NT_EXPECT_EQ(buffer.Cached.MaxValueDataLen, 6);
    NT_EXPECT_EQ(buffer.Cached.NameLength, 8);
    NT_EXPECT_EQ(buffer.Cached.TitleIndex, 0);
    NT_EXPECT_NE(buffer.Cached.LastWriteTime.QuadPart, 0);
    NT_EXPECT_STATUS(ZwQueryKey(key, MaxKeyInfoClass, &buffer, sizeof(buffer), &needed),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_SUCCESS);
    ZwClose(key);
}

NT_TEST(Key, SubKeyBuffersFollowTheSameRule)
{
    static const struct {
        KEY_INFORMATION_CLASS Class;
        ULONG Fixed;
        ULONG Whole;
    } rows[] = {
        /* Name "Below": 10 bytes; no class. */
        {KeyBasicInformation, FIELD_OFFSET(KEY_BASIC_INFORMATION, Name),
         FIELD_OFFSET(KEY_BASIC_INFORMATION, Name) + 10},
        {KeyNodeInformation, FIELD_OFFSET(KEY_NODE_INFORMATION, Name),
         FIELD_OFFSET(KEY_NODE_INFORMATION, Name) + 10},
        {KeyFullInformation, FIELD_OFFSET(KEY_FULL_INFORMATION, Class),
         FIELD_OFFSET(KEY_FULL_INFORMATION, Class)},
    };
    HANDLE key = MakeKey(PATH_SERVICES L"\\Short");
    ULONG needed;

    ZwClose(MakeKey(PATH_SERVICES L"\\Short\\Below"));
    NT_FOR_EACH (row, rows) {
        for (ULONG length = 0; length <= row->Whole + 1; ++length) {
            UCHAR buffer[128];
            NTSTATUS expected = length < row->Whole ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
            NTSTATUS status;

            memset(buffer, 0xEE, sizeof(buffer));
            needed = 0;
            status =
                ZwEnumerateKey(key, 0, row->Class, length != 0 ? buffer : NULL, length, &needed);
            NT_EXPECT_EQ(needed, row->Whole);
            NT_EXPECT_EQ(buffer[length], 0xEE);
            if (length < row->Fixed) {
                expected = STATUS_BUFFER_TOO_SMALL;
                NT_EXPECT_EQ(buffer[0], 0xEE);
            }
            NT_EXPECT_STATUS(status, expected);
        }
    }
    NT_EXPECT_STATUS(ZwEnumerateKey(key, 0, KeyNameInformation, NULL, 0, &needed),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(ZwEnumerateKey(key, 0, KeyCachedInformation, NULL, 0, &needed),
                     STATUS_INVALID_PARAMETER);
    ZwClose(key);
}

/* ---- service keys ---- */

NT_TEST(Key, ServiceKeyIsMadeAndExistingValuesStay)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"Notify");
    UNICODE_STRING image = RTL_CONSTANT_STRING(L"/lib/notify.so");
    UNICODE_STRING start = RTL_CONSTANT_STRING(L"Start");
    UNICODE_STRING full = RTL_CONSTANT_STRING(PATH_SERVICES L"\\Notify");
    KEY_VALUE_PARTIAL_INFORMATION value;
    UNICODE_STRING path;
    ULONG boot = 0;
    ULONG needed;
    HANDLE key;

    NT_EXPECT_STATUS(CmpSetValue(&full, &start, REG_DWORD, &boot, sizeof(boot)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmpCreateServiceKey(&name, &image, &path), STATUS_SUCCESS);
    NT_EXPECT_WSTR(path.Buffer, PATH_SERVICES L"\\Notify");
    ExFreePool(path.Buffer);
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\Notify\\Parameters", FALSE, KEY_READ, &key),
                     STATUS_SUCCESS);
    ZwClose(key);
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\Notify", FALSE, KEY_READ, &key),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ZwQueryValueKey(key, &start, KeyValuePartialInformation, &value, sizeof(value), &needed),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(*(PULONG)value.Data, 0);
    ZwClose(key);
}

/* ---- failures and races ---- */

NT_TEST(Key, CreationSurvivesEachFailure)
{
    EXP_POOL_STATISTICS before;
    EXP_POOL_STATISTICS after;
    NTSTATUS status;
    ULONG failures = 0;
    HANDLE key;

    ZwClose(MakeKey(PATH_SERVICES)); /* the handle table has its memory */
    ExpQueryPoolStatistics(&before);
    for (ULONG nth = 1;; ++nth) {
        SimSetFaultPlan(NULL, nth);
        status = CmTestOpen(NULL, PATH_SERVICES L"\\Failing", TRUE, KEY_ALL_ACCESS, &key);
        if (NT_SUCCESS(status)) {
            status = CmTestSet(key, L"Value", REG_BINARY, "abcdef", 6);
            SimSetFaultPlan(NULL, 0);
            NT_EXPECT_STATUS(ZwDeleteKey(key), STATUS_SUCCESS);
            ZwClose(key);
        }
        SimSetFaultPlan(NULL, 0);
        if (NT_SUCCESS(status)) {
            break;
        }
        ++failures;
        NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
        if (NT_SUCCESS(CmTestOpen(NULL, PATH_SERVICES L"\\Failing", FALSE, DELETE, &key))) {
            ZwDeleteKey(key); /* the key was made before its handle failed, as on Windows */
            ZwClose(key);
        }
    }
    NT_EXPECT_NE(failures, 0);
    ExpQueryPoolStatistics(&after);
    NT_EXPECT_EQ(after.BlocksInUse, before.BlocksInUse);
}

typedef struct WRITER {
    HANDLE Key;
    ULONG Errors;
} WRITER;

static VOID NTAPI
WriteAndRead(PVOID Context)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"Value");
    WRITER *writer = Context;

    for (ULONG i = 0; i < 10; ++i) {
        union {
            KEY_VALUE_PARTIAL_INFORMATION Partial;
            UCHAR Room[64];
        } buffer;
        ULONG data[2] = {i, i};
        ULONG needed;
        writer->Errors += !NT_SUCCESS(CmTestSet(writer->Key, L"Value", REG_BINARY, data, 8));
        writer->Errors += !NT_SUCCESS(ZwQueryValueKey(
            writer->Key, &name, KeyValuePartialInformation, &buffer, sizeof(buffer), &needed));
        /* Never half of one write and half of another. */
        writer->Errors += ((PULONG)buffer.Partial.Data)[0] != ((PULONG)buffer.Partial.Data)[1];
    }
}

NT_TEST_SEEDS(Key, WritersAndReadersDoNotMix, 20)
{
    WRITER writer[3] = {{0}};
    PETHREAD thread[3];

    for (int i = 0; i < 3; ++i) {
        writer[i].Key = MakeKey(PATH_SERVICES L"\\Race");
        NT_EXPECT_STATUS(PspCreateReferencedSystemThread(WriteAndRead, &writer[i], &thread[i]),
                         STATUS_SUCCESS);
    }
    for (int i = 0; i < 3; ++i) {
        KeWaitForSingleObject(thread[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(thread[i]);
        NT_EXPECT_EQ(writer[i].Errors, 0);
        ZwClose(writer[i].Key);
    }
}
