/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t sample[] = { 0x01, 0x82, 0x03, 0x84, 0x05, 0x06, 0x07, 0x08, 0x00, 'h', 'i' };

static void test_values(void **state)
{
	const struct bytes bytes = { sample, sizeof(sample) };
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	uint16_t u16 = 0;
	uint8_t u8 = 0;

	(void)state;
	assert_true(bytes_u8(bytes, 10, &u8) && u8 == 'i');
	assert_true(bytes_u16(bytes, 1, &u16) && u16 == 0x0382);
	assert_true(bytes_u32(bytes, 1, &u32) && u32 == 0x05840382);
	assert_true(bytes_u64(bytes, 0, &u64) && u64 == 0x0807060584038201);
	assert_string_equal(bytes_str(bytes, 8), "");
	assert_string_equal(bytes_str(bytes, 0), (const char *)sample);
}

/* Offsets at, behind and far behind the end: refused, and the output is as it was. */
static void test_refuses_beyond_the_end(void **state)
{
	static const uint64_t offsets[] = { sizeof(sample), sizeof(sample) + 1, UINT64_MAX - 7,
					    UINT64_MAX };
	const struct bytes bytes = { sample, sizeof(sample) };
	uint64_t u64 = 7;
	uint32_t u32 = 7;
	uint16_t u16 = 7;
	uint8_t u8 = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		assert_false(bytes_u8(bytes, offsets[i], &u8));
		assert_false(bytes_u16(bytes, offsets[i], &u16));
		assert_false(bytes_u32(bytes, offsets[i], &u32));
		assert_false(bytes_u64(bytes, offsets[i], &u64));
		assert_null(bytes_str(bytes, offsets[i]));
		assert_int_equal(bytes_slice(bytes, offsets[i], 1).size, 0);
	}
	assert_false(bytes_u64(bytes, 4, &u64));
	assert_false(bytes_u32(bytes, 8, &u32));
	assert_null(bytes_str(bytes, 9));
	assert_true(u8 == 7 && u16 == 7 && u32 == 7 && u64 == 7);
	assert_false(bytes_u8((struct bytes){ NULL, 0 }, 0, &u8));
}

static void test_slice(void **state)
{
	const struct bytes bytes = { sample, sizeof(sample) };
	const struct bytes part = bytes_slice(bytes, 2, 3);
	uint8_t u8 = 0;

	(void)state;
	assert_int_equal(part.size, 3);
	assert_true(bytes_u8(part, 2, &u8) && u8 == 0x05);
	assert_false(bytes_u8(part, 3, &u8));
	assert_true(bytes_has(bytes, sizeof(sample), 0));
	assert_int_equal(bytes_slice(bytes, 1, sizeof(sample)).size, 0);
	assert_int_equal(bytes_slice(bytes, 1, UINT64_MAX).size, 0);
}

static void test_uvarint(void **state)
{
	static const struct {
		uint8_t data[11];
		uint64_t size, value;
	} cases[] = {
		{ { 0x00 }, 1, 0 },
		{ { 0x7f }, 1, 127 },
		{ { 0x80, 0x01 }, 2, 128 },
		{ { 0xac, 0x02 }, 2, 300 },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 }, 10, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t offset = 0;
		uint64_t value = 1;

		assert_true(bytes_uvarint((struct bytes){ cases[i].data, cases[i].size }, &offset,
					  &value));
		assert_true(value == cases[i].value && offset == cases[i].size);
		for (uint64_t size = 0; size < cases[i].size; size++) {
			offset = 0;
			assert_false(bytes_uvarint((struct bytes){ cases[i].data, size }, &offset,
						   &value));
			assert_true(offset == 0 && value == cases[i].value);
		}
	}
}

static void test_uvarint_too_large(void **state)
{
	static const uint8_t cases[][11] = {
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 },
		{ 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 },
	};
	uint64_t offset = 0;
	uint64_t value = 7;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_false(bytes_uvarint((struct bytes){ cases[i], 11 }, &offset, &value));
	offset = UINT64_MAX;
	assert_false(bytes_uvarint((struct bytes){ cases[0], 11 }, &offset, &value));
	assert_int_equal(value, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refuses_beyond_the_end),
		cmocka_unit_test(test_slice),
		cmocka_unit_test(test_uvarint),
		cmocka_unit_test(test_uvarint_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
