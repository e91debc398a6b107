/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table that fits the terminal: columns are as wide as their widest cell; when they do not fit,
 * empty ones go, long ones are shortened, and then the least important ones left out. Text comes
 * from processes that nobody vouches for: control characters never reach the terminal.
 */
#ifndef PARKMETER_CLI_TABLE_H
#define PARKMETER_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "summary/summary.h"

#define TABLE_COLUMNS_MAX 16

struct table_column {
	const char *title;
	bool right;         /* numbers */
	unsigned int least; /* width to which it may be shortened; 0: not at all */
	unsigned int drop;  /* left out when there is no room, the highest first; 0: never */
};

enum table_look { TABLE_PLAIN, TABLE_STRONG, TABLE_GOOD, TABLE_BAD };

struct table_cell {
	char *text; /* owned */
	unsigned int width;
	enum table_look look;
};

/* Cells are added row by row; memory that ran out is remembered. */
struct table {
	const struct table_column *columns; /* borrowed */
	size_t column_count;
	struct table_cell *cells;
	size_t count, capacity;
	bool failed;
};

void table_init(struct table *table, const struct table_column *columns, size_t column_count);
void table_release(struct table *table);

/* The next cell: at most `size` bytes of `text`; "-" for NULL. */
void table_add(struct table *table, const char *text, size_t size, enum table_look look);

int table_status(const struct table *table);

/* Only style->columns == UINT_MAX leaves everything as it is. */
void table_render(const struct table *table, const struct text_style *style, struct buf *buf);

/* Text for a terminal: what cannot be printed becomes '?'. */
void table_add_text(struct buf *buf, const char *text);

#endif
