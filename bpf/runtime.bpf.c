/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stop-the-world pauses: from stopTheWorldWithSema() to startTheWorldWithSema(). One at a time per
 * process (the runtime holds worldsema), so the process is the key.
 */
#include "core/emit.h"
#include "core/goabi.h"
#include "core/sites.h"

/* g.m and m.curg, Go 1.17 to 1.20. */
#define G_M    48
#define M_CURG 192

static __always_inline __u64 read_user(__u64 address)
{
	__u64 value = 0;

	if (bpf_probe_read_user(&value, sizeof(value), (void *)address))
		count(COUNTER_FIELD_UNREADABLE);
	return value;
}

/*
 * Before Go 1.21 only the caller tells why: gcStart, gcMarkDone or stopTheWorld, all of them by way
 * of systemstack(). That left the goroutine with its stack pointer on the return address into its
 * caller (Go 1.19, asm_amd64.s, gosave_systemstack_switch).
 */
static __always_inline __u64 systemstack_caller(struct pt_regs *regs, const struct hit *hit)
{
	__u64 m = read_user(GO_CURRENT_G(regs) + G_M);
	__u64 curg = read_user(m + M_CURG);

	return read_user(read_user(curg + hit->config->layout.g_sched_sp));
}

static __always_inline void on_stw_begin(struct pt_regs *regs)
{
	struct stw_value stop = {};
	struct hit hit;
	long error;

	if (!hit_begin(&hit, SITE_STW_BEGIN))
		return;
	stop.begin_ns = hit.now;
	if (hit.config->flags & TARGET_STW_HAS_REASON)
		stop.reason = GO_ARG0(regs) & 0xff;
	else
		stop.caller_pc = systemstack_caller(regs, &hit);
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
