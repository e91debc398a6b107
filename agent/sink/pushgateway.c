/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A push is one PUT of a whole group: what an earlier push left in it is gone afterwards, so a
 * group holds one capture. It is idempotent, and therefore tried again whenever it may help.
 *
 * A Pushgateway that refuses metrics because they contradict another group (400) keeps the group
 * nevertheless, empty, with push_time_seconds 0 (1.5.1); nothing ever removes it. A group that was
 * never pushed to successfully is therefore deleted again. One that was is left as it is.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/http.h"
#include "sink/credentials.h"
#include "sink/gzip.h"
#include "sink/pushurl.h"
#include "sink/sink.h"

#define ATTEMPTS_DEFAULT   5
#define ATTEMPTS_MAX       20
#define BACKOFF_DEFAULT_MS 500
#define BACKOFF_MAX_MS     30000
#define TIMEOUT_DEFAULT_MS 10000

/* One push under way; owns everything but the options and the result. */
struct push {
	const struct push_options *options;
	struct push_result *result;
	struct credentials credentials;
	struct buf url;   /* of the group */
	struct buf shown; /* of the Pushgateway, for sentences */
	struct buf body;  /* gzip */
	json_t *labels;   /* of the group */
};

static void push_init(struct push *push, const struct push_options *options,
		      struct push_result *result)
{
	*push = (struct push){ .options = options, .result = result };
	buf_init(&push->url);
	buf_init(&push->shown);
	buf_init(&push->body);
}

static void push_release(struct push *push)
{
	credentials_release(&push->credentials);
	buf_release(&push->url);
	buf_release(&push->shown);
	buf_release(&push->body);
	json_decref(push->labels);
}

/* Everything about a push but what is pushed. */
static int push_prepare(struct push *push, const struct context *context, struct err *err)
{
	const struct push_options *options = push->options;
	int r;

	r = push_url(options, context, &push->url, err);
	if (r == 0)
		r = http_url_redact(options->url, &push->shown, err);
	if (r == 0)
		r = credentials_load(options, &push->credentials, err);
	if (r < 0)
		return r;
	if (options->ca_file && access(options->ca_file, R_OK) < 0)
		return err_set_errno(err, -errno, "cannot read the CA certificates in %s",
				     options->ca_file);
	push->labels = push_group_labels(options, context);
	if (!push->labels)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

int push_check(const struct push_options *options, const struct context *context, struct err *err)
{
	CLEANUP(push_release) struct push push;

	push_init(&push, options, NULL);
	return push_prepare(&push, context, err);
}

static int push_render(struct push *push, const struct summary *summary, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	int r;

	r = metrics_render(summary, &text, err);
	if (r < 0)
		return r;
	r = gzip_compress(text.data, text.size, &push->body);
	if (r < 0)
		return err_set_errno(err, r, "cannot compress the metrics");
	return 0;
}

/* One request with the push's credentials and limits. */
static int push_request(const struct push *push, struct http_request request,
			struct http_answer *ret_answer, struct err *err)
{
	const struct push_options *options = push->options;

	request.user_password = push->credentials.user_password;
	request.bearer = push->credentials.bearer;
	request.ca_file = options->ca_file;
	request.timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_DEFAULT_MS;
	return http_perform(&request, ret_answer, err);
}

static int push_once(const struct push *push, struct http_answer *ret_answer, struct err *err)
{
	static const char *const headers[] = {
		"Content-Type: text/plain; version=0.0.4; charset=utf-8",
		"Content-Encoding: gzip",
		NULL,
	};
	const struct http_request request = { .method = "PUT",
					      .url = push->url.data,
					      .headers = headers,
					      .body = push->body.data,
					      .body_size = push->body.size };

	return push_request(push, request, ret_answer, err);
}

/* Whether the same request may succeed in a moment. */
static bool is_passing(int r, long status)
{
	if (r == 0)
		return status >= 500 || status == 429 || status == 408;
	return r == -ECONNREFUSED || r == -ECONNRESET || r == -ETIMEDOUT || r == -EHOSTUNREACH;
}

/*
 * Between half of the pause and all of it, so that agents that a restart of the Pushgateway turned
 * away do not come back all at once. A signal ends it early.
 */
static void pause_after(unsigned int attempt, unsigned int backoff_ms)
{
	uint64_t pause_ms = backoff_ms ? backoff_ms : BACKOFF_DEFAULT_MS;
	struct timespec pause;
	uint32_t random = 0;

	for (unsigned int i = 1; i < attempt && pause_ms < BACKOFF_MAX_MS; i++)
		pause_ms *= 2;
	if (pause_ms > BACKOFF_MAX_MS)
		pause_ms = BACKOFF_MAX_MS;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)clock_mono_ns();
	pause_ms -= random % (pause_ms / 2 + 1);
	pause.tv_sec = (time_t)(pause_ms / 1000);
	pause.tv_nsec = (long)(pause_ms % 1000 * NS_PER_MS);
	nanosleep(&pause, NULL);
}

/* 0: an answer, whatever its status, and no further attempt would change it or was left. */
static int push_attempts(const struct push *push, struct http_answer *ret_answer, struct err *err)
{
	unsigned int attempts = push->options->attempts;
	struct http_answer answer = { 0 };
	int r;

	if (!attempts)
		attempts = ATTEMPTS_DEFAULT;
	if (attempts > ATTEMPTS_MAX)
		attempts = ATTEMPTS_MAX;
	for (unsigned int attempt = 1;; attempt++) {
		r = push_once(push, &answer, err);
		push->result->attempts = attempt;
		push->result->status = answer.status;
		if (!is_passing(r, answer.status) || attempt == attempts)
			break;
		http_answer_release(&answer);
		pause_after(attempt, push->options->backoff_ms);
	}
	if (r < 0)
		return err_wrap(err, r, "push to %s (attempt %u of %u)", push->shown.data,
				push->result->attempts, attempts);
	*ret_answer = answer;
	return 0;
}

/* ---- what a refusal leaves behind ---- */

/* push_time_seconds of a group in the API's answer; -1 where there is none. */
static double group_push_time_s(const json_t *group)
{
	const json_t *family = json_object_get(group, "push_time_seconds");
	const json_t *metric = json_array_get(json_object_get(family, "metrics"), 0);
	const char *value = json_string_value(json_object_get(metric, "value"));
	char *end;
	double time_s;

	if (!value)
		return -1;
	time_s = strtod(value, &end);
	return *end || end == value ? -1 : time_s;
}

/* True when the Pushgateway says that the group exists and was never pushed to with success. */
static bool group_is_empty(const struct push *push, const struct buf *answer)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const json_t *group;
	size_t i;

	root = json_loadb(answer->data, answer->size, 0, NULL);
	json_array_foreach(json_object_get(root, "data"), i, group) {
		if (json_equal(json_object_get(group, "labels"), push->labels))
			return group_push_time_s(group) == 0;
	}
	return false;
}

/* Takes away the group that a refused push has made. True when it is gone. */
static bool delete_empty_group(const struct push *push)
{
	CLEANUP(http_answer_release) struct http_answer groups = { 0 };
	CLEANUP(http_answer_release) struct http_answer answer = { 0 };
	CLEANUP(buf_release) struct buf url = BUF_INIT;

	push_base_url(push->options, "/api/v1/metrics", &url);
	if (buf_status(&url) < 0 ||
	    push_request(push, (struct http_request){ .url = url.data }, &groups, NULL) < 0)
		return false;
	if (groups.status != 200 || !group_is_empty(push, &groups.body))
		return false;
	return push_request(push,
			    (struct http_request){ .method = "DELETE", .url = push->url.data },
			    &answer, NULL) == 0 &&
	       answer.status / 100 == 2;
}

/* ---- what the answer means ---- */

static const struct {
	long from, to; /* status, both inclusive */
	int code;
	const char *remedy;
} refusals[] = {
	{ 300, 399, -EBADMSG, "redirects are not followed: give the address that it redirects to" },
	{ 400, 400, -EBADMSG,
	  "these metrics contradict what another job pushed there, or another parkmeter did: "
	  "compare them with its /metrics, or use a Pushgateway that is free of it" },
	{ 401, 401, -EACCES, "give credentials with --push-user-file or --push-token-file" },
	{ 403, 403, -EACCES, "these credentials may not push there: ask for ones that may" },
	{ 404, 405, -EBADMSG,
	  "this address is no Pushgateway's: check host, port and route prefix" },
	{ 413, 413, -EBADMSG, "raise the limit on bodies of the proxy before the Pushgateway" },
	{ 500, 599, -EAGAIN, "look at the Pushgateway's log, and try again later" },
};

static int refused(const struct push *push, const struct http_answer *answer, struct err *err)
{
	CLEANUP(buf_release) struct buf said = BUF_INIT;
	const char *remedy = "look at the Pushgateway's log";
	int code = -EBADMSG;

	credentials_quote(&push->credentials, &answer->body, &said);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		if (answer->status >= refusals[i].from && answer->status <= refusals[i].to) {
			code = refusals[i].code;
			remedy = refusals[i].remedy;
		}
	}
	return err_set(err, code, "cannot push to %s: after %u attempt%s it answers %ld: %s; %s",
		       push->shown.data, push->result->attempts,
		       push->result->attempts == 1 ? "" : "s", answer->status, said.data, remedy);
}

/* A login page or a parked domain answers 200, too; a Pushgateway says nothing with it. */
static bool is_web_page(const struct buf *answer)
{
	size_t start = strspn(answer->data, " \t\r\n");

	return answer->data[start] == '<';
}

static int judge(const struct push *push, const struct http_answer *answer, struct err *err)
{
	if (answer->status / 100 != 2) {
		if (answer->status == 400)
			push->result->group_deleted = delete_empty_group(push);
		return refused(push, answer, err);
	}
	if (is_web_page(&answer->body))
		return err_set(err, -EBADMSG,
			       "cannot push to %s: it answers %ld with a page of HTML, which no "
			       "Pushgateway does; check the address",
			       push->shown.data, answer->status);
	return 0;
}

int push_summary(const struct push_options *options, const struct summary *summary,
		 struct push_result *ret_result, struct err *err)
{
	CLEANUP(push_release) struct push push;
	CLEANUP(http_answer_release) struct http_answer answer = { 0 };
	int r;

	*ret_result = (struct push_result){ 0 };
	push_init(&push, options, ret_result);
	r = push_prepare(&push, &summary->context, err);
	if (r == 0)
		r = push_render(&push, summary, err);
	if (r == 0)
		r = push_attempts(&push, &answer, err);
	if (r == 0)
		r = judge(&push, &answer, err);
	return r;
}
