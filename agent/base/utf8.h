/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text from outside (names of processes, functions, labels) may hold anything. For JSON it must be
 * UTF-8; for a terminal it must neither steer it nor upset the columns.
 */
#ifndef PARKMETER_BASE_UTF8_H
#define PARKMETER_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * Decodes one character of a NUL-terminated text that is not at its end; returns the bytes it
 * takes, at least 1. What is no UTF-8 (RFC 3629: overlong forms, surrogates and what is beyond
 * U+10FFFF included) takes 1 byte and sets *ret_code to UINT32_MAX.
 */
size_t utf8_decode(const char *text, uint32_t *ret_code);

/* True for the C0 and C1 control characters and DEL. */
static inline bool utf8_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* True when all of `text` is UTF-8. */
bool utf8_valid(const char *text);

/* Adds `text`, whatever is no UTF-8 replaced by U+FFFD. */
void utf8_add(struct buf *buf, const char *text);

/*
 * Adds `text` as a terminal may have it: no control, format or direction characters (they become
 * U+FFFD, or "?" without `unicode`), and nothing but ASCII without `unicode`.
 */
void utf8_add_printable(struct buf *buf, const char *text, bool unicode);

/* Columns that the first `size` bytes of a printable text take. */
size_t utf8_width(const char *text, size_t size);

/* How many bytes of `text` fit `columns` columns; whole characters. */
size_t utf8_fit(const char *text, size_t size, size_t columns);

/* The first byte from which on the rest of `text` fits `columns` columns. */
size_t utf8_fit_tail(const char *text, size_t size, size_t columns);

#endif
