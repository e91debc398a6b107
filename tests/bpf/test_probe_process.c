/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that come and go under a session: enrolment at exec, foreign processes, ends in the
 * middle, several windows, and the promise that a target is as it was once the agent is gone.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/go_program.h"
#include "support/probe_fixture.h"

#define GO_VERSION "1.26"

static char program[PATH_MAX];

static const struct probe_options everything = {
	.goroutines = true,
	.reasons = true,
	.processes = true,
};

static int build(void **state)
{
	(void)state;
	if (!go_program_build(GO_VERSION, "", "", program))
		program[0] = '\0';
	return 0;
}

static struct fixture *open_fixture(const struct probe_options *options)
{
	if (!program[0]) {
		print_message("skipped: no Go %s\n", GO_VERSION);
		skip();
	}
	return fixture_new(options, program);
}

/* The runtime's own start is measured: main is created, and every dispatch has its pair. */
static void exec_enrols_before_main(void **state)
{
	struct fixture *fixture = open_fixture(&everything);
	struct target_config config;
	struct go_program child;

	(void)state;
	fixture_attach(fixture, 0);
	fixture_watch(fixture);
	fixture_open_window(fixture);
	go_program_start(&child, program, "pingpong", 100);
	assert_int_equal(probe_process_config(fixture->session, child.pid, &config), 0);
	assert_int_equal(config.binary_id, 1);
	go_program_work(&child);
	assert_int_equal(go_program_end(&child), 0);
	fixture_close_window(fixture);

	assert_int_equal(fixture_events(fixture, EVENT_EXEC, child.pid), 1);
	assert_int_equal(fixture->events[0].exec.enrolled, 1);
	assert_int_equal(fixture->events[0].exec.file.inode, fixture->key.inode);
	assert_int_equal(fixture->events[0].exec.parent, getpid());
	assert_int_equal(fixture_events(fixture, EVENT_EXIT, child.pid), 1);
	assert_int_equal(fixture->counters[COUNTER_UNMATCHED_EXECUTE], 0);
	assert_int_equal(fixture->counters[COUNTER_UNMATCHED_WAKE], 0);
	assert_true(fixture->created >= 4);
	/* It ended, and the kernel side let go of it by itself. */
	assert_int_equal(probe_process_config(fixture->session, child.pid, &config), -ENOENT);
	fixture_free(fixture);
}

static void other_files_are_not_enrolled(void **state)
{
	struct fixture *fixture = open_fixture(&everything);
	struct target_config config;
	struct go_program child;

	(void)state;
	fixture->key.inode++; /* some other file */
	fixture_attach(fixture, 0);
	fixture_watch(fixture);
	fixture_open_window(fixture);
	go_program_start(&child, program, "pingpong", 100);
	assert_int_equal(probe_process_config(fixture->session, child.pid, &config), -ENOENT);
	go_program_work(&child);
	assert_int_equal(go_program_end(&child), 0);
	fixture_close_window(fixture);
	assert_int_equal(fixture->event_count, 0);
	assert_int_equal(fixture_hits(fixture, SITE_EXECUTE), 0);
	assert_int_equal(fixture->wait_count, 0);
	/* The breakpoints are in the file, so it trapped; that is counted. */
	assert_true(fixture->counters[COUNTER_FOREIGN] > 200);
	fixture_free(fixture);
}

static void all_execs_are_reported_when_asked(void **state)
{
	struct probe_options options = everything;
	struct fixture *fixture;
	struct go_program child;

	(void)state;
	options.all_execs = true;
	fixture = open_fixture(&options);
	fixture_open_window(fixture);
	go_program_start(&child, program, "idle", 0);
	go_program_work(&child);
	assert_int_equal(go_program_end(&child), 0);
	fixture_close_window(fixture);
	assert_int_equal(fixture_events(fixture, EVENT_EXEC, child.pid), 1);
	for (size_t i = 0; i < fixture->event_count; i++)
		if (fixture->events[i].header.tgid == (uint32_t)child.pid)
			assert_int_equal(fixture->events[i].exec.enrolled, 0);
	/* Its end is nobody's business. */
	assert_int_equal(fixture_events(fixture, EVENT_EXIT, child.pid), 0);
	fixture_free(fixture);
}

/* With a pid, only that process traps. */
static void pid_keeps_others_free(enum probe_attach attach)
{
	struct probe_options options = everything;
	struct go_program watched, other;
	struct fixture *fixture;

	options.attach = attach;
	fixture = open_fixture(&options);
	go_program_start(&watched, program, "pingpong", 500);
	go_program_start(&other, program, "pingpong", 500);
	fixture_attach(fixture, watched.pid);
	fixture_attach(fixture, watched.pid); /* again: no error, no second probe */
	fixture_add(fixture, watched.pid);
	fixture_open_window(fixture);
	go_program_work(&watched);
	go_program_work(&other);
	fixture_close_window(fixture);
	assert_in_range(fixture_hits(fixture, SITE_READY), 500, 2020);
	assert_int_equal(fixture->counters[COUNTER_FOREIGN], 0);
	assert_int_equal(go_program_end(&watched), 0);
	assert_int_equal(go_program_end(&other), 0);
	fixture_free(fixture);
}

static void pid_filter_multi(void **state)
{
	(void)state;
	pid_keeps_others_free(PROBE_ATTACH_MULTI);
}

static void pid_filter_perf(void **state)
{
	(void)state;
	pid_keeps_others_free(PROBE_ATTACH_PERF);
}

static void forks_and_ends_of_children(void **state)
{
	struct fixture *fixture = open_fixture(&everything);
	struct go_program child;

	(void)state;
	fixture_attach(fixture, 0);
	fixture_watch(fixture);
	fixture_open_window(fixture);
	go_program_start(&child, program, "children", 5);
	go_program_work(&child);
	assert_int_equal(go_program_end(&child), 0);
	fixture_close_window(fixture);
	/* os/exec of Go >= 1.23 forks once more, to see whether pidfds work. */
	assert_in_range(fixture_events(fixture, EVENT_FORK, 0), 5, 6);
	for (size_t i = 0; i < fixture->event_count; i++)
		if (fixture->events[i].header.kind == EVENT_FORK)
			assert_int_equal(fixture->events[i].fork.parent, child.pid);
	/* The children became /bin/true, which is not watched; threads that end are no event. */
	assert_int_equal(fixture_events(fixture, EVENT_EXEC, 0), 1);
	assert_int_equal(fixture_events(fixture, EVENT_EXIT, 0), 1);
	fixture_free(fixture);
}

/* A watched process that becomes another program is let go, and says so. */
static void exec_of_something_else_ends_it(void **state)
{
	struct fixture *fixture = open_fixture(&everything);
	struct target_config config;
	struct go_program child;

	(void)state;
	go_program_start(&child, program, "become", 0);
	fixture_attach(fixture, 0);
	fixture_add(fixture, child.pid);
	fixture_open_window(fixture);
	go_program_go(&child);
	assert_int_equal(go_program_end(&child), 0);
	fixture_close_window(fixture);
	assert_int_equal(fixture_events(fixture, EVENT_EXEC, child.pid), 1);
	assert_int_equal(fixture->events[0].exec.enrolled, 0);
	assert_int_equal(fixture_events(fixture, EVENT_EXIT, child.pid), 0);
	assert_int_equal(probe_process_config(fixture->session, child.pid, &config), -ENOENT);
	fixture_free(fixture);
}

/* Waits of one of the programs that a pid had. */
static uint64_t waits_of(const struct fixture *fixture, const struct target_config *config,
			 const char *function)
{
	struct fixture only = *fixture;

	only.wait_count = 0;
	for (size_t i = 0; i < fixture->wait_count; i++) {
		if (fixture->waits[i].key.program == program_of(config->enrolled_ns))
			only.waits[only.wait_count++] = fixture->waits[i];
	}
	return fixture_waits(&only, "sleep", function);
}

/* One pid, two programs one after the other: their goroutines have the same addresses, and yet
 * nothing of the one is taken for the other's. */
static void exec_in_place_begins_another(void **state)
{
	struct fixture *fixture = open_fixture(&everything);
	struct target_config before, after;
	struct go_program child;

	(void)state;
	go_program_start(&child, program, "again", 20);
	fixture_attach(fixture, 0);
	fixture_watch(fixture);
	fixture_add(fixture, child.pid);
	assert_int_equal(probe_process_config(fixture->session, child.pid, &before), 0);
	fixture_open_window(fixture);
	go_program_go(&child);
	go_program_await_ready(&child);
	assert_int_equal(probe_process_config(fixture->session, child.pid, &after), 0);
	go_program_work(&child);
	fixture_close_window(fixture);
	assert_int_equal(go_program_end(&child), 0);

	assert_int_equal(fixture_events(fixture, EVENT_EXEC, child.pid), 1);
	assert_int_equal(after.enrolled_ns, fixture->events[0].header.time_ns);
	assert_int_not_equal(before.enrolled_ns, after.enrolled_ns);
	assert_int_equal(waits_of(fixture, &before, "main.sleeps"), 20);
	assert_int_equal(waits_of(fixture, &after, "main.sleeps"), 20);
	assert_int_equal(waits_of(fixture, &before, "main.again"), 20);
	assert_int_equal(waits_of(fixture, &after, "main.again"), 0);
	fixture_free(fixture);
}

static void target_may_be_killed(void **state)
{
	struct fixture *fixture = open_fixture(&everything);
	struct target_config config;
	struct go_program child;
	int status;

	(void)state;
	go_program_start(&child, program, "pingpong", 100000000);
	fixture_attach(fixture, child.pid);
	fixture_add(fixture, child.pid);
	fixture_open_window(fixture);
	go_program_go(&child);
	usleep(50000);
	assert_int_equal(kill(child.pid, SIGKILL), 0);
	status = go_program_end(&child);
	assert_true(WIFSIGNALED(status));
	fixture_close_window(fixture);
	assert_int_equal(fixture_events(fixture, EVENT_EXIT, child.pid), 1);
	assert_true(fixture_hits(fixture, SITE_EXECUTE) > 100);
	/* The kernel side let go of it. */
	assert_int_equal(probe_process_config(fixture->session, child.pid, &config), -ENOENT);
	fixture_free(fixture);
}

/* What happened between two windows belongs to neither. */
static void windows_do_not_bleed(void **state)
{
	struct fixture *fixture = open_fixture(&everything);
	struct go_program child;
	struct err err = ERR_INIT;
	uint64_t opened_ns, closed_ns, first;

	(void)state;
	go_program_start(&child, program, "sleeps", 300);
	fixture_attach(fixture, child.pid);
	fixture_add(fixture, child.pid);
	fixture_open_window(fixture);
	assert_int_equal(probe_activate(fixture->session, &opened_ns, &err), -EALREADY);
	go_program_go(&child);
	usleep(50000);
	probe_deactivate(fixture->session, &closed_ns);
	probe_counters(fixture->session, fixture->counters, NULL, &err);
	first = fixture_hits(fixture, SITE_READY);
	assert_true(first > 0);
	usleep(100000);
	probe_counters(fixture->session, fixture->counters, NULL, &err);
	assert_int_equal(fixture_hits(fixture, SITE_READY), first);
	fixture_open_window(fixture);
	usleep(50000);
	fixture_close_window(fixture);
	assert_true(fixture_hits(fixture, SITE_READY) > first);
	/* Had the gap been counted as one wait, the mean would be far above the 1 to 2 ms. */
	assert_in_range(fixture_wait_ns(fixture, "sleep", "main.sleeps") /
				fixture_waits(fixture, "sleep", "main.sleeps"),
			NS_PER_MS, 40 * NS_PER_MS);
	assert_int_equal(kill(child.pid, SIGKILL), 0);
	go_program_end(&child);
	fixture_free(fixture);
}

struct bytes_wanted {
	struct fixture *fixture;
	pid_t pid;
	bool probed;
};

static bool site_bytes_are(void *user)
{
	struct bytes_wanted *wanted = user;
	unsigned char memory[16], file[16];

	for (int site = 0; site < SITE_COUNT; site++) {
		if (!wanted->fixture->sites[site].usable)
			continue;
		fixture_site_bytes(wanted->fixture, (enum site_kind)site, wanted->pid, memory,
				   file);
		if ((memcmp(memory, file, sizeof(file)) != 0) != wanted->probed)
			return false;
	}
	return true;
}

/* Stands for an agent: attaches, says so, and waits to be killed. */
static pid_t start_agent(struct fixture *fixture, pid_t target, int *ret_ready)
{
	int ready[2];
	pid_t agent;

	assert_int_equal(pipe(ready), 0);
	agent = fork();
	assert_true(agent >= 0);
	if (agent == 0) {
		struct probe_session *session = NULL;
		uint64_t opened_ns;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		if (probe_open(&everything, &session, NULL) == 0 &&
		    probe_attach_binary(session, 1, fixture->fd, target, fixture->sites, NULL) ==
			    0 &&
		    probe_add_process(session, target, &fixture->config, NULL) == 0 &&
		    probe_activate(session, &opened_ns, NULL) == 0 && write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	*ret_ready = ready[0];
	return agent;
}

static void killed_agent_leaves_nothing(void **state)
{
	struct fixture *fixture = open_fixture(&everything);
	struct bytes_wanted bytes = { .fixture = fixture };
	struct go_program child;
	char ready = 0;
	pid_t agent;
	int fd;

	(void)state;
	go_program_start(&child, program, "pingpong", 1000);
	bytes.pid = child.pid;
	assert_true(site_bytes_are(&bytes));
	agent = start_agent(fixture, child.pid, &fd);
	assert_int_equal(read(fd, &ready, 1), 1);
	close(fd);
	bytes.probed = true;
	assert_true(site_bytes_are(&bytes));
	assert_int_equal(kill(agent, SIGKILL), 0);
	assert_int_equal(waitpid(agent, NULL, 0), agent);
	bytes.probed = false;
	assert_true(wait_until(site_bytes_are, &bytes));
	go_program_work(&child);
	assert_int_equal(go_program_end(&child), 0);
	fixture_free(fixture);
}

static void freed_session_leaves_nothing(void **state)
{
	struct probe_options options = everything;
	struct fixture *fixture;
	struct bytes_wanted bytes;
	struct go_program child;

	(void)state;
	for (int attach = PROBE_ATTACH_MULTI; attach <= PROBE_ATTACH_PERF; attach++) {
		options.attach = (enum probe_attach)attach;
		fixture = open_fixture(&options);
		bytes = (struct bytes_wanted){ .fixture = fixture, .probed = true };
		go_program_start(&child, program, "idle", 0);
		bytes.pid = child.pid;
		fixture_attach(fixture, 0);
		assert_true(site_bytes_are(&bytes));
		probe_free(fixture->session);
		fixture->session = NULL;
		bytes.probed = false;
		assert_true(wait_until(site_bytes_are, &bytes));
		go_program_work(&child);
		assert_int_equal(go_program_end(&child), 0);
		fixture_free(fixture);
	}
}

/* Between two windows nothing traps; afterwards everything counts again. */
static void suspension_frees_the_target(void **state)
{
	struct fixture *fixture = open_fixture(&everything);
	struct bytes_wanted bytes = { .fixture = fixture };
	struct go_program first, second;
	struct err err = ERR_INIT;
	uint64_t opened_ns, closed_ns, before;

	(void)state;
	fixture_attach(fixture, 0);
	fixture_watch(fixture);
	fixture_open_window(fixture);
	go_program_start(&first, program, "pingpong", 200);
	go_program_work(&first);
	probe_suspend(fixture->session, &closed_ns);
	bytes.pid = first.pid;
	assert_true(wait_until(site_bytes_are, &bytes));
	probe_counters(fixture->session, fixture->counters, NULL, &err);
	before = fixture_hits(fixture, SITE_EXECUTE);
	assert_true(before > 200);

	assert_int_equal(probe_resume(fixture->session, &opened_ns, &err), 0);
	assert_true(opened_ns > closed_ns);
	bytes.probed = true;
	assert_true(site_bytes_are(&bytes));
	go_program_start(&second, program, "pingpong", 200);
	go_program_work(&second);
	fixture_close_window(fixture);
	assert_true(fixture_hits(fixture, SITE_EXECUTE) > before + 200);
	assert_int_equal(go_program_end(&first), 0);
	assert_int_equal(go_program_end(&second), 0);
	fixture_free(fixture);
}

/* One bad site: the error says which, and nothing stays in the file. */
static void failed_attach_leaves_nothing(void **state)
{
	struct probe_options options = everything;
	struct fixture *fixture;
	struct bytes_wanted bytes;
	struct go_program child;
	struct gobin_site sites[SITE_COUNT];
	struct err err;

	(void)state;
	for (int attach = PROBE_ATTACH_MULTI; attach <= PROBE_ATTACH_PERF; attach++) {
		options.attach = (enum probe_attach)attach;
		fixture = open_fixture(&options);
		bytes = (struct bytes_wanted){ .fixture = fixture };
		go_program_start(&child, program, "idle", 0);
		bytes.pid = child.pid;
		memcpy(sites, fixture->sites, sizeof(sites));
		sites[SITE_PARK].file_offset = 1ULL << 40; /* behind the file's end */
		err = (struct err)ERR_INIT;
		assert_true(probe_attach_binary(fixture->session, 1, fixture->fd, 0, sites, &err) <
			    0);
		assert_non_null(strstr(err.text, "refuses the probe at"));
		assert_true(wait_until(site_bytes_are, &bytes));
		/* And it can be tried again. */
		fixture_attach(fixture, 0);
		bytes.probed = true;
		assert_true(site_bytes_are(&bytes));
		go_program_work(&child);
		assert_int_equal(go_program_end(&child), 0);
		fixture_free(fixture);
	}
}

static void impossible_requests_are_refused(void **state)
{
	struct fixture *fixture = open_fixture(&everything);
	struct target_config config = fixture->config;
	struct gobin_site none[SITE_COUNT] = {};
	struct err err = ERR_INIT;
	uint64_t enrolled_ns;

	(void)state;
	assert_int_equal(probe_attach_binary(fixture->session, 1, fixture->fd, 0, none, &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "--lens kernel"));
	config.layout.g_waitreason = GO_G_HEAD_BYTES;
	assert_int_equal(probe_add_process(fixture->session, getpid(), &config, &err), -EINVAL);
	config = fixture->config;
	config.layout.g_sched_bp = GO_G_HEAD_BYTES;
	assert_int_equal(probe_watch_file(fixture->session, &fixture->key, &config, &err), -EINVAL);
	config.layout.g_sched_bp = 105;
	assert_int_equal(probe_add_process(fixture->session, getpid(), &config, &err), -EINVAL);

	/* Maps have room for so many, and say so. */
	for (uint32_t i = 0; i < TARGETS_MAX; i++)
		assert_int_equal(probe_add_process(fixture->session, (pid_t)(4000000 + i),
						   &fixture->config, &err),
				 0);
	assert_int_equal(probe_add_process(fixture->session, 3999999, &fixture->config, &err),
			 -ENOSPC);
	assert_non_null(strstr(err.text, "256"));
	assert_int_equal(probe_add_process(fixture->session, 4000001, &fixture->config, &err),
			 -EEXIST);

	/* Only the program that is meant, not another one under its pid. */
	assert_int_equal(probe_process_config(fixture->session, 4000001, &config), 0);
	enrolled_ns = config.enrolled_ns;
	assert_int_equal(probe_set_bias(fixture->session, 4000001, enrolled_ns, 4096), 0);
	assert_int_equal(probe_set_bias(fixture->session, 4000001, enrolled_ns + 1, 8192), -ENOENT);
	probe_remove_process(fixture->session, 4000001, enrolled_ns + 1);
	assert_int_equal(probe_process_config(fixture->session, 4000001, &config), 0);
	assert_int_equal(config.load_bias, 4096);
	probe_remove_process(fixture->session, 4000001, enrolled_ns);
	assert_int_equal(probe_process_config(fixture->session, 4000001, &config), -ENOENT);
	assert_int_equal(probe_set_bias(fixture->session, 4000001, enrolled_ns, 4096), -ENOENT);
	fixture_free(fixture);
}

/* Pids of the kernel's would be taken for those of other processes. */
static void other_pid_namespaces_are_refused(void **state)
{
	struct probe_session *session = NULL;
	struct err err = ERR_INIT;
	int status = -1;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		pid_t inside;

		if (unshare(CLONE_NEWPID) < 0)
			_exit(2);
		inside = fork();
		if (inside == 0)
			_exit(probe_open(&everything, &session, &err) != -ENOTSUP ||
			      !strstr(err.text, "--pid=host"));
		_exit(waitpid(inside, &status, 0) == inside ? WEXITSTATUS(status) : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exec_enrols_before_main),
		cmocka_unit_test(other_files_are_not_enrolled),
		cmocka_unit_test(all_execs_are_reported_when_asked),
		cmocka_unit_test(pid_filter_multi),
		cmocka_unit_test(pid_filter_perf),
		cmocka_unit_test(forks_and_ends_of_children),
		cmocka_unit_test(exec_of_something_else_ends_it),
		cmocka_unit_test(exec_in_place_begins_another),
		cmocka_unit_test(target_may_be_killed),
		cmocka_unit_test(windows_do_not_bleed),
		cmocka_unit_test(killed_agent_leaves_nothing),
		cmocka_unit_test(freed_session_leaves_nothing),
		cmocka_unit_test(suspension_frees_the_target),
		cmocka_unit_test(failed_attach_leaves_nothing),
		cmocka_unit_test(impossible_requests_are_refused),
		cmocka_unit_test(other_pid_namespaces_are_refused),
	};

	return cmocka_run_group_tests(tests, build, NULL);
}
