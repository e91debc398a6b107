/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "summary/human.h"

static void test_durations(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0ns" },
		{ 312, "312ns" },
		{ 999, "999ns" },
		{ 1000, "1.0µs" },
		{ 4100, "4.1µs" },
		{ 4123, "4.12µs" },
		{ 9994, "9.99µs" },
		{ 9996, "10.0µs" },
		{ 12345, "12.3µs" },
		{ 99949, "99.9µs" },
		{ 99951, "100µs" },
		{ 999499, "999µs" },
		{ 999501, "1.0ms" },
		{ 1240000, "1.24ms" },
		{ 999999999, "1.0s" },
		{ 3000000000, "3.0s" },
		{ 14200000000, "14.2s" },
		{ 59900000000, "59.9s" },
		{ 59960000000, "1m00s" },
		{ 65000000000, "1m05s" },
		{ 3599600000000, "1h00m" },
		{ 12300000000000, "3h25m" },
		{ 86400000000000, "1d00h" },
		{ 443000000000000, "5d03h" },
		{ UINT64_MAX, "213503d23h" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(human_ns(cases[i].ns, true).text, cases[i].text);
	assert_string_equal(human_ns(4100, false).text, "4.1us");
}

static void test_counts(void **state)
{
	static const struct {
		uint64_t count;
		const char *text;
	} cases[] = {
		{ 0, "0" },           { 999, "999" },           { 1000, "1,000" },
		{ 2480, "2,480" },    { 9999, "9,999" },        { 10000, "10.0k" },
		{ 12800, "12.8k" },   { 999499, "999k" },       { 999500, "1.0M" },
		{ 1240000, "1.24M" }, { 10000000000, "10.0G" }, { UINT64_MAX, "18.4E" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(human_count(cases[i].count).text, cases[i].text);
}

static void test_reals_and_percents(void **state)
{
	(void)state;
	assert_string_equal(human_real(0.354).text, "0.35");
	assert_string_equal(human_real(12.84).text, "12.8");
	assert_string_equal(human_real(2480.4).text, "2,480");
	assert_string_equal(human_real(1e30).text, "18.4E");
	assert_string_equal(human_real(-3).text, "0");
	assert_string_equal(human_real((double)NAN).text, "0");
	assert_string_equal(human_percent(0.0117).text, "1.2 %");
	assert_string_equal(human_percent(1).text, "100 %");
	assert_string_equal(human_percent(0).text, "0 %");
	assert_string_equal(human_percent(0.00001).text, "<0.1 %");
	assert_string_equal(human_percent((double)NAN).text, "0 %");
	assert_string_equal(human_percent(-1).text, "0 %");
}

static void test_changes(void **state)
{
	(void)state;
	assert_string_equal(human_change(142, 2860, true).text, "×20.1");
	assert_string_equal(human_change(3, 2480, true).text, "×827");
	assert_string_equal(human_change(100, 240, false).text, "x2.4");
	assert_string_equal(human_change(100, 142, true).text, "+42 %");
	assert_string_equal(human_change(100, 63, true).text, "-37 %");
	assert_string_equal(human_change(100, 100.5, true).text, "~");
	assert_string_equal(human_change(0, 5, true).text, "new");
	assert_string_equal(human_change(5, 0, true).text, "gone");
	assert_string_equal(human_change(0, 0, true).text, "~");
	assert_string_equal(human_change((double)NAN, (double)NAN, true).text, "~");
	assert_true(strlen(human_change(1e-300, 1e300, true).text) < HUMAN_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_reals_and_percents),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
