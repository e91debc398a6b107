/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sink/sink.h"
#include "unit/sink/promcheck.h"
#include "unit/summary/sample.h"

DEFINE_FREEP(struct promcheck *, promcheck_free)

static struct promcheck *render(const struct summary *summary)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(metrics_render(summary, &buf, &err), 0);
	return promcheck_read(buf.data);
}

static void test_two_releases(void **state)
{
	static const struct {
		const char *series;
		double value;
	} expected[] = {
		{ "parkmeter_build_info{version=\"v2.2.0\",revision=\"1f0a77c2d9\","
		  "build_id=\"jenkins-shop-orders-412\","
		  "commit=\"8c1d0f2a91be37c5d2e4f60718293a4b5c6d7e8f\","
		  "trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\",go_version=\"go1.24.2\"}",
		  1 },
		{ "parkmeter_capture_info{capture=\"20260814T102231Z-8f3c\",agent_version=\"" //
		  PARKMETER_VERSION "\",kernel=\"6.12.41\",attach=\"uprobe_multi\"}",
		  1 },
		{ "parkmeter_capture_start_timestamp_seconds", 1786702951 },
		{ "parkmeter_capture_duration_seconds", 60 },
		{ "parkmeter_go_goroutines{version=\"v2.2.0\"}", 142 },
		{ "parkmeter_capture_processes{version=\"v2.2.0\"}", 2 },
		{ "parkmeter_capture_processes_probed{version=\"v2.3.0\"}", 2 },
		{ "parkmeter_go_goroutines_created{version=\"v2.2.0\"}", 400 * 15 },
		{ "parkmeter_go_gc_cycles{version=\"v2.2.0\"}", 30 },
		{ "parkmeter_go_goroutines_waiting{version=\"v2.2.0\",reason=\"chan receive\"}",
		  3 },
		{ "parkmeter_go_goroutines_waiting{version=\"v2.3.0\",reason=\"chan receive\"}",
		  SAMPLE_WAITING },
		{ "parkmeter_go_waiting_stack_goroutines{version=\"v2.3.0\",reason=\"chan "
		  "receive\",function=\"database/sql.(*DB).conn\"}",
		  SAMPLE_WAITING },
		{ "parkmeter_go_waiting_stack_seconds{version=\"v2.2.0\",reason=\"IO wait\","
		  "function=\"net/http.(*conn).serve\"}",
		  88000 * 0.031 + 118 * 0.9 },
		{ "parkmeter_quality_hits{site=\"execute\"}", 231000 },
		{ "parkmeter_quality_hits{site=\"stw_end\"}", 240 },
		{ "parkmeter_quality_unmatched{event=\"execute\"}", 412 },
		{ "parkmeter_quality_dropped{cause=\"hist_full\"}", 0 },
		{ "parkmeter_quality_overhead_ratio", 0.0117 },
		{ "parkmeter_quality_seen_ratio", 1 },
		{ "parkmeter_quality_hit_cost_seconds", 852e-9 },
		{ "parkmeter_quality_exec_to_attach_max_seconds", 4 },
		{ "parkmeter_quality_series_left_out", 0 },
	};
	CLEANUP(summary_freep) struct summary *summary = sample_two_releases();
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;

	(void)state;
	summary->quality.exec_to_attach_max_ns = 4000000000;
	check = render(summary);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		double value = promcheck_value(check, expected[i].series);

		if (!(fabs(value - expected[i].value) <= 1e-9 * expected[i].value))
			fail_msg("%s is %g", expected[i].series, value);
	}
	assert_int_equal(promcheck_count(check, "parkmeter_go_waiting_stack_seconds{"), 6);
}

/* Count and sum of every histogram are those of the summary, for each release. */
static void test_histograms_are_whole(void **state)
{
	CLEANUP(summary_freep) struct summary *summary = sample_two_releases();
	CLEANUP(promcheck_freep) struct promcheck *check = render(summary);
	char series[256];

	(void)state;
	assert_int_equal(summary->release_count, 2);
	for (size_t i = 0; i < summary->release_count; i++) {
		const struct release *release = &summary->releases[i];
		const struct named_hists *causes = &release->runnable_by_cause;

		for (size_t j = 0; j < causes->count; j++) {
			const struct hist *hist = &causes->items[j].hist;

			snprintf(series, sizeof(series),
				 "parkmeter_go_runnable_seconds_%s{version=\"%s\",cause=\"%s\"}",
				 "count", release->version, causes->items[j].name);
			assert_true(promcheck_value(check, series) == (double)hist->count);
			snprintf(series, sizeof(series),
				 "parkmeter_go_runnable_seconds_%s{version=\"%s\",cause=\"%s\"}",
				 "sum", release->version, causes->items[j].name);
			assert_true(promcheck_value(check, series) == (double)hist->sum_ns / 1e9);
		}
		snprintf(series, sizeof(series),
			 "parkmeter_kernel_run_queue_seconds_count{version=\"%s\"}",
			 release->version);
		assert_true(promcheck_value(check, series) == (double)release->runqueue.count);
	}
}

static void test_nothing_measured(void **state)
{
	CLEANUP(summary_freep) struct summary *summary = sample_empty();
	CLEANUP(promcheck_freep) struct promcheck *check = render(summary);

	(void)state;
	assert_int_equal(promcheck_count(check, "parkmeter_build_info"), 0);
	assert_int_equal(promcheck_count(check, "parkmeter_go_"), 0);
	assert_int_equal(promcheck_count(check, "parkmeter_kernel_"), 0);
	assert_true(promcheck_value(check, "parkmeter_capture_info") == 1);
	assert_true(promcheck_value(check, "parkmeter_capture_duration_seconds") == 0);
	/* Unknown is absent, not 0. */
	assert_int_equal(promcheck_count(check, "parkmeter_quality_overhead_ratio"), 0);
	assert_int_equal(promcheck_count(check, "parkmeter_quality_hit_cost_seconds"), 0);
	assert_int_equal(promcheck_count(check, "parkmeter_capture_command_exit_code"), 0);
}

static void test_values_that_are_none(void **state)
{
	CLEANUP(summary_freep) struct summary *summary = sample_empty();
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;

	(void)state;
	summary->quality.seen_ratio = NAN;
	summary->quality.overhead_ratio = INFINITY;
	summary->quality.hit_cost_ns = -1;
	summary->opened_ns = 10;
	summary->closed_ns = 5;
	summary->command_status = 3;
	check = render(summary);
	assert_int_equal(promcheck_count(check, "parkmeter_quality_seen_ratio"), 0);
	assert_int_equal(promcheck_count(check, "parkmeter_quality_overhead_ratio"), 0);
	assert_int_equal(promcheck_count(check, "parkmeter_quality_hit_cost_seconds"), 0);
	assert_true(promcheck_value(check, "parkmeter_capture_duration_seconds") == 0);
	assert_true(promcheck_value(check, "parkmeter_capture_command_exit_code") == 3);
}

/* The largest system calls by name, all others, whatever they are called, as one. */
static void test_names_bounded(void **state)
{
	CLEANUP(summary_freep) struct summary *summary = sample_empty();
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;
	struct release *release;
	double total = 0;

	(void)state;
	sample_check(summary_add_release(summary, "v1", &release));
	for (unsigned int i = 0; i < 100; i++) {
		struct named_hist *named;
		char name[32];

		snprintf(name, sizeof(name), "call_%u", i);
		sample_check(named_hists_get(&release->syscalls, i == 99 ? "other" : name, &named));
		hist_record(&named->hist, 1000ULL * (i + 1));
	}
	check = render(summary);
	assert_int_equal(promcheck_count(check, "parkmeter_syscall_seconds_count{"), 20);
	assert_true(promcheck_value(check, "parkmeter_syscall_seconds_count{version=\"v1\","
					   "syscall=\"call_98\"}") == 1);
	assert_true(isnan(promcheck_value(check, "parkmeter_syscall_seconds_count{version=\"v1\","
						 "syscall=\"call_79\"}")));
	assert_true(promcheck_value(check, "parkmeter_syscall_seconds_count{version=\"v1\","
					   "syscall=\"other\"}") == 81);
	for (size_t i = 0; i < check->sample_count; i++)
		if (strncmp(check->samples[i].series, "parkmeter_syscall_seconds_sum{", 30) == 0)
			total += check->samples[i].value;
	assert_true(fabs(total - 5050e-6) < 1e-12);
}

/* The newest releases, told apart even where their version is the same. */
static void test_releases_bounded(void **state)
{
	CLEANUP(summary_freep) struct summary *summary = sample_empty();
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;
	struct release *release;

	(void)state;
	sample_check(summary_add_release(summary, "left-out", &release));
	sample_check(summary_add_release(summary, "left-out", &release));
	for (unsigned int i = 0; i < 3; i++)
		sample_check(summary_add_release(summary, "v1", &release));
	sample_check(summary_add_release(summary, "v1~2", &release));
	for (unsigned int i = 0; i < 2; i++)
		sample_check(summary_add_release(summary, NULL, &release));
	sample_check(summary_add_release(summary, "v\xff", &release));
	sample_check(summary_add_release(summary, "v\xfe", &release));
	check = render(summary);
	assert_int_equal(promcheck_count(check, "parkmeter_build_info{"), 8);
	assert_int_equal(promcheck_count(check, "parkmeter_build_info{version=\"v1\"}"), 1);
	assert_int_equal(promcheck_count(check, "parkmeter_build_info{version=\"v1~2\"}"), 1);
	assert_int_equal(promcheck_count(check, "parkmeter_build_info{version=\"v1~3\"}"), 1);
	assert_int_equal(promcheck_count(check, "parkmeter_build_info{version=\"v1~2~2\"}"), 1);
	assert_int_equal(promcheck_count(check, "parkmeter_build_info{version=\"unknown\"}"), 1);
	assert_int_equal(promcheck_count(check, "parkmeter_build_info{version=\"unknown~2\"}"), 1);
	assert_int_equal(promcheck_count(check, "parkmeter_build_info{version=\"v\xef\xbf\xbd\"}"),
			 1);
	assert_int_equal(promcheck_count(check, "parkmeter_build_info{version=\"left-out"), 0);
	assert_true(promcheck_value(check, "parkmeter_quality_series_left_out") == 2);
}

static void test_hostile_names(void **state)
{
	static const char *const names[] = { "a\"b", "a\\",          "a\nb\r\n",   "\xff\xfe",
					     "",     "{le=\"1\"} 5", "# TYPE x y", "\xe2\x82x" };
	CLEANUP(summary_freep) struct summary *summary = sample_empty();
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;
	static char name[5000];
	struct release *release;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	sample_check(summary_add_release(summary, name, &release));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct wait_stack *stack;

		sample_named(&release->waiting, names[i], 1000, 10, 1);
		sample_check(release_add_stack(release, names[i], &stack));
		sample_check(stack_add_frame(stack, names[i], NULL, 0));
		stack->still_waiting = 1;
	}
	sample_check(summary_set_string(&summary->context.build_id, "b\"\n\\"));
	check = render(summary);
	/* An empty label is none. */
	assert_int_equal(promcheck_count(check, "parkmeter_go_waiting_seconds_count{"),
			 sizeof(names) / sizeof(*names));
	assert_int_equal(promcheck_count(check, "parkmeter_go_waiting_stack_goroutines{"),
			 sizeof(names) / sizeof(*names));
	for (size_t i = 0; i < check->sample_count; i++)
		assert_true(strlen(check->samples[i].series) < 4 * 200 + 200);
}

static void test_stacks_bounded(void **state)
{
	CLEANUP(summary_freep) struct summary *summary = sample_empty();
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;
	struct release *release;

	(void)state;
	sample_check(summary_add_release(summary, "v1", &release));
	for (unsigned int i = 0; i < 500; i++) {
		struct wait_stack *stack;
		char function[32];

		sample_check(release_add_stack(release, "select", &stack));
		snprintf(function, sizeof(function), "main.f%u", i / 10);
		sample_check(stack_add_frame(stack, function, NULL, i));
		stack->sum_ns = i * 1000000000ULL;
		stack->still_waiting = 2;
	}
	check = render(summary);
	assert_int_equal(promcheck_count(check, "parkmeter_go_waiting_stack_seconds{"), 10);
	assert_true(promcheck_value(check, "parkmeter_go_waiting_stack_seconds{version=\"v1\","
					   "reason=\"select\",function=\"main.f49\"}") == 4945);
	assert_true(promcheck_value(check, "parkmeter_go_goroutines_waiting{version=\"v1\","
					   "reason=\"select\"}") == 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_releases),
		cmocka_unit_test(test_histograms_are_whole),
		cmocka_unit_test(test_nothing_measured),
		cmocka_unit_test(test_values_that_are_none),
		cmocka_unit_test(test_names_bounded),
		cmocka_unit_test(test_releases_bounded),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_stacks_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
