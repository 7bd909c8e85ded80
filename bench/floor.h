/* SPDX-License-Identifier: MIT
 *
 * floor.h - the floors that the bench compares with: what the host itself costs
 */
#pragma once

#include <stdint.h>

/* A system call that does nothing, uncached. */
void BenchGetppid(void);
/* A call through a pointer that the compiler cannot see through. */
extern int (*volatile BenchIndirect)(int);
/*
 * A process that answers each byte on a pipe with one on another; to be started before anything
 * else, so that it has nothing of ours. BenchPipeRound: nanoseconds of one round, Rounds of them.
 */
int BenchStartPipes(void);
uint64_t BenchPipeRound(unsigned Rounds);
/* Nanoseconds of one round of two threads waking each other through futexes; Rounds of them. */
uint64_t BenchFutexRound(unsigned Rounds);
