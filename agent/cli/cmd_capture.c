/* SPDX-License-Identifier: Apache-2.0 */
/* parkmeter capture: a window over processes, its summary on a terminal, in a file, at a
 * Pushgateway. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/http.h"
#include "capture/capture.h"
#include "cli/cli.h"
#include "sink/sink.h"

#define PROGRESS_LINE_NS (10 * NS_PER_S) /* where standard error is no terminal */
#define PROGRESS_TTY_NS  NS_PER_S

static const char help[] =
	"parkmeter capture: measure Go processes for a while, or while a command runs\n"
	"\n"
	"  sudo parkmeter capture --pid 4242 --for 30s\n"
	"  sudo parkmeter capture --service orders --for 1m --json -o orders.json\n"
	"  sudo parkmeter capture --exec '/srv/orders/*/orders' -- ./deploy.sh\n"
	"\n"
	"Which processes (several may be given; a process that matches any is measured):\n"
	"  --pid PID          this process, and children that run the same executable\n"
	"  --exe GLOB         processes whose executable has this path, restarts included;\n"
	"                     a name without a slash means it in any directory\n"
	"  --exec GLOB        processes that start during the window, from their first instruction\n"
	"  --service NAME     processes of this service (with another selector: only its name)\n"
	"  --container ID, --pod UID, --cgroup PART\n"
	"\n"
	"How long (one of them; neither: until ^C):\n"
	"  --for DURATION     30s, 500ms, 1m30s\n"
	"  -- COMMAND...      while the command runs; its exit code is passed on\n"
	"\n"
	"What is measured:\n"
	"  --lens LIST        probe,kernel (default: both)\n"
	"  --no-reasons       without wait reasons and stacks: one probe less\n"
	"  --attach KIND      auto, multi or perf (default: auto)\n"
	"\n"
	"What becomes of it:\n"
	"  --json             the summary as JSON on standard output\n"
	"  -o, --output FILE  the summary as JSON in a file\n"
	"  --push URL         to a Pushgateway; with --push-job NAME, --push-user-file FILE\n"
	"                     (user:password), --push-token-file FILE, --push-ca FILE\n"
	"  --quiet            no progress\n"
	"  --no-color         no colours\n"
	"\n"
	"Whose build it is (defaults: PARKMETER_*, Jenkins' variables, TRACEPARENT, OTEL_*):\n"
	"  --service, --env, --version, --commit, --build-id, --pipeline, --node, --trace-id\n"
	"\n"
	"Exit codes: the command's after --, else 0 done, 2 usage, 4 nothing was measured, 5 error.\n";

enum {
	OPT_FOR = 1,
	OPT_LENS,
	OPT_NO_REASONS,
	OPT_ATTACH,
	OPT_JSON,
	OPT_PUSH,
	OPT_PUSH_JOB,
	OPT_PUSH_USER_FILE,
	OPT_PUSH_TOKEN_FILE,
	OPT_PUSH_CA,
	OPT_QUIET,
	OPT_NO_COLOR,
	OPT_ENV,
	OPT_VERSION,
	OPT_COMMIT,
	OPT_BUILD_ID,
	OPT_PIPELINE,
	OPT_NODE,
	OPT_TRACE_ID,
	OPT_HELP,
};

static const struct option long_options[] = {
	CLI_SELECTOR_OPTIONS,
	{ "for", required_argument, NULL, OPT_FOR },
	{ "lens", required_argument, NULL, OPT_LENS },
	{ "no-reasons", no_argument, NULL, OPT_NO_REASONS },
	{ "attach", required_argument, NULL, OPT_ATTACH },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "output", required_argument, NULL, 'o' },
	{ "push", required_argument, NULL, OPT_PUSH },
	{ "push-job", required_argument, NULL, OPT_PUSH_JOB },
	{ "push-user-file", required_argument, NULL, OPT_PUSH_USER_FILE },
	{ "push-token-file", required_argument, NULL, OPT_PUSH_TOKEN_FILE },
	{ "push-ca", required_argument, NULL, OPT_PUSH_CA },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "no-color", no_argument, NULL, OPT_NO_COLOR },
	{ "env", required_argument, NULL, OPT_ENV },
	{ "version", required_argument, NULL, OPT_VERSION },
	{ "commit", required_argument, NULL, OPT_COMMIT },
	{ "build-id", required_argument, NULL, OPT_BUILD_ID },
	{ "pipeline", required_argument, NULL, OPT_PIPELINE },
	{ "node", required_argument, NULL, OPT_NODE },
	{ "trace-id", required_argument, NULL, OPT_TRACE_ID },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

struct arguments {
	struct capture_options capture;
	struct push_options push;
	const char *output;
	bool json, quiet, no_colour, help;
};

/* What the progress line knows. */
struct progress {
	bool terminal;
	bool shown;
	struct text_style style;
};

static int parse_lens(const char *list, struct capture_options *capture, struct err *err)
{
	const char *at = list;

	capture->lens_probe = capture->lens_kernel = false;
	for (;;) {
		size_t length = strcspn(at, ",");

		if (length == 5 && strncmp(at, "probe", length) == 0)
			capture->lens_probe = true;
		else if (length == 6 && strncmp(at, "kernel", length) == 0)
			capture->lens_kernel = true;
		else
			return err_set(err, -EINVAL,
				       "--lens %s: must be one or both of probe,kernel", list);
		if (!at[length])
			return 0;
		at += length + 1;
	}
}

static int parse_attach(const char *kind, struct capture_options *capture, struct err *err)
{
	static const char *const kinds[] = { "auto", "multi", "perf" };

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i]) == 0) {
			capture->attach = (enum probe_attach)i;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "--attach %s: must be one of auto, multi, perf", kind);
}

/* An empty value (--env "$ENV") is none. */
static int set_text(char **field, const char *value, struct err *err)
{
	free(*field);
	*field = NULL;
	if (!*value)
		return 0;
	*field = strdup(value);
	return *field ? 0 : err_set(err, -ENOMEM, "out of memory");
}

/* The options that say whose build it is; 1 when it is none of them. */
static int identity_option(struct context *context, int option, const char *value, struct err *err)
{
	switch (option) {
	case OPT_ENV:
		return set_text(&context->env, value, err);
	case OPT_VERSION:
		return set_text(&context->version, value, err);
	case OPT_COMMIT:
		return set_text(&context->commit, value, err);
	case OPT_BUILD_ID:
		return set_text(&context->build_id, value, err);
	case OPT_PIPELINE:
		return set_text(&context->pipeline, value, err);
	case OPT_NODE:
		return set_text(&context->node, value, err);
	case OPT_TRACE_ID:
		if (strspn(value, "0123456789abcdef") != 32 || strlen(value) != 32)
			return err_set(err, -EINVAL,
				       "--trace-id %s: must be 32 lower-case hex digits", value);
		return set_text(&context->trace_id, value, err);
	default:
		return 1;
	}
}

/* The options of the Pushgateway; 1 when it is none of them. */
static int push_option(struct push_options *push, int option, const char *value)
{
	switch (option) {
	case OPT_PUSH:
		push->url = value;
		return 0;
	case OPT_PUSH_JOB:
		push->job = value;
		return 0;
	case OPT_PUSH_USER_FILE:
		push->user_file = value;
		return 0;
	case OPT_PUSH_TOKEN_FILE:
		push->token_file = value;
		return 0;
	case OPT_PUSH_CA:
		push->ca_file = value;
		return 0;
	default:
		return 1;
	}
}

static int plain_option(struct arguments *arguments, int option, const char *value, struct err *err)
{
	struct capture_options *capture = &arguments->capture;

	switch (option) {
	case OPT_FOR:
		return cli_parse_duration(value, &capture->duration_ns, err);
	case OPT_LENS:
		return parse_lens(value, capture, err);
	case OPT_ATTACH:
		return parse_attach(value, capture, err);
	case OPT_NO_REASONS:
		capture->reasons = false;
		return 0;
	case OPT_JSON:
		arguments->json = true;
		return 0;
	case 'o':
		arguments->output = value;
		return 0;
	case OPT_QUIET:
		arguments->quiet = true;
		return 0;
	case OPT_NO_COLOR:
		arguments->no_colour = true;
		return 0;
	case OPT_HELP:
	case 'h':
		arguments->help = true;
		return 0;
	default:
		return err_set(err, -EINVAL, "unknown option");
	}
}

static int take_option(struct arguments *arguments, int option, const char *value, struct err *err)
{
	struct selector *selector = &arguments->capture.selector;
	int r;

	if (option == OPT_SERVICE) {
		r = set_text(&arguments->capture.context.service, value, err);
		if (r < 0)
			return r;
	}
	r = cli_selector_option(selector, option, value, err);
	if (r == 1)
		r = identity_option(&arguments->capture.context, option, value, err);
	if (r == 1)
		r = push_option(&arguments->push, option, value);
	if (r == 1)
		r = plain_option(arguments, option, value, err);
	return r;
}

/* --service beside another selector only names the service. */
static void settle_service(struct selector *selector)
{
	size_t others = selector->pid_count + selector->exe_count + selector->exec_count +
			selector->cgroup_count + selector->container_count + selector->pod_count;

	if (others)
		selector->service_count = 0;
}

/* Finds out before the window what would lose the summary after it. */
static int check_output(struct arguments *arguments, struct err *err)
{
	const char *path = arguments->output;
	CLEANUP(freep) char *directory = NULL;
	const char *slash;
	struct stat stat_of;

	if (!path)
		return 0;
	if (strcmp(path, "-") == 0) {
		arguments->output = NULL;
		arguments->json = true;
		return 0;
	}
	if (!*path)
		return err_set(err, -EINVAL, "-o is empty: give the name of a file");
	if (stat(path, &stat_of) == 0 && S_ISDIR(stat_of.st_mode))
		return err_set(err, -EISDIR, "-o %s: this is a directory; give the name of a file",
			       path);
	slash = strrchr(path, '/');
	directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!directory)
		return err_set(err, -ENOMEM, "out of memory");
	if (access(directory, W_OK | X_OK) < 0)
		return err_set(err, -errno, "-o %s: cannot make a file in %s: %s", path, directory,
			       strerror(errno));
	return 0;
}

/* What the options mean together. */
static int check_arguments(struct arguments *arguments, struct err *err)
{
	int r = check_output(arguments, err);

	if (r < 0)
		return r;
	if (arguments->capture.command && arguments->capture.duration_ns)
		return err_set(err, -EINVAL, "--for and a command: the window is one or the other");
	settle_service(&arguments->capture.selector);
	if (selector_empty(&arguments->capture.selector))
		return err_set(err, -EINVAL,
			       "say which processes: --pid, --exe, --exec, --service, "
			       "--container, --pod or --cgroup");
	return 0;
}

/* EXIT_DONE or EXIT_USAGE, said. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
	struct err err = ERR_INIT;
	int option;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:o:h", long_options, NULL)) != -1) {
		if (option == '?' || option == ':')
			return cli_option_error("capture", option, argv, long_options);
		if (take_option(arguments, option, optarg, &err) < 0)
			return cli_usage("capture", "%s", err.text);
		if (arguments->help)
			return EXIT_DONE;
	}
	if (strcmp(argv[optind - 1], "--") == 0 && optind == argc)
		return cli_usage("capture", "there is no command behind --");
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		return cli_usage("capture", "%s: a command to run stands behind --", argv[optind]);
	if (optind < argc)
		arguments->capture.command = argv + optind;
	if (check_arguments(arguments, &err) < 0)
		return cli_usage("capture", "%s", err.text);
	return EXIT_DONE;
}

static void on_armed(void *user, const struct summary *summary)
{
	const char *service = summary->context.service;
	size_t processes = 0;

	(void)user;
	for (size_t i = 0; i < summary->release_count; i++)
		processes += summary->releases[i].process_count;
	fputs(service ? "capturing " : "capturing", stderr);
	cli_say(service ? service : "");
	fprintf(stderr, ": %zu process%s now, %s; ^C ends it\n", processes,
		processes == 1 ? "" : "es", summary->attach ? summary->attach : "kernel only");
}

static void on_progress(void *user, const struct capture_progress *now)
{
	struct progress *progress = user;
	double elapsed_s = (double)now->elapsed_ns / NS_PER_S;

	if (progress->terminal)
		fputs("\r\033[K", stderr);
	if (now->duration_ns)
		fprintf(stderr, "%5.0f s of %.0f s", elapsed_s,
			(double)now->duration_ns / NS_PER_S);
	else
		fprintf(stderr, "%5.0f s", elapsed_s);
	fprintf(stderr, "  %u process%s", now->processes, now->processes == 1 ? "" : "es");
	/* Known once the first block is over. */
	if (now->dispatches)
		fprintf(stderr, "  %llu dispatches", (unsigned long long)now->dispatches);
	if (now->p99_ns >= NS_PER_MS)
		fprintf(stderr, "  p99 %.1f ms", (double)now->p99_ns / NS_PER_MS);
	else if (now->p99_ns)
		fprintf(stderr, "  p99 %.1f %s", (double)now->p99_ns / NS_PER_US,
			progress->style.unicode ? "µs" : "us");
	if (!progress->terminal)
		fputc('\n', stderr);
	fflush(stderr);
	progress->shown = true;
}

static int add_text(const char *text, size_t size, void *buf)
{
	buf_add(buf, text, size);
	return 0;
}

static int write_json(const struct arguments *arguments, const struct summary *summary,
		      struct err *err)
{
	json_t *json = summary_to_json(summary);
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	int r = 0;

	if (json &&
	    json_dump_callback(json, add_text, &text, JSON_COMPACT | JSON_PRESERVE_ORDER) < 0)
		text.failed = true;
	buf_add_char(&text, '\n');
	if (!json || buf_status(&text) < 0)
		r = err_set(err, -ENOMEM, "out of memory while writing the summary");
	json_decref(json);
	if (r == 0 && arguments->output)
		r = file_write(arguments->output, text.data, text.size, err);
	if (r == 0 && arguments->json)
		cli_write(text.data, text.size);
	return r;
}

static int write_text(const struct arguments *arguments, const struct summary *summary,
		      struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct text_style style;

	cli_style(stdout, arguments->no_colour, &style);
	summary_to_text(summary, &style, &text);
	if (buf_status(&text) < 0)
		return err_set(err, -ENOMEM, "out of memory while writing the summary");
	cli_write(text.data, text.size);
	return 0;
}

static int push(const struct arguments *arguments, const struct summary *summary)
{
	CLEANUP(buf_release) struct buf shown = BUF_INIT;
	struct push_result result;
	struct err err = ERR_INIT;

	if (push_summary(&arguments->push, summary, &result, &err) < 0)
		return cli_error(&err);
	if (!arguments->quiet && http_url_redact(arguments->push.url, &shown, &err) == 0)
		fprintf(stderr, "pushed to %s\n", shown.data);
	return EXIT_DONE;
}

/* Every output is tried, whatever became of the others. EXIT_DONE or EXIT_ERROR. */
static int publish(const struct arguments *arguments, const struct summary *summary)
{
	struct err err = ERR_INIT;
	int code = EXIT_DONE;

	if ((arguments->json || arguments->output) && write_json(arguments, summary, &err) < 0)
		code = cli_error(&err);
	if (!arguments->json && write_text(arguments, summary, &err) < 0)
		code = cli_error(&err);
	if (cli_flush() != EXIT_DONE)
		code = EXIT_ERROR;
	if (arguments->push.url && push(arguments, summary) != EXIT_DONE)
		code = EXIT_ERROR;
	return code;
}

static bool measured_anything(const struct summary *summary)
{
	for (size_t i = 0; i < summary->release_count; i++) {
		const struct release *release = &summary->releases[i];

		if (release->runnable.count || release->runqueue.count || release->stack_count)
			return true;
	}
	return false;
}

static int finish(const struct arguments *arguments, const struct summary *summary)
{
	int code = publish(arguments, summary);

	if (arguments->capture.command) {
		if (code != EXIT_DONE)
			fprintf(stderr,
				"parkmeter: passing on the command's exit code %d all the same\n",
				summary->command_status);
		return summary->command_status;
	}
	if (code == EXIT_DONE && !measured_anything(summary)) {
		fputs("parkmeter: nothing was measured: no process matched, or none did "
		      "anything; `parkmeter ps` lists what runs\n",
		      stderr);
		return EXIT_NODATA;
	}
	return code;
}

static const char *environment(const char *name)
{
	return getenv(name);
}

static int run(struct arguments *arguments)
{
	struct progress progress = { .terminal = isatty(STDERR_FILENO) == 1 };
	struct summary *summary = NULL;
	struct err err = ERR_INIT;
	const char *sites;
	int code, r;

	cli_style(stderr, arguments->no_colour, &progress.style);
	if (!arguments->quiet) {
		arguments->capture.user = &progress;
		arguments->capture.armed = on_armed;
		arguments->capture.progress = on_progress;
		arguments->capture.progress_ns = progress.terminal ? PROGRESS_TTY_NS
								   : PROGRESS_LINE_NS;
	}
	r = context_fill(&arguments->capture.context, environment, &err);
	if (r < 0)
		return cli_error(&err);
	arguments->capture.command_output_to_stderr = arguments->json;
	if (arguments->push.url &&
	    push_check(&arguments->push, &arguments->capture.context, &err) < 0)
		return cli_usage("capture", "%s", err.text);
	sites = getenv("PARKMETER_TEST_SITES");
	arguments->capture.entry_sites = sites && strcmp(sites, "entry") == 0;
	r = capture_run(&arguments->capture, &summary, &err);
	if (progress.terminal && progress.shown)
		fputs("\r\033[K", stderr);
	if (r < 0)
		return cli_error(&err);
	code = finish(arguments, summary);
	summary_free(summary);
	return code;
}

int cmd_capture(int argc, char **argv)
{
	struct arguments arguments = {
		.capture = { .lens_probe = true, .lens_kernel = true, .reasons = true },
	};
	int code = parse(argc, argv, &arguments);

	if (arguments.help)
		fputs(help, stdout);
	else if (code == EXIT_DONE)
		code = run(&arguments);
	context_release(&arguments.capture.context);
	return code;
}
