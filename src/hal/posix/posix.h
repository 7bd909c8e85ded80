/* SPDX-License-Identifier: MIT
 *
 * hal/posix/posix.h - what hal/linux and hal/sim share: memory, faults, images, symbols, files
 *
 * Each implementation calls the functions below from its HalpInitialize, HalpShutdown and thread
 * start; the Halp functions of these files need nothing else from it.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/halp.h"

/* Kept small, and found without a call in the fault handler, also when loaded by dlopen. */
#define POSIX_TLS _Thread_local __attribute__((tls_model("initial-exec")))

/* ---- errors (error.c) ---- */

/* Translates errno, keeps "What: text of errno" for HalpLastErrorText. */
HALP_STATUS PosixFail(const char *What);
/* The same for an errno value that a call returned. */
HALP_STATUS PosixFailWith(const char *What, int Error);
/* A failure without an errno; Format as printf. Returns Status. */
HALP_STATUS PosixFailText(HALP_STATUS Status, const char *Format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints the message on standard error and aborts: the host contract was broken. */
/* Frees the calling thread's error text. */
void PosixForgetError(void);
_Noreturn void PosixFatal(const char *Format, ...) __attribute__((format(printf, 1, 2)));

/* ---- stacks (stack.c) ---- */

/* Finds the calling thread's stack limits, unless they are known. May allocate. */
void PosixFindStack(void);
/* Gives the calling thread what it needs before kernel code runs on it. */
void PosixEnterThread(void);
/* Gives it back; last on the thread. */
void PosixLeaveThread(void);
/* The limits if they are known; never asks the host, so good in a signal handler. */
int PosixKnownStackLimits(uintptr_t *Low, uintptr_t *High);
/* Follows frame pointers from Frame while they stay in [From, High). */
uint32_t PosixWalkStack(uintptr_t Frame, uintptr_t From, uintptr_t High, uint32_t Skip,
                        uintptr_t *Frames, uint32_t Count);

/* ---- faults (fault.c) ---- */

/* Takes over the fault signals. Fault: the upcall. */
HALP_STATUS PosixInitializeFaults(int (*Fault)(const HALP_FAULT_INFO *Info));
void PosixShutdownFaults(void);

/* ---- symbols, images, log ---- */

/* The set of loaded objects has changed. */
void PosixForgetSymbols(void);
/*
 * 1 if the code at Instruction has no frame of its own yet, or no longer, or never: its return
 * address lies *Slot bytes above the stack pointer. May allocate.
 */
int PosixFindReturnSlot(uintptr_t Instruction, ptrdiff_t *Slot);
void PosixWriteLog(const char *Text, size_t Length);
/* The calling thread, for ps and gdb; cut to what the host shows. */
void PosixNameThread(const char *Name);
/* Copies at most Size - 1 bytes and ends them with a NUL. */
void PosixCopyText(char *Target, size_t Size, const char *Text);
