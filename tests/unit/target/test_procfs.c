/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "target/procfs.h"

static const char stat_text[] =
	"4242 (a) R (b) S 1 4242 4242 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 9 0 123456 1 2 3\n";

static void test_stat_reads_behind_the_last_bracket(void **state)
{
	struct procfs_stat stat;

	(void)state;
	assert_int_equal(procfs_parse_stat(stat_text, &stat), 0);
	assert_int_equal(stat.state, 'S');
	assert_int_equal(stat.parent, 1);
	assert_false(stat.kernel_thread);
	assert_int_equal(stat.start_ticks, 123456);
}

static void test_stat_knows_kernel_threads(void **state)
{
	struct procfs_stat stat;

	(void)state;
	assert_int_equal(procfs_parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 "
					   "1 0 3 0 0\n",
					   &stat),
			 0);
	assert_true(stat.kernel_thread);
}

static void test_stat_refuses_every_prefix(void **state)
{
	size_t needed = (size_t)(strstr(stat_text, "123456") - stat_text);
	struct procfs_stat stat = { .state = '!' };
	char cut[sizeof(stat_text)];

	(void)state;
	for (size_t i = 0; i <= needed; i++) {
		memcpy(cut, stat_text, i);
		cut[i] = '\0';
		assert_int_equal(procfs_parse_stat(cut, &stat), -EBADMSG);
	}
	assert_int_equal(stat.state, '!'); /* untouched by failures */
}

static void test_status(void **state)
{
	struct procfs_status status;

	(void)state;
	assert_int_equal(procfs_parse_status("Name:\tTgid:\\n\nUmask:\t0022\nTgid:\t77\nPid:\t77\n"
					     "Uid:\t1000\t0\t0\t0\n",
					     &status),
			 0);
	assert_int_equal(status.tgid, 77);
	assert_int_equal(status.uid, 1000);
	assert_int_equal(procfs_parse_status("Name:\tx\nTgid:\t77\n", &status), -EBADMSG);
	assert_int_equal(procfs_parse_status("Name:\tx\nTgid:\t77\nUid:\t?\n", &status), -EBADMSG);
	assert_int_equal(procfs_parse_status("", &status), -EBADMSG);
}

static void test_started_leaves_out_suspended_time(void **state)
{
	(void)state;
	/* 12.34 s after boot, of which the machine slept 2 s. */
	assert_int_equal(procfs_started_ns(1234, 100, 52000000000, 50000000000), 10340000000);
	assert_int_equal(procfs_started_ns(1234, 100, 50000000000, 50000000000), 12340000000);
	/* It slept longer than that process is old. */
	assert_int_equal(procfs_started_ns(100, 100, 90000000000, 50000000000), 0);
}

static void test_auxv(void **state)
{
	uint64_t auxv[] = { AT_PHDR, 1, AT_ENTRY, 0x55d000401000, AT_NULL, 0 };
	uint64_t without[] = { AT_PHDR, 1, AT_NULL, 0, AT_ENTRY, 7 };
	uint64_t entry = 1;

	(void)state;
	assert_int_equal(procfs_parse_auxv((struct bytes){ (uint8_t *)auxv, sizeof(auxv) }, &entry),
			 0);
	assert_int_equal(entry, 0x55d000401000);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(procfs_parse_auxv((struct bytes){ (uint8_t *)auxv, i }, &entry),
				 -ENOENT);
	assert_int_equal(procfs_parse_auxv((struct bytes){ (uint8_t *)without, sizeof(without) },
					   &entry),
			 -ENOENT);
}

static void test_elf(void **state)
{
	Elf64_Ehdr elf = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					ELFDATA2LSB },
			   .e_type = ET_DYN,
			   .e_entry = 0x1000 };
	struct bytes bytes = { (uint8_t *)&elf, sizeof(elf) };
	bool relocated = false;
	uint64_t entry = 0;

	(void)state;
	assert_int_equal(procfs_parse_elf(bytes, &entry, &relocated), 0);
	assert_true(relocated);
	assert_int_equal(entry, 0x1000);
	elf.e_type = ET_EXEC;
	assert_int_equal(procfs_parse_elf(bytes, &entry, &relocated), 0);
	assert_false(relocated);
	for (bytes.size = 0; bytes.size < sizeof(elf); bytes.size++)
		assert_int_equal(procfs_parse_elf(bytes, &entry, &relocated), -ENOEXEC);
	elf.e_ident[EI_CLASS] = ELFCLASS32;
	bytes.size = sizeof(elf);
	assert_int_equal(procfs_parse_elf(bytes, &entry, &relocated), -ENOEXEC);
}

static void test_mountinfo(void **state)
{
	static const char text[] = "23 29 0:22 / /proc rw - proc proc rw\n"
				   "36 35 8:3 /var /var rw,noatime master:1 - ext4 /dev/root rw\n"
				   "136 35 0:45 / / rw - overlay overlay rw,lowerdir=/a\n";
	uint32_t dev = 0;

	(void)state;
	assert_int_equal(procfs_parse_mountinfo(text, 136, &dev), 0);
	assert_int_equal(dev, 45);
	assert_int_equal(procfs_parse_mountinfo(text, 36, &dev), 0);
	assert_int_equal(dev, 8 << 20 | 3);
	assert_int_equal(procfs_parse_mountinfo(text, 6, &dev), -ENOENT);
	assert_int_equal(procfs_parse_mountinfo("", 36, &dev), -ENOENT);
	assert_int_equal(procfs_parse_mountinfo("36 35", 36, &dev), -ENOENT);
}

static void test_kernel_dev_is_not_stats_encoding(void **state)
{
	(void)state;
	assert_int_equal(procfs_kernel_dev(makedev(259, 0x1234)), 259u << 20 | 0x1234);
}

static void test_environ(void **state)
{
	static const char text[] = "PATH=/bin\0OTEL_SERVICE_NAME=orders\0EMPTY=\0CUT=no end";
	struct bytes environ = { (const uint8_t *)text, sizeof(text) - 1 };

	(void)state;
	assert_string_equal(procfs_environ_get(environ, "OTEL_SERVICE_NAME"), "orders");
	assert_string_equal(procfs_environ_get(environ, "EMPTY"), "");
	assert_null(procfs_environ_get(environ, "OTEL_SERVICE"));
	assert_null(procfs_environ_get(environ, "CUT"));
	assert_null(procfs_environ_get((struct bytes){ NULL, 0 }, "PATH"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat_reads_behind_the_last_bracket),
		cmocka_unit_test(test_stat_knows_kernel_threads),
		cmocka_unit_test(test_stat_refuses_every_prefix),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_started_leaves_out_suspended_time),
		cmocka_unit_test(test_auxv),
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_mountinfo),
		cmocka_unit_test(test_kernel_dev_is_not_stats_encoding),
		cmocka_unit_test(test_environ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
