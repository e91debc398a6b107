/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"

static void test_duration_accepts(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "30s", 30 * NS_PER_S },          { "500ms", 500 * NS_PER_MS },
		{ "2m", 120 * NS_PER_S },          { "1m30s", 90 * NS_PER_S },
		{ "1.5s", 1500 * NS_PER_MS },      { "1h", 3600 * NS_PER_S },
		{ "168h", 168 * 3600 * NS_PER_S }, { "1000us", NS_PER_MS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err err = ERR_INIT;
		uint64_t ns = 0;

		assert_int_equal(cli_parse_duration(good[i].text, &ns, &err), 0);
		assert_int_equal(ns, good[i].ns);
	}
}

static void test_duration_refuses(void **state)
{
	static const char *const bad[] = { "",     "30",   "s",     "-3s",  "30x",
					   "1s2",  "0s",   "999us", "169h", "1e400s",
					   "nans", "infs", "30 s",  "1s ",  "..s" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		uint64_t ns = 77;

		assert_int_equal(cli_parse_duration(bad[i], &ns, &err), -EINVAL);
		assert_int_equal(ns, 77);
		assert_non_null(strstr(err.text, bad[i]));
	}
}

static void test_selector_takes_each_kind(void **state)
{
	struct selector selector = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(cli_selector_option(&selector, OPT_PID, "4242", &err), 0);
	assert_int_equal(cli_selector_option(&selector, OPT_EXE, "./a", &err), 0);
	assert_int_equal(cli_selector_option(&selector, OPT_EXEC, "/srv/*/a", &err), 0);
	assert_int_equal(cli_selector_option(&selector, OPT_SERVICE, "orders", &err), 0);
	assert_int_equal(cli_selector_option(&selector, OPT_CONTAINER, "0123abcd", &err), 0);
	assert_int_equal(cli_selector_option(&selector, OPT_POD, "web-0", &err), 0);
	assert_int_equal(cli_selector_option(&selector, OPT_CGROUP, "orders.slice", &err), 0);
	assert_int_equal(cli_selector_option(&selector, 'x', "", &err), 1);
	assert_int_equal(selector.pids[0], 4242);
	assert_string_equal(selector.exes[0], "./a");
	assert_string_equal(selector.execs[0], "/srv/*/a");
	assert_string_equal(selector.services[0], "orders");
	assert_int_equal(selector.pid_count + selector.exe_count + selector.exec_count +
				 selector.service_count + selector.container_count +
				 selector.pod_count + selector.cgroup_count,
			 7);
}

static void test_selector_refuses(void **state)
{
	static const struct {
		int option;
		const char *value;
	} bad[] = {
		{ OPT_PID, "" },
		{ OPT_PID, "0" },
		{ OPT_PID, "-1" },
		{ OPT_PID, "12x" },
		{ OPT_PID, "99999999999999999999" },
		{ OPT_EXE, "" },
		{ OPT_EXEC, "" },
		{ OPT_SERVICE, "" },
		{ OPT_CONTAINER, "abc" },
		{ OPT_CONTAINER, "XYZW" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct selector selector = { 0 };
		struct err err = ERR_INIT;

		assert_int_equal(cli_selector_option(&selector, bad[i].option, bad[i].value, &err),
				 -EINVAL);
		assert_true(err.text[0] != '\0');
	}
}

static void test_selector_has_a_maximum(void **state)
{
	struct selector selector = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < SELECTOR_MAX; i++)
		assert_int_equal(cli_selector_option(&selector, OPT_PID, "7", &err), 0);
	assert_int_equal(cli_selector_option(&selector, OPT_PID, "7", &err), -EINVAL);
	assert_int_equal(selector.pid_count, SELECTOR_MAX);
}

static void test_style_follows_the_environment(void **state)
{
	struct text_style style;

	(void)state;
	setenv("NO_COLOR", "1", 1);
	setenv("FORCE_COLOR", "1", 1);
	cli_style(stdout, false, &style);
	assert_false(style.colour);
	unsetenv("NO_COLOR");
	cli_style(stdout, false, &style);
	assert_true(style.colour);
	cli_style(stdout, true, &style);
	assert_false(style.colour);
	unsetenv("FORCE_COLOR");
	assert_in_range(style.columns, 60, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duration_accepts),
		cmocka_unit_test(test_duration_refuses),
		cmocka_unit_test(test_selector_takes_each_kind),
		cmocka_unit_test(test_selector_refuses),
		cmocka_unit_test(test_selector_has_a_maximum),
		cmocka_unit_test(test_style_follows_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
