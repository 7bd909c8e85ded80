/* SPDX-License-Identifier: MIT
 *
 * crt/eh-x64.S - the register switches of eh.c
 *
 * Offsets are those of NTCRT_MACHINE and NTCRT_FRAME in ntbox/eh.h; eh.c asserts them.
 */
    .text

#define OUTGOING 1024 /* room for what the function stores at its stack pointer for calls */

    .macro SAVE base
    movq    %rbx, 0(\base)
    movq    %rbp, 8(\base)
    movq    %r12, 16(\base)
    movq    %r13, 24(\base)
    movq    %r14, 32(\base)
    movq    %r15, 40(\base)
    .endm

    .macro LOAD base
    movq    0(\base), %rbx
    movq    8(\base), %rbp
    movq    16(\base), %r12
    movq    24(\base), %r13
    movq    32(\base), %r14
    movq    40(\base), %r15
    .endm

    .macro FUNCTION name
    .globl  \name
    .type   \name, @function
\name:
    .cfi_startproc
    endbr64
    .endm

    .macro END name
    .cfi_endproc
    .size   \name, .-\name
    .endm

/* int NtcrtEnterFrame(NTCRT_FRAME *): notes the caller's registers, then is _setjmp(Frame->Jump). */
FUNCTION NtcrtEnterFrame
    SAVE    %rdi
    leaq    8(%rsp), %rax
    movq    %rax, 48(%rdi)
    movq    (%rsp), %rax
    movq    %rax, 56(%rdi)
    addq    $72, %rdi
    jmp     _setjmp@PLT
END NtcrtEnterFrame

/* int NtcrtpAsk(NTCRT_FRAME *): NtcrtEnterFrame returns 1 once more, on top of this stack (E2). */
FUNCTION NtcrtpAsk
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    subq    $(48 + OUTGOING), %rsp
    .cfi_adjust_cfa_offset 48 + OUTGOING
    leaq    OUTGOING(%rsp), %rax
    SAVE    %rax
    movq    %rsp, 64(%rdi)
    LOAD    %rdi
    movq    56(%rdi), %rdx
    movl    $1, %eax
    jmp     *%rdx
END NtcrtpAsk
    .hidden NtcrtpAsk

/* void NtcrtpReply(NTCRT_FRAME *, int Answer): NtcrtpAsk returns Answer. */
FUNCTION NtcrtpReply
    movq    64(%rdi), %rsp
    movl    %esi, %eax
    leaq    OUTGOING(%rsp), %rdx
    LOAD    %rdx
    addq    $(48 + OUTGOING), %rsp
    popq    %rbp
    ret
END NtcrtpReply
    .hidden NtcrtpReply

/* void NtcrtCloseFrame(NTCRT_FRAME **): hands its caller's registers to NtcrtpCloseFrame. */
FUNCTION NtcrtCloseFrame
    subq    $72, %rsp
    .cfi_adjust_cfa_offset 72
    SAVE    %rsp
    leaq    80(%rsp), %rax
    movq    %rax, 48(%rsp)
    movq    72(%rsp), %rax
    movq    %rax, 56(%rsp)
    movq    %rsp, %rsi
    call    NtcrtpCloseFrame
    ud2
END NtcrtCloseFrame

/* int NtcrtMark(void): returns 0, and 1 each time the mark is gone back to. */
FUNCTION NtcrtMark
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    call    NtcrtpMark
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    SAVE    %rax
    leaq    8(%rsp), %rdx
    movq    %rdx, 48(%rax)
    movq    (%rsp), %rdx
    movq    %rdx, 56(%rax)
    xorl    %eax, %eax
    ret
END NtcrtMark

/* void NtcrtFinish(NTCRT_FRAME *, int IsFinally): goes on at the state that NtcrtpFinish gives. */
FUNCTION NtcrtFinish
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    call    NtcrtpFinish
    movq    %rax, %rdx
    movl    $1, %eax
    jmp     NtcrtpContinue
END NtcrtFinish

/* int NtcrtFinallyNext(NTCRT_FINALLY *): as NtcrtpFinallyNext, unless that gives a state to go on at. */
FUNCTION NtcrtFinallyNext
    subq    $24, %rsp
    .cfi_adjust_cfa_offset 24
    movq    %rsp, %rsi
    call    NtcrtpFinallyNext
    movq    (%rsp), %rdx
    addq    $24, %rsp
    .cfi_adjust_cfa_offset -24
    testq   %rdx, %rdx
    jnz     NtcrtpContinue
    ret
END NtcrtFinallyNext

/* Jumped to, with an NTCRT_MACHINE * in rdx and the value in eax. */
FUNCTION NtcrtpContinue
    LOAD    %rdx
    movq    48(%rdx), %rsp
    jmp     *56(%rdx)
END NtcrtpContinue
    .hidden NtcrtpContinue

    .section .note.GNU-stack, "", @progbits
