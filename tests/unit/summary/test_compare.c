/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "summary/compare.h"
#include "unit/summary/sample.h"

static struct comparison comparison;

static const struct change *find(const char *what)
{
	for (size_t i = 0; i < comparison.count; i++) {
		if (!strcmp(comparison.changes[i].what, what))
			return &comparison.changes[i];
	}
	return NULL;
}

static void test_what_changed_most_stands_first(void **state)
{
	struct summary *summary = sample_two_releases();
	const struct change *change;

	(void)state;
	compare_releases(summary, &summary->releases[0], &summary->releases[1], &comparison);
	assert_true(comparison.count > 5);
	for (size_t i = 1; i < comparison.count; i++)
		assert_true(comparison.changes[i - 1].score >= comparison.changes[i].score);
	change = &comparison.changes[0];
	assert_string_equal(change->what, "goroutines in database/sql.(*DB).conn");
	assert_true(change->after == SAMPLE_WAITING);
	/* v2.2.0 had ended: 5,400 waits of 1.8 ms and 3 of 14.2 s, in 30 s */
	assert_true(comparison.averaged);
	assert_true(fabs(change->before - (5400 * 0.0018 + 3 * 14.2) / 30) < 0.01);
	change = find("goroutines");
	assert_non_null(change);
	assert_true(change->before == 142 && change->after == 2860);
	summary_free(summary);
}

static void test_alike_releases_do_not_differ(void **state)
{
	struct summary *summary = sample_one_release();

	(void)state;
	compare_releases(summary, &summary->releases[0], &summary->releases[0], &comparison);
	assert_true(comparison.count > 5);
	for (size_t i = 0; i < comparison.count; i++)
		assert_true(comparison.changes[i].score == 0);
	assert_false(comparison.averaged);
	summary_free(summary);
}

static void test_few_samples_have_no_quantile(void **state)
{
	struct summary *summary = sample_empty();
	struct release *before, *after;

	(void)state;
	sample_check(summary_add_release(summary, "v1", &before));
	sample_check(summary_add_release(summary, "v2", &after));
	before = &summary->releases[0];
	sample_fill(&before->runnable, 5000, 298);
	sample_fill(&after->runnable, 5000000, 5000);
	compare_releases(summary, before, after, &comparison);
	assert_null(find("scheduling latency: p99"));
	assert_non_null(find("scheduling latency: p50"));
	sample_fill(&before->runnable, 5000, 1);
	compare_releases(summary, before, after, &comparison);
	assert_non_null(find("scheduling latency: p99"));
	summary_free(summary);
}

static void test_nothing_to_compare(void **state)
{
	struct summary *summary = sample_empty();
	struct release *release;

	(void)state;
	sample_check(summary_add_release(summary, "v1", &release));
	compare_releases(summary, release, release, &comparison);
	assert_int_equal(comparison.count, 0);
	assert_false(release_measured(release));
	summary_free(summary);
}

/* A nanosecond that became a hundred is nothing to speak of. */
static void test_what_is_negligible_does_not_count(void **state)
{
	struct summary *summary = sample_empty();
	struct release *before, *after;

	(void)state;
	sample_check(summary_add_release(summary, "v1", &before));
	sample_check(summary_add_release(summary, "v2", &after));
	before = &summary->releases[0];
	sample_fill(&before->runnable, 100, 1000);
	sample_fill(&after->runnable, 2000, 1000);
	compare_releases(summary, before, after, &comparison);
	assert_true(find("scheduling latency: p50")->score < CHANGE_LARGE);
	summary_free(summary);
}

static void test_load_is_neutral(void **state)
{
	struct summary *summary = sample_empty();
	struct release *before, *after;
	const struct change *change;

	(void)state;
	summary->closed_ns = 10000000000;
	sample_check(summary_add_release(summary, "v1", &before));
	sample_check(summary_add_release(summary, "v2", &after));
	before = &summary->releases[0];
	before->created = 1000;
	after->created = 9000;
	compare_releases(summary, before, after, &comparison);
	change = find("goroutines created a second");
	assert_non_null(change);
	assert_true(change->neutral);
	assert_true(change->before == 100 && change->after == 900);
	summary_free(summary);
}

static void test_changes_have_a_maximum(void **state)
{
	struct summary *summary = sample_empty();
	struct release *release;
	struct wait_stack *stack;
	struct named_hist *named;
	char name[32];

	(void)state;
	sample_check(summary_add_release(summary, "v1", &release));
	for (unsigned int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "main.f%u", i);
		sample_check(release_add_stack(release, "select", &stack));
		sample_check(stack_add_frame(stack, name, NULL, 0));
		stack->still_waiting = 100;
		sample_check(named_hists_get(&release->waiting, name, &named));
		sample_fill(&named->hist, 5000, 300);
		sample_check(named_hists_get(&release->syscalls, name, &named));
		sample_fill(&named->hist, 5000, 300);
		sample_check(named_hists_get(&release->stw, name, &named));
		sample_fill(&named->hist, 5000, 300);
	}
	compare_releases(summary, release, release, &comparison);
	assert_int_equal(comparison.count, CHANGES_MAX);
	summary_free(summary);
}

static void test_lives_are_counted_inside_the_window(void **state)
{
	struct summary *summary = sample_empty();
	struct release *release;
	struct process *process;

	(void)state;
	summary->opened_ns = 10000000000;
	summary->closed_ns = 20000000000;
	sample_check(summary_add_release(summary, "v1", &release));
	assert_true(release_lived_s(summary, release) == 10);
	sample_check(release_add_process(release, 1, &process));
	assert_true(release_lived_s(summary, release) == 10);
	process->exited_ns = 12000000000;
	sample_check(release_add_process(release, 2, &process));
	process->started_ns = 17000000000;
	assert_true(release_lived_s(summary, release) == 5);
	sample_check(release_add_process(release, 3, &process));
	process->exited_ns = 9000000000; /* before it was opened */
	assert_true(release_lived_s(summary, release) == 5);
	summary_free(summary);
}

static void test_places(void **state)
{
	struct summary *summary = sample_empty();
	struct release *release;
	struct wait_stack *stack;

	(void)state;
	sample_check(summary_add_release(summary, "v1", &release));
	sample_check(release_add_stack(release, "select", &stack));
	assert_null(stack_place(stack));
	assert_null(stack_own(stack, "example.com/a"));
	sample_check(stack_add_frame(stack, "runtime.gopark", NULL, 0));
	assert_string_equal(stack_place(stack)->function, "runtime.gopark");
	sample_check(stack_add_frame(stack, "sync.(*WaitGroup).Wait", NULL, 0));
	sample_check(stack_add_frame(stack, "example.com/ab.f", NULL, 0));
	assert_string_equal(stack_place(stack)->function, "example.com/ab.f");
	assert_null(stack_own(stack, "example.com/a"));
	assert_null(stack_own(stack, NULL));
	assert_null(stack_own(stack, ""));
	assert_non_null(stack_own(stack, "example.com/ab"));
	sample_check(stack_add_frame(stack, "example.com/a/store.g", NULL, 0));
	assert_string_equal(stack_own(stack, "example.com/a")->function, "example.com/a/store.g");
	sample_check(stack_add_frame(stack, "main.main", NULL, 0));
	assert_string_equal(stack_own(stack, NULL)->function, "main.main");
	summary_free(summary);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_changed_most_stands_first),
		cmocka_unit_test(test_alike_releases_do_not_differ),
		cmocka_unit_test(test_few_samples_have_no_quantile),
		cmocka_unit_test(test_nothing_to_compare),
		cmocka_unit_test(test_what_is_negligible_does_not_count),
		cmocka_unit_test(test_load_is_neutral),
		cmocka_unit_test(test_changes_have_a_maximum),
		cmocka_unit_test(test_lives_are_counted_inside_the_window),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
