/* SPDX-License-Identifier: MIT
 *
 * ex/raise.c - raising exceptions on purpose
 *
 * Source: WDK reference, wdm.h ExRaiseStatus, ntddk.h ExRaiseAccessViolation,
 * ExRaiseDatatypeMisalignment.
 */
#include "ex/ex.h"

#include <ntbox/eh.h>

#define EXP_BUGCHECK_NOT_HANDLED 0x1E
#define EXP_NONCONTINUABLE 1

static DECLSPEC_NORETURN VOID
ExpRaise(NTSTATUS Status, ULONG_PTR Caller)
{
    NtcrtRaise((uint32_t)Status, EXP_NONCONTINUABLE, (PVOID)Caller, 0, NULL);
    KiBugCheckDetail(EXP_BUGCHECK_NOT_HANDLED, (ULONG_PTR)(LONG_PTR)Status, Caller, 0, 0,
                     "The exception %#x was raised and no __try block around the call takes it.",
                     (unsigned)Status);
}

#pragma GCC visibility push(default)

/* IRQL <= APC_LEVEL. */
DECLSPEC_NORETURN VOID NTAPI
ExRaiseStatus(NTSTATUS Status)
{
    NT_ENTER(ExRaiseStatus);
    ExpRaise(Status, NT_CALLER());
}

DECLSPEC_NORETURN VOID NTAPI
ExRaiseAccessViolation(VOID)
{
    NT_ENTER(ExRaiseAccessViolation);
    ExpRaise(STATUS_ACCESS_VIOLATION, NT_CALLER());
}

DECLSPEC_NORETURN VOID NTAPI
ExRaiseDatatypeMisalignment(VOID)
{
    NT_ENTER(ExRaiseDatatypeMisalignment);
    ExpRaise(STATUS_DATATYPE_MISALIGNMENT, NT_CALLER());
}

KPROCESSOR_MODE NTAPI
ExGetPreviousMode(VOID)
{
    NT_ENTER(ExGetPreviousMode);
    return KiGetCurrentThread()->PreviousMode;
}

#pragma GCC visibility pop
