/* SPDX-License-Identifier: MIT
 *
 * hal/posix/amd64/fault.S - where a faulting thread goes on after the signal handler
 *
 * Entered as if the faulting instruction had called it, with %rdi = the record that the handler
 * left on this stack. The record begins with the general registers of the fault (gregset_t), so
 * the unwind information below shows debuggers the faulting function and its callers.
 */
        .text
        .globl  PosixFaultEntry
        .hidden PosixFaultEntry
        .type   PosixFaultEntry, @function
PosixFaultEntry:
        .cfi_startproc
        .cfi_signal_frame
        pushq   %rbp
        movq    %rsp, %rbp
        pushq   %rbx
        subq    $8, %rsp
        movq    %rdi, %rbx
        /* CFA = the fault's %rsp; then %r12 to %r15, %rbp, %rbx and %rip, all from the record. */
        .cfi_escape 0x0f, 0x04, 0x73, 0xf8, 0x00, 0x06
        .cfi_escape 0x10, 0x0c, 0x02, 0x73, 0x20
        .cfi_escape 0x10, 0x0d, 0x02, 0x73, 0x28
        .cfi_escape 0x10, 0x0e, 0x02, 0x73, 0x30
        .cfi_escape 0x10, 0x0f, 0x02, 0x73, 0x38
        .cfi_escape 0x10, 0x06, 0x03, 0x73, 0xd0, 0x00
        .cfi_escape 0x10, 0x03, 0x03, 0x73, 0xd8, 0x00
        .cfi_escape 0x10, 0x10, 0x03, 0x73, 0x80, 0x01
        call    PosixDeliverFault
        movq    %rbx, %rdi
        /* Back into the handler, which alone can restore every register: %rdi = the record. */
        .globl  PosixFaultResume
        .hidden PosixFaultResume
PosixFaultResume:
        ud2
        .cfi_endproc
        .size   PosixFaultEntry, .-PosixFaultEntry

        .section .note.GNU-stack, "", @progbits
