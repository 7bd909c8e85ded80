/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/bpf.c - loads the programs of exec.bpf.c and ties them to the perf rings
 *
 * The compiled programs are part of this library (embed.py); libbpf relocates them against the
 * running kernel's types.
 *
 * Sources  libbpf 1.1 API; Documentation/bpf/libbpf; kernel/trace/bpf_trace.c (a program that is
 *          entered while it runs on the same processor is skipped, counted in recursion_misses).
 */
#include "eventsp.h"

#include "exec.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

extern const unsigned char HalpExecProgram[];
extern const size_t HalpExecProgramSize;

#define HALP_BPF_PROGRAMS 4u
#define HALP_STATE_SIZE sizeof(struct HALP_BPF_STATE) /* of a page */
/* Inode of the first PID namespace (include/linux/proc_ns.h); task->tgid is a number in it. */
#define HALP_FIRST_PID_NAMESPACE 0xEFFFFFFCu

struct HALP_BPF {
    struct bpf_object *Object;
    struct bpf_link *Links[HALP_BPF_PROGRAMS];
    int Programs[HALP_BPF_PROGRAMS];
    const char *Names[HALP_BPF_PROGRAMS];
    uint32_t ProgramCount;
    int ProcessMap;
    struct HALP_BPF_STATE *State; /* HalpState of the programs */
    uint64_t SkippedCreates;      /* at the last look */
    uint64_t SkippedExits;
    uint64_t SkippedOthers;
};

/* The last line that libbpf wrote while a source opened; libbpf has one printer a process. */
static __thread char HalpBpfText[256];

static int __attribute__((format(printf, 2, 0)))
HalpPrintBpf(enum libbpf_print_level Level, const char *Format, va_list Arguments)
{
    if (Level == LIBBPF_WARN) {
        vsnprintf(HalpBpfText, sizeof(HalpBpfText), Format, Arguments);
        HalpBpfText[strcspn(HalpBpfText, "\n")] = '\0';
    }
    return 0;
}

static HALP_STATUS
HalpBpfError(const char *What, int Error)
{
    HALP_STATUS status = HalpEventsError(What, Error);

    HalpSetErrorText("%s: %s%s%s%s", What, strerror(Error), HalpBpfText[0] != '\0' ? " (" : "",
                     HalpBpfText, HalpBpfText[0] != '\0' ? ")" : "");
    return status;
}

/* Every ring's descriptor into the map that the programs write to. */
static int
HalpTieRings(HALP_BPF *Bpf, HALP_RINGS *Rings)
{
    int map = bpf_object__find_map_fd_by_name(Bpf->Object, "HalpRings");
    uint32_t processor;
    uint32_t index;
    int fd;

    for (index = 0; index < HalpRingCount(Rings); index++) {
        fd = HalpRingDescriptor(Rings, index, &processor);
        if (bpf_map_update_elem(map, &processor, &fd, BPF_ANY) != 0) {
            return -errno;
        }
    }
    return 0;
}

static int
HalpAttachPrograms(HALP_BPF *Bpf)
{
    struct bpf_program *program;

    bpf_object__for_each_program(program, Bpf->Object)
    {
        if (Bpf->ProgramCount == HALP_BPF_PROGRAMS) {
            return -E2BIG;
        }
        Bpf->Programs[Bpf->ProgramCount] = bpf_program__fd(program);
        Bpf->Names[Bpf->ProgramCount] = bpf_program__name(program);
        Bpf->Links[Bpf->ProgramCount] = bpf_program__attach(program);
        if (Bpf->Links[Bpf->ProgramCount] == NULL) {
            return -errno;
        }
        Bpf->ProgramCount++;
    }
    return 0;
}

/* Maps HalpState, all of the programs' globals, where they see it. Returns 0 and sets errno. */
static int
HalpMapState(HALP_BPF *Bpf)
{
    int map = bpf_object__find_map_fd_by_name(Bpf->Object, ".bss");
    void *mapped = mmap(NULL, HALP_STATE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

    Bpf->State = mapped == MAP_FAILED ? NULL : mapped;
    return Bpf->State != NULL;
}

static HALP_STATUS
HalpLoadBpf(HALP_BPF *Bpf, HALP_RINGS *Rings)
{
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "ntbox");
    int error;

    Bpf->Object = bpf_object__open_mem(HalpExecProgram, HalpExecProgramSize, &options);
    if (Bpf->Object == NULL) {
        return HalpBpfError("opening the BPF programs", errno);
    }
    error = bpf_object__load(Bpf->Object);
    if (error != 0) {
        return HalpBpfError("loading the BPF programs", -error);
    }
    Bpf->ProcessMap = bpf_object__find_map_fd_by_name(Bpf->Object, "HalpProcesses");
    if (!HalpMapState(Bpf)) {
        return HalpBpfError("the state of the BPF programs", errno);
    }
    error = HalpTieRings(Bpf, Rings);
    if (error == 0) {
        error = HalpAttachPrograms(Bpf);
    }
    return error == 0 ? HALP_OK : HalpBpfError("attaching the BPF programs", -error);
}

HALP_STATUS
HalpOpenBpf(HALP_RINGS *Rings, HALP_BPF **Bpf)
{
    libbpf_print_fn_t printer;
    struct stat space;
    HALP_STATUS status;
    HALP_BPF *bpf;

    if (stat("/proc/self/ns/pid", &space) == 0 && space.st_ino != HALP_FIRST_PID_NAMESPACE) {
        HalpSetErrorText("BPF: in a PID namespace the kernel's process numbers are not ours");
        return HALP_UNSUPPORTED;
    }
    bpf = calloc(1, sizeof(*bpf));
    if (bpf == NULL) {
        return HALP_NO_MEMORY;
    }
    HalpBpfText[0] = '\0';
    printer = libbpf_set_print(HalpPrintBpf);
    status = HalpLoadBpf(bpf, Rings);
    libbpf_set_print(printer);
    if (status != HALP_OK) {
        HalpCloseBpf(bpf);
        return status;
    }
    *Bpf = bpf;
    return HALP_OK;
}

void
HalpCloseBpf(HALP_BPF *Bpf)
{
    uint32_t index;

    for (index = 0; index < Bpf->ProgramCount; index++) {
        bpf_link__destroy(Bpf->Links[index]);
    }
    if (Bpf->State != NULL) {
        munmap(Bpf->State, HALP_STATE_SIZE);
    }
    bpf_object__close(Bpf->Object);
    free(Bpf);
}

uint64_t
HalpArmBpf(HALP_BPF *Bpf)
{
    __atomic_store_n(&Bpf->State->ArmTime, HalpRecordClock(), __ATOMIC_SEQ_CST);
    return HalpRecordClock();
}

int
HalpIsBpfProgram(HALP_BPF *Bpf, uint32_t Pid)
{
    uint32_t state = 0;

    return bpf_map_lookup_elem(Bpf->ProcessMap, &Pid, &state) == 0 && state != 0;
}

static void
HalpReadSkipped(HALP_BPF *Bpf)
{
    struct bpf_prog_info info;
    uint32_t length;
    uint32_t index;

    Bpf->SkippedOthers = 0;
    for (index = 0; index < Bpf->ProgramCount; index++) {
        memset(&info, 0, sizeof(info));
        length = sizeof(info);
        if (bpf_obj_get_info_by_fd(Bpf->Programs[index], &info, &length) != 0) {
            continue;
        }
        if (strcmp(Bpf->Names[index], "HalpOnExec") == 0) {
            Bpf->SkippedCreates = info.recursion_misses;
        } else if (strcmp(Bpf->Names[index], "HalpOnExit") == 0) {
            Bpf->SkippedExits = info.recursion_misses;
        } else {
            Bpf->SkippedOthers += info.recursion_misses;
        }
    }
}

uint64_t
HalpReadBpfLoss(HALP_BPF *Bpf, int HasSkipped, HALP_LOSS_COUNTS *Counts)
{
    struct HALP_BPF_STATE *state = Bpf->State;
    uint32_t slot;

    if (HasSkipped) {
        HalpReadSkipped(Bpf);
    }
    Counts->Full = __atomic_load_n(&state->Full, __ATOMIC_ACQUIRE);
    Counts->Creates = __atomic_load_n(&state->Creates, __ATOMIC_ACQUIRE) + Bpf->SkippedCreates;
    Counts->Exits = __atomic_load_n(&state->Exits, __ATOMIC_ACQUIRE) + Bpf->SkippedExits;
    Counts->Begins = __atomic_load_n(&state->Begins, __ATOMIC_ACQUIRE);
    Counts->Tasks = 0;
    for (slot = 0; slot < HALP_BPF_SLOTS; slot++) {
        Counts->Tasks += __atomic_load_n(&state->Slots[slot].Tasks, __ATOMIC_ACQUIRE);
    }
    return __atomic_load_n(&state->Failed, __ATOMIC_ACQUIRE) + Bpf->SkippedCreates +
           Bpf->SkippedExits + Bpf->SkippedOthers;
}
