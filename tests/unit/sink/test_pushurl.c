/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/pushurl.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void expect_url(const char *base, const char *job, const struct context *context,
		       const char *expected)
{
	const struct push_options options = { .url = base, .job = job };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(push_url(&options, context, &buf, &err), 0);
	assert_string_equal(buf.data, expected);
}

static void expect_service(const char *service, const char *path)
{
	const struct context context = { .service = (char *)service };
	CLEANUP(buf_release) struct buf expected = BUF_INIT;

	buf_addf(&expected, "http://h:9091/metrics/job/parkmeter/%s", path);
	expect_url("http://h:9091", NULL, &context, expected.data);
}

static void test_grouping_key(void **state)
{
	const struct context none = { 0 };
	const struct context all = { .service = (char *)"orders",
				     .env = (char *)"prod",
				     .version = (char *)"v2",
				     .commit = (char *)"c0ffee",
				     .build_id = (char *)"jenkins-1",
				     .pipeline = (char *)"shop/orders",
				     .build_url = (char *)"http://ci/1",
				     .node = (char *)"node-1",
				     .trace_id = (char *)"4bf92f3577b34da6a3ce929d0e0e4736" };

	(void)state;
	expect_url("http://h:9091", NULL, &none, "http://h:9091/metrics/job/parkmeter");
	/* printf shop/orders | base64 */
	expect_url("https://h/prefix//", "deploy", &all,
		   "https://h/prefix/metrics/job/deploy/service/orders/env/prod/"
		   "pipeline@base64/c2hvcC9vcmRlcnM/node/node-1");
}

/* Expected values by printf '%s' ... | basenc --base64url, without its padding. */
static void test_values(void **state)
{
	(void)state;
	expect_service("a-b_c.d~e", "service/a-b_c.d~e");
	expect_service("a b%c+d?e#f", "service/a%20b%25c%2Bd%3Fe%23f");
	expect_service("...", "service/...");
	expect_service(".", "service@base64/Lg");
	expect_service("..", "service@base64/Li4");
	expect_service("/", "service@base64/Lw");
	expect_service("a/b?c", "service@base64/YS9iP2M");
	expect_service("", "service@base64/=");
	expect_service("a\nb", "service@base64/YQpi");
	expect_service("gr\xc3\xbc\xc3\x9f", "service@base64/Z3LDvMOf");
	expect_service("\xf4\x8f\xbf\xbf/\xc3\xbf", "service@base64/9I-_vy_Dvw");
}

static void test_refused(void **state)
{
	static char long_name[PUSH_LABEL_BYTES_MAX + 2];
	const struct context plain = { 0 };
	const struct context too_long = { .pipeline = long_name };
	const struct context not_utf8 = { .env = (char *)"a\xff" };
	const struct {
		const char *url, *job;
		const struct context *context;
		const char *said;
	} cases[] = {
		{ "h:9091", NULL, &plain, "http://host:port" },
		{ "", NULL, &plain, "http://host:port" },
		{ "ftp://h/", NULL, &plain, "use http:// or https://" },
		{ "http://h/?a=b", NULL, &plain, "no ? or #" },
		{ "http://h/#a", NULL, &plain, "no ? or #" },
		{ "http://h/", "", &plain, "empty job" },
		{ "http://h/", NULL, &too_long, "pipeline of 513 bytes" },
		{ "http://h/", "\xff", &plain, "job that is not UTF-8" },
		{ "http://h/", NULL, &not_utf8, "env that is not UTF-8" },
	};

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct push_options options = { .url = cases[i].url, .job = cases[i].job };
		CLEANUP(buf_release) struct buf buf = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(push_url(&options, cases[i].context, &buf, &err), -EINVAL);
		assert_non_null(strstr(err.text, "cannot push"));
		assert_non_null(strstr(err.text, cases[i].said));
	}
}

static void test_longest_value(void **state)
{
	static char path[8 + PUSH_LABEL_BYTES_MAX + 1] = "service/";

	(void)state;
	memset(path + 8, 'x', PUSH_LABEL_BYTES_MAX);
	expect_service(path + 8, path);
}

static void test_labels_as_json(void **state)
{
	const struct push_options options = { .url = "http://h/" };
	const struct context context = { .service = (char *)"", .node = (char *)"a/b" };
	json_t *labels = push_group_labels(&options, &context);
	json_t *expected =
		json_pack("{s:s,s:s,s:s}", "job", "parkmeter", "service", "", "node", "a/b");

	(void)state;
	assert_true(json_equal(labels, expected));
	json_decref(labels);
	json_decref(expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grouping_key),   cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),        cmocka_unit_test(test_longest_value),
		cmocka_unit_test(test_labels_as_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
