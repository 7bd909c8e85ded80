/* SPDX-License-Identifier: MIT
 *
 * rtl/backtrace.c - who called whom
 *
 * Source   WDK reference, ntifs.h RtlCaptureStackBackTrace
 */
#include "rtl/rtl.h"

#define RTLP_WALK_USER_MODE 0x1u /* RtlWalkFrameChain: the frames of user mode */

#pragma GCC visibility push(default)

/*
 * RtlCaptureStackBackTrace - the return addresses of the callers, innermost first
 *
 * FramesToSkip   0: the first one lies in the routine that calls this one
 * BackTraceHash  NULL, or receives the sum of the addresses
 *
 * Returns  how many; none where the stack's frames cannot be followed
 * IRQL     any
 * Differs  the client's frames follow the kernel's: they share a stack
 * Source   WDK reference, nf-ntifs-rtlcapturestackbacktrace
 */
USHORT NTAPI
RtlCaptureStackBackTrace(ULONG FramesToSkip, ULONG FramesToCapture, PVOID *BackTrace,
                         PULONG BackTraceHash)
{
    ULONG count = HalpCaptureStack(FramesToSkip + 1, (uintptr_t *)BackTrace,
                                   min(FramesToCapture, (ULONG)MAXUSHORT));
    ULONG hash = 0;

    for (ULONG i = 0; i < count; ++i) {
        hash += (ULONG)(ULONG_PTR)BackTrace[i];
    }
    if (BackTraceHash != NULL && count != 0) {
        *BackTraceHash = hash;
    }
    return (USHORT)count;
}

/* The same. Flags' low bit asks for the frames of user mode, which a kernel stack never has. */
ULONG NTAPI
RtlWalkFrameChain(PVOID *Callers, ULONG Count, ULONG Flags)
{
    volatile ULONG count = 0; /* keeps this frame, which is skipped, on the stack */

    if (!(Flags & RTLP_WALK_USER_MODE)) {
        count = HalpCaptureStack((Flags >> RTL_STACK_WALKING_MODE_FRAMES_TO_SKIP_SHIFT) + 1,
                                 (uintptr_t *)Callers, Count);
    }
    return count;
}

#pragma GCC visibility pop
