/* SPDX-License-Identifier: MIT
 *
 * sal.h - the package's, and after it what it lacks
 */
#pragma GCC system_header
#include_next <sal.h>
#include "ntbox/annotations.h"
#include "ntbox/oldsal.h"
