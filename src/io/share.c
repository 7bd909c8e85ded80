/* SPDX-License-Identifier: MIT
 *
 * io/share.c - share access: which opens of a file go together
 *
 * The caller serialises: SHARE_ACCESS is the driver's, usually in its extension.
 *
 * Source   WDK reference, wdm.h IoCheckShareAccess, IoSetShareAccess, IoUpdateShareAccess.
 */
#include "io/iop.h"

/* Takes from the open what counts; TRUE: it reads, writes or deletes at all. */
static BOOLEAN
IopNoteAccess(PFILE_OBJECT File, ACCESS_MASK DesiredAccess, ULONG DesiredShareAccess)
{
    File->ReadAccess = (DesiredAccess & (FILE_EXECUTE | FILE_READ_DATA)) != 0;
    File->WriteAccess = (DesiredAccess & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
    File->DeleteAccess = (DesiredAccess & DELETE) != 0;
    if (!File->ReadAccess && !File->WriteAccess && !File->DeleteAccess) {
        return FALSE;
    }
    File->SharedRead = (DesiredShareAccess & FILE_SHARE_READ) != 0;
    File->SharedWrite = (DesiredShareAccess & FILE_SHARE_WRITE) != 0;
    File->SharedDelete = (DesiredShareAccess & FILE_SHARE_DELETE) != 0;
    return TRUE;
}

static VOID
IopCountShare(PFILE_OBJECT File, PSHARE_ACCESS Share, LONG Step)
{
    Share->OpenCount += (ULONG)Step;
    Share->Readers += File->ReadAccess ? (ULONG)Step : 0;
    Share->Writers += File->WriteAccess ? (ULONG)Step : 0;
    Share->Deleters += File->DeleteAccess ? (ULONG)Step : 0;
    Share->SharedRead += File->SharedRead ? (ULONG)Step : 0;
    Share->SharedWrite += File->SharedWrite ? (ULONG)Step : 0;
    Share->SharedDelete += File->SharedDelete ? (ULONG)Step : 0;
}

#pragma GCC visibility push(default)

/*
 * IoCheckShareAccess - may this open go together with those before?
 *
 * Update   count it if so
 *
 * Returns  STATUS_SUCCESS, STATUS_SHARING_VIOLATION; sets the file object's access members
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-iocheckshareaccess
 */
NTSTATUS NTAPI
IoCheckShareAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShareAccess, PFILE_OBJECT FileObject,
                   PSHARE_ACCESS ShareAccess, BOOLEAN Update)
{
    NT_ENTER(IoCheckShareAccess);
    ULONG open = ShareAccess->OpenCount;

    if (!IopNoteAccess(FileObject, DesiredAccess, DesiredShareAccess)) {
        return STATUS_SUCCESS;
    }
    if ((FileObject->ReadAccess && ShareAccess->SharedRead < open) ||
        (FileObject->WriteAccess && ShareAccess->SharedWrite < open) ||
        (FileObject->DeleteAccess && ShareAccess->SharedDelete < open) ||
        (ShareAccess->Readers != 0 && !FileObject->SharedRead) ||
        (ShareAccess->Writers != 0 && !FileObject->SharedWrite) ||
        (ShareAccess->Deleters != 0 && !FileObject->SharedDelete)) {
        return STATUS_SHARING_VIOLATION;
    }
    if (Update) {
        IopCountShare(FileObject, ShareAccess, 1);
    }
    return STATUS_SUCCESS;
}

/* The first open of a file. PASSIVE_LEVEL. Source: WDK reference, nf-wdm-iosetshareaccess */
VOID NTAPI
IoSetShareAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShareAccess, PFILE_OBJECT FileObject,
                 PSHARE_ACCESS ShareAccess)
{
    NT_ENTER(IoSetShareAccess);
    RtlZeroMemory(ShareAccess, sizeof(*ShareAccess));
    if (IopNoteAccess(FileObject, DesiredAccess, DesiredShareAccess)) {
        IopCountShare(FileObject, ShareAccess, 1);
    }
}

/* Counts an open that was checked with Update FALSE. PASSIVE_LEVEL. */
VOID NTAPI
IoUpdateShareAccess(PFILE_OBJECT FileObject, PSHARE_ACCESS ShareAccess)
{
    NT_ENTER(IoUpdateShareAccess);
    if (FileObject->ReadAccess || FileObject->WriteAccess || FileObject->DeleteAccess) {
        IopCountShare(FileObject, ShareAccess, 1);
    }
}

/* One open less. PASSIVE_LEVEL. */
VOID NTAPI
IoRemoveShareAccess(PFILE_OBJECT FileObject, PSHARE_ACCESS ShareAccess)
{
    NT_ENTER(IoRemoveShareAccess);
    if (FileObject->ReadAccess || FileObject->WriteAccess || FileObject->DeleteAccess) {
        IopCountShare(FileObject, ShareAccess, -1);
    }
}

#pragma GCC visibility pop
