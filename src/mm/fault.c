/* SPDX-License-Identifier: MIT
 *
 * mm/fault.c - a fault of the host becomes an exception, a bugcheck, or the client's own crash
 *
 * Only a fault on a user-range address, or one that is not about memory, can be an exception. One
 * on a kernel address is a defect of the driver, whatever __try stands around it.
 *
 * Source   reference of bug checks 0x1E, 0x3B, 0x50, 0x7E, 0x7F, 0xD1; winnt.h EXCEPTION_RECORD.
 */
#include "mm/client.h"
#include "mm/mi.h"

#include <ntbox/eh.h>

#define MI_BUGCHECK_NOT_HANDLED 0x1E
#define MI_BUGCHECK_SERVICE 0x3B
#define MI_BUGCHECK_NONPAGED_AREA 0x50
#define MI_BUGCHECK_THREAD 0x7E
#define MI_BUGCHECK_TRAP 0x7F
#define MI_BUGCHECK_DRIVER_IRQL 0xD1
#define MI_TRAP_DOUBLE_FAULT 8
#define MI_STACK_GUARD (64u << 10) /* a fault this close to the stack's end is an overflow */

static MI_QUERY_MODE *MiModeQuery;

VOID
MiRegisterModeQuery(MI_QUERY_MODE *Query)
{
    __atomic_store_n(&MiModeQuery, Query, __ATOMIC_RELEASE);
}

static MI_CODE_MODE
MiQueryMode(KTHREAD *Thread)
{
    MI_QUERY_MODE *query = __atomic_load_n(&MiModeQuery, __ATOMIC_ACQUIRE);

    if (Thread->DpcRoutine != NULL) {
        return MI_CODE_SYSTEM_THREAD;
    }
    return query != NULL ? query(Thread) : MI_CODE_SYSTEM_THREAD;
}

static NTSTATUS
MiFaultStatus(const HALP_FAULT_INFO *Info)
{
    switch (Info->Kind) {
    case HALP_FAULT_DIVIDE:
        return STATUS_INTEGER_DIVIDE_BY_ZERO;
    case HALP_FAULT_INSTRUCTION:
        return STATUS_ILLEGAL_INSTRUCTION;
    case HALP_FAULT_BREAKPOINT:
        return STATUS_BREAKPOINT;
    default:
        return STATUS_ACCESS_VIOLATION;
    }
}

static const char *
MiFaultWord(const HALP_FAULT_INFO *Info)
{
    switch (Info->Kind) {
    case HALP_FAULT_DIVIDE:
        return "integer division by zero";
    case HALP_FAULT_INSTRUCTION:
        return "illegal instruction";
    case HALP_FAULT_BREAKPOINT:
        return "breakpoint without a debugger";
    default:
        return Info->IsWrite ? "write" : "read";
    }
}

/* Returns if no frame of the thread takes the exception. */
static VOID
MiRaiseFault(const HALP_FAULT_INFO *Info)
{
    ULONG64 information[2] = {Info->IsWrite ? 1 : 0, Info->Address};
    ULONG count = Info->Kind == HALP_FAULT_ACCESS ? 2 : 0;

    if (NtcrtHasFrame()) {
        NtcrtRaise((uint32_t)MiFaultStatus(Info), 0, (PVOID)Info->InstructionPointer, count,
                   information);
    }
}

static DECLSPEC_NORETURN VOID
MiReportKernelAddress(const HALP_FAULT_INFO *Info, KIRQL Irql)
{
    char block[1024];

    ExpDescribePoolText(Info->Address, block, sizeof(block));
    if (Irql >= DISPATCH_LEVEL) {
        KiBugCheckDetail(MI_BUGCHECK_DRIVER_IRQL, Info->Address, Irql, Info->IsWrite,
                         Info->InstructionPointer, "Invalid %s of the address %#llx at IRQL %u. %s",
                         MiFaultWord(Info), (ULONG64)Info->Address, Irql, block);
    }
    KiBugCheckDetail(MI_BUGCHECK_NONPAGED_AREA, Info->Address, Info->IsWrite,
                     Info->InstructionPointer, 2, "Invalid %s of the kernel address %#llx. %s",
                     MiFaultWord(Info), (ULONG64)Info->Address, block);
}

static DECLSPEC_NORETURN VOID
MiReportUnhandled(const HALP_FAULT_INFO *Info, MI_CODE_MODE Mode)
{
    ULONG_PTR status = (ULONG_PTR)(LONG_PTR)MiFaultStatus(Info);
    ULONG code = Mode == MI_CODE_SYSTEM_SERVICE ? MI_BUGCHECK_SERVICE : MI_BUGCHECK_THREAD;

    if (KiGetCurrentThread()->DpcRoutine != NULL) {
        /* The last handlers of a system service or thread, which give those codes, are not around
         * a DPC. */
        code = MI_BUGCHECK_NOT_HANDLED;
    }
    if (Info->Kind == HALP_FAULT_BREAKPOINT) {
        KiBugCheckDetail(MI_BUGCHECK_NOT_HANDLED, status, Info->InstructionPointer, 0, 0,
                         "A breakpoint was hit, and no debugger is attached.");
    }
    if (Info->Kind != HALP_FAULT_ACCESS) {
        KiBugCheckDetail(code, status, Info->InstructionPointer, 0, 0, "Unhandled %s.",
                         MiFaultWord(Info));
    }
    KiBugCheckDetail(
        code, status, Info->InstructionPointer, Info->IsWrite, Info->Address,
        "Unhandled invalid %s of the address %#llx%s.", MiFaultWord(Info), (ULONG64)Info->Address,
        Info->Address < 0x10000 ? ", near NULL"
                                : ", a user address: touch user memory inside __try only");
}

static BOOLEAN
MiIsStackOverflow(const HALP_FAULT_INFO *Info)
{
    uintptr_t low;
    uintptr_t high;

    if (Info->Kind != HALP_FAULT_ACCESS) {
        return FALSE;
    }
    HalpStackLimits(&low, &high);
    return Info->Address + MI_STACK_GUARD >= low && Info->Address < low + PAGE_SIZE &&
           Info->StackPointer < low + MI_STACK_GUARD;
}

int
MiHandleFault(const HALP_FAULT_INFO *Info)
{
    KTHREAD *thread = KiCurrentThreadPointer;
    BOOLEAN isKernel = Info->Kind == HALP_FAULT_ACCESS && MiIsKernelAddress(Info->Address);
    MI_CODE_MODE mode;

    if (thread == NULL) {
        /* A host thread that the kernel has never seen can only be client code. */
        MiRaiseFault(Info);
        return 0;
    }
    mode = MiQueryMode(thread);
    if (mode == MI_CODE_USER) {
        MiRaiseFault(Info);
        return 0;
    }
    if (MiIsStackOverflow(Info)) {
        KiBugCheckDetail(MI_BUGCHECK_TRAP, MI_TRAP_DOUBLE_FAULT, Info->Address, Info->StackPointer,
                         Info->InstructionPointer,
                         "The thread's stack has overflown: recursion, or large local variables.");
    }
    if (Info->Kind == HALP_FAULT_ACCESS && Info->IsWrite && MiAwaitMove(Info->Address)) {
        return 1;
    }
    if (isKernel || (Info->Kind == HALP_FAULT_ACCESS && thread->Irql >= DISPATCH_LEVEL)) {
        MiReportKernelAddress(Info, thread->Irql);
    }
    MiRaiseFault(Info);
    MiReportUnhandled(Info, mode);
}
