/* SPDX-License-Identifier: Apache-2.0 */
/* What several subcommands take and how they write: durations, selectors, the terminal. */
#include <ctype.h>
#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

#define COLUMNS_DEFAULT      80
#define COLUMNS_MIN          60
#define COLUMNS_MAX          200
#define DURATION_MAX_NS      (7 * 24 * 3600 * NS_PER_S)
#define CONTAINER_DIGITS_MIN 4

static bool env_is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static bool wants_colour(FILE *stream, bool no_colour)
{
	const char *term = getenv("TERM");

	if (no_colour || env_is_set("NO_COLOR"))
		return false;
	if (env_is_set("FORCE_COLOR"))
		return true;
	return isatty(fileno(stream)) && term && strcmp(term, "dumb") != 0;
}

static unsigned int terminal_columns(FILE *stream)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	long wanted = 0;

	if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0)
		wanted = size.ws_col;
	else if (columns)
		wanted = strtol(columns, NULL, 10);
	if (wanted <= 0)
		return COLUMNS_DEFAULT;
	if (wanted < COLUMNS_MIN)
		return COLUMNS_MIN;
	return wanted > COLUMNS_MAX ? COLUMNS_MAX : (unsigned int)wanted;
}

void cli_style(FILE *stream, bool no_colour, struct text_style *ret_style)
{
	ret_style->colour = wants_colour(stream, no_colour);
	ret_style->unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	ret_style->columns = terminal_columns(stream);
}

static bool is_prefix(const char *name, size_t length, const char *long_name)
{
	return strncmp(name, long_name, length) == 0;
}

/* The options that an abbreviation may mean. */
static size_t count_meant(const char *argument, const struct option *options)
{
	const char *name = argument + 2;
	size_t length = strcspn(name, "=");
	size_t count = 0;

	if (strncmp(argument, "--", 2) != 0)
		return 0;
	for (; options->name; options++)
		count += is_prefix(name, length, options->name);
	return count;
}

int cli_option_error(const char *command, int option, char *const *argv,
		     const struct option *options)
{
	const char *argument = argv[optind - 1];
	const bool long_option = strncmp(argument, "--", 2) == 0;

	if (option == ':')
		return cli_usage(command, "%s takes a value", argument);
	/* getopt(3): optopt is the option that got a value it does not take, else 0. */
	if (long_option && optopt)
		return cli_usage(command, "%.*s takes no value", (int)strcspn(argument, "="),
				 argument);
	if (count_meant(argument, options) > 1)
		return cli_usage(command, "%s may mean several options; write it out", argument);
	if (!long_option && optopt)
		return cli_usage(command, "there is no option -%c", optopt);
	return cli_usage(command, "there is no option %s", argument);
}

/* What stands in a message for a value that may be empty. */
static const char *shown(const char *value)
{
	return *value ? value : "''";
}

/* The unit at `text`; its length in *ret_length, 0 ns when it is none. */
static uint64_t duration_unit(const char *text, size_t *ret_length)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ms", NS_PER_MS },    { "us", NS_PER_US }, { "h", 3600 * NS_PER_S },
		{ "m", 60 * NS_PER_S }, { "s", NS_PER_S },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t length = strlen(units[i].name);

		if (strncmp(text, units[i].name, length) == 0) {
			*ret_length = length;
			return units[i].ns;
		}
	}
	return 0;
}

int cli_parse_duration(const char *text, uint64_t *ret_ns, struct err *err)
{
	const char *at = text;
	double total_ns = 0;

	while (*at) {
		char *end;
		double number;
		uint64_t unit_ns;
		size_t length;

		if (!isdigit((unsigned char)*at) && *at != '.')
			break;
		number = strtod(at, &end);
		unit_ns = end == at ? 0 : duration_unit(end, &length);
		if (!unit_ns)
			break;
		total_ns += number * (double)unit_ns;
		at = end + length;
	}
	if (*at || at == text)
		return err_set(err, -EINVAL, "%s is no duration: write 30s, 500ms, 2m or 1m30s",
			       shown(text));
	if (!(total_ns >= (double)NS_PER_MS && total_ns <= (double)DURATION_MAX_NS))
		return err_set(err, -EINVAL, "%s is out of range: 1ms to 168h", text);
	*ret_ns = (uint64_t)total_ns;
	return 0;
}

static int add_pid(struct selector *selector, const char *value, struct err *err)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(value, &end, 10);
	if (errno || end == value || *end || pid <= 0 || pid > INT_MAX)
		return err_set(err, -EINVAL, "%s is no process id", shown(value));
	if (selector->pid_count == SELECTOR_MAX)
		return err_set(err, -EINVAL, "more than %d --pid", SELECTOR_MAX);
	selector->pids[selector->pid_count++] = (pid_t)pid;
	return 0;
}

static int add_text(const char **values, size_t *count, const char *name, const char *value,
		    struct err *err)
{
	if (!*value)
		return err_set(err, -EINVAL, "--%s is empty", name);
	if (*count == SELECTOR_MAX)
		return err_set(err, -EINVAL, "more than %d --%s", SELECTOR_MAX, name);
	values[(*count)++] = value;
	return 0;
}

static int add_container(struct selector *selector, const char *value, struct err *err)
{
	if (strspn(value, "0123456789abcdef") < CONTAINER_DIGITS_MIN)
		return err_set(err, -EINVAL,
			       "--container %s: give at least %d digits of the container's id",
			       shown(value), CONTAINER_DIGITS_MIN);
	return add_text(selector->containers, &selector->container_count, "container", value, err);
}

int cli_selector_option(struct selector *selector, int option, const char *value, struct err *err)
{
	switch (option) {
	case OPT_PID:
		return add_pid(selector, value, err);
	case OPT_EXE:
		return add_text(selector->exes, &selector->exe_count, "exe", value, err);
	case OPT_EXEC:
		return add_text(selector->execs, &selector->exec_count, "exec", value, err);
	case OPT_CGROUP:
		return add_text(selector->cgroups, &selector->cgroup_count, "cgroup", value, err);
	case OPT_CONTAINER:
		return add_container(selector, value, err);
	case OPT_POD:
		return add_text(selector->pods, &selector->pod_count, "pod", value, err);
	case OPT_SERVICE:
		return add_text(selector->services, &selector->service_count, "service", value,
				err);
	default:
		return 1;
	}
}
