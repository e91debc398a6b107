/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions of the runtime are probed, and what each probe needs to find in place. The set is
 * the least that sees every goroutine become runnable, run and wait; signatures from Go 1.17 to
 * 1.27 (runtime/proc.go, runtime/netpoll.go).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gobin/decode.h"
#include "gobin/internal.h"

struct site_rule {
	const char *function;
	const char *later; /* its name from `later_minor` on; NULL: it did not change */
	unsigned int later_minor;
	unsigned int args;   /* DECODE_ARG bits */
	bool return_address; /* the probe reads it */
	bool essential;      /* without it there is nothing to measure */
};

static const struct site_rule rules[SITE_COUNT] = {
	[SITE_EXECUTE] = { .function = "runtime.execute",
			   .args = DECODE_ARG(0),
			   .essential = true },
	[SITE_READY] = { .function = "runtime.ready", .args = DECODE_ARG(0), .essential = true },
	[SITE_NETPOLL] = { .function = "runtime.netpollready",
			   .args = DECODE_ARG(1) | DECODE_ARG(2) },
	[SITE_NEW] = { .function = "runtime.newproc.func1" },
	[SITE_GOSCHED] = { .function = "runtime.goschedImpl",
			   .args = DECODE_ARG(0) | DECODE_ARG(1),
			   .return_address = true },
	[SITE_GOYIELD] = { .function = "runtime.goyield_m", .args = DECODE_ARG(0) },
	[SITE_SYSCALL_EXIT] = { .function = "runtime.exitsyscall0",
				.later = "runtime.exitsyscallNoP",
				.later_minor = 26,
				.args = DECODE_ARG(0) },
	[SITE_PARK] = { .function = "runtime.park_m", .args = DECODE_ARG(0) },
	[SITE_PREEMPT_PARK] = { .function = "runtime.preemptPark", .args = DECODE_ARG(0) },
	[SITE_STW_BEGIN] = { .function = "runtime.stopTheWorldWithSema",
			     .args = DECODE_ARG(0),
			     .return_address = true },
	[SITE_STW_END] = { .function = "runtime.startTheWorldWithSema" },
};

static int unusable(struct gobin_site *site, const char *reason)
{
	site->usable = false;
	snprintf(site->reason, sizeof(site->reason), "%s", reason);
	return -ENOENT;
}

/* The function's instructions; `bytes` has room for DECODE_CODE_MAX. */
static int read_code(const struct gobin *bin, const struct gobin_func *func, uint8_t *bytes,
		     struct decode_code *ret_code)
{
	uint64_t size = func->end - func->entry;
	int r;

	size = size < DECODE_CODE_MAX ? size : DECODE_CODE_MAX;
	r = image_read(&bin->image, func->entry, bytes, size);
	if (r < 0)
		return r;
	*ret_code = (struct decode_code){
		.bytes = bytes, .size = size, .address = func->entry, .machine = bin->image.machine
	};
	return 0;
}

static int find_new_site(const struct gobin *bin, const struct decode_code *code,
			 struct decode_site *ret_site, char reason[DECODE_REASON_MAX])
{
	struct gobin_func producer, consumer;

	if (gobin_func_find(bin, "runtime.newproc1", &producer) < 0 ||
	    gobin_func_find(bin, "runtime.runqput", &consumer) < 0) {
		snprintf(reason, DECODE_REASON_MAX,
			 "runtime.newproc1 or runtime.runqput is not in the function table");
		return -ENOENT;
	}
	return decode_handover(code, producer.entry, consumer.entry, ret_site, reason);
}

static int find_site(const struct gobin *bin, enum site_kind kind, struct gobin_site *site)
{
	const struct site_rule *rule = &rules[kind];
	const char *name = rule->later && bin->release.minor >= rule->later_minor ? rule->later
										  : rule->function;
	char reason[DECODE_REASON_MAX] = "";
	uint8_t bytes[DECODE_CODE_MAX];
	const struct image_segment *segment;
	struct decode_site found;
	struct decode_code code;
	struct gobin_func func;
	int r;

	snprintf(site->function, sizeof(site->function), "%s", name);
	if (gobin_func_find(bin, name, &func) < 0)
		return unusable(site, "the function is not in the function table: the linker left "
				      "it out or the compiler inlined it");
	if (read_code(bin, &func, bytes, &code) < 0)
		return unusable(site, "its instructions are not in the file");
	if (kind == SITE_NEW)
		r = find_new_site(bin, &code, &found, reason);
	else
		r = decode_entry(&code, rule->args, rule->return_address, &found, reason);
	if (r < 0)
		return unusable(site, reason);
	segment = image_segment(&bin->image, found.address, 1);
	if (!segment || !segment->executable)
		return unusable(site, "its address is not in an executable segment");
	site->usable = true;
	site->address = found.address;
	site->file_offset = segment->offset + (found.address - segment->address);
	memcpy(site->instruction, found.text, sizeof(site->instruction));
	return 0;
}

/* What the file cannot tell, the layout must: a site is of no use without the fields it reads. */
static void refuse_without_layout(struct gobin_site *site, const struct go_layout *layout)
{
	if (site->usable && !layout->polldesc_rg)
		unusable(site, "where runtime.pollDesc keeps its goroutines is not known for this "
			       "Go version");
}

int gobin_sites(const struct gobin *bin, struct gobin_site sites[SITE_COUNT], struct err *err)
{
	struct go_layout layout;
	int r;

	memset(sites, 0, SITE_COUNT * sizeof(sites[0]));
	r = gobin_probe_layout(bin, &layout, err);
	if (r < 0)
		return r;
	for (unsigned int kind = 0; kind < SITE_COUNT; kind++) {
		r = find_site(bin, (enum site_kind)kind, &sites[kind]);
		if (r < 0 && rules[kind].essential)
			return err_set(err, -ENOTSUP, "%s cannot be probed: %s",
				       sites[kind].function, sites[kind].reason);
	}
	refuse_without_layout(&sites[SITE_NETPOLL], &layout);
	return 0;
}

bool gobin_wraps(const struct gobin *bin, const struct gobin_func *wrapper, uint64_t wrapped)
{
	uint8_t bytes[DECODE_CODE_MAX];
	struct decode_code code;

	return read_code(bin, wrapper, bytes, &code) == 0 && decode_calls(&code, wrapped);
}

int gobin_allgs(const struct gobin *bin, uint64_t *ret_address, struct err *err)
{
	static const char *const name = "runtime.allgs";
	struct err no_symbol = ERR_INIT;
	uint8_t bytes[DECODE_CODE_MAX];
	struct decode_code code;
	struct gobin_func func;
	uint64_t address = 0;

	if (gobin_variables_find(bin, &name, 1, &address, &no_symbol) == 0 && address) {
		*ret_address = address;
		return 0;
	}
	if (gobin_func_find(bin, "runtime.allgadd", &func) == 0 &&
	    read_code(bin, &func, bytes, &code) == 0)
		address = decode_slice(&code);
	if (!address)
		return err_set(err, -ENOTSUP,
			       "neither a symbol table nor runtime.allgadd tells where "
			       "runtime.allgs is");
	*ret_address = address;
	return 0;
}
