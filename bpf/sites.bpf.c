/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of the probe sites: one for each site on a perf link (kernel 5.10 has no cookies),
 * and one for all on a multi link, where the cookie is the site. They are in a file of their own
 * because the static linker of libbpf 1.1 takes a kernel function from one object only.
 */
#include "core/sites.h"
#include "core/guard.h"

#define SITE_PROGRAM(name, handler)    \
	SEC("uprobe")                  \
	int name(struct pt_regs *regs) \
	{                              \
		guard_enter();         \
		handler(regs);         \
		guard_leave();         \
		return 0;              \
	}

SITE_PROGRAM(site_execute, handle_execute)
SITE_PROGRAM(site_ready, handle_ready)
SITE_PROGRAM(site_netpoll, handle_netpoll)
SITE_PROGRAM(site_new, handle_new)
SITE_PROGRAM(site_gosched, handle_gosched)
SITE_PROGRAM(site_goyield, handle_goyield)
SITE_PROGRAM(site_syscall_exit, handle_syscall_exit)
SITE_PROGRAM(site_park, handle_park)
SITE_PROGRAM(site_preempt_park, handle_preempt_park)
SITE_PROGRAM(site_stw_begin, handle_stw_begin)
SITE_PROGRAM(site_stw_end, handle_stw_end)

/* Not SEC("uprobe.multi"), which libbpf knows from 1.3 on: the agent sets the attach type. */
SEC("uprobe")
int site_multi(struct pt_regs *regs)
{
	guard_enter();
	switch (bpf_get_attach_cookie(regs)) {
	case SITE_EXECUTE:
		handle_execute(regs);
		break;
	case SITE_READY:
		handle_ready(regs);
		break;
	case SITE_PARK:
		handle_park(regs);
		break;
	case SITE_NETPOLL:
		handle_netpoll(regs);
		break;
	case SITE_NEW:
		handle_new(regs);
		break;
	case SITE_GOSCHED:
		handle_gosched(regs);
		break;
	case SITE_GOYIELD:
		handle_goyield(regs);
		break;
	case SITE_SYSCALL_EXIT:
		handle_syscall_exit(regs);
		break;
	case SITE_PREEMPT_PARK:
		handle_preempt_park(regs);
		break;
	case SITE_STW_BEGIN:
		handle_stw_begin(regs);
		break;
	case SITE_STW_END:
		handle_stw_end(regs);
		break;
	}
	guard_leave();
	return 0;
}

char license_name[] SEC("license") = "Dual BSD/GPL";
