/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define GAP 2 /* spaces between columns */

static const char *const looks[] = {
	[TABLE_PLAIN] = "",
	[TABLE_STRONG] = "\033[1m",
	[TABLE_GOOD] = "\033[32m",
	[TABLE_BAD] = "\033[33m",
};

#define LOOK_HEAD "\033[2m"
#define LOOK_END  "\033[0m"

/*
 * One character at `text` (not empty): its bytes, and its columns on a terminal; -1 columns where
 * this locale cannot print it.
 */
static size_t next_character(const char *text, int *ret_columns)
{
	mbstate_t state = { 0 };
	wchar_t character;
	size_t size = mbrtowc(&character, text, strlen(text), &state);

	if (size == 0 || size > MB_LEN_MAX) { /* an error's (size_t)-1 and -2 included */
		*ret_columns = -1;
		return 1;
	}
	*ret_columns = wcwidth(character);
	return size;
}

void table_add_text(struct buf *buf, const char *text)
{
	while (*text) {
		int columns;
		size_t size = next_character(text, &columns);

		if (columns < 0)
			buf_add_char(buf, '?');
		else
			buf_add(buf, text, size);
		text += size;
	}
}

/* The columns that printable text takes. */
static unsigned int width_of(const char *text)
{
	unsigned int width = 0;

	while (*text) {
		int columns;

		text += next_character(text, &columns);
		width += columns < 0 ? 1 : (unsigned int)columns;
	}
	return width;
}

void table_init(struct table *table, const struct table_column *columns, size_t column_count)
{
	assert(column_count && column_count <= TABLE_COLUMNS_MAX);
	*table = (struct table){ .columns = columns, .column_count = column_count };
}

void table_release(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i].text);
	free(table->cells);
	*table = (struct table){ 0 };
}

int table_status(const struct table *table)
{
	return table->failed ? -ENOMEM : 0;
}

static bool reserve(struct table *table)
{
	size_t capacity = table->capacity ? table->capacity * 2 : 64;
	struct table_cell *cells;

	if (table->count < table->capacity)
		return true;
	cells = reallocarray(table->cells, capacity, sizeof(*cells));
	if (!cells)
		return false;
	table->cells = cells;
	table->capacity = capacity;
	return true;
}

void table_add(struct table *table, const char *text, size_t size, enum table_look look)
{
	struct buf buf;
	char *copy, *printable;

	buf_init(&buf);
	copy = strndup(text && *text ? text : "-", size);
	if (copy)
		table_add_text(&buf, copy);
	free(copy);
	printable = copy ? buf_take(&buf) : NULL;
	if (!printable || !reserve(table)) {
		free(printable);
		table->failed = true;
		return;
	}
	table->cells[table->count++] = (struct table_cell){
		.text = printable,
		.width = width_of(printable),
		.look = text ? look : TABLE_PLAIN,
	};
}

/* ---- fitting ---- */

struct layout {
	unsigned int widths[TABLE_COLUMNS_MAX]; /* 0: left out */
};

static void measure(const struct table *table, struct layout *layout)
{
	for (size_t i = 0; i < table->column_count; i++)
		layout->widths[i] = width_of(table->columns[i].title);
	for (size_t i = 0; i < table->count; i++) {
		unsigned int *width = &layout->widths[i % table->column_count];

		if (table->cells[i].width > *width)
			*width = table->cells[i].width;
	}
}

static unsigned int total(const struct table *table, const struct layout *layout)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < table->column_count; i++)
		sum += layout->widths[i] ? layout->widths[i] + (sum ? GAP : 0) : 0;
	return sum;
}

/* Takes a column off the widest one that may be shortened; false when none may. */
static bool shorten(const struct table *table, struct layout *layout)
{
	unsigned int *widest = NULL;

	for (size_t i = 0; i < table->column_count; i++) {
		unsigned int least = table->columns[i].least;

		if (least && layout->widths[i] > least && (!widest || layout->widths[i] > *widest))
			widest = &layout->widths[i];
	}
	if (widest)
		--*widest;
	return widest;
}

static bool leave_out(const struct table *table, struct layout *layout)
{
	size_t least_important = 0;
	unsigned int drop = 0;

	for (size_t i = 0; i < table->column_count; i++) {
		if (layout->widths[i] && table->columns[i].drop > drop) {
			drop = table->columns[i].drop;
			least_important = i;
		}
	}
	if (drop)
		layout->widths[least_important] = 0;
	return drop;
}

/* Leaves out the columns that could be left out and say nothing at all. */
static void leave_out_empty(const struct table *table, struct layout *layout)
{
	for (size_t i = 0; i < table->column_count; i++) {
		bool empty = table->columns[i].drop;

		for (size_t at = i; empty && at < table->count; at += table->column_count)
			empty = strcmp(table->cells[at].text, "-") == 0;
		if (empty)
			layout->widths[i] = 0;
	}
}

/* Drops columns until the shortest form fits, and shortens only as much as is needed then. */
static void fit(const struct table *table, unsigned int columns, struct layout *layout)
{
	struct layout shortest = { 0 };

	measure(table, layout);
	if (total(table, layout) > columns)
		leave_out_empty(table, layout);
	for (;;) {
		shortest = *layout;
		while (total(table, &shortest) > columns && shorten(table, &shortest))
			;
		if (total(table, &shortest) <= columns || !leave_out(table, layout))
			break;
	}
	*layout = shortest;
}

/* ---- writing ---- */

static void add_spaces(struct buf *buf, unsigned int count)
{
	while (count--)
		buf_add_char(buf, ' ');
}

/* Text cut to `width` columns, the last of them a mark when something is missing. */
static void add_cut(struct buf *buf, const char *text, unsigned int width, bool unicode)
{
	unsigned int used = 0;

	if (width_of(text) <= width) {
		buf_add_str(buf, text);
		add_spaces(buf, width - width_of(text));
		return;
	}
	while (*text) {
		int columns;
		size_t size = next_character(text, &columns);

		if (columns < 0 || used + (unsigned int)columns + 1 > width)
			break;
		buf_add(buf, text, size);
		used += (unsigned int)columns;
		text += size;
	}
	buf_add_str(buf, unicode ? "\xe2\x80\xa6" : "~");
	add_spaces(buf, width - used - 1);
}

static void add_cell(struct buf *buf, const struct table_column *column, unsigned int width,
		     const char *text, const char *look, const struct text_style *style)
{
	bool coloured = style->colour && *look;

	if (coloured)
		buf_add_str(buf, look);
	if (column->right && width_of(text) < width) {
		add_spaces(buf, width - width_of(text));
		buf_add_str(buf, text);
	} else {
		add_cut(buf, text, width, style->unicode);
	}
	if (coloured)
		buf_add_str(buf, LOOK_END);
}

/* Without the spaces that the last column's padding leaves. */
static void end_line(struct buf *buf)
{
	while (buf->size && buf->data[buf->size - 1] == ' ')
		buf->data[--buf->size] = '\0';
	buf_add_char(buf, '\n');
}

void table_render(const struct table *table, const struct text_style *style, struct buf *buf)
{
	struct layout layout = { 0 };
	size_t rows = table->count / table->column_count;

	fit(table, style->columns, &layout);
	for (size_t row = 0; row <= rows; row++) {
		bool first = true;

		for (size_t i = 0; i < table->column_count; i++) {
			const struct table_cell *cell =
				row ? &table->cells[(row - 1) * table->column_count + i] : NULL;

			if (!layout.widths[i])
				continue;
			if (!first)
				add_spaces(buf, GAP);
			first = false;
			add_cell(buf, &table->columns[i], layout.widths[i],
				 cell ? cell->text : table->columns[i].title,
				 cell ? looks[cell->look] : LOOK_HEAD, style);
		}
		end_line(buf);
	}
}
