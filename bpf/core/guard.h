/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Uprobe programs can be preempted since kernel 6.0. From 6.13 on a program of that type whose
 * stack reaches 64 bytes runs on a private stack of its CPU, so a second run on the same CPU while
 * the first is preempted overwrites the first one's stack, pointers included: the kernel can panic.
 * bpf_preempt_disable() exists since 6.10, so no kernel that has the danger lacks the remedy.
 *
 * A guarded program consists of an outer function without a stack of its own that enters the
 * guard, calls the body as a subprogram, and leaves the guard.
 *
 * settings.guard is true when the kernel has the functions. It is a constant for the verifier,
 * which drops the branch where they are missing; a test of the weak symbol's address would need
 * libbpf 1.2.
 */
#ifndef PARKMETER_BPF_GUARD_H
#define PARKMETER_BPF_GUARD_H

#include "core/maps.h"

extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

static __always_inline void guard_enter(void)
{
	if (settings.guard)
		bpf_preempt_disable();
}

static __always_inline void guard_leave(void)
{
	if (settings.guard)
		bpf_preempt_enable();
}

/*
 * The scratch memory of this CPU, or NULL (and counted) when a preempted run holds it, which only
 * happens on kernels without the guard. Whoever got NULL gives up its sample. Adding and then
 * looking is exclusive without a fetching atomic, which 5.10 lacks: two runs that both hold it
 * would both have read 1 after both had added.
 */
static __always_inline struct scratch *scratch_take(void)
{
	struct scratch *scratch;
	__u32 zero = 0;

	scratch = bpf_map_lookup_elem(&scratch_memory, &zero);
	if (!scratch || settings.guard)
		return scratch;
	__sync_fetch_and_add(&scratch->users, 1);
	if (*(volatile __u64 *)&scratch->users == 1)
		return scratch;
	__sync_fetch_and_add(&scratch->users, -1);
	count(COUNTER_BUSY);
	return NULL;
}

static __always_inline void scratch_give(struct scratch *scratch)
{
	if (!settings.guard)
		__sync_fetch_and_add(&scratch->users, -1);
}

#endif
