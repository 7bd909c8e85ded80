/* SPDX-License-Identifier: MIT
 *
 * unicodesafe_test.c - ntstrsafe.h's functions for UNICODE_STRINGs
 */
#include <ntifs.h>
#include <ntstrsafe.h>

#include "nt_test.h"

#define SIZE 8

static WCHAR Buffer[SIZE];

/* A string of SIZE characters with Text in it. */
static UNICODE_STRING
Make(const WCHAR *Text)
{
    UNICODE_STRING string = {(USHORT)(wcslen(Text) * sizeof(WCHAR)), sizeof(Buffer), Buffer};

    wcscpy(Buffer, Text);
    return string;
}

static int
Holds(const UNICODE_STRING *String, const WCHAR *Text)
{
    size_t length = wcslen(Text);

    return String->Length == length * sizeof(WCHAR) && wcsncmp(String->Buffer, Text, length) == 0;
}

NT_TEST(UnicodeStrings, Init)
{
    UNICODE_STRING string;
    static WCHAR longText[0x8001];

    NT_EXPECT_EQ(RtlUnicodeStringInit(&string, L"abc"), STATUS_SUCCESS);
    NT_EXPECT_EQ(string.Length, 6);
    NT_EXPECT_EQ(string.MaximumLength, 8);
    NT_EXPECT_EQ(RtlUnicodeStringInit(&string, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(string.MaximumLength, 0);
    NT_EXPECT_TRUE(string.Buffer == NULL);
    NT_EXPECT_EQ(RtlUnicodeStringInit(NULL, L"abc"), STATUS_INVALID_PARAMETER);
    wmemset(longText, L'x', 0x8000);
    NT_EXPECT_EQ(RtlUnicodeStringInit(&string, longText), STATUS_INVALID_PARAMETER);
    longText[0x7ffe] = 0;
    NT_EXPECT_EQ(RtlUnicodeStringInit(&string, longText), STATUS_SUCCESS);
    NT_EXPECT_EQ(string.Length, 0xfffc);
}

NT_TEST(UnicodeStrings, Validate)
{
    UNICODE_STRING string = Make(L"ab");

    NT_EXPECT_EQ(RtlUnicodeStringValidate(&string), STATUS_SUCCESS);
    NT_EXPECT_EQ(RtlUnicodeStringValidate(NULL), STATUS_INVALID_PARAMETER);
    string.Length = 3;
    NT_EXPECT_EQ(RtlUnicodeStringValidate(&string), STATUS_INVALID_PARAMETER);
    string.Length = sizeof(Buffer) + 2;
    NT_EXPECT_EQ(RtlUnicodeStringValidate(&string), STATUS_INVALID_PARAMETER);
    string.Length = 2;
    string.MaximumLength = 7;
    NT_EXPECT_EQ(RtlUnicodeStringValidate(&string), STATUS_INVALID_PARAMETER);
    string.MaximumLength = 8;
    string.Buffer = NULL;
    NT_EXPECT_EQ(RtlUnicodeStringValidate(&string), STATUS_INVALID_PARAMETER);
}

NT_TEST(UnicodeStrings, CopyAndCat)
{
    UNICODE_STRING string = Make(L"ab");
    UNICODE_STRING more = RTL_CONSTANT_STRING(L"cdef");

    NT_EXPECT_EQ(RtlUnicodeStringCat(&string, &more), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Holds(&string, L"abcdef"));
    NT_EXPECT_EQ(RtlUnicodeStringCat(&string, &more), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_TRUE(Holds(&string, L"abcdefcd"));
    NT_EXPECT_EQ(RtlUnicodeStringCopy(&string, &more), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Holds(&string, L"cdef"));
    NT_EXPECT_EQ(RtlUnicodeStringCbCopyN(&string, &more, 4), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Holds(&string, L"cd"));
    NT_EXPECT_EQ(RtlUnicodeStringCchCatN(&string, &more, 1), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Holds(&string, L"cdc"));
    NT_EXPECT_EQ(RtlUnicodeStringCopyString(&string, L"0123456789"), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_TRUE(Holds(&string, L"01234567"));
    NT_EXPECT_EQ(RtlUnicodeStringCchCopyStringN(&string, L"0123456789", 3), STATUS_SUCCESS);
    NT_EXPECT_EQ(RtlUnicodeStringCatString(&string, L"xy"), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Holds(&string, L"012xy"));
    NT_EXPECT_EQ(RtlUnicodeStringCbCatStringN(&string, L"pq", 2), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Holds(&string, L"012xyp"));
    NT_EXPECT_EQ(RtlUnicodeStringCatString(&string, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(RtlUnicodeStringCopy(&string, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(RtlUnicodeStringCopy(NULL, &string), STATUS_INVALID_PARAMETER);
}

NT_TEST(UnicodeStrings, Printf)
{
    UNICODE_STRING string = Make(L"");
    UNICODE_STRING empty = {0, 0, NULL};

    NT_EXPECT_EQ(RtlUnicodeStringPrintf(&string, L"%d-%ws", 12, L"ab"), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Holds(&string, L"12-ab"));
    NT_EXPECT_EQ(RtlUnicodeStringPrintf(&string, L"%08d", 1), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Holds(&string, L"00000001"));
    NT_EXPECT_EQ(RtlUnicodeStringPrintf(&string, L"%09d", 1), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_TRUE(Holds(&string, L"00000000"));
    NT_EXPECT_EQ(RtlUnicodeStringPrintf(&empty, L"x"), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_EQ(RtlUnicodeStringPrintf(&string, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(RtlUnicodeStringPrintf(NULL, L"x"), STATUS_INVALID_PARAMETER);
}

NT_TEST(UnicodeStrings, IntoText)
{
    UNICODE_STRING source = RTL_CONSTANT_STRING(L"abcd");
    WCHAR text[5];

    NT_EXPECT_EQ(RtlStringCchCopyUnicodeString(text, 5, &source), STATUS_SUCCESS);
    NT_EXPECT_WSTR(text, L"abcd");
    NT_EXPECT_EQ(RtlStringCbCopyUnicodeString(text, 8, &source), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_WSTR(text, L"abc");
    NT_EXPECT_EQ(RtlStringCbCopyUnicodeString(text, 1, &source), STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(RtlStringCchCopyUnicodeString(NULL, 5, &source), STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(RtlStringCchCopyUnicodeString(text, 5, NULL), STATUS_INVALID_PARAMETER);
}
