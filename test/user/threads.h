/* SPDX-License-Identifier: MIT
 *
 * test/user/threads.h - host threads for tests that have no kernel to make Win32 ones
 */
#pragma once

/* Runs Body on Count threads (at most 16) and waits for them. 0 when one could not be made. */
int TestRunThreads(int Count, void (*Body)(void));
