/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/exec.bpf.c - exec and exit as the scheduler's tracepoints tell them
 *
 * The records go into the perf ring of the processor they happen on, between the kernel's own
 * fork, comm and mmap2 records: one stream a processor, in order, with the kernel's count of what
 * did not fit. Only the struct members named below are used; libbpf relocates them (CO-RE).
 *
 * Sources  include/trace/events/sched.h (arguments), kernel/exit.c (signal->live is 0 for the last
 *          thread, before the tracepoint; wait_task_zombie: which code a group ends with).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "exec.h"

#define SIGNAL_GROUP_EXIT 0x4u
#define ENOSPC 28

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
typedef struct {
    int counter;
} atomic_t;
struct signal_struct {
    atomic_t live;
    int group_exit_code;
    unsigned int flags;
};
struct mm_struct {
    unsigned long arg_start;
    unsigned long arg_end;
};
struct task_struct {
    struct mm_struct *mm;
    int exit_code;
    int pid;
    int tgid;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    struct signal_struct *signal;
};
struct inode {
    unsigned long i_ino;
};
struct file {
    struct inode *f_inode;
};
struct linux_binprm {
    struct file *file;
    const char *filename;
};
#pragma clang attribute pop

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, sizeof(int));
    __uint(value_size, sizeof(int));
} HalpRings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, int);
    __type(value, struct HALP_BPF_EXEC_RECORD);
} HalpScratch SEC(".maps");

/* Records that could not be written for another reason than a full ring: those perf counts. */
unsigned long long HalpFailed;

static __always_inline void
Write(void *Context, void *Record, unsigned long Size)
{
    long result = bpf_perf_event_output(Context, &HalpRings, BPF_F_CURRENT_CPU, Record, Size);

    if (result != 0 && result != -ENOSPC) {
        __sync_fetch_and_add(&HalpFailed, 1);
    }
}

SEC("tp_btf/sched_process_exit")
int
BPF_PROG(HalpOnExit, struct task_struct *Task)
{
    struct signal_struct *signal = Task->signal;
    struct HALP_BPF_HEAD record = {0};

    if (BPF_CORE_READ(signal, live.counter) != 0) {
        return 0;
    }
    record.Type = HALP_BPF_EXIT;
    record.Pid = Task->tgid;
    record.Tid = Task->pid;
    if ((BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT) != 0) {
        record.ExitCode = BPF_CORE_READ(signal, group_exit_code);
    } else {
        record.ExitCode = BPF_CORE_READ(Task, group_leader, exit_code);
    }
    Write(ctx, &record, sizeof(record));
    return 0;
}

/* Keeps the compiler from folding a bound that the verifier needs to see. */
static __always_inline unsigned long
Bound(unsigned long Value, unsigned long Limit)
{
    asm volatile("" : "+r"(Value));
    return Value > Limit ? Limit : Value;
}

SEC("tp_btf/sched_process_exec")
int
BPF_PROG(HalpOnExec, struct task_struct *Task, int OldPid, struct linux_binprm *Binprm)
{
    unsigned long start = BPF_CORE_READ(Task, mm, arg_start);
    unsigned long length = BPF_CORE_READ(Task, mm, arg_end) - start;
    struct HALP_BPF_EXEC_RECORD *record;
    unsigned long path;
    long result;
    int zero = 0;

    record = bpf_map_lookup_elem(&HalpScratch, &zero);
    if (record == 0) {
        return 0;
    }
    record->Head.Type = HALP_BPF_EXEC;
    record->Head.Pid = Task->tgid;
    record->Head.Tid = Task->pid;
    record->Head.ParentPid = BPF_CORE_READ(Task, real_parent, tgid);
    record->Head.ExitCode = 0;
    record->Inode = BPF_CORE_READ(Binprm, file, f_inode, i_ino);
    result =
        bpf_probe_read_kernel_str(record->Text, HALP_BPF_PATH_MAX, BPF_CORE_READ(Binprm, filename));
    path = result > 0 ? (unsigned long)result - 1 : 0;
    path = Bound(path, HALP_BPF_PATH_MAX - 1);
    record->PathLength = path;
    record->Head.LineCut = length > HALP_BPF_LINE_MAX;
    length = Bound(length, HALP_BPF_LINE_MAX);
    if (bpf_probe_read_user(record->Text + path, length, (void *)start) != 0) {
        length = 0;
    }
    record->LineLength = length;
    length = Bound(length + path, HALP_BPF_PATH_MAX + HALP_BPF_LINE_MAX);
    Write(ctx, record, HALP_BPF_EXEC_SIZE + length);
    return 0;
}

/* The helpers used are for programs that the kernel may call GPL-compatible. */
char License[] SEC("license") = "Dual MIT/GPL";
