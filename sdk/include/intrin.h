/* SPDX-License-Identifier: MIT
 *
 * intrin.h - Microsoft's intrinsics, and the vector ones that both compilers have
 */
#pragma once
#include "ntbox/intrinsics.h"
#include <x86intrin.h>
