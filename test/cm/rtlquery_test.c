/* SPDX-License-Identifier: MIT
 *
 * rtlquery_test.c - RtlQueryRegistryValues: expansion, deletion, what is required, short buffers,
 * hives; RtlWriteRegistryValue makes keys
 */
#include <stdio.h>

#include "cm_test.h"

#ifndef RTL_QUERY_REGISTRY_TYPECHECK
#define RTL_QUERY_REGISTRY_TYPECHECK 0x00000100
#define RTL_QUERY_REGISTRY_TYPECHECK_SHIFT 24
#endif

#define KEY L"Table"
#define EXPECT_TYPE(type) ((type) << RTL_QUERY_REGISTRY_TYPECHECK_SHIFT)

void
NtTestSetUp(void)
{
    CmTestStart();
    NT_EXPECT_STATUS(RtlCreateRegistryKey(RTL_REGISTRY_SERVICES, KEY), STATUS_SUCCESS);
}

void
NtTestTearDown(void)
{
    CmTestStop();
}

static VOID
Set(PCWSTR Name, ULONG Type, const VOID *Data, ULONG Length)
{
    NT_EXPECT_STATUS(RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, KEY, Name, Type,
                                           (PVOID)(ULONG_PTR)Data, Length),
                     STATUS_SUCCESS);
}

#define SET_TEXT(name, type, text) Set((name), (type), (text), sizeof(text))

/* The table's only entry, in the key of these tests. */
static NTSTATUS
QueryOne(const RTL_QUERY_REGISTRY_TABLE *Entry, PVOID Context, PCWSTR Environment)
{
    RTL_QUERY_REGISTRY_TABLE table[2] = {*Entry};

    return RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, KEY, table, Context,
                                  (PVOID)(ULONG_PTR)Environment);
}

/* What a query routine was told, text by text. */
typedef struct SEEN {
    ULONG Calls;
    ULONG Type;
    ULONG Length;
    WCHAR Data[64];
    char Names[64];
} SEEN;

static NTSTATUS NTAPI
See(PWSTR Name, ULONG Type, PVOID Data, ULONG Length, PVOID Context, PVOID EntryContext)
{
    SEEN *seen = Context;
    size_t used = strlen(seen->Names);

    seen->Calls++;
    seen->Type = Type;
    seen->Length = Length;
    if (Data != NULL && Length <= sizeof(seen->Data)) {
        memcpy(seen->Data, Data, Length);
    }
    snprintf(seen->Names + used, sizeof(seen->Names) - used, "%c", Name != NULL ? Name[0] : '-');
    return EntryContext != NULL ? *(NTSTATUS *)EntryContext : STATUS_SUCCESS;
}

/* ---- environment variables ---- */

static const WCHAR Environment[] = L"=C:=C:\\Here\0"
                                   L"Root=C:\\Windows\0"
                                   L"Empty=\0"
                                   L"NoValue\0"
                                   L"A=1\0";

NT_TEST(RtlQuery, VariablesAreReplacedByTheirValues)
{
    static const struct {
        WCHAR Text[24];
        WCHAR Expanded[32];
    } rows[] = {
        {L"%A%", L"1"},
        {L"%a%", L"1"},
        {L"x%A%y", L"x1y"},
        {L"%A%%A%", L"11"},
        {L"%Root%\\x.sys", L"C:\\Windows\\x.sys"},
        {L"%ROOT%%A%", L"C:\\Windows1"},
        {L"x%Empty%y", L"xy"},
        {L"%=C:%", L"C:\\Here"},
        {L"%None%", L"%None%"},
        {L"%NoValue%", L"%NoValue%"},
        {L"%None%A%", L"%None1"},
        {L"100%", L"100%"},
        {L"%", L"%"},
        {L"%%", L"%%"},
        {L"%%A%", L"%1"},
        {L"plain", L"plain"},
        {L"", L""},
    };

    NT_FOR_EACH (row, rows) {
        ULONG length = (ULONG)wcslen(row->Text) * sizeof(WCHAR) + sizeof(WCHAR);
        ULONG expanded = (ULONG)wcslen(row->Expanded) * sizeof(WCHAR) + sizeof(WCHAR);
        WCHAR buffer[32];
        UNICODE_STRING text = {0, sizeof(buffer), buffer};
        RTL_QUERY_REGISTRY_TABLE direct = {.Flags = RTL_QUERY_REGISTRY_DIRECT |
                                                    RTL_QUERY_REGISTRY_TYPECHECK,
                                           .Name = L"Text",
                                           .EntryContext = &text,
                                           .DefaultType = EXPECT_TYPE(REG_EXPAND_SZ)};
        SEEN seen = {0};
        Set(L"Text", REG_EXPAND_SZ, row->Text, length);
        NT_EXPECT_STATUS(QueryOne(&(RTL_QUERY_REGISTRY_TABLE){.QueryRoutine = See, .Name = L"Text"},
                                  &seen, Environment),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(seen.Calls, 1);
        NT_EXPECT_EQ(seen.Length, expanded);
        NT_EXPECT_WSTR(seen.Data, row->Expanded);
        NT_EXPECT_STATUS(QueryOne(&direct, NULL, Environment), STATUS_SUCCESS);
        NT_EXPECT_EQ(text.Length, expanded - sizeof(WCHAR));
        NT_EXPECT_WSTR(buffer, row->Expanded);
        direct.Flags |= RTL_QUERY_REGISTRY_NOEXPAND;
        NT_EXPECT_STATUS(QueryOne(&direct, NULL, Environment), STATUS_SUCCESS);
        NT_EXPECT_WSTR(buffer, row->Text);
    }
}

NT_TEST(RtlQuery, ADefaultIsExpandedToo)
{
    RTL_QUERY_REGISTRY_TABLE entry = {.QueryRoutine = See,
                                      .Name = L"Absent",
                                      .DefaultType = REG_EXPAND_SZ,
                                      .DefaultData = L"%A%2"};
    SEEN seen = {0};

    NT_EXPECT_STATUS(QueryOne(&entry, &seen, Environment), STATUS_SUCCESS);
    NT_EXPECT_WSTR(seen.Data, L"12");
}

NT_TEST(RtlQuery, ExpansionFindsNoMemoryAndNoRoom)
{
    WCHAR small[4] = {0};
    UNICODE_STRING text = {0, sizeof(small), small};
    RTL_QUERY_REGISTRY_TABLE entry = {.Flags =
                                          RTL_QUERY_REGISTRY_DIRECT | RTL_QUERY_REGISTRY_TYPECHECK,
                                      .Name = L"Text",
                                      .EntryContext = &text,
                                      .DefaultType = EXPECT_TYPE(REG_EXPAND_SZ)};
    ULONG failures = 0;
    NTSTATUS status;

    SET_TEXT(L"Text", REG_EXPAND_SZ, L"%Root%");
    NT_EXPECT_STATUS(QueryOne(&entry, NULL, Environment), STATUS_BUFFER_TOO_SMALL);
    text.Buffer = NULL;
    for (ULONG nth = 1;; ++nth) {
        SimSetFaultPlan(NULL, nth);
        status = QueryOne(&entry, NULL, Environment);
        SimSetFaultPlan(NULL, 0);
        if (NT_SUCCESS(status)) {
            break;
        }
        failures++;
        NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
        NT_EXPECT_EQ(text.Buffer, NULL);
    }
    NT_EXPECT_TRUE(failures >= 3); /* the value, its expansion, the caller's copy */
    NT_EXPECT_WSTR(text.Buffer, L"C:\\Windows");
    ExFreePool(text.Buffer);
}

/* Longer than a UNICODE_STRING can be: for a query routine only. */
NT_TEST(RtlQuery, ALongExpansionIsTooMuchForAString)
{
    static WCHAR environment[20000];
    UNICODE_STRING text = {0};
    RTL_QUERY_REGISTRY_TABLE direct = {.Flags =
                                           RTL_QUERY_REGISTRY_DIRECT | RTL_QUERY_REGISTRY_TYPECHECK,
                                       .Name = L"Text",
                                       .EntryContext = &text,
                                       .DefaultType = EXPECT_TYPE(REG_EXPAND_SZ)};
    RTL_QUERY_REGISTRY_TABLE routine = {.QueryRoutine = See, .Name = L"Text"};
    SEEN seen = {0};

    memcpy(environment, L"B=", 4);
    for (ULONG i = 2; i < RTL_NUMBER_OF(environment) - 2; i++) {
        environment[i] = L'x';
    }
    SET_TEXT(L"Text", REG_EXPAND_SZ, L"%B%%B%");
    NT_EXPECT_STATUS(QueryOne(&routine, &seen, environment), STATUS_SUCCESS);
    NT_EXPECT_EQ(seen.Length, 2 * (sizeof(environment) - 4 * sizeof(WCHAR)) + sizeof(WCHAR));
    NT_EXPECT_STATUS(QueryOne(&direct, NULL, environment), STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_EQ(text.Buffer, NULL);
}

/* Without an environment nothing is guessed. */
NT_TEST(RtlQuery, ExpansionWithoutAnEnvironmentIsRefusedByName)
{
    UNICODE_STRING text = {0};
    RTL_QUERY_REGISTRY_TABLE entry = {.Flags =
                                          RTL_QUERY_REGISTRY_DIRECT | RTL_QUERY_REGISTRY_TYPECHECK,
                                      .Name = L"Text",
                                      .EntryContext = &text,
                                      .DefaultType = EXPECT_TYPE(REG_EXPAND_SZ)};

    SET_TEXT(L"Text", REG_EXPAND_SZ, L"%A%");
    NT_EXPECT_STATUS(QueryOne(&entry, NULL, NULL), STATUS_NOT_SUPPORTED);
    NT_EXPECT_EQ(text.Buffer, NULL);
    entry.Flags |= RTL_QUERY_REGISTRY_NOEXPAND;
    NT_EXPECT_STATUS(QueryOne(&entry, NULL, NULL), STATUS_SUCCESS);
    NT_EXPECT_WSTR(text.Buffer, L"%A%");
    ExFreePool(text.Buffer);
    text.Buffer = NULL;
    entry.Flags &= ~(ULONG)RTL_QUERY_REGISTRY_NOEXPAND;
    SET_TEXT(L"Text", REG_EXPAND_SZ, L"plain");
    NT_EXPECT_STATUS(QueryOne(&entry, NULL, NULL), STATUS_SUCCESS);
    NT_EXPECT_WSTR(text.Buffer, L"plain");
    ExFreePool(text.Buffer);
}

/* ---- texts ---- */

/* As Windows programs may store them: without a NUL, with half a character, empty. */
NT_TEST(RtlQuery, TextsStoredWithoutANulGetOne)
{
    static const struct {
        ULONG Length;
        PCWSTR Text;
    } rows[] = {{8, L"abc"}, {6, L"abc"}, {5, L"ab"}, {4, L"ab"}, {2, L"a"}, {1, L""}};

    NT_FOR_EACH (row, rows) {
        UNICODE_STRING text = {0};
        RTL_QUERY_REGISTRY_TABLE entry = {.Flags = RTL_QUERY_REGISTRY_DIRECT |
                                                   RTL_QUERY_REGISTRY_TYPECHECK,
                                          .Name = L"Text",
                                          .EntryContext = &text,
                                          .DefaultType = EXPECT_TYPE(REG_SZ)};
        Set(L"Text", REG_SZ, L"abc", row->Length);
        NT_EXPECT_STATUS(QueryOne(&entry, NULL, NULL), STATUS_SUCCESS);
        NT_EXPECT_WSTR(text.Buffer, row->Text);
        NT_EXPECT_EQ(text.Length, wcslen(row->Text) * sizeof(WCHAR));
        ExFreePool(text.Buffer);
    }
}

NT_TEST(RtlQuery, DirectMultiStringsWantNoExpansion)
{
    static const WCHAR multi[] = L"one\0two\0";
    UNICODE_STRING text = {0};
    RTL_QUERY_REGISTRY_TABLE entry = {.Flags =
                                          RTL_QUERY_REGISTRY_DIRECT | RTL_QUERY_REGISTRY_TYPECHECK,
                                      .Name = L"Multi",
                                      .EntryContext = &text,
                                      .DefaultType = EXPECT_TYPE(REG_MULTI_SZ)};

    SET_TEXT(L"Multi", REG_MULTI_SZ, multi);
    NT_EXPECT_STATUS(QueryOne(&entry, NULL, NULL), STATUS_NOT_SUPPORTED);
    entry.Flags |= RTL_QUERY_REGISTRY_NOEXPAND;
    NT_EXPECT_STATUS(QueryOne(&entry, NULL, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(text.Length, sizeof(multi) - sizeof(WCHAR));
    NT_EXPECT_TRUE(memcmp(text.Buffer, multi, sizeof(multi)) == 0);
    ExFreePool(text.Buffer);
}

/* ---- what is missing ---- */

NT_TEST(RtlQuery, MissingKeysAreNotFoundOptionalOrNot)
{
    RTL_QUERY_REGISTRY_TABLE table[2] = {{.QueryRoutine = See, .Name = L"Number"}};
    ULONG number = 1;
    SEEN seen = {0};

    Set(L"Number", REG_DWORD, &number, sizeof(number));
    NT_EXPECT_STATUS(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES | RTL_REGISTRY_OPTIONAL, KEY,
                                            table, &seen, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(seen.Calls, 1);
    NT_EXPECT_STATUS(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"Absent", table, &seen, NULL),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES | RTL_REGISTRY_OPTIONAL,
                                            L"Absent", table, &seen, NULL),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(RtlQueryRegistryValues(RTL_REGISTRY_MAXIMUM, KEY, table, &seen, NULL),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(seen.Calls, 1);
}

NT_TEST(RtlQuery, RequiredMeansAnyValueWithoutAName)
{
    RTL_QUERY_REGISTRY_TABLE any = {.QueryRoutine = See, .Flags = RTL_QUERY_REGISTRY_REQUIRED};
    RTL_QUERY_REGISTRY_TABLE named = {
        .QueryRoutine = See, .Flags = RTL_QUERY_REGISTRY_REQUIRED, .Name = L"Number"};
    ULONG number = 1;
    SEEN seen = {0};

    NT_EXPECT_STATUS(QueryOne(&any, &seen, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(QueryOne(&named, &seen, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    any.Flags = 0;
    named.Flags = 0;
    NT_EXPECT_STATUS(QueryOne(&any, &seen, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(QueryOne(&named, &seen, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(seen.Calls, 0);
    any.Flags = RTL_QUERY_REGISTRY_REQUIRED;
    named.Flags = RTL_QUERY_REGISTRY_REQUIRED;
    Set(L"Number", REG_DWORD, &number, sizeof(number));
    NT_EXPECT_STATUS(QueryOne(&any, &seen, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(QueryOne(&named, &seen, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(seen.Calls, 2);
}

NT_TEST(RtlQuery, AMissingSubkeyIsNotFound)
{
    RTL_QUERY_REGISTRY_TABLE entry = {
        .Flags = RTL_QUERY_REGISTRY_SUBKEY | RTL_QUERY_REGISTRY_REQUIRED, .Name = L"Below"};
    SEEN seen = {0};

    NT_EXPECT_STATUS(QueryOne(&entry, &seen, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(RtlCreateRegistryKey(RTL_REGISTRY_SERVICES, KEY L"\\Below"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(QueryOne(&entry, &seen, NULL), STATUS_SUCCESS);
}

/* The first entry that fails ends the table; the values before it have been presented. */
NT_TEST(RtlQuery, AnErrorEndsTheTable)
{
    ULONG number = 1;
    ULONG stored = 0;
    RTL_QUERY_REGISTRY_TABLE table[4] = {
        {.QueryRoutine = See, .Name = L"A"},
        {.Flags = RTL_QUERY_REGISTRY_DIRECT | RTL_QUERY_REGISTRY_TYPECHECK,
         .Name = L"A",
         .EntryContext = &stored,
         .DefaultType = EXPECT_TYPE(REG_SZ)},
        {.QueryRoutine = See, .Name = L"A"},
    };
    SEEN seen = {0};

    Set(L"A", REG_DWORD, &number, sizeof(number));
    NT_EXPECT_STATUS(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, KEY, table, &seen, NULL),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_EQ(seen.Calls, 1);
    NT_EXPECT_EQ(stored, 0);
}

/* ---- deletion ---- */

NT_TEST(RtlQuery, EveryValueIsDeletedOnceItHasBeenSeen)
{
    RTL_QUERY_REGISTRY_TABLE entry = {.QueryRoutine = See, .Flags = RTL_QUERY_REGISTRY_DELETE};
    ULONG number = 1;
    SEEN seen = {0};

    Set(L"A", REG_DWORD, &number, sizeof(number));
    Set(L"B", REG_DWORD, &number, sizeof(number));
    Set(L"C", REG_DWORD, &number, sizeof(number));
    NT_EXPECT_STATUS(QueryOne(&entry, &seen, NULL), STATUS_SUCCESS);
    NT_EXPECT_STR(seen.Names, "ABC");
    entry.Flags |= RTL_QUERY_REGISTRY_REQUIRED;
    NT_EXPECT_STATUS(QueryOne(&entry, &seen, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
}

NT_TEST(RtlQuery, AFailedQueryDeletesNothing)
{
    NTSTATUS fatal = STATUS_NO_MEMORY;
    RTL_QUERY_REGISTRY_TABLE rows[] = {
        {.QueryRoutine = See, .Flags = RTL_QUERY_REGISTRY_DELETE, .EntryContext = &fatal},
        {.QueryRoutine = See,
         .Flags = RTL_QUERY_REGISTRY_DELETE,
         .Name = L"A",
         .EntryContext = &fatal},
    };
    ULONG number = 1;

    Set(L"A", REG_DWORD, &number, sizeof(number));
    NT_FOR_EACH (row, rows) {
        SEEN seen = {0};
        NT_EXPECT_STATUS(QueryOne(row, &seen, NULL), STATUS_NO_MEMORY);
        NT_EXPECT_STR(seen.Names, "A");
    }
    NT_EXPECT_STATUS(RtlDeleteRegistryValue(RTL_REGISTRY_SERVICES, KEY, L"A"), STATUS_SUCCESS);
}

/* ---- hives that are not the system's ---- */

typedef struct HIVE_ROW {
    ULONG RelativeTo;
    PCWSTR Path;
    BOOLEAN Trusted;
} HIVE_ROW;

static NTSTATUS
QueryHive(const HIVE_ROW *Row, ULONG Flags)
{
    ULONG number = 0;
    RTL_QUERY_REGISTRY_TABLE table[2] = {{.Flags = RTL_QUERY_REGISTRY_DIRECT | Flags,
                                          .Name = L"Number",
                                          .EntryContext = &number,
                                          .DefaultType = EXPECT_TYPE(REG_DWORD)}};
    NTSTATUS status = RtlQueryRegistryValues(Row->RelativeTo, Row->Path, table, NULL, NULL);

    NT_EXPECT_EQ(number, NT_SUCCESS(status) ? 7 : 0);
    return status;
}

NT_TEST(RtlQuery, DirectOutsideTheSystemsHivesWantsATypeCheck)
{
    static const HIVE_ROW rows[] = {
        {RTL_REGISTRY_SERVICES, KEY, TRUE},
        {RTL_REGISTRY_CONTROL, L"Hive", TRUE},
        {RTL_REGISTRY_WINDOWS_NT, L"Hive", TRUE},
        {RTL_REGISTRY_DEVICEMAP, L"Hive", TRUE},
        {RTL_REGISTRY_ABSOLUTE, L"\\Registry\\Machine\\SYSTEM\\x", TRUE},
        {RTL_REGISTRY_ABSOLUTE, L"\\Registry\\Machine\\Security", TRUE},
        {RTL_REGISTRY_ABSOLUTE, L"\\Registry\\Machine\\Sam", TRUE},
        {RTL_REGISTRY_USER, L"Hive", FALSE},
        {RTL_REGISTRY_ABSOLUTE, L"\\Registry\\Machine\\Other", FALSE},
        {RTL_REGISTRY_ABSOLUTE, L"\\Registry\\User\\System", FALSE},
    };
    ULONG number = 7;

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(RtlWriteRegistryValue(row->RelativeTo, row->Path, L"Number", REG_DWORD,
                                               &number, sizeof(number)),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(QueryHive(row, RTL_QUERY_REGISTRY_TYPECHECK), STATUS_SUCCESS);
        if (row->Trusted) {
            NT_EXPECT_STATUS(QueryHive(row, 0), STATUS_SUCCESS);
        }
    }
    NT_EXPECT_BUGCHECK(0x139, QueryHive(&rows[RTL_NUMBER_OF(rows) - 2], 0));
}

/* The name of a hive, but not at a hive's place. */
NT_TEST(RtlQuery, DirectInAUsersHiveWantsATypeCheck)
{
    static const HIVE_ROW row = {RTL_REGISTRY_USER, L"Machine\\System", FALSE};

    NT_EXPECT_STATUS(RtlCreateRegistryKey(RTL_REGISTRY_USER, L"Machine"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlCreateRegistryKey(RTL_REGISTRY_USER, L"Machine\\System"), STATUS_SUCCESS);
    NT_EXPECT_BUGCHECK(0x139, QueryHive(&row, 0));
}

/* ---- RtlWriteRegistryValue ---- */

NT_TEST(RtlQuery, WritingMakesTheLastKeyOnly)
{
    ULONG number = 7;
    ULONG stored = 0;
    RTL_QUERY_REGISTRY_TABLE table[2] = {
        {.Flags = RTL_QUERY_REGISTRY_DIRECT | RTL_QUERY_REGISTRY_TYPECHECK,
         .Name = L"Number",
         .EntryContext = &stored,
         .DefaultType = EXPECT_TYPE(REG_DWORD)}};

    NT_EXPECT_STATUS(RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, L"New"),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, L"New", L"Number", REG_DWORD,
                                           &number, sizeof(number)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, L"New"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"New", table, NULL, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(stored, 7);
    NT_EXPECT_STATUS(RtlWriteRegistryValue(RTL_REGISTRY_SERVICES | RTL_REGISTRY_OPTIONAL, L"Newer",
                                           L"Number", REG_DWORD, &number, sizeof(number)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, L"Newer"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, L"Absent\\New", L"Number",
                                           REG_DWORD, &number, sizeof(number)),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, L"Absent"),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(RtlWriteRegistryValue(RTL_REGISTRY_MAXIMUM, L"New", L"Number", REG_DWORD,
                                           &number, sizeof(number)),
                     STATUS_INVALID_PARAMETER);
}

NT_TEST(RtlQuery, WritingReplacesTypeAndDataAndTakesAHandle)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"Value");
    union {
        KEY_VALUE_PARTIAL_INFORMATION Partial;
        UCHAR Room[64];
    } buffer;
    ULONG number = 7;
    ULONG needed;
    HANDLE key;

    Set(L"Value", REG_SZ, L"abc", 8);
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\" KEY, FALSE, KEY_ALL_ACCESS, &key),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlWriteRegistryValue(RTL_REGISTRY_HANDLE, (PCWSTR)key, L"Value", REG_DWORD,
                                           &number, sizeof(number)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ZwQueryValueKey(key, &name, KeyValuePartialInformation, &buffer, sizeof(buffer), &needed),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.Partial.Type, REG_DWORD);
    NT_EXPECT_EQ(buffer.Partial.DataLength, 4);
    NT_EXPECT_EQ(*(PULONG)buffer.Partial.Data, 7);
    NT_EXPECT_STATUS(
        RtlWriteRegistryValue(RTL_REGISTRY_HANDLE, (PCWSTR)key, L"Value", REG_NONE, NULL, 0),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ZwQueryValueKey(key, &name, KeyValuePartialInformation, &buffer, sizeof(buffer), &needed),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.Partial.Type, REG_NONE);
    NT_EXPECT_EQ(buffer.Partial.DataLength, 0);
    NT_EXPECT_STATUS(ZwClose(key), STATUS_SUCCESS); /* it stayed ours */
}
