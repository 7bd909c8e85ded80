/* SPDX-License-Identifier: MIT
 *
 * ke/stack.c - room on the stack, and the processor state that a routine may use
 *
 * Threads have the host's stacks, which are far larger than what a driver may ask for. Calls follow
 * the host's convention: a routine that uses floating-point or vector registers spoils only what
 * its caller expects to be spoiled, so that nothing but the control words of x87 and SSE has to be
 * saved.
 *
 * Source   WDK reference, ntddk.h KeExpandKernelStackAndCallout(Ex); wdm.h
 *          KeSaveFloatingPointState, KeSaveExtendedProcessorState
 */
#include "ke/ki.h"

#define KI_STACK_RESERVE 0x4000 /* for what the callout's own calls of the kernel need */

/* The masks of the WDK have a suffix that C compilers do not know. */
#define KI_STATE_X87 (1ull << XSTATE_LEGACY_FLOATING_POINT)
#define KI_STATE_SSE (1ull << XSTATE_LEGACY_SSE | 1ull << XSTATE_GSSE)

#define KI_X87_SHIFT 16 /* of the x87 control word; MXCSR lies below it */

/* MXCSR and the x87 control word in one ULONG. */
static ULONG
KiReadFloatControl(VOID)
{
    USHORT word;

    __asm__ volatile("fnstcw %0" : "=m"(word));
    return (ULONG)word << KI_X87_SHIFT | (USHORT)__builtin_ia32_stmxcsr();
}

static VOID
KiWriteX87Control(USHORT Word)
{
    /* Flags of past exceptions would raise those that the new word does not mask. */
    __asm__ volatile("fnclex\n\tfldcw %0" : : "m"(Word));
}

static VOID
KiWriteSseControl(USHORT Control)
{
    __builtin_ia32_ldmxcsr(Control);
}

static NTSTATUS
KiCallOnStack(PEXPAND_STACK_CALLOUT Callout, PVOID Parameter, SIZE_T Size)
{
    uintptr_t low;
    uintptr_t high;

    if (Size > MAXIMUM_EXPANSION_SIZE) {
        return STATUS_INVALID_PARAMETER_3;
    }
    HalpStackLimits(&low, &high);
    if ((uintptr_t)__builtin_frame_address(0) - low < Size + KI_STACK_RESERVE) {
        return STATUS_NO_MEMORY;
    }
    Callout(Parameter);
    return STATUS_SUCCESS;
}

#pragma GCC visibility push(default)

/*
 * KeExpandKernelStackAndCallout - call Callout with Size bytes of stack
 *
 * Errors   STATUS_INVALID_PARAMETER_3 (more than MAXIMUM_EXPANSION_SIZE), STATUS_NO_MEMORY (there
 *          is not that much left): Callout was not called
 * IRQL     <= APC_LEVEL
 * Differs  the stack is never changed: it has the room, or it has not
 * Source   WDK reference, nf-ntddk-keexpandkernelstackandcallout
 */
NTSTATUS NTAPI
KeExpandKernelStackAndCallout(PEXPAND_STACK_CALLOUT Callout, PVOID Parameter, SIZE_T Size)
{
    NT_ENTER(KeExpandKernelStackAndCallout);
    return KiCallOnStack(Callout, Parameter, Size);
}

/*
 * KeExpandKernelStackAndCalloutEx - the same at <= DISPATCH_LEVEL
 *
 * Errors   also STATUS_INVALID_PARAMETER_4: Wait at DISPATCH_LEVEL
 * Source   WDK reference, nf-ntddk-keexpandkernelstackandcalloutex
 */
NTSTATUS NTAPI
KeExpandKernelStackAndCalloutEx(PEXPAND_STACK_CALLOUT Callout, PVOID Parameter, SIZE_T Size,
                                BOOLEAN Wait, PVOID Context)
{
    NT_ENTER(KeExpandKernelStackAndCalloutEx);
    if (Wait && KiCurrentIrql() >= DISPATCH_LEVEL) {
        return STATUS_INVALID_PARAMETER_4;
    }
    return KiCallOnStack(Callout, Parameter, Size);
}

/*
 * KeSaveFloatingPointState - keep the caller's floating-point context, begin with a fresh one
 *
 * Fresh: exceptions masked, rounding to nearest, and x87 with 53 bits, as threads begin on Windows.
 *
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-kesavefloatingpointstate
 */
NTSTATUS NTAPI
KeSaveFloatingPointState(PKFLOATING_SAVE FloatSave)
{
    NT_ENTER(KeSaveFloatingPointState);
    FloatSave->Dummy = KiReadFloatControl();
    KiWriteX87Control(INITIAL_FPCSR);
    KiWriteSseControl(INITIAL_MXCSR);
    return STATUS_SUCCESS;
}

/* What the last save kept. Source: WDK reference, nf-wdm-kerestorefloatingpointstate */
NTSTATUS NTAPI
KeRestoreFloatingPointState(PKFLOATING_SAVE FloatSave)
{
    NT_ENTER(KeRestoreFloatingPointState);
    KiWriteX87Control((USHORT)(FloatSave->Dummy >> KI_X87_SHIFT));
    KiWriteSseControl((USHORT)FloatSave->Dummy);
    return STATUS_SUCCESS;
}

/*
 * KeSaveExtendedProcessorState - before a driver uses vector registers
 *
 * Mask     bit 0: the x87 control word; 1 and 2 (SSE, AVX): MXCSR; others keep nothing
 *
 * IRQL     <= DISPATCH_LEVEL
 * Differs  registers are not kept: each of them is the callee's to use
 * Source   WDK reference, nf-wdm-kesaveextendedprocessorstate
 */
NTSTATUS NTAPI
KeSaveExtendedProcessorState(ULONG64 Mask, PXSTATE_SAVE XStateSave)
{
    NT_ENTER(KeSaveExtendedProcessorState);
    memset(XStateSave, 0, sizeof(*XStateSave));
    XStateSave->Thread = KiGetCurrentThread();
    XStateSave->Level = KiCurrentIrql();
    XStateSave->XStateContext.Mask = Mask;
    XStateSave->XStateContext.Reserved1 = KiReadFloatControl();
    return STATUS_SUCCESS;
}

/*
 * KeRestoreExtendedProcessorState - after it
 *
 * Errors   another thread or IRQL than that of the save is a bugcheck, which names it
 * Source   WDK reference, nf-wdm-kerestoreextendedprocessorstate
 */
VOID NTAPI
KeRestoreExtendedProcessorState(PXSTATE_SAVE XStateSave)
{
    NT_ENTER(KeRestoreExtendedProcessorState);
    const XSTATE_CONTEXT *context = &XStateSave->XStateContext;

    if (XStateSave->Thread != KiGetCurrentThread() || XStateSave->Level != KiCurrentIrql()) {
        KiBugCheckDetail(DRIVER_VIOLATION, (ULONG_PTR)XStateSave, (ULONG_PTR)XStateSave->Thread,
                         XStateSave->Level, NT_CALLER(),
                         "KeRestoreExtendedProcessorState: not on the thread and at the IRQL (%u) "
                         "of the save",
                         XStateSave->Level);
    }
    if ((context->Mask & KI_STATE_X87) != 0) {
        KiWriteX87Control((USHORT)(context->Reserved1 >> KI_X87_SHIFT));
    }
    if ((context->Mask & KI_STATE_SSE) != 0) {
        KiWriteSseControl((USHORT)context->Reserved1);
    }
    XStateSave->Thread = NULL;
}

#pragma GCC visibility pop
