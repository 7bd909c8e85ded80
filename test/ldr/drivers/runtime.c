/* SPDX-License-Identifier: MIT
 *
 * runtime.c - a driver that calls the C runtime through the addresses of its exports
 *
 * Each function is linked, so that loading fails without it, and looked up by name, as drivers do
 * that run on older Windows versions, too. STATUS_UNSUCCESSFUL: a result is not Windows's.
 */
#include <ntifs.h>
#include <ctype.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#define WIDE_(text) L##text
#define WIDE(text) WIDE_(text)

/* The export, which must be there both ways; the lookup's is what is called. */
#define FIND(name)                                                            \
    UNICODE_STRING name##Name = RTL_CONSTANT_STRING(WIDE(#name));             \
    __typeof__(&name) name##Linked = name;                                    \
    __typeof__(&name) name##Export =                                          \
        (__typeof__(&name))(ULONG_PTR)MmGetSystemRoutineAddress(&name##Name); \
    if (name##Linked == NULL || name##Export == NULL) {                       \
        return FALSE;                                                         \
    }

static BOOLEAN
MemoryWorks(VOID)
{
    char bytes[16] = "0123456789";

    FIND(memcpy)
    FIND(memmove)
    FIND(memset)
    FIND(memchr)
    FIND(memcmp)
    memmoveExport(bytes + 1, bytes, 9);
    memcpyExport(bytes + 10, "xy", 2);
    memsetExport(bytes + 12, 'z', 3);
    return memcmpExport(bytes, "0012345678xyzzz", 16) == 0 &&
           memchrExport(bytes, 'x', 16) == bytes + 10;
}

static BOOLEAN
StringsWork(VOID)
{
    char text[32] = "";

    FIND(strcpy)
    FIND(strcat)
    FIND(strncpy)
    FIND(strcmp)
    FIND(strrchr)
    FIND(strstr)
    FIND(strspn)
    FIND(strnlen)
    FIND(strlen)
    FIND(_stricmp)
    FIND(strtok_s)
    strcpyExport(text, "\\Device");
    strcatExport(text, "\\Echo");
    strncpyExport(text + 8, "ab", 2);
    return strcmpExport(text, "\\Device\\abho") == 0 && strrchrExport(text, '\\') == text + 7 &&
           strstrExport(text, "abho") == text + 8 && strspnExport(text, "\\eDvi") == 5 &&
           strnlenExport(text, 4) == 4 && strlenExport(text) == 12 &&
           _stricmpExport(text, "\\dEVICE\\ABHO") == 0;
}

static BOOLEAN
NumbersWork(VOID)
{
    char text[32];
    WCHAR wide[32];

    FIND(atoi)
    FIND(_strtoui64)
    FIND(rand)
    FIND(srand)
    FIND(isdigit)
    FIND(toupper)
    FIND(towupper)
    FIND(sprintf_s)
    FIND(_vsnwprintf)
    FIND(_snwprintf)
    srandExport(1792);
    return atoiExport("-12x") == -12 && _strtoui64Export("0x10", NULL, 0) == 16 &&
           randExport() == 5890 && isdigitExport('7') && toupperExport('q') == 'Q' &&
           towupperExport(L'q') == L'Q' && sprintf_sExport(text, 32, "%I64x", 255ull) == 2 &&
           _snwprintfExport(wide, 32, L"%s", L"abc") == 3;
}

/* By name swprintf is the kernel's, without a size, which C's declaration has. */
static BOOLEAN
SwprintfHasNoSize(VOID)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"swprintf");
    int (*export)(WCHAR *, const WCHAR *, ...) =
        (int (*)(WCHAR *, const WCHAR *, ...))(ULONG_PTR)MmGetSystemRoutineAddress(&name);
    WCHAR text[16];

    return export != NULL && export(text, L"%d-%s", 1, L"a") == 3 && wcscmp(text, L"1-a") == 0;
}

static int
Compare(const void *Left, const void *Right)
{
    return *(const UCHAR *)Left - *(const UCHAR *)Right;
}

static BOOLEAN
SortingWorks(VOID)
{
    UCHAR bytes[] = {3, 1, 2};
    UCHAR key = 2;

    FIND(qsort)
    FIND(bsearch)
    qsortExport(bytes, 3, 1, Compare);
    return bytes[0] == 1 && bsearchExport(&key, bytes, 3, 1, Compare) == bytes + 1;
}

static BOOLEAN
JumpsWork(VOID)
{
    jmp_buf buffer;
    int result = setjmp(buffer);

    FIND(longjmp)
    if (result == 0) {
        longjmpExport(buffer, 5);
    }
    return result == 5;
}

static VOID NTAPI
RuntimeUnload(PDRIVER_OBJECT DriverObject)
{
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = RuntimeUnload;
    if (!MemoryWorks() || !StringsWork() || !NumbersWork() || !SwprintfHasNoSize() ||
        !SortingWorks() || !JumpsWork()) {
        return STATUS_UNSUCCESSFUL;
    }
    return STATUS_SUCCESS;
}
