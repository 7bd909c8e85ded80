/* SPDX-License-Identifier: MIT
 *
 * nt.h - what every file of the executive includes first: the DDK and our few own macros
 */
#pragma once

#include <ntifs.h>
#include "hal/halp.h"
#include "irql-limits.h" /* made from spec/exports.tsv; lies in the build folder */

/* The calling thread holds the named lock; clang -Wthread-safety checks what it can. */
#if defined(__clang__)
#define NT_GUARDED_BY(lock) __attribute__((guarded_by(lock)))
#else
#define NT_GUARDED_BY(lock)
#endif

/* Walks an array by pointer. */
#define NT_FOR_EACH(item, array)                                                              \
    for (__auto_type item = &(array)[0]; item < &(array)[sizeof(array) / sizeof((array)[0])]; \
         ++item)

/* An invariant of ntbox itself. A failure is our defect, never the driver's. */
#define NT_ASSERT_INTERNAL(condition) \
    ((condition) ? (void)0 : KiAssertFailed(#condition, __FILE__, __LINE__))

/*
 * The first line of an NT-visible function's body: bugchecks, with the function's name, above the
 * maximum IRQL that spec/exports.tsv has for it. The build refuses a function without it; one whose
 * row has no limit takes none, and one with an irql_bugcheck there looks for itself.
 */
#define NT_ENTER(function)                                        \
    (__builtin_expect(KiIsIrqlAbove(NT_IRQL_LIMIT_##function), 0) \
         ? KiIrqlTooHigh(#function, NT_IRQL_LIMIT_##function)     \
         : (void)0)

/* A limit that depends on an argument, or that of a function without a row. */
#define NT_IRQL_MAX(level) \
    (__builtin_expect(KiIsIrqlAbove(level), 0) ? KiIrqlTooHigh(__func__, (level)) : (void)0)

/* The address in the driver to which the current NT-visible function will return. */
#define NT_CALLER() ((ULONG_PTR)__builtin_return_address(0))

DECLSPEC_NORETURN VOID KiAssertFailed(const char *Condition, const char *File, int Line);
/* Bugchecks IRQL_NOT_LESS_OR_EQUAL's verifier form, naming Function and the limit. */
DECLSPEC_NORETURN VOID KiIrqlTooHigh(const char *Function, KIRQL Limit);

#include "ke/thread.h"

/* A host thread that has no KTHREAD yet is at PASSIVE_LEVEL. */
static inline BOOLEAN
KiIsIrqlAbove(KIRQL Limit)
{
    KTHREAD *thread = KiCurrentThreadPointer;
    return thread != NULL && thread->Irql > Limit;
}
