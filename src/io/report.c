/* SPDX-License-Identifier: MIT
 *
 * io/report.c - IRPs and devices in words, for logs and bugcheck reports
 *
 * What is described may be garbage: it is copied with HalpCopyMemory before it is looked at.
 */
#include "io/iop.h"
#include <stdio.h>

typedef struct IOP_TEXT {
    char *Buffer;
    SIZE_T Size;
    SIZE_T Length;
} IOP_TEXT;

static VOID __attribute__((format(printf, 2, 3))) IopAppend(IOP_TEXT *Text, const char *Format, ...)
{
    va_list arguments;
    int length;

    if (Text->Length + 1 >= Text->Size) {
        return;
    }
    va_start(arguments, Format);
    length = vsnprintf(Text->Buffer + Text->Length, Text->Size - Text->Length, Format, arguments);
    va_end(arguments);
    if (length > 0) {
        Text->Length += (SIZE_T)length;
        if (Text->Length >= Text->Size) {
            Text->Length = Text->Size - 1;
        }
    }
}

VOID
IopLog(const char *Format, ...)
{
    char buffer[1024];
    va_list arguments;
    int length;

    va_start(arguments, Format);
    memcpy(buffer, "io: ", 4);
    length = vsnprintf(buffer + 4, sizeof(buffer) - 5, Format, arguments);
    va_end(arguments);
    if (length < 0) {
        return;
    }
    length += 4;
    if ((SIZE_T)length > sizeof(buffer) - 2) {
        length = sizeof(buffer) - 2;
    }
    buffer[length++] = '\n';
    HalpWriteLog(buffer, (SIZE_T)length);
}

VOID
IopNarrow(PCUNICODE_STRING Name, char *Buffer, SIZE_T Size)
{
    SIZE_T i;
    SIZE_T count = Name->Buffer != NULL ? Name->Length / sizeof(WCHAR) : 0;

    for (i = 0; i < count && i + 1 < Size; ++i) {
        Buffer[i] = Name->Buffer[i] < 0x80 ? (char)Name->Buffer[i] : '?';
    }
    Buffer[i] = '\0';
}

static const char *
IopMajorName(UCHAR Major)
{
    static const char *const names[] = {
        "CREATE",
        "CREATE_NAMED_PIPE",
        "CLOSE",
        "READ",
        "WRITE",
        "QUERY_INFORMATION",
        "SET_INFORMATION",
        "QUERY_EA",
        "SET_EA",
        "FLUSH_BUFFERS",
        "QUERY_VOLUME_INFORMATION",
        "SET_VOLUME_INFORMATION",
        "DIRECTORY_CONTROL",
        "FILE_SYSTEM_CONTROL",
        "DEVICE_CONTROL",
        "INTERNAL_DEVICE_CONTROL",
        "SHUTDOWN",
        "LOCK_CONTROL",
        "CLEANUP",
        "CREATE_MAILSLOT",
        "QUERY_SECURITY",
        "SET_SECURITY",
        "POWER",
        "SYSTEM_CONTROL",
        "DEVICE_CHANGE",
        "QUERY_QUOTA",
        "SET_QUOTA",
        "PNP",
    };

    return Major < sizeof(names) / sizeof(names[0]) ? names[Major] : "unknown";
}

static VOID
IopAppendAddress(IOP_TEXT *Text, ULONG_PTR Address)
{
    HALP_SYMBOL symbol;
    const char *file;

    if (Address == 0) {
        return;
    }
    /* A return address belongs to the call before it. */
    if (!HalpDescribeAddress(Address - 1, &symbol)) {
        IopAppend(Text, " at %p", (void *)Address);
    } else if (symbol.File[0] != '\0') {
        file = strrchr(symbol.File, '/');
        IopAppend(Text, " in %s (%s:%u)", symbol.Function, file != NULL ? file + 1 : symbol.File,
                  symbol.Line);
    } else {
        IopAppend(Text, " in %s!%s+0x%llx", symbol.Module, symbol.Function,
                  (unsigned long long)symbol.Offset);
    }
}

static VOID
IopAppendEvent(IOP_TEXT *Text, const IOP_IRP_EVENT *Event)
{
    switch (Event->Kind) {
    case IopEventAllocated:
        IopAppend(Text, "; allocated");
        break;
    case IopEventCalled:
        IopAppend(Text, "; sent to device %p as IRP_MJ_%s", (void *)Event->Argument,
                  IopMajorName(Event->Major));
        break;
    case IopEventCompleted:
        IopAppend(Text, "; completed with 0x%08x", (unsigned)Event->Argument);
        break;
    case IopEventKept:
        IopAppend(Text, "; kept by completion routine");
        break;
    case IopEventCanceled:
        IopAppend(Text, "; cancelled");
        break;
    case IopEventReused:
        IopAppend(Text, "; made ready for reuse");
        break;
    case IopEventFreed:
        IopAppend(Text, "; freed");
        break;
    default:
        return;
    }
    IopAppendAddress(Text, Event->Caller);
    IopAppend(Text, " by thread %p", (void *)Event->Thread);
}

static VOID
IopAppendHistory(IOP_TEXT *Text, const IOP_IRP *Header)
{
    ULONG count = Header->HistoryCount;
    ULONG first = count > IOP_IRP_HISTORY ? count - IOP_IRP_HISTORY : 0;
    ULONG i;

    /* The newest first: a report may be cut. */
    for (i = count; i > first; --i) {
        IopAppendEvent(Text, &Header->History[(i - 1) % IOP_IRP_HISTORY]);
    }
    if (first != 0) {
        IopAppend(Text, "; %u earlier events", first);
    }
}

VOID
IopDescribeIrp(PIRP Irp, char *Buffer, SIZE_T Size)
{
    static const char *const states[] = {"free",     "not sent",  "with a driver",
                                         "returned", "completed", "in a completion port"};
    IOP_TEXT text = {Buffer, Size, 0};
    IOP_IRP copy;
    uintptr_t fault;

    if (Size == 0) {
        return;
    }
    Buffer[0] = '\0';
    if (Irp == NULL || HalpCopyMemory(&copy.Irp, Irp, sizeof(IRP), &fault) != HALP_OK ||
        copy.Irp.Type != IO_TYPE_IRP || !(copy.Irp.AllocationFlags & IOP_IRP_HAS_HEADER) ||
        HalpCopyMemory(&copy, CONTAINING_RECORD(Irp, IOP_IRP, Irp), sizeof(copy), &fault) !=
            HALP_OK ||
        copy.Signature != IOP_IRP_SIGNATURE) {
        return;
    }
    IopAppend(&text, "IRP %p, %s, location %d of %d; newest event first", (void *)Irp,
              copy.State < sizeof(states) / sizeof(states[0]) ? states[copy.State] : "damaged",
              copy.Irp.CurrentLocation, copy.Irp.StackCount);
    IopAppendHistory(&text, &copy);
}

VOID
IopIrpBugCheck(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, PIRP Irp, const char *Text)
{
    static char history[2048]; /* one bugcheck a process; not on what may be a small stack */

    IopDescribeIrp(Irp, history, sizeof(history));
    KiBugCheckDetail(Code, P1, P2, (ULONG_PTR)Irp, 0, "%s. %s", Text, history);
}
