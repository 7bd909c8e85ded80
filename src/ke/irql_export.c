/* SPDX-License-Identifier: MIT
 *
 * ke/irql_export.c - the routines that the DDK's AMD64 headers have inline, as exports
 *
 * Drivers find them with MmGetSystemRoutineAddress, or were compiled against other headers. The
 * headers' inline ones are renamed while they are read, so that the names are free here.
 */
#define KeGetCurrentIrql KiInlineGetCurrentIrql
#define KeLowerIrql KiInlineLowerIrql
#define KfRaiseIrql KiInlineRaiseIrql
#define KeRaiseIrqlToDpcLevel KiInlineRaiseIrqlToDpcLevel
#define KeRaiseIrqlToSynchLevel KiInlineRaiseIrqlToSynchLevel
#define KeGetCurrentThread KiInlineGetCurrentThread
#define KeInitializeSpinLock KiInlineInitializeSpinLock
#define PsGetCurrentThread KiInlinePsGetCurrentThread
#include "ke/ki.h"
#undef KeGetCurrentIrql
#undef KeLowerIrql
#undef KfRaiseIrql
#undef KeRaiseIrqlToDpcLevel
#undef KeRaiseIrqlToSynchLevel
#undef KeGetCurrentThread
#undef KeInitializeSpinLock
#undef PsGetCurrentThread

#pragma GCC visibility push(default)

KIRQL KeGetCurrentIrql(VOID);
VOID KeLowerIrql(KIRQL NewIrql);
KIRQL KfRaiseIrql(KIRQL NewIrql);
KIRQL KeRaiseIrqlToDpcLevel(VOID);
KIRQL KeRaiseIrqlToSynchLevel(VOID);
PKTHREAD KeGetCurrentThread(VOID);
PETHREAD PsGetCurrentThread(VOID);
VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock);

KIRQL
KeGetCurrentIrql(VOID)
{
    return KiCurrentIrql();
}

VOID
KeLowerIrql(KIRQL NewIrql)
{
    KiLowerIrql(NewIrql);
}

KIRQL
KfRaiseIrql(KIRQL NewIrql)
{
    return KiRaiseIrql(NewIrql);
}

KIRQL
KeRaiseIrqlToDpcLevel(VOID)
{
    return KiRaiseIrql(DISPATCH_LEVEL);
}

KIRQL
KeRaiseIrqlToSynchLevel(VOID)
{
    return KiRaiseIrql(12);
}

PKTHREAD
KeGetCurrentThread(VOID)
{
    return KiGetCurrentThread();
}

PETHREAD
PsGetCurrentThread(VOID)
{
    return (PETHREAD)KiGetCurrentThread();
}

VOID
KeInitializeSpinLock(PKSPIN_LOCK SpinLock)
{
    *SpinLock = 0;
}

#pragma GCC visibility pop
