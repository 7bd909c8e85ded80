/* SPDX-License-Identifier: MIT
 *
 * setjmp.h - the host's, with a longjmp that runs the __finally blocks on its way
 *
 * Differs  jmp_buf has the host's size. A longjmp out of an exception filter is reported.
 * Source   Microsoft C runtime docs: setjmp, longjmp ("the same stack-unwinding semantics as
 *          exception-handling code").
 */
#pragma GCC system_header
#ifndef NTBOX_SETJMP_H
#define NTBOX_SETJMP_H

#include_next <setjmp.h>
#include "ntbox/eh.h"

#pragma redefine_extname longjmp ntcrt_longjmp

#undef setjmp
#undef _setjmp
#define setjmp(env) (NtcrtNoteJump(env), (_setjmp)(env))
#define _setjmp(env) (NtcrtNoteJump(env), (_setjmp)(env))

#endif
