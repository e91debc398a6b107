/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel does with the threads of watched processes:
 *
 *   QUEUED --sched_switch in--> ON_CPU --sched_switch out, blocked--> OFF_CPU --wakeup--> QUEUED
 *                                 |------sched_switch out, still runnable------------------^
 *
 * METRIC_RUNQUEUE is time in QUEUED, METRIC_OFFCPU time in OFF_CPU, METRIC_SYSCALL the time from
 * entering to leaving a system call. These programs run for every switch and every system call of
 * the machine, so whether the process is watched comes first. The kernel runs tracepoint programs
 * without preemption.
 */
#include "core/compat.h"
#include "core/emit.h"
#include "core/goabi.h"

static __always_inline const struct target_config *watched_now(__u32 tgid)
{
	if (!tgid || !*(volatile __u32 *)&window.active)
		return NULL;
	return bpf_map_lookup_elem(&targets, &tgid);
}

/* The entry of a thread, a new one (THREAD_UNKNOWN) where there is none; NULL: no room. */
static __always_inline struct thread_value *thread_get(__u32 tid)
{
	struct thread_value *thread = bpf_map_lookup_elem(&threads, &tid);
	struct thread_value first = {};
	long error;

	if (thread)
		return thread;
	error = bpf_map_update_elem(&threads, &tid, &first, BPF_NOEXIST);
	thread = bpf_map_lookup_elem(&threads, &tid);
	if (!thread)
		count(refusal(error, COUNTER_THREADS_FULL));
	return thread;
}

static __always_inline void thread_enter(struct thread_value *thread, __u8 state, __u64 now)
{
	thread->state = state;
	thread->since_ns = now;
}

/* Time since the thread entered `state`; 0: it is in another one, or since before the window. */
static __always_inline __u64 thread_time_in(const struct thread_value *thread, __u8 state,
					    __u64 now)
{
	if (thread->state != state || thread->since_ns < window.opened_ns)
		return 0;
	return now - thread->since_ns;
}

/*
 * The start function of the goroutine that a thread carries as it leaves the CPU; 0: none that is
 * known. In a system call it is the one that made the call. Else the thread was interrupted, and
 * its registers tell whether it was in that goroutine or in the scheduler, or in C.
 */
static __always_inline __u64 carried_start_pc(const struct thread_value *thread,
					      struct task_struct *task)
{
	const struct pt_regs *regs;

	if (thread->syscall_ns >= window.opened_ns)
		return thread->syscall_start_pc;
	if (!thread->g || !settings.registers)
		return 0;
	regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	return GO_CURRENT_G(regs) == thread->g ? thread->start_pc : 0;
}

/* A time off the CPU ends: its histogram, and its total by goroutine. */
static __always_inline void stall_record(__u32 tgid, const struct target_config *config,
					 const struct thread_value *thread, __u32 metric, __u64 ns,
					 __u64 now)
{
	struct stall_key key = {
		.start_pc = thread->stall_start_pc,
		.tgid = tgid,
		.program = program_of(config->enrolled_ns),
		.metric = metric,
	};

	hist_record(tgid, key.program, metric, 0, ns, now);
	if (settings.threads && key.start_pc)
		total_add(&stalls, &key, ns, COUNTER_STALLS_FULL);
}

static __always_inline int thread_woken(struct task_struct *task)
{
	const struct target_config *config;
	struct thread_value *thread;
	__u64 now, off_ns;
	__u32 tgid = task->tgid;

	config = watched_now(tgid);
	if (!config)
		return 0;
	count(COUNTER_SCHED_WAKEUP);
	thread = thread_get(task->pid);
	if (!thread)
		return 0;
	/* A wake-up of a thread that is about to block, but runs still: nothing happens to it. */
	if (thread->state == THREAD_ON_CPU || thread->state == THREAD_QUEUED)
		return 0;
	now = bpf_ktime_get_ns();
	off_ns = thread_time_in(thread, THREAD_OFF_CPU, now);
	if (off_ns)
		stall_record(tgid, config, thread, METRIC_OFFCPU, off_ns, now);
	thread_enter(thread, THREAD_QUEUED, now);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	return thread_woken(task);
}

/* A thread that begins: whatever is known of its number is of one that ended. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *task)
{
	__u32 tid = task->pid;

	if (!watched_now(task->tgid))
		return 0;
	bpf_map_delete_elem(&threads, &tid);
	return thread_woken(task);
}

static __always_inline void switched_out(struct task_struct *task, bool preempted)
{
	__u32 state = preempted ? 0 : task_state(task);
	struct thread_value *thread;
	__u32 tid = task->pid;

	if (!watched_now(task->tgid))
		return;
	count(COUNTER_SCHED_SWITCH);
	if (state & TASK_STATE_DEAD) {
		bpf_map_delete_elem(&threads, &tid);
		return;
	}
	thread = thread_get(tid);
	if (!thread)
		return;
	if (settings.threads)
		thread->stall_start_pc = carried_start_pc(thread, task);
	thread_enter(thread, state ? THREAD_OFF_CPU : THREAD_QUEUED, bpf_ktime_get_ns());
}

static __always_inline void switched_in(struct task_struct *task)
{
	const struct target_config *config;
	struct thread_value *thread;
	__u64 now, queued_ns;
	__u32 tgid = task->tgid;

	config = watched_now(tgid);
	if (!config)
		return;
	count(COUNTER_SCHED_SWITCH);
	thread = thread_get(task->pid);
	if (!thread)
		return;
	now = bpf_ktime_get_ns();
	queued_ns = thread_time_in(thread, THREAD_QUEUED, now);
	if (queued_ns)
		stall_record(tgid, config, thread, METRIC_RUNQUEUE, queued_ns, now);
	thread_enter(thread, THREAD_ON_CPU, now);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempted, struct task_struct *prev, struct task_struct *next)
{
	switched_out(prev, preempted);
	switched_in(next);
	return 0;
}

/* The goroutine on the thread makes the call only when the register says so: the runtime's own
 * calls come from g0. */
SEC("tp_btf/sys_enter")
int BPF_PROG(syscall_enter, struct pt_regs *regs, long number)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct thread_value *thread;

	if (!watched_now(id >> 32))
		return 0;
	thread = thread_get((__u32)id);
	if (!thread)
		return 0;
	thread->syscall_number = number;
	thread->syscall_start_pc = thread->g && GO_CURRENT_G(regs) == thread->g ? thread->start_pc
										: 0;
	thread->syscall_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_exit, struct pt_regs *regs, long result)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct syscall_key key = { .tgid = id >> 32 };
	const struct target_config *config;
	struct thread_value *thread;
	__u32 tid = (__u32)id;
	__u64 now, ns;

	config = watched_now(key.tgid);
	if (!config)
		return 0;
	count(COUNTER_SYSCALL);
	thread = bpf_map_lookup_elem(&threads, &tid);
	if (!thread || thread->syscall_ns < window.opened_ns)
		return 0; /* entered before the window */
	now = bpf_ktime_get_ns();
	ns = now - thread->syscall_ns;
	thread->syscall_ns = 0;
	key.program = program_of(config->enrolled_ns);
	key.number = thread->syscall_number;
	key.start_pc = thread->syscall_start_pc;
	hist_record(key.tgid, key.program, METRIC_SYSCALL, key.number, ns, now);
	total_add(&syscalls, &key, ns, COUNTER_SYSCALLS_FULL);
	return 0;
}

char license_name[] SEC("license") = "Dual BSD/GPL";
