/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "capture/capture_private.h"

static int run(const char *script)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct command_run command = { .pidfd = -1 };
	struct err err = ERR_INIT;

	assert_int_equal(command_start(argv, true, &command, &err), 0);
	command_finish(&command);
	assert_int_equal(command.pidfd, -1);
	return command.status;
}

static void test_exit_code_is_passed_on(void **state)
{
	(void)state;
	assert_int_equal(run("exit 0"), 0);
	assert_int_equal(run("exit 3"), 3);
	assert_int_equal(run("exit 255"), 255);
}

static void test_signal_is_128_and_its_number(void **state)
{
	(void)state;
	assert_int_equal(run("kill -TERM $$"), 128 + SIGTERM);
}

static void test_end_is_seen_by_poll(void **state)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 7", NULL };
	struct command_run command = { .pidfd = -1 };
	struct pollfd ready = { .events = POLLIN };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(command_start(argv, true, &command, &err), 0);
	ready.fd = command.pidfd;
	assert_int_equal(poll(&ready, 1, 10000), 1);
	assert_true(command_ended(&command));
	assert_int_equal(command.status, 7);
	command_finish(&command);
}

static void test_what_cannot_be_started_is_named(void **state)
{
	char *const argv[] = { (char *)"/nonexistent/deploy.sh", NULL };
	struct command_run command = { .pidfd = -1 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(command_start(argv, true, &command, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/deploy.sh"));
	assert_int_equal(command.pid, 0);
}

static void test_system_goroutines_are_told_apart(void **state)
{
	(void)state;
	assert_true(symbol_is_system("runtime.bgsweep"));
	assert_true(symbol_is_system("runtime.gcBgMarkWorker"));
	assert_false(symbol_is_system("runtime.main"));
	assert_false(symbol_is_system("runtime.corostart")); /* of iter.Pull */
	assert_false(symbol_is_system("main.worker"));
	assert_false(symbol_is_system("runtime/trace.Start.func1"));
	assert_false(symbol_is_system(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_code_is_passed_on),
		cmocka_unit_test(test_signal_is_128_and_its_number),
		cmocka_unit_test(test_end_is_seen_by_poll),
		cmocka_unit_test(test_what_cannot_be_started_is_named),
		cmocka_unit_test(test_system_goroutines_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
