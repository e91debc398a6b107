/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong, in one sentence. A function that can fail returns 0 or a positive value, or
 * -errno, and takes a struct err as its last parameter in which it says what it was doing, why that
 * failed and what to do about it. Modules neither print nor exit: the edge prints the sentence
 * once.
 */
#ifndef PARKMETER_BASE_ERR_H
#define PARKMETER_BASE_ERR_H

#define ERR_TEXT_MAX 1024

/* A value type; ERR_INIT or all zero bytes is "no error". Owns nothing. */
struct err {
	int code; /* -errno of the first failure, 0 when there was none */
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT  \
	{         \
		0 \
	}

/*
 * Records `code` (negative) and the sentence and returns `code`. `err` may be NULL. What is longer
 * than ERR_TEXT_MAX - 1 bytes is cut.
 */
int err_set(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set(), with ": " and strerror(-code) behind the sentence, or a better reason. */
int err_set_errno(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Puts "cannot <what was tried>: " before the sentence that a callee left in `err`, and returns
 * `code`. Without a sentence from the callee it is strerror(-code). `err` may be NULL.
 */
int err_wrap(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
