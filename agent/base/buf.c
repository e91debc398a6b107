/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char buf_empty[1];

void buf_init(struct buf *buf)
{
	*buf = (struct buf)BUF_INIT;
}

void buf_release(struct buf *buf)
{
	if (buf->capacity)
		free(buf->data);
	buf_init(buf);
}

void buf_clear(struct buf *buf)
{
	buf->size = 0;
	buf->failed = false;
	if (buf->capacity)
		buf->data[0] = '\0';
}

/* True when `size` more bytes and a NUL fit. */
static bool buf_reserve(struct buf *buf, size_t size)
{
	size_t wanted, capacity;
	char *data;

	if (buf->failed)
		return false;
	if (size >= SIZE_MAX / 4 || buf->size >= SIZE_MAX / 4) {
		buf->failed = true;
		return false;
	}
	wanted = buf->size + size + 1;
	if (wanted <= buf->capacity)
		return true;
	capacity = buf->capacity ? buf->capacity : 128;
	while (capacity < wanted)
		capacity *= 2;
	data = realloc(buf->capacity ? buf->data : NULL, capacity);
	if (!data) {
		buf->failed = true;
		return false;
	}
	buf->data = data;
	buf->capacity = capacity;
	return true;
}

void buf_add(struct buf *buf, const void *data, size_t size)
{
	if (!buf_reserve(buf, size))
		return;
	if (size)
		memcpy(buf->data + buf->size, data, size);
	buf->size += size;
	buf->data[buf->size] = '\0';
}

void buf_add_str(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_addf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (size < 0 || !buf_reserve(buf, (size_t)size)) {
		buf->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(buf->data + buf->size, (size_t)size + 1, format, args);
	va_end(args);
	buf->size += (size_t)size;
}

char *buf_take(struct buf *buf)
{
	char *data;

	if (buf->failed || !buf_reserve(buf, 0)) {
		buf_release(buf);
		return NULL;
	}
	data = buf->data;
	data[buf->size] = '\0';
	buf_init(buf);
	return data;
}

int buf_status(const struct buf *buf)
{
	return buf->failed ? -ENOMEM : 0;
}
