/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one table of subcommands, one cmd_<name>.c each, and the habits that they
 * share. The answer goes to stdout, everything else to stderr; this is the only place that prints
 * and the only one that turns an error into an exit code.
 */
#ifndef PARKMETER_CLI_H
#define PARKMETER_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "summary/summary.h"
#include "target/target.h"

enum exit_code {
	EXIT_DONE = 0, /* done, or the gate passed */
	EXIT_FAIL = 1, /* the gate failed, or doctor found a failure */
	EXIT_USAGE = 2,
	EXIT_INCONCLUSIVE = 3,
	EXIT_NODATA = 4,
	EXIT_ERROR = 5,
};

/* Runs the subcommand of argv[1]; the value for exit(3). */
int cli_main(int argc, char **argv);

/* The subcommands: argv[0] is the subcommand's name. */
int cmd_capture(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_schema(int argc, char **argv);

/* "parkmeter: <sentence>" on stderr. Returns EXIT_ERROR. */
int cli_error(const struct err *err);

/* The same for wrong usage, with a hint to --help of `command`. Returns EXIT_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * For a getopt_long() that returned '?' or ':' (opterr 0, short options beginning with ':'): says
 * what is wrong with the option. Returns EXIT_USAGE.
 */
int cli_option_error(const char *command, int option, char *const *argv,
		     const struct option *options);

/* To be called first: closed standard streams, and readers that go away. */
void cli_prepare_streams(void);

/* Onto standard error. Names come from elsewhere: their control characters do not reach a terminal.
 */
void cli_say(const char *text);

/* Onto standard output; cli_flush() says what became of it. */
void cli_write(const char *text, size_t size);

/*
 * Writes out standard output. EXIT_DONE, also when its reader has read enough and is gone; else
 * says why it could not be written and returns EXIT_ERROR.
 */
int cli_flush(void);

/* How to write to `stream`: NO_COLOR, FORCE_COLOR, TERM, the locale and the terminal's width. */
void cli_style(FILE *stream, bool no_colour, struct text_style *ret_style);

/* "30s", "500ms", "2m", "1h", "1m30s"; a bare number is refused. -EINVAL. */
int cli_parse_duration(const char *text, uint64_t *ret_ns, struct err *err);

/* getopt_long values of the options that select processes, shared by the subcommands. */
enum cli_selector_option {
	OPT_PID = 1000,
	OPT_EXE,
	OPT_EXEC,
	OPT_CGROUP,
	OPT_CONTAINER,
	OPT_POD,
	OPT_SERVICE,
};

#define CLI_SELECTOR_OPTIONS                                                                      \
	{ "pid", required_argument, NULL, OPT_PID }, { "exe", required_argument, NULL, OPT_EXE }, \
		{ "exec", required_argument, NULL, OPT_EXEC },                                    \
		{ "cgroup", required_argument, NULL, OPT_CGROUP },                                \
		{ "container", required_argument, NULL, OPT_CONTAINER },                          \
		{ "pod", required_argument, NULL, OPT_POD },                                      \
	{                                                                                         \
		"service", required_argument, NULL, OPT_SERVICE                                   \
	}

/*
 * Takes one of these options into the selector; `value` stays borrowed. 0, or -EINVAL with the
 * sentence; 1 when `option` is none of them.
 */
int cli_selector_option(struct selector *selector, int option, const char *value, struct err *err);

#endif
