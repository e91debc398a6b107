/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/promtext.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "unit/sink/promcheck.h"

DEFINE_FREEP(struct promcheck *, promcheck_free)

static const struct prom_family gauge = { "x", "gauge", "An x." };
static const struct prom_family histogram = { "x_seconds", "histogram", "Some x." };
static const struct prom_labels none;

static void expect_clean(const char *text, size_t max_bytes, const char *clean)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	prom_sanitize(&buf, text, max_bytes);
	assert_string_equal(buf.data, clean);
}

static void test_sanitize(void **state)
{
	static const char *const kept[] = { "",
					    "abc",
					    "µs",
					    "€",
					    "𝄞",
					    "\x7e",
					    "\xc2\xa0",
					    "\xed\x9f\xbf",
					    "\xee\x80\x80",
					    "\xf4\x8f\xbf\xbf" };

	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		expect_clean(kept[i], 100, kept[i]);
	expect_clean("a\033[2Jb\n", 100, "a\xef\xbf\xbd[2Jb\xef\xbf\xbd");
	expect_clean("\x7f\xc2\x9b", 100, "\xef\xbf\xbd\xef\xbf\xbd");
	expect_clean("abcdef", 3, "abc");
	expect_clean("ab€", 4, "ab");
	expect_clean("ab€", 5, "ab€");
	expect_clean("ab\xff", 4, "ab");
}

/* Overlong forms, surrogates, what is above U+10FFFF, lone and missing continuation bytes. */
static void test_sanitize_refuses(void **state)
{
	static const char *const bad[] = {
		"\x80",         "\xbf",         "\xc0\x80",         "\xc1\xbf", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xfe",     "\xf4\x90\x80\x80",
		"\xf5",         "\xc3",         "\xe2\x82",         "\xff",     "\xf0\x9d\x84",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CLEANUP(buf_release) struct buf expected = BUF_INIT;

		for (size_t j = 0; bad[i][j]; j++)
			buf_add_str(&expected, "\xef\xbf\xbd");
		expect_clean(bad[i], 100, expected.data);
	}
}

static void test_samples(void **state)
{
	const struct prom_labels labels = {
		{ { "a", "q\"b\\c" }, { "b", "" }, { "c", NULL }, { "d", "\n" } }
	};
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct prom_writer writer;

	(void)state;
	prom_init(&writer, &buf);
	prom_begin(&writer, &gauge);
	prom_count(&writer, &none, UINT64_MAX);
	prom_count(&writer, &labels, 7);
	assert_string_equal(buf.data, "# HELP parkmeter_x An x.\n"
				      "# TYPE parkmeter_x gauge\n"
				      "parkmeter_x 18446744073709551615\n"
				      "parkmeter_x{a=\"q\\\"b\\\\c\",d=\"\xef\xbf\xbd\"} 7\n");
}

static void test_seconds_are_exact(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 1, "0.000000001" },
		{ 1000000000, "1" },
		{ 1500000000, "1.5" },
		{ 10000000000, "10" },
		{ 1786702951123456789, "1786702951.123456789" },
		{ UINT64_MAX, "18446744073.709551615" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP(buf_release) struct buf buf = BUF_INIT;
		struct prom_writer writer;

		prom_init(&writer, &buf);
		prom_begin(&writer, &gauge);
		prom_seconds(&writer, &none, cases[i].ns);
		assert_non_null(strstr(buf.data, "\nparkmeter_x "));
		buf.data[buf.size - 1] = '\0';
		assert_string_equal(strstr(buf.data, "\nparkmeter_x ") + 13, cases[i].text);
	}
}

static void test_numbers_read_back(void **state)
{
	static const double values[] = { 0, 1, 0.1, 1.0 / 3, 0.0117, 8.52e-7, 1e22, 5e-324 };
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct prom_writer writer;

	(void)state;
	prom_init(&writer, &buf);
	prom_begin(&writer, &gauge);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		char number[8];

		snprintf(number, sizeof(number), "%zu", i);
		prom_number(&writer, &(struct prom_labels){ { { "n", number } } }, values[i]);
	}
	check = promcheck_read(buf.data);
	assert_int_equal(check->sample_count, sizeof(values) / sizeof(*values));
	for (size_t i = 0; i < check->sample_count; i++)
		assert_true(check->samples[i].value == values[i]);
}

static void test_no_head_without_sample(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct prom_writer writer;

	(void)state;
	prom_init(&writer, &buf);
	prom_begin(&writer, &gauge);
	prom_number(&writer, &none, NAN);
	prom_number(&writer, &none, INFINITY);
	prom_number(&writer, &none, -INFINITY);
	assert_int_equal(buf.size, 0);
}

static void test_series_once(void **state)
{
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;
	const struct prom_labels bad_a = { { { "a", "\xff" } } };
	const struct prom_labels bad_b = { { { "a", "\xfe" } } };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct hist hist = { 0 };
	struct prom_writer writer;

	(void)state;
	prom_init(&writer, &buf);
	prom_begin(&writer, &gauge);
	prom_count(&writer, &bad_a, 1);
	prom_count(&writer, &bad_b, 2); /* the same once it is clean */
	prom_begin(&writer, &histogram);
	prom_hist(&writer, &none, &hist, PROM_COARSE);
	prom_hist(&writer, &none, &hist, PROM_FINE);
	assert_int_equal(writer.left_out, 2);
	check = promcheck_read(buf.data);
	assert_int_equal(check->sample_count, 1 + 15 + 2);
	assert_true(promcheck_value(check, "parkmeter_x{a=\"\xef\xbf\xbd\"}") == 1);
}

static void test_series_bounded(void **state)
{
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct prom_writer writer;

	(void)state;
	prom_init(&writer, &buf);
	prom_begin(&writer, &gauge);
	for (unsigned int i = 0; i < PROM_SERIES_MAX + 10; i++) {
		char value[16];

		snprintf(value, sizeof(value), "%u", i);
		prom_count(&writer, &(struct prom_labels){ { { "n", value } } }, i);
	}
	assert_int_equal(writer.left_out, 10);
	check = promcheck_read(buf.data);
	assert_int_equal(check->sample_count, PROM_SERIES_MAX);
}

/* Each border: what is one nanosecond below counts at it, what is at it counts above. */
static void test_borders_are_exact(void **state)
{
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct hist hist = { 0 };
	struct prom_writer writer;
	double counted = 0;

	(void)state;
	for (unsigned int shift = PROM_LE_MIN_SHIFT; shift <= PROM_LE_MAX_SHIFT; shift++) {
		hist_record(&hist, (1ULL << shift) - 1);
		hist_record(&hist, 1ULL << shift);
	}
	prom_init(&writer, &buf);
	prom_begin(&writer, &histogram);
	prom_hist(&writer, &none, &hist, PROM_FINE);
	assert_non_null(strstr(buf.data, "{le=\"1.024e-06\"} 1\n"));
	assert_non_null(strstr(buf.data, "{le=\"0.001048576\"} 21\n"));
	assert_non_null(strstr(buf.data, "{le=\"1.073741824\"} 41\n"));
	assert_non_null(strstr(buf.data, "{le=\"68.719476736\"} 53\n"));
	assert_non_null(strstr(buf.data, "{le=\"+Inf\"} 54\n"));
	check = promcheck_read(buf.data);
	for (unsigned int shift = PROM_LE_MIN_SHIFT; shift <= PROM_LE_MAX_SHIFT; shift++) {
		const char *series = check->samples[shift - PROM_LE_MIN_SHIFT].series;

		counted = 2 * (shift - PROM_LE_MIN_SHIFT) + 1;
		assert_true(check->samples[shift - PROM_LE_MIN_SHIFT].value == counted);
		assert_true(strtod(strstr(series, "le=\"") + 4, NULL) ==
			    (double)(1ULL << shift) / 1e9);
	}
}

/* Counts that no honest histogram holds stay cumulative. */
static void test_counts_saturate(void **state)
{
	CLEANUP(promcheck_freep) struct promcheck *check = NULL;
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct hist hist = { .sum_ns = UINT64_MAX };
	struct prom_writer writer;

	(void)state;
	hist.counts[0] = 5;
	hist.counts[200] = UINT64_MAX;
	hist.counts[BUCKET_COUNT - 1] = UINT64_MAX;
	prom_init(&writer, &buf);
	prom_begin(&writer, &histogram);
	prom_hist(&writer, &none, &hist, PROM_COARSE);
	assert_non_null(strstr(buf.data, "parkmeter_x_seconds_count 18446744073709551615\n"));
	check = promcheck_read(buf.data);
	assert_true(promcheck_value(check, "parkmeter_x_seconds_bucket{le=\"1.024e-06\"}") == 5);
}

static void test_locale_with_decimal_comma(void **state)
{
	static const char *const names[] = { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "fr_FR" };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct prom_writer writer;
	bool set = false;

	(void)state;
	for (size_t i = 0; !set && i < sizeof(names) / sizeof(*names); i++)
		set = setlocale(LC_NUMERIC, names[i]) != NULL;
	if (!set) {
		puts("skipped: this machine has no locale with a decimal comma");
		skip();
	}
	prom_init(&writer, &buf);
	prom_begin(&writer, &gauge);
	prom_number(&writer, &none, 0.5);
	setlocale(LC_NUMERIC, "C");
	assert_non_null(strstr(buf.data, "parkmeter_x 0.5\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sanitize),
		cmocka_unit_test(test_sanitize_refuses),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_seconds_are_exact),
		cmocka_unit_test(test_numbers_read_back),
		cmocka_unit_test(test_no_head_without_sample),
		cmocka_unit_test(test_series_once),
		cmocka_unit_test(test_series_bounded),
		cmocka_unit_test(test_borders_are_exact),
		cmocka_unit_test(test_counts_saturate),
		cmocka_unit_test(test_locale_with_decimal_comma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
