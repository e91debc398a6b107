/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets and peek against real Go programs of several releases. Needs root for a chosen pid and
 * for another user's view.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "peek/peek.h"
#include "support/census.h"

static char usual[PATH_MAX]; /* the census of a usual build */

static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* ---- every release ---- */

static const struct {
	const char *version, *flags;
	bool pie, counted;
} builds[] = {
	{ "1.19", "", false, true },
	{ "1.21", "-buildmode=pie", true, true },
	{ "1.22", "", false, true },
	{ "1.23", "", false, true },
	{ "1.24", "-buildmode=pie", true, true },
	{ "1.24", "-tags withc", false, true },
	{ "1.26", "", false, true },
	{ "1.26", "-tags withc", false, true },
	{ "1.27", "-buildmode=pie", true, true },
	{ "1.27", "-ldflags=-s", false, false },
};

static void check_build(struct binaries *binaries, const char *path, bool pie, bool counted)
{
	struct err err = ERR_INIT;
	struct census program;
	struct target *target;
	struct census_mapping mapping;
	uint64_t count = 0;

	census_start(&program, path, NULL);
	target = census_open(binaries, program.pid);
	assert_true(target_is_go(target));
	assert_true(target_alive(target));
	assert_string_equal(target->exe, path);
	assert_string_equal(target->comm, "census");
	assert_string_equal(target->service, "census");
	assert_int_equal(target->uid, getuid());
	assert_true(target->started_ns <= clock_mono_ns());
	assert_true(clock_mono_ns() - target->started_ns < 60 * NS_PER_S);
	census_assert_key(target);
	census_mapping(program.pid, path, &mapping);
	assert_int_equal(target->load_bias, mapping.start - census_first_address(path));
	assert_int_equal(target->load_bias != 0, pie);
	if (counted) {
		if (peek_goroutine_count(target, &count, &err) < 0)
			fail_msg("%s: %s", path, err.text);
		assert_int_equal(count, census_ask(&program));
		assert_int_equal(count, CENSUS_WAITING + 1);
	} else {
		assert_int_equal(peek_goroutine_count(target, &count, &err), -ENOTSUP);
		assert_non_null(strstr(err.text, "stripped"));
	}
	census_end(&program);
	assert_false(target_alive(target));
	if (counted)
		assert_int_equal(peek_goroutine_count(target, &count, &err), -ESRCH);
	target_free(target);
}

static void test_releases(void **state)
{
	struct binaries *binaries = census_binaries();
	char path[PATH_MAX];
	size_t built = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		if (!census_build(builds[i].version, builds[i].flags, path)) {
			print_message("skipped: no Go %s %s\n", builds[i].version, builds[i].flags);
			continue;
		}
		check_build(binaries, path, builds[i].pie, builds[i].counted);
		built++;
	}
	binaries_free(binaries);
	if (!built)
		skip();
}

static void test_an_unsupported_release_is_still_go(void **state)
{
	struct binaries *binaries = census_binaries();
	struct target_list list = { 0 };
	struct selector selector = { 0 };
	struct err err = ERR_INIT;
	struct census program;
	char path[PATH_MAX];
	uint64_t count;

	(void)state;
	if (!census_build("1.15", "", path)) {
		binaries_free(binaries);
		skip();
	}
	census_start(&program, path, NULL);
	selector.pids[selector.pid_count++] = program.pid;
	assert_int_equal(target_find(&selector, binaries, &list, NULL, &err), 0);
	assert_int_equal(list.count, 1);
	assert_true(target_is_go(list.items[0]));
	assert_null(list.items[0]->binary->bin);
	assert_int_equal(list.items[0]->binary->refused_code, -ENOTSUP);
	assert_non_null(strstr(list.items[0]->binary->refused, "go1.15"));
	assert_int_equal(peek_goroutine_count(list.items[0], &count, &err), -ENOTSUP);
	target_list_release(&list);
	binaries_free(binaries);
	census_end(&program);
}

/* ---- identity ---- */

static void set_otel(void)
{
	setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=or%64ers,service.version=v2.3.0", 1);
}

static void test_names_come_from_the_environment(void **state)
{
	struct binaries *binaries = census_binaries();
	struct census program;
	struct target *target;

	(void)state;
	census_start(&program, usual, set_otel);
	target = census_open(binaries, program.pid);
	assert_string_equal(target->service, "orders");
	assert_string_equal(target->version, "v2.3.0");
	target_free(target);
	census_end(&program);
	binaries_free(binaries);
}

/* ---- pids ---- */

static void test_what_is_no_process(void **state)
{
	struct binaries *binaries = census_binaries();
	struct census program;
	struct target *target = NULL;
	struct err err = ERR_INIT;
	char path[64];
	struct dirent *entry;
	pid_t thread = 0;
	DIR *tasks;

	(void)state;
	census_start(&program, usual, NULL);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)program.pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		pid_t id = (pid_t)strtol(entry->d_name, NULL, 10);

		if (id > 0 && id != program.pid)
			thread = id;
	}
	closedir(tasks);
	assert_true(thread > 0);
	assert_int_equal(target_open(thread, binaries, &target, &err), -ESRCH);
	assert_non_null(strstr(err.text, "thread"));
	census_end(&program);
	assert_int_equal(target_open(program.pid, binaries, &target, &err), -ESRCH);
	assert_int_equal(target_open(0, binaries, &target, &err), -ESRCH);
	assert_int_equal(target_open(-1, binaries, &target, &err), -ESRCH);
	assert_int_equal(target_open(INT_MAX, binaries, &target, &err), -ESRCH);
	assert_null(target);
	binaries_free(binaries);
}

static void test_a_zombie_has_ended(void **state)
{
	struct binaries *binaries = census_binaries();
	struct target *target = NULL;
	struct err err = ERR_INIT;
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(target_open(pid, binaries, &target, &err), -ESRCH);
	assert_null(target);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	binaries_free(binaries);
}

/* A child of that very pid, or -1. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uint64_t)(uintptr_t)&pid,
				   .set_tid_size = 1 };
	long r = syscall(SYS_clone3, &args, sizeof(args));

	if (r == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	return (pid_t)r;
}

static void test_a_reused_pid_is_another_process(void **state)
{
	struct binaries *binaries = census_binaries();
	struct target *target, *successor;
	struct err err = ERR_INIT;
	struct census program;
	uint64_t count;
	pid_t pid;

	(void)state;
	census_start(&program, usual, NULL);
	target = census_open(binaries, program.pid);
	census_end(&program);
	pid = fork_as(program.pid);
	if (pid < 0) {
		target_free(target);
		binaries_free(binaries);
		print_message("skipped: a pid cannot be chosen here\n");
		skip();
	}
	assert_int_equal(pid, program.pid);
	assert_false(target_alive(target));
	assert_int_equal(peek_goroutine_count(target, &count, &err), -ESRCH);
	successor = census_open(binaries, pid);
	assert_true(target_alive(successor));
	assert_false(target_is_go(successor));
	target_free(successor);
	target_free(target);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	binaries_free(binaries);
}

/* What another user sees of a process of ours, as an exit code. */
static int look_as_nobody(pid_t pid)
{
	struct binaries *binaries = NULL;
	struct target_list list = { 0 };
	struct target *target = NULL;
	struct selector selector = { .pids = { pid }, .pid_count = 1 };
	struct err err = ERR_INIT;
	size_t unreadable = 0;
	int r;

	if (setgid(65534) < 0 || setuid(65534) < 0 || binaries_new(&binaries, NULL) < 0)
		return 1;
	r = target_open(pid, binaries, &target, &err);
	if (r != -EACCES || target || !strstr(err.text, "CAP_SYS_PTRACE"))
		return 2;
	if (target_find(NULL, binaries, &list, &unreadable, &err) < 0 || !unreadable)
		return 3;
	target_list_release(&list);
	if (target_find(&selector, binaries, &list, NULL, &err) != -EACCES)
		return 4;
	binaries_free(binaries);
	return 0;
}

static void test_somebody_elses_process(void **state)
{
	struct census program;
	int status;
	pid_t pid;

	(void)state;
	census_start(&program, usual, NULL);
	pid = fork();
	if (pid == 0)
		_exit(look_as_nobody(program.pid));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	census_end(&program);
}

/* ---- many ---- */

static void test_pids_that_were_asked_for(void **state)
{
	struct binaries *binaries = census_binaries();
	struct selector selector = { .pids = { getpid() }, .pid_count = 1 };
	struct target_list list = { 0 };
	struct err err = ERR_INIT;
	struct census program;

	(void)state;
	assert_int_equal(target_find(&selector, binaries, &list, NULL, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "Go"));
	census_start(&program, usual, NULL);
	selector.pids[0] = program.pid;
	selector.pids[1] = program.pid;
	selector.pid_count = 2;
	selector.services[selector.service_count++] = "census";
	assert_int_equal(target_find(&selector, binaries, &list, NULL, &err), 0);
	for (size_t i = 0; i + 1 < list.count; i++)
		assert_true(list.items[i]->pid < list.items[i + 1]->pid);
	target_list_release(&list);
	selector.pids[0] = INT_MAX;
	assert_int_equal(target_find(&selector, binaries, &list, NULL, &err), -ESRCH);
	census_end(&program);
	binaries_free(binaries);
}

#define DUMMIES 300

static void test_many_processes_leak_nothing(void **state)
{
	struct binaries *binaries = census_binaries();
	struct target_list list = { 0 };
	struct err err = ERR_INIT;
	struct census program;
	pid_t dummies[DUMMIES];
	size_t fds;

	(void)state;
	census_start(&program, usual, NULL);
	for (int i = 0; i < DUMMIES; i++) {
		dummies[i] = fork();
		if (dummies[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(0);
		}
		assert_true(dummies[i] > 0);
	}
	assert_int_equal(target_find(NULL, binaries, &list, NULL, &err), 0);
	assert_true(list.count >= 1);
	target_list_release(&list);
	fds = count_fds();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(target_find(NULL, binaries, &list, NULL, &err), 0);
		target_list_release(&list);
	}
	/* Others may have started Go programs meanwhile, of which each executable is kept open. */
	assert_in_range(count_fds(), fds, fds + 8);
	for (int i = 0; i < DUMMIES; i++) {
		kill(dummies[i], SIGKILL);
		assert_int_equal(waitpid(dummies[i], NULL, 0), dummies[i]);
	}
	census_end(&program);
	binaries_free(binaries);
}

/* Starts and reaps censuses that end at once, until it is killed. */
static void churn(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		pid_t pid = fork();

		if (pid == 0) {
			int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

			dup2(nothing, 0);
			dup2(nothing, 1);
			execl(usual, usual, "0", NULL);
			_exit(127);
		}
		waitpid(pid, NULL, 0);
	}
}

static void test_processes_that_end_meanwhile(void **state)
{
	struct binaries *binaries = census_binaries();
	struct target_list list = { 0 };
	struct selector selector = { .services = { "census" }, .service_count = 1 };
	struct err err = ERR_INIT;
	uint64_t until_ns = clock_mono_ns() + NS_PER_S, count;
	size_t fds = 0, seen = 0, counted = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		churn();
	while (clock_mono_ns() < until_ns) {
		if (target_find(&selector, binaries, &list, NULL, &err) < 0)
			fail_msg("%s", err.text);
		seen += list.count;
		for (size_t i = 0; i < list.count; i++) {
			int r = peek_goroutine_count(list.items[i], &count, &err);

			/* -ENOTSUP: its runtime has not started yet */
			if (r != 0 && r != -ESRCH && r != -ENOTSUP && r != -EAGAIN)
				fail_msg("%d: %s", r, err.text);
			counted += r == 0;
		}
		target_list_release(&list);
		if (!fds && seen)
			fds = count_fds();
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(seen > 0);
	assert_true(counted > 0);
	/* A scan that leaked would have done so at each of its many rounds; others' Go programs may
	 * have come meanwhile. */
	assert_in_range(count_fds(), fds - 8, fds + 8);
	binaries_free(binaries);
}

static int set_up(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("this test needs root\n");
		return -1;
	}
	return census_build("1.26", "", usual) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_releases),
		cmocka_unit_test(test_an_unsupported_release_is_still_go),
		cmocka_unit_test(test_names_come_from_the_environment),
		cmocka_unit_test(test_what_is_no_process),
		cmocka_unit_test(test_a_zombie_has_ended),
		cmocka_unit_test(test_a_reused_pid_is_another_process),
		cmocka_unit_test(test_somebody_elses_process),
		cmocka_unit_test(test_pids_that_were_asked_for),
		cmocka_unit_test(test_many_processes_leak_nothing),
		cmocka_unit_test(test_processes_that_end_meanwhile),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
