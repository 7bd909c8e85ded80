/* SPDX-License-Identifier: MIT
 *
 * rtlreg_test.c - RtlQueryRegistryValues and the one-call routines
 */
#include <stdarg.h>
#include <stdio.h>

#include "cm_test.h"

#ifndef RTL_QUERY_REGISTRY_TYPECHECK
#define RTL_QUERY_REGISTRY_TYPECHECK 0x00000100
#define RTL_QUERY_REGISTRY_TYPECHECK_SHIFT 24
#endif

#define KEY L"Query"

void
NtTestSetUp(void)
{
    static const WCHAR multi[] = L"one\0two\0";
    static const ULONG64 wide = 0x1122334455667788;
    static const ULONG number = 42;

    CmTestStart();
    NT_EXPECT_STATUS(RtlCreateRegistryKey(RTL_REGISTRY_SERVICES, KEY), STATUS_SUCCESS);
    RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, KEY, L"Number", REG_DWORD, (PVOID)&number, 4);
    RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, KEY, L"Text", REG_SZ, L"hello", 12);
    RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, KEY, L"Multi", REG_MULTI_SZ, (PVOID)multi, 18);
    RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, KEY, L"Wide", REG_QWORD, (PVOID)&wide, 8);
    RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, KEY, L"Expand", REG_EXPAND_SZ, L"%A%", 8);
}

void
NtTestTearDown(void)
{
    CmTestStop();
}

static NTSTATUS
Query(RTL_QUERY_REGISTRY_TABLE *Table)
{
    return RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, KEY, Table, NULL, NULL);
}

/* One entry with the flags, and the end. */
static NTSTATUS
QueryDirect(PCWSTR Name, ULONG Flags, ULONG DefaultType, PVOID Buffer)
{
    RTL_QUERY_REGISTRY_TABLE table[2] = {{.Flags = RTL_QUERY_REGISTRY_DIRECT | Flags,
                                          .Name = Name,
                                          .EntryContext = Buffer,
                                          .DefaultType = DefaultType}};

    return Query(table);
}

static char Seen[1024];

static NTSTATUS NTAPI
Visit(PWSTR Name, ULONG Type, PVOID Data, ULONG Length, PVOID Context, PVOID EntryContext)
{
    size_t used = strlen(Seen);

    snprintf(Seen + used, sizeof(Seen) - used, "%c%u/%u;", Name != NULL ? (char)Name[0] : '-',
             (unsigned)Type, (unsigned)Length);
    return EntryContext != NULL ? *(NTSTATUS *)EntryContext : STATUS_SUCCESS;
}

NT_TEST(Query, DirectStoresSmallDataInPlace)
{
    ULONG number = 0;

    NT_EXPECT_STATUS(QueryDirect(L"number", RTL_QUERY_REGISTRY_REQUIRED, REG_NONE, &number),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(number, 42);
}

NT_TEST(Query, DirectStoresStrings)
{
    WCHAR small[4] = {0};
    UNICODE_STRING tooSmall = {0, sizeof(small), small};
    UNICODE_STRING allocated = {0};

    NT_EXPECT_STATUS(QueryDirect(L"Text", 0, REG_NONE, &tooSmall), STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_STATUS(QueryDirect(L"Text", 0, REG_NONE, &allocated), STATUS_SUCCESS);
    NT_EXPECT_EQ(allocated.Length, 10);
    NT_EXPECT_WSTR(allocated.Buffer, L"hello");
    ExFreePool(allocated.Buffer);
}

NT_TEST(Query, DirectStoresLargeDataByTheSignOfItsBuffer)
{
    struct {
        LONG Size;
        ULONG Type;
        ULONG64 Data;
    } with = {.Size = 16};
    union {
        LONG Size;
        ULONG64 Data;
    } without = {.Data = 0};

    NT_EXPECT_STATUS(QueryDirect(L"Wide", 0, REG_NONE, &with), STATUS_SUCCESS);
    NT_EXPECT_EQ(with.Size, 8);
    NT_EXPECT_EQ(with.Type, REG_QWORD);
    NT_EXPECT_EQ(with.Data, 0x1122334455667788);
    without.Size = -8;
    NT_EXPECT_STATUS(QueryDirect(L"Wide", 0, REG_NONE, &without), STATUS_SUCCESS);
    NT_EXPECT_EQ(without.Data, 0x1122334455667788);
    with.Size = 15;
    NT_EXPECT_STATUS(QueryDirect(L"Wide", 0, REG_NONE, &with), STATUS_BUFFER_TOO_SMALL);
    without.Size = -7;
    NT_EXPECT_STATUS(QueryDirect(L"Wide", 0, REG_NONE, &without), STATUS_BUFFER_TOO_SMALL);
}

NT_TEST(Query, TypeCheckComparesTheStoredType)
{
    ULONG number = 0;

    NT_EXPECT_STATUS(QueryDirect(L"Number", RTL_QUERY_REGISTRY_TYPECHECK,
                                 REG_DWORD << RTL_QUERY_REGISTRY_TYPECHECK_SHIFT, &number),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(QueryDirect(L"Text", RTL_QUERY_REGISTRY_TYPECHECK,
                                 REG_DWORD << RTL_QUERY_REGISTRY_TYPECHECK_SHIFT, &number),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_EQ(number, 42);
}

NT_TEST(Query, MissingValuesTakeTheirDefaultUnlessRequired)
{
    ULONG byDefault = 7;
    ULONG number = 1;
    RTL_QUERY_REGISTRY_TABLE table[2] = {{.Flags = RTL_QUERY_REGISTRY_DIRECT,
                                          .Name = L"Absent",
                                          .EntryContext = &number,
                                          .DefaultType = REG_DWORD,
                                          .DefaultData = &byDefault,
                                          .DefaultLength = sizeof(byDefault)}};

    NT_EXPECT_STATUS(Query(table), STATUS_SUCCESS);
    NT_EXPECT_EQ(number, 7);
    table[0].DefaultType = REG_NONE;
    number = 1;
    NT_EXPECT_STATUS(Query(table), STATUS_SUCCESS);
    NT_EXPECT_EQ(number, 1);
    table[0].Flags |= RTL_QUERY_REGISTRY_REQUIRED;
    NT_EXPECT_STATUS(Query(table), STATUS_OBJECT_NAME_NOT_FOUND);
}

NT_TEST(Query, DefaultTextIsMeasured)
{
    UNICODE_STRING text = {0};
    RTL_QUERY_REGISTRY_TABLE table[2] = {{.Flags = RTL_QUERY_REGISTRY_DIRECT,
                                          .Name = L"Absent",
                                          .EntryContext = &text,
                                          .DefaultType = REG_SZ,
                                          .DefaultData = L"abc"}};

    NT_EXPECT_STATUS(Query(table), STATUS_SUCCESS);
    NT_EXPECT_EQ(text.Length, 6);
    NT_EXPECT_WSTR(text.Buffer, L"abc");
    ExFreePool(text.Buffer);
}

NT_TEST(Query, RoutinesSeeValuesOneByOne)
{
    RTL_QUERY_REGISTRY_TABLE table[2] = {{.QueryRoutine = Visit, .Name = L"Multi"}};

    NT_EXPECT_STATUS(Query(table), STATUS_SUCCESS);
    table[0].Flags = RTL_QUERY_REGISTRY_NOEXPAND;
    NT_EXPECT_STATUS(Query(table), STATUS_SUCCESS);
    NT_EXPECT_STR(Seen, "M1/8;M1/8;M7/18;");
}

NT_TEST(Query, NoNameVisitsEveryValueAndNoValueVisitsOnce)
{
    RTL_QUERY_REGISTRY_TABLE table[3] = {
        {.QueryRoutine = Visit, .Flags = RTL_QUERY_REGISTRY_NOEXPAND},
        {.QueryRoutine = Visit, .Flags = RTL_QUERY_REGISTRY_NOVALUE},
    };

    NT_EXPECT_STATUS(Query(table), STATUS_SUCCESS);
    NT_EXPECT_STR(Seen, "N4/4;T1/12;M7/18;W11/8;E2/8;-0/0;");
}

NT_TEST(Query, RoutineErrorsStopExceptBufferTooSmall)
{
    NTSTATUS ignored = STATUS_BUFFER_TOO_SMALL;
    NTSTATUS fatal = STATUS_NO_MEMORY;
    RTL_QUERY_REGISTRY_TABLE table[4] = {
        {.QueryRoutine = Visit, .Name = L"Number", .EntryContext = &ignored},
        {.QueryRoutine = Visit, .Name = L"Text", .EntryContext = &fatal},
        {.QueryRoutine = Visit, .Name = L"Wide"},
    };

    NT_EXPECT_STATUS(Query(table), STATUS_NO_MEMORY);
    NT_EXPECT_STR(Seen, "N4/4;T1/12;");
}

NT_TEST(Query, SubKeyMovesAndTopKeyReturns)
{
    ULONG number = 9;
    RTL_QUERY_REGISTRY_TABLE table[6] = {
        {.Flags = RTL_QUERY_REGISTRY_SUBKEY, .Name = L"Below"},
        {.QueryRoutine = Visit, .Name = L"Deep"},
        {.QueryRoutine = Visit, .Name = L"Number"}, /* not below: no default, skipped */
        {.QueryRoutine = Visit, .Flags = RTL_QUERY_REGISTRY_TOPKEY, .Name = L"Number"},
    };

    NT_EXPECT_STATUS(Query(table), STATUS_OBJECT_NAME_NOT_FOUND);
    RtlCreateRegistryKey(RTL_REGISTRY_SERVICES, KEY L"\\Below");
    RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, KEY L"\\Below", L"Deep", REG_BINARY, &number, 3);
    NT_EXPECT_STATUS(Query(table), STATUS_SUCCESS);
    NT_EXPECT_STR(Seen, "D3/3;N4/4;");
}

NT_TEST(Query, DeleteTakesTheValueAway)
{
    RTL_QUERY_REGISTRY_TABLE table[2] = {
        {.QueryRoutine = Visit, .Flags = RTL_QUERY_REGISTRY_DELETE, .Name = L"Number"}};

    NT_EXPECT_STATUS(Query(table), STATUS_SUCCESS);
    table[0].Flags = RTL_QUERY_REGISTRY_REQUIRED;
    NT_EXPECT_STATUS(Query(table), STATUS_OBJECT_NAME_NOT_FOUND);
}

NT_TEST(Query, BadEntriesAreRefused)
{
    ULONG number;
    RTL_QUERY_REGISTRY_TABLE rows[][2] = {
        {{.Flags = RTL_QUERY_REGISTRY_DIRECT, .EntryContext = &number}},
        {{.Flags = RTL_QUERY_REGISTRY_DIRECT, .Name = L"Number", .QueryRoutine = Visit}},
        {{.Flags = RTL_QUERY_REGISTRY_SUBKEY}},
        {{.Name = L"Number"}},
    };

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(Query(*row), STATUS_INVALID_PARAMETER);
    }
}

NT_TEST(Query, OneCallRoutines)
{
    NT_EXPECT_STATUS(RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, KEY), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, L"Absent"),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(RtlCheckRegistryKey(RTL_REGISTRY_MAXIMUM, KEY), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlCheckRegistryKey(RTL_REGISTRY_ABSOLUTE, PATH_SERVICES L"\\" KEY),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlDeleteRegistryValue(RTL_REGISTRY_SERVICES, KEY, L"Text"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlDeleteRegistryValue(RTL_REGISTRY_SERVICES, KEY, L"Text"),
                     STATUS_OBJECT_NAME_NOT_FOUND);
}

NT_TEST(Query, HandleStandsForTheKey)
{
    RTL_QUERY_REGISTRY_TABLE table[2] = {{.QueryRoutine = Visit, .Name = L"Number"}};
    HANDLE key;

    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\" KEY, FALSE, KEY_ALL_ACCESS, &key),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlQueryRegistryValues(RTL_REGISTRY_HANDLE, (PCWSTR)key, table, NULL, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STR(Seen, "N4/4;");
    NT_EXPECT_STATUS(ZwClose(key), STATUS_SUCCESS); /* it stayed ours */
}
