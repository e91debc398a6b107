/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Processes that start and end. A process that executes a watched file is enrolled right here,
 * before its first instruction; the agent hears of it afterwards.
 */
#include "core/emit.h"

static __always_inline void file_key_of(struct file *file, struct file_key *key)
{
	key->inode = file->f_inode->i_ino;
	key->dev = file->f_inode->i_sb->s_dev;
}

/* Watches the process under the configuration of its file. False when there was no room. */
static __always_inline bool enrol(__u32 tgid, const struct target_config *watched, __u64 now)
{
	struct target_config config = *watched;

	config.enrolled_ns = now;
	return bpf_map_update_elem(&targets, &tgid, &config, BPF_ANY) == 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *binprm)
{
	struct event_exec event = { .header.kind = EVENT_EXEC };
	const struct target_config *watched;
	bool was_target;
	__u32 tgid = task->tgid;
	__u32 tid = old_pid;

	event.header.time_ns = bpf_ktime_get_ns();
	event.header.tgid = tgid;
	file_key_of(binprm->file, &event.file);
	watched = bpf_map_lookup_elem(&watched_files, &event.file);
	/* What it was before is gone, whatever it has become. */
	was_target = bpf_map_delete_elem(&targets, &tgid) == 0;
	bpf_map_delete_elem(&threads, &tgid);
	bpf_map_delete_elem(&threads, &tid);
	if (watched)
		event.enrolled = enrol(tgid, watched, event.header.time_ns);
	else if (!settings.all_execs && !was_target)
		return 0;
	event.parent = task->real_parent->tgid;
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	event_emit(&event, sizeof(event));
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct event_fork event = { .header.kind = EVENT_FORK };
	__u32 tgid = parent->tgid;

	if ((__u32)child->tgid == tgid) /* a thread */
		return 0;
	if (!bpf_map_lookup_elem(&targets, &tgid))
		return 0;
	event.header.time_ns = bpf_ktime_get_ns();
	event.header.tgid = child->tgid;
	event.parent = tgid;
	event_emit(&event, sizeof(event));
	return 0;
}

/*
 * The process has ended when its last thread goes: do_exit() lowers signal->live before this
 * tracepoint. Two threads that end at the same time may both see 0; whoever removes the target
 * reports.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct event_exit event = { .header.kind = EVENT_EXIT };
	__u32 tgid = task->tgid;
	__u32 tid = task->pid;

	if (!bpf_map_lookup_elem(&targets, &tgid))
		return 0;
	bpf_map_delete_elem(&threads, &tid);
	if (task->signal->live.counter > 0)
		return 0;
	if (bpf_map_delete_elem(&targets, &tgid))
		return 0;
	event.header.time_ns = bpf_ktime_get_ns();
	event.header.tgid = tgid;
	event_emit(&event, sizeof(event));
	return 0;
}

char license_name[] SEC("license") = "Dual BSD/GPL";
