/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request by libcurl, bounded in time and in the size of the answer. */
#ifndef PARKMETER_BASE_HTTP_H
#define PARKMETER_BASE_HTTP_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define HTTP_ANSWER_MAX (4 * 1024 * 1024)

/* Strings are borrowed; NULL or 0 is "none". */
struct http_request {
	const char *method; /* "PUT" */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated array */
	const void *body;
	size_t body_size;
	const char *user_password; /* basic authentication, "user:password" */
	const char *bearer;
	const char *ca_file;
	unsigned int timeout_ms;
};

struct http_answer {
	long status;     /* 0: none came */
	struct buf body; /* at most HTTP_ANSWER_MAX bytes */
};

void http_answer_release(struct http_answer *answer);

/*
 * 0: an answer came, whatever its status. -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH (name), -EPROTO
 * (TLS or nonsense), -EMSGSIZE (answer too large), each with a sentence that names the URL without
 * its user information.
 */
int http_perform(const struct http_request *request, struct http_answer *ret_answer,
		 struct err *err);

#endif
