/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials of a push, from files, and their removal from what others say. */
#ifndef PARKMETER_SINK_CREDENTIALS_H
#define PARKMETER_SINK_CREDENTIALS_H

#include "sink/sink.h"

/* Owned; NULL: none. All zero bytes are no credentials. */
struct credentials {
	char *user_password; /* "user:password" */
	char *bearer;
};

/* -EINVAL (both, none in the file, control characters, no colon), else what file_read() says. */
int credentials_load(const struct push_options *options, struct credentials *ret_credentials,
		     struct err *err);
void credentials_release(struct credentials *credentials); /* wipes them, too */

/*
 * Adds to `sentence` what a server says, fit to be shown: without these credentials, on one line,
 * valid UTF-8, at most ANSWER_SHOWN_MAX bytes. A page of HTML or nothing at all is named as that.
 */
#define ANSWER_SHOWN_MAX 300
void credentials_quote(const struct credentials *credentials, const struct buf *answer,
		       struct buf *sentence);

#endif
