/* SPDX-License-Identifier: MIT
 *
 * fuzz/kernel.h - the kernel on hal/sim for a fuzz target, started once, and a driver to call
 *
 * \Device\Fuzz answers every way of passing buffers, at once or later; \Device\FuzzChannel is an
 * event channel. A periodic timer completes what was answered later, and publishes.
 */
#pragma once

#include "fuzz.h"

#include "init/initp.h"

/* Waits until nothing of the driver is pended, then takes the log away. */
VOID FuzzSettleKernel(VOID);
/*
 * Runs an input, on the client's thread, with the kernel started. It must leave no object, IRP or
 * pool block; what the kernel keeps for good after a first time does not grow by a second one.
 */
VOID FuzzRunLeakless(VOID (*Run)(const uint8_t *Data, size_t Size), const uint8_t *Data,
                     size_t Size);
