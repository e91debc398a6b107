/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/cleanup.h"

#define GZIP_WINDOW_BITS (15 + 16) /* the largest window; 16 asks for gzip's head and tail */
#define GZIP_MEMORY      8         /* zlib's default */
#define GZIP_BYTES_MAX   (1UL << 30)

static void deflate_release(z_stream *stream)
{
	deflateEnd(stream);
}

int gzip_compress(const void *data, size_t size, struct buf *buf)
{
	CLEANUP(deflate_release) z_stream stream = { 0 };
	CLEANUP(freep) void *packed = NULL;
	uLong bound;

	if (size > GZIP_BYTES_MAX)
		return -EFBIG;
	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	bound = deflateBound(&stream, (uLong)size);
	packed = malloc(bound);
	if (!packed)
		return -ENOMEM;
	stream.next_in = (Bytef *)data;
	stream.avail_in = (uInt)size;
	stream.next_out = packed;
	stream.avail_out = (uInt)bound;
	/* The bound is one, so a single call is the whole. */
	if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
		return -ENOMEM;
	buf_add(buf, packed, stream.total_out);
	return buf_status(buf);
}
