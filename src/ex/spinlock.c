/* SPDX-License-Identifier: MIT
 *
 * ex/spinlock.c - reader/writer spin locks
 *
 * Invariants  L1  The word: bit 31 owned exclusive, bit 30 a writer waits, the rest the readers.
 *             L2  While a writer waits no reader comes in, so it is not starved.
 * Source      WDK reference, wdm.h ExAcquireSpinLockExclusive and its neighbours.
 */
#include "ex/ex.h"

#define EXP_RW_EXCLUSIVE 0x80000000u
#define EXP_RW_WRITER_WAITS 0x40000000u
#define EXP_RW_READERS 0x3FFFFFFFu
#define EXP_SPINS_BEFORE_YIELD 100u
#define EXP_BUGCHECK_NOT_OWNED 0x10

static inline VOID
ExpSpinTurn(PULONG Spins)
{
    if (++*Spins % EXP_SPINS_BEFORE_YIELD == 0) {
        HalpYield();
    } else {
        HalpPause();
    }
}

static VOID
ExpAcquireWrite(PEX_SPIN_LOCK SpinLock)
{
    PULONG word = (PULONG)SpinLock;
    ULONG value = __atomic_load_n(word, __ATOMIC_RELAXED);
    ULONG spins = 0;

    for (;;) {
        if ((value & ~EXP_RW_WRITER_WAITS) == 0) {
            if (__atomic_compare_exchange_n(word, &value, EXP_RW_EXCLUSIVE, 0, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED)) {
                return;
            }
            continue;
        }
        if ((value & EXP_RW_WRITER_WAITS) == 0) {
            __atomic_fetch_or(word, EXP_RW_WRITER_WAITS, __ATOMIC_RELAXED);
        }
        ExpSpinTurn(&spins);
        value = __atomic_load_n(word, __ATOMIC_RELAXED);
    }
}

static VOID
ExpAcquireRead(PEX_SPIN_LOCK SpinLock)
{
    PULONG word = (PULONG)SpinLock;
    ULONG value = __atomic_load_n(word, __ATOMIC_RELAXED);
    ULONG spins = 0;

    for (;;) {
        if ((value & (EXP_RW_EXCLUSIVE | EXP_RW_WRITER_WAITS)) == 0) {
            if (__atomic_compare_exchange_n(word, &value, value + 1, 0, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED)) {
                return;
            }
            continue;
        }
        ExpSpinTurn(&spins);
        value = __atomic_load_n(word, __ATOMIC_RELAXED);
    }
}

static DECLSPEC_NORETURN VOID
ExpReportSpinLock(PEX_SPIN_LOCK SpinLock)
{
    KiBugCheckDetail(EXP_BUGCHECK_NOT_OWNED, (ULONG_PTR)SpinLock, (ULONG)*SpinLock, 0, 0,
                     "The reader/writer spin lock %p is released in a way in which it is not held.",
                     (void *)SpinLock);
}

static VOID
ExpReleaseWrite(PEX_SPIN_LOCK SpinLock)
{
    ULONG old = __atomic_fetch_and((PULONG)SpinLock, ~EXP_RW_EXCLUSIVE, __ATOMIC_RELEASE);

    if ((old & EXP_RW_EXCLUSIVE) == 0) {
        ExpReportSpinLock(SpinLock);
    }
}

static VOID
ExpReleaseRead(PEX_SPIN_LOCK SpinLock)
{
    ULONG old = __atomic_fetch_sub((PULONG)SpinLock, 1, __ATOMIC_RELEASE);

    if ((old & EXP_RW_READERS) == 0 || (old & EXP_RW_EXCLUSIVE) != 0) {
        ExpReportSpinLock(SpinLock);
    }
}

#pragma GCC visibility push(default)

/* The plain forms raise to DISPATCH_LEVEL and return the IRQL before; IRQL <= DISPATCH_LEVEL. */
KIRQL NTAPI
ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    NT_ENTER(ExAcquireSpinLockExclusive);
    KIRQL irql = KiRaiseIrql(DISPATCH_LEVEL);

    ExpAcquireWrite(SpinLock);
    return irql;
}

KIRQL NTAPI
ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock)
{
    NT_ENTER(ExAcquireSpinLockShared);
    KIRQL irql = KiRaiseIrql(DISPATCH_LEVEL);

    ExpAcquireRead(SpinLock);
    return irql;
}

VOID NTAPI
ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    ExpAcquireWrite(SpinLock);
}

VOID NTAPI
ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    ExpAcquireRead(SpinLock);
}

VOID NTAPI
ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    NT_ENTER(ExReleaseSpinLockExclusive);
    ExpReleaseWrite(SpinLock);
    KiLowerIrql(OldIrql);
}

VOID NTAPI
ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    NT_ENTER(ExReleaseSpinLockShared);
    ExpReleaseRead(SpinLock);
    KiLowerIrql(OldIrql);
}

VOID NTAPI
ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    ExpReleaseWrite(SpinLock);
}

VOID NTAPI
ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    ExpReleaseRead(SpinLock);
}

/* TRUE if the caller was the only reader; it is the writer then. */
LOGICAL NTAPI
ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    NT_ENTER(ExTryConvertSharedSpinLockExclusive);
    ULONG value = 1;

    return __atomic_compare_exchange_n((PULONG)SpinLock, &value, EXP_RW_EXCLUSIVE, 0,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

#pragma GCC visibility pop
