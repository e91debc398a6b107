/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The handlers of the probe sites, and what each begins with. sites.bpf.c makes programs of them.
 */
#ifndef PARKMETER_BPF_SITES_H
#define PARKMETER_BPF_SITES_H

#include "core/maps.h"

/* What every handler starts with. */
struct hit {
	const struct target_config *config;
	__u64 now;
	__u64 floor_ns; /* a stamp before this one is unknown */
	__u32 tgid;
	__u32 program;
};

static __always_inline bool hit_begin(struct hit *hit, __u32 site)
{
	hit->now = bpf_ktime_get_ns();
	hit->tgid = bpf_get_current_pid_tgid() >> 32;
	hit->config = bpf_map_lookup_elem(&targets, &hit->tgid);
	if (!hit->config || !(hit->config->flags & TARGET_PROBED)) {
		count(COUNTER_FOREIGN);
		return false;
	}
	if (!*(volatile __u32 *)&window.active)
		return false;
	hit->floor_ns = window.opened_ns;
	hit->program = program_of(hit->config->enrolled_ns);
	if (hit->config->enrolled_ns > hit->floor_ns)
		hit->floor_ns = hit->config->enrolled_ns;
	count(COUNTER_HIT + site);
	return true;
}

/*
 * A handler is a subprogram of its own (core/guard.h says why). Hidden: for the verifier as static
 * as a static function, so it needs no proof for any caller but ours.
 */
#define HANDLER(name) __hidden int name(struct pt_regs *regs)

HANDLER(handle_execute);
HANDLER(handle_ready);
HANDLER(handle_netpoll);
HANDLER(handle_new);
HANDLER(handle_gosched);
HANDLER(handle_goyield);
HANDLER(handle_syscall_exit);
HANDLER(handle_park);
HANDLER(handle_preempt_park);
HANDLER(handle_stw_begin);
HANDLER(handle_stw_end);

#define DEFINE_HANDLER(name, body)     \
	int name(struct pt_regs *regs) \
	{                              \
		body;                  \
		return 0;              \
	}

#endif
