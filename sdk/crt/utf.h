/* SPDX-License-Identifier: MIT
 *
 * crt/utf.h - one character at a time, inside libntcrt
 */
#pragma once

#include "ntcrt.h"

#define NTCRTP_REPLACEMENT 0xfffdu

uint32_t NtcrtpDecode16(const uint16_t *Text, size_t Length, size_t *Used);
uint32_t NtcrtpDecode8(const char *Text, size_t Length, size_t *Used);
/* At most 4 bytes, at most 2 units. */
size_t NtcrtpEncode8(char *Buffer, uint32_t Character);
size_t NtcrtpEncode16(uint16_t *Buffer, uint32_t Character);
