/* SPDX-License-Identifier: MIT
 *
 * test/user/status_test.c - RtlNtStatusToDosError, the last error, FormatMessage
 */
#include <stdio.h>

#include "gate.h"
#include "nt_test.h"

NT_TEST(Status, DocumentedPairsMap)
{
    static const struct {
        NTSTATUS Status;
        ULONG Error;
    } rows[] = {
        {STATUS_SUCCESS, ERROR_SUCCESS},
        {STATUS_PENDING, ERROR_IO_PENDING},
        {STATUS_BUFFER_OVERFLOW, ERROR_MORE_DATA},
        {STATUS_NO_MORE_ENTRIES, ERROR_NO_MORE_ITEMS},
        {STATUS_UNSUCCESSFUL, ERROR_GEN_FAILURE},
        {STATUS_NOT_IMPLEMENTED, ERROR_INVALID_FUNCTION},
        {STATUS_INVALID_INFO_CLASS, ERROR_INVALID_PARAMETER},
        {STATUS_ACCESS_VIOLATION, ERROR_NOACCESS},
        {STATUS_INVALID_HANDLE, ERROR_INVALID_HANDLE},
        {STATUS_INVALID_PARAMETER, ERROR_INVALID_PARAMETER},
        {STATUS_INVALID_PARAMETER_7, ERROR_INVALID_PARAMETER},
        {STATUS_NO_SUCH_DEVICE, ERROR_FILE_NOT_FOUND},
        {STATUS_INVALID_DEVICE_REQUEST, ERROR_INVALID_FUNCTION},
        {STATUS_END_OF_FILE, ERROR_HANDLE_EOF},
        {STATUS_NO_MEMORY, ERROR_NOT_ENOUGH_MEMORY},
        {STATUS_ACCESS_DENIED, ERROR_ACCESS_DENIED},
        {STATUS_BUFFER_TOO_SMALL, ERROR_INSUFFICIENT_BUFFER},
        {STATUS_OBJECT_TYPE_MISMATCH, ERROR_INVALID_HANDLE},
        {STATUS_OBJECT_NAME_INVALID, ERROR_INVALID_NAME},
        {STATUS_OBJECT_NAME_NOT_FOUND, ERROR_FILE_NOT_FOUND},
        {STATUS_OBJECT_NAME_COLLISION, ERROR_ALREADY_EXISTS},
        {STATUS_OBJECT_PATH_NOT_FOUND, ERROR_PATH_NOT_FOUND},
        {STATUS_SHARING_VIOLATION, ERROR_SHARING_VIOLATION},
        {STATUS_DELETE_PENDING, ERROR_ACCESS_DENIED},
        {STATUS_INSUFFICIENT_RESOURCES, ERROR_NO_SYSTEM_RESOURCES},
        {STATUS_DEVICE_NOT_READY, ERROR_NOT_READY},
        {STATUS_IO_TIMEOUT, ERROR_SEM_TIMEOUT},
        {STATUS_NOT_SUPPORTED, ERROR_NOT_SUPPORTED},
        {STATUS_CANCELLED, ERROR_OPERATION_ABORTED},
        {STATUS_FILE_CLOSED, ERROR_INVALID_HANDLE},
        {STATUS_INVALID_DEVICE_STATE, ERROR_BAD_COMMAND},
        {STATUS_INVALID_BUFFER_SIZE, ERROR_INVALID_USER_BUFFER},
        {STATUS_NOT_FOUND, ERROR_NOT_FOUND},
        {STATUS_DEVICE_REMOVED, ERROR_DEVICE_REMOVED},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        NT_EXPECT_EQ(RtlNtStatusToDosError(rows[i].Status), rows[i].Error);
    }
}

NT_TEST(Status, UnknownIsMidNotFound)
{
    NT_EXPECT_EQ(RtlNtStatusToDosError((NTSTATUS)0xC0ABCDEF), ERROR_MR_MID_NOT_FOUND);
    NT_EXPECT_EQ(RtlNtStatusToDosError((NTSTATUS)0x00005555), ERROR_MR_MID_NOT_FOUND);
}

NT_TEST(Status, CustomerAndWrappedCodesPass)
{
    NT_EXPECT_EQ(RtlNtStatusToDosError((NTSTATUS)0xE0001234), 0xE0001234);
    NT_EXPECT_EQ(RtlNtStatusToDosError((NTSTATUS)0xC0070005), 5);
    NT_EXPECT_EQ(RtlNtStatusToDosError((NTSTATUS)0x80070057), 0x57);
    NT_EXPECT_EQ(RtlNtStatusToDosError((NTSTATUS)0xD0000022), ERROR_ACCESS_DENIED);
    NT_EXPECT_EQ(RtlNtStatusToDosError(STATUS_BREAKPOINT), (ULONG)STATUS_BREAKPOINT);
}

NT_TEST(Status, LastErrorIsSetFromStatus)
{
    SetLastError(77);
    NT_EXPECT_EQ(GetLastError(), 77);
    BaseSetLastNtError(STATUS_NO_SUCH_FILE);
    NT_EXPECT_EQ(GetLastError(), ERROR_FILE_NOT_FOUND);
    NT_EXPECT_STR(NtdllStatusName(STATUS_NO_SUCH_FILE), "STATUS_NO_SUCH_FILE");
    NT_EXPECT_EQ(NtdllStatusName((NTSTATUS)0xC0ABCDEF), NULL);
}

/* ---- FormatMessage ---- */

NT_TEST(FormatMessage, SystemTextEndsInLineEnd)
{
    char text[128];
    WCHAR wide[128];

    NT_EXPECT_EQ(FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                                ERROR_ACCESS_DENIED, 0, text, sizeof(text), NULL),
                 19);
    NT_EXPECT_STR(text, "Access is denied.\r\n");
    NT_EXPECT_EQ(FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                                ERROR_IO_PENDING, 0, wide, ARRAYSIZE(wide), NULL),
                 42);
    NT_EXPECT_WSTR(wide, L"Overlapped I/O operation is in progress.\r\n");
}

NT_TEST(FormatMessage, AllocatesAndFrees)
{
    char *text = NULL;
    DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_ALLOCATE_BUFFER |
                                      FORMAT_MESSAGE_IGNORE_INSERTS,
                                  NULL, ERROR_FILE_NOT_FOUND, 0, (LPSTR)&text, 0, NULL);

    NT_EXPECT_STR(text, "The system cannot find the file specified.\r\n");
    NT_EXPECT_EQ(length, strlen(text));
    NT_EXPECT_EQ(LocalFree(text), NULL);
}

NT_TEST(FormatMessage, InsertsAreKeptWhenIgnored)
{
    char text[128];

    FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                   ERROR_BAD_EXE_FORMAT, 0, text, sizeof(text), NULL);
    NT_EXPECT_STR(text, "%1 is not a valid Win32 application.\r\n");
}

NT_TEST(FormatMessage, ErrorsAreTold)
{
    char text[8];

    NT_EXPECT_EQ(FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM, NULL, 0x7FFFFFF, 0, text, 8, NULL), 0);
    NT_EXPECT_EQ(GetLastError(), ERROR_MR_MID_NOT_FOUND);
    NT_EXPECT_EQ(FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                                ERROR_ACCESS_DENIED, 0, text, 8, NULL),
                 0);
    NT_EXPECT_EQ(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    NT_EXPECT_EQ(FormatMessageA(FORMAT_MESSAGE_FROM_STRING, "%1!q!", 0, 0, text, 8, NULL), 0);
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}

static DWORD
FormatWith(char *Text, DWORD Size, const char *Pattern, ...)
{
    va_list arguments;
    DWORD length;

    va_start(arguments, Pattern);
    length = FormatMessageA(FORMAT_MESSAGE_FROM_STRING, Pattern, 0, 0, Text, Size, &arguments);
    va_end(arguments);
    return length;
}

NT_TEST(FormatMessage, StringInsertsFormat)
{
    ULONG_PTR array[] = {(ULONG_PTR) "x", 7};
    char text[128];

    NT_EXPECT_EQ(FormatWith(text, sizeof(text), "%2!u! %1 %3!04X!|%4!I64d!|%1!-4s!|%1!4s!|%%", "ab",
                            (ULONG_PTR)42, (ULONG_PTR)0xBEE, (ULONG_PTR)-5000000000ll),
                 34);
    NT_EXPECT_STR(text, "42 ab 0BEE|-5000000000|ab  |  ab|%");
    FormatMessageA(FORMAT_MESSAGE_FROM_STRING | FORMAT_MESSAGE_ARGUMENT_ARRAY, "%1=%2!d!%n", 0, 0,
                   text, sizeof(text), (va_list *)array);
    NT_EXPECT_STR(text, "x=7\r\n");
    FormatWith(text, sizeof(text), "a%0b");
    NT_EXPECT_STR(text, "a");
}
