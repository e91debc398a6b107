/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_empty(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	char *data;

	(void)state;
	assert_string_equal(buf.data, "");
	assert_int_equal(buf_status(&buf), 0);
	buf_clear(&buf);
	buf_release(&buf);
	buf_add(&buf, NULL, 0);
	assert_string_equal(buf.data, "");
	data = buf_take(&buf);
	assert_string_equal(data, "");
	free(data);
}

static void test_additions(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	(void)state;
	buf_add_str(&buf, "ab");
	buf_add_char(&buf, 'c');
	buf_addf(&buf, "%d-%s", 42, "x");
	buf_add(&buf, "\0z", 2);
	assert_int_equal(buf.size, 9);
	assert_memory_equal(buf.data, "abc42-x\0z", 10);
}

/* Each length around the first capacities keeps its bytes and its NUL. */
static void test_grows(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		if (i % 2)
			buf_addf(&buf, "%c", (int)('a' + i % 26));
		else
			buf_add_char(&buf, (char)('a' + i % 26));
		assert_int_equal(buf.size, i + 1);
		assert_int_equal(buf.data[i], 'a' + i % 26);
		assert_int_equal(buf.data[i + 1], '\0');
		assert_true(buf.size < buf.capacity);
	}
	buf_clear(&buf);
	assert_int_equal(buf.size, 0);
	assert_string_equal(buf.data, "");
	assert_true(buf.capacity > 1000);
}

static void test_take_leaves_it_empty(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	CLEANUP(freep) char *data = NULL;

	(void)state;
	buf_add_str(&buf, "mine");
	data = buf_take(&buf);
	assert_string_equal(data, "mine");
	assert_int_equal(buf.size, 0);
	buf_add_str(&buf, "other");
	assert_string_equal(data, "mine");
	assert_string_equal(buf.data, "other");
}

/* A failure is remembered: nothing is added behind a gap. */
static void test_failure_sticks(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	(void)state;
	buf_add_str(&buf, "kept");
	buf_add(&buf, "", SIZE_MAX / 2);
	assert_int_equal(buf_status(&buf), -ENOMEM);
	buf_add_str(&buf, "lost");
	buf_addf(&buf, "%d", 1);
	assert_string_equal(buf.data, "kept");
	assert_null(buf_take(&buf));
	assert_int_equal(buf_status(&buf), 0);
	assert_int_equal(buf.size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),          cmocka_unit_test(test_additions),
		cmocka_unit_test(test_grows),          cmocka_unit_test(test_take_leaves_it_empty),
		cmocka_unit_test(test_failure_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
