/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

struct range {
	uint32_t first, last;
};

/* Unicode 15: characters that move the cursor, hide or reorder what stands around them. */
static const struct range unprintable[] = {
	{ 0x00, 0x1f },     { 0x7f, 0x9f },       { 0xad, 0xad },        { 0x61c, 0x61c },
	{ 0x180e, 0x180e }, { 0x200b, 0x200f },   { 0x2028, 0x202e },    { 0x2060, 0x206f },
	{ 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },   { 0xfff9, 0xfffb },    { 0xfffe, 0xffff },
	{ 0xe000, 0xf8ff }, { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff },
};

/* Combining marks of the scripts that use them most: no column of their own. */
static const struct range combining[] = {
	{ 0x300, 0x36f },   { 0x483, 0x489 },   { 0x591, 0x5bd },   { 0x610, 0x61a },
	{ 0x64b, 0x65f },   { 0x93c, 0x93c },   { 0x94d, 0x94d },   { 0xe31, 0xe31 },
	{ 0xe34, 0xe3a },   { 0xe47, 0xe4e },   { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
	{ 0x20d0, 0x20ff }, { 0xfe20, 0xfe2f },
};

/* East Asian Width W and F, and emoji: two columns. */
static const struct range wide[] = {
	{ 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },
	{ 0xa960, 0xa97c },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },
	{ 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x16fe0, 0x18cff }, { 0x1b000, 0x1b2ff },
	{ 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};

#define IN(ranges, code) in_ranges(ranges, sizeof(ranges) / sizeof((ranges)[0]), code)

static bool in_ranges(const struct range *ranges, size_t count, uint32_t code)
{
	for (size_t i = 0; i < count; i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}

static size_t char_width(uint32_t code)
{
	if (code < 0x300)
		return 1;
	if (IN(combining, code))
		return 0;
	return IN(wide, code) ? 2 : 1;
}

size_t utf8_decode(const char *text, uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *bytes = (const unsigned char *)text;
	uint32_t code;
	size_t size;

	*ret_code = UINT32_MAX;
	if (bytes[0] < 0x80) {
		*ret_code = bytes[0];
		return 1;
	}
	if (bytes[0] < 0xc2 || bytes[0] > 0xf4)
		return 1;
	size = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	code = bytes[0] & (0x7fU >> size);
	for (size_t i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80) /* the NUL at the end, too */
			return 1;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < smallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 1;
	*ret_code = code;
	return size;
}

bool utf8_valid(const char *text)
{
	uint32_t code;

	while (*text) {
		text += utf8_decode(text, &code);
		if (code == UINT32_MAX)
			return false;
	}
	return true;
}

void utf8_add(struct buf *buf, const char *text)
{
	while (*text) {
		uint32_t code;
		size_t size = utf8_decode(text, &code);

		if (code == UINT32_MAX)
			buf_add_str(buf, UTF8_REPLACEMENT);
		else
			buf_add(buf, text, size);
		text += size;
	}
}

void utf8_add_printable(struct buf *buf, const char *text, bool unicode)
{
	while (*text) {
		uint32_t code;
		size_t size = utf8_decode(text, &code);

		if (code != UINT32_MAX && !IN(unprintable, code) && (unicode || code < 0x80))
			buf_add(buf, text, size);
		else
			buf_add_str(buf, unicode ? UTF8_REPLACEMENT : "?");
		text += size;
	}
}

size_t utf8_width(const char *text, size_t size)
{
	size_t width = 0;

	for (size_t at = 0; at < size;) {
		uint32_t code;

		at += utf8_decode(text + at, &code);
		width += char_width(code == UINT32_MAX ? '?' : code);
	}
	return width;
}

size_t utf8_fit(const char *text, size_t size, size_t columns)
{
	size_t width = 0, at = 0;

	while (at < size) {
		uint32_t code;
		size_t bytes = utf8_decode(text + at, &code);

		width += char_width(code == UINT32_MAX ? '?' : code);
		if (width > columns)
			break;
		at += bytes;
	}
	return at;
}

size_t utf8_fit_tail(const char *text, size_t size, size_t columns)
{
	size_t width = utf8_width(text, size), at = 0;

	while (at < size && width > columns) {
		uint32_t code;

		at += utf8_decode(text + at, &code);
		width -= char_width(code == UINT32_MAX ? '?' : code);
	}
	return at;
}
