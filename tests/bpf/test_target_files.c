/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executables in places that deployments and containers put them. Needs root: the mounts are made
 * in a mount namespace of this test's own and go with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/census.h"

static char directory[] = "/tmp/parkmeter-target-XXXXXX"; /* a tmpfs of this test's own */
static char usual[PATH_MAX];                              /* the census of a usual build */

static void copy_file(const char *from, const char *to)
{
	char data[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t size;

	assert_true(in >= 0 && out >= 0);
	while ((size = read(in, data, sizeof(data))) > 0)
		assert_int_equal(write(out, data, (size_t)size), size);
	assert_int_equal(size, 0);
	close(in);
	close(out);
}

static void in_directory(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", directory, name);
}

static void test_a_replaced_executable_stays_the_same_binary(void **state)
{
	struct binaries *binaries = census_binaries();
	struct census program;
	struct target *before, *after;
	char path[PATH_MAX], next[PATH_MAX];

	(void)state;
	in_directory(path, "census");
	in_directory(next, "census.next");
	copy_file(usual, path);
	copy_file(usual, next);
	census_start(&program, path, NULL);
	before = census_open(binaries, program.pid);
	assert_int_equal(rename(next, path), 0); /* changes the old inode's change time */
	after = census_open(binaries, program.pid);
	assert_string_equal(after->exe, path); /* without " (deleted)" */
	assert_ptr_equal(after->binary, before->binary);
	target_free(after);
	target_free(before);
	binaries_free(binaries);
	/* and seen for the first time when it is gone */
	binaries = census_binaries();
	before = census_open(binaries, program.pid);
	assert_string_equal(before->exe, path);
	assert_non_null(before->binary->bin);
	assert_string_not_equal(before->binary->path, "");
	target_free(before);
	census_end(&program);
	unlink(path);
	binaries_free(binaries);
}

/* In the new process: a mount that nobody else sees, with the executable in it. */
static void hide(void)
{
	char path[PATH_MAX];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("hidden", directory, "tmpfs", 0, NULL) < 0)
		_exit(126);
	in_directory(path, "hidden");
	copy_file(usual, path);
}

static void test_an_executable_in_another_mount_namespace(void **state)
{
	struct binaries *binaries = census_binaries();
	struct census program;
	struct target *target;
	char path[PATH_MAX];

	(void)state;
	in_directory(path, "hidden");
	census_start(&program, path, hide);
	assert_int_equal(access(path, F_OK), -1);
	target = census_open(binaries, program.pid);
	assert_string_equal(target->exe, path);
	assert_non_null(target->binary->bin);
	census_assert_key(target);
	target_free(target);
	census_end(&program);
	binaries_free(binaries);
}

/* An overlay over the lower directory, as each container of an image has one. */
static bool mount_overlay(const char *name, char path[PATH_MAX])
{
	char options[3 * PATH_MAX], upper[PATH_MAX], work[PATH_MAX];

	snprintf(path, PATH_MAX, "%s/%s", directory, name);
	snprintf(upper, sizeof(upper), "%s/%s.upper", directory, name);
	snprintf(work, sizeof(work), "%s/%s.work", directory, name);
	if (mkdir(path, 0755) < 0 || mkdir(upper, 0755) < 0 || mkdir(work, 0755) < 0)
		return false;
	snprintf(options, sizeof(options), "lowerdir=%s/image,upperdir=%s,workdir=%s", directory,
		 upper, work);
	return mount("overlay", path, "overlay", 0, options) == 0;
}

static void test_containers_of_one_image_share_the_file(void **state)
{
	struct binaries *binaries = census_binaries();
	struct census programs[2];
	struct target *targets[2];
	char path[PATH_MAX], overlay[PATH_MAX];

	(void)state;
	in_directory(path, "image");
	assert_int_equal(mkdir(path, 0755), 0);
	in_directory(path, "image/census");
	copy_file(usual, path);
	for (int i = 0; i < 2; i++) {
		if (!mount_overlay(i ? "b" : "a", overlay)) {
			binaries_free(binaries);
			print_message("skipped: no overlayfs: %s\n", strerror(errno));
			skip();
		}
		assert_true(snprintf(path, sizeof(path), "%s/census", overlay) < PATH_MAX);
		census_start(&programs[i], path, NULL);
		targets[i] = census_open(binaries, programs[i].pid);
		census_assert_key(targets[i]);
	}
	assert_int_not_equal(targets[0]->binary->id, targets[1]->binary->id);
	assert_int_equal(targets[0]->binary->same_as, 0);
	assert_int_equal(targets[1]->binary->same_as, targets[0]->binary->id);
	assert_int_not_equal(targets[0]->binary->key.dev, targets[1]->binary->key.dev);
	for (int i = 0; i < 2; i++) {
		target_free(targets[i]);
		census_end(&programs[i]);
	}
	binaries_free(binaries);
}

static void test_files_that_are_no_program(void **state)
{
	struct binaries *binaries = census_binaries();
	const struct binary *binary = NULL, *again = NULL;
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	int fd;

	(void)state;
	assert_int_equal(binaries_get(binaries, AT_FDCWD, directory, &binary, &err), -ENOEXEC);
	in_directory(path, "fifo");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(binaries_get(binaries, AT_FDCWD, path, &binary, &err), -ENOEXEC);
	in_directory(path, "nothing");
	assert_int_equal(binaries_get(binaries, AT_FDCWD, path, &binary, &err), -ENOENT);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_int_equal(binaries_get(binaries, AT_FDCWD, path, &binary, &err), 0);
	assert_null(binary->bin);
	assert_int_equal(binary->fd, -1);
	assert_int_equal(binary->refused_code, -ENOEXEC);
	assert_null(strstr(binary->refused, "/proc/self"));
	assert_int_equal(binaries_get(binaries, AT_FDCWD, path, &again, &err), 0);
	assert_ptr_equal(again, binary);
	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	close(fd);
	assert_int_equal(binaries_get(binaries, AT_FDCWD, path, &again, &err), 0);
	assert_ptr_not_equal(again, binary); /* it is another file now */
	binaries_free(binaries);
}

static int set_up(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(directory) ||
	    mount("parkmeter-test", directory, "tmpfs", 0, NULL) < 0) {
		print_message("this test needs root and a mount namespace of its own\n");
		return -1;
	}
	return census_build("1.26", "", usual) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	umount2(directory, MNT_DETACH);
	rmdir(directory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_replaced_executable_stays_the_same_binary),
		cmocka_unit_test(test_an_executable_in_another_mount_namespace),
		cmocka_unit_test(test_containers_of_one_image_share_the_file),
		cmocka_unit_test(test_files_that_are_no_program),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
