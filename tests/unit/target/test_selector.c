/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
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

#include "target/glob.h"
#include "target/target.h"

static const struct target orders = {
	.pid = 4242,
	.pidfd = -1,
	.exe = (char *)"/srv/orders/releases/v2/orders",
	.cgroup = (char *)"/kubepods.slice/kubepods-pod0a.slice",
	.container = (char *)"4f1e6d0c9b8a7766",
	.pod = (char *)"0a1b2c3d-1111-2222-3333-444455556666",
	.pod_name = (char *)"orders-7d9f-x2x",
	.service = (char *)"orders",
};

static const struct target plain = {
	.pid = 7,
	.pidfd = -1,
	.exe = (char *)"/usr/bin/other",
	.cgroup = (char *)"/",
	.service = (char *)"other",
};

/* Matches one process and not the other. */
static void assert_means_orders(const struct selector *selector)
{
	assert_false(selector_empty(selector));
	assert_true(selector_match(selector, &orders));
	assert_false(selector_match(selector, &plain));
}

static void test_each_kind(void **state)
{
	(void)state;
	assert_means_orders(&(struct selector){ .pids = { 1, 4242 }, .pid_count = 2 });
	assert_means_orders(
		&(struct selector){ .exes = { "/srv/*/releases/v?/orders" }, .exe_count = 1 });
	assert_means_orders(&(struct selector){ .exes = { "orders" }, .exe_count = 1 });
	assert_means_orders(&(struct selector){ .cgroups = { "kubepods" }, .cgroup_count = 1 });
	assert_means_orders(&(struct selector){ .containers = { "4F1E" }, .container_count = 1 });
	assert_means_orders(&(struct selector){ .pods = { "0A1B2C3D-1111-2222-3333-444455556666" },
						.pod_count = 1 });
	assert_means_orders(&(struct selector){ .pods = { "orders-7d9f-x2x" }, .pod_count = 1 });
	assert_means_orders(
		&(struct selector){ .services = { "no", "orders" }, .service_count = 2 });
}

static void assert_means_nothing(const struct selector *selector)
{
	assert_false(selector_match(selector, &orders));
	assert_false(selector_match(selector, &plain));
}

static void test_refused(void **state)
{
	(void)state;
	assert_true(selector_empty(&(struct selector){ 0 }));
	assert_means_nothing(&(struct selector){ 0 });
	assert_means_nothing(&(struct selector){ .containers = { "4f1" }, .container_count = 1 });
	assert_means_nothing(&(struct selector){ .containers = { "" }, .container_count = 1 });
	assert_means_nothing(
		&(struct selector){ .containers = { "4f1e6d0c9b8a77660" }, .container_count = 1 });
	assert_means_nothing(&(struct selector){ .services = { "order" }, .service_count = 1 });
	assert_means_nothing(&(struct selector){ .cgroups = { "" }, .cgroup_count = 1 });
	assert_means_nothing(&(struct selector){ .pods = { "" }, .pod_count = 1 });
	/* a wildcard does not cross a slash */
	assert_means_nothing(&(struct selector){ .exes = { "/srv/*/orders" }, .exe_count = 1 });
	assert_means_nothing(
		&(struct selector){ .execs = { "/srv/orders/*/*/orders" }, .exec_count = 1 });
}

static void test_exec_is_of_its_own(void **state)
{
	struct selector selector = { .execs = { "/srv/orders/*/*/orders" }, .exec_count = 1 };

	(void)state;
	assert_false(selector_empty(&selector));
	assert_true(selector_match_exec(&selector, orders.exe));
	assert_false(selector_match_exec(&selector, plain.exe));
}

static void test_links_in_a_pattern_are_followed(void **state)
{
	char directory[] = "/tmp/parkmeter-glob-XXXXXX";
	char real[128], link[128], pattern[256], path[256];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(real, sizeof(real), "%s/v2[x]", directory);
	snprintf(link, sizeof(link), "%s/current", directory);
	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink("v2[x]", link), 0);
	snprintf(pattern, sizeof(pattern), "%s/*", link);
	snprintf(path, sizeof(path), "%s/orders", real);
	assert_true(glob_matches(pattern, path));
	snprintf(path, sizeof(path), "%s/bin/orders", real);
	assert_false(glob_matches(pattern, path));
	snprintf(path, sizeof(path), "%s", real);
	assert_true(glob_matches(link, path));
	assert_false(glob_matches(pattern, directory));
	unlink(link);
	rmdir(real);
	rmdir(directory);
}

static void assert_absolute(const char *pattern, const char *wanted)
{
	char *absolute = NULL;

	assert_int_equal(glob_absolute(pattern, &absolute), 0);
	assert_string_equal(absolute, wanted);
	free(absolute);
}

static void test_absolute(void **state)
{
	char wanted[4096 + 16], directory[4096];

	(void)state;
	assert_absolute("/", "/");
	assert_absolute("//a//./b/", "/a/b");
	assert_absolute("/a/../../b/*", "/b/*");
	assert_absolute("/..", "/");
	assert_non_null(getcwd(directory, sizeof(directory)));
	snprintf(wanted, sizeof(wanted), "%s/build/x*", directory);
	assert_absolute("./build/x*", wanted);
	assert_absolute("", directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_exec_is_of_its_own),
		cmocka_unit_test(test_links_in_a_pattern_are_followed),
		cmocka_unit_test(test_absolute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
