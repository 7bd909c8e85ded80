/* SPDX-License-Identifier: MIT
 *
 * psdk_inc/intrin-impl.h - winnt.h gets its intrinsics here; they are ours already
 */
#pragma once
#include "../ntbox/intrinsics.h"

#define InterlockedBitTestAndSet _interlockedbittestandset
#define InterlockedBitTestAndReset _interlockedbittestandreset
#define InterlockedBitTestAndComplement _interlockedbittestandcomplement
#define InterlockedBitTestAndSet64 _interlockedbittestandset64
#define InterlockedBitTestAndReset64 _interlockedbittestandreset64
#define InterlockedBitTestAndComplement64 _interlockedbittestandcomplement64
