/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pushes the sample capture of two releases for tests/e2e/pushgateway.sh, without a kernel in it:
 *
 *   push_sample metrics                      the metrics on standard output
 *   push_sample url|push URL [KEY=VALUE...]  the group's URL; a push and what came of it
 *
 * Keys: service, user, token, ca (files), attempts, backoff_ms, timeout_ms. Exit code 0, else 5.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sink/sink.h"
#include "unit/summary/sample.h"

static unsigned int number(const char *value)
{
	return (unsigned int)strtoul(value, NULL, 10);
}

/* False when there is no such key. */
static bool take(const char *argument, struct push_options *options, struct summary *summary)
{
	const char *value = strchr(argument, '=');
	size_t length = value ? (size_t)(value - argument) : 0;

	if (!length)
		return false;
	value++;
	if (strncmp(argument, "service", length) == 0)
		sample_check(summary_set_string(&summary->context.service, value));
	else if (strncmp(argument, "user", length) == 0)
		options->user_file = value;
	else if (strncmp(argument, "token", length) == 0)
		options->token_file = value;
	else if (strncmp(argument, "ca", length) == 0)
		options->ca_file = value;
	else if (strncmp(argument, "attempts", length) == 0)
		options->attempts = number(value);
	else if (strncmp(argument, "backoff_ms", length) == 0)
		options->backoff_ms = number(value);
	else if (strncmp(argument, "timeout_ms", length) == 0)
		options->timeout_ms = number(value);
	else
		return false;
	return true;
}

static int run(const char *verb, const struct push_options *options, const struct summary *summary,
	       struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct push_result result;
	int r;

	if (strcmp(verb, "push") == 0) {
		r = push_summary(options, summary, &result, err);
		printf("attempts=%u status=%ld deleted=%d\n", result.attempts, result.status,
		       result.group_deleted);
		return r;
	}
	if (strcmp(verb, "url") == 0)
		r = push_url(options, &summary->context, &text, err);
	else
		r = metrics_render(summary, &text, err);
	fputs(text.data, stdout);
	return r;
}

int main(int argc, char **argv)
{
	CLEANUP(summary_freep) struct summary *summary = sample_two_releases();
	struct push_options options = { .url = argc > 2 ? argv[2] : "", .backoff_ms = 20 };
	struct err err = ERR_INIT;

	for (int i = 3; i < argc; i++) {
		if (!take(argv[i], &options, summary)) {
			fprintf(stderr, "unknown argument %s\n", argv[i]);
			return 2;
		}
	}
	if (argc < 2 || run(argv[1], &options, summary, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 5;
	}
	return 0;
}
