/* SPDX-License-Identifier: MIT
 *
 * excpt.h - the words of structured exception handling; the machinery is ntbox/eh.h
 *
 * Source  Microsoft C++ docs, try-except statement; winnt.h EXCEPTION_DISPOSITION.
 */
#ifndef NTBOX_EXCPT_H
#define NTBOX_EXCPT_H
#pragma GCC system_header

#include "ntbox/eh.h"

struct _EXCEPTION_RECORD;
struct _CONTEXT;
struct _EXCEPTION_POINTERS;

typedef enum _EXCEPTION_DISPOSITION {
    ExceptionContinueExecution,
    ExceptionContinueSearch,
    ExceptionNestedException,
    ExceptionCollidedUnwind
} EXCEPTION_DISPOSITION;

#define EXCEPTION_EXECUTE_HANDLER 1
#define EXCEPTION_CONTINUE_SEARCH 0
#define EXCEPTION_CONTINUE_EXECUTION (-1)

#define GetExceptionCode _exception_code
#define exception_code _exception_code
#define GetExceptionInformation _exception_info
#define exception_info _exception_info
#define AbnormalTermination _abnormal_termination
#define abnormal_termination _abnormal_termination

/* The words without underscores, for C. */
#if !defined(__cplusplus) && !defined(NTBOX_NO_PLAIN_TRY)
#define try __try
#define except __except
#define finally __finally
#define leave __leave
#endif

#endif
