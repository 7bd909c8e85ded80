/* SPDX-License-Identifier: MIT
 *
 * io/zw.c - the services called by the kernel: PreviousMode is KernelMode meanwhile
 *
 * Source   WDK reference, "PreviousMode", "Using Nt and Zw Versions of the Native System Services
 *          Routines". ZwCreateFile and ZwOpenFile are in open.c.
 */
#include "io/iop.h"

#pragma GCC visibility push(default)

NTSTATUS NTAPI
ZwReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
           PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
           PULONG Key)
{
    NT_ENTER(ZwReadFile);
    return OBP_ZW(NtReadFile(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer,
                             Length, ByteOffset, Key));
}

NTSTATUS NTAPI
ZwWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
            PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
            PULONG Key)
{
    NT_ENTER(ZwWriteFile);
    return OBP_ZW(NtWriteFile(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer,
                              Length, ByteOffset, Key));
}

NTSTATUS NTAPI
ZwDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                      PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer,
                      ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    NT_ENTER(ZwDeviceIoControlFile);
    return OBP_ZW(NtDeviceIoControlFile(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock,
                                        IoControlCode, InputBuffer, InputBufferLength, OutputBuffer,
                                        OutputBufferLength));
}

NTSTATUS NTAPI
ZwFsControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                PIO_STATUS_BLOCK IoStatusBlock, ULONG FsControlCode, PVOID InputBuffer,
                ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    NT_ENTER(ZwFsControlFile);
    return OBP_ZW(NtFsControlFile(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock,
                                  FsControlCode, InputBuffer, InputBufferLength, OutputBuffer,
                                  OutputBufferLength));
}

NTSTATUS NTAPI
ZwFlushBuffersFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock)
{
    NT_ENTER(ZwFlushBuffersFile);
    return OBP_ZW(NtFlushBuffersFile(FileHandle, IoStatusBlock));
}

NTSTATUS NTAPI
ZwQueryInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                       ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    NT_ENTER(ZwQueryInformationFile);
    return OBP_ZW(NtQueryInformationFile(FileHandle, IoStatusBlock, FileInformation, Length,
                                         FileInformationClass));
}

NTSTATUS NTAPI
ZwSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                     ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    NT_ENTER(ZwSetInformationFile);
    return OBP_ZW(NtSetInformationFile(FileHandle, IoStatusBlock, FileInformation, Length,
                                       FileInformationClass));
}

NTSTATUS NTAPI
ZwCancelIoFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock)
{
    NT_ENTER(ZwCancelIoFile);
    return OBP_ZW(NtCancelIoFile(FileHandle, IoStatusBlock));
}

NTSTATUS NTAPI
ZwCancelIoFileEx(HANDLE Handle, PIO_STATUS_BLOCK Request, PIO_STATUS_BLOCK Iosb)
{
    NT_ENTER(ZwCancelIoFileEx);
    return OBP_ZW(NtCancelIoFileEx(Handle, Request, Iosb));
}

#pragma GCC visibility pop
