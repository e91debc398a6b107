/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "support/fake_http_server.h"

DEFINE_FREEP(struct fake_server *, fake_server_free)

#define SECRET "s3cr3t-never-shown"

/* Performs `request` (its url is set here) against a server with these replies. */
static int perform(const struct fake_reply *replies, size_t count, struct http_request request,
		   struct fake_server **ret_server, struct http_answer *ret_answer, struct err *err)
{
	CLEANUP(fake_server_freep) struct fake_server *server = fake_server_start(replies, count);
	char url[64];
	int r;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/path", fake_server_port(server));
	request.url = url;
	r = http_perform(&request, ret_answer, err);
	fake_server_stop(server);
	if (ret_server)
		*ret_server = TAKE_PTR(server);
	return r;
}

static int perform_against(struct fake_reply reply, struct err *err)
{
	CLEANUP(http_answer_release) struct http_answer answer = { 0 };

	return perform(&reply, 1, (struct http_request){ .timeout_ms = 300 }, NULL, &answer, err);
}

static void test_url_redact(void **state)
{
	static const struct {
		const char *url, *shown;
	} cases[] = {
		{ "http://localhost:9091", "http://localhost:9091/" },
		{ "http://bob:" SECRET "@host:9091/a/b", "http://host:9091/a/b" },
		{ "https://" SECRET "@host/", "https://host/" },
		{ "https://host/x?token=" SECRET "#" SECRET, "https://host/x" },
		{ "http://a:b%40c@[::1]:80/", "http://[::1]:80/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP(buf_release) struct buf buf = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(http_url_redact(cases[i].url, &buf, &err), 0);
		assert_string_equal(buf.data, cases[i].shown);
	}
}

static void test_long_url_is_cut(void **state)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	char url[1000] = "http://host/";
	struct err err = ERR_INIT;

	(void)state;
	memset(url + 12, 'x', sizeof(url) - 13);
	assert_int_equal(http_url_redact(url, &buf, &err), 0);
	assert_int_equal(buf.size, 203);
	assert_string_equal(buf.data + 195, "xxxxx...");
}

static void test_url_refused(void **state)
{
	static const char *const urls[] = {
		"",
		"localhost:9091",
		"localhost",
		"file:///etc/passwd",
		"ftp://" SECRET "@host/",
		"gopher://host/",
		"http://",
		"http://user:" SECRET "@",
		"http://user:" SECRET "@host:99999999/",
		"http://host:9091/a b",
		"http://host\r\nX: " SECRET,
		"://" SECRET,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		const struct http_request request = { .url = urls[i] };
		struct http_answer answer = { 0 };
		struct err err = ERR_INIT;

		assert_int_equal(http_perform(&request, &answer, &err), -EINVAL);
		assert_non_null(strstr(err.text, "http://"));
		assert_null(strstr(err.text, SECRET));
	}
}

static void test_sends_what_it_is_told(void **state)
{
	static const struct fake_reply reply = {
		.text = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello"
	};
	static const char *const headers[] = { "Content-Type: text/plain", "X-One: 1", NULL };
	static const char body[] = "a\0b";
	CLEANUP(fake_server_freep) struct fake_server *server = NULL;
	CLEANUP(http_answer_release) struct http_answer answer = { 0 };
	const struct http_request request = { .method = "PUT",
					      .headers = headers,
					      .body = body,
					      .body_size = 3,
					      .user_password = "bob:" SECRET };
	struct err err = ERR_INIT;
	const char *sent;
	size_t size;

	(void)state;
	assert_int_equal(perform(&reply, 1, request, &server, &answer, &err), 0);
	assert_int_equal(answer.status, 201);
	assert_string_equal(answer.body.data, "hello");
	sent = fake_server_request(server, 0, &size);
	assert_non_null(sent);
	assert_memory_equal(sent, "PUT /path HTTP/1.1\r\n", 20);
	assert_non_null(strstr(sent, "\r\nContent-Type: text/plain\r\n"));
	assert_non_null(strstr(sent, "\r\nX-One: 1\r\n"));
	assert_non_null(strstr(sent, "\r\nContent-Length: 3\r\n"));
	/* printf 'bob:s3cr3t-never-shown' | base64 */
	assert_non_null(strstr(sent, "\r\nAuthorization: Basic "
				     "Ym9iOnMzY3IzdC1uZXZlci1zaG93bg==\r\n"));
	assert_null(strstr(sent, "Expect:"));
	assert_memory_equal(sent + size - 7, "\r\n\r\na\0b", 7);
}

static void test_sends_no_more(void **state)
{
	static const struct fake_reply reply = { .text = "HTTP/1.0 204 No Content\r\n\r\n" };
	static const char *const methods[] = { "GET", "DELETE", "PUT", "HEAD" };

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		CLEANUP(fake_server_freep) struct fake_server *server = NULL;
		CLEANUP(http_answer_release) struct http_answer answer = { 0 };
		const struct http_request request = { .method = methods[i], .bearer = SECRET };
		struct err err = ERR_INIT;
		const char *sent;

		assert_int_equal(perform(&reply, 1, request, &server, &answer, &err), 0);
		assert_int_equal(answer.status, 204);
		assert_int_equal(answer.body.size, 0);
		sent = fake_server_request(server, 0, NULL);
		assert_memory_equal(sent, methods[i], strlen(methods[i]));
		assert_non_null(strstr(sent, "\r\nAuthorization: Bearer " SECRET "\r\n"));
		assert_null(strstr(sent, "Content-Type:"));
		assert_int_equal(strstr(sent, "Content-Length: 0") != NULL, i == 2);
	}
}

static void test_injection_refused(void **state)
{
	static const char *const split[] = { "X: a\r\nAuthorization: " SECRET, NULL };
	static const char *const nameless[] = { SECRET, NULL };
	static const struct http_request requests[] = {
		{ .headers = split },
		{ .headers = nameless },
		{ .bearer = SECRET "\r\nX: y" },
		{ .bearer = "" },
		{ .user_password = "bob:" SECRET "\n" },
		{ .user_password = "bob:x", .bearer = SECRET },
	};
	static const struct fake_reply reply = { .text = "HTTP/1.0 200 OK\r\n\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		CLEANUP(fake_server_freep) struct fake_server *server = NULL;
		struct http_answer answer = { 0 };
		struct err err = ERR_INIT;

		assert_int_equal(perform(&reply, 1, requests[i], &server, &answer, &err), -EINVAL);
		assert_null(strstr(err.text, SECRET));
		assert_int_equal(fake_server_requests(server), 0);
	}
}

static void test_redirect_not_followed(void **state)
{
	static const struct fake_reply reply = {
		.text = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\n"
			"Content-Length: 0\r\n\r\n"
	};
	CLEANUP(fake_server_freep) struct fake_server *server = NULL;
	CLEANUP(http_answer_release) struct http_answer answer = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(perform(&reply, 1, (struct http_request){ .bearer = SECRET }, &server,
				 &answer, &err),
			 0);
	assert_int_equal(answer.status, 307);
	assert_int_equal(fake_server_requests(server), 1);
}

static void test_connection_refused(void **state)
{
	static const struct fake_reply reply = { .text = "" };
	struct fake_server *server = fake_server_start(&reply, 1);
	struct http_answer answer = { 0 };
	struct err err = ERR_INIT;
	char url[96], shown[64];

	(void)state;
	snprintf(url, sizeof(url), "http://bob:" SECRET "@127.0.0.1:%u/x",
		 fake_server_port(server));
	snprintf(shown, sizeof(shown), "http://127.0.0.1:%u/x", fake_server_port(server));
	fake_server_free(server);
	assert_int_equal(http_perform(&(struct http_request){ .url = url }, &answer, &err),
			 -ECONNREFUSED);
	assert_non_null(strstr(err.text, shown));
	assert_non_null(strstr(err.text, "start the server"));
	assert_null(strstr(err.text, SECRET));
}

static void test_bad_servers(void **state)
{
	static const struct {
		struct fake_reply reply;
		int code;
		const char *said;
	} cases[] = {
		{ { .silent = true }, -ETIMEDOUT, "300 ms" },
		{ { .slam_shut = true }, -ECONNRESET, "broke off" },
		{ { .text = "" }, -ECONNRESET, "broke off" },
		{ { .text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" },
		  -ECONNRESET,
		  "broke off" },
		{ { .text = "SSH-2.0-OpenSSH_9.2\r\n" }, -EPROTO, "not answer in HTTP" },
		{ { .text = "HTTP/7 what\r\n\r\n" }, -EPROTO, "not answer in HTTP" },
		{ { .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" },
		  -ECONNRESET,
		  "broke off" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(perform_against(cases[i].reply, &err), cases[i].code);
		assert_int_equal(err.code, cases[i].code);
		assert_non_null(strstr(err.text, "http://127.0.0.1:"));
		assert_non_null(strstr(err.text, cases[i].said));
	}
}

/* Every prefix of a good answer is an error: nothing is taken for the whole that is not. */
static void test_truncated_answers(void **state)
{
	static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	char part[sizeof(whole)];
	struct err err = ERR_INIT;

	(void)state;
	for (size_t size = 0; size < sizeof(whole) - 1; size++) {
		memcpy(part, whole, size);
		part[size] = '\0';
		assert_true(perform_against((struct fake_reply){ .text = part }, &err) < 0);
	}
	assert_int_equal(perform_against((struct fake_reply){ .text = whole }, &err), 0);
}

static void test_answer_too_large(void **state)
{
	static char block[64 * 1024];
	const struct fake_reply body = { .text = "HTTP/1.0 200 OK\r\n\r\n", .endlessly = block };
	const struct fake_reply head = { .text = "HTTP/1.0 200 OK\r\n",
					 .endlessly = "X-Endless: yes\r\n" };
	struct err err = ERR_INIT;

	(void)state;
	memset(block, 'x', sizeof(block) - 1);
	assert_int_equal(perform_against(body, &err), -EMSGSIZE);
	assert_non_null(strstr(err.text, "4096 KiB"));
	assert_int_equal(perform_against(head, &err), -EMSGSIZE);
}

static void test_tls_against_plain_server(void **state)
{
	static const struct fake_reply reply = { .text = "HTTP/1.0 200 OK\r\n\r\n" };
	CLEANUP(fake_server_freep) struct fake_server *server = fake_server_start(&reply, 1);
	struct http_request request = { .timeout_ms = 500 };
	struct http_answer answer = { 0 };
	struct err err = ERR_INIT;
	char url[64];

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", fake_server_port(server));
	request.url = url;
	/* The request is a ClientHello, which has no end for this server: it reads on. */
	assert_int_equal(http_perform(&request, &answer, &err), -ETIMEDOUT);
	request.ca_file = "/nowhere/ca.pem";
	assert_int_equal(http_perform(&request, &answer, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/nowhere/ca.pem"));
}

static void test_sigpipe_stays_as_it_was(void **state)
{
	sigset_t before, after, pending;
	struct err err = ERR_INIT;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	perform_against((struct fake_reply){ .slam_shut = true }, &err);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	sigpending(&pending);
	assert_int_equal(sigismember(&before, SIGPIPE), sigismember(&after, SIGPIPE));
	assert_false(sigismember(&pending, SIGPIPE));
}

static int without_proxies(void **state)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY",
					     "all_proxy", "ALL_PROXY" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unsetenv(names[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_redact),
		cmocka_unit_test(test_long_url_is_cut),
		cmocka_unit_test(test_url_refused),
		cmocka_unit_test(test_sends_what_it_is_told),
		cmocka_unit_test(test_sends_no_more),
		cmocka_unit_test(test_injection_refused),
		cmocka_unit_test(test_redirect_not_followed),
		cmocka_unit_test(test_connection_refused),
		cmocka_unit_test(test_bad_servers),
		cmocka_unit_test(test_truncated_answers),
		cmocka_unit_test(test_answer_too_large),
		cmocka_unit_test(test_tls_against_plain_server),
		cmocka_unit_test(test_sigpipe_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, without_proxies, NULL);
}
