/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the goroutine probes count, against programs whose answer is known, by both kinds of link.
 * Needs root. A toolchain that cannot be had is a skipped test.
 */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/go_program.h"
#include "support/probe_fixture.h"

#define GO_VERSION "1.26"

static char program[PATH_MAX];

/* Runs `thing` COUNT times under a session, and returns what was seen. */
static struct fixture *run(const struct probe_options *options, const char *thing,
			   unsigned int count)
{
	struct fixture *fixture;
	struct go_program child;

	if (!program[0] && !go_program_build(GO_VERSION, "", "", program)) {
		print_message("skipped: no Go %s\n", GO_VERSION);
		program[0] = '\0';
		skip();
	}
	fixture = fixture_new(options, program);
	go_program_start(&child, program, thing, count);
	fixture_attach(fixture, child.pid);
	fixture_add(fixture, child.pid);
	fixture_open_window(fixture);
	go_program_work(&child);
	fixture_close_window(fixture);
	assert_int_equal(go_program_end(&child), 0);
	return fixture;
}

static const struct probe_options with_reasons = { .goroutines = true, .reasons = true };

/* Nothing was lost and nothing was guessed. */
static void assert_complete(const struct fixture *fixture)
{
	static const enum counter losses[] = {
		COUNTER_HIST_FULL,        COUNTER_GOROUTINES_FULL,  COUNTER_STACKS_FULL,
		COUNTER_WAITS_FULL,       COUNTER_THREADS_FULL,     COUNTER_EVENT_DROPPED,
		COUNTER_STACK_UNREADABLE, COUNTER_FIELD_UNREADABLE, COUNTER_BUSY,
		COUNTER_CREATED_FULL,     COUNTER_SYSCALLS_FULL,
	};

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		assert_int_equal(fixture->counters[losses[i]], 0);
	assert_int_equal(fixture->missed, 0);
	/* Goroutines that waited or were queued as the window opened: a handful. */
	assert_in_range(fixture->counters[COUNTER_UNMATCHED_WAKE], 0, 8);
	assert_in_range(fixture->counters[COUNTER_UNMATCHED_EXECUTE], 0, 8);
}

/* Every execute is a runnable sample, a direct one, or counted as unmatched. */
static void assert_balanced(const struct fixture *fixture)
{
	uint64_t samples = 0;

	for (int cause = 0; cause < WAKE_COUNT; cause++)
		samples += fixture_runnable(fixture, (enum wake_cause)cause);
	assert_int_equal(fixture_hits(fixture, SITE_EXECUTE),
			 samples + fixture->counters[COUNTER_DIRECT] +
				 fixture->counters[COUNTER_UNMATCHED_EXECUTE]);
}

/* N round trips: each side waits once a round, in its own function. */
static void check_pingpong(enum probe_attach attach)
{
	struct probe_options options = with_reasons;
	struct fixture *fixture;
	uint64_t waits;

	options.attach = attach;
	fixture = run(&options, "pingpong", 10000);
	assert_complete(fixture);
	assert_balanced(fixture);
	/* Whether a side sleeps while it sends or while it receives is up to the timing; a side
	 * that finds the other waiting does not sleep at all. */
	waits = fixture_waits(fixture, "chan send", "") +
		fixture_waits(fixture, "chan receive", "");
	assert_in_range(waits, 10000, 40000);
	assert_in_range(fixture_waits(fixture, "chan send", "main.pingpong") +
				fixture_waits(fixture, "chan receive", "main.pingpong"),
			4000, 20000);
	assert_in_range(fixture_runnable(fixture, WAKE_READY), waits - 8, waits + 8);
	assert_int_equal(fixture->created, fixture_hits(fixture, SITE_NEW));
	assert_int_equal(fixture->counters[COUNTER_FOREIGN], 0);
	fixture_free(fixture);
}

static void pingpong_multi(void **state)
{
	(void)state;
	check_pingpong(PROBE_ATTACH_MULTI);
}

static void pingpong_perf(void **state)
{
	(void)state;
	check_pingpong(PROBE_ATTACH_PERF);
}

static void sleeps_take_their_time(void **state)
{
	struct fixture *fixture = run(&with_reasons, "sleeps", 200);

	(void)state;
	assert_complete(fixture);
	assert_balanced(fixture);
	assert_int_equal(fixture_waits(fixture, "sleep", "main.sleeps"), 200);
	assert_in_range(fixture_wait_ns(fixture, "sleep", "main.sleeps"), 200 * NS_PER_MS,
			20 * NS_PER_S);
	assert_int_equal(fixture_waits(fixture, "sleep", "main.pingpong"), 0);
	fixture_free(fixture);
}

static void network_wakes_are_seen(void **state)
{
	struct fixture *fixture = run(&with_reasons, "network", 300);

	(void)state;
	assert_complete(fixture);
	assert_balanced(fixture);
	assert_in_range(fixture_waits(fixture, "IO wait", "main.network"), 280, 300);
	/* A park that is refused because the answer came meanwhile is a wait without a wake-up. */
	assert_in_range(fixture_runnable(fixture, WAKE_NETPOLL) + fixture->counters[COUNTER_DIRECT],
			fixture_waits(fixture, "IO wait", ""),
			fixture_waits(fixture, "IO wait", "") + fixture->counters[COUNTER_DIRECT]);
	fixture_free(fixture);
}

static void creation_is_counted(void **state)
{
	struct fixture *fixture = run(&with_reasons, "spawn", 500);

	(void)state;
	assert_complete(fixture);
	assert_balanced(fixture);
	assert_in_range(fixture->created, 500, 510);
	assert_in_range(fixture_runnable(fixture, WAKE_NEW), 500, 510);
	fixture_free(fixture);
}

static void yields_are_told_from_preemption(void **state)
{
	struct fixture *fixture = run(&with_reasons, "yields", 2000);

	(void)state;
	assert_balanced(fixture);
	assert_int_equal(fixture_runnable(fixture, WAKE_YIELD), 2000);
	assert_in_range(fixture_runnable(fixture, WAKE_PREEMPT), 0, 20);
	fixture_free(fixture);

	fixture = run(&with_reasons, "spin", 300);
	assert_balanced(fixture);
	assert_in_range(fixture_runnable(fixture, WAKE_PREEMPT), 3, 300);
	assert_in_range(fixture_runnable(fixture, WAKE_YIELD), 0, 10);
	fixture_free(fixture);
}

static void stops_of_the_world_are_reported(void **state)
{
	struct fixture *fixture = run(&with_reasons, "collect", 20);
	uint64_t terminations = 0;

	(void)state;
	assert_balanced(fixture);
	for (size_t i = 0; i < fixture->event_count; i++) {
		const struct event_stw *stop = &fixture->events[i].stw;
		const char *reason;

		if (stop->header.kind != EVENT_STW)
			continue;
		reason = gobin_stw_reason(fixture->bin, stop->reason);
		assert_non_null(reason);
		assert_in_range(stop->duration_ns, 1, 10 * NS_PER_S);
		assert_int_equal(stop->caller_pc, 0); /* the reason is known */
		if (!strcmp(reason, "GC mark termination"))
			terminations++;
	}
	/* A cycle may take a second termination when work turned up. */
	assert_in_range(terminations, 20, 30);
	assert_int_equal(fixture_hits(fixture, SITE_STW_BEGIN),
			 fixture_hits(fixture, SITE_STW_END));
	fixture_free(fixture);
}

static void slow_system_calls_queue(void **state)
{
	struct fixture *fixture = run(&with_reasons, "blocking", 10);

	(void)state;
	assert_balanced(fixture);
	assert_in_range(fixture_runnable(fixture, WAKE_SYSCALL_EXIT), 7, 15);
	fixture_free(fixture);
}

static void deep_stacks_are_cut_and_counted(void **state)
{
	struct fixture *fixture = run(&with_reasons, "deep", 100);

	(void)state;
	assert_in_range(fixture->counters[COUNTER_STACK_TRUNCATED], 1, 10);
	assert_int_equal(fixture_waits(fixture, "sleep", "main.deep"), 1);
	fixture_free(fixture);
}

/* Without park_m nothing is known of waiting, and nothing is claimed. */
static void without_reasons_only_dispatches(void **state)
{
	const struct probe_options options = { .goroutines = true };
	struct fixture *fixture = run(&options, "pingpong", 2000);

	(void)state;
	assert_balanced(fixture);
	assert_int_equal(fixture->wait_count, 0);
	assert_int_equal(fixture_hits(fixture, SITE_PARK), 0);
	assert_int_equal(fixture->counters[COUNTER_UNMATCHED_WAKE], 0);
	assert_in_range(fixture_runnable(fixture, WAKE_READY), 2000, 8010);
	fixture_free(fixture);
}

static void kernel_lens_sees_system_calls(void **state)
{
	struct probe_options options = with_reasons;
	struct fixture *fixture;

	(void)state;
	options.kernel = true;
	fixture = run(&options, "calls", 1000);
	assert_balanced(fixture);
	assert_int_equal(fixture->syscalls[110], 1000); /* getppid */
	assert_int_equal(fixture->hist_counts[METRIC_SYSCALL][110], 1000);
	fixture_free(fixture);

	/* The goroutine that makes them is known once it was dispatched in the window. */
	fixture = run(&options, "blocking", 10);
	assert_in_range(fixture->syscalls[35], 10, 100000);
	assert_in_range(fixture->syscalls_of_goroutines, 7, 100000);
	assert_in_range(fixture->hist_counts[METRIC_OFFCPU][0], 10, 1000000);
	assert_in_range(fixture->hist_counts[METRIC_RUNQUEUE][0], 10, 1000000);
	/* Who sleeps is off the CPU; a signal of the runtime may shorten either. */
	assert_in_range(fixture->hist_sums_ns[METRIC_OFFCPU][0],
			fixture->hist_sums_ns[METRIC_SYSCALL][35] / 10 * 8, 100 * NS_PER_S);
	assert_in_range(fixture->hist_sums_ns[METRIC_SYSCALL][35], 5 * 50 * NS_PER_MS,
			100 * NS_PER_S);
	fixture_free(fixture);
}

/* Two goroutines share a P: whenever the window closes, one of them wants to run. */
static void the_end_of_the_window_cuts_nobody_off(void **state)
{
	struct fixture *fixture;
	struct go_program child;

	(void)state;
	assert_true(go_program_build(GO_VERSION, "", "", program));
	fixture = fixture_new(&with_reasons, program);
	go_program_start(&child, program, "spin", 400);
	fixture_attach(fixture, child.pid);
	fixture_add(fixture, child.pid);
	fixture_open_window(fixture);
	go_program_go(&child);
	usleep(150000);
	fixture_close_window(fixture);
	assert_in_range(fixture->still_runnable, 1, 3);
	kill(child.pid, SIGKILL); /* it is not done yet */
	go_program_end(&child);
	fixture_free(fixture);
}

/* What the thread does off the CPU is its goroutine's: blocked in calls, or interrupted. */
static void stalls_have_their_goroutine(void **state)
{
	const char *spinning = "main.blockingCalls.func1";
	struct probe_options options = with_reasons;
	struct wait_value total;
	struct fixture *fixture;

	(void)state;
	options.kernel = true;
	fixture = run(&options, "blocking", 20);
	total = fixture_stall(fixture, METRIC_OFFCPU, "runtime.main");
	assert_in_range(total.count, 10, 80);
	assert_in_range(total.sum_ns, 10 * 50 * NS_PER_MS, 24 * 50 * NS_PER_MS);
	/* It has a queue for its CPU now and then, and never blocks. */
	total = fixture_stall(fixture, METRIC_OFFCPU, spinning);
	assert_in_range(total.sum_ns, 0, 50 * NS_PER_MS);
	assert_in_range(fixture_stall(fixture, METRIC_RUNQUEUE, spinning).count, 1, 1000000);
	assert_int_equal(fixture->counters[COUNTER_STALLS_FULL], 0);
	fixture_free(fixture);

	/* Without the kernel lens, or without probes, nobody knows. */
	fixture = run(&with_reasons, "blocking", 1);
	assert_int_equal(fixture->stall_count, 0);
	fixture_free(fixture);
}

static void kernel_lens_alone(void **state)
{
	const struct probe_options options = { .kernel = true };
	struct fixture *fixture;
	struct go_program child;

	(void)state;
	assert_true(go_program_build(GO_VERSION, "", "", program));
	fixture = fixture_new(&options, program);
	go_program_start(&child, program, "calls", 100);
	fixture_add(fixture, child.pid);
	fixture_open_window(fixture);
	go_program_work(&child);
	fixture_close_window(fixture);
	assert_int_equal(fixture->syscalls[110], 100);
	assert_int_equal(fixture->syscalls_of_goroutines, 0);
	assert_int_equal(fixture->stall_count, 0);
	assert_int_equal(fixture_hits(fixture, SITE_EXECUTE), 0);
	assert_int_equal(go_program_end(&child), 0);
	fixture_free(fixture);
}

/* A hit must cost what an emulated instruction costs, not what a single step does. */
static void no_site_is_single_stepped(void **state)
{
	struct fixture *fixture;
	struct go_program child;
	struct err err = ERR_INIT;
	double emulated_ns, stepped_ns, hit_ns;
	uint64_t bare_ns, probed_ns, hits = 0;

	(void)state;
	if (probe_calibrate(&emulated_ns, &stepped_ns, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(emulated_ns > 50 && emulated_ns < stepped_ns);
	assert_true(go_program_build(GO_VERSION, "", "", program));
	fixture = fixture_new(&with_reasons, program);
	go_program_start(&child, program, "pingpong", 20000);
	bare_ns = go_program_work(&child);
	assert_int_equal(go_program_end(&child), 0);

	go_program_start(&child, program, "pingpong", 20000);
	fixture_attach(fixture, child.pid);
	fixture_add(fixture, child.pid);
	fixture_open_window(fixture);
	probed_ns = go_program_work(&child);
	fixture_close_window(fixture);
	assert_int_equal(go_program_end(&child), 0);
	for (int site = 0; site < SITE_COUNT; site++)
		hits += fixture_hits(fixture, (enum site_kind)site);
	hit_ns = ((double)probed_ns - (double)bare_ns) / (double)hits;
	print_message("a hit: %.0f ns in the program, %.0f ns calibrated; single-stepped %.0f ns\n",
		      hit_ns, emulated_ns, stepped_ns);
	assert_true(hit_ns < stepped_ns / 2);
	fixture_free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pingpong_multi),
		cmocka_unit_test(pingpong_perf),
		cmocka_unit_test(sleeps_take_their_time),
		cmocka_unit_test(network_wakes_are_seen),
		cmocka_unit_test(creation_is_counted),
		cmocka_unit_test(yields_are_told_from_preemption),
		cmocka_unit_test(stops_of_the_world_are_reported),
		cmocka_unit_test(slow_system_calls_queue),
		cmocka_unit_test(deep_stacks_are_cut_and_counted),
		cmocka_unit_test(without_reasons_only_dispatches),
		cmocka_unit_test(kernel_lens_sees_system_calls),
		cmocka_unit_test(kernel_lens_alone),
		cmocka_unit_test(stalls_have_their_goroutine),
		cmocka_unit_test(the_end_of_the_window_cuts_nobody_off),
		cmocka_unit_test(no_site_is_single_stepped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
