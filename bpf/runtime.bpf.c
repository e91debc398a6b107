/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stop-the-world pauses: from stopTheWorldWithSema() to startTheWorldWithSema(). One at a time per
 * process (the runtime holds worldsema), so the process is the key.
 */
#include "core/emit.h"
#include "core/goabi.h"
#include "core/sites.h"

static __always_inline void on_stw_begin(struct pt_regs *regs)
{
	struct stw_value stop = {};
	struct hit hit;
	long error;

	if (!hit_begin(&hit, SITE_STW_BEGIN))
		return;
	stop.begin_ns = hit.now;
	stop.caller_pc = go_return_address(regs);
	if (hit.config->flags & TARGET_STW_HAS_REASON)
		stop.reason = GO_ARG0(regs) & 0xff;
	error = bpf_map_update_elem(&stops, &hit.tgid, &stop, BPF_ANY);
	if (error)
		count(refusal(error, COUNTER_EVENT_DROPPED));
}

static __always_inline void on_stw_end(void)
{
	struct event_stw event = { .header.kind = EVENT_STW };
	struct stw_value *stop;
	struct hit hit;

	if (!hit_begin(&hit, SITE_STW_END))
		return;
	stop = bpf_map_lookup_elem(&stops, &hit.tgid);
	if (!stop || stop->begin_ns < hit.floor_ns)
		return; /* it began before the window */
	event.header.tgid = hit.tgid;
	event.header.time_ns = stop->begin_ns;
	event.duration_ns = hit.now - stop->begin_ns;
	event.caller_pc = stop->caller_pc;
	event.reason = stop->reason;
	stop->begin_ns = 0;
	event_emit(&event, sizeof(event));
}

DEFINE_HANDLER(handle_stw_begin, on_stw_begin(regs))
DEFINE_HANDLER(handle_stw_end, on_stw_end())

char license_name[] SEC("license") = "Dual BSD/GPL";
