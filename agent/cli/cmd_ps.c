/* SPDX-License-Identifier: Apache-2.0 */
/* parkmeter ps: the Go processes of this machine, who they are, and which lens works on each. */
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "peek/peek.h"
#include "probe/probe.h"

#define REVISION_SHOWN  10
#define BUILD_ID_SHOWN  10
#define CONTAINER_SHOWN 12
#define NUMBER_SIZE     24

static const char help[] =
	"parkmeter ps: list Go processes, what they are, and what can be measured of each\n"
	"\n"
	"  sudo parkmeter ps\n"
	"  sudo parkmeter ps --service orders --wide\n"
	"  sudo parkmeter ps --json | jq '.[] | select(.lenses.probe.works | not)'\n"
	"\n"
	"Which processes (several may be given; without any: every Go process):\n"
	"  --pid PID, --exe GLOB, --service NAME, --container ID, --pod UID, --cgroup PART\n"
	"\n"
	"How they are shown:\n"
	"  --wide      every column whatever the terminal's width, and each reason in full\n"
	"  --json      as JSON: an array of objects\n"
	"  --no-color  no colours\n"
	"\n"
	"The last columns are the lenses: peek reads the runtime's memory, kernel watches threads\n"
	"and system calls, probe sits in the Go scheduler (with so many probes), trace takes the\n"
	"runtime's own execution traces from /debug/pprof/trace.\n"
	"\n"
	"Exit codes: 0 done, 2 usage, 4 no such Go process, 5 error.\n";

enum { OPT_JSON = 1, OPT_WIDE, OPT_NO_COLOR, OPT_HELP };

static const struct option long_options[] = {
	CLI_SELECTOR_OPTIONS,
	{ "json", no_argument, NULL, OPT_JSON },
	{ "wide", no_argument, NULL, OPT_WIDE },
	{ "no-color", no_argument, NULL, OPT_NO_COLOR },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

struct arguments {
	struct selector selector;
	bool json, wide, no_colour, help;
};

enum lens { LENS_PEEK, LENS_KERNEL, LENS_PROBE, LENS_TRACE, LENS_COUNT };

static const char *const lens_names[] = { "peek", "kernel", "probe", "trace" };
static_assert(sizeof(lens_names) / sizeof(lens_names[0]) == LENS_COUNT, "a name for each lens");

/* Whether a lens works on a process, and how or why not. */
struct verdict {
	bool works;
	char cell[NUMBER_SIZE];    /* "yes", "no", "11 sites" */
	char detail[ERR_TEXT_MAX]; /* a clause without a full stop */
};

#define SAY(verdict, ...) snprintf((verdict)->detail, sizeof((verdict)->detail), __VA_ARGS__)

struct row {
	const struct target *target;
	bool counted;
	uint64_t goroutines; /* when counted */
	struct verdict verdicts[LENS_COUNT];
};

/* ---- which lens works ---- */

static void judge(struct verdict *verdict, bool works)
{
	verdict->works = works;
	snprintf(verdict->cell, sizeof(verdict->cell), "%s", works ? "yes" : "no");
}

/* What this machine and these privileges allow to every process alike. */
static void judge_machine(struct verdict *verdict)
{
	struct probe_support support;
	bool may;

	probe_support_read(&support);
	may = support.cap_sys_admin || (support.cap_bpf && support.cap_perfmon);
	judge(verdict, false);
	if (!may)
		SAY(verdict, "it needs root, or CAP_BPF and CAP_PERFMON");
	else if (!support.btf)
		SAY(verdict, "this kernel has no BTF; boot one with CONFIG_DEBUG_INFO_BTF");
	else if (strcmp(support.lockdown_mode, "confidentiality") == 0)
		SAY(verdict, "this kernel is locked down (confidentiality)");
	else {
		judge(verdict, true);
		SAY(verdict, "its threads and system calls can be watched");
	}
}

static void judge_peek(struct row *row)
{
	struct verdict *verdict = &row->verdicts[LENS_PEEK];
	struct err err = ERR_INIT;

	row->counted = peek_goroutine_count(row->target, &row->goroutines, &err) == 0;
	judge(verdict, row->counted);
	if (row->counted)
		SAY(verdict, "its goroutines were counted");
	else
		SAY(verdict, "%s", err.text);
}

static void judge_probe(struct row *row, const struct verdict *machine)
{
	struct verdict *verdict = &row->verdicts[LENS_PROBE];
	const struct binary *binary = row->target->binary;
	struct gobin_site sites[SITE_COUNT];
	const struct gobin_site *missing = NULL;
	struct go_layout layout;
	struct err err = ERR_INIT;
	unsigned int usable = 0;

	judge(verdict, false);
	if (!binary->bin) {
		SAY(verdict, "%s", binary->refused);
		return;
	}
	if (gobin_sites(binary->bin, sites, &err) < 0 ||
	    gobin_layout(binary->bin, &layout, &err) < 0) {
		SAY(verdict, "%s", err.text);
		return;
	}
	if (!machine->works) {
		SAY(verdict, "%s", machine->detail);
		return;
	}
	for (unsigned int i = 0; i < SITE_COUNT; i++) {
		usable += sites[i].usable;
		if (!sites[i].usable && !missing)
			missing = &sites[i];
	}
	verdict->works = true;
	snprintf(verdict->cell, sizeof(verdict->cell), "%u sites", usable);
	if (missing)
		SAY(verdict, "%u of %u sites; none in %s: %s", usable, SITE_COUNT,
		    missing->function, missing->reason);
	else
		SAY(verdict, "%u sites", usable);
}

static void judge_trace(struct row *row)
{
	struct verdict *verdict = &row->verdicts[LENS_TRACE];
	const struct gobin *bin = row->target->binary->bin;
	struct gobin_func func;

	judge(verdict, false);
	if (!bin)
		SAY(verdict, "%s", row->target->binary->refused);
	else if (gobin_func_find(bin, "net/http/pprof.Trace", &func) == 0) {
		judge(verdict, true);
		SAY(verdict, "net/http/pprof is linked in; give the address that serves it");
	} else if (gobin_func_find(bin, "runtime/trace.Start", &func) == 0) {
		judge(verdict, true);
		snprintf(verdict->cell, sizeof(verdict->cell), "files");
		SAY(verdict, "runtime/trace is linked in, without an HTTP address for it; have the "
			     "program write files");
	} else
		SAY(verdict, "neither net/http/pprof nor runtime/trace is linked in; import "
			     "net/http/pprof");
}

static void judge_all(struct row *row, const struct verdict *machine)
{
	judge_peek(row);
	row->verdicts[LENS_KERNEL] = *machine;
	judge_probe(row, machine);
	judge_trace(row);
}

/* ---- what is known of a process ---- */

static const struct gobin_info *info_of(const struct target *target)
{
	static const struct gobin_info nothing;

	return target->binary->bin ? gobin_info(target->binary->bin) : &nothing;
}

/* "go1.26.10" says "1.26.10" under the heading GO. */
static const char *short_go(const struct gobin_info *info)
{
	if (!info->go_version)
		return NULL;
	return strncmp(info->go_version, "go", 2) == 0 ? info->go_version + 2 : info->go_version;
}

/* The pod's name, else its uid, else the container. */
static const char *place_of(const struct target *target, size_t *ret_size)
{
	*ret_size = SIZE_MAX;
	if (target->pod_name)
		return target->pod_name;
	if (target->pod)
		return target->pod;
	*ret_size = CONTAINER_SHOWN;
	return target->container;
}

/* ---- as a table ---- */

static const struct table_column columns[] = {
	{ .title = "PID", .right = true },
	{ .title = "SERVICE", .least = 10 },
	{ .title = "GO", .drop = 3 },
	{ .title = "VERSION", .least = 8 },
	{ .title = "REVISION", .drop = 5 },
	{ .title = "BUILD ID", .drop = 6 },
	{ .title = "CONTAINER/POD", .least = 12, .drop = 4 },
	{ .title = "GOROUTINES", .right = true },
	{ .title = "PEEK", .drop = 2 },
	{ .title = "KERNEL", .drop = 2 },
	{ .title = "PROBE" },
	{ .title = "TRACE", .drop = 1 },
};

static void add_cells(struct table *table, const struct row *row)
{
	const struct target *target = row->target;
	const struct gobin_info *info = info_of(target);
	char number[NUMBER_SIZE];
	const char *place;
	size_t size;

	snprintf(number, sizeof(number), "%d", (int)target->pid);
	table_add(table, number, SIZE_MAX, TABLE_PLAIN);
	table_add(table, target->service, SIZE_MAX, TABLE_STRONG);
	table_add(table, short_go(info), SIZE_MAX, TABLE_PLAIN);
	table_add(table, target->version, SIZE_MAX, TABLE_PLAIN);
	table_add(table, info->revision, REVISION_SHOWN, TABLE_PLAIN);
	table_add(table, info->go_build_id, BUILD_ID_SHOWN, TABLE_PLAIN);
	place = place_of(target, &size);
	table_add(table, place, size, TABLE_PLAIN);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)row->goroutines);
	table_add(table, row->counted ? number : NULL, SIZE_MAX, TABLE_PLAIN);
	for (unsigned int lens = 0; lens < LENS_COUNT; lens++)
		table_add(table, row->verdicts[lens].cell, SIZE_MAX,
			  row->verdicts[lens].works ? TABLE_GOOD : TABLE_BAD);
}

/* --wide: each lens of each process in a line of its own. */
static void add_details(struct buf *buf, const struct row *row)
{
	buf_addf(buf, "\n%d ", (int)row->target->pid);
	table_add_text(buf, row->target->exe);
	buf_add_char(buf, '\n');
	for (unsigned int lens = 0; lens < LENS_COUNT; lens++) {
		const struct verdict *verdict = &row->verdicts[lens];

		buf_addf(buf, "  %-7s %s: ", lens_names[lens], verdict->works ? "yes" : "no");
		table_add_text(buf, verdict->detail);
		buf_add_char(buf, '\n');
	}
}

static int print_table(const struct row *rows, size_t count, const struct arguments *arguments,
		       struct err *err)
{
	CLEANUP(table_release) struct table table = { 0 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct text_style style;

	cli_style(stdout, arguments->no_colour, &style);
	if (arguments->wide)
		style.columns = UINT_MAX;
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < count; i++)
		add_cells(&table, &rows[i]);
	if (table_status(&table) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	table_render(&table, &style, &buf);
	for (size_t i = 0; arguments->wide && i < count; i++)
		add_details(&buf, &rows[i]);
	if (buf_status(&buf) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	fputs(buf.data, stdout);
	return 0;
}

/* ---- as JSON ---- */

/* null for NULL; what is no UTF-8 is made printable. */
static json_t *json_text(const char *text)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	json_t *value;

	if (!text)
		return json_null();
	value = json_string(text);
	if (value)
		return value;
	table_add_text(&buf, text);
	return json_string(buf.data);
}

static json_t *json_lenses(const struct row *row)
{
	json_t *lenses = json_object();

	for (unsigned int lens = 0; lens < LENS_COUNT; lens++)
		json_object_set_new(lenses, lens_names[lens],
				    json_pack("{s:b, s:o}", "works", row->verdicts[lens].works,
					      "detail", json_text(row->verdicts[lens].detail)));
	return lenses;
}

static json_t *json_row(const struct row *row)
{
	const struct target *target = row->target;
	const struct gobin_info *info = info_of(target);
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "service", target->service },
		{ "version", target->version },
		{ "exe", target->exe },
		{ "comm", target->comm },
		{ "go_version", info->go_version },
		{ "module", info->module },
		{ "module_version", info->module_version },
		{ "revision", info->revision },
		{ "go_build_id", info->go_build_id },
		{ "gnu_build_id", info->gnu_build_id },
		{ "container", target->container },
		{ "pod", target->pod },
		{ "pod_name", target->pod_name },
		{ "cgroup", target->cgroup },
	};
	uint64_t now_ns = clock_mono_ns();
	json_t *object = json_object();

	json_object_set_new(object, "pid", json_integer(target->pid));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_object_set_new(object, texts[i].key, json_text(texts[i].value));
	json_object_set_new(object, "uid", json_integer(target->uid));
	json_object_set_new(object, "age_s",
			    json_real(now_ns > target->started_ns
					      ? (double)(now_ns - target->started_ns) / NS_PER_S
					      : 0));
	json_object_set_new(object, "goroutines",
			    row->counted ? json_integer((json_int_t)row->goroutines) : json_null());
	json_object_set_new(object, "lenses", json_lenses(row));
	return object;
}

static int print_json(const struct row *rows, size_t count, struct err *err)
{
	json_t *array = json_array();
	int r = array ? 0 : -1;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = json_array_append_new(array, json_row(&rows[i]));
	if (r == 0)
		r = json_dumpf(array, stdout, JSON_INDENT(2));
	json_decref(array);
	if (r < 0)
		return err_set(err, -ENOMEM, "cannot write the processes as JSON");
	putchar('\n');
	return 0;
}

/* ---- the command ---- */

static int parse(int argc, char **argv, struct arguments *arguments)
{
	struct err err = ERR_INIT;
	int option, r;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
		switch (option) {
		case OPT_JSON:
			arguments->json = true;
			break;
		case OPT_WIDE:
			arguments->wide = true;
			break;
		case OPT_NO_COLOR:
			arguments->no_colour = true;
			break;
		case OPT_HELP:
		case 'h':
			arguments->help = true;
			break;
		case OPT_EXEC:
			return cli_usage("ps", "--exec means processes that start later; list "
					       "running ones by --exe");
		case '?':
		case ':':
			return cli_option_error("ps", option, argv, long_options);
		default:
			r = cli_selector_option(&arguments->selector, option, optarg, &err);
			if (r < 0)
				return cli_usage("ps", "%s", err.text);
		}
	}
	if (optind < argc)
		return cli_usage("ps", "what is %s? Processes are selected by options",
				 argv[optind]);
	return EXIT_DONE;
}

/* Each listed process costs a descriptor or two. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void print_hints(const struct arguments *arguments, size_t count, size_t unreadable)
{
	if (unreadable)
		fprintf(stderr,
			"parkmeter: %zu process%s could not be read; that takes CAP_SYS_PTRACE and "
			"CAP_DAC_READ_SEARCH, which root has unless a container drops them\n",
			unreadable, unreadable == 1 ? "" : "es");
	if (count)
		return;
	if (selector_empty(&arguments->selector))
		fprintf(stderr, "parkmeter: no Go process %s here\n",
			unreadable ? "that may be read is running" : "is running");
	else
		fprintf(stderr, "parkmeter: no Go process is meant by this; `parkmeter ps` "
				"without options lists all\n");
}

static int list(const struct target_list *targets, const struct arguments *arguments)
{
	CLEANUP(freep) struct row *rows = calloc(targets->count + 1, sizeof(*rows));
	struct verdict machine;
	struct err err = ERR_INIT;
	int r;

	if (!rows) {
		err_set(&err, -ENOMEM, "out of memory");
		return cli_error(&err);
	}
	judge_machine(&machine);
	for (size_t i = 0; i < targets->count; i++) {
		rows[i].target = targets->items[i];
		judge_all(&rows[i], &machine);
	}
	if (arguments->json)
		r = print_json(rows, targets->count, &err);
	else
		r = targets->count ? print_table(rows, targets->count, arguments, &err) : 0;
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

int cmd_ps(int argc, char **argv)
{
	CLEANUP(binaries_freep) struct binaries *binaries = NULL;
	CLEANUP(target_list_release) struct target_list targets = { 0 };
	struct arguments arguments = { 0 };
	struct err err = ERR_INIT;
	size_t unreadable = 0;
	int r, code;

	code = parse(argc, argv, &arguments);
	if (code != EXIT_DONE)
		return code;
	if (arguments.help) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	raise_file_limit();
	r = binaries_new(&binaries, &err);
	if (r == 0)
		r = target_find(selector_empty(&arguments.selector) ? NULL : &arguments.selector,
				binaries, &targets, &unreadable, &err);
	if (r < 0) {
		cli_error(&err);
		return r == -ESRCH || r == -ENOEXEC ? EXIT_NODATA : EXIT_ERROR;
	}
	code = list(&targets, &arguments);
	print_hints(&arguments, targets.count, unreadable);
	if (code != EXIT_DONE)
		return code;
	return targets.count ? EXIT_DONE : EXIT_NODATA;
}
