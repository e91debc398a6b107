/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define R UTF8_REPLACEMENT

static void assert_added(const char *text, const char *expected)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	utf8_add(&buf, text);
	assert_string_equal(buf.data, expected);
}

static void assert_printable(const char *text, bool unicode, const char *expected)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	utf8_add_printable(&buf, text, unicode);
	assert_string_equal(buf.data, expected);
}

static void test_every_code_survives(void **state)
{
	(void)state;
	for (uint32_t code = 1; code <= 0x10ffff; code++) {
		char text[5] = { 0 };
		uint32_t decoded;
		size_t size;

		if (code >= 0xd800 && code <= 0xdfff)
			continue;
		size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
		for (size_t i = size - 1; i > 0; i--)
			text[i] = (char)(0x80 | ((code >> (6 * (size - 1 - i))) & 0x3f));
		text[0] = (char)(size == 1   ? code
				 : size == 2 ? 0xc0 | code >> 6
				 : size == 3 ? 0xe0 | code >> 12
					     : 0xf0 | code >> 18);
		if (utf8_decode(text, &decoded) != size || decoded != code)
			fail_msg("U+%04X", code);
		for (size_t cut = 1; cut < size; cut++) {
			text[cut] = '\0';
			if (utf8_decode(text, &decoded) != 1 || decoded != UINT32_MAX)
				fail_msg("U+%04X cut to %zu bytes", code, cut);
			cut = size;
		}
	}
}

static void test_what_is_no_utf8_is_replaced(void **state)
{
	(void)state;
	assert_added("plain µ € 😀", "plain µ € 😀");
	assert_added("\x80", R);
	assert_added("\xc0\xaf", R R); /* overlong "/" */
	assert_added("\xe0\x80\xaf", R R R);
	assert_added("\xf0\x80\x80\xaf", R R R R);
	assert_added("\xed\xa0\x80", R R R);       /* a surrogate */
	assert_added("\xf4\x90\x80\x80", R R R R); /* U+110000 */
	assert_added("\xff\xfe", R R);
	assert_added("a\xe2\x82", "a" R R);
	assert_added("\xe2\x82z", R R "z");
	assert_added("\x1b[2J", "\x1b[2J"); /* JSON escapes it */
}

static void test_nothing_steers_the_terminal(void **state)
{
	(void)state;
	assert_printable("a\x1b[31mb\x07\r\n\x7f", true, "a" R "[31mb" R R R R);
	assert_printable("\xc2\x9b"
			 "31m",
			 true, R "31m"); /* CSI as one C1 character */
	assert_printable("user\xe2\x80\xaegnp.exe", true, "user" R "gnp.exe"); /* right to left */
	assert_printable("\xe2\x80\x8b\xef\xbb\xbf", true, R R);
	assert_printable("µs\x1b", false, "?s?");
	assert_printable("main.(*Größe).λ", true, "main.(*Größe).λ");
}

/* Whatever the bytes are, none of the result is a control character. */
static void test_every_pair_of_bytes(void **state)
{
	(void)state;
	for (unsigned int first = 1; first < 256; first++) {
		for (unsigned int second = 1; second < 256; second++) {
			const char text[] = { (char)first, (char)second, '\0' };
			CLEANUP(buf_release) struct buf buf = BUF_INIT;

			utf8_add_printable(&buf, text, (first + second) % 2);
			for (size_t i = 0; i < buf.size; i++) {
				unsigned char byte = (unsigned char)buf.data[i];

				if (byte < 0x20 || byte == 0x7f)
					fail_msg("%02x %02x", first, second);
			}
		}
	}
}

static void test_widths(void **state)
{
	static const char text[] = "aµ漢e\xcc\x81";

	(void)state;
	assert_int_equal(utf8_width(text, sizeof(text) - 1), 5);
	assert_int_equal(utf8_width("", 0), 0);
	assert_int_equal(utf8_fit(text, sizeof(text) - 1, 2), 3);
	assert_int_equal(utf8_fit(text, sizeof(text) - 1, 3), 3); /* half of a wide one is none */
	assert_int_equal(utf8_fit(text, sizeof(text) - 1, 99), sizeof(text) - 1);
	assert_int_equal(utf8_fit_tail(text, sizeof(text) - 1, 1), 6);
	assert_int_equal(utf8_fit_tail(text, sizeof(text) - 1, 2), 6);
	assert_int_equal(utf8_fit_tail(text, sizeof(text) - 1, 3), 3);
	assert_int_equal(utf8_fit_tail(text, sizeof(text) - 1, 99), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_survives),
		cmocka_unit_test(test_what_is_no_utf8_is_replaced),
		cmocka_unit_test(test_nothing_steers_the_terminal),
		cmocka_unit_test(test_every_pair_of_bytes),
		cmocka_unit_test(test_widths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
