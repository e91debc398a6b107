/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What text is written on: knows the width, the signs and the colours. Everything that goes through
 * paper_text() is made printable first, so that no name from outside reaches the terminal as it is;
 * escape sequences come from here alone.
 */
#ifndef PARKMETER_SUMMARY_PAPER_H
#define PARKMETER_SUMMARY_PAPER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "summary/summary.h"

enum ink {
	INK_PLAIN,
	INK_BOLD,
	INK_DIM,
	INK_GOOD,
	INK_BAD,
	INK_WARNING,
	INK_NAME,
	INK_COUNT,
};

/* Each is one column wide, or a few where there is only ASCII. */
enum sign {
	SIGN_ARROW,
	SIGN_DOT,
	SIGN_DASH,
	SIGN_RULE,
	SIGN_MARK,
	SIGN_ELLIPSIS,
	SIGN_GAP,
	SIGN_COUNT,
};

#define PAPER_COLUMNS_MIN 60
#define PAPER_COLUMNS_MAX 160

struct paper {
	struct buf *buf; /* borrowed */
	bool colour, unicode;
	size_t columns;
};

void paper_init(struct paper *paper, const struct text_style *style, struct buf *buf);

const char *paper_sign(const struct paper *paper, enum sign sign);

void paper_text(struct paper *paper, enum ink ink, const char *text);
void paper_textf(struct paper *paper, enum ink ink, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void paper_repeat(struct paper *paper, enum ink ink, const char *text, size_t times);
void paper_end_line(struct paper *paper);

/* "── title ─────────", with an empty line before it. */
void paper_heading(struct paper *paper, const char *title);

/* The title of a part, with an empty line before it. */
void paper_title(struct paper *paper, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Whole lines, broken between words: the first behind `lead` (which is not broken), the others
 * indented by as much.
 */
void paper_wrap(struct paper *paper, enum ink ink, const char *lead, const char *text);

/*
 * The same of a list whose items each end in ITEM_END: broken between items only, with a dot
 * between two of a line.
 */
#define ITEM_END "\x1e"
void paper_wrap_items(struct paper *paper, enum ink ink, const char *lead, const char *items);

#endif
