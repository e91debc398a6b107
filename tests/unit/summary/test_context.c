/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "summary/summary.h"
#include "summary/traceparent.h"

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN   "00f067aa0ba902b7"
#define OTHER  "0123456789abcdef0123456789abcdef"

/* The environment of one test: name, value, name, value, NULL. */
static const char *const *variables;

static const char *fake_getenv(const char *name)
{
	for (size_t i = 0; variables[i]; i += 2) {
		if (!strcmp(variables[i], name))
			return variables[i + 1];
	}
	return NULL;
}

static struct context fill(const char *const *environment)
{
	struct context context = { 0 };
	struct err err = ERR_INIT;

	variables = environment;
	assert_int_equal(context_fill(&context, fake_getenv, &err), 0);
	return context;
}

#define ENVIRONMENT(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_empty_environment(void **state)
{
	struct context context = fill((const char *const[]){ NULL });
	char host[256];

	(void)state;
	assert_null(context.service);
	assert_null(context.env);
	assert_null(context.version);
	assert_null(context.commit);
	assert_null(context.build_id);
	assert_null(context.pipeline);
	assert_null(context.build_url);
	assert_null(context.span_id);
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	assert_string_equal(context.node, host);
	assert_true(context_trace_id_valid(context.trace_id));
	context_release(&context);
	assert_null(context.trace_id);
}

static void test_made_up_trace_ids_differ(void **state)
{
	struct context a = fill((const char *const[]){ NULL });
	struct context b = fill((const char *const[]){ NULL });

	(void)state;
	assert_string_not_equal(a.trace_id, b.trace_id);
	context_release(&a);
	context_release(&b);
}

static void test_own_variables_win(void **state)
{
	struct context context = fill(ENVIRONMENT(
		"PARKMETER_SERVICE", "orders", "OTEL_SERVICE_NAME", "no", "PARKMETER_ENV",
		"staging", "PARKMETER_VERSION", "v2.3.0", "PARKMETER_COMMIT", "abc", "GIT_COMMIT",
		"no", "PARKMETER_BUILD_ID", "b7", "BUILD_TAG", "no", "PARKMETER_PIPELINE", "p",
		"JOB_NAME", "no", "PARKMETER_NODE", "n1", "NODE_NAME", "no", "PARKMETER_TRACE_ID",
		OTHER, "TRACEPARENT", PARENT, "OTEL_RESOURCE_ATTRIBUTES",
		"service.name=no,service.version=no,deployment.environment=no"));

	(void)state;
	assert_string_equal(context.service, "orders");
	assert_string_equal(context.env, "staging");
	assert_string_equal(context.version, "v2.3.0");
	assert_string_equal(context.commit, "abc");
	assert_string_equal(context.build_id, "b7");
	assert_string_equal(context.pipeline, "p");
	assert_string_equal(context.node, "n1");
	assert_string_equal(context.trace_id, OTHER);
	/* The span of TRACEPARENT is one of another trace. */
	assert_null(context.span_id);
	context_release(&context);
}

static void test_flags_win_over_everything(void **state)
{
	struct context context = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(summary_set_string(&context.service, "flag"), 0);
	assert_int_equal(summary_set_string(&context.trace_id, TRACE), 0);
	variables = ENVIRONMENT("PARKMETER_SERVICE", "env", "PARKMETER_TRACE_ID", OTHER,
				"TRACEPARENT", PARENT);
	assert_int_equal(context_fill(&context, fake_getenv, &err), 0);
	assert_string_equal(context.service, "flag");
	assert_string_equal(context.trace_id, TRACE);
	assert_string_equal(context.span_id, SPAN);
	context_release(&context);
}

static void test_jenkins(void **state)
{
	struct context context =
		fill(ENVIRONMENT("GIT_COMMIT", "4f2a91c", "BUILD_TAG", "jenkins-orders-412",
				 "JOB_NAME", "shop/orders", "BUILD_NUMBER", "412", "BUILD_URL",
				 "https://ci.example/412/", "NODE_NAME", "built-in", "TRACE_ID",
				 OTHER, "OTEL_RESOURCE_ATTRIBUTES", "vcs.ref.head.revision=no"));

	(void)state;
	assert_string_equal(context.commit, "4f2a91c");
	assert_string_equal(context.build_id, "jenkins-orders-412");
	assert_string_equal(context.pipeline, "shop/orders");
	assert_string_equal(context.build_url, "https://ci.example/412/");
	assert_string_equal(context.node, "built-in");
	assert_string_equal(context.trace_id, OTHER);
	context_release(&context);
}

static void test_jenkins_without_a_tag(void **state)
{
	struct context context = fill(
		ENVIRONMENT("JOB_NAME", "shop/orders", "BUILD_NUMBER", "412", "BUILD_TAG", ""));

	(void)state;
	assert_string_equal(context.build_id, "shop/orders#412");
	context_release(&context);
	/* A number alone says nothing: it is unique in its job only. */
	context = fill(ENVIRONMENT("BUILD_NUMBER", "412"));
	assert_null(context.build_id);
	context_release(&context);
}

static void test_otel_attributes(void **state)
{
	struct context context = fill(
		ENVIRONMENT("OTEL_RESOURCE_ATTRIBUTES",
			    " service.name = orders%20eu , service.version=v2%2C3,"
			    "deployment.environment=old,deployment.environment.name=staging%3D1,"
			    "vcs.ref.head.revision=%e2%82%ac,unknown=x,"));

	(void)state;
	assert_string_equal(context.service, "orders eu");
	assert_string_equal(context.version, "v2,3");
	/* The newer name of the attribute wins, whatever the order is. */
	assert_string_equal(context.env, "staging=1");
	assert_string_equal(context.commit, "\xe2\x82\xac");
	context_release(&context);
	context = fill(ENVIRONMENT("OTEL_SERVICE_NAME", "a", "OTEL_RESOURCE_ATTRIBUTES",
				   "service.name=b,deployment.environment=old"));
	assert_string_equal(context.service, "a");
	assert_string_equal(context.env, "old");
	context_release(&context);
}

static void test_malformed_attributes_are_left_out_whole(void **state)
{
	static const char *const malformed[] = {
		"service.name=a,broken", "service.name=a,=b",  "service.name=a%",
		"service.name=a%4",      "service.name=a%zz",  "service.name=a%00b",
		"service.name=a,x=%f",   "service.name=a,%=x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct context context =
			fill(ENVIRONMENT("OTEL_RESOURCE_ATTRIBUTES", malformed[i]));

		assert_null(context.service);
		context_release(&context);
	}
}

static void test_many_attributes(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct context context;

	(void)state;
	buf_add_str(&buf, "service.name=first");
	for (unsigned int i = 0; i < 1000; i++)
		buf_addf(&buf, ",k%u=v", i);
	context = fill(ENVIRONMENT("OTEL_RESOURCE_ATTRIBUTES", buf.data));
	assert_string_equal(context.service, "first");
	context_release(&context);
}

static void test_long_values_are_cut_between_characters(void **state)
{
	char value[CONTEXT_VALUE_MAX + 100];
	struct context context;

	(void)state;
	memset(value, 'a', sizeof(value));
	memcpy(value + CONTEXT_VALUE_MAX - 1, "\xe2\x82\xac", 3);
	value[sizeof(value) - 1] = '\0';
	context = fill(ENVIRONMENT("PARKMETER_SERVICE", value));
	assert_int_equal(strlen(context.service), CONTEXT_VALUE_MAX - 1);
	context_release(&context);
}

static void test_traceparent(void **state)
{
	static const char *const valid[] = {
		PARENT,
		"00-" TRACE "-" SPAN "-00",
		"00-" TRACE "-" SPAN "-ff",
		"01-" TRACE "-" SPAN "-01",
		"cc-" TRACE "-" SPAN "-01-what-the-future-brings",
		"fe-" TRACE "-" SPAN "-01-",
	};
	struct context context;

	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		context = fill(ENVIRONMENT("TRACEPARENT", valid[i], "TRACE_ID", OTHER));
		assert_string_equal(context.trace_id, TRACE);
		assert_string_equal(context.span_id, SPAN);
		context_release(&context);
	}
}

static void test_traceparent_refuses(void **state)
{
	static const char *const refused[] = {
		"ff-" TRACE "-" SPAN "-01",
		"00-00000000000000000000000000000000-" SPAN "-01",
		"00-" TRACE "-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
		"00-" TRACE "-00F067AA0BA902B7-01",
		"00-" TRACE "-" SPAN "-01-more",
		"00-" TRACE "-" SPAN "-011",
		"01-" TRACE "-" SPAN "-01x",
		"00-" TRACE "-" SPAN "-0G",
		"00_" TRACE "-" SPAN "-01",
		"00-" TRACE "_" SPAN "-01",
		"00-" TRACE "-" SPAN "_01",
		"0-" TRACE "-" SPAN "-01",
		"000-" TRACE "-" SPAN "-01",
		" 00-" TRACE "-" SPAN "-01",
		"0x-" TRACE "-" SPAN "-01",
		"00-" TRACE "-" SPAN "0-01",
		"00-" TRACE "0-" SPAN "-01",
	};
	char trace_id[TRACE_ID_DIGITS + 1] = "t", span_id[SPAN_ID_DIGITS + 1] = "s";
	char prefix[sizeof(PARENT)];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct context context = fill(ENVIRONMENT("TRACEPARENT", refused[i]));

		assert_string_not_equal(context.trace_id, TRACE);
		assert_null(context.span_id);
		context_release(&context);
	}
	for (size_t size = 0; size < sizeof(PARENT) - 1; size++) {
		memcpy(prefix, PARENT, size);
		prefix[size] = '\0';
		assert_false(traceparent_parse(prefix, trace_id, span_id));
	}
	assert_string_equal(trace_id, "t");
	assert_string_equal(span_id, "s");
	assert_false(context_trace_id_valid(NULL));
	assert_false(context_trace_id_valid(TRACE "0"));
	assert_false(context_span_id_valid(NULL));
	assert_false(context_span_id_valid(TRACE));
	assert_true(context_span_id_valid(SPAN));
}

static void test_a_wrong_trace_id_is_told(void **state)
{
	struct context context = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	variables = ENVIRONMENT("PARKMETER_TRACE_ID", "0xABC");
	assert_int_equal(context_fill(&context, fake_getenv, &err), -EINVAL);
	assert_non_null(strstr(err.text, "0xABC"));
	assert_non_null(strstr(err.text, "32 hexadecimal digits"));
	context_release(&context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_environment),
		cmocka_unit_test(test_made_up_trace_ids_differ),
		cmocka_unit_test(test_own_variables_win),
		cmocka_unit_test(test_flags_win_over_everything),
		cmocka_unit_test(test_jenkins),
		cmocka_unit_test(test_jenkins_without_a_tag),
		cmocka_unit_test(test_otel_attributes),
		cmocka_unit_test(test_malformed_attributes_are_left_out_whole),
		cmocka_unit_test(test_many_attributes),
		cmocka_unit_test(test_long_values_are_cut_between_characters),
		cmocka_unit_test(test_traceparent),
		cmocka_unit_test(test_traceparent_refuses),
		cmocka_unit_test(test_a_wrong_trace_id_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
