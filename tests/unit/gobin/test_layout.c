/* SPDX-License-Identifier: Apache-2.0 */
/* tests/toolchains/layout.sh compares the whole table with real toolchains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gobin/layout.h"

static void test_every_supported_release_has_a_layout(void **state)
{
	struct go_layout layout;

	(void)state;
	for (unsigned int minor = LAYOUT_MINOR_MIN; minor <= LAYOUT_MINOR_MAX; minor++) {
		memset(&layout, 0, sizeof(layout));
		assert_true(layout_table(minor, &layout));
		assert_int_equal(layout.g_goid, minor == 23 || minor == 24 ? 160 : 152);
		assert_int_equal(layout.g_waitreason, layout.g_goid + 24);
		assert_int_equal(layout.g_startpc, layout.g_gopc + 16);
		assert_int_equal(layout.g_sched_pc, layout.g_sched_sp + 8);
		/* Both or none; none where no toolchain told it. */
		assert_int_equal(layout.polldesc_wg,
				 layout.polldesc_rg ? layout.polldesc_rg + 8 : 0);
		assert_int_equal(layout.polldesc_rg == 0,
				 minor == 17 || minor == 18 || minor == 20);
	}
}

static void test_others_have_none(void **state)
{
	struct go_layout layout;

	(void)state;
	assert_false(layout_table(0, &layout));
	assert_false(layout_table(16, &layout));
	assert_false(layout_table(28, &layout));
	assert_false(layout_table(UINT32_MAX, &layout));
}

static void test_wait_reasons(void **state)
{
	(void)state;
	for (unsigned int minor = LAYOUT_MINOR_MIN; minor <= LAYOUT_MINOR_MAX; minor++) {
		assert_string_equal(reasons_wait(minor, 0), "");
		assert_string_equal(reasons_wait(minor, 2), "IO wait");
		assert_string_equal(reasons_wait(minor, minor < 26 ? 14 : 19), "chan receive");
	}
	assert_string_equal(reasons_wait(19, 25), "preempted");
	assert_string_equal(reasons_wait(21, 21), "sync.Mutex.Lock");
	assert_string_equal(reasons_wait(22, 36), "coroutine");
	assert_string_equal(reasons_wait(23, 37), "GC weak to strong wait");
	assert_string_equal(reasons_wait(24, 24), "sync.WaitGroup.Wait");
	assert_string_equal(reasons_wait(24, 43), "select (synctest)");
	assert_string_equal(reasons_wait(25, 19), "semacquire");
	assert_string_equal(reasons_wait(25, 46), "cleanup wait");
	assert_string_equal(reasons_wait(27, 46), "cleanup wait");
}

static void test_numbers_without_a_name(void **state)
{
	static const struct {
		unsigned int minor, first;
	} ends[] = { { 17, 27 }, { 19, 27 }, { 20, 32 }, { 21, 32 }, { 22, 37 },
		     { 23, 38 }, { 24, 44 }, { 25, 47 }, { 26, 47 }, { 27, 47 } };

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		assert_non_null(reasons_wait(ends[i].minor, ends[i].first - 1));
		assert_null(reasons_wait(ends[i].minor, ends[i].first));
		assert_null(reasons_wait(ends[i].minor, UINT32_MAX));
	}
	assert_null(reasons_wait(0, 2));
	assert_null(reasons_wait(28, 2));
}

static void test_stw_reasons(void **state)
{
	(void)state;
	assert_string_equal(reasons_stw(21, 1), "GC mark termination");
	assert_string_equal(reasons_stw(27, 10), "start trace");
	assert_string_equal(reasons_stw(27, 11), "stop trace");
	assert_null(reasons_stw(20, 1));
	assert_null(reasons_stw(28, 1));
	assert_null(reasons_stw(27, 17));
	assert_null(reasons_stw(0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_supported_release_has_a_layout),
		cmocka_unit_test(test_others_have_none),
		cmocka_unit_test(test_wait_reasons),
		cmocka_unit_test(test_numbers_without_a_name),
		cmocka_unit_test(test_stw_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
