/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This program plays a Go process: its own variables bear the names of the runtime's, and peek
 * reads them from its memory by way of its own symbol table. What a real runtime says is compared
 * in tests/bpf/test_target.c.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "peek/peek.h"

#include "gobin/internal.h" /* a gobin that was never loaded from a Go program */

#define GOROUTINES 1200 /* more than two batches */
#define DEAD       6
#define WAITING    4
#define SCAN       0x1000

struct g {
	uint8_t before[144];
	uint32_t atomicstatus;
	uint8_t behind[300];
};

struct slice {
	struct g **data;
	uint64_t length, capacity;
};

struct sched {
	uint8_t before[96]; /* Go 1.26 */
	uint32_t ngsys;
	uint8_t behind[64];
};

/* The names that the linker of Go gives to these. */
static volatile struct slice allgs __asm__("runtime.allgs") __attribute__((used));
static volatile struct sched sched __asm__("runtime.sched") __attribute__((used));

static struct g goroutines[GOROUTINES];
static struct g *pointers[GOROUTINES];
static struct gobin bin;
static struct binary binary;
static struct target target;

static uint64_t own_bias(void)
{
	Elf64_Ehdr header;

	assert_int_equal(image_read_offset(&bin.image, 0, &header, sizeof(header)), 0);
	return header.e_type == ET_DYN ? getauxval(AT_ENTRY) - header.e_entry : 0;
}

static int set_up(void **state)
{
	(void)state;
	bin = (struct gobin){ .release = { .minor = 26, .exact = true },
			      .info = { .go_version = "go1.26.10", .go_minor = 26 } };
	if (image_open(AT_FDCWD, "/proc/self/exe", &bin.image, NULL) < 0)
		return -1;
	binary = (struct binary){ .bin = &bin, .fd = -1 };
	target = (struct target){ .pid = getpid(),
				  .pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0),
				  .binary = &binary,
				  .load_bias = own_bias() };
	for (size_t i = 0; i < GOROUTINES; i++) {
		pointers[i] = &goroutines[i];
		goroutines[i].atomicstatus = WAITING;
	}
	allgs.data = pointers;
	allgs.length = GOROUTINES;
	allgs.capacity = GOROUTINES;
	sched.ngsys = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	image_release(&bin.image);
	close(target.pidfd);
	return 0;
}

static void assert_count(uint64_t wanted)
{
	struct err err = ERR_INIT;
	uint64_t count = 0;

	if (peek_goroutine_count(&target, &count, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(count, wanted);
}

static void assert_refused(int code, const char *part)
{
	struct err err = ERR_INIT;
	uint64_t count = 42;

	assert_int_equal(peek_goroutine_count(&target, &count, &err), code);
	assert_non_null(strstr(err.text, part));
	assert_int_equal(count, 42);
}

static void test_the_living_are_counted(void **state)
{
	(void)state;
	assert_count(GOROUTINES);
	goroutines[0].atomicstatus = 0; /* idle */
	goroutines[1].atomicstatus = DEAD;
	goroutines[2].atomicstatus = DEAD | SCAN;
	goroutines[3].atomicstatus = 2 | SCAN;
	goroutines[4].atomicstatus = 9;
	goroutines[5].atomicstatus = 10; /* leaked, but there */
	goroutines[GOROUTINES - 1].atomicstatus = DEAD;
	assert_count(GOROUTINES - 4);
}

static void test_the_runtimes_own_are_left_out(void **state)
{
	(void)state;
	sched.ngsys = 5;
	assert_count(GOROUTINES - 5);
	/* two of them are dead goroutines of extra threads */
	goroutines[0].atomicstatus = 11;
	goroutines[1].atomicstatus = 11;
	assert_count(GOROUTINES - 2 - 3);
	/* impossible numbers are not believed */
	sched.ngsys = 1;
	assert_count(GOROUTINES - 2);
	sched.ngsys = UINT32_MAX;
	assert_count(GOROUTINES - 2);
}

static void test_fewer_than_a_batch(void **state)
{
	(void)state;
	for (allgs.length = 1; allgs.length < 4; allgs.length++)
		assert_count(allgs.length);
	allgs.length = 513;
	assert_count(513);
}

static void test_what_is_no_status(void **state)
{
	(void)state;
	goroutines[700].atomicstatus = 12;
	assert_refused(-ENOTSUP, "does not look like");
	goroutines[700].atomicstatus = 0xdeadbeef;
	assert_refused(-ENOTSUP, "does not look like");
}

static void test_slices_that_cannot_be(void **state)
{
	(void)state;
	allgs.length = 0; /* before the runtime has started */
	assert_refused(-ENOTSUP, "not started");
	allgs.length = GOROUTINES + 1;
	assert_refused(-ENOTSUP, "does not look like");
	allgs.length = GOROUTINES;
	allgs.data = NULL;
	assert_refused(-ENOTSUP, "does not look like");
	allgs.data = (struct g **)((uintptr_t)pointers + 1);
	assert_refused(-ENOTSUP, "does not look like");
	allgs.data = pointers;
	allgs.capacity = UINT64_MAX;
	allgs.length = (uint64_t)PEEK_GOROUTINES_MAX + 1;
	assert_refused(-E2BIG, "more than");
}

static void test_pointers_that_lead_nowhere(void **state)
{
	void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	pointers[600] = NULL;
	assert_refused(-ENOTSUP, "does not look like");
	pointers[600] = nowhere;
	assert_refused(-ENOTSUP, "memory");
	allgs.data = nowhere;
	assert_refused(-ENOTSUP, "memory");
	munmap(nowhere, 4096);
}

static void test_binaries_that_cannot_be_read(void **state)
{
	(void)state;
	binary.bin = NULL;
	binary.refused = (char *)"it was built by go1.15.15";
	assert_refused(-ENOTSUP, "go1.15.15");
	binary.bin = &bin;
	bin.release.minor = 99; /* no table for it, and this program's DWARF knows no Go */
	assert_refused(-ENOTSUP, "layout");
}

static void test_variables_by_name(void **state)
{
	static const char *const names[] = { "runtime.sched", "runtime.sche", "runtime.schedx", "",
					     "main" };
	uint64_t addresses[5] = { 1, 1, 1, 1, 1 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(gobin_variables_find(&bin, names, 5, addresses, &err), 0);
	assert_int_equal(addresses[0] + target.load_bias, (uintptr_t)&sched);
	for (size_t i = 1; i < 5; i++) /* the last one is a function */
		assert_int_equal(addresses[i], 0);
}

/* Replaces the image by a copy in which the symbol table's section header is `change`d. */
static void copy_image(void (*change)(Elf64_Shdr *section))
{
	int fd = memfd_create("copy", MFD_CLOEXEC);
	uint8_t *data = malloc(bin.image.size);
	Elf64_Ehdr header;

	assert_non_null(data);
	assert_int_equal(image_read_offset(&bin.image, 0, data, bin.image.size), 0);
	memcpy(&header, data, sizeof(header));
	for (unsigned int i = 0; i < header.e_shnum; i++) {
		Elf64_Shdr *section = (Elf64_Shdr *)(data + header.e_shoff) + i;

		if (section->sh_type == SHT_SYMTAB)
			change(section);
	}
	assert_int_equal(write(fd, data, bin.image.size), bin.image.size);
	free(data);
	close(bin.image.fd);
	bin.image.fd = fd;
}

static void strip(Elf64_Shdr *section)
{
	section->sh_type = SHT_PROGBITS;
}

static void move_behind_the_end(Elf64_Shdr *section)
{
	section->sh_offset = 1ULL << 40;
}

static void make_huge(Elf64_Shdr *section)
{
	section->sh_size = 1ULL << 40;
}

static void make_longer_than_the_file(Elf64_Shdr *section)
{
	section->sh_size = 64ULL << 20;
}

static void link_to_itself(Elf64_Shdr *section)
{
	section->sh_link = 0;
}

static void test_a_stripped_binary(void **state)
{
	(void)state;
	copy_image(strip);
	assert_refused(-ENOTSUP, "stripped");
}

static void test_damaged_symbol_tables(void **state)
{
	static void (*const changes[])(Elf64_Shdr *) = { move_behind_the_end, make_huge,
							 make_longer_than_the_file,
							 link_to_itself };

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		copy_image(changes[i]);
		assert_refused(-EBADMSG, "damaged");
	}
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_the_living_are_counted),
		WITH(test_the_runtimes_own_are_left_out),
		WITH(test_fewer_than_a_batch),
		WITH(test_what_is_no_status),
		WITH(test_slices_that_cannot_be),
		WITH(test_pointers_that_lead_nowhere),
		WITH(test_binaries_that_cannot_be_read),
		WITH(test_variables_by_name),
		WITH(test_a_stripped_binary),
		WITH(test_damaged_symbol_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
