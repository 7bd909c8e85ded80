/* SPDX-License-Identifier: MIT
 *
 * setup.h - the host under test, initialised for every test
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "hal/halp.h"
#include "nt_test.h"

/* What the host lends from the kernel; a test sets them. NULL: a fault is not ours. */
extern int (*TestOnFault)(const HALP_FAULT_INFO *Info);
extern void (*TestOnThreadExit)(void *Context);

/* Reserves and commits Pages pages, with one page after them that has no access. */
unsigned char *TestGuardedPages(size_t Pages);
void TestFreeGuardedPages(unsigned char *Pages, size_t Count);

/*
 * Runs Body(Context) in a process of its own, with a host as in a test. Returns the wait(2)
 * status; *Output: what it wrote to standard error, to be freed.
 */
int TestRunProcess(void (*Body)(void *Context), void *Context, char **Output);
