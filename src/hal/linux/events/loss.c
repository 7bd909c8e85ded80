/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/loss.c - how many events of the user are lost, exactly
 *
 * Invariant  L1  Told only grows, and never exceeds what is lost for good.
 */
#include "loss.h"

/* A - B, or 0. */
static uint64_t
HalpAbove(int64_t A, int64_t B)
{
    return A > B ? (uint64_t)(A - B) : 0;
}

/* Of Count lost ones, those that Owed programs in the table cannot make up for any more. */
static int64_t
HalpSurelyLost(uint64_t Count, uint64_t Owed, uint64_t Settled)
{
    uint64_t sure = HalpAbove((int64_t)Count, (int64_t)Owed);

    return (int64_t)(sure > Settled ? sure : Settled);
}

uint64_t
HalpTakeLoss(HALP_LOSS *Loss, const HALP_LOSS_COUNTS *Counts, const HALP_ORDER_TALLY *Tally)
{
    uint64_t tasks = HalpAbove((int64_t)Counts->Tasks, (int64_t)Counts->TasksRead);
    uint64_t vdsos = HalpAbove((int64_t)Counts->Begins, (int64_t)Counts->Vdsos);
    int64_t records = (int64_t)(Counts->Ring - Counts->Full);
    int64_t creates = HalpSurelyLost(Counts->Creates, Tally->Execing, Loss->SettledCreates);
    int64_t exits = HalpSurelyLost(Counts->Exits, Tally->Programs, Loss->SettledExits);
    uint64_t total = HalpAbove(records, (int64_t)(tasks + vdsos)) + Tally->UntoldImages;
    uint64_t news;

    total += HalpAbove(creates + (int64_t)Tally->UntoldCreates, Tally->MadeCreates);
    total += HalpAbove(exits + (int64_t)Tally->UntoldExits, Tally->MadeExits);
    news = total > Loss->Told ? total - Loss->Told : 0;
    Loss->Told += news;
    return news;
}

void
HalpMarkLoss(HALP_LOSS *Loss, const HALP_LOSS_COUNTS *Counts)
{
    Loss->MarkedCreates = Counts->Creates;
    Loss->MarkedExits = Counts->Exits;
}

void
HalpSettleLoss(HALP_LOSS *Loss)
{
    Loss->SettledCreates = Loss->MarkedCreates;
    Loss->SettledExits = Loss->MarkedExits;
}
