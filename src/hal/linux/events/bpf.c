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

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

extern const unsigned char HalpExecProgram[];
extern const size_t HalpExecProgramSize;

#define HALP_BPF_PROGRAMS 2u
/* Inode of the first PID namespace (include/linux/proc_ns.h); task->tgid is a number in it. */
#define HALP_FIRST_PID_NAMESPACE 0xEFFFFFFCu

struct HALP_BPF {
    struct bpf_object *Object;
    struct bpf_link *Links[HALP_BPF_PROGRAMS];
    int Programs[HALP_BPF_PROGRAMS];
    uint32_t ProgramCount;
    const volatile uint64_t *Failed; /* HalpFailed of the programs */
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
        Bpf->Links[Bpf->ProgramCount] = bpf_program__attach(program);
        if (Bpf->Links[Bpf->ProgramCount] == NULL) {
            return -errno;
        }
        Bpf->ProgramCount++;
    }
    return 0;
}

static HALP_STATUS
HalpLoadBpf(HALP_BPF *Bpf, HALP_RINGS *Rings)
{
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "ntbox");
    struct bpf_map *globals;
    size_t size;
    int error;

    Bpf->Object = bpf_object__open_mem(HalpExecProgram, HalpExecProgramSize, &options);
    if (Bpf->Object == NULL) {
        return HalpBpfError("opening the BPF programs", errno);
    }
    error = bpf_object__load(Bpf->Object);
    if (error != 0) {
        return HalpBpfError("loading the BPF programs", -error);
    }
    globals = bpf_object__find_map_by_name(Bpf->Object, ".bss");
    Bpf->Failed = globals != NULL ? bpf_map__initial_value(globals, &size) : NULL;
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
    bpf_object__close(Bpf->Object);
    free(Bpf);
}

uint64_t
HalpReadBpfLoss(HALP_BPF *Bpf)
{
    uint64_t loss = Bpf->Failed != NULL ? *Bpf->Failed : 0;
    struct bpf_prog_info info;
    uint32_t length;
    uint32_t index;

    for (index = 0; index < Bpf->ProgramCount; index++) {
        memset(&info, 0, sizeof(info));
        length = sizeof(info);
        if (bpf_obj_get_info_by_fd(Bpf->Programs[index], &info, &length) == 0) {
            loss += info.recursion_misses;
        }
    }
    return loss;
}
