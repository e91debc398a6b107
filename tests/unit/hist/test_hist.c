/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The histogram against exact sorted values: a quantile may be off by the width of its bucket and
 * by nothing more; merging is the same as recording everything in one place.
 */
#include "hist/hist.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VALUES_MAX 5000

static uint64_t random_state;

/* xorshift64*: the same values in every run. */
static uint64_t random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

/* Durations as they come: the exponent is uniform, 1 ns to 4 minutes. */
static uint64_t random_duration(void)
{
	return random_next() >> (26 + random_next() % 38);
}

static int compare_values(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static uint64_t bucket_width(uint64_t ns, uint64_t max_ns)
{
	uint32_t index = bucket_index(ns);

	if (index + 1 == BUCKET_COUNT)
		return max_ns - bucket_lower_ns(index) + 1;
	return bucket_lower_ns(index + 1) - bucket_lower_ns(index);
}

static void test_bucket_borders(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < BUCKET_COUNT; i++) {
		uint64_t lower = bucket_lower_ns(i);

		assert_int_equal(bucket_index(lower), i);
		if (i == 0)
			continue;
		assert_true(lower > bucket_lower_ns(i - 1));
		assert_int_equal(bucket_index(lower - 1), i - 1);
		if (i >= 2) /* 6.25 % is what the header promises */
			assert_true(lower - bucket_lower_ns(i - 1) <= bucket_lower_ns(i - 1) / 16);
	}
	assert_int_equal(bucket_lower_ns(1), 64);
	assert_int_equal(bucket_lower_ns(BUCKET_COUNT - 1), 1ULL << 36);
	assert_int_equal(bucket_index(UINT64_MAX), BUCKET_COUNT - 1);
	assert_int_equal(bucket_index(0), 0);
}

static void test_log2_agrees_with_the_compiler(void **state)
{
	(void)state;
	random_state = 7;
	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t value = random_next() >> (random_next() % 64);

		if (value)
			assert_int_equal(bucket_log2(value), 63 - __builtin_clzll(value));
	}
}

static void check_quantiles(const struct hist *hist, uint64_t *values, size_t count)
{
	static const double quantiles[] = { 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999 };
	uint64_t previous = 0;

	qsort(values, count, sizeof(*values), compare_values);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		size_t rank = (size_t)ceil(quantiles[i] * (double)count);
		uint64_t exact = values[rank ? rank - 1 : 0];
		uint64_t found = hist_quantile(hist, quantiles[i]);
		uint64_t distance = found > exact ? found - exact : exact - found;

		assert_true(distance <= bucket_width(exact, hist->max_ns));
		assert_true(found <= hist->max_ns);
		assert_true(found >= previous);
		previous = found;
	}
	assert_int_equal(hist->max_ns, values[count - 1]);
	assert_int_equal(hist_quantile(hist, 1), values[count - 1]);
}

static void test_quantile_is_within_one_bucket(void **state)
{
	static uint64_t values[VALUES_MAX];

	(void)state;
	random_state = 42;
	for (unsigned int round = 0; round < 40; round++) {
		struct hist hist = { 0 };
		size_t count = 1 + random_next() % VALUES_MAX;

		for (size_t i = 0; i < count; i++) {
			values[i] = random_duration();
			hist_record(&hist, values[i]);
		}
		assert_int_equal(hist.count, count);
		check_quantiles(&hist, values, count);
	}
}

static void test_quantile_of_one_value(void **state)
{
	struct hist hist = { 0 };

	(void)state;
	hist_record(&hist, 1000000);
	assert_true(hist_quantile(&hist, 0.5) <= 1000000);
	assert_true(hist_quantile(&hist, 0.5) >= bucket_lower_ns(bucket_index(1000000)));
	assert_int_equal(hist_quantile(&hist, 1), 1000000);
	assert_int_equal(hist_mean(&hist), 1000000);
}

static void test_quantile_is_linear_inside_a_bucket(void **state)
{
	struct hist hist = { 0 };
	uint64_t lower = 1 << 20, width = 1 << 16;

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		hist_record(&hist, lower + width - 1);
	assert_int_equal(hist_quantile(&hist, 0.25), lower + width / 4);
	assert_int_equal(hist_quantile(&hist, 0.5), lower + width / 2);
	/* The end of the bucket is above every value in it. */
	assert_int_equal(hist_quantile(&hist, 0.9999999), hist.max_ns);
}

static void test_quantile_refuses_nonsense(void **state)
{
	struct hist hist = { 0 };

	(void)state;
	assert_int_equal(hist_quantile(&hist, 0.5), 0);
	assert_int_equal(hist_mean(&hist), 0);
	assert_int_equal(hist_count_below(&hist, 1000), 0);
	assert_int_equal(hist_count_below(&hist, 0), 0);
	hist_record(&hist, 5000);
	assert_int_equal(hist_quantile(&hist, 7.5), 5000);
	assert_true(hist_quantile(&hist, -1) <= 5000);
	assert_true(hist_quantile(&hist, (double)NAN) <= 5000);
	/* More counted than the buckets hold: the maximum is all that is known. */
	hist.count = 100;
	assert_int_equal(hist_quantile(&hist, 0.99), 5000);
}

static void test_zero_durations(void **state)
{
	struct hist hist = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		hist_record(&hist, 0);
	assert_int_equal(hist.count, 10);
	assert_int_equal(hist_quantile(&hist, 0.5), 0);
	assert_int_equal(hist_quantile(&hist, 1), 0);
	assert_int_equal(hist_count_below(&hist, 1), 10);
}

static void test_merge_is_recording_all(void **state)
{
	struct hist all = { 0 }, parts[5] = { 0 }, merged = { 0 };

	(void)state;
	random_state = 99;
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t ns = random_duration();

		hist_record(&all, ns);
		hist_record(&parts[random_next() % 5], ns);
	}
	for (unsigned int i = 0; i < 5; i++)
		hist_merge(&merged, &parts[i]);
	assert_memory_equal(&merged, &all, sizeof(all));
	hist_clear(&merged);
	hist_merge(&merged, &(struct hist){ 0 });
	assert_int_equal(merged.count, 0);
}

static void test_merge_counts_is_recording_all(void **state)
{
	struct hist all = { 0 }, merged = { 0 };
	uint32_t counts[BUCKET_COUNT] = { 0 };

	(void)state;
	random_state = 5;
	for (unsigned int i = 0; i < 5000; i++) {
		uint64_t ns = random_duration();

		hist_record(&all, ns);
		counts[bucket_index(ns)]++;
	}
	hist_merge_counts(&merged, counts, all.sum_ns, all.max_ns);
	assert_memory_equal(&merged, &all, sizeof(all));
}

static void test_merge_counts_mends_a_late_maximum(void **state)
{
	uint32_t counts[BUCKET_COUNT] = { 0 };
	struct hist merged = { 0 };

	(void)state;
	counts[200] = 3;
	hist_merge_counts(&merged, counts, 0, 17);
	assert_int_equal(merged.max_ns, bucket_lower_ns(200));
	assert_int_equal(merged.count, 3);
}

static void test_overflow_and_underflow(void **state)
{
	struct hist hist = { 0 };

	(void)state;
	hist_record(&hist, 3);
	hist_record(&hist, 63);
	hist_record(&hist, 100ULL << 30);
	hist_record(&hist, 120ULL << 30);
	assert_int_equal(hist.counts[0], 2);
	assert_int_equal(hist.counts[BUCKET_COUNT - 1], 2);
	assert_int_equal(hist.max_ns, 120ULL << 30);
	assert_true(hist_quantile(&hist, 0.99) > 1ULL << 36);
	assert_true(hist_quantile(&hist, 0.99) <= hist.max_ns);
	assert_int_equal(hist_count_below(&hist, 1ULL << 36), 2);
	assert_int_equal(hist_count_below(&hist, UINT64_MAX), 4);
}

static void test_sums_saturate(void **state)
{
	struct hist hist = { 0 }, other = { 0 };

	(void)state;
	hist_record(&hist, UINT64_MAX);
	hist_record(&hist, UINT64_MAX);
	assert_true(hist.sum_ns == UINT64_MAX);
	assert_true(hist_quantile(&hist, 0.5) <= UINT64_MAX);
	assert_true(hist_quantile(&hist, 1) == UINT64_MAX);
	other.count = UINT64_MAX - 1;
	other.counts[10] = UINT64_MAX - 1;
	other.sum_ns = 1;
	hist_merge(&hist, &other);
	hist_merge(&hist, &other);
	assert_true(hist.count == UINT64_MAX);
	assert_true(hist.counts[10] == UINT64_MAX);
	assert_true(hist.sum_ns == UINT64_MAX);
	hist_record(&hist, bucket_lower_ns(10));
	assert_true(hist.count == UINT64_MAX && hist.counts[10] == UINT64_MAX);
	assert_int_equal(bucket_index(hist_quantile(&hist, 0.5)), 10);
}

static void test_count_below(void **state)
{
	static uint64_t values[VALUES_MAX];
	struct hist hist = { 0 };

	(void)state;
	random_state = 11;
	for (size_t i = 0; i < VALUES_MAX; i++) {
		values[i] = random_duration();
		hist_record(&hist, values[i]);
	}
	qsort(values, VALUES_MAX, sizeof(*values), compare_values);
	for (uint32_t i = 0; i < BUCKET_COUNT; i++) {
		uint64_t border = bucket_lower_ns(i), exact = 0;

		while (exact < VALUES_MAX && values[exact] < border)
			exact++;
		assert_int_equal(hist_count_below(&hist, border), exact);
		/* Between borders it lies between what the borders say. */
		if (i + 1 < BUCKET_COUNT) {
			uint64_t between =
				hist_count_below(&hist, (border + bucket_lower_ns(i + 1)) / 2);

			assert_true(between >= exact && between <= exact + hist.counts[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket_borders),
		cmocka_unit_test(test_log2_agrees_with_the_compiler),
		cmocka_unit_test(test_quantile_is_within_one_bucket),
		cmocka_unit_test(test_quantile_of_one_value),
		cmocka_unit_test(test_quantile_is_linear_inside_a_bucket),
		cmocka_unit_test(test_quantile_refuses_nonsense),
		cmocka_unit_test(test_zero_durations),
		cmocka_unit_test(test_merge_is_recording_all),
		cmocka_unit_test(test_merge_counts_is_recording_all),
		cmocka_unit_test(test_merge_counts_mends_a_late_maximum),
		cmocka_unit_test(test_overflow_and_underflow),
		cmocka_unit_test(test_sums_saturate),
		cmocka_unit_test(test_count_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
