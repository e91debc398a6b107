/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte string, always NUL-terminated behind its last byte. Running out of memory is
 * remembered (`failed`) and turns later additions into no-ops, so that a writer checks once, at the
 * end, instead of after each line.
 */
#ifndef PARKMETER_BASE_BUF_H
#define PARKMETER_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;  /* owned; "" (not allocated) while empty */
	size_t size; /* bytes used, without the NUL */
	size_t capacity;
	bool failed;
};

extern char buf_empty[1];

/* Every buf starts as this, where it is declared. */
#define BUF_INIT                  \
	{                         \
		.data = buf_empty \
	}

void buf_init(struct buf *buf);    /* the same for one inside of another object */
void buf_release(struct buf *buf); /* usable as CLEANUP(buf_release) */
void buf_clear(struct buf *buf);   /* keeps the memory */

void buf_add(struct buf *buf, const void *data, size_t size);
void buf_add_str(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The string, owned by the caller (free()); NULL when memory ran out. The buf is empty afterwards.
 */
char *buf_take(struct buf *buf);

/* -ENOMEM when an addition failed, else 0. */
int buf_status(const struct buf *buf);

#endif
