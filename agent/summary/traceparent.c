/* SPDX-License-Identifier: Apache-2.0 */
#include "summary/traceparent.h"

#include <stddef.h>
#include <string.h>

#include "summary/summary.h"

#define TRACE_ID_AT  3
#define SPAN_ID_AT   (TRACE_ID_AT + TRACE_ID_DIGITS + 1)
#define FLAGS_AT     (SPAN_ID_AT + SPAN_ID_DIGITS + 1)
#define FLAGS_DIGITS 2
#define PARENT_SIZE  (FLAGS_AT + FLAGS_DIGITS)

/* How many lower-case hexadecimal digits `text` starts with. */
static size_t hex_digits(const char *text)
{
	return strspn(text, "0123456789abcdef");
}

static bool id_valid(const char *id, size_t digits)
{
	return hex_digits(id) >= digits && strspn(id, "0") < digits;
}

bool context_trace_id_valid(const char *trace_id)
{
	return trace_id && strlen(trace_id) == TRACE_ID_DIGITS &&
	       id_valid(trace_id, TRACE_ID_DIGITS);
}

bool context_span_id_valid(const char *span_id)
{
	return span_id && strlen(span_id) == SPAN_ID_DIGITS && id_valid(span_id, SPAN_ID_DIGITS);
}

bool traceparent_parse(const char *text, char ret_trace_id[TRACE_ID_DIGITS + 1],
		       char ret_span_id[SPAN_ID_DIGITS + 1])
{
	size_t size = strlen(text);

	if (size < PARENT_SIZE || hex_digits(text) != 2 || !strncmp(text, "ff", 2))
		return false;
	if (text[TRACE_ID_AT - 1] != '-' || text[SPAN_ID_AT - 1] != '-' ||
	    text[FLAGS_AT - 1] != '-')
		return false;
	if (!id_valid(text + TRACE_ID_AT, TRACE_ID_DIGITS) ||
	    !id_valid(text + SPAN_ID_AT, SPAN_ID_DIGITS) ||
	    hex_digits(text + FLAGS_AT) != FLAGS_DIGITS)
		return false;
	if (size > PARENT_SIZE && (!strncmp(text, "00", 2) || text[PARENT_SIZE] != '-'))
		return false;

	memcpy(ret_trace_id, text + TRACE_ID_AT, TRACE_ID_DIGITS);
	ret_trace_id[TRACE_ID_DIGITS] = '\0';
	memcpy(ret_span_id, text + SPAN_ID_AT, SPAN_ID_DIGITS);
	ret_span_id[SPAN_ID_DIGITS] = '\0';
	return true;
}
