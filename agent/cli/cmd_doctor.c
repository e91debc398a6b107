/* SPDX-License-Identifier: Apache-2.0 */
/* parkmeter doctor: what this machine and these privileges allow, a line each, with the remedy. */
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "probe/probe.h"

#define CGROUP2_MAGIC    0x63677270 /* linux/magic.h */
#define CHECKS_MAX       32
#define HIT_COST_HIGH_NS 3000.0 /* three times what a good site costs in a virtual machine */

enum verdict { VERDICT_OK = 0, VERDICT_WARNING = 1, VERDICT_FAILURE = 2 };

static const char *const verdict_names[] = { "ok", "warning", "failure" };

struct check {
	const char *name;
	enum verdict verdict;
	char finding[192];
	const char *remedy; /* NULL where there is nothing to do */
};

struct report {
	struct check checks[CHECKS_MAX];
	size_t count;
};

static const char help[] =
	"parkmeter doctor: what this machine allows, and how to allow more\n"
	"\n"
	"  sudo parkmeter doctor\n"
	"  sudo parkmeter doctor --json\n"
	"\n"
	"Attaches one probe to itself to see what a hit costs here; touches no other process.\n"
	"Exit codes: 0 captures work (warnings included), 1 something is missing, 2 usage.\n";

static struct check *add(struct report *report, const char *name, enum verdict verdict,
			 const char *remedy)
{
	struct check *check = &report->checks[report->count++];

	check->name = name;
	check->verdict = verdict;
	check->remedy = verdict == VERDICT_OK ? NULL : remedy;
	return check;
}

#define SAY(check, ...) snprintf((check)->finding, sizeof((check)->finding), __VA_ARGS__)

static void check_kernel(struct report *report, const struct probe_support *support)
{
	unsigned int major = 0, minor = 0;
	bool supported;

	sscanf(support->kernel, "%u.%u", &major, &minor);
	supported = major > 5 || (major == 5 && minor >= 10);
	SAY(add(report, "kernel", supported ? VERDICT_OK : VERDICT_FAILURE,
		"boot a kernel of 5.10 or later"),
	    "Linux %s", support->kernel);
	SAY(add(report, "BTF", support->btf ? VERDICT_OK : VERDICT_FAILURE,
		"boot a kernel with CONFIG_DEBUG_INFO_BTF=y"),
	    "/sys/kernel/btf/vmlinux %s", support->btf ? "is there" : "is missing");
	SAY(add(report, "uprobe_multi", support->multi ? VERDICT_OK : VERDICT_WARNING,
		"with Linux 6.6 or later probes attach at once instead of one by one"),
	    "%s",
	    support->multi ? "attaches all probes of a file at once"
			   : "is not in this kernel: perf links are used");
	SAY(add(report, "preemption guard", support->guard ? VERDICT_OK : VERDICT_WARNING,
		"kernels from 6.13 on need it and have it; before, nothing is to be done"),
	    "bpf_preempt_disable() %s", support->guard ? "is there" : "is not in this kernel");
}

static void check_capability(struct report *report, const char *name, bool have, bool needed,
			     const char *remedy)
{
	enum verdict lacking = needed ? VERDICT_FAILURE : VERDICT_WARNING;

	SAY(add(report, name, have ? VERDICT_OK : lacking, remedy), "%s",
	    have ? "held" : "not held");
}

static void check_capabilities(struct report *report, const struct probe_support *support)
{
	bool admin = support->cap_sys_admin;

	check_capability(
		report, "CAP_BPF", support->cap_bpf || admin, true,
		"run as root, or grant it: AmbientCapabilities=CAP_BPF, or capabilities.add");
	check_capability(report, "CAP_PERFMON", support->cap_perfmon || admin, true,
			 "run as root, or grant it: AmbientCapabilities=CAP_PERFMON");
	check_capability(report, "CAP_SYS_PTRACE", support->cap_sys_ptrace, false,
			 "without it only processes of the same user can be opened");
	check_capability(report, "CAP_DAC_READ_SEARCH", support->cap_dac_read_search, false,
			 "without it executables that only their owner may read stay closed");
}

static void check_limits(struct report *report, const struct probe_support *support)
{
	struct rlimit limit = { 0 };
	bool locked = strcmp(support->lockdown_mode, "confidentiality") == 0;
	unsigned int major = 0, minor = 0;
	bool enough;

	SAY(add(report, "lockdown", locked ? VERDICT_FAILURE : VERDICT_OK,
		"boot without lockdown=confidentiality: it forbids BPF to read memory"),
	    "%s", support->lockdown_mode[0] ? support->lockdown_mode : "not in this kernel");
	SAY(add(report, "perf_event_paranoid",
		support->perf_event_paranoid > 2 && !support->cap_sys_admin && !support->multi
			? VERDICT_WARNING
			: VERDICT_OK,
		"sysctl kernel.perf_event_paranoid=2, or run with CAP_SYS_ADMIN"),
	    "%d", support->perf_event_paranoid);
	getrlimit(RLIMIT_MEMLOCK, &limit);
	sscanf(support->kernel, "%u.%u", &major, &minor);
	enough = major > 5 || (major == 5 && minor >= 11) || limit.rlim_cur == RLIM_INFINITY ||
		 support->cap_sys_resource;
	if (limit.rlim_cur == RLIM_INFINITY)
		SAY(add(report, "memlock", VERDICT_OK, NULL), "unlimited");
	else
		SAY(add(report, "memlock", enough ? VERDICT_OK : VERDICT_FAILURE,
			"ulimit -l unlimited, or LimitMEMLOCK=infinity"),
		    "%llu KiB%s", (unsigned long long)limit.rlim_cur / 1024,
		    enough ? ", which this kernel does not apply to BPF or may be raised" : "");
}

static void check_file_systems(struct report *report)
{
	struct statfs cgroup;
	bool tracefs = access("/sys/kernel/tracing/events", F_OK) == 0;
	bool mounted = statfs("/sys/fs/cgroup", &cgroup) == 0;
	bool unified = mounted && (unsigned long)cgroup.f_type == CGROUP2_MAGIC;

	SAY(add(report, "tracefs", VERDICT_OK, NULL), "%s; it is not needed",
	    tracefs ? "mounted" : "not mounted");
	SAY(add(report, "cgroups", mounted ? VERDICT_OK : VERDICT_WARNING,
		"mount the cgroup file system to see containers and pods"),
	    "%s",
	    !mounted  ? "not mounted"
	    : unified ? "version 2"
		      : "version 1");
}

static void check_cost(struct report *report)
{
	double hit_ns = 0, stepped_ns = 0;
	struct err err = ERR_INIT;
	struct check *check;

	if (probe_calibrate(&hit_ns, &stepped_ns, &err) < 0) {
		check = add(report, "probe hit", VERDICT_FAILURE,
			    "see the failures above; a capture with --lens kernel needs no probes");
		SAY(check, "cannot be tried: %.150s", err.text);
		return;
	}
	check = add(report, "probe hit", hit_ns > HIT_COST_HIGH_NS ? VERDICT_WARNING : VERDICT_OK,
		    "hits are dear here: measure in short windows");
	SAY(check, "%.2f us (%.2f us where it must be single-stepped, which is never used)",
	    hit_ns / 1000, stepped_ns / 1000);
}

static void examine(struct report *report)
{
	struct probe_support support;

	probe_support_read(&support);
	check_kernel(report, &support);
	check_capabilities(report, &support);
	check_limits(report, &support);
	check_file_systems(report);
	SAY(add(report, "libbpf", VERDICT_OK, NULL), "%s", support.libbpf);
	check_cost(report);
}

static enum verdict worst(const struct report *report)
{
	enum verdict verdict = VERDICT_OK;

	for (size_t i = 0; i < report->count; i++) {
		if (report->checks[i].verdict > verdict)
			verdict = report->checks[i].verdict;
	}
	return verdict;
}

static int print_json(const struct report *report)
{
	json_t *checks = json_array();
	json_t *root =
		json_pack("{s:s, s:o}", "verdict", verdict_names[worst(report)], "checks", checks);
	int r;

	for (size_t i = 0; i < report->count; i++) {
		const struct check *check = &report->checks[i];

		json_array_append_new(checks,
				      json_pack("{s:s, s:s, s:s, s:s?}", "name", check->name,
						"verdict", verdict_names[check->verdict], "finding",
						check->finding, "remedy", check->remedy));
	}
	r = json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	json_decref(root);
	putchar('\n');
	return r;
}

static void print_text(const struct report *report, const struct text_style *style)
{
	static const char *const colours[] = { "\033[32m", "\033[33m", "\033[31m" };
	static const char *const conclusions[] = {
		"captures work here",
		"captures work here, with the warnings above",
		"something is missing: see the failures above",
	};

	for (size_t i = 0; i < report->count; i++) {
		const struct check *check = &report->checks[i];

		printf("%s%-8s%s %-20s %s\n", style->colour ? colours[check->verdict] : "",
		       verdict_names[check->verdict], style->colour ? "\033[0m" : "", check->name,
		       check->finding);
		if (check->remedy)
			printf("%-8s %-20s -> %s\n", "", "", check->remedy);
	}
	printf("\n%s\n", conclusions[worst(report)]);
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "no-color", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct report report = { 0 };
	bool json = false, no_colour = false;
	struct text_style style;
	int option;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0 ? EXIT_ERROR : EXIT_DONE;
		if (option == '?' || option == ':')
			return cli_option_error("doctor", option, argv, options);
		json |= option == 'j';
		no_colour |= option == 'n';
	}
	if (optind < argc)
		return cli_usage("doctor", "%s: doctor takes no arguments", argv[optind]);
	cli_style(stdout, no_colour, &style);
	examine(&report);
	if (json && print_json(&report) < 0)
		return EXIT_ERROR;
	if (!json)
		print_text(&report, &style);
	return worst(&report) == VERDICT_FAILURE ? EXIT_FAIL : EXIT_DONE;
}
