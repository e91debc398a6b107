/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Go's register-based calling convention (ABIInternal, Go >= 1.17 on amd64, >= 1.18 on arm64): the
 * first arguments and the current goroutine (src/cmd/compile/abi-internal.md).
 */
#ifndef PARKMETER_BPF_GOABI_H
#define PARKMETER_BPF_GOABI_H

#include "core/kernel.h"

#if defined(__TARGET_ARCH_x86)
#define GO_ARG0(regs)      ((__u64)(regs)->ax)
#define GO_ARG1(regs)      ((__u64)(regs)->bx)
#define GO_ARG2(regs)      ((__u64)(regs)->cx)
#define GO_CURRENT_G(regs) ((__u64)(regs)->r14)
#elif defined(__TARGET_ARCH_arm64)
#define GO_ARG0(regs)      ((__u64)(regs)->regs[0])
#define GO_ARG1(regs)      ((__u64)(regs)->regs[1])
#define GO_ARG2(regs)      ((__u64)(regs)->regs[2])
#define GO_CURRENT_G(regs) ((__u64)(regs)->regs[28])
#endif

/* The return address of a function at whose site nothing has been pushed yet; 0 unreadable. */
static __always_inline __u64 go_return_address(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	__u64 address = 0;

	if (bpf_probe_read_user(&address, sizeof(address), (void *)regs->sp))
		return 0;
	return address;
#else
	return regs->regs[30];
#endif
}

#endif
