/* SPDX-License-Identifier: MIT
 *
 * hal/sim/sim.h - what a test says to the simulated host
 *
 * All threads made through halp.h take turns: exactly one runs, and the seeded scheduler chooses
 * the next at every scheduling point (HalpYield, HalpPause, HalpWaitAddress, HalpWakeAddress,
 * thread start and end, SimSchedulingPoint). The same seed gives the same run. With an even seed,
 * a thread now and then stands still for up to some hundred steps of the others.
 * The clock moves only when every thread waits (to the earliest deadline), or by SimAdvance.
 * All threads waiting without a deadline is a deadlock: reported with each thread's stack, abort.
 */
#pragma once

#include "hal/halp.h"

/* Before HalpInitialize. Seed 0: NTBOX_SEED from the environment, else 1. */
void SimSetSeed(uint64_t Seed);
void SimSetProcessorCount(uint32_t Count);
/* Moves the clock on, letting whatever falls due in between run, in order. */
void SimAdvance(uint64_t Nanoseconds);
/* Runs other threads until all of them wait; the clock stands still. */
void SimRunUntilIdle(void);
/*
 * From here on the run is that of this seed, as if the machine had just started: seeds and clock.
 * Every other thread must wait, without a deadline, once idle.
 */
void SimRestart(uint64_t Seed);
/* An extra scheduling point for code under test (the kernel's spin locks call HalpPause). */
void SimSchedulingPoint(void);
/* Fails the Nth call (1 = next) of HalpShouldFail whose Site equals Site (NULL: any); 0: none. */
void SimSetFaultPlan(const char *Site, uint64_t Nth);
/* How often HalpShouldFail was called since the plan was set. */
uint64_t SimFaultPoints(void);
/* Puts an event where HalpWaitEvents finds it; strings are copied. M1..M3 are the test's duty. */
void SimInjectEvent(const HALP_EVENT *Event);
/* Takes what was logged since the last call; NUL-terminated, valid until the next call. */
const char *SimTakeLog(void);
/* If set, HalpAbort calls this instead of ending the process; it must longjmp out. */
void SimSetAbortHook(void (*Hook)(void));
