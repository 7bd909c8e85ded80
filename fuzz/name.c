/* SPDX-License-Identifier: MIT
 *
 * fuzz/name.c - Win32 paths and NT names, from the path as a program gives it to the object
 *
 * Input  1 byte: choices; the rest: a name, 2 bytes a unit. A unit of 0xFFFE is the next word of a
 *        list, so that names that exist are found.
 */
#include "kernel.h"

#define MAX_NAME 300u

/* ---- user/ntdll/path.c, without its Win32 headers, and what it needs ---- */

NTSTATUS NtdllDosPathToNtPath(PCWSTR DosPath, UNICODE_STRING *NtPath);
int NtdllHostCurrentFolder(char *Folder, size_t Size);
size_t NtdllWideLength(PCWSTR Text);
size_t NtdllUtf8ToUtf16(PWSTR Target, size_t Size, const char *Source, size_t Length, int Strict);

int
NtdllHostCurrentFolder(char *Folder, size_t Size)
{
    memcpy(Folder, "/a/b", 5);
    return 1;
}

size_t
NtdllWideLength(PCWSTR Text)
{
    size_t length = 0;

    while (Text[length] != 0) {
        length++;
    }
    return length;
}

size_t
NtdllUtf8ToUtf16(PWSTR Target, size_t Size, const char *Source, size_t Length, int Strict)
{
    for (size_t i = 0; i < Length && i < Size; i++) {
        Target[i] = (UCHAR)Source[i];
    }
    return Length;
}

/* ---- names ---- */

static const PCWSTR Words[] = {
    L"\\??\\", L"\\\\.\\",     L"\\\\?\\",      L"GLOBALROOT",    L"\\Device", L"\\Fuzz",
    L"Fuzz",   L"FuzzChannel", L"\\DosDevices", L"\\GLOBAL??",    L"\\Driver", L"..\\",
    L"/",      L".",           L"\\Callback",   L"\\Device\\Fuzz"};

static USHORT
TakeName(FUZZ_INPUT *Input, PWSTR Name)
{
    ULONG length = 0;

    while (Input->Size > 1 && length < MAX_NAME) {
        WCHAR unit = (WCHAR)FuzzTake(Input, 2);

        if (unit != 0xFFFE) {
            Name[length++] = unit;
            continue;
        }
        for (PCWSTR word = Words[FuzzChoose(Input, ARRAYSIZE(Words))];
             *word != 0 && length < MAX_NAME; word++) {
            Name[length++] = *word;
        }
    }
    Name[length] = 0;
    return (USHORT)(length * sizeof(WCHAR));
}

static VOID
CheckNtPath(const UNICODE_STRING *Path, BOOLEAN IsClean)
{
    ULONG length = Path->Length / sizeof(WCHAR);

    FUZZ_CHECK(length != 0 && Path->Length % sizeof(WCHAR) == 0);
    FUZZ_CHECK(Path->MaximumLength == Path->Length + sizeof(WCHAR));
    FUZZ_CHECK(Path->Buffer[0] == L'\\' && Path->Buffer[length] == 0);
    for (ULONG i = 1; IsClean && i < length; i++) {
        FUZZ_CHECK(Path->Buffer[i] != L'/');
        FUZZ_CHECK(Path->Buffer[i - 1] != L'\\' || Path->Buffer[i] != L'\\');
    }
}

static VOID
Open(PUNICODE_STRING Name, ULONG Choices)
{
    const NTBOX_SYSTEM_CALLS *nt = &InitpSystemCalls;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE root = NULL;
    HANDLE handle;
    NTSTATUS status;

    if (Choices & 8) {
        UNICODE_STRING device = RTL_CONSTANT_STRING(L"\\Device\\Fuzz");

        InitializeObjectAttributes(&attributes, &device, 0, NULL, NULL);
        FUZZ_CHECK(NT_SUCCESS(nt->NtCreateFile(&root, GENERIC_READ | SYNCHRONIZE, &attributes,
                                               &iosb, NULL, 0, 0, FILE_OPEN, 0, NULL, 0)));
    }
    InitializeObjectAttributes(&attributes, Name, Choices & 1 ? OBJ_CASE_INSENSITIVE : 0, root,
                               NULL);
    switch (Choices >> 1 & 3) {
    case 0:
        status = nt->NtCreateFile(&handle, GENERIC_READ | SYNCHRONIZE, &attributes, &iosb, NULL, 0,
                                  0, FILE_OPEN, 0, NULL, 0);
        break;
    case 1:
        status = nt->NtOpenSymbolicLinkObject(&handle, GENERIC_READ, &attributes);
        break;
    default:
        status = nt->NtCreateEvent(&handle, EVENT_ALL_ACCESS, &attributes, NotificationEvent, TRUE);
        break;
    }
    if (NT_SUCCESS(status)) {
        FUZZ_CHECK(NT_SUCCESS(nt->NtClose(handle)));
    }
    if (root != NULL) {
        FUZZ_CHECK(NT_SUCCESS(nt->NtClose(root)));
    }
}

static VOID
RunOnce(const uint8_t *Data, size_t Size)
{
    FUZZ_INPUT input = {Data, Size};
    ULONG choices = FuzzChoose(&input, 256);
    UNICODE_STRING path;
    WCHAR text[MAX_NAME + 1];
    UNICODE_STRING name = {.Buffer = text};

    name.Length = TakeName(&input, text);
    name.MaximumLength = name.Length;
    if (NT_SUCCESS(NtdllDosPathToNtPath(text, &path))) {
        CheckNtPath(&path, text[2] == L'.' && text[3] != 0);
        Open(&path, choices);
        FuzzFree(path.Buffer);
    }
    Open(&name, choices);
}

int
LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size)
{
    FuzzRunLeakless(RunOnce, Data, Size);
    return 0;
}
