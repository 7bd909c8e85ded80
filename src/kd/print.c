/* SPDX-License-Identifier: MIT
 *
 * kd/print.c - DbgPrint and its family
 *
 * A call writes at most 512 bytes, as documented, in one piece: messages of two threads do not
 * mix. Safe at any IRQL: no lock, no allocation, a buffer on the stack. KdPrint and KdPrintEx are
 * macros of the DDK over these.
 *
 * Source  WDK reference, wdm.h DbgPrint, DbgPrintEx, vDbgPrintEx, vDbgPrintExWithPrefix.
 */
#include "kd/kdp.h"
#include "ntcrt.h"
#include <dpfilter.h>

#define KDP_MESSAGE 512

static ULONG
KdpPrint(const char *Prefix, ULONG ComponentId, ULONG Level, const char *Format, va_list Arguments)
{
    char text[KDP_MESSAGE + 1];
    size_t length = strnlen(Prefix, KDP_MESSAGE);
    int written;

    if (!KdpIsShown(ComponentId, Level)) {
        return STATUS_SUCCESS;
    }
    memcpy(text, Prefix, length);
    written = NtcrtFormatA(text + length, sizeof(text) - length, Format, Arguments);
    length += written < 0 ? strlen(text + length) : min((size_t)written, sizeof(text) - length - 1);
    HalpWriteLog(text, length);
    return STATUS_SUCCESS;
}

#pragma GCC visibility push(default)

/* Differs: shown by default (component DEFAULT, information level); see kd/filter.c. */
ULONG __cdecl DbgPrint(PCSTR Format, ...)
{
    va_list arguments;
    ULONG status;

    va_start(arguments, Format);
    status = KdpPrint("", DPFLTR_DEFAULT_ID, DPFLTR_INFO_LEVEL, Format, arguments);
    va_end(arguments);
    return status;
}

ULONG __cdecl DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)
{
    va_list arguments;
    ULONG status;

    va_start(arguments, Format);
    status = KdpPrint("", ComponentId, Level, Format, arguments);
    va_end(arguments);
    return status;
}

ULONG __cdecl DbgPrintReturnControlC(PCCH Format, ...)
{
    va_list arguments;
    ULONG status;

    va_start(arguments, Format);
    status = KdpPrint("", DPFLTR_DEFAULT_ID, DPFLTR_INFO_LEVEL, Format, arguments);
    va_end(arguments);
    return status;
}

ULONG NTAPI
vDbgPrintEx(ULONG ComponentId, ULONG Level, PCCH Format, va_list ap)
{
    return KdpPrint("", ComponentId, Level, Format, ap);
}

ULONG NTAPI
vDbgPrintExWithPrefix(PCCH Prefix, ULONG ComponentId, ULONG Level, PCCH Format, va_list ap)
{
    return KdpPrint(Prefix, ComponentId, Level, Format, ap);
}

/* TRUE: no kernel debugger; there never is one. */
BOOLEAN NTAPI
KdRefreshDebuggerNotPresent(VOID)
{
    return TRUE;
}

BOOLEAN KdDebuggerNotPresent = TRUE;
BOOLEAN KdDebuggerEnabled = FALSE;

NTSTATUS NTAPI
KdDisableDebugger(VOID)
{
    return STATUS_DEBUGGER_INACTIVE;
}

NTSTATUS NTAPI
KdEnableDebugger(VOID)
{
    return STATUS_DEBUGGER_INACTIVE;
}

#pragma GCC visibility pop
