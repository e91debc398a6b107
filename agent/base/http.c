/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/cleanup.h"

#if LIBCURL_VERSION_NUM < 0x075500
#error "libcurl >= 7.85 is needed (CURLOPT_PROTOCOLS_STR)"
#endif

#define URL_SHOWN_MAX 200 /* bytes; a sentence must have room for the remedy */

DEFINE_FREEP(CURL *, curl_easy_cleanup)
DEFINE_FREEP(CURLU *, curl_url_cleanup)
DEFINE_FREEP(char *, curl_free)
DEFINE_FREEP(struct curl_slist *, curl_slist_free_all)

/* One request under way. Owns `answer` and `headers`; the rest is borrowed. */
struct transfer {
	const struct http_request *request;
	CURL *curl;
	struct curl_slist *headers;
	struct http_answer answer;
	size_t header_bytes;
	bool too_large;
	bool head_complete; /* the empty line behind the header lines came */
	const char *shown_url;
	char cause[CURL_ERROR_SIZE];
};

static void transfer_release(struct transfer *transfer)
{
	/* The handle refers to the header list, so it goes first. */
	curl_easy_cleanup(transfer->curl);
	curl_slist_free_all(transfer->headers);
	http_answer_release(&transfer->answer);
}

void http_answer_release(struct http_answer *answer)
{
	buf_release(&answer->body);
	answer->status = 0;
}

static void global_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* curl_global_init() is not safe in threads before libcurl 7.84 and costs nothing to guard. */
static void init_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, global_init);
}

int http_url_redact(const char *url, struct buf *buf, struct err *err)
{
	static const CURLUPart hidden[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
					    CURLUPART_QUERY, CURLUPART_FRAGMENT };
	CLEANUP(curl_url_cleanupp) CURLU *parts = NULL;
	CLEANUP(curl_freep) char *scheme = NULL;
	CLEANUP(curl_freep) char *shown = NULL;
	CURLUcode code;

	init_once();
	parts = curl_url();
	if (!parts)
		return err_set(err, -ENOMEM, "out of memory");
	/* Without CURLU_NON_SUPPORT_SCHEME and CURLU_DEFAULT_SCHEME a scheme is required. */
	code = curl_url_set(parts, CURLUPART_URL, url, 0);
	if (code == CURLUE_OUT_OF_MEMORY)
		return err_set(err, -ENOMEM, "out of memory");
	if (code == CURLUE_OK)
		code = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
	if (code != CURLUE_OK)
		return err_set(err, -EINVAL,
			       "not a URL that can be used (%s); write http://host:port or "
			       "https://host:port",
			       curl_url_strerror(code));
	if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		return err_set(err, -EINVAL,
			       "URLs of the kind %s:// are not supported; use http:// or https://",
			       scheme);
	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
		curl_url_set(parts, hidden[i], NULL, 0);
	if (curl_url_get(parts, CURLUPART_URL, &shown, 0) != CURLUE_OK)
		return err_set(err, -ENOMEM, "out of memory");
	buf_addf(buf, "%.*s%s", URL_SHOWN_MAX, shown, strlen(shown) > URL_SHOWN_MAX ? "..." : "");
	return buf_status(buf);
}

/* libcurl's callbacks: anything but the whole size ends the transfer with CURLE_WRITE_ERROR. */
static size_t on_body(char *data, size_t one, size_t size, void *user)
{
	struct transfer *transfer = user;

	(void)one; /* always 1 */
	if (transfer->answer.body.size + size > HTTP_ANSWER_MAX) {
		transfer->too_large = true;
		return 0;
	}
	buf_add(&transfer->answer.body, data, size);
	return buf_status(&transfer->answer.body) < 0 ? 0 : size;
}

static size_t on_header(char *data, size_t one, size_t size, void *user)
{
	struct transfer *transfer = user;

	(void)one;
	/* Interim answers (1xx) have an empty line, too; each status line starts over. */
	transfer->head_complete = size && (data[0] == '\r' || data[0] == '\n');
	transfer->header_bytes += size;
	if (transfer->header_bytes > HTTP_HEADERS_MAX) {
		transfer->too_large = true;
		return 0;
	}
	return size;
}

/* A control character in a header or credential would let its giver write header lines. */
static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static int add_header(struct transfer *transfer, const char *line, struct err *err)
{
	struct curl_slist *list = curl_slist_append(transfer->headers, line);

	if (!list)
		return err_set(err, -ENOMEM, "out of memory");
	transfer->headers = list;
	return 0;
}

static int set_headers(struct transfer *transfer, struct err *err)
{
	const char *const *lines = transfer->request->headers;
	bool typed = false;
	int r;

	for (size_t i = 0; lines && lines[i]; i++) {
		if (i == HTTP_REQUEST_HEADERS || has_control(lines[i]) || !strchr(lines[i], ':'))
			return err_set(err, -EINVAL,
				       "a header of the request is not valid: \"Name: value\" "
				       "without control characters is, at most %d of them",
				       HTTP_REQUEST_HEADERS);
		typed = typed || strncasecmp(lines[i], "Content-Type:", 13) == 0;
		r = add_header(transfer, lines[i], err);
		if (r < 0)
			return r;
	}
	/* A name without value takes out what libcurl would add: "100-continue" costs a round trip
	 * and some servers never answer it, and a body is not a form. */
	r = add_header(transfer, "Expect:", err);
	if (r == 0 && !typed)
		r = add_header(transfer, "Content-Type:", err);
	if (r < 0)
		return r;
	curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER, transfer->headers);
	return 0;
}

static int set_credentials(const struct transfer *transfer, struct err *err)
{
	const struct http_request *request = transfer->request;
	const char *given = request->bearer ? request->bearer : request->user_password;

	if (!given)
		return 0;
	if (request->bearer && request->user_password)
		return err_set(err, -EINVAL,
			       "both a bearer token and a user are given; use one of them");
	if (has_control(given) || !*given)
		return err_set(err, -EINVAL,
			       "the credentials for %s are empty or hold control characters",
			       transfer->shown_url);
	if (request->bearer) {
		curl_easy_setopt(transfer->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(transfer->curl, CURLOPT_XOAUTH2_BEARER, request->bearer);
	} else {
		curl_easy_setopt(transfer->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(transfer->curl, CURLOPT_USERPWD, request->user_password);
	}
	return 0;
}

static void set_body(const struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	const char *method = request->method ? request->method : "GET";
	CURL *curl = transfer->curl;

	if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
		return;
	}
	/* PUT and POST say how long their body is even where it is empty. */
	if (request->body_size || strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static void set_options(struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	CURL *curl = transfer->curl;
	long timeout_ms = request->timeout_ms ? (long)request->timeout_ms : HTTP_TIMEOUT_MS;

	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "parkmeter/" PARKMETER_VERSION);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (request->ca_file) {
		curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
		/* Else libcurl would trust the system's authorities besides. */
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->cause);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
}

/*
 * OpenSSL writes with write(2), so a server that hangs up raises SIGPIPE, and with CURLOPT_NOSIGNAL
 * libcurl leaves that to us. It is blocked for this thread and, where it came, taken back.
 */
static CURLcode perform_without_sigpipe(CURL *curl)
{
	const struct timespec at_once = { 0 };
	sigset_t pipe_only, before, pending;
	bool was_pending;
	CURLcode code;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	code = curl_easy_perform(curl);
	if (!was_pending)
		while (sigtimedwait(&pipe_only, NULL, &at_once) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

static int broke_off(const struct transfer *transfer, const char *cause, struct err *err)
{
	bool tls = strncmp(transfer->shown_url, "https:", 6) == 0;

	return err_set(err, -ECONNRESET,
		       "the answer of %s broke off (%s); check that the server speaks %s there, "
		       "and look at its log",
		       transfer->shown_url, cause, tls ? "https" : "http and not https");
}

static int refused_or_unreachable(const struct transfer *transfer, struct err *err)
{
	long os_errno = 0;

	curl_easy_getinfo(transfer->curl, CURLINFO_OS_ERRNO, &os_errno);
	if (os_errno == ECONNRESET)
		return broke_off(transfer, strerror(ECONNRESET), err);
	/* libcurl does not always know: 0 where each of several addresses failed in its own way. */
	if (os_errno == 0 || os_errno == ECONNREFUSED)
		return err_set(err, -ECONNREFUSED,
			       "nothing listens at %s (%s); start the server or correct the "
			       "address",
			       transfer->shown_url,
			       os_errno ? "connection refused" : "no connection");
	return err_set(err, -EHOSTUNREACH, "cannot reach %s: %s; check the address and the network",
		       transfer->shown_url, strerror((int)os_errno));
}

/* What libcurl could not do, as -errno and a sentence. Its own text goes in only where it speaks of
 * names, certificates and protocol, never of what was sent. */
static int explain(const struct transfer *transfer, CURLcode code, struct err *err)
{
	const struct http_request *request = transfer->request;
	const char *cause = transfer->cause[0] ? transfer->cause : curl_easy_strerror(code);
	const char *url = transfer->shown_url;

	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(err, -EHOSTUNREACH,
			       "cannot reach %s: %s; check the name and the resolver", url, cause);
	case CURLE_COULDNT_CONNECT:
		return refused_or_unreachable(transfer, err);
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(err, -ETIMEDOUT,
			       "%s did not answer within %u ms; check that the server is up and "
			       "not overloaded",
			       url, request->timeout_ms ? request->timeout_ms : HTTP_TIMEOUT_MS);
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return broke_off(transfer, cause, err);
	case CURLE_PEER_FAILED_VERIFICATION:
		return err_set(err, -EPROTO,
			       "the certificate of %s is not trusted (%s); name the CA that signed "
			       "it, or the host that it was made for",
			       url, cause);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(err, -EINVAL, "%s is not a readable file of CA certificates (PEM)",
			       request->ca_file ? request->ca_file : "the system's bundle");
	case CURLE_SSL_CONNECT_ERROR:
		return err_set(err, -EPROTO,
			       "no TLS with %s (%s); use http:// if that is what it speaks", url,
			       cause);
	case CURLE_OUT_OF_MEMORY:
		return err_set(err, -ENOMEM, "out of memory");
	default:
		return err_set(err, -EPROTO,
			       "%s does not answer in HTTP (%s); check address and port", url,
			       cause);
	}
}

static int perform(struct transfer *transfer, struct err *err)
{
	CURLcode code = perform_without_sigpipe(transfer->curl);

	if (transfer->too_large)
		return err_set(err, -EMSGSIZE,
			       "the answer of %s is larger than the %u KiB that are read of one; "
			       "check that it is the right server",
			       transfer->shown_url, HTTP_ANSWER_MAX / 1024);
	if (buf_status(&transfer->answer.body) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	if (code != CURLE_OK)
		return explain(transfer, code, err);
	/* For libcurl a connection that ends among the header lines is an answer without body. */
	if (!transfer->head_complete)
		return broke_off(transfer, "the connection ended among the header lines", err);
	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &transfer->answer.status);
	return 0;
}

int http_perform(const struct http_request *request, struct http_answer *ret_answer,
		 struct err *err)
{
	CLEANUP(transfer_release) struct transfer transfer = { .request = request };
	CLEANUP(buf_release) struct buf shown = BUF_INIT;
	int r;

	buf_init(&transfer.answer.body);
	r = http_url_redact(request->url, &shown, err);
	if (r < 0)
		return r;
	transfer.shown_url = shown.data;
	transfer.curl = curl_easy_init();
	if (!transfer.curl)
		return err_set(err, -ENOMEM, "out of memory");
	set_options(&transfer);
	set_body(&transfer);
	r = set_headers(&transfer, err);
	if (r == 0)
		r = set_credentials(&transfer, err);
	if (r == 0)
		r = perform(&transfer, err);
	if (r < 0)
		return r;
	*ret_answer = transfer.answer;
	transfer.answer = (struct http_answer){ 0 };
	return 0;
}
