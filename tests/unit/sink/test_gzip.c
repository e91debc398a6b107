/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/gzip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/cleanup.h"

/* What zlib's own reader makes of it; -1 when it is not one whole gzip member. */
static long unpack(const char *data, size_t size, char *plain, size_t plain_size)
{
	z_stream stream = { .next_in = (Bytef *)data,
			    .avail_in = (uInt)size,
			    .next_out = (Bytef *)plain,
			    .avail_out = (uInt)plain_size };
	int end;

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	end = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	return end == Z_STREAM_END && !stream.avail_in ? (long)stream.total_out : -1;
}

static void test_round_trip(void **state)
{
	static char data[200000], plain[200001];
	static const size_t sizes[] = { 0, 1, 100, 65536, sizeof(data) };
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = i < 65536 ? 'a' : (char)(seed >> 24); /* what shrinks, what grows */
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		CLEANUP(buf_release) struct buf buf = BUF_INIT;

		buf_add_str(&buf, "x");
		assert_int_equal(gzip_compress(data, sizes[i], &buf), 0);
		assert_int_equal(unpack(buf.data + 1, buf.size - 1, plain, sizeof(plain)),
				 sizes[i]);
		assert_memory_equal(plain, data, sizes[i]);
		assert_int_equal(unpack(buf.data + 1, buf.size - 2, plain, sizeof(plain)), -1);
	}
}

static void test_too_large(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	(void)state;
	assert_int_equal(gzip_compress("", (1UL << 30) + 1, &buf), -EFBIG);
	assert_int_equal(buf.size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
