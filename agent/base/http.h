/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request by libcurl, bounded in time and in the size of the answer. Only http and https;
 * redirects are not followed, so that credentials and bodies go where they were sent and nowhere
 * else; no sentence ever holds a credential. Proxies as the environment has them (http_proxy,
 * https_proxy, no_proxy). Safe in threads; raises no signal.
 */
#ifndef PARKMETER_BASE_HTTP_H
#define PARKMETER_BASE_HTTP_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define HTTP_ANSWER_MAX      (4U << 20)
#define HTTP_HEADERS_MAX     (64U << 10) /* bytes of an answer's header lines */
#define HTTP_TIMEOUT_MS      10000       /* where a request names none */
#define HTTP_REQUEST_HEADERS 32

/* Strings are borrowed; NULL or 0 is "none". */
struct http_request {
	const char *method; /* "PUT"; NULL: "GET" */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated array */
	const void *body;
	size_t body_size;
	const char *user_password; /* basic authentication, "user:password" */
	const char *bearer;
	const char *ca_file;     /* PEM: these authorities and no others; NULL: the system's */
	unsigned int timeout_ms; /* of the whole request; 0: HTTP_TIMEOUT_MS */
};

struct http_answer {
	long status;
	struct buf body; /* at most HTTP_ANSWER_MAX bytes */
};

void http_answer_release(struct http_answer *answer); /* takes an all-zero one */

/*
 * 0: an answer came, whatever its status; *ret_answer is released by the caller. Else it is
 * untouched, and the sentence names the URL as http_url_redact() does and what to do:
 * -EINVAL (URL, header or CA file), -ECONNREFUSED, -EHOSTUNREACH (no such name, no route),
 * -ETIMEDOUT, -ECONNRESET (the server hung up), -EPROTO (TLS, or an answer that is not HTTP),
 * -EMSGSIZE (answer too large), -ENOMEM.
 */
int http_perform(const struct http_request *request, struct http_answer *ret_answer,
		 struct err *err);

/*
 * Adds the URL without user, password, query and fragment to `buf`: what a sentence may show. Cut
 * at 200 bytes. -EINVAL when it is no http or https URL; the sentence then does not repeat it.
 */
int http_url_redact(const char *url, struct buf *buf, struct err *err);

#endif
