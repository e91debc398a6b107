/* SPDX-License-Identifier: Apache-2.0 */
/* parkmeter schema: the JSON Schema of what `parkmeter capture --json` prints. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/cli.h"

static const char help[] =
	"parkmeter schema: the JSON Schema (draft 2020-12) of a summary\n"
	"\n"
	"  parkmeter schema > summary.schema.json\n"
	"\n"
	"Describes what `parkmeter capture --json` prints. The minor version rises\n"
	"when fields are added, the major version when one changes or goes.\n";

static int print_schema(void)
{
	/* It is one line in the program; people read it, too. */
	json_t *schema = json_loads(summary_schema(), 0, NULL);
	CLEANUP(freep) char *text = schema ? json_dumps(schema, JSON_INDENT(2)) : NULL;
	struct err err = ERR_INIT;

	json_decref(schema);
	if (!text) {
		err_set(&err, -ENOMEM, "out of memory while printing the schema");
		return cli_error(&err);
	}
	puts(text); /* cli_main() sees whether it arrived */
	return EXIT_DONE;
}

int cmd_schema(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option != 'h')
			return cli_option_error("schema", option, argv, options);
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (optind < argc)
		return cli_usage("schema", "%s: schema takes no arguments", argv[optind]);
	return print_schema();
}
