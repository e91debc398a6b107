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
 * buckets in seconds, no timestamps, a final line feed. README lists the names. Added to `buf`;
 * -ENOMEM leaves a part of it there.
 */
int metrics_render(const struct summary *summary, struct buf *buf, struct err *err);

/*
 * Strings are borrowed. Credentials come from files, never from arguments or the environment, which
 * others can read; trailing line ends are no part of them. Who may read those files is the user's
 * affair: secrets that Kubernetes mounts are 0644 as a rule, and a refusal would only break that.
 */
struct push_options {
	const char *url;         /* http(s)://host:port[/prefix] */
	const char *job;         /* NULL: "parkmeter" */
	const char *user_file;   /* "user:password" in a file; NULL none */
	const char *token_file;  /* bearer token in a file; NULL none */
	const char *ca_file;     /* PEM; NULL: the system's */
	unsigned int attempts;   /* at most; 0: 5 */
	unsigned int timeout_ms; /* of one attempt; 0: 10000 */
	unsigned int backoff_ms; /* first pause, doubled each time up to 30 s; 0: 500 */
};

struct push_result {
	unsigned int attempts;
	long status;        /* last HTTP status of the push, 0: no answer */
	bool group_deleted; /* the push was refused and the new, empty group removed again */
};

/*
 * The group's URL, "http://host/metrics/job/parkmeter/service/orders/env/prod/...": what is NULL in
 * the context is no part of it. -EINVAL: no URL, or a label longer than 512 bytes.
 */
int push_url(const struct push_options *options, const struct context *context, struct buf *buf,
	     struct err *err);

/*
 * Whether a push could be tried at all: the URL, the labels, the files. Makes no connection; for
 * saying what is wrong before a capture is made instead of after it.
 */
int push_check(const struct push_options *options, const struct context *context, struct err *err);

/*
 * PUTs the summary, gzip. Retries connection errors, 5xx, 408 and 429 with backoff; any other 4xx
 * is final, and when it made a new group that group is deleted again. 0: the Pushgateway has it.
 * Else the error says what the server said and what to do: -EINVAL (options), -EACCES (401, 403),
 * -EBADMSG (refused otherwise), -EAGAIN (still 5xx after the last attempt), and those of
 * http_perform(). *ret_result is set in every case.
 */
int push_summary(const struct push_options *options, const struct summary *summary,
		 struct push_result *ret_result, struct err *err);

#endif
