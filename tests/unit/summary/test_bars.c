/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "summary/bars.h"
#include "summary/grid.h"

static void assert_bar(double value, double max, bool unicode, const char *expected)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	bar_add(&buf, value, max, 4, unicode);
	assert_string_equal(buf.data, expected);
}

static void test_bar(void **state)
{
	(void)state;
	assert_bar(1, 1, true, "████");
	assert_bar(1, 2, true, "██");
	assert_bar(9, 32, true, "█▏");
	assert_bar(1, 1000, true, "▏"); /* more than nothing shows */
	assert_bar(0, 10, true, "");
	assert_bar(5, 0, true, "");
	assert_bar(7, 1, true, "████");
	assert_bar(1, 2, false, "##");
	assert_bar(1, 1000, false, "#");
}

static void assert_sparkline(bool unicode, const char *expected)
{
	static const uint64_t values[] = { 1, 50, 0, 100, UINT64_MAX };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	sparkline_add(&buf, values, sizeof(values) / sizeof(values[0]), 100, unicode);
	assert_string_equal(buf.data, expected);
}

static void test_sparkline(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	const uint64_t one = 1;

	(void)state;
	assert_sparkline(true, "▁▅ ██");
	assert_sparkline(false, "_= ##");
	sparkline_add(&buf, &one, 1, 0, true);
	assert_string_equal(buf.data, "▁");
}

static void print(const struct bars_series *series, size_t count, struct buf *buf)
{
	const struct text_style style = { .columns = 80 };
	struct paper paper;

	paper_init(&paper, &style, buf);
	bars_print(&paper, series, count);
}

static void test_histogram(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct hist hist = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 75; i++)
		hist_record(&hist, 100);
	for (unsigned int i = 0; i < 25; i++)
		hist_record(&hist, 300);
	print(&(struct bars_series){ .name = "", .hist = &hist }, 1, &buf);
	assert_string_equal(
		buf.data, "   64ns  - 128ns  75  75.0 %  ####################  < p50\n"
			  "  128ns  - 256ns   0     0 %\n"
			  "  256ns  - 512ns  25  25.0 %  #######               < p90 p99 p99.9\n");
}

static void test_two_series_share_their_rows(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct hist before = { 0 }, after = { 0 };

	(void)state;
	hist_record(&before, 10);
	hist_record(&after, 100);
	hist_record(&after, 200);
	print((const struct bars_series[]){ { "v1", &before }, { "v2", &after } }, 2, &buf);
	assert_string_equal(buf.data,
			    "                         v1                       v2\n"
			    "    0ns  - 64ns   100 %  ###############\n"
			    "   64ns  - 128ns                          50.0 %  ########\n"
			    "  128ns  - 256ns                          50.0 %  ########\n");
}

static void test_all_of_the_range(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct hist hist = { 0 };
	size_t lines = 0;

	(void)state;
	for (uint32_t i = 0; i < BUCKET_COUNT; i++)
		hist_record(&hist, bucket_lower_ns(i));
	print(&(struct bars_series){ .name = "", .hist = &hist }, 1, &buf);
	for (size_t i = 0; i < buf.size; i++)
		lines += buf.data[i] == '\n';
	assert_int_equal(lines, 16);
	assert_non_null(strstr(buf.data, "34.4s  and more"));
}

static void test_nothing_is_nothing(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct hist empty = { 0 }, full = { 0 };

	(void)state;
	hist_record(&full, 1);
	print(&(struct bars_series){ .name = "", .hist = &empty }, 1, &buf);
	print((const struct bars_series[]){ { "a", &full }, { "b", &empty } }, 2, &buf);
	assert_int_equal(buf.size, 0);
}

static const struct grid_column two_columns[] = {
	{ .title = "name", .gives_way = true, .cut_head = true },
	{ .title = "n", .right = true },
};

static void test_table(void **state)
{
	const struct text_style style = { .columns = 80, .unicode = true };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct paper paper;
	struct grid grid;

	(void)state;
	paper_init(&paper, &style, &buf);
	grid_init(&grid, two_columns, 2, 1);
	grid_add(&grid, INK_PLAIN, "%s", "µ");
	grid_add(&grid, INK_PLAIN, "%d", 100);
	grid_add(&grid, INK_PLAIN, "%s", "x\x1b[31m\n");
	grid_add(&grid, INK_BAD, "%d", 7);
	grid_add(&grid, INK_PLAIN, "%s", "unfinished");
	grid_print(&grid, &paper);
	grid_release(&grid);
	assert_string_equal(buf.data, " name          n\n"
				      " µ           100\n"
				      " x\xef\xbf\xbd[31m\xef\xbf\xbd       7\n"
				      " unfinished\n");
}

static void test_table_gives_way(void **state)
{
	const struct text_style style = { .columns = 60 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	char name[201];
	struct paper paper;
	struct grid grid;

	(void)state;
	memset(name, 'x', sizeof(name));
	memcpy(name + 190, "(*DB).conn", 11);
	paper_init(&paper, &style, &buf);
	grid_init(&grid, two_columns, 2, 0);
	grid_add(&grid, INK_PLAIN, "%s", name);
	grid_add(&grid, INK_PLAIN, "%d", 1);
	grid_print(&grid, &paper);
	grid_release(&grid);
	assert_int_equal(strlen(strchr(buf.data, '\n') + 1), 61);
	assert_non_null(strstr(buf.data, "...xxx"));
	assert_non_null(strstr(buf.data, "(*DB).conn  1\n"));
}

static void test_table_has_a_maximum(void **state)
{
	const struct text_style style = { .columns = 80 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct paper paper;
	struct grid grid;
	size_t lines = 0;

	(void)state;
	paper_init(&paper, &style, &buf);
	grid_init(&grid, two_columns, 2, 0);
	for (unsigned int i = 0; i < 3 * GRID_CELLS_MAX; i++)
		grid_add(&grid, INK_PLAIN, "%u", i);
	grid_print(&grid, &paper);
	grid_release(&grid);
	for (size_t i = 0; i < buf.size; i++)
		lines += buf.data[i] == '\n';
	assert_int_equal(lines, 1 + GRID_CELLS_MAX / 2);
}

static void test_wrapping(void **state)
{
	const struct text_style style = { .columns = 60 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct paper paper;

	(void)state;
	paper_init(&paper, &style, &buf);
	paper_wrap(&paper, INK_PLAIN, "  ! ",
		   "one two three four five six seven eight nine ten eleven twelve thirteen");
	assert_string_equal(buf.data,
			    "  ! one two three four five six seven eight nine ten eleven\n"
			    "    twelve thirteen\n");
	buf_clear(&buf);
	paper_wrap(&paper, INK_PLAIN, "", "");
	assert_string_equal(buf.data, "\n");
	buf_clear(&buf);
	paper_wrap(&paper, INK_PLAIN, "",
		   "a-word-that-is-longer-than-the-line-is-wide-and-has-no-place-to-break-at");
	assert_string_equal(buf.data,
			    "a-word-that-is-longer-than-the-line-is-wide-and-has-no-place\n"
			    "-to-break-at\n");
	buf_clear(&buf);
	paper_wrap_items(&paper, INK_PLAIN, "  ",
			 "thirty columns of the very first" ITEM_END "two" ITEM_END
			 "twenty columns go here" ITEM_END "four" ITEM_END);
	assert_string_equal(buf.data, "  thirty columns of the very first, two\n"
				      "  twenty columns go here, four\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bar),
		cmocka_unit_test(test_sparkline),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_two_series_share_their_rows),
		cmocka_unit_test(test_all_of_the_range),
		cmocka_unit_test(test_nothing_is_nothing),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_gives_way),
		cmocka_unit_test(test_table_has_a_maximum),
		cmocka_unit_test(test_wrapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
