/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context, level 1: the traceparent header and its ids. */
#ifndef PARKMETER_SUMMARY_TRACEPARENT_H
#define PARKMETER_SUMMARY_TRACEPARENT_H

#include <stdbool.h>

#define TRACE_ID_DIGITS 32
#define SPAN_ID_DIGITS  16

/*
 * Takes the ids out of a traceparent: "00-<32 digits>-<16 digits>-<2 digits>", lower-case
 * hexadecimal. Version 00 has exactly that length, version ff is forbidden, a version between may
 * carry more behind another "-". False, and the outputs untouched, when it is anything else or an
 * id is all zero. Both outputs are NUL-terminated.
 */
bool traceparent_parse(const char *text, char ret_trace_id[TRACE_ID_DIGITS + 1],
		       char ret_span_id[SPAN_ID_DIGITS + 1]);

#endif
