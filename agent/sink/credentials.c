/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "sink/promtext.h"
#include "sink/pushurl.h"

#define SECRET_BYTES_MAX 4096
#define SECRET_SHOWN     "***"

static void secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

DEFINE_FREEP(char *, secret_free)

void credentials_release(struct credentials *credentials)
{
	secret_freep(&credentials->user_password);
	secret_freep(&credentials->bearer);
}

/* The only line of the file; `what` says what it should hold. */
static int read_secret(const char *path, const char *what, char **ret_secret, struct err *err)
{
	CLEANUP(secret_freep) char *secret = NULL;
	size_t size = 0;
	int r;

	r = file_read(AT_FDCWD, path, SECRET_BYTES_MAX, &secret, &size, err);
	if (r < 0)
		return err_wrap(err, r, "read the %s for the Pushgateway", what);
	while (size && (secret[size - 1] == '\n' || secret[size - 1] == '\r'))
		secret[--size] = '\0';
	if (!size)
		return err_set(err, -EINVAL, "%s is empty; write the %s into it", path, what);
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)secret[i] < ' ' || secret[i] == 0x7f)
			return err_set(err, -EINVAL,
				       "%s holds more than one line or control characters; write "
				       "the %s into it and nothing else",
				       path, what);
	*ret_secret = TAKE_PTR(secret);
	return 0;
}

int credentials_load(const struct push_options *options, struct credentials *ret_credentials,
		     struct err *err)
{
	CLEANUP(credentials_release) struct credentials loaded = { 0 };
	int r = 0;

	if (options->user_file && options->token_file)
		return err_set(err, -EINVAL,
			       "cannot push with both a user and a token; give only one of "
			       "--push-user-file and --push-token-file");
	if (options->user_file)
		r = read_secret(options->user_file, "user:password", &loaded.user_password, err);
	if (r == 0 && options->token_file)
		r = read_secret(options->token_file, "token", &loaded.bearer, err);
	if (r < 0)
		return r;
	if (loaded.user_password && !strchr(loaded.user_password, ':'))
		return err_set(err, -EINVAL, "%s holds no colon; write user:password into it",
			       options->user_file);
	ret_credentials->user_password = TAKE_PTR(loaded.user_password);
	ret_credentials->bearer = TAKE_PTR(loaded.bearer);
	return 0;
}

/* Takes every occurrence of `secret` out of `text`. */
static void hide(struct buf *text, const char *secret)
{
	CLEANUP(buf_release) struct buf clean = BUF_INIT;
	size_t length = secret ? strlen(secret) : 0;
	const char *at = text->data;
	const char *found;

	if (!length)
		return;
	while ((found = strstr(at, secret))) {
		buf_add(&clean, at, (size_t)(found - at));
		buf_add_str(&clean, SECRET_SHOWN);
		at = found + length;
	}
	buf_add_str(&clean, at);
	buf_clear(text);
	buf_add(text, clean.data, clean.size);
	text->failed = text->failed || clean.failed;
	explicit_bzero(clean.data, clean.size);
}

/* As basic authentication sends it: in an answer that repeats the request's headers. */
static void hide_encoded(struct buf *text, const char *user_password)
{
	CLEANUP(buf_release) struct buf encoded = BUF_INIT;

	if (!user_password)
		return;
	push_add_base64(&encoded, user_password);
	for (size_t i = 0; i < encoded.size; i++) {
		if (encoded.data[i] == '-')
			encoded.data[i] = '+';
		else if (encoded.data[i] == '_')
			encoded.data[i] = '/';
	}
	hide(text, encoded.data);
	explicit_bzero(encoded.data, encoded.size);
}

/* The answer as a string without credentials. */
static void add_hidden(struct buf *text, const struct credentials *credentials,
		       const struct buf *answer)
{
	const char *user_password = credentials->user_password;
	const char *colon = user_password ? strchr(user_password, ':') : NULL;

	for (size_t i = 0; i < answer->size; i++)
		buf_add_char(text, answer->data[i] ? answer->data[i] : ' ');
	hide(text, credentials->bearer);
	hide(text, user_password);
	hide(text, colon ? colon + 1 : NULL);
	hide_encoded(text, user_password);
}

/* Runs of blanks as one space, none at the ends. */
static void add_words(struct buf *words, const struct buf *text)
{
	bool blank = false;

	for (size_t i = 0; i < text->size; i++) {
		char c = text->data[i];

		if (c == ' ' || (c >= '\t' && c <= '\r')) {
			blank = words->size > 0;
			continue;
		}
		if (blank)
			buf_add_char(words, ' ');
		buf_add_char(words, c);
		blank = false;
	}
}

void credentials_quote(const struct credentials *credentials, const struct buf *answer,
		       struct buf *sentence)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	CLEANUP(buf_release) struct buf words = BUF_INIT;

	add_hidden(&text, credentials, answer);
	add_words(&words, &text);
	words.failed = words.failed || text.failed;
	if (buf_status(&words) < 0)
		return;
	if (!words.size) {
		buf_add_str(sentence, "(nothing more)");
	} else if (words.data[0] == '<') {
		buf_add_str(sentence, "(a page of HTML)");
	} else {
		buf_add_char(sentence, '"');
		prom_sanitize(sentence, words.data, ANSWER_SHOWN_MAX - 5);
		buf_add_str(sentence, words.size > ANSWER_SHOWN_MAX - 5 ? "...\"" : "\"");
	}
}
