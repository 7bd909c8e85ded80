/* SPDX-License-Identifier: MIT
 *
 * ticker.h - the ticker driver's interface
 */
#pragma once

#define FILE_DEVICE_TICKER 0x8123
/* Completes with the next tick's number. */
#define IOCTL_TICKER_NEXT CTL_CODE(FILE_DEVICE_TICKER, 0x900, METHOD_BUFFERED, FILE_ANY_ACCESS)
