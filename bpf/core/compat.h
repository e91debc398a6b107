/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between kernels, from 5.10 on. */
#ifndef PARKMETER_BPF_COMPAT_H
#define PARKMETER_BPF_COMPAT_H

#include "core/kernel.h"

/* task_struct.state became __state in 5.14 (kernel commit 2f064a59a11f). */
struct task_struct___state {
	unsigned int __state;
} __attribute__((preserve_access_index));

struct task_struct___before_5_14 {
	volatile long state;
} __attribute__((preserve_access_index));

/* include/linux/sched.h: the thread will never run again. */
#define TASK_STATE_DEAD 0x80

/*
 * The state of a thread that is being switched out; 0: it stays runnable. Reading it from the task
 * is safe although kernel 5.18 hands it to the tracepoint as an argument: a wake-up that would
 * change it needs the run-queue lock while the thread is still queued, and sets TASK_WAKING, which
 * is not 0, when it is not.
 */
static __always_inline __u32 task_state(struct task_struct *task)
{
	struct task_struct___state *now = (void *)task;
	struct task_struct___before_5_14 *old = (void *)task;

	if (bpf_core_field_exists(now->__state))
		return now->__state;
	return old->state;
}

#endif
