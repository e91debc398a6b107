/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a summary goes. metrics: the Prometheus text format. pushgateway: a group of them, replaced
 * at each push, under job/service/env/pipeline/node, never under the build id.
 */
#ifndef PARKMETER_SINK_H
#define PARKMETER_SINK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "summary/summary.h"

/*
 * The summary as Prometheus text format 0.0.4: # HELP and # TYPE for each family, cumulative
 * buckets in seconds, no timestamps, a final line feed. README lists the names.
 */
int metrics_render(const struct summary *summary, struct buf *buf, struct err *err);

struct push_options {
	const char *url;         /* http(s)://host:port[/prefix] */
	const char *job;         /* NULL: "parkmeter" */
	const char *user_file;   /* "user:password" in a file; NULL none */
	const char *token_file;  /* bearer token in a file; NULL none */
	const char *ca_file;     /* PEM; NULL: the system's */
	unsigned int attempts;   /* at most; 0: 5 */
	unsigned int timeout_ms; /* of one attempt; 0: 10000 */
	unsigned int backoff_ms; /* first pause, doubled each time; 0: 500 */
};

struct push_result {
	unsigned int attempts;
	long status;        /* last HTTP status, 0: no answer */
	bool group_deleted; /* the push was refused and the new, empty group removed again */
};

/* The group's URL, "http://host/metrics/job/parkmeter/service/orders/env@base64/...". -EINVAL. */
int push_url(const struct push_options *options, const struct context *context, struct buf *buf,
	     struct err *err);

/*
 * PUTs the summary, gzip. Retries connection errors and 5xx with backoff; a 4xx is final, and when
 * it made a new group that group is deleted again. The error says what the server said and what to
 * do. *ret_result is set in every case.
 */
int push_summary(const struct push_options *options, const struct summary *summary,
		 struct push_result *ret_result, struct err *err);

#endif
