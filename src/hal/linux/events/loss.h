/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/loss.h - how many events of the user are lost, exactly
 *
 * Pure: numbers in, numbers out. For sources whose kernel side counts its drops by kind.
 */
#pragma once

#include "order.h"

/* The kernel's side, since the source was armed; all only grow. */
typedef struct HALP_LOSS_COUNTS {
    uint64_t Ring;      /* records of any kind that the rings had no room for */
    uint64_t Full;      /* of these, our programs' own; read after Ring */
    uint64_t Creates;   /* program starts whose record was not written */
    uint64_t Exits;     /* program ends (by exit or exec) whose record was not written */
    uint64_t Begins;    /* execs begun; 0 where programs have no [vdso] */
    uint64_t Vdsos;     /* [vdso] mappings read */
    uint64_t Tasks;     /* threads that began or ended */
    uint64_t TasksRead; /* records of these */
} HALP_LOSS_COUNTS;

typedef struct HALP_LOSS {
    uint64_t MarkedCreates; /* at HalpMarkLoss */
    uint64_t MarkedExits;
    uint64_t SettledCreates; /* so many of Creates can be made up for no more */
    uint64_t SettledExits;
    uint64_t Told;
} HALP_LOSS;

/*
 * The events that are lost for good and not told so far; 0 once they are told.
 *
 *   images   Ring - Full are the kernel's own records dropped. No event of these are those of
 *            tasks, Tasks - TasksRead of them, and the [vdso] that each exec maps, Begins - Vdsos
 *            of them. Added are the images read of programs whose CREATE is lost.
 *   creates  Creates, less those that the order machine concluded all the same.
 *   exits    Exits, less those concluded, and those read of a program whose CREATE is lost.
 *
 * Never more than what is lost, whatever is under way between kernel and reader: what a program in
 * the table may still be concluded from is left out until it is settled. At rest, exact.
 */
uint64_t HalpTakeLoss(HALP_LOSS *Loss, const HALP_LOSS_COUNTS *Counts,
                      const HALP_ORDER_TALLY *Tally);
/* With HalpOrderMark: the losses up to now are those that the search will settle ... */
void HalpMarkLoss(HALP_LOSS *Loss, const HALP_LOSS_COUNTS *Counts);
/* ... and after its last HalpOrderSweep: nothing more will be concluded for them. */
void HalpSettleLoss(HALP_LOSS *Loss);
