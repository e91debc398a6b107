/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_set(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, -ENOENT, "no file %s", "x"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, "no file x");
	assert_int_equal(err_set_errno(&err, -EACCES, "cannot open %d", 7), -EACCES);
	assert_string_equal(err.text, "cannot open 7: Permission denied");
}

static void test_wrap(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	err_set(&err, -ENOENT, "no file x");
	assert_int_equal(err_wrap(&err, -EIO, "read %s", "the list"), -EIO);
	assert_int_equal(err.code, -EIO);
	assert_string_equal(err.text, "cannot read the list: no file x");

	err = (struct err)ERR_INIT;
	err_wrap(&err, -EPERM, "attach");
	assert_string_equal(err.text, "cannot attach: Operation not permitted");
}

static void test_without_err(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, -EIO, "%s", "x"), -EIO);
	assert_int_equal(err_set_errno(NULL, -EIO, "%s", "x"), -EIO);
	assert_int_equal(err_wrap(NULL, -EIO, "%s", "x"), -EIO);
}

/* Wrapping an error again and again cuts its end, never more. */
static void test_is_cut(void **state)
{
	char text[2 * ERR_TEXT_MAX];
	struct err err = ERR_INIT;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, -EIO, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	err_set_errno(&err, -EIO, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	for (unsigned int i = 0; i < 300; i++)
		err_wrap(&err, -EIO, "try %u", i);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_memory_equal(err.text, "cannot try 299: cannot try 298: ", 32);
	err_wrap(&err, -EIO, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_without_err),
		cmocka_unit_test(test_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
