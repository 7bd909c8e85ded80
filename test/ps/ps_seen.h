/* SPDX-License-Identifier: MIT
 *
 * ps_seen.h - notify routines that write down what they saw
 */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "ps_test.h"

#pragma GCC diagnostic ignored "-Wunused-function"

/* What the routines saw, as text. */
static char Seen[4096];

__attribute__((format(printf, 1, 2))) static VOID
Note(const char *Format, ...)
{
    size_t length = strlen(Seen);
    va_list arguments;

    va_start(arguments, Format);
    vsnprintf(Seen + length, sizeof(Seen) - length, Format, arguments);
    va_end(arguments);
}

static const char *
Narrow(PCUNICODE_STRING Text)
{
    static char buffer[4][256];
    static int next;
    char *text = buffer[next++ % 4];
    ULONG i = 0;

    if (Text == NULL) {
        return "NULL";
    }
    for (; i < Text->Length / sizeof(WCHAR) && i < 255; ++i) {
        text[i] = Text->Buffer[i] < 0x80 ? (char)Text->Buffer[i] : '?';
    }
    text[i] = 0;
    return text;
}

static VOID NTAPI
OnProcess(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create)
{
    NT_EXPECT_EQ(KiCurrentIrql(), PASSIVE_LEVEL);
    Note("%s %u<%u in %u.%u;", Create ? "create" : "exit", HandleToULong(ProcessId),
         HandleToULong(ParentId), HandleToULong(PsGetCurrentProcessId()),
         HandleToULong(PsGetCurrentThreadId()));
}

static VOID NTAPI
OnProcessEx(PEPROCESS Process, HANDLE ProcessId, PPS_CREATE_NOTIFY_INFO Info)
{
    NT_EXPECT_EQ(PsGetProcessId(Process), ProcessId);
    if (Info == NULL) {
        Note("exit %u status %d;", HandleToULong(ProcessId), (int)PsGetProcessExitStatus(Process));
        return;
    }
    NT_EXPECT_EQ(Info->Size, sizeof(*Info));
    NT_EXPECT_EQ(Info->FileObject, NULL);
    Note("create %u %s '%s' by %u.%u flags %u;", HandleToULong(ProcessId),
         Narrow(Info->ImageFileName), Narrow(Info->CommandLine),
         HandleToULong(Info->CreatingThreadId.UniqueProcess),
         HandleToULong(Info->CreatingThreadId.UniqueThread), (unsigned)Info->Flags);
}

static VOID NTAPI
OnImage(PUNICODE_STRING Name, HANDLE ProcessId, PIMAGE_INFO Info)
{
    Note("image %s in %u/%u at %llx+%llx%s;", Narrow(Name), HandleToULong(ProcessId),
         HandleToULong(PsGetCurrentProcessId()), (unsigned long long)(ULONG_PTR)Info->ImageBase,
         (unsigned long long)Info->ImageSize, Info->SystemModeImage ? " system" : "");
}

static VOID NTAPI
OnMachine(NTBOX_MACHINE_EVENT Event, ULONG64 Value)
{
    static const char *const names[] = {"?", "lost", "ended", "unavailable"};

    Note("%s %llu;", names[Event], (unsigned long long)Value);
}
