/* SPDX-License-Identifier: Apache-2.0 */
/* The shapes of prologue that Go's compiler makes, and shapes in which there is no site. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gobin/decode.h"

#define AT 0x401000

#define CMP  0x49, 0x3b, 0x66, 0x10 /* cmp 0x10(%r14),%rsp */
#define JBE  0x76, 0x40
#define PUSH 0x55
#define SUB  0x48, 0x83, 0xec, 0x20 /* sub $32,%rsp */
#define RET  0xc3

/* The site's offset, or -1. */
static int entry_site(const uint8_t *bytes, size_t size, unsigned int args, bool return_address)
{
	struct decode_code code = { bytes, size, AT, EM_X86_64 };
	char reason[DECODE_REASON_MAX] = "";
	struct decode_site site;
	int r = decode_entry(&code, args, return_address, &site, reason);

	if (r == 0)
		return (int)(site.address - AT);
	assert_int_equal(r, -ENOENT);
	assert_true(reason[0]);
	return -1;
}

#define SITE(args, stack, ...)                                                                 \
	entry_site((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), \
		   args, stack)

static void test_push_behind_the_stack_check(void **state)
{
	(void)state;
	assert_int_equal(SITE(DECODE_ARG(0), true, CMP, JBE, PUSH, 0x48, 0x89, 0xe5, RET), 6);
	/* with a 32-bit jump */
	assert_int_equal(SITE(DECODE_ARG(0), true, CMP, 0x0f, 0x86, 0, 1, 0, 0, PUSH, RET), 10);
	/* a large frame: lea -0x18(%rsp),%r12; cmp 0x18(%r14),%r12 */
	assert_int_equal(SITE(DECODE_ARG(0), true, 0x4c, 0x8d, 0x64, 0x24, 0xe8, 0x4d, 0x3b, 0x66,
			      0x18, 0x0f, 0x86, 0, 1, 0, 0, PUSH, RET),
			 15);
	/* push %r15 */
	assert_int_equal(SITE(DECODE_ARG(0), true, CMP, JBE, 0x41, 0x57, RET), 6);
}

static void test_the_check_where_no_push_follows(void **state)
{
	(void)state;
	assert_int_equal(SITE(DECODE_ARG(0), true, CMP, JBE, SUB, 0x74, 0x02, RET), 4);
	/* the argument is overwritten before the push: mov %rcx,%rax */
	assert_int_equal(SITE(DECODE_ARG(0), false, CMP, JBE, 0x48, 0x89, 0xc8, PUSH, RET), 4);
	/* one that does not matter: mov %rcx,%rbx */
	assert_int_equal(SITE(DECODE_ARG(0), false, CMP, JBE, 0x48, 0x89, 0xcb, PUSH, RET), 9);
}

static void test_without_a_stack_check(void **state)
{
	(void)state;
	assert_int_equal(SITE(DECODE_ARG(1), false, PUSH, 0x48, 0x89, 0xe5, RET), 0);
	/* cmp $0x72,%ecx; je */
	assert_int_equal(
		SITE(DECODE_ARG(1) | DECODE_ARG(2), false, 0x83, 0xf9, 0x72, 0x74, 0x08, RET), 3);
	/* sub; je: only where the return address is not asked for */
	assert_int_equal(SITE(DECODE_ARG(0), false, SUB, 0x74, 0x00, RET), 4);
	assert_int_equal(SITE(DECODE_ARG(0), true, SUB, 0x74, 0x00, RET), -1);
}

static void test_refuses(void **state)
{
	static const uint8_t empty[1];

	(void)state;
	/* xor %eax,%eax destroys the argument; partial writes count, too: mov $1,%al */
	assert_int_equal(SITE(DECODE_ARG(0), false, 0x31, 0xc0, PUSH, RET), -1);
	assert_int_equal(SITE(DECODE_ARG(0), false, 0xb0, 0x01, PUSH, RET), -1);
	assert_int_equal(SITE(DECODE_ARG(1), false, 0xb0, 0x01, PUSH, RET), 2);
	/* long nops, pause, pushes of memory and of constants are single-stepped */
	assert_int_equal(SITE(0, false, 0x0f, 0x1f, 0x44, 0x00, 0x00, RET), -1);
	assert_int_equal(SITE(0, false, 0xf3, 0x90, RET), -1);
	assert_int_equal(SITE(0, false, 0xff, 0x30, RET), -1);
	assert_int_equal(SITE(0, true, 0x6a, 0x01, RET), -1);
	assert_int_equal(SITE(0, false, 0x90, RET), 0);
	/* what cannot be decoded */
	assert_int_equal(SITE(0, false, 0x06, PUSH), -1);
	assert_int_equal(entry_site(empty, 0, 0, false), -1);
}

/* A loop back to the site would count one call several times. */
static void test_refuses_loops(void **state)
{
	(void)state;
	assert_int_equal(SITE(0, false, 0x48, 0x89, 0xcb, PUSH, 0x75, 0xfd, RET),
			 -1); /* to the push */
	assert_int_equal(SITE(0, false, 0x48, 0x89, 0xcb, PUSH, 0x75, 0xfb, RET), -1);
	/* to the entry: how a function starts again after its stack has grown */
	assert_int_equal(SITE(0, false, CMP, JBE, PUSH, 0xeb, 0xf7, RET), 6);
}

static void test_every_prefix(void **state)
{
	static const uint8_t bytes[] = { CMP, JBE, SUB, 0x0f, 0x84, 0, 1, 0, 0, RET };

	(void)state;
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		uint8_t *copy = malloc(size + 1);
		int site;

		assert_non_null(copy);
		memcpy(copy, bytes, size);
		site = entry_site(copy, size, DECODE_ARG(0), true);
		assert_int_equal(site, size < 6 ? -1 : 4);
		free(copy);
	}
}

static void put_call(uint8_t *bytes, size_t at, uint64_t target)
{
	int32_t distance = (int32_t)(target - (AT + at + 5));

	bytes[at] = 0xe8;
	memcpy(bytes + at + 1, &distance, sizeof(distance));
}

/* call 0x500000; `between`; call 0x600000; ret. The offset of the second call, or -1. */
static int handover(const uint8_t *between, size_t size)
{
	uint8_t bytes[64];
	struct decode_code code = { bytes, size + 11, AT, EM_X86_64 };
	char reason[DECODE_REASON_MAX] = "";
	struct decode_site site;
	int r;

	put_call(bytes, 0, 0x500000);
	memcpy(bytes + 5, between, size);
	put_call(bytes, size + 5, 0x600000);
	bytes[size + 10] = RET;
	r = decode_handover(&code, 0x500000, 0x600000, &site, reason);
	assert_true(r == 0 || reason[0]);
	return r == 0 ? (int)(site.address - AT) : -1;
}

#define HANDOVER(...) \
	handover((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

#define MOV_AX_BX 0x48, 0x89, 0xc3

static void test_handover(void **state)
{
	(void)state;
	assert_int_equal(HANDOVER(MOV_AX_BX), 8);
	/* mov %rax,%rdx; xor %eax,%eax; mov %rdx,%rbx; nop */
	assert_int_equal(HANDOVER(0x48, 0x89, 0xc2, 0x31, 0xc0, 0x48, 0x89, 0xd3, 0x90), 14);
	/* by way of the stack: mov %rax,8(%rsp); mov 8(%rsp),%rbx */
	assert_int_equal(HANDOVER(0x48, 0x89, 0x44, 0x24, 0x08, 0x48, 0x8b, 0x5c, 0x24, 0x08), 15);
}

static void test_refuses_handover(void **state)
{
	uint8_t twice[16] = { 0 };

	(void)state;
	assert_int_equal(HANDOVER(0x90), -1);                  /* nothing in %rbx */
	assert_int_equal(HANDOVER(MOV_AX_BX, 0x31, 0xdb), -1); /* xor %ebx,%ebx */
	assert_int_equal(HANDOVER(MOV_AX_BX, 0x74, 0x00), -1); /* another way may lead here */
	assert_int_equal(HANDOVER(0x89, 0xc3), -1);            /* 32 bits of it */
	/* another slot: mov %rax,8(%rsp); mov 16(%rsp),%rbx */
	assert_int_equal(HANDOVER(0x48, 0x89, 0x44, 0x24, 0x08, 0x48, 0x8b, 0x5c, 0x24, 0x10), -1);
	/* a call between them keeps nothing */
	put_call(twice, 3, 0x700000);
	memcpy(twice, (const uint8_t[]){ MOV_AX_BX }, 3);
	assert_int_equal(handover(twice, 8), -1);
	/* a second producer, a second consumer */
	put_call(twice, 0, 0x500000 - 5);
	memcpy(twice + 5, (const uint8_t[]){ MOV_AX_BX }, 3);
	put_call(twice, 0, 0x5ffffb);
	assert_int_equal(handover(twice, 8), -1);
}

static void test_calls(void **state)
{
	uint8_t bytes[8] = { PUSH };
	struct decode_code code = { bytes, 7, AT, EM_X86_64 };

	(void)state;
	put_call(bytes, 1, 0x500000);
	assert_true(decode_calls(&code, 0x500000));
	assert_false(decode_calls(&code, 0x500001));
	code.size = 5;
	assert_false(decode_calls(&code, 0x500000));
	code.size = 7;
	code.machine = EM_AARCH64;
	assert_false(decode_calls(&code, 0x500000));
}

static void test_other_machines_say_so(void **state)
{
	static const uint8_t bytes[] = { PUSH };
	struct decode_code code = { bytes, 1, AT, EM_AARCH64 };
	char reason[DECODE_REASON_MAX] = "";
	struct decode_site site;

	(void)state;
	assert_int_equal(decode_entry(&code, 0, false, &site, reason), -ENOENT);
	assert_non_null(strstr(reason, "x86-64"));
	reason[0] = '\0';
	assert_int_equal(decode_handover(&code, 1, 2, &site, reason), -ENOENT);
	assert_non_null(strstr(reason, "x86-64"));
}

/* mov rip-relative words into rax: addresses of `words`, which are behind 0x400000. */
static uint64_t slice_of(const uint64_t words[], size_t count)
{
	uint8_t bytes[16 * 7];

	for (size_t i = 0; i < count; i++) {
		uint32_t offset = (uint32_t)(words[i] - (0x400000 + (i + 1) * 7));

		memcpy(bytes + i * 7, (const uint8_t[]){ 0x48, 0x8b, 0x05 }, 3);
		memcpy(bytes + i * 7 + 3, &offset, sizeof(offset));
	}
	return decode_slice(&(struct decode_code){
		.bytes = bytes, .size = count * 7, .address = 0x400000, .machine = EM_X86_64 });
}

static void test_slice(void **state)
{
	static const uint64_t allgs[] = { 0x500110, 0x500008, 0x500110, 0x500100, 0x500108 };
	static const uint64_t pair[] = { 0x500100, 0x500108, 0x500200 };
	static const uint64_t two[] = { 0x500100, 0x500108, 0x500110, 0x500118 };
	/* lea 0x10(%rip),%rax; lea 0x11(%rip),%rax; lea 0x12(%rip),%rax: no words, addresses */
	static const uint8_t leas[] = { 0x48, 0x8d, 0x05, 0x10, 0, 0, 0,
					0x48, 0x8d, 0x05, 0x11, 0, 0, 0,
					0x48, 0x8d, 0x05, 0x12, 0, 0, 0 };
	const struct decode_code code = {
		.bytes = leas, .size = sizeof(leas), .address = 0x400000, .machine = EM_X86_64
	};
	struct decode_code foreign = code;

	(void)state;
	assert_int_equal(slice_of(allgs, 5), 0x500100);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(slice_of(allgs, i), 0); /* not all of its words */
	assert_int_equal(slice_of(pair, 3), 0);
	assert_int_equal(slice_of(two, 4), 0);
	assert_int_equal(decode_slice(&code), 0);
	foreign.machine = EM_AARCH64;
	assert_int_equal(decode_slice(&foreign), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_push_behind_the_stack_check),
		cmocka_unit_test(test_the_check_where_no_push_follows),
		cmocka_unit_test(test_without_a_stack_check),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_refuses_loops),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_handover),
		cmocka_unit_test(test_refuses_handover),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_other_machines_say_so),
		cmocka_unit_test(test_slice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
