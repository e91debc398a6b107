/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as one gzip member. */
#ifndef PARKMETER_SINK_GZIP_H
#define PARKMETER_SINK_GZIP_H

#include <stddef.h>

#include "base/buf.h"

/* Adds `data`, compressed, to `buf`. The same bytes each time. -ENOMEM, -EFBIG (above 1 GiB). */
int gzip_compress(const void *data, size_t size, struct buf *buf);

#endif
