/* SPDX-License-Identifier: MIT
 *
 * io/reparse.c - opens that a driver sends on to another name
 *
 * A driver gives the file object of an IRP_MJ_CREATE another name and completes the request with
 * STATUS_REPARSE and IO_REPARSE: the open begins anew, with that name, from the root. The file
 * object was not opened; it goes without CLEANUP and CLOSE.
 *
 * Source   WDK reference, ntifs.h IoReplaceFileObjectName; ntddk.h IoCancelFileOpen
 */
#include "io/iop.h"

NTSTATUS
IopTakeReparse(PFILE_OBJECT File, ULONG_PTR Information, IOP_OPEN_PACKET *Packet)
{
    switch (Information) {
    case IO_REPARSE:
        Packet->Reparsed = TRUE;
        Packet->NewName = File->FileName;
        RtlZeroMemory(&File->FileName, sizeof(File->FileName));
        return STATUS_REPARSE_POINT_NOT_RESOLVED;
    case IO_REMOUNT:
    case IO_REPARSE_TAG_MOUNT_POINT:
    case IO_REPARSE_TAG_SYMLINK:
        IopLog("a driver answered IRP_MJ_CREATE with STATUS_REPARSE and 0x%llx (remount, mount "
               "point or symbolic link), which ntbox does not follow",
               (unsigned long long)Information);
        return STATUS_NOT_SUPPORTED;
    default:
        return STATUS_IO_REPARSE_TAG_NOT_HANDLED;
    }
}

#pragma GCC visibility push(default)

/*
 * IoReplaceFileObjectName - give a file object another name
 *
 * For drivers that answer IRP_MJ_CREATE with STATUS_REPARSE.
 *
 * NewFileName     copied; need not be terminated
 * FileNameLength  bytes
 *
 * Errors   STATUS_INVALID_PARAMETER: the file object has no name to replace;
 *          STATUS_INSUFFICIENT_RESOURCES: the old name stays
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-ioreplacefileobjectname
 */
NTSTATUS NTAPI
IoReplaceFileObjectName(PFILE_OBJECT FileObject, PWSTR NewFileName, USHORT FileNameLength)
{
    NT_ENTER(IoReplaceFileObjectName);
    PUNICODE_STRING name = &FileObject->FileName;

    if (name->Buffer == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (name->MaximumLength < FileNameLength) {
        PWSTR buffer = ExpAllocatePool(PagedPool, FileNameLength, IOP_TAG_NAME, NT_CALLER());

        if (buffer == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        memcpy(buffer, NewFileName, FileNameLength);
        ExFreePool(name->Buffer);
        name->Buffer = buffer;
        name->MaximumLength = FileNameLength;
    } else {
        memmove(name->Buffer, NewFileName, FileNameLength); /* it may be a part of the old name */
    }
    name->Length = FileNameLength;
    return STATUS_SUCCESS;
}

#pragma GCC visibility pop
