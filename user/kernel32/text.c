/* SPDX-License-Identifier: MIT
 *
 * kernel32/text.c - code pages and the l-functions on strings
 *
 * The ANSI, OEM and thread code pages are UTF-8; there is no other.
 */
#include "kernel32/kernel32.h"

static BOOLEAN
IsKnownCodePage(UINT CodePage)
{
    return CodePage == CP_UTF8 || CodePage == CP_ACP || CodePage == CP_OEMCP ||
           CodePage == CP_THREAD_ACP;
}

UINT WINAPI
GetACP(VOID)
{
    return CP_UTF8;
}

UINT WINAPI
GetOEMCP(VOID)
{
    return CP_UTF8;
}

/* The common end of both conversions. */
static int
ConversionResult(size_t Needed, int Size)
{
    if (Needed == SIZE_MAX) {
        return BaseFail(ERROR_NO_UNICODE_TRANSLATION);
    }
    if (Needed > INT32_MAX) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (Size != 0 && Needed > (size_t)Size) {
        return BaseFail(ERROR_INSUFFICIENT_BUFFER);
    }
    return (int)Needed;
}

/*
 * MultiByteToWideChar - UTF-8 to UTF-16
 *
 * Length   -1: NUL-terminated, and the NUL is converted too
 * Size     0: nothing is written, the result says what is needed
 * Errors   ERROR_INSUFFICIENT_BUFFER (the buffer's contents are undefined then),
 *          ERROR_NO_UNICODE_TRANSLATION with MB_ERR_INVALID_CHARS, ERROR_INVALID_FLAGS,
 *          ERROR_INVALID_PARAMETER (code page, lengths, overlap)
 */
int WINAPI
MultiByteToWideChar(UINT CodePage, DWORD Flags, LPCCH Text, int Length, LPWSTR Wide, int Size)
{
    size_t length;

    if (!IsKnownCodePage(CodePage) || Text == NULL || Length == 0 || Length < -1 || Size < 0 ||
        (Size != 0 && (Wide == NULL || (const VOID *)Wide == (const VOID *)Text))) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if ((Flags & ~(DWORD)(MB_ERR_INVALID_CHARS | MB_PRECOMPOSED | MB_COMPOSITE)) != 0) {
        return BaseFail(ERROR_INVALID_FLAGS);
    }
    length = Length < 0 ? strlen(Text) + 1 : (size_t)Length;
    return ConversionResult(
        NtdllUtf8ToUtf16(Wide, (size_t)Size, Text, length, (Flags & MB_ERR_INVALID_CHARS) != 0),
        Size);
}

/*
 * WideCharToMultiByte - UTF-16 to UTF-8; as MultiByteToWideChar
 *
 * Default, UsedDefault  must be NULL with CP_UTF8; elsewhere no character needs a default
 */
int WINAPI
WideCharToMultiByte(UINT CodePage, DWORD Flags, LPCWCH Wide, int Length, LPSTR Text, int Size,
                    LPCCH Default, LPBOOL UsedDefault)
{
    size_t length;

    if (!IsKnownCodePage(CodePage) || Wide == NULL || Length == 0 || Length < -1 || Size < 0 ||
        (Size != 0 && (Text == NULL || (const VOID *)Wide == (const VOID *)Text)) ||
        (CodePage == CP_UTF8 && (Default != NULL || UsedDefault != NULL))) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if ((Flags & ~(DWORD)(WC_ERR_INVALID_CHARS | WC_NO_BEST_FIT_CHARS | WC_COMPOSITECHECK)) != 0) {
        return BaseFail(ERROR_INVALID_FLAGS);
    }
    if (UsedDefault != NULL) {
        *UsedDefault = FALSE;
    }
    length = Length < 0 ? NtdllWideLength(Wide) + 1 : (size_t)Length;
    return ConversionResult(
        NtdllUtf16ToUtf8(Text, (size_t)Size, Wide, length, (Flags & WC_ERR_INVALID_CHARS) != 0),
        Size);
}

/* ---- results of variable length ---- */

DWORD
BaseReturnTextA(const char *Text, LPSTR Buffer, DWORD Size)
{
    size_t length = strlen(Text);

    if (length + 1 > Size) {
        return (DWORD)length + 1;
    }
    memcpy(Buffer, Text, length + 1);
    return (DWORD)length;
}

DWORD
BaseReturnTextW(const char *Text, LPWSTR Buffer, DWORD Size)
{
    size_t bytes = strlen(Text) + 1;
    size_t units = NtdllUtf8ToUtf16(NULL, 0, Text, bytes, 0);

    if (units > Size) {
        return (DWORD)units;
    }
    NtdllUtf8ToUtf16(Buffer, Size, Text, bytes, 0);
    return (DWORD)units - 1;
}

/* ---- lstr: like str, but NULL is an empty string where it can be ---- */

int WINAPI
lstrlenA(LPCSTR Text)
{
    return Text == NULL ? 0 : (int)strlen(Text);
}

int WINAPI
lstrlenW(LPCWSTR Text)
{
    return Text == NULL ? 0 : (int)NtdllWideLength(Text);
}

LPSTR WINAPI
lstrcpyA(LPSTR Target, LPCSTR Source)
{
    return strcpy(Target, Source);
}

LPWSTR WINAPI
lstrcpyW(LPWSTR Target, LPCWSTR Source)
{
    memcpy(Target, Source, (NtdllWideLength(Source) + 1) * sizeof(WCHAR));
    return Target;
}

LPSTR WINAPI
lstrcpynA(LPSTR Target, LPCSTR Source, int Size)
{
    int i = 0;

    for (; i + 1 < Size && Source[i] != '\0'; i++) {
        Target[i] = Source[i];
    }
    if (Size > 0) {
        Target[i] = '\0';
    }
    return Target;
}

LPWSTR WINAPI
lstrcpynW(LPWSTR Target, LPCWSTR Source, int Size)
{
    int i = 0;

    for (; i + 1 < Size && Source[i] != 0; i++) {
        Target[i] = Source[i];
    }
    if (Size > 0) {
        Target[i] = 0;
    }
    return Target;
}

LPSTR WINAPI
lstrcatA(LPSTR Target, LPCSTR Source)
{
    return strcat(Target, Source);
}

LPWSTR WINAPI
lstrcatW(LPWSTR Target, LPCWSTR Source)
{
    lstrcpyW(&Target[NtdllWideLength(Target)], Source);
    return Target;
}

static UINT
FoldAscii(UINT Unit)
{
    return Unit >= 'A' && Unit <= 'Z' ? Unit - 'A' + 'a' : Unit;
}

static int
CompareWide(LPCWSTR First, LPCWSTR Second, BOOLEAN Fold)
{
    for (;; First++, Second++) {
        UINT first = Fold ? FoldAscii(*First) : *First;
        UINT second = Fold ? FoldAscii(*Second) : *Second;

        if (first != second) {
            return first < second ? -1 : 1;
        }
        if (first == 0) {
            return 0;
        }
    }
}

static int
CompareNarrow(LPCSTR First, LPCSTR Second, BOOLEAN Fold)
{
    for (;; First++, Second++) {
        UINT first = Fold ? FoldAscii((unsigned char)*First) : (unsigned char)*First;
        UINT second = Fold ? FoldAscii((unsigned char)*Second) : (unsigned char)*Second;

        if (first != second) {
            return first < second ? -1 : 1;
        }
        if (first == 0) {
            return 0;
        }
    }
}

/* Differs  by code unit, not by the language's order; the i forms fold ASCII letters only */
int WINAPI
lstrcmpW(LPCWSTR First, LPCWSTR Second)
{
    return CompareWide(First, Second, FALSE);
}

int WINAPI
lstrcmpiW(LPCWSTR First, LPCWSTR Second)
{
    return CompareWide(First, Second, TRUE);
}

int WINAPI
lstrcmpA(LPCSTR First, LPCSTR Second)
{
    return CompareNarrow(First, Second, FALSE);
}

int WINAPI
lstrcmpiA(LPCSTR First, LPCSTR Second)
{
    return CompareNarrow(First, Second, TRUE);
}
