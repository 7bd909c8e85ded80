/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/exec.bpf.c - exec and exit as the kernel's tracepoints tell them
 *
 * The records go into the perf ring of the processor they happen on, between the kernel's own
 * fork and mmap2 records: one stream a processor, in order. What cannot be written is counted by
 * what it would have been for the user, so the programs keep of each process whether it runs a
 * program that began while we watched (HALP_BPF_PROGRAM): the others' ends and images are no
 * events. Only the struct members named below are used; libbpf relocates them (CO-RE).
 *
 * Sources  include/trace/events/sched.h, task.h (arguments); kernel/fork.c (task_newtask is next to
 *          perf_event_fork); kernel/exit.c (signal->live is 0 for the last thread, before the
 *          tracepoint; wait_task_zombie: which code a group ends with); fs/exec.c (begin_new_exec
 *          renames the task once the old program is gone and its new mm is still empty).
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

/* The state of processes by their number. Without an entry it is 0. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, HALP_BPF_PROCESSES);
    __type(key, unsigned int);
    __type(value, unsigned int);
} HalpProcesses SEC(".maps");

struct HALP_BPF_STATE HalpState;

static __always_inline void
Count(unsigned long long *Counter, unsigned long long Value)
{
    if (Value != 0) {
        __sync_fetch_and_add(Counter, Value);
    }
}

/* Creates and Exits: the events that are lost with the record. */
static __always_inline void
Write(void *Context, void *Record, unsigned long Size, unsigned int Creates, unsigned int Exits)
{
    long result = bpf_perf_event_output(Context, &HalpRings, BPF_F_CURRENT_CPU, Record, Size);

    if (result == 0) {
        return;
    }
    /* The kinds first: who sees a ring's loss finds them counted. */
    Count(&HalpState.Creates, Creates);
    Count(&HalpState.Exits, Exits);
    Count(result == -ENOSPC ? &HalpState.Full : &HalpState.Failed, 1);
}

/* perf writes a record for every task that begins or ends, wanted or not. */
static __always_inline void
CountTask(void)
{
    unsigned int slot = bpf_get_smp_processor_id() & (HALP_BPF_SLOTS - 1);

    __sync_fetch_and_add(&HalpState.Slots[slot].Tasks, 1);
}

SEC("tp_btf/task_newtask")
int
BPF_PROG(HalpOnNewTask, struct task_struct *Task, unsigned long Flags)
{
    if (HalpState.ArmTime != 0) {
        CountTask();
    }
    return 0;
}

SEC("tp_btf/sched_process_exit")
int
BPF_PROG(HalpOnExit, struct task_struct *Task)
{
    struct signal_struct *signal = Task->signal;
    struct HALP_BPF_HEAD record = {0};
    unsigned int pid = Task->tgid;
    unsigned int *state;

    if (HalpState.ArmTime == 0) {
        return 0;
    }
    CountTask();
    if (BPF_CORE_READ(signal, live.counter) != 0) {
        return 0;
    }
    state = bpf_map_lookup_elem(&HalpProcesses, &pid);
    if (state != 0) {
        record.Flags = *state;
        if (bpf_map_delete_elem(&HalpProcesses, &pid) != 0) {
            return 0; /* the other of two threads that ended together */
        }
    }
    record.Type = HALP_BPF_EXIT;
    record.Pid = pid;
    record.Tid = Task->pid;
    if ((BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT) != 0) {
        record.ExitCode = BPF_CORE_READ(signal, group_exit_code);
    } else {
        record.ExitCode = BPF_CORE_READ(Task, group_leader, exit_code);
    }
    Write(ctx, &record, HALP_BPF_HEAD_SIZE, 0, (record.Flags & HALP_BPF_PROGRAM) != 0);
    return 0;
}

/* Sets Keep and Add of the process's state; returns what it was. No other thread is there. */
static __always_inline unsigned int
ChangeState(unsigned int Pid, unsigned int Keep, unsigned int Add)
{
    unsigned int *state = bpf_map_lookup_elem(&HalpProcesses, &Pid);
    unsigned int old = 0;

    if (state != 0) {
        old = *state;
        *state = (old & Keep) | Add;
    } else {
        bpf_map_update_elem(&HalpProcesses, &Pid, &Add, BPF_ANY);
    }
    return old;
}

/* An exec has begun: the task that renames itself has an mm with no arguments yet. */
SEC("tp_btf/task_rename")
int
BPF_PROG(HalpOnRename, struct task_struct *Task, const char *Name)
{
    struct HALP_BPF_HEAD record = {0};

    if (HalpState.ArmTime == 0 || Task->pid != (int)bpf_get_current_pid_tgid() || Task->mm == 0 ||
        BPF_CORE_READ(Task, mm, arg_start) != 0) {
        return 0;
    }
    ChangeState(Task->tgid, HALP_BPF_PROGRAM, HALP_BPF_EXECING);
    Count(&HalpState.Begins, 1);
    record.Type = HALP_BPF_BEGIN;
    record.Pid = Task->tgid;
    record.Tid = Task->pid;
    Write(ctx, &record, HALP_BPF_BEGIN_SIZE, 0, 0);
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
    unsigned int replaced;
    unsigned long path;
    long result;
    int zero = 0;

    record = bpf_map_lookup_elem(&HalpScratch, &zero);
    if (record == 0 || HalpState.ArmTime == 0) {
        return 0;
    }
    replaced = ChangeState(Task->tgid, 0, HALP_BPF_PROGRAM) & HALP_BPF_PROGRAM;
    record->Head.Type = HALP_BPF_EXEC;
    record->Head.Flags = replaced | (length > HALP_BPF_LINE_MAX ? HALP_BPF_LINE_CUT : 0);
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
    length = Bound(length, HALP_BPF_LINE_MAX);
    if (bpf_probe_read_user(record->Text + path, length, (void *)start) != 0) {
        length = 0;
    }
    record->LineLength = length;
    length = Bound(length + path, HALP_BPF_PATH_MAX + HALP_BPF_LINE_MAX);
    Write(ctx, record, HALP_BPF_EXEC_SIZE + length, 1, replaced != 0);
    return 0;
}

/* The helpers used are for programs that the kernel may call GPL-compatible. */
char License[] SEC("license") = "Dual MIT/GPL";
