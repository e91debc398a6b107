/* SPDX-License-Identifier: Apache-2.0 */
#include "summary/paper.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

/* SGR parameters (ECMA-48). Only the eight colours that every theme adapts. */
static const char *const inks[] = {
	[INK_PLAIN] = "", [INK_BOLD] = "1",     [INK_DIM] = "2",   [INK_GOOD] = "32",
	[INK_BAD] = "31", [INK_WARNING] = "33", [INK_NAME] = "36",
};
static_assert(sizeof(inks) / sizeof(inks[0]) == INK_COUNT, "a colour for each ink");

static const char *const signs[][2] = {
	[SIGN_ARROW] = { "->", "→" }, [SIGN_DOT] = { ",", "·" },  [SIGN_DASH] = { "-", "–" },
	[SIGN_RULE] = { "-", "─" },   [SIGN_MARK] = { "<", "◂" }, [SIGN_ELLIPSIS] = { "...", "…" },
	[SIGN_GAP] = { ":", "⋮" },
};
static_assert(sizeof(signs) / sizeof(signs[0]) == SIGN_COUNT, "two forms of each sign");

void paper_init(struct paper *paper, const struct text_style *style, struct buf *buf)
{
	size_t columns = style->columns ? style->columns : 80;

	if (columns < PAPER_COLUMNS_MIN)
		columns = PAPER_COLUMNS_MIN;
	if (columns > PAPER_COLUMNS_MAX)
		columns = PAPER_COLUMNS_MAX;
	*paper = (struct paper){
		.buf = buf,
		.colour = style->colour,
		.unicode = style->unicode,
		.columns = columns,
	};
}

const char *paper_sign(const struct paper *paper, enum sign sign)
{
	return signs[sign][paper->unicode];
}

void paper_text(struct paper *paper, enum ink ink, const char *text)
{
	bool coloured = paper->colour && inks[ink][0] && text[0];

	if (coloured)
		buf_addf(paper->buf, "\033[%sm", inks[ink]);
	utf8_add_printable(paper->buf, text, paper->unicode);
	if (coloured)
		buf_add_str(paper->buf, "\033[0m");
}

void paper_textf(struct paper *paper, enum ink ink, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0) {
		paper->buf->failed = true;
		return;
	}
	paper_text(paper, ink, text);
	free(text);
}

void paper_repeat(struct paper *paper, enum ink ink, const char *text, size_t times)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT;

	for (size_t i = 0; i < times; i++)
		buf_add_str(&line, text);
	paper_text(paper, ink, line.data);
}

void paper_end_line(struct paper *paper)
{
	struct buf *buf = paper->buf;

	while (buf->size && buf->data[buf->size - 1] == ' ')
		buf->data[--buf->size] = '\0';
	buf_add_char(buf, '\n');
}

void paper_heading(struct paper *paper, const char *title)
{
	const char *rule = paper_sign(paper, SIGN_RULE);
	CLEANUP(buf_release) struct buf shown = BUF_INIT;
	size_t width;

	utf8_add_printable(&shown, title, paper->unicode);
	shown.size = utf8_fit(shown.data, shown.size, paper->columns - 8);
	if (shown.size)
		shown.data[shown.size] = '\0';
	width = utf8_width(shown.data, shown.size);
	paper_end_line(paper);
	paper_repeat(paper, INK_DIM, rule, 2);
	paper_text(paper, INK_PLAIN, " ");
	paper_text(paper, INK_BOLD, shown.data);
	paper_text(paper, INK_PLAIN, " ");
	paper_repeat(paper, INK_DIM, rule, paper->columns - 4 - width);
	paper_end_line(paper);
}

void paper_title(struct paper *paper, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0) {
		paper->buf->failed = true;
		return;
	}
	paper_end_line(paper);
	paper_wrap(paper, INK_BOLD, "", text);
	free(text);
}

/* Bytes up to the end of the next line of at most `room` columns; a longer word is cut. */
static size_t line_size(const char *text, size_t room)
{
	size_t fits = utf8_fit(text, strlen(text), room), size = fits;

	if (!text[fits])
		return fits;
	while (size && text[size] != ' ')
		size--;
	return size ? size : fits;
}

void paper_wrap_items(struct paper *paper, enum ink ink, const char *lead, const char *items)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT;
	size_t indent = utf8_width(lead, strlen(lead));
	const char *dot = paper_sign(paper, SIGN_DOT);

	while (*items) {
		size_t size = strcspn(items, ITEM_END);
		size_t width = utf8_width(line.data, line.size) + utf8_width(items, size) + 3;

		if (line.size && indent + width > paper->columns) {
			paper_wrap(paper, ink, lead, line.data);
			buf_clear(&line);
		}
		if (line.size)
			buf_addf(&line, "%s%s ", paper->unicode ? " " : "", dot);
		buf_add(&line, items, size);
		items += size + (items[size] != '\0');
	}
	if (line.size)
		paper_wrap(paper, ink, lead, line.data);
	paper->buf->failed |= line.failed;
}

void paper_wrap(struct paper *paper, enum ink ink, const char *lead, const char *text)
{
	CLEANUP(buf_release) struct buf shown = BUF_INIT;
	size_t indent = utf8_width(lead, strlen(lead));
	size_t room = paper->columns > indent + 20 ? paper->columns - indent : 20;
	const char *rest;

	utf8_add_printable(&shown, text, paper->unicode);
	rest = shown.data;
	paper_text(paper, INK_DIM, lead);
	do {
		size_t size = line_size(rest, room);

		paper_textf(paper, ink, "%.*s", (int)size, rest);
		paper_end_line(paper);
		rest += size;
		rest += strspn(rest, " ");
		if (*rest)
			paper_repeat(paper, INK_PLAIN, " ", indent);
	} while (*rest);
}
