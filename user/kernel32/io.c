/* SPDX-License-Identifier: MIT
 *
 * kernel32/io.c - reads, writes, device control, and what becomes of them
 *
 * The rules, of the SDK reference and of what programs rely on:
 *   R1  with an OVERLAPPED, its Internal and InternalHigh are the call's IO_STATUS_BLOCK, so they
 *       and the buffers stay the kernel's until the request is done;
 *   R2  an event with its lowest bit set asks for no completion packet;
 *   R3  without an OVERLAPPED on a handle opened for overlapped I/O, the call waits for the file
 *       object itself. With two such calls at a time either may wake on the other's end: Windows
 *       returns then, with the request still writing to the caller's stack; here the call says so
 *       and goes on waiting;
 *   R4  a warning (STATUS_BUFFER_OVERFLOW: ERROR_MORE_DATA) fails the call, yet tells the bytes.
 */
#include <stdio.h>

#include "kernel32/kernel32.h"

static inline PIO_STATUS_BLOCK
OverlappedStatus(LPOVERLAPPED Overlapped)
{
    return (PIO_STATUS_BLOCK)&Overlapped->Internal;
}

/* R2: what the completion port is told, or NULL for no packet. */
static inline PVOID
OverlappedContext(LPOVERLAPPED Overlapped)
{
    return ((ULONG_PTR)Overlapped->hEvent & 1) != 0 ? NULL : Overlapped;
}

static inline HANDLE
OverlappedEvent(LPOVERLAPPED Overlapped)
{
    return (HANDLE)((ULONG_PTR)Overlapped->hEvent & ~(ULONG_PTR)1);
}

/* The kernel may be writing it on another thread: R1. */
static inline DWORD
OverlappedBytes(LPOVERLAPPED Overlapped)
{
    return (DWORD)__atomic_load_n(&Overlapped->InternalHigh, __ATOMIC_RELAXED);
}

static inline VOID
StartOverlapped(LPOVERLAPPED Overlapped)
{
    __atomic_store_n(&Overlapped->Internal, (ULONG_PTR)STATUS_PENDING, __ATOMIC_RELAXED);
}

/* R3 went wrong: says so once. */
static VOID
ReportEarlyWake(VOID)
{
    static BOOLEAN told;

    if (!__atomic_exchange_n(&told, TRUE, __ATOMIC_RELAXED)) {
        fprintf(stderr,
                "ntbox: two calls without an OVERLAPPED at a time on one overlapped handle: on "
                "Windows one of them returns when the other is done; give each an OVERLAPPED\n");
    }
}

/* R3: the final status of a call without an OVERLAPPED. Iosb->Status was STATUS_PENDING. */
static NTSTATUS
AwaitFile(HANDLE File, PIO_STATUS_BLOCK Iosb, NTSTATUS Status)
{
    NTSTATUS final;

    if (Status != STATUS_PENDING) {
        return Status;
    }
    for (;;) {
        Status = NTDLL_CALL(NtWaitForSingleObject)(File, FALSE, NULL);
        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        final = __atomic_load_n(&Iosb->Status, __ATOMIC_ACQUIRE);
        if (final != STATUS_PENDING) {
            return final;
        }
        ReportEarlyWake();
        NtdllHostYield();
    }
}

/*
 * DeviceIoControl - send a control code to a device
 *
 * Returned    without Overlapped it must not be NULL: it is written, as on Windows, even when
 *             there is no output; with Overlapped it may be NULL
 * Overlapped  for handles opened with FILE_FLAG_OVERLAPPED; R1, R2
 *
 * Errors   ERROR_IO_PENDING (it will complete later), ERROR_MORE_DATA (R4), the driver's
 * Source   SDK reference, nf-ioapiset-deviceiocontrol
 */
BOOL WINAPI
DeviceIoControl(HANDLE Device, DWORD Code, LPVOID In, DWORD InLength, LPVOID Out, DWORD OutLength,
                LPDWORD Returned, LPOVERLAPPED Overlapped)
{
    IO_STATUS_BLOCK iosb;
    NTSTATUS status;

    if (Overlapped != NULL) {
        StartOverlapped(Overlapped);
        status = NTDLL_CALL(NtDeviceIoControlFile)(
            Device, OverlappedEvent(Overlapped), NULL, OverlappedContext(Overlapped),
            OverlappedStatus(Overlapped), Code, In, InLength, Out, OutLength);
        if (Returned != NULL && !NT_ERROR(status)) {
            *Returned = OverlappedBytes(Overlapped);
        }
        if (NT_SUCCESS(status) && status != STATUS_PENDING) {
            return TRUE;
        }
        BaseSetLastNtError(status);
        return FALSE;
    }
    iosb.Status = STATUS_PENDING;
    status = NTDLL_CALL(NtDeviceIoControlFile)(Device, NULL, NULL, NULL, &iosb, Code, In, InLength,
                                               Out, OutLength);
    status = AwaitFile(Device, &iosb, status);
    if (NT_SUCCESS(status)) {
        *Returned = (DWORD)iosb.Information;
        return TRUE;
    }
    *Returned = NT_ERROR(status) ? 0 : (DWORD)iosb.Information;
    BaseSetLastNtError(status);
    return FALSE;
}

typedef NTSTATUS BASE_TRANSFER(HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Apc, PVOID ApcContext,
                               PIO_STATUS_BLOCK Iosb, PVOID Buffer, ULONG Length,
                               PLARGE_INTEGER Offset, PULONG Key);

/* Both directions; they differ in the system call alone. */
static inline BOOL
TransferFile(BASE_TRANSFER *Transfer, HANDLE File, PVOID Buffer, DWORD Length, LPDWORD Done,
             LPOVERLAPPED Overlapped)
{
    LARGE_INTEGER offset;
    IO_STATUS_BLOCK iosb;
    NTSTATUS status;

    if (Done != NULL) {
        *Done = 0;
    }
    if (Overlapped != NULL) {
        offset.LowPart = Overlapped->Offset;
        offset.HighPart = (LONG)Overlapped->OffsetHigh;
        StartOverlapped(Overlapped);
        status = Transfer(File, OverlappedEvent(Overlapped), NULL, OverlappedContext(Overlapped),
                          OverlappedStatus(Overlapped), Buffer, Length, &offset, NULL);
        if (Done != NULL && !NT_ERROR(status) && status != STATUS_PENDING) {
            *Done = OverlappedBytes(Overlapped);
        }
        if (NT_SUCCESS(status) && status != STATUS_PENDING) {
            return TRUE;
        }
        BaseSetLastNtError(status);
        return FALSE;
    }
    iosb.Status = STATUS_PENDING;
    status = Transfer(File, NULL, NULL, NULL, &iosb, Buffer, Length, NULL, NULL);
    status = AwaitFile(File, &iosb, status);
    if (NT_SUCCESS(status)) {
        *Done = (DWORD)iosb.Information;
        return TRUE;
    }
    if (status == STATUS_END_OF_FILE) {
        return TRUE; /* nothing read is how a synchronous read tells the end */
    }
    if (!NT_ERROR(status)) {
        *Done = (DWORD)iosb.Information;
    }
    BaseSetLastNtError(status);
    return FALSE;
}

/*
 * ReadFile - read from a device or a standard stream
 *
 * Done     zeroed first; NULL only with Overlapped. A synchronous read at the end of the file
 *          succeeds with 0 bytes; an overlapped one fails with ERROR_HANDLE_EOF.
 * Errors   ERROR_IO_PENDING, ERROR_MORE_DATA (R4), the driver's
 * Source   SDK reference, nf-fileapi-readfile
 */
BOOL WINAPI
ReadFile(HANDLE File, LPVOID Buffer, DWORD Length, LPDWORD Done, LPOVERLAPPED Overlapped)
{
    int stream = BaseStreamOfHandle(File);

    if (stream >= 0) {
        return BaseReadStream(stream, Buffer, Length, Done);
    }
    return TransferFile(NTDLL_CALL(NtReadFile), File, Buffer, Length, Done, Overlapped);
}

/* WriteFile - write to a device or a standard stream; as ReadFile */
BOOL WINAPI
WriteFile(HANDLE File, LPCVOID Buffer, DWORD Length, LPDWORD Done, LPOVERLAPPED Overlapped)
{
    int stream = BaseStreamOfHandle(File);

    if (stream >= 0) {
        return BaseWriteStream(stream, Buffer, Length, Done);
    }
    return TransferFile(NTDLL_CALL(NtWriteFile), File, (PVOID)Buffer, Length, Done, Overlapped);
}

/* The kernel's APC routine of ReadFileEx and WriteFileEx; Context is the program's routine. */
static VOID NTAPI
CallCompletionRoutine(PVOID Context, PIO_STATUS_BLOCK Iosb, ULONG Reserved)
{
    LPOVERLAPPED_COMPLETION_ROUTINE routine = (LPOVERLAPPED_COMPLETION_ROUTINE)(ULONG_PTR)Context;
    LPOVERLAPPED overlapped = CONTAINING_RECORD(Iosb, OVERLAPPED, Internal);
    DWORD error = NT_ERROR(Iosb->Status) ? RtlNtStatusToDosError(Iosb->Status) : ERROR_SUCCESS;

    routine(error, error == ERROR_SUCCESS ? OverlappedBytes(overlapped) : 0, overlapped);
}

static BOOL
TransferWithRoutine(BASE_TRANSFER *Transfer, HANDLE File, PVOID Buffer, DWORD Length,
                    LPOVERLAPPED Overlapped, LPOVERLAPPED_COMPLETION_ROUTINE Routine)
{
    LARGE_INTEGER offset;
    NTSTATUS status;

    if (BaseStreamOfHandle(File) >= 0 || Overlapped == NULL || Routine == NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    offset.LowPart = Overlapped->Offset;
    offset.HighPart = (LONG)Overlapped->OffsetHigh;
    StartOverlapped(Overlapped);
    status = Transfer(File, NULL, CallCompletionRoutine, (PVOID)(ULONG_PTR)Routine,
                      OverlappedStatus(Overlapped), Buffer, Length, &offset, NULL);
    if (status == STATUS_NOT_SUPPORTED) {
        return BaseFail(ERROR_INVALID_PARAMETER); /* the file was opened for synchronous calls */
    }
    if (NT_ERROR(status)) {
        return BaseResult(status);
    }
    SetLastError(ERROR_SUCCESS);
    return TRUE;
}

/*
 * ReadFileEx - read, and be called when it is done
 *
 * Overlapped  hEvent is the program's own
 * Routine     runs on the calling thread, in an alertable wait of it (SleepEx, WaitFor...Ex)
 *
 * Errors   ERROR_INVALID_PARAMETER (a handle that was not opened for overlapped calls, or has a
 *          completion port), the driver's when it failed at once: then Routine is not called
 * Source   SDK reference, nf-fileapi-readfileex
 */
BOOL WINAPI
ReadFileEx(HANDLE File, LPVOID Buffer, DWORD Length, LPOVERLAPPED Overlapped,
           LPOVERLAPPED_COMPLETION_ROUTINE Routine)
{
    return TransferWithRoutine(NTDLL_CALL(NtReadFile), File, Buffer, Length, Overlapped, Routine);
}

/* WriteFileEx - as ReadFileEx */
BOOL WINAPI
WriteFileEx(HANDLE File, LPCVOID Buffer, DWORD Length, LPOVERLAPPED Overlapped,
            LPOVERLAPPED_COMPLETION_ROUTINE Routine)
{
    return TransferWithRoutine(NTDLL_CALL(NtWriteFile), File, (PVOID)Buffer, Length, Overlapped,
                               Routine);
}

/* The common end of GetOverlappedResult and its Ex form. */
static BOOL
FinishOverlapped(LPOVERLAPPED Overlapped, LPDWORD Done)
{
    NTSTATUS status = (NTSTATUS)__atomic_load_n(&Overlapped->Internal, __ATOMIC_ACQUIRE);

    *Done = OverlappedBytes(Overlapped);
    return BaseResult(status);
}

/*
 * GetOverlappedResult - the outcome of an overlapped call
 *
 * Wait     TRUE: waits on the OVERLAPPED's event, or without one on the file
 * Errors   ERROR_IO_INCOMPLETE (still pending, Wait FALSE), the request's own
 */
BOOL WINAPI
GetOverlappedResult(HANDLE File, LPOVERLAPPED Overlapped, LPDWORD Done, BOOL Wait)
{
    return GetOverlappedResultEx(File, Overlapped, Done, Wait ? INFINITE : 0, FALSE);
}

/* GetOverlappedResultEx - the same with a time limit; WAIT_TIMEOUT when it passes */
BOOL WINAPI
GetOverlappedResultEx(HANDLE File, LPOVERLAPPED Overlapped, LPDWORD Done, DWORD Milliseconds,
                      BOOL Alertable)
{
    HANDLE event = OverlappedEvent(Overlapped);
    DWORD result;

    if (__atomic_load_n(&Overlapped->Internal, __ATOMIC_ACQUIRE) != (ULONG_PTR)STATUS_PENDING) {
        return FinishOverlapped(Overlapped, Done);
    }
    if (Milliseconds == 0) {
        return BaseFail(ERROR_IO_INCOMPLETE);
    }
    result = WaitForSingleObjectEx(event != NULL ? event : File, Milliseconds, Alertable);
    if (result == WAIT_OBJECT_0) {
        return FinishOverlapped(Overlapped, Done);
    }
    if (result != WAIT_FAILED) {
        BaseFail(result); /* WAIT_TIMEOUT or WAIT_IO_COMPLETION */
    }
    return FALSE;
}

/* CancelIo - the calling thread's requests on File; TRUE even when there are none */
BOOL WINAPI
CancelIo(HANDLE File)
{
    IO_STATUS_BLOCK iosb;

    return BaseResult(NTDLL_CALL(NtCancelIoFile)(File, &iosb));
}

/* CancelIoEx - any thread's requests on File, or the one; ERROR_NOT_FOUND when there is none */
BOOL WINAPI
CancelIoEx(HANDLE File, LPOVERLAPPED Overlapped)
{
    IO_STATUS_BLOCK iosb;

    return BaseResult(NTDLL_CALL(NtCancelIoFileEx)(
        File, Overlapped != NULL ? OverlappedStatus(Overlapped) : NULL, &iosb));
}

/* CancelSynchronousIo - what Thread is blocked in; ERROR_NOT_FOUND when that is nothing */
BOOL WINAPI
CancelSynchronousIo(HANDLE Thread)
{
    IO_STATUS_BLOCK iosb;

    return BaseResult(NTDLL_CALL(NtCancelSynchronousIoFile)(Thread, NULL, &iosb));
}
