/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int err_vset(struct err *err, int code, const char *format, va_list args)
{
	assert(code < 0);
	if (!err)
		return code;
	err->code = code;
	vsnprintf(err->text, sizeof(err->text), format, args);
	return code;
}

static void err_append(struct err *err, const char *separator, const char *text)
{
	size_t used = strlen(err->text);

	snprintf(err->text + used, sizeof(err->text) - used, "%s%s", separator, text);
}

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err_vset(err, code, format, args);
	va_end(args);
	return code;
}

/* strerror(), and the remedy for what has the same one wherever it happens. */
static const char *reason(int code)
{
	if (code == -EMFILE)
		return "too many open files; raise the limit (ulimit -n, LimitNOFILE=)";
	return strerror(-code);
}

int err_set_errno(struct err *err, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err_vset(err, code, format, args);
	va_end(args);
	if (err)
		err_append(err, ": ", reason(code));
	return code;
}

int err_wrap(struct err *err, int code, const char *format, ...)
{
	char cause[ERR_TEXT_MAX];
	va_list args;
	size_t used;

	assert(code < 0);
	if (!err)
		return code;
	snprintf(cause, sizeof(cause), "%s", err->text[0] ? err->text : reason(code));
	err->code = code;
	used = (size_t)snprintf(err->text, sizeof(err->text), "cannot ");
	va_start(args, format);
	vsnprintf(err->text + used, sizeof(err->text) - used, format, args);
	va_end(args);
	err_append(err, ": ", cause);
	return code;
}
