/* SPDX-License-Identifier: MIT
 *
 * hal/posix/amd64/copy.S - copying and touching memory that may not be there
 *
 * A fault at an instruction between a Begin and its End label below continues at the Recover
 * label with the address of the fault in %r8 (hal/posix/fault.c). Written by hand, so that no
 * sanitizer instruments it and no compiler moves an access out of the range.
 *
 * Invariants  C1  Where PosixCopy may fault before PosixCopyStringBegin, %rdi, %rsi and %rdx say
 *                 what is still to be copied, and all before it has been copied.
 *             C2  From PosixCopyStringBegin on, %rdi, %rsi and %rcx do, to the byte, and %r10 is
 *                 the caller's Fault.
 */
        .text

/*
 * uintptr_t PosixCopy(void *Destination, const void *Source, size_t Length, uintptr_t *Fault)
 * 0, or 1 with *Fault = the first byte that could not be read or written.
 */
        .globl  PosixCopy
        .hidden PosixCopy
        .type   PosixCopy, @function
        .p2align 6
PosixCopy:
        .cfi_startproc
        endbr64
        cmpq    $16, %rdx
        ja      .LMoreThan16
        cmpl    $8, %edx
        jae     .L8To16
        cmpl    $4, %edx
        jae     .L4To7
        testl   %edx, %edx
        je      .LCopied
        .globl  PosixCopyBegin
        .hidden PosixCopyBegin
PosixCopyBegin:
        /* 1 to 3: the first byte, and the last two if there are so many. */
        movzbl  (%rsi), %eax
        cmpl    $1, %edx
        je      .LOne
        movzwl  -2(%rsi,%rdx), %r9d
        movb    %al, (%rdi)
        movw    %r9w, -2(%rdi,%rdx)
        xorl    %eax, %eax
        ret
.LOne:
        movb    %al, (%rdi)
        xorl    %eax, %eax
        ret
.L4To7:
        movl    (%rsi), %eax
        movl    -4(%rsi,%rdx), %r9d
        movl    %eax, (%rdi)
        movl    %r9d, -4(%rdi,%rdx)
        xorl    %eax, %eax
        ret
.L8To16:
        movq    (%rsi), %rax
        movq    -8(%rsi,%rdx), %r9
        movq    %rax, (%rdi)
        movq    %r9, -8(%rdi,%rdx)
        xorl    %eax, %eax
        ret
.LMoreThan16:
        cmpq    $32, %rdx
        ja      .LMoreThan32
.L17To32:
        movups  (%rsi), %xmm0
        movups  -16(%rsi,%rdx), %xmm1
        movups  %xmm0, (%rdi)
        movups  %xmm1, -16(%rdi,%rdx)
        xorl    %eax, %eax
        ret
.LMoreThan32:
        cmpq    $3072, %rdx
        jae     .LString
.LNext64:
        cmpq    $64, %rdx
        jb      .LLessThan64
        movups  (%rsi), %xmm0
        movups  16(%rsi), %xmm1
        movups  32(%rsi), %xmm2
        movups  48(%rsi), %xmm3
        movups  %xmm0, (%rdi)
        movups  %xmm1, 16(%rdi)
        movups  %xmm2, 32(%rdi)
        movups  %xmm3, 48(%rdi)
        addq    $64, %rsi
        addq    $64, %rdi
        subq    $64, %rdx
        jmp     .LNext64
.LLessThan64:
        cmpq    $32, %rdx
        jb      .LLessThan32
        movups  (%rsi), %xmm0
        movups  16(%rsi), %xmm1
        movups  %xmm0, (%rdi)
        movups  %xmm1, 16(%rdi)
        addq    $32, %rsi
        addq    $32, %rdi
        subq    $32, %rdx
.LLessThan32:
        /* At least 32 bytes lie before this point, so the last 32 may overlap what is done. */
        testq   %rdx, %rdx
        je      .LCopied
        movups  -32(%rsi,%rdx), %xmm0
        movups  -16(%rsi,%rdx), %xmm1
        movups  %xmm0, -32(%rdi,%rdx)
        movups  %xmm1, -16(%rdi,%rdx)
        xorl    %eax, %eax
        ret
.LString:
        /* Large: the processor's own loop, which is as fast as any from about here on. */
        movq    %rcx, %r10
        movq    %rdx, %rcx
        .globl  PosixCopyStringBegin
        .hidden PosixCopyStringBegin
PosixCopyStringBegin:
        rep movsb
        .globl  PosixCopyEnd
        .hidden PosixCopyEnd
PosixCopyEnd:
.LCopied:
        xorl    %eax, %eax
        ret

        /* Once more byte by byte from the last good point, to fail at the very byte. */
        .globl  PosixCopyRecover
        .hidden PosixCopyRecover
PosixCopyRecover:
        movq    %rcx, %r10
        movq    %rdx, %rcx
        .globl  PosixCopyBytesBegin
        .hidden PosixCopyBytesBegin
PosixCopyBytesBegin:
        rep movsb
        .globl  PosixCopyBytesEnd
        .hidden PosixCopyBytesEnd
PosixCopyBytesEnd:
        xorl    %eax, %eax /* somebody else made the memory accessible meanwhile */
        ret
        .globl  PosixCopyFail
        .hidden PosixCopyFail
PosixCopyFail:
        movq    %r8, (%r10)
        movl    $1, %eax
        ret
        .cfi_endproc
        .size   PosixCopy, .-PosixCopy

/*
 * uintptr_t PosixTouch(uintptr_t Address, int Write, uintptr_t *Fault)
 * Reads a byte, or changes it to itself in one step. 0, or 1 with *Fault set.
 */
        .globl  PosixTouch
        .hidden PosixTouch
        .type   PosixTouch, @function
        .p2align 4
PosixTouch:
        .cfi_startproc
        endbr64
        testl   %esi, %esi
        .globl  PosixTouchBegin
        .hidden PosixTouchBegin
PosixTouchBegin:
        jne     .LTouchWrite
        movzbl  (%rdi), %eax
        xorl    %eax, %eax
        ret
.LTouchWrite:
        lock orb $0, (%rdi)
        .globl  PosixTouchEnd
        .hidden PosixTouchEnd
PosixTouchEnd:
        xorl    %eax, %eax
        ret
        .globl  PosixTouchFail
        .hidden PosixTouchFail
PosixTouchFail:
        movq    %r8, (%rdx)
        movl    $1, %eax
        ret
        .cfi_endproc
        .size   PosixTouch, .-PosixTouch

        .section .note.GNU-stack, "", @progbits
