/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/capture_private.h"

static int set_up(void **state)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	assert_non_null(capture);
	assert_int_equal(summary_new(&capture->summary, NULL), 0);
	*state = capture;
	return 0;
}

static int tear_down(void **state)
{
	struct capture *capture = *state;

	summary_free(capture->summary);
	free(capture);
	return 0;
}

static size_t release_index(struct capture *capture, const char *version)
{
	size_t index = 99;

	assert_int_equal(release_of_process(capture, NULL, version, &index), 0);
	return index;
}

static void test_announced_version_names_a_release(void **state)
{
	struct capture *capture = *state;

	assert_int_equal(release_index(capture, "v2.2.0"), 0);
	assert_int_equal(release_index(capture, "v2.3.0"), 1);
	assert_int_equal(release_index(capture, "v2.2.0"), 0);
	assert_int_equal(capture->summary->release_count, 2);
	assert_string_equal(capture->summary->releases[1].version, "v2.3.0");
}

static void test_a_prefix_is_another_release(void **state)
{
	struct capture *capture = *state;

	assert_int_equal(release_index(capture, "v2.2.0-rc1"), 0);
	assert_int_equal(release_index(capture, "v2.2.0"), 1);
}

static void test_nothing_known_is_said(void **state)
{
	struct capture *capture = *state;

	assert_int_equal(release_index(capture, NULL), 0);
	assert_int_equal(release_index(capture, ""), 0);
	assert_string_equal(capture->summary->releases[0].version, "unknown");
	assert_null(capture->summary->releases[0].revision);
}

static void test_another_build_under_the_same_version(void **state)
{
	struct capture *capture = *state;

	assert_int_equal(release_index(capture, "v2.2.0"), 0);
	/* As if the release that is there had been another build. */
	capture->summary->releases[0].go_build_id = strdup("abcdefghijklmnop");
	assert_int_equal(release_index(capture, "v2.2.0"), 1);
	assert_string_equal(capture->summary->releases[1].version, "v2.2.0+other");
	assert_int_equal(release_index(capture, "v2.2.0"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_announced_version_names_a_release, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_prefix_is_another_release, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_known_is_said, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_build_under_the_same_version, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
