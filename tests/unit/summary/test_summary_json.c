/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON form against its own schema. The validator knows the keywords that the schema uses and
 * fails on any other, so that none is silently ignored.
 */
#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "unit/summary/sample.h"

#define PROBLEM_MAX 200

struct validator {
	json_t *schema;
	char problem[PROBLEM_MAX]; /* "" while all is well */
};

static void complain(struct validator *validator, const char *what, const char *key)
{
	if (!validator->problem[0])
		snprintf(validator->problem, sizeof(validator->problem), "%s: %s", what, key);
}

static void validate(struct validator *validator, const json_t *rule, const json_t *value);

static bool is_type(const json_t *value, const char *type)
{
	if (!strcmp(type, "object"))
		return json_is_object(value);
	if (!strcmp(type, "array"))
		return json_is_array(value);
	if (!strcmp(type, "string"))
		return json_is_string(value);
	if (!strcmp(type, "integer"))
		return json_is_integer(value);
	if (!strcmp(type, "number"))
		return json_is_number(value);
	if (!strcmp(type, "boolean"))
		return json_is_boolean(value);
	return !strcmp(type, "null") && json_is_null(value);
}

static bool is_one_of_types(const json_t *value, const json_t *types)
{
	if (json_is_string(types))
		return is_type(value, json_string_value(types));
	for (size_t i = 0; i < json_array_size(types); i++) {
		if (is_type(value, json_string_value(json_array_get(types, i))))
			return true;
	}
	return false;
}

static void validate_ref(struct validator *validator, const char *ref, const json_t *value)
{
	const json_t *definition = NULL;

	if (!strncmp(ref, "#/$defs/", 8))
		definition = json_object_get(json_object_get(validator->schema, "$defs"), ref + 8);
	if (!definition)
		complain(validator, "dangling reference", ref);
	else
		validate(validator, definition, value);
}

static void validate_properties(struct validator *validator, const json_t *rule,
				const json_t *value)
{
	json_t *known = json_object_get(rule, "properties");
	json_t *additional = json_object_get(rule, "additionalProperties");
	json_t *required = json_object_get(rule, "required");
	const char *key;
	json_t *item;

	for (size_t i = 0; i < json_array_size(required); i++) {
		key = json_string_value(json_array_get(required, i));
		if (!json_object_get(value, key))
			complain(validator, "required property is missing", key);
	}
	json_object_foreach((json_t *)value, key, item) {
		json_t *property = json_object_get(known, key);

		if (property)
			validate(validator, property, item);
		else if (additional)
			validate(validator, additional, item);
		else /* stricter than JSON Schema: our own output has nothing undocumented */
			complain(validator, "undocumented property", key);
	}
}

static void validate_items(struct validator *validator, const json_t *rule, const json_t *value)
{
	json_t *prefix = json_object_get(rule, "prefixItems");
	json_t *items = json_object_get(rule, "items");
	json_t *least = json_object_get(rule, "minItems"),
	       *most = json_object_get(rule, "maxItems");
	size_t size = json_array_size(value);

	if (least && size < (size_t)json_integer_value(least))
		complain(validator, "too few items", "");
	if (most && size > (size_t)json_integer_value(most))
		complain(validator, "too many items", "");
	for (size_t i = 0; i < size; i++) {
		json_t *of = i < json_array_size(prefix) ? json_array_get(prefix, i) : items;

		if (of)
			validate(validator, of, json_array_get(value, i));
	}
}

static void validate_scalar(struct validator *validator, const json_t *rule, const json_t *value)
{
	json_t *minimum = json_object_get(rule, "minimum");
	json_t *constant = json_object_get(rule, "const");
	json_t *pattern = json_object_get(rule, "pattern");
	regex_t regex;

	if (minimum && json_is_number(value) &&
	    json_number_value(value) < json_number_value(minimum))
		complain(validator, "below the minimum", "");
	if (constant && !json_equal(constant, value))
		complain(validator, "not the constant", json_string_value(constant) ?: "");
	if (!pattern || !json_is_string(value))
		return;
	assert_int_equal(regcomp(&regex, json_string_value(pattern), REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&regex, json_string_value(value), 0, NULL, 0))
		complain(validator, "does not match", json_string_value(pattern));
	regfree(&regex);
}

static void check_keywords(struct validator *validator, const json_t *rule)
{
	static const char *const known[] = {
		"$schema",     "$defs",    "$ref",       "title",   "description",
		"type",        "required", "properties", "items",   "additionalProperties",
		"prefixItems", "minItems", "maxItems",   "minimum", "const",
		"pattern",
	};
	const char *key;
	json_t *item;

	json_object_foreach((json_t *)rule, key, item) {
		size_t i = 0;

		while (i < sizeof(known) / sizeof(known[0]) && strcmp(known[i], key))
			i++;
		if (i == sizeof(known) / sizeof(known[0]))
			complain(validator, "keyword that this validator does not know", key);
	}
}

static void validate(struct validator *validator, const json_t *rule, const json_t *value)
{
	json_t *types = json_object_get(rule, "type"), *ref = json_object_get(rule, "$ref");

	check_keywords(validator, rule);
	if (ref)
		validate_ref(validator, json_string_value(ref), value);
	if (types && !is_one_of_types(value, types))
		complain(validator, "wrong type", "");
	if (json_is_object(value) && !ref)
		validate_properties(validator, rule, value);
	if (json_is_array(value) && !ref)
		validate_items(validator, rule, value);
	validate_scalar(validator, rule, value);
}

/* NULL when `value` keeps to the schema; static storage. */
static const char *problem_of(const json_t *value)
{
	static struct validator validator;
	json_error_t error;

	validator.problem[0] = '\0';
	validator.schema = json_loads(summary_schema(), JSON_REJECT_DUPLICATES, &error);
	if (!validator.schema)
		fail_msg("the schema is no JSON: %s", error.text);
	validate(&validator, validator.schema, value);
	json_decref(validator.schema);
	return validator.problem[0] ? validator.problem : NULL;
}

static json_t *json_of(struct summary *summary)
{
	json_t *json = summary_to_json(summary);

	assert_non_null(json);
	summary_free(summary);
	return json;
}

static void assert_valid(const json_t *json)
{
	const char *problem = problem_of(json);

	if (problem)
		fail_msg("not as the schema says: %s", problem);
}

static void test_empty_summary_keeps_to_the_schema(void **state)
{
	json_t *json = json_of(sample_empty());

	(void)state;
	assert_valid(json);
	assert_true(json_is_null(json_object_get(json, "command_status")));
	assert_true(json_is_null(json_object_get(json, "attach")));
	json_decref(json);
}

static void test_full_summary_keeps_to_the_schema(void **state)
{
	json_t *json = json_of(sample_two_releases());

	(void)state;
	assert_valid(json);
	json_decref(json);
}

/* With a path for a file the test leaves one for other validators: PARKMETER_KEEP_JSON=out.json */
static void test_text_survives(void **state)
{
	const char *keep = getenv("PARKMETER_KEEP_JSON");
	json_t *json = json_of(sample_two_releases());
	char *text = json_dumps(json, JSON_PRESERVE_ORDER);
	json_t *back = json_loads(text, 0, NULL);

	(void)state;
	assert_non_null(back);
	assert_true(json_equal(json, back));
	if (keep)
		assert_int_equal(json_dump_file(json, keep, JSON_INDENT(1)), 0);
	free(text);
	json_decref(back);
	json_decref(json);
}

static void test_values(void **state)
{
	struct summary *summary = sample_two_releases();
	const struct release *release = &summary->releases[1];
	json_t *json = summary_to_json(summary);
	json_t *new = json_array_get(json_object_get(json, "releases"), 1);
	json_t *stack = json_array_get(json_object_get(new, "stacks"), 0);
	json_t *hist = json_object_get(new, "runnable");
	json_t *buckets = json_object_get(hist, "buckets");
	json_int_t counted = 0;

	(void)state;
	assert_string_equal(json_string_value(json_object_get(new, "version")), "v2.3.0");
	assert_int_equal(json_integer_value(json_object_get(stack, "still_waiting")),
			 SAMPLE_WAITING);
	assert_int_equal(json_integer_value(json_object_get(hist, "count")),
			 release->runnable.count);
	assert_int_equal(json_integer_value(json_object_get(hist, "p99_ns")),
			 hist_quantile(&release->runnable, 0.99));
	for (size_t i = 0; i < json_array_size(buckets); i++) {
		json_t *bucket = json_array_get(buckets, i);
		uint64_t lower = (uint64_t)json_integer_value(json_array_get(bucket, 0));
		uint64_t upper = (uint64_t)json_integer_value(json_array_get(bucket, 1));
		uint32_t index = bucket_index(lower);

		assert_int_equal(bucket_lower_ns(index), lower);
		assert_int_equal(bucket_lower_ns(index + 1), upper);
		assert_int_equal(json_integer_value(json_array_get(bucket, 2)),
				 release->runnable.counts[index]);
		counted += json_integer_value(json_array_get(bucket, 2));
	}
	assert_int_equal(counted, release->runnable.count);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "window"), "opened_at")),
		"2026-08-14T10:22:31Z");
	json_decref(json);
	summary_free(summary);
}

static void test_last_bucket_is_open(void **state)
{
	struct summary *summary = sample_empty();
	struct release *release;
	json_t *json, *buckets;

	(void)state;
	sample_check(summary_add_release(summary, "v", &release));
	hist_record(&release->gc, 100ULL << 30);
	json = json_of(summary);
	assert_valid(json);
	buckets = json_object_get(
		json_object_get(
			json_object_get(json_array_get(json_object_get(json, "releases"), 0), "gc"),
			"hist"),
		"buckets");
	assert_true(json_is_null(json_array_get(json_array_get(buckets, 0), 1)));
	json_decref(json);
}

static void test_hostile_content(void **state)
{
	struct summary *summary = sample_empty();
	struct release *release;
	struct wait_stack *stack;
	struct process *process;
	json_t *json, *first;

	(void)state;
	sample_check(summary_add_release(summary, "v\xff\x1b[31m\xc0\xaf", &release));
	sample_check(release_add_stack(release, "\xed\xa0\x80", &stack));
	sample_check(stack_add_frame(stack, "f\xf5", "\x80", UINT32_MAX));
	stack->sum_ns = UINT64_MAX;
	sample_check(release_add_process(release, 1, &process));
	sample_check(summary_set_string(&process->exe, "/tmp/\xe2\x82"));
	release->runnable.count = UINT64_MAX;
	release->runnable.counts[3] = UINT64_MAX;
	summary->quality.hit_cost_ns = (double)NAN;
	summary->quality.seen_ratio = (double)INFINITY;
	summary->quality.hits[0] = UINT64_MAX;
	summary->opened_wall_ns = UINT64_MAX;
	summary->closed_ns = 1;
	summary->opened_ns = 2;
	summary_finish(summary);
	json = json_of(summary);
	assert_valid(json);
	first = json_array_get(json_object_get(json, "releases"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "version")),
			    "v\xef\xbf\xbd\x1b[31m\xef\xbf\xbd\xef\xbf\xbd");
	stack = NULL;
	assert_true(json_integer_value(json_object_get(
			    json_array_get(json_object_get(first, "stacks"), 0), "sum_ns")) ==
		    INT64_MAX);
	json_decref(json);
}

static void check_without_each(json_t *whole, json_t *object);

static void check_children(json_t *whole, json_t *object)
{
	const char *key;
	json_t *child;

	json_object_foreach(object, key, child) {
		if (json_is_object(child))
			check_without_each(whole, child);
		else if (json_is_object(json_array_get(child, 0)))
			check_without_each(whole, json_array_get(child, 0));
	}
}

/* Takes each property away in turn: the schema must miss it. Then looks into its children. */
static void check_without_each(json_t *whole, json_t *object)
{
	json_t *copy = json_copy(object);
	const char *key;
	json_t *value;

	json_object_foreach(copy, key, value) {
		assert_int_equal(json_object_del(object, key), 0);
		if (!problem_of(whole))
			fail_msg("nobody misses %s", key);
		assert_int_equal(json_object_set_new(object, key, json_string("wrong")), 0);
		if (!json_is_string(value) && !json_is_null(value) && !problem_of(whole))
			fail_msg("%s may be a string", key);
		assert_int_equal(json_object_set(object, key, value), 0);
	}
	json_decref(copy);
	check_children(whole, object);
}

static void test_schema_misses_everything(void **state)
{
	struct summary *summary = sample_empty();
	struct release *release;
	struct wait_stack *stack;
	struct process *process;
	struct syscall_user *user;
	struct stall *stall;
	struct named_hist *named;
	struct block *block;
	json_t *json;

	(void)state;
	sample_check(summary_add_release(summary, "v1", &release));
	sample_check(release_add_process(release, 1, &process));
	sample_check(release_add_stack(release, "select", &stack));
	sample_check(stack_add_frame(stack, "f", "g.go", 1));
	sample_check(release_add_creator(release, "a", "b", 1));
	sample_check(release_add_syscall_user(release, "read", "f", &user));
	sample_check(release_add_stall(release, "f", &stall));
	sample_check(named_hists_get(&release->waiting, "select", &named));
	sample_check(release_block(release, 0, 1, &block));
	json = json_of(summary);
	assert_valid(json);
	check_without_each(json, json);
	assert_valid(json);
	assert_int_equal(json_object_set_new(json, "surprise", json_true()), 0);
	assert_non_null(problem_of(json));
	json_decref(json);
}

static void test_schema_refuses_another_major(void **state)
{
	json_t *json = json_of(sample_empty());

	(void)state;
	assert_int_equal(json_object_set_new(json_object_get(json, "schema"), "major",
					     json_integer(SUMMARY_SCHEMA_MAJOR + 1)),
			 0);
	assert_non_null(problem_of(json));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_summary_keeps_to_the_schema),
		cmocka_unit_test(test_full_summary_keeps_to_the_schema),
		cmocka_unit_test(test_text_survives),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_last_bucket_is_open),
		cmocka_unit_test(test_hostile_content),
		cmocka_unit_test(test_schema_misses_everything),
		cmocka_unit_test(test_schema_refuses_another_major),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
