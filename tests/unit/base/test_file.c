/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static char folder[] = "/tmp/parkmeter-file-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static unsigned int entries(void)
{
	CLEANUP(closedirp) DIR *dir = opendir(folder);
	unsigned int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	return count - 2; /* . and .. */
}

static void expect_content(const char *path, const char *content, size_t size)
{
	CLEANUP(freep) char *data = NULL;
	struct err err = ERR_INIT;
	size_t got = 0;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &data, &got, &err), 0);
	assert_int_equal(got, size);
	assert_memory_equal(data, content, size);
	assert_int_equal(data[size], '\0');
}

static void test_write_and_read(void **state)
{
	static char large[300000];
	struct err err = ERR_INIT;

	(void)state;
	memset(large, 'y', sizeof(large));
	assert_int_equal(file_write(in_folder("a"), "x\0y", 3, &err), 0);
	expect_content(in_folder("a"), "x\0y", 3);
	assert_int_equal(file_write(in_folder("a"), large, sizeof(large), &err), 0);
	expect_content(in_folder("a"), large, sizeof(large));
	assert_int_equal(file_write(in_folder("a"), "", 0, &err), 0);
	expect_content(in_folder("a"), "", 0);
	assert_int_equal(entries(), 1);
	unlink(in_folder("a"));
}

static void test_read_by_folder(void **state)
{
	CLEANUP(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY);
	CLEANUP(freep) char *data = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(file_write(in_folder("b"), "hello", 5, &err), 0);
	assert_int_equal(file_read(fd, "b", 5, &data, NULL, &err), 0);
	assert_string_equal(data, "hello");
	unlink(in_folder("b"));
}

static void test_read_of_unknown_size(void **state)
{
	CLEANUP(freep) char *data = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/stat", 4096, &data, NULL, &err), 0);
	assert_int_equal(strtol(data, NULL, 10), getpid());
}

static void test_read_refuses(void **state)
{
	char *data = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(file_read(AT_FDCWD, in_folder("none"), 9, &data, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.text, in_folder("none")));
	assert_int_equal(file_read(AT_FDCWD, folder, 9, &data, NULL, &err), -EISDIR);
	assert_int_equal(file_write(in_folder("c"), "123456", 6, &err), 0);
	assert_int_equal(file_read(AT_FDCWD, in_folder("c"), 5, &data, NULL, &err), -EFBIG);
	assert_non_null(strstr(err.text, "5 bytes"));
	assert_null(data);
	unlink(in_folder("c"));
}

/* What could not be written leaves the old file as it was, and nothing beside it. */
static void test_write_refuses(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(file_write(in_folder("no/where"), "x", 1, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no/where"));
	assert_int_equal(mkdir(in_folder("d"), 0755), 0);
	assert_true(file_write(in_folder("d"), "x", 1, &err) < 0);
	assert_int_equal(entries(), 1);
	rmdir(in_folder("d"));
	assert_int_equal(file_write("/dev/full", "x", 1, &err), -ENOSPC);
	assert_int_equal(file_write("/dev/null", "x", 1, &err), 0);
}

static void test_write_into_fifo(void **state)
{
	CLEANUP(closep) int reader = -1;
	struct err err = ERR_INIT;
	char got[8] = "";
	struct stat st;

	(void)state;
	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	reader = open(in_folder("fifo"), O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	assert_int_equal(file_write(in_folder("fifo"), "abc", 3, &err), 0);
	assert_int_equal(read(reader, got, sizeof(got)), 3);
	assert_string_equal(got, "abc");
	assert_int_equal(stat(in_folder("fifo"), &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	unlink(in_folder("fifo"));
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_and_read),       cmocka_unit_test(test_read_by_folder),
		cmocka_unit_test(test_read_of_unknown_size), cmocka_unit_test(test_read_refuses),
		cmocka_unit_test(test_write_refuses),        cmocka_unit_test(test_write_into_fifo),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
