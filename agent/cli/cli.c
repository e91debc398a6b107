/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <locale.h>
#include <stdarg.h>
#include <string.h>

#define SUGGEST_DISTANCE_MAX 3
#define WORD_MAX             32

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command commands[] = {
	{ "capture", cmd_capture, "measure Go processes for a while, or while a command runs" },
	{ "ps", cmd_ps, "list the Go processes of this machine and what works on them" },
	{ "doctor", cmd_doctor, "say what this machine allows, and how to allow more" },
	{ "schema", cmd_schema, "print the JSON schema of a summary" },
	{ "version", cmd_version, "print the version" },
	{ "help", cmd_help, "this text" },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *stream)
{
	fputs("parkmeter: says how long the goroutines of Go services waited, and for what.\n"
	      "\n"
	      "  sudo parkmeter capture --pid 4242 --for 30s\n"
	      "  sudo parkmeter capture --exec '/srv/orders/*/orders' -- ./deploy.sh\n"
	      "  sudo parkmeter ps\n"
	      "\n",
	      stream);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "`parkmeter COMMAND --help` has the options. Exit codes: 0 done, 1 fail, 2 usage,\n"
	      "3 inconclusive, 4 no data, 5 error.\n",
	      stream);
}

static int cmd_version(int argc, char **argv)
{
	if (argc > 1)
		return cli_usage(NULL, "%s: version takes no arguments", argv[1]);
	printf("parkmeter %s\n", PARKMETER_VERSION);
	return EXIT_DONE;
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance of two short words. */
static unsigned int word_distance(const char *a, const char *b)
{
	unsigned int row[WORD_MAX + 1];
	size_t a_size = strlen(a), b_size = strlen(b);

	if (a_size > WORD_MAX || b_size > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b_size; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= a_size; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_size; j++) {
			unsigned int changed = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = least(changed, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[b_size];
}

static int unknown_command(const char *name)
{
	const struct command *nearest = NULL;
	unsigned int distance = SUGGEST_DISTANCE_MAX;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		unsigned int d = word_distance(name, commands[i].name);

		if (d < distance && d < strlen(name)) {
			distance = d;
			nearest = &commands[i];
		}
	}
	if (nearest)
		fprintf(stderr, "parkmeter: there is no command %s; did you mean %s?\n", name,
			nearest->name);
	else
		fprintf(stderr, "parkmeter: there is no command '%s'; see parkmeter help\n", name);
	return EXIT_USAGE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* help COMMAND is COMMAND --help. */
static int cmd_help(int argc, char **argv)
{
	char option[] = "--help";
	const struct command *command;

	if (argc > 2)
		return cli_usage(NULL, "%s: help is for one command at a time", argv[2]);
	command = argc == 2 ? find_command(argv[1]) : NULL;
	if (argc == 2 && !command)
		return unknown_command(argv[1]);
	if (!command || command->run == cmd_help || command->run == cmd_version) {
		print_help(stdout);
		return EXIT_DONE;
	}
	return command->run(2, (char *[]){ argv[1], option, NULL });
}

int cli_main(int argc, char **argv)
{
	const struct command *command;
	const char *name;
	int code;

	cli_prepare_streams();
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	if (strcmp(name, "--version") == 0)
		name = "version";
	command = find_command(name);
	if (!command)
		return unknown_command(name);
	code = command->run(argc - 1, argv + 1);
	return cli_flush() == EXIT_DONE ? code : EXIT_ERROR;
}

int cli_error(const struct err *err)
{
	fputs("parkmeter: ", stderr);
	cli_say(err->text[0] ? err->text : strerror(-err->code));
	fputc('\n', stderr);
	return EXIT_ERROR;
}

int cli_usage(const char *command, const char *format, ...)
{
	struct err err = ERR_INIT;
	va_list args;

	va_start(args, format);
	vsnprintf(err.text, sizeof(err.text), format, args);
	va_end(args);
	fputs("parkmeter: ", stderr);
	cli_say(err.text);
	if (command)
		fprintf(stderr, "; see parkmeter %s --help\n", command);
	else
		fputs("; see parkmeter help\n", stderr);
	return EXIT_USAGE;
}
