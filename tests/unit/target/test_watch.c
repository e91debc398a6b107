/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "target/target.h"

#define FOUND_MAX 64

/* A directory of its own for each test, and the paths found in it, without that directory. */
struct fixture {
	char root[64];
	struct exec_watch *watch;
	char found[FOUND_MAX][128];
	size_t count;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	snprintf(fixture->root, sizeof(fixture->root), "/tmp/parkmeter-watch-XXXXXX");
	*state = fixture;
	return mkdtemp(fixture->root) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	exec_watch_free(fixture->watch);
	nftw(fixture->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return 0;
}

static const char *in_root(const struct fixture *fixture, const char *name)
{
	static char paths[4][256];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", fixture->root, name);
	return path;
}

static void make_dir(const struct fixture *fixture, const char *name)
{
	assert_int_equal(mkdir(in_root(fixture, name), 0700), 0);
}

static void make_file(const struct fixture *fixture, const char *name)
{
	int fd = open(in_root(fixture, name), O_WRONLY | O_CREAT | O_TRUNC, 0700);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static void move(const struct fixture *fixture, const char *from, const char *to)
{
	assert_int_equal(rename(in_root(fixture, from), in_root(fixture, to)), 0);
}

static void start(struct fixture *fixture, const char *pattern)
{
	struct selector selector = { .execs = { in_root(fixture, pattern) }, .exec_count = 1 };
	struct err err = ERR_INIT;

	if (exec_watch_new(&selector, &fixture->watch, &err) < 0)
		fail_msg("%s", err.text);
}

static void found_one(void *user, const char *path)
{
	struct fixture *fixture = user;

	assert_true(fixture->count < FOUND_MAX);
	assert_int_equal(strncmp(path, fixture->root, strlen(fixture->root)), 0);
	snprintf(fixture->found[fixture->count++], sizeof(fixture->found[0]), "%s",
		 path + strlen(fixture->root) + 1);
}

/* Reads once; inotify events are queued by the very call that causes them, so nothing is awaited.
 */
static void read_found(struct fixture *fixture)
{
	struct err err = ERR_INIT;

	fixture->count = 0;
	if (exec_watch_read(fixture->watch, found_one, fixture, &err) < 0)
		fail_msg("%s", err.text);
}

/* What was found since is this path (once or more) and nothing else; NULL: nothing. */
static void assert_found(struct fixture *fixture, const char *path)
{
	read_found(fixture);
	if (!path) {
		assert_int_equal(fixture->count, 0);
		return;
	}
	if (!fixture->count)
		fail_msg("%s was not found", path);
	for (size_t i = 0; i < fixture->count; i++)
		assert_string_equal(fixture->found[i], path);
}

static void test_existing_files_come_first(void **state)
{
	struct fixture *fixture = *state;

	make_file(fixture, "orders");
	make_file(fixture, "other");
	start(fixture, "ord*");
	assert_found(fixture, "orders");
	assert_found(fixture, NULL);
}

static void test_written_moved_and_linked_files(void **state)
{
	struct fixture *fixture = *state;
	int fd;

	start(fixture, "orders*");
	assert_found(fixture, NULL);
	fd = open(in_root(fixture, "orders"), O_WRONLY | O_CREAT, 0700);
	assert_true(fd >= 0);
	assert_found(fixture, NULL); /* still being written */
	close(fd);
	assert_found(fixture, "orders");
	make_file(fixture, "tmp");
	assert_found(fixture, NULL);
	move(fixture, "tmp", "orders2");
	assert_found(fixture, "orders2");
	assert_int_equal(link(in_root(fixture, "orders2"), in_root(fixture, "orders3")), 0);
	assert_found(fixture, "orders3");
	assert_int_equal(symlink("orders3", in_root(fixture, "orders4")), 0);
	assert_found(fixture, "orders4");
	assert_int_equal(symlink("nowhere", in_root(fixture, "orders5")), 0);
	make_dir(fixture, "orders6");
	assert_found(fixture, NULL);
}

static void test_the_descriptor_tells(void **state)
{
	struct fixture *fixture = *state;
	struct pollfd poll_fd;

	start(fixture, "orders");
	assert_found(fixture, NULL);
	poll_fd = (struct pollfd){ .fd = exec_watch_fd(fixture->watch), .events = POLLIN };
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	make_file(fixture, "orders");
	assert_int_equal(poll(&poll_fd, 1, 0), 1);
	assert_found(fixture, "orders");
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
}

static void test_directories_that_come_later(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, "*/bin/orders");
	assert_found(fixture, NULL);
	make_dir(fixture, "a");
	make_dir(fixture, "a/lib");
	make_dir(fixture, "a/bin");
	assert_found(fixture, NULL);
	make_file(fixture, "a/bin/orders");
	make_file(fixture, "a/lib/orders");
	make_file(fixture, "a/orders");
	assert_found(fixture, "a/bin/orders");
	/* all of it before anybody looks */
	make_dir(fixture, "b");
	make_dir(fixture, "b/bin");
	make_file(fixture, "b/bin/orders");
	assert_found(fixture, "b/bin/orders");
}

static void test_a_directory_moved_into_place(void **state)
{
	struct fixture *fixture = *state;

	make_dir(fixture, "unpack");
	make_dir(fixture, "unpack/bin");
	make_file(fixture, "unpack/bin/orders");
	start(fixture, "releases/*/bin/orders");
	make_dir(fixture, "releases");
	assert_found(fixture, NULL);
	move(fixture, "unpack", "releases/v2");
	assert_found(fixture, "releases/v2/bin/orders");
	make_file(fixture, "releases/v2/bin/orders");
	assert_found(fixture, "releases/v2/bin/orders");
	/* gone again: what happens there is no longer meant */
	move(fixture, "releases/v2", "old");
	make_file(fixture, "old/bin/orders");
	assert_found(fixture, NULL);
}

static void test_a_renamed_directory_has_its_new_name(void **state)
{
	struct fixture *fixture = *state;

	make_dir(fixture, "a");
	start(fixture, "*/orders");
	assert_found(fixture, NULL);
	move(fixture, "a", "b");
	assert_found(fixture, NULL);
	make_file(fixture, "b/orders");
	assert_found(fixture, "b/orders");
}

static void test_a_link_to_the_current_release(void **state)
{
	struct fixture *fixture = *state;

	make_dir(fixture, "v1");
	make_dir(fixture, "v2");
	make_file(fixture, "v1/orders");
	make_file(fixture, "v2/orders");
	assert_int_equal(symlink("v1", in_root(fixture, "current")), 0);
	start(fixture, "current/orders");
	assert_found(fixture, "current/orders");
	assert_int_equal(symlink("v2", in_root(fixture, "next")), 0);
	move(fixture, "next", "current");
	assert_found(fixture, "current/orders");
	make_file(fixture, "v1/orders");
	assert_found(fixture, NULL);
	make_file(fixture, "v2/orders");
	assert_found(fixture, "current/orders");
}

static void test_a_directory_made_anew(void **state)
{
	struct fixture *fixture = *state;

	make_dir(fixture, "bin");
	start(fixture, "bin/orders");
	assert_found(fixture, NULL);
	assert_int_equal(rmdir(in_root(fixture, "bin")), 0);
	make_dir(fixture, "bin");
	make_file(fixture, "bin/orders");
	assert_found(fixture, "bin/orders");
	make_file(fixture, "bin/orders");
	assert_found(fixture, "bin/orders");
}

static void test_an_overflowing_queue_is_looked_through_again(void **state)
{
	struct fixture *fixture = *state;
	char text[32] = "";
	unsigned int limit;
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

	if (!file || !fgets(text, sizeof(text), file))
		text[0] = '\0';
	if (file)
		fclose(file);
	limit = (unsigned int)strtoul(text, NULL, 10);
	if (!limit || limit > 65536) {
		print_message("skipped: the queue of inotify is unlimited here\n");
		skip();
	}
	make_dir(fixture, "bin");
	start(fixture, "bin/orders");
	assert_found(fixture, NULL);
	/* Two events with different names in turn, so that the kernel merges none. */
	for (unsigned int i = 0; i < limit / 2 + 8; i++) {
		int fd =
			open(in_root(fixture, i % 2 ? "bin/x" : "bin/y"), O_WRONLY | O_CREAT, 0600);

		assert_true(fd >= 0);
		close(fd);
		unlink(in_root(fixture, i % 2 ? "bin/x" : "bin/y"));
	}
	make_file(fixture, "bin/orders");
	for (unsigned int i = 0; i < 64 && !fixture->count; i++)
		read_found(fixture);
	assert_int_equal(fixture->count, 1);
	assert_string_equal(fixture->found[0], "bin/orders");
}

static void test_too_many_directories_are_an_error(void **state)
{
	struct fixture *fixture = *state;
	struct selector selector = { .exec_count = 1 };
	struct err err = ERR_INIT;
	char name[32];

	for (int i = 0; i < EXEC_WATCH_MAX; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		make_dir(fixture, name);
	}
	selector.execs[0] = in_root(fixture, "*/orders");
	assert_int_equal(exec_watch_new(&selector, &fixture->watch, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "narrower"));
	assert_null(fixture->watch);
}

static void test_patterns_that_mean_no_file(void **state)
{
	static const char *const patterns[] = { "/", "/..", "/srv/orders/" };
	struct fixture *fixture = *state;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct selector selector = { .execs = { patterns[i] }, .exec_count = 1 };

		assert_int_equal(exec_watch_new(&selector, &fixture->watch, &err), -EINVAL);
		assert_non_null(strstr(err.text, patterns[i]));
		assert_null(fixture->watch);
	}
}

static void test_a_base_name_watches_nothing(void **state)
{
	struct selector selector = { .execs = { "orders" }, .exec_count = 1 };
	struct fixture *fixture = *state;

	assert_int_equal(exec_watch_new(&selector, &fixture->watch, NULL), 0);
	assert_found(fixture, NULL);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_existing_files_come_first),
		WITH(test_written_moved_and_linked_files),
		WITH(test_the_descriptor_tells),
		WITH(test_directories_that_come_later),
		WITH(test_a_directory_moved_into_place),
		WITH(test_a_renamed_directory_has_its_new_name),
		WITH(test_a_link_to_the_current_release),
		WITH(test_a_directory_made_anew),
		WITH(test_an_overflowing_queue_is_looked_through_again),
		WITH(test_too_many_directories_are_an_error),
		WITH(test_patterns_that_mean_no_file),
		WITH(test_a_base_name_watches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
