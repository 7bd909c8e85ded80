/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/nobpf.c - in place of bpf.c where clang or libbpf was missing at build time
 */
#include "eventsp.h"

HALP_STATUS
HalpOpenBpf(HALP_RINGS *Rings, HALP_BPF **Bpf)
{
    (void)Rings;
    (void)Bpf;
    HalpSetErrorText("BPF: this build has no BPF programs (clang was missing)");
    return HALP_UNSUPPORTED;
}

void
HalpCloseBpf(HALP_BPF *Bpf)
{
    (void)Bpf;
}

uint64_t
HalpArmBpf(HALP_BPF *Bpf)
{
    (void)Bpf;
    return 0;
}

int
HalpIsBpfProgram(HALP_BPF *Bpf, uint32_t Pid)
{
    (void)Bpf;
    (void)Pid;
    return 0;
}

uint64_t
HalpReadBpfLoss(HALP_BPF *Bpf, int HasSkipped, HALP_LOSS_COUNTS *Counts)
{
    (void)Bpf;
    (void)HasSkipped;
    (void)Counts;
    return 0;
}
