/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/table.h"

static const struct table_column columns[] = {
	{ .title = "PID", .right = true },
	{ .title = "SERVICE", .least = 7 },
	{ .title = "REVISION", .drop = 2 },
	{ .title = "TRACE", .drop = 1 },
};

/* Renders one row at that width; the result is valid until the next call. */
static const char *render(const char *service, unsigned int width, bool colour, bool unicode)
{
	static struct buf buf;
	struct text_style style = { .colour = colour, .unicode = unicode, .columns = width };
	struct table table;

	buf_release(&buf);
	table_init(&table, columns, 4);
	table_add(&table, "42", SIZE_MAX, TABLE_PLAIN);
	table_add(&table, service, SIZE_MAX, TABLE_STRONG);
	table_add(&table, "0123456789abcdef", 8, TABLE_PLAIN);
	table_add(&table, "no", SIZE_MAX, TABLE_BAD);
	assert_int_equal(table_status(&table), 0);
	table_render(&table, &style, &buf);
	table_release(&table);
	assert_int_equal(buf_status(&buf), 0);
	return buf.data;
}

static void test_columns_are_as_wide_as_needed(void **state)
{
	(void)state;
	assert_string_equal(render("orders", UINT_MAX, false, true),
			    "PID  SERVICE  REVISION  TRACE\n"
			    " 42  orders   01234567  no\n");
	assert_string_equal(render("a-service-with-a-name", UINT_MAX, false, true),
			    "PID  SERVICE                REVISION  TRACE\n"
			    " 42  a-service-with-a-name  01234567  no\n");
}

static void test_long_ones_are_shortened_first(void **state)
{
	(void)state;
	assert_string_equal(render("a-service-with-a-name", 30, false, true),
			    "PID  SERVICE   REVISION  TRACE\n"
			    " 42  a-servi\xe2\x80\xa6  01234567  no\n");
	assert_string_equal(render("a-service-with-a-name", 30, false, false),
			    "PID  SERVICE   REVISION  TRACE\n"
			    " 42  a-servi~  01234567  no\n");
}

static void test_then_columns_are_left_out(void **state)
{
	(void)state;
	assert_string_equal(render("a-service-with-a-name", 28, false, false),
			    "PID  SERVICE           TRACE\n"
			    " 42  a-service-with-~  no\n");
	assert_string_equal(render("orders", 14, false, false), "PID  SERVICE\n"
								" 42  orders\n");
	/* narrower than what must stay: nothing more is taken away */
	assert_string_equal(render("orders", 3, false, false), "PID  SERVICE\n"
							       " 42  orders\n");
}

static void test_empty_columns_go_first(void **state)
{
	struct text_style style = { .columns = 27 };
	struct table table;
	struct buf buf;

	(void)state;
	buf_init(&buf);
	table_init(&table, columns, 4);
	for (int row = 0; row < 2; row++) {
		table_add(&table, "42", SIZE_MAX, TABLE_PLAIN);
		table_add(&table, "a-service", SIZE_MAX, TABLE_STRONG);
		table_add(&table, row ? "01234567" : NULL, SIZE_MAX, TABLE_PLAIN);
		table_add(&table, NULL, SIZE_MAX, TABLE_BAD);
	}
	table_render(&table, &style, &buf);
	assert_string_equal(buf.data, "PID  SERVICE    REVISION\n"
				      " 42  a-service  -\n"
				      " 42  a-service  01234567\n");
	table_release(&table);
	buf_release(&buf);
}

static void test_unknown_is_a_dash(void **state)
{
	(void)state;
	assert_non_null(strstr(render(NULL, 80, false, false), " 42  -        0123"));
	assert_non_null(strstr(render("", 80, false, false), " 42  -        0123"));
}

static void test_colours_only_where_wanted(void **state)
{
	(void)state;
	assert_null(strchr(render("orders", 80, false, true), '\033'));
	assert_non_null(strstr(render("orders", 80, true, true), "\033[1morders "));
	assert_non_null(strstr(render("orders", 80, true, true), "\033[33mno"));
}

static void test_foreign_text_cannot_steer_the_terminal(void **state)
{
	const char *text;

	(void)state;
	text = render("a\033[2Jb\nc\rd\x7f", 80, false, true);
	assert_non_null(strstr(text, "a?[2Jb?c?d?"));
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\r'));
	assert_non_null(strstr(render("\xff\xfe", 80, false, true), "?"));
	assert_null(strchr(render("\xff\xfe", 80, false, true), '\xff'));
	assert_null(strstr(render("\xc2\x9b", 80, false, true), "\xc2\x9b")); /* C1: CSI */
}

static void test_characters_are_not_cut_through(void **state)
{
	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		print_message("skipped: no locale C.UTF-8\n");
		skip();
	}
	assert_non_null(
		strstr(render("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc",
			      12, false, true),
		       " 42  \xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xe2\x80\xa6\n"));
	/* two columns each */
	assert_non_null(
		strstr(render("\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac", 12, false, true),
		       " 42  \xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe2\x80\xa6\n"));
	setlocale(LC_CTYPE, "C");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_are_as_wide_as_needed),
		cmocka_unit_test(test_long_ones_are_shortened_first),
		cmocka_unit_test(test_then_columns_are_left_out),
		cmocka_unit_test(test_empty_columns_go_first),
		cmocka_unit_test(test_unknown_is_a_dash),
		cmocka_unit_test(test_colours_only_where_wanted),
		cmocka_unit_test(test_foreign_text_cannot_steer_the_terminal),
		cmocka_unit_test(test_characters_are_not_cut_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
