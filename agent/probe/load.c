/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and loading the BPF programs: only those that the options need, so that a kernel never
 * sees a program it does not know (a multi program before 6.6), and maps that stay unused shrink to
 * one entry. What libbpf has to say is captured, and its last lines become part of the error.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>

#include "probe/session.h"

#define MESSAGES_MAX 4096
/* In an error sentence. */
#define MESSAGE_LINES_BYTES 600
#define MAP_ENTRIES_TINY    16
#define KERNEL_OLDEST       (5 << 8 | 10)
/* BPF_TRACE_UPROBE_MULTI, kernel 6.6; older headers do not name it. */
#define ATTACH_TYPE_UPROBE_MULTI 48

/* ---- libbpf's messages ---- */

static _Thread_local char messages[MESSAGES_MAX];

/* Keeps the tail: a verifier log ends with the reason. */
static void messages_add(const char *text, size_t size)
{
	size_t used = strlen(messages);

	if (size >= sizeof(messages)) {
		text += size - (sizeof(messages) - 1);
		size = sizeof(messages) - 1;
	}
	if (used + size >= sizeof(messages)) {
		size_t excess = used + size - (sizeof(messages) - 1);

		memmove(messages, messages + excess, used - excess);
		used -= excess;
	}
	memcpy(messages + used, text, size);
	messages[used + size] = '\0';
}

static int messages_print(enum libbpf_print_level level, const char *format, va_list args)
{
	CLEANUP(freep) char *text = NULL;
	int size;

	if (level != LIBBPF_WARN)
		return 0;
	size = vasprintf(&text, format, args);
	if (size < 0) {
		text = NULL;
		return 0;
	}
	messages_add(text, (size_t)size);
	return 0;
}

void load_messages_capture(void)
{
	libbpf_set_print(messages_print);
	messages[0] = '\0';
}

/*
 * The lines before the end of a verifier log are its counters; the reason is in front of them. All
 * on one line, for a sentence.
 */
const char *load_messages(void)
{
	static _Thread_local char lines[MESSAGE_LINES_BYTES];
	char *end = strstr(messages, "\nprocessed ");
	size_t size, from;

	if (end)
		*end = '\0';
	size = strlen(messages);
	from = size < sizeof(lines) ? 0 : size - (sizeof(lines) - 1);
	snprintf(lines, sizeof(lines), "%s", messages + from);
	for (char *at = lines; *at; at++)
		if (*at == '\n' || *at == '\t')
			*at = at[1] ? ' ' : '\0';
	messages[0] = '\0';
	return lines;
}

/* ---- may we, and can the kernel ---- */

static int check_support(const struct probe_support *support, struct err *err)
{
	unsigned int version = support_kernel_version();

	if (version && version < KERNEL_OLDEST)
		return err_set(err, -ENOTSUP,
			       "kernel %s is too old for the BPF programs; use Linux 5.10 or newer",
			       support->kernel);
	if (support->btf_error)
		return err_set_errno(err, support->btf_error,
				     "cannot read the kernel's BTF (/sys/kernel/btf/vmlinux)");
	if (!support->host_pids)
		return err_set(err, -ENOTSUP,
			       "the agent runs in a pid namespace of its own, where the kernel's "
			       "process numbers are other processes'; run it in the host's "
			       "(hostPID: true, docker run --pid=host)");
	if (!support->btf)
		return err_set(
			err, -ENOTSUP,
			"the kernel has no BTF (/sys/kernel/btf/vmlinux); boot a kernel with "
			"CONFIG_DEBUG_INFO_BTF=y");
	if (!strcmp(support->lockdown_mode, "confidentiality"))
		return err_set(
			err, -EPERM,
			"the kernel is locked down (confidentiality) and refuses BPF programs "
			"that read memory; boot with lockdown=integrity");
	if (!support->cap_sys_admin && !(support->cap_bpf && support->cap_perfmon))
		return err_set(err, -EPERM,
			       "loading BPF programs takes %s%s%s; run as root or grant it to the "
			       "agent",
			       support->cap_bpf ? "" : "CAP_BPF",
			       support->cap_bpf || support->cap_perfmon ? "" : " and ",
			       support->cap_perfmon ? "" : "CAP_PERFMON");
	return 0;
}

static int choose_attach(struct probe_options *options, const struct probe_support *support,
			 struct err *err)
{
	if (options->attach == PROBE_ATTACH_AUTO)
		options->attach = support->multi ? PROBE_ATTACH_MULTI : PROBE_ATTACH_PERF;
	if (options->attach == PROBE_ATTACH_MULTI && !support->multi)
		return err_set(
			err, -ENOTSUP,
			"kernel %s has no uprobe_multi links; use Linux 6.6 or newer, or perf "
			"links",
			support->kernel);
	return 0;
}

/* ---- what is loaded ---- */

static void choose_programs(struct parkmeter_bpf *skel, const struct probe_options *options)
{
	bool perf = options->goroutines && options->attach == PROBE_ATTACH_PERF;
	bool multi = options->goroutines && options->attach == PROBE_ATTACH_MULTI;
	const struct {
		struct bpf_program *program;
		bool load;
	} choices[] = {
		{ skel->progs.site_multi, multi },
		{ skel->progs.site_execute, perf },
		{ skel->progs.site_ready, perf },
		{ skel->progs.site_netpoll, perf },
		{ skel->progs.site_new, perf },
		{ skel->progs.site_gosched, perf },
		{ skel->progs.site_goyield, perf },
		{ skel->progs.site_syscall_exit, perf },
		{ skel->progs.site_park, perf && options->reasons },
		{ skel->progs.site_preempt_park, perf && options->reasons },
		{ skel->progs.site_stw_begin, perf },
		{ skel->progs.site_stw_end, perf },
		{ skel->progs.sched_wakeup, options->kernel },
		{ skel->progs.sched_wakeup_new, options->kernel },
		{ skel->progs.sched_switch, options->kernel },
		{ skel->progs.syscall_enter, options->kernel },
		{ skel->progs.syscall_exit, options->kernel },
		{ skel->progs.process_exec, options->processes },
		{ skel->progs.process_fork, options->processes },
		{ skel->progs.process_exit, options->processes },
	};

	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		bpf_program__set_autoload(choices[i].program, choices[i].load);
	if (multi)
		bpf_program__set_expected_attach_type(
			skel->progs.site_multi, (enum bpf_attach_type)ATTACH_TYPE_UPROBE_MULTI);
}

/* A map that no loaded program fills takes one entry's memory. */
static void choose_maps(struct parkmeter_bpf *skel, const struct probe_options *options, bool tiny)
{
	if (tiny) {
		bpf_map__set_max_entries(skel->maps.goroutines, MAP_ENTRIES_TINY);
		bpf_map__set_max_entries(skel->maps.hists, MAP_ENTRIES_TINY);
		bpf_map__set_max_entries(skel->maps.stacks, MAP_ENTRIES_TINY);
		bpf_map__set_max_entries(skel->maps.waits, MAP_ENTRIES_TINY);
	}
	if (!options->goroutines) {
		bpf_map__set_max_entries(skel->maps.goroutines, 1);
		bpf_map__set_max_entries(skel->maps.stacks, 1);
		bpf_map__set_max_entries(skel->maps.waits, 1);
		bpf_map__set_max_entries(skel->maps.created, 1);
		bpf_map__set_max_entries(skel->maps.stalls, 1);
	}
	if (!options->kernel) {
		bpf_map__set_max_entries(skel->maps.threads, 1);
		bpf_map__set_max_entries(skel->maps.syscalls, 1);
		bpf_map__set_max_entries(skel->maps.stalls, 1);
	}
	if (!options->goroutines && !options->kernel)
		bpf_map__set_max_entries(skel->maps.hists, 1);
}

/* Kernels before 5.11 account BPF memory to RLIMIT_MEMLOCK. Where we may not raise it, it may still
 * suffice: loading will tell. */
static void raise_memlock(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

static int load_error(int code, const struct probe_support *support, struct err *err)
{
	const char *said = load_messages();

	if (code == -EPERM && !support->cap_sys_resource &&
	    support_kernel_version() < (5 << 8 | 11))
		return err_set(
			err, code,
			"the kernel refuses the BPF maps: RLIMIT_MEMLOCK is too low and "
			"CAP_SYS_RESOURCE is missing; raise the limit (LimitMEMLOCK=infinity)");
	if (code == -EPERM)
		return err_set(err, code,
			       "the kernel refuses the BPF programs although the capabilities are "
			       "there; a security module or lockdown (%s) may forbid it: %s",
			       support->lockdown_mode[0] ? support->lockdown_mode : "none", said);
	if (code == -EMFILE)
		return err_set_errno(err, code, "no room for the BPF programs and maps");
	return err_set(err, code, "kernel %s does not take the BPF programs (%s): %s",
		       support->kernel, strerror(-code), said);
}

int load_programs(struct probe_options *options, bool tiny, struct parkmeter_bpf **ret_skel,
		  struct err *err)
{
	CLEANUP(load_unloadp) struct parkmeter_bpf *skel = NULL;
	struct probe_support support;
	int r;

	assert(options && ret_skel);

	probe_support_read(&support);
	r = check_support(&support, err);
	if (r < 0)
		return r;
	r = choose_attach(options, &support, err);
	if (r < 0)
		return r;

	raise_memlock();
	skel = parkmeter_bpf__open();
	if (!skel)
		return load_error(-errno, &support, err);
	skel->rodata->settings.guard = support.guard;
	skel->rodata->settings.registers = support.registers;
	skel->rodata->settings.reasons = options->reasons;
	skel->rodata->settings.threads = options->goroutines && options->kernel;
	skel->rodata->settings.all_execs = options->all_execs;
	choose_programs(skel, options);
	choose_maps(skel, options, tiny);
	r = parkmeter_bpf__load(skel);
	if (r < 0)
		return load_error(r, &support, err);

	*ret_skel = TAKE_PTR(skel);
	return 0;
}

void load_unload(struct parkmeter_bpf *skel)
{
	if (skel)
		parkmeter_bpf__destroy(skel);
}
