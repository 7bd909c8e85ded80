/* SPDX-License-Identifier: MIT
 *
 * fuzz/syscall.c - sequences of system calls as a hostile program could make them
 *
 * Handles are any small number, pointers are NULL, unmapped, of the kernel, misaligned, at a
 * mapping's end or good. Nothing may bugcheck, hang, or be left once the handles are closed.
 * A wait always has a limit: the clock is virtual, so the limit costs nothing.
 *
 * Input  calls, one after the other: 1 byte which, then their arguments
 */
#include "kernel.h"

#define MAX_CALLS 40u
#define MAX_HANDLE 0x400u
#define SCRATCH 8192u

static const NTBOX_SYSTEM_CALLS *const Nt = &InitpSystemCalls;
static FUZZ_INPUT Input;
static PUCHAR Scratch;  /* SCRATCH bytes: what good pointers point to */
static PUCHAR Unmapped; /* behind them */
static UNICODE_STRING Name;
static WCHAR NameText[40];
static OBJECT_ATTRIBUTES Attributes;
static LARGE_INTEGER Timeout;

/* ---- arguments ---- */

static HANDLE
TakeHandle(VOID)
{
    ULONG value = FuzzChoose(&Input, 256);

    switch (value >> 4) {
    case 15:
        return (HANDLE)(LONG_PTR)-1; /* this process */
    case 14:
        return (HANDLE)(LONG_PTR)-2; /* this thread */
    case 13:
        return (HANDLE)(ULONG_PTR)FuzzTake(&Input, 8);
    case 12:
        return (HANDLE)(ULONG_PTR)(value & 15);
    default:
        return (HANDLE)(ULONG_PTR)(4 + 4 * (value & 15));
    }
}

static PVOID
TakePointer(VOID)
{
    ULONG value = FuzzChoose(&Input, 256);

    switch (value >> 4) {
    case 15:
        return NULL;
    case 14:
        return Unmapped + (value & 15);
    case 13:
        return (PVOID)(ExpKernelBase + 4096 * (value & 15));
    case 12: /* next to NULL, or not canonical; never where this program has something */
        return (PVOID)(FuzzTake(&Input, 2) | (ULONG_PTR)(value & 1) << 63);
    case 11:
        return Unmapped - (value & 15); /* the end of what is mapped */
    case 10:
        return Scratch + 1 + (value & 15); /* misaligned */
    default:
        return Scratch + (value & 0x7F) * 16;
    }
}

/* Mostly right; else anything. */
static PVOID
TakeOr(PVOID Good)
{
    return FuzzChoose(&Input, 4) != 0 ? Good : TakePointer();
}

static ULONG
TakeLength(VOID)
{
    ULONG value = FuzzChoose(&Input, 256);

    if (value < 200) {
        return value;
    }
    return value < 240 ? (value - 199) * 100 : (ULONG)FuzzTake(&Input, 4);
}

/* Never without a limit; at most some seconds of virtual time. */
static PLARGE_INTEGER
TakeTimeout(VOID)
{
    ULONG value = FuzzChoose(&Input, 256);

    if (value >= 250) {
        return (PLARGE_INTEGER)(Unmapped + 8 * (value & 1));
    }
    Timeout.QuadPart = value < 128 ? -(LONGLONG)value * 10000 : (LONGLONG)value;
    return &Timeout;
}

static POBJECT_ATTRIBUTES
TakeAttributes(VOID)
{
    static const PCWSTR names[] = {
        L"\\Device\\Fuzz", L"\\Device\\FuzzChannel", L"\\??\\Fuzz", L"\\Device", L"\\", L""};
    ULONG value = FuzzChoose(&Input, 16);
    PCWSTR text = names[value % ARRAYSIZE(names)];
    ULONG length = 0;

    for (; text[length] != 0; length++) {
        NameText[length] = text[length];
    }
    Name.Buffer = value == 15 ? TakePointer() : NameText;
    Name.Length = (USHORT)(value == 14 ? FuzzTake(&Input, 2) : length * sizeof(WCHAR));
    Name.MaximumLength = (USHORT)(value == 13 ? FuzzTake(&Input, 2) : Name.Length);
    InitializeObjectAttributes(&Attributes, TakeOr(&Name), FuzzChoose(&Input, 2) ? 0x40 : 0, NULL,
                               NULL);
    if (FuzzChoose(&Input, 8) == 7) {
        Attributes.RootDirectory = TakeHandle();
        Attributes.Attributes = (ULONG)FuzzTake(&Input, 4);
        Attributes.Length = (ULONG)FuzzTake(&Input, 1);
    }
    return TakeOr(&Attributes);
}

static ACCESS_MASK
TakeAccess(VOID)
{
    static const ACCESS_MASK masks[] = {GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, GENERIC_ALL,
                                        MAXIMUM_ALLOWED, FILE_READ_DATA};
    ULONG value = FuzzChoose(&Input, 8);

    return value < ARRAYSIZE(masks) ? masks[value] : (ACCESS_MASK)FuzzTake(&Input, 4);
}

static ULONG
TakeControlCode(VOID)
{
    static const ULONG codes[] = {
        CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, METHOD_BUFFERED, FILE_READ_ACCESS),
        CTL_CODE(FILE_DEVICE_UNKNOWN, 0x901, METHOD_BUFFERED, FILE_READ_ACCESS)};
    ULONG value = FuzzChoose(&Input, 64);

    if (value < 8) {
        return codes[value % 2];
    }
    return value == 63 ? (ULONG)FuzzTake(&Input, 4)
                       : CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800 + (value >> 3), value & 3, 0);
}

/* ---- calls ---- */

static NTSTATUS
ThreadStart(PVOID Context)
{
    return STATUS_SUCCESS;
}

static VOID
CallFile(ULONG Which)
{
    HANDLE handle = TakeHandle();
    HANDLE event = FuzzChoose(&Input, 2) ? TakeHandle() : NULL;
    PVOID context = FuzzChoose(&Input, 2) ? (PVOID)1 : NULL;
    PVOID apc = FuzzChoose(&Input, 64) == 63 ? TakePointer() : NULL;
    PIO_STATUS_BLOCK iosb = TakePointer();
    PVOID buffer = TakePointer();
    ULONG length = TakeLength();
    ULONG code;
    PVOID out;

    switch (Which) {
    case 0:
        Nt->NtReadFile(handle, event, apc, context, iosb, buffer, length, TakePointer(),
                       FuzzChoose(&Input, 8) == 7 ? TakePointer() : NULL);
        break;
    case 1:
        Nt->NtWriteFile(handle, event, apc, context, iosb, buffer, length, TakePointer(),
                        FuzzChoose(&Input, 8) == 7 ? TakePointer() : NULL);
        break;
    default:
        code = TakeControlCode();
        out = TakePointer();
        Nt->NtDeviceIoControlFile(handle, event, apc, context, iosb, code, buffer, length, out,
                                  TakeLength());
        break;
    }
}

static VOID
CallOpen(ULONG Which)
{
    PHANDLE handle = TakePointer();
    ACCESS_MASK access = TakeAccess();
    POBJECT_ATTRIBUTES attributes = FuzzChoose(&Input, 4) ? TakeAttributes() : NULL;
    PIO_STATUS_BLOCK iosb;
    ULONG options;

    switch (Which) {
    case 3:
        iosb = TakePointer();
        options = FuzzChoose(&Input, 4) ? (FuzzChoose(&Input, 2) ? FILE_SYNCHRONOUS_IO_NONALERT : 0)
                                        : (ULONG)FuzzTake(&Input, 4);
        Nt->NtCreateFile(handle, access, attributes, iosb,
                         FuzzChoose(&Input, 16) == 15 ? TakePointer() : NULL, 0,
                         FuzzChoose(&Input, 8), FuzzChoose(&Input, 8) ? FILE_OPEN : 2, options,
                         FuzzChoose(&Input, 16) == 15 ? TakePointer() : NULL,
                         FuzzChoose(&Input, 16) == 15 ? TakeLength() : 0);
        break;
    case 4:
        Nt->NtCreateEvent(handle, access, attributes, FuzzChoose(&Input, 4),
                          (BOOLEAN)FuzzChoose(&Input, 2));
        break;
    case 5:
        Nt->NtCreateIoCompletion(handle, access, attributes, FuzzChoose(&Input, 4));
        break;
    default:
        Nt->NtOpenSymbolicLinkObject(handle, access, attributes);
        break;
    }
}

static VOID
CallInformation(ULONG Which)
{
    HANDLE handle = TakeHandle();
    PIO_STATUS_BLOCK iosb = TakePointer();
    PVOID buffer = TakePointer();
    ULONG length = TakeLength();
    FILE_INFORMATION_CLASS class = (FILE_INFORMATION_CLASS)FuzzChoose(&Input, 64);
    FILE_COMPLETION_INFORMATION completion;

    if (Which == 7) {
        Nt->NtQueryInformationFile(handle, iosb, buffer, length, class);
        return;
    }
    if (FuzzChoose(&Input, 2)) {
        completion.Port = TakeHandle();
        completion.Key = (PVOID)2;
        Nt->NtSetInformationFile(handle, iosb, &completion, sizeof(completion),
                                 FileCompletionInformation);
        return;
    }
    Nt->NtSetInformationFile(handle, iosb, buffer, length, class);
}

static VOID
CallWait(ULONG Which)
{
    HANDLE handles[4];
    BOOLEAN alertable = (BOOLEAN)FuzzChoose(&Input, 2);
    ULONG count;

    switch (Which) {
    case 9:
        Nt->NtWaitForSingleObject(TakeHandle(), alertable, TakeTimeout());
        break;
    case 10:
        for (ULONG i = 0; i < 4; i++) {
            handles[i] = TakeHandle();
        }
        count = FuzzChoose(&Input, 8) == 7 ? (ULONG)FuzzTake(&Input, 4) : FuzzChoose(&Input, 5);
        Nt->NtWaitForMultipleObjects(count, count <= 4 ? TakeOr(handles) : TakePointer(),
                                     FuzzChoose(&Input, 4), alertable, TakeTimeout());
        break;
    case 11:
        Nt->NtDelayExecution(alertable, TakeTimeout());
        break;
    default:
        Nt->NtRemoveIoCompletion(TakeHandle(), TakePointer(), TakePointer(), TakePointer(),
                                 TakeTimeout());
        break;
    }
}

static VOID
CallOther(ULONG Which)
{
    switch (Which) {
    case 13:
        Nt->NtClose(TakeHandle());
        break;
    case 14:
        Nt->NtDuplicateObject(TakeHandle(), TakeHandle(), TakeHandle(), TakePointer(), TakeAccess(),
                              FuzzChoose(&Input, 4), FuzzChoose(&Input, 8));
        break;
    case 15:
        Nt->NtFlushBuffersFile(TakeHandle(), TakePointer());
        break;
    case 16:
        Nt->NtCancelIoFile(TakeHandle(), TakePointer());
        break;
    case 17:
        Nt->NtCancelIoFileEx(TakeHandle(), TakePointer(), TakePointer());
        break;
    case 18:
        Nt->NtCancelSynchronousIoFile(TakeHandle(), TakePointer(), TakePointer());
        break;
    case 19:
        Nt->NtSetIoCompletion(TakeHandle(), (PVOID)3, (PVOID)4, STATUS_SUCCESS, 5);
        break;
    case 20:
        Nt->NtSetEvent(TakeHandle(), TakePointer());
        break;
    case 21:
        Nt->NtResetEvent(TakeHandle(), TakePointer());
        break;
    case 22:
        Nt->NtboxCreateThread(TakePointer(), (PVOID)ThreadStart, NULL, FALSE, TakePointer());
        break;
    case 23:
        Nt->NtResumeThread(TakeHandle(), TakePointer());
        break;
    case 24:
        Nt->NtboxQueryThread(TakeHandle(), TakePointer(), TakePointer());
        break;
    case 25:
        Nt->NtQuerySystemTime(TakePointer());
        break;
    case 26:
        Nt->NtQuerySymbolicLinkObject(TakeHandle(), TakePointer(), TakePointer());
        break;
    case 27:
        Nt->NtboxUnloadDriver(TakePointer());
        break;
    default:
        Scratch[FuzzTake(&Input, 2) % SCRATCH] = (UCHAR)FuzzTake(&Input, 1);
        break;
    }
}

static VOID
Call(VOID)
{
    ULONG which = FuzzChoose(&Input, 32);

    if (which <= 2) {
        CallFile(which);
    } else if (which <= 6) {
        CallOpen(which);
    } else if (which <= 8) {
        CallInformation(which);
    } else if (which <= 12) {
        CallWait(which);
    } else {
        CallOther(which);
    }
}

static VOID
RunOnce(const uint8_t *Data, size_t Size)
{
    RtlZeroMemory(Scratch, SCRATCH);
    Input = (FUZZ_INPUT){Data, Size};
    for (ULONG i = 0; i < MAX_CALLS && Input.Size != 0; i++) {
        Call();
    }
    for (ULONG handle = 4; handle < MAX_HANDLE; handle += 4) {
        Nt->NtClose((HANDLE)(ULONG_PTR)handle);
    }
    FuzzSettleKernel();
}

int
LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size)
{
    if (Scratch == NULL) {
        Scratch = FuzzGuarded(SCRATCH);
        Unmapped = Scratch + SCRATCH;
    }
    FuzzRunLeakless(RunOnce, Data, Size);
    return 0;
}
