/* SPDX-License-Identifier: MIT
 *
 * dontuse.h - on Windows: functions that a driver should not use. Here: nothing
 */
#pragma once
