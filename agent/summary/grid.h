/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table whose columns are as wide as what they hold, by display width. One of them gives way when
 * the paper is too narrow.
 */
#ifndef PARKMETER_SUMMARY_GRID_H
#define PARKMETER_SUMMARY_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "summary/paper.h"

#define GRID_COLUMNS_MAX 10
#define GRID_CELLS_MAX   1024 /* what is beyond is left out; callers show the first few */

struct grid_column {
	const char *title;
	bool right;     /* aligned to the right */
	bool gives_way; /* may be cut; at most one column */
	bool cut_head;  /* loses its beginning, where the end says more (function names) */
};

struct grid_cell {
	size_t offset, size; /* in `text` */
	enum ink ink;
};

struct grid {
	const struct grid_column *columns; /* borrowed */
	size_t column_count;
	size_t indent;
	bool titled;
	struct buf text;
	struct grid_cell *cells;
	size_t cell_count;
	bool failed;
};

void grid_init(struct grid *grid, const struct grid_column *columns, size_t column_count,
	       size_t indent);
void grid_release(struct grid *grid);

/* The next cell, row by row. It is made printable when the table is printed. */
void grid_add(struct grid *grid, enum ink ink, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Empty cells up to the end of the row. */
void grid_end_row(struct grid *grid);

/* With the columns' titles when one has any. */
void grid_print(struct grid *grid, struct paper *paper);

#endif
