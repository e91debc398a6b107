/* SPDX-License-Identifier: Apache-2.0 */
#include "summary/grid.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define GAP           2
#define GIVEN_WAY_MIN 8
#define CELLS_FIRST   64

void grid_init(struct grid *grid, const struct grid_column *columns, size_t column_count,
	       size_t indent)
{
	assert(column_count && column_count <= GRID_COLUMNS_MAX);
	*grid = (struct grid){
		.columns = columns,
		.column_count = column_count,
		.indent = indent,
	};
	buf_init(&grid->text);
}

void grid_release(struct grid *grid)
{
	buf_release(&grid->text);
	free(grid->cells);
	grid->cells = NULL;
}

/* The cell behind the last one, or NULL. */
static struct grid_cell *next_cell(struct grid *grid)
{
	size_t count = grid->cell_count;
	struct grid_cell *cells;

	if (count >= GRID_CELLS_MAX || grid->failed)
		return NULL;
	if (count < CELLS_FIRST ? !count : (count & (count - 1)) == 0) {
		cells = reallocarray(grid->cells, count ? count * 2 : CELLS_FIRST, sizeof(*cells));
		if (!cells) {
			grid->failed = true;
			return NULL;
		}
		grid->cells = cells;
	}
	return &grid->cells[grid->cell_count++];
}

void grid_add(struct grid *grid, enum ink ink, const char *format, ...)
{
	struct grid_cell *cell = next_cell(grid);
	va_list args;
	char *text;
	int r;

	if (!cell)
		return;
	*cell = (struct grid_cell){ .offset = grid->text.size, .ink = ink };
	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0) {
		grid->failed = true;
		return;
	}
	buf_add_str(&grid->text, text);
	free(text);
	cell->size = grid->text.size - cell->offset;
}

void grid_end_row(struct grid *grid)
{
	while (grid->cell_count % grid->column_count && grid->cell_count < GRID_CELLS_MAX &&
	       !grid->failed)
		grid_add(grid, INK_PLAIN, "%s", "");
}

/* Turns the text of all cells into what will be shown. */
static void make_printable(struct grid *grid, const struct paper *paper)
{
	struct buf shown = BUF_INIT;

	for (size_t i = 0; i < grid->cell_count && !grid->text.failed; i++) {
		struct grid_cell *cell = &grid->cells[i];
		CLEANUP(freep) char *text = strndup(grid->text.data + cell->offset, cell->size);

		cell->offset = shown.size;
		if (text)
			utf8_add_printable(&shown, text, paper->unicode);
		else
			shown.failed = true;
		cell->size = shown.size - cell->offset;
	}
	shown.failed |= grid->text.failed;
	buf_release(&grid->text);
	grid->text = shown;
}

static void measure(const struct grid *grid, const struct paper *paper, size_t *widths)
{
	size_t total = grid->indent, giver = grid->column_count;

	assert(grid->column_count);
	for (size_t i = 0; i < grid->column_count; i++) {
		widths[i] = utf8_width(grid->columns[i].title, strlen(grid->columns[i].title));
		if (grid->columns[i].gives_way)
			giver = i;
	}
	for (size_t i = 0; i < grid->cell_count; i++) {
		const struct grid_cell *cell = &grid->cells[i];
		size_t width = utf8_width(grid->text.data + cell->offset, cell->size);

		if (width > widths[i % grid->column_count])
			widths[i % grid->column_count] = width;
	}
	for (size_t i = 0; i < grid->column_count; i++)
		total += widths[i] + (i ? GAP : 0);
	if (total <= paper->columns || giver == grid->column_count)
		return;
	total -= paper->columns;
	widths[giver] = widths[giver] > total + GIVEN_WAY_MIN ? widths[giver] - total
							      : GIVEN_WAY_MIN;
}

static void print_cell(struct paper *paper, const struct grid_column *column, enum ink ink,
		       const char *text, size_t size, size_t width)
{
	const char *ellipsis = paper_sign(paper, SIGN_ELLIPSIS);
	size_t shown = utf8_width(text, size);
	size_t cut = utf8_width(ellipsis, strlen(ellipsis));
	size_t tail = 0, head = size;
	bool too_wide = shown > width;

	if (too_wide && column->cut_head)
		tail = utf8_fit_tail(text, size, width - cut);
	else if (too_wide)
		head = utf8_fit(text, size, width - cut);
	if (too_wide)
		shown = utf8_width(text + tail, head - tail) + cut;
	if (column->right)
		paper_repeat(paper, INK_PLAIN, " ", width - shown);
	paper_textf(paper, ink, "%s%.*s%s", tail ? ellipsis : "", (int)(head - tail), text + tail,
		    head < size ? ellipsis : "");
	if (!column->right)
		paper_repeat(paper, INK_PLAIN, " ", width - shown);
}

static void print_titles(const struct grid *grid, struct paper *paper, const size_t *widths)
{
	bool any = false;

	for (size_t i = 0; i < grid->column_count; i++)
		any |= grid->columns[i].title[0] != '\0';
	if (!any)
		return;
	paper_repeat(paper, INK_PLAIN, " ", grid->indent);
	for (size_t i = 0; i < grid->column_count; i++) {
		const char *title = grid->columns[i].title;

		paper_repeat(paper, INK_PLAIN, " ", i ? GAP : 0);
		print_cell(paper, &grid->columns[i], INK_DIM, title, strlen(title), widths[i]);
	}
	paper_end_line(paper);
}

void grid_print(struct grid *grid, struct paper *paper)
{
	size_t widths[GRID_COLUMNS_MAX] = { 0 };

	grid_end_row(grid);
	make_printable(grid, paper);
	if (grid->failed || grid->text.failed) {
		paper->buf->failed = true;
		return;
	}
	measure(grid, paper, widths);
	print_titles(grid, paper, widths);
	for (size_t i = 0; i < grid->cell_count; i++) {
		const struct grid_cell *cell = &grid->cells[i];
		size_t column = i % grid->column_count;

		paper_repeat(paper, INK_PLAIN, " ", column ? GAP : grid->indent);
		print_cell(paper, &grid->columns[column], cell->ink, grid->text.data + cell->offset,
			   cell->size, widths[column]);
		if (column + 1 == grid->column_count)
			paper_end_line(paper);
	}
}
