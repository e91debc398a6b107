/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the Prometheus text format back and fails the running test where a rule of it is broken,
 * or one that a Pushgateway leaves unchecked: each family once and with HELP and TYPE, no series
 * twice, labels well-formed, buckets cumulative in order of their borders and closed by +Inf, which
 * is the count. Written against the format's description, not against the writer.
 */
#ifndef TESTS_SINK_PROMCHECK_H
#define TESTS_SINK_PROMCHECK_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_SERIES_MAX 8192

struct promcheck {
	char *copy; /* of the text, cut into lines */
	struct {
		const char *series; /* name and labels */
		double value;
	} samples[CHECK_SERIES_MAX];
	size_t sample_count;
	size_t family_count;
	char family[128];
	char type[16];
	/* the histogram under way */
	char bucket_labels[1024];
	double last_le, last_count;
};

static inline bool check_is_name(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz_0123456789", text[i]))
			return false;
	return size > 0 && (text[0] < '0' || text[0] > '9');
}

/* Walks name="value",... up to the closing brace, which it returns; *ret_le is its place. */
static inline const char *check_labels(const char *at, const char **ret_le)
{
	while (*at != '}') {
		const char *equals = strchr(at, '=');

		assert_non_null(equals);
		assert_true(check_is_name(at, (size_t)(equals - at)));
		if (strncmp(at, "le=", 3) == 0)
			*ret_le = at;
		at = equals + 1;
		assert_int_equal(*at, '"');
		for (at++; *at != '"'; at++) {
			assert_true((unsigned char)*at >= ' ');
			if (*at == '\\')
				assert_non_null(strchr("\\\"n", *++at));
		}
		at++;
		assert_true(*at == ',' || *at == '}');
		if (*at == ',')
			at++;
	}
	return at;
}

static inline void check_head(struct promcheck *check, const char *line)
{
	char keyword[8], name[128];
	int used = 0;

	assert_int_equal(sscanf(line, "# %7s %127s %n", keyword, name, &used), 2);
	assert_memory_equal(name, "parkmeter_", 10);
	assert_true(strlen(line + used) > 0);
	if (strcmp(keyword, "HELP") == 0) {
		assert_int_equal(check->family[0] && strcmp(check->family, name) == 0, 0);
		snprintf(check->family, sizeof(check->family), "%s", name);
		check->type[0] = '\0';
		check->family_count++;
		return;
	}
	assert_string_equal(keyword, "TYPE");
	assert_string_equal(name, check->family);
	snprintf(check->type, sizeof(check->type), "%s", line + used);
	assert_true(strcmp(check->type, "gauge") == 0 || strcmp(check->type, "histogram") == 0);
}

static inline void check_histogram(struct promcheck *check, const char *series, const char *le,
				   const char *suffix, double value)
{
	if (strcmp(suffix, "_sum") == 0) {
		assert_true(value >= 0);
		return;
	}
	if (strcmp(suffix, "_count") == 0) {
		assert_true(isinf(check->last_le));
		assert_true(value == check->last_count);
		return;
	}
	assert_string_equal(suffix, "_bucket");
	assert_non_null(le);
	if (strncmp(check->bucket_labels, series, (size_t)(le - series)) != 0 ||
	    check->bucket_labels[le - series] != '\0') {
		snprintf(check->bucket_labels, sizeof(check->bucket_labels), "%.*s",
			 (int)(le - series), series);
		check->last_le = check->last_count = 0;
	}
	assert_true(strtod(le + 4, NULL) > check->last_le);
	assert_true(value >= check->last_count);
	check->last_le = strtod(le + 4, NULL);
	check->last_count = value;
}

static inline void check_sample(struct promcheck *check, char *line)
{
	size_t name = strcspn(line, "{ ");
	const char *le = NULL;
	char *end = line + name;
	char suffix[32];
	double value;

	if (*end == '{')
		end += check_labels(end + 1, &le) - end + 1;
	assert_int_equal(*end, ' ');
	*end = '\0';
	value = strtod(end + 1, &end);
	assert_int_equal(*end, '\0');
	assert_true(isfinite(value));
	assert_true(name >= strlen(check->family));
	assert_memory_equal(line, check->family, strlen(check->family));
	snprintf(suffix, sizeof(suffix), "%.*s", (int)(name - strlen(check->family)),
		 line + strlen(check->family));
	if (strcmp(check->type, "histogram") == 0)
		check_histogram(check, line, le, suffix, value);
	else
		assert_true(strcmp(check->type, "gauge") == 0 && !*suffix && !le);
	assert_true(check->sample_count < CHECK_SERIES_MAX);
	check->samples[check->sample_count].series = line;
	check->samples[check->sample_count++].value = value;
}

static inline int check_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static inline void check_unique(const struct promcheck *check)
{
	const char **series = calloc(check->sample_count + 1, sizeof(*series));

	assert_non_null(series);
	for (size_t i = 0; i < check->sample_count; i++)
		series[i] = check->samples[i].series;
	qsort(series, check->sample_count, sizeof(*series), check_compare);
	for (size_t i = 1; i < check->sample_count; i++)
		assert_string_not_equal(series[i - 1], series[i]);
	free(series);
}

/* The families in order of their names, to see that none comes twice. */
static inline void check_families(const struct promcheck *check, const char *text)
{
	const char *at = text;
	size_t count = 0;
	char **names = calloc(check->family_count + 1, sizeof(*names));

	assert_non_null(names);
	while ((at = strstr(at, "\n# TYPE "))) {
		at += 8;
		names[count++] = strndup(at, strcspn(at, " "));
	}
	assert_int_equal(count, check->family_count);
	qsort(names, count, sizeof(*names), check_compare);
	for (size_t i = 1; i < count; i++)
		assert_string_not_equal(names[i - 1], names[i]);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static inline struct promcheck *promcheck_read(const char *text)
{
	struct promcheck *check = calloc(1, sizeof(*check));
	char *line, *rest;

	assert_non_null(check);
	assert_true(*text && text[strlen(text) - 1] == '\n');
	check->copy = rest = strdup(text);
	while ((line = strsep(&rest, "\n")) && rest) {
		if (line[0] == '#')
			check_head(check, line);
		else
			check_sample(check, line);
	}
	check_unique(check);
	check_families(check, text);
	return check;
}

static inline void promcheck_free(struct promcheck *check)
{
	if (check)
		free(check->copy);
	free(check);
}

/* The value of a series, NaN when there is none. */
static inline double promcheck_value(const struct promcheck *check, const char *series)
{
	for (size_t i = 0; i < check->sample_count; i++)
		if (strcmp(check->samples[i].series, series) == 0)
			return check->samples[i].value;
	return NAN;
}

/* How many series begin like this. */
static inline size_t promcheck_count(const struct promcheck *check, const char *prefix)
{
	size_t count = 0;

	for (size_t i = 0; i < check->sample_count; i++)
		count += strncmp(check->samples[i].series, prefix, strlen(prefix)) == 0;
	return count;
}

#endif
