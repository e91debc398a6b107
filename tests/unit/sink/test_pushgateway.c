/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "sink/sink.h"
#include "support/fake_http_server.h"
#include "unit/summary/sample.h"

DEFINE_FREEP(struct fake_server *, fake_server_free)

#define PASSWORD "pa55-never-shown"
#define TOKEN    "t0ken-never-shown"

#define OK          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define UNAVAILABLE "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\nnot\n now\r\n"

static struct summary *summary;
static char user_file[] = "/tmp/parkmeter-user-XXXXXX";
static char token_file[] = "/tmp/parkmeter-token-XXXXXX";

/* What a push against a scripted server came to. */
struct outcome {
	int code;
	struct push_result result;
	struct err err;
	struct fake_server *server;
};

static void outcome_release(struct outcome *outcome)
{
	fake_server_free(outcome->server);
}

static void push(const struct fake_reply *replies, size_t count, struct push_options options,
		 struct outcome *outcome)
{
	char url[64];

	*outcome = (struct outcome){ .server = fake_server_start(replies, count) };
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", fake_server_port(outcome->server));
	options.url = url;
	options.backoff_ms = 1;
	if (!options.timeout_ms)
		options.timeout_ms = 2000;
	outcome->code = push_summary(&options, summary, &outcome->result, &outcome->err);
	fake_server_stop(outcome->server);
}

static void expect_refusal(const struct outcome *outcome, int code, long status, const char *said)
{
	assert_int_equal(outcome->code, code);
	assert_int_equal(outcome->err.code, code);
	assert_int_equal(outcome->result.status, status);
	assert_non_null(strstr(outcome->err.text, "cannot push to http://127.0.0.1:"));
	if (!strstr(outcome->err.text, said))
		fail_msg("%s", outcome->err.text);
	assert_null(strstr(outcome->err.text, PASSWORD));
	assert_null(strstr(outcome->err.text, TOKEN));
}

static void test_what_is_sent(void **state)
{
	static const struct fake_reply reply = { .text = OK };
	CLEANUP(outcome_release) struct outcome outcome;
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	static char plain[1 << 20];
	z_stream stream = { .next_out = (Bytef *)plain, .avail_out = sizeof(plain) };
	const char *request, *body;
	size_t size;

	(void)state;
	push(&reply, 1, (struct push_options){ .user_file = user_file }, &outcome);
	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.result.attempts, 1);
	assert_int_equal(outcome.result.status, 200);
	assert_int_equal(fake_server_requests(outcome.server), 1);
	request = fake_server_request(outcome.server, 0, &size);
	assert_non_null(strstr(request,
			       "PUT /metrics/job/parkmeter/service/orders/env/staging/"
			       "pipeline@base64/c2hvcC9vcmRlcnM/node/built-in HTTP/1.1\r\n"));
	assert_non_null(strstr(request, "\r\nContent-Encoding: gzip\r\n"));
	assert_non_null(strstr(request, "\r\nContent-Type: text/plain; version=0.0.4"));
	/* printf 'bob:pa55-never-shown' | base64 */
	assert_non_null(strstr(request, "\r\nAuthorization: Basic "
					"Ym9iOnBhNTUtbmV2ZXItc2hvd24=\r\n"));

	body = strstr(request, "\r\n\r\n") + 4;
	stream.next_in = (Bytef *)body;
	stream.avail_in = (uInt)(size - (size_t)(body - request));
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	inflateEnd(&stream);
	assert_int_equal(metrics_render(summary, &text, NULL), 0);
	assert_int_equal(stream.total_out, text.size);
	assert_memory_equal(plain, text.data, text.size);
}

static void test_tries_again(void **state)
{
	static const struct fake_reply replies[] = {
		{ .text = UNAVAILABLE },
		{ .slam_shut = true },
		{ .text = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n" },
		{ .text = OK },
	};
	CLEANUP(outcome_release) struct outcome outcome;

	(void)state;
	push(replies, 4, (struct push_options){ .token_file = token_file }, &outcome);
	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.result.attempts, 4);
	assert_int_equal(outcome.result.status, 200);
	assert_non_null(strstr(fake_server_request(outcome.server, 2, NULL),
			       "\r\nAuthorization: Bearer " TOKEN "\r\n"));
}

static void test_gives_up(void **state)
{
	static const struct fake_reply unavailable = { .text = UNAVAILABLE };
	static const struct fake_reply silent = { .silent = true };
	static const struct fake_reply shut = { .slam_shut = true };
	CLEANUP(outcome_release) struct outcome a;
	CLEANUP(outcome_release) struct outcome b;
	CLEANUP(outcome_release) struct outcome c;

	(void)state;
	push(&unavailable, 1, (struct push_options){ 0 }, &a);
	expect_refusal(&a, -EAGAIN, 503, "after 5 attempts it answers 503: \"not now\"; look at");
	assert_int_equal(fake_server_requests(a.server), 5);
	push(&silent, 1, (struct push_options){ .attempts = 2, .timeout_ms = 50 }, &b);
	expect_refusal(&b, -ETIMEDOUT, 0, "within 50 ms");
	assert_int_equal(b.result.attempts, 2);
	push(&shut, 1, (struct push_options){ .attempts = 2 }, &c);
	expect_refusal(&c, -ECONNRESET, 0, "(attempt 2 of 2)");
}

/* Tried once: none of these would be answered otherwise a second later. */
static void test_final_answers(void **state)
{
	static const struct {
		const char *text;
		int code;
		long status;
		const char *said;
	} cases[] = {
		{ "HTTP/1.1 401 Unauthorized\r\nContent-Length: 13\r\n\r\nUnauthorized\n", -EACCES,
		  401, "\"Unauthorized\"; give credentials with --push-user-file" },
		{ "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", -EACCES, 403,
		  "(nothing more); these credentials" },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>", -EBADMSG, 404,
		  "(a page of HTML); this address is no Pushgateway's" },
		{ "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", -EBADMSG, 413, "proxy" },
		{ "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", -EBADMSG, 302,
		  "not followed" },
		{ "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n", -EBADMSG, 418, "log" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n <!doc> ", -EBADMSG, 200,
		  "which no Pushgateway does" },
		{ "SSH-2.0-OpenSSH_9.2\r\n", -EPROTO, 0, "does not answer in HTTP" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_reply reply = { .text = cases[i].text };
		CLEANUP(outcome_release) struct outcome outcome;

		push(&reply, 1, (struct push_options){ 0 }, &outcome);
		expect_refusal(&outcome, cases[i].code, cases[i].status, cases[i].said);
		assert_int_equal(fake_server_requests(outcome.server), 1);
		assert_false(outcome.result.group_deleted);
	}
}

static void test_endless_answer(void **state)
{
	static char block[65536];
	const struct fake_reply reply = { .text = "HTTP/1.1 200 OK\r\n\r\n", .endlessly = block };
	CLEANUP(outcome_release) struct outcome outcome;

	(void)state;
	memset(block, 'x', sizeof(block) - 1);
	push(&reply, 1, (struct push_options){ 0 }, &outcome);
	expect_refusal(&outcome, -EMSGSIZE, 0, "larger than");
}

/* ---- a refused group ---- */

#define BAD_REQUEST "HTTP/1.1 400 Bad Request\r\nContent-Length: 19\r\n\r\nduplicate sample x\n"
#define JSON(text)  "HTTP/1.0 200 OK\r\n\r\n{\"status\":\"success\",\"data\":[" text "]}"
#define LABELS                                                                            \
	"\"labels\":{\"node\":\"built-in\",\"job\":\"parkmeter\",\"service\":\"orders\"," \
	"\"env\":\"staging\",\"pipeline\":\"shop/orders\"}"
#define PUSHED(value) "\"push_time_seconds\":{\"metrics\":[{\"value\":" value "}]}"
#define OTHER         "{\"labels\":{\"job\":\"parkmeter\"}," PUSHED("\"0\"") "}"

static void test_new_group_is_deleted(void **state)
{
	static const struct fake_reply replies[] = {
		{ .text = BAD_REQUEST },
		{ .text = JSON(OTHER ",{" LABELS "," PUSHED("\"0\"") "}") },
		{ .text = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" },
	};
	CLEANUP(outcome_release) struct outcome outcome;

	(void)state;
	push(replies, 3, (struct push_options){ .token_file = token_file }, &outcome);
	expect_refusal(&outcome, -EBADMSG, 400, "\"duplicate sample x\"; these metrics");
	assert_true(outcome.result.group_deleted);
	assert_int_equal(fake_server_requests(outcome.server), 3);
	assert_non_null(strstr(fake_server_request(outcome.server, 1, NULL),
			       "GET /api/v1/metrics HTTP/1.1\r\n"));
	assert_non_null(strstr(fake_server_request(outcome.server, 2, NULL),
			       "DELETE /metrics/job/parkmeter/service/orders/env/staging/"));
	for (size_t i = 0; i < 3; i++)
		assert_non_null(strstr(fake_server_request(outcome.server, i, NULL), TOKEN));
}

/* Where it is not certain that the group is new and empty, it stays. */
static void test_other_groups_stay(void **state)
{
	static const char *const answers[] = {
		JSON("{" LABELS "," PUSHED("\"1.79e+09\"") "}"),
		JSON("{" LABELS "," PUSHED("\"zero\"") "}"),
		JSON("{" LABELS "," PUSHED("\"\"") "}"),
		JSON("{" LABELS "," PUSHED("0") "}"),
		JSON("{" LABELS ",\"push_time_seconds\":{\"metrics\":[]}}"),
		JSON("{" LABELS "}"),
		JSON(OTHER),
		JSON("7,null,{\"labels\":[]}"),
		JSON(""),
		"HTTP/1.0 200 OK\r\n\r\n{\"data\":{}}",
		"HTTP/1.0 200 OK\r\n\r\n{\"data\":[{",
		"HTTP/1.0 200 OK\r\n\r\n",
		"HTTP/1.0 404 Not Found\r\n\r\n",
		"nonsense",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		const struct fake_reply replies[] = { { .text = BAD_REQUEST },
						      { .text = answers[i] } };
		CLEANUP(outcome_release) struct outcome outcome;

		push(replies, 2, (struct push_options){ 0 }, &outcome);
		expect_refusal(&outcome, -EBADMSG, 400, "duplicate sample x");
		assert_false(outcome.result.group_deleted);
		assert_int_equal(fake_server_requests(outcome.server), 2);
	}
}

static void test_delete_refused(void **state)
{
	static const struct fake_reply replies[] = {
		{ .text = BAD_REQUEST },
		{ .text = JSON("{" LABELS "," PUSHED("\"0\"") "}") },
		{ .text = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n" },
	};
	CLEANUP(outcome_release) struct outcome outcome;

	(void)state;
	push(replies, 3, (struct push_options){ 0 }, &outcome);
	assert_int_equal(outcome.result.status, 400);
	assert_false(outcome.result.group_deleted);
}

/* ---- options ---- */

static void test_credentials_are_not_repeated(void **state)
{
	/* A server that says what it was sent, plain and as it came over the wire. */
	static const struct fake_reply reply = {
		.text = "HTTP/1.1 403 Forbidden\r\n\r\nbob:" PASSWORD " Basic "
			"Ym9iOnBhNTUtbmV2ZXItc2hvd24= " PASSWORD "\nend\033[2J"
	};
	static const struct fake_reply token = { .text = "HTTP/1.1 403 Forbidden\r\n\r\n[" TOKEN
							 "]" };
	CLEANUP(outcome_release) struct outcome a;
	CLEANUP(outcome_release) struct outcome b;

	(void)state;
	push(&reply, 1, (struct push_options){ .user_file = user_file }, &a);
	expect_refusal(&a, -EACCES, 403, "\"*** Basic ***= *** end\xef\xbf\xbd[2J\"");
	push(&token, 1, (struct push_options){ .token_file = token_file }, &b);
	expect_refusal(&b, -EACCES, 403, "\"[***]\"");
}

static void test_long_answer_is_cut(void **state)
{
	static char text[5000] = "HTTP/1.1 403 Forbidden\r\n\r\n";
	const struct fake_reply reply = { .text = text };
	CLEANUP(outcome_release) struct outcome outcome;
	const char *quote;

	(void)state;
	for (size_t at = strlen(text); at + 4 < sizeof(text); at += 3)
		memcpy(text + at, "€", 4);
	push(&reply, 1, (struct push_options){ 0 }, &outcome);
	expect_refusal(&outcome, -EACCES, 403, "€...\"; these credentials");
	quote = strchr(outcome.err.text, '"');
	assert_true(strchr(quote + 1, '"') - quote < 300);
}

static void test_options_refused(void **state)
{
	static const struct {
		struct push_options options;
		int code;
		const char *said;
	} cases[] = {
		{ { .url = "localhost" }, -EINVAL, "http://host:port" },
		{ { .user_file = user_file, .token_file = token_file }, -EINVAL, "only one of" },
		{ { .user_file = token_file }, -EINVAL, "user:password" },
		{ { .user_file = "/nowhere/user" }, -ENOENT, "/nowhere/user" },
		{ { .token_file = "/dev/null" }, -EINVAL, "/dev/null is empty" },
		{ { .token_file = "/dev/zero" }, -EFBIG, "larger than" },
		{ { .token_file = "/proc/self/status" }, -EINVAL, "more than one line" },
		{ { .token_file = "/proc" }, -EISDIR, "/proc" },
		{ { .ca_file = "/nowhere/ca.pem" }, -ENOENT, "/nowhere/ca.pem" },
		{ { .job = "" }, -EINVAL, "empty job" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct push_options options = cases[i].options;
		struct push_result result;
		struct err err = ERR_INIT;

		if (!options.url)
			options.url = "http://127.0.0.1:9";
		assert_int_equal(push_check(&options, &summary->context, &err), cases[i].code);
		if (!strstr(err.text, cases[i].said))
			fail_msg("%s", err.text);
		assert_null(strstr(err.text, TOKEN));
		memset(&result, 0xff, sizeof(result));
		assert_int_equal(push_summary(&options, summary, &result, &err), cases[i].code);
		assert_true(!result.attempts && !result.status && !result.group_deleted);
	}
}

static void test_options_accepted(void **state)
{
	const struct push_options options = { .url = "http://127.0.0.1:9",
					      .user_file = user_file,
					      .ca_file = "/dev/null" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(push_check(&options, &summary->context, &err), 0);
	assert_string_equal(err.text, "");
}

static int write_secret(char *path, const char *secret)
{
	int fd = mkstemp(path);
	int r = fd < 0 ? -1 : file_write_all(fd, secret, strlen(secret));

	if (fd >= 0)
		close(fd);
	return r;
}

static int set_up(void **state)
{
	(void)state;
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	summary = sample_two_releases();
	return write_secret(user_file, "bob:" PASSWORD "\n") < 0 ||
	       write_secret(token_file, TOKEN "\r\n\n") < 0;
}

static int tear_down(void **state)
{
	(void)state;
	summary_free(summary);
	return unlink(user_file) < 0 || unlink(token_file) < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_sent),
		cmocka_unit_test(test_tries_again),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_final_answers),
		cmocka_unit_test(test_endless_answer),
		cmocka_unit_test(test_new_group_is_deleted),
		cmocka_unit_test(test_other_groups_stay),
		cmocka_unit_test(test_delete_refused),
		cmocka_unit_test(test_credentials_are_not_repeated),
		cmocka_unit_test(test_long_answer_is_cut),
		cmocka_unit_test(test_options_refused),
		cmocka_unit_test(test_options_accepted),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
