/* SPDX-License-Identifier: Apache-2.0 */
/* Where a push goes: the grouping key as path and as the JSON of the Pushgateway's API. */
#ifndef PARKMETER_SINK_PUSHURL_H
#define PARKMETER_SINK_PUSHURL_H

#include <jansson.h>

#include "sink/sink.h"

#define PUSH_LABEL_BYTES_MAX 512 /* of one value of the grouping key */

/* Adds RFC 4648's URL-safe base64, unpadded; "=" for the empty string. */
void push_add_base64(struct buf *buf, const char *value);

/* The grouping key as an object, {"job": "parkmeter", "service": ...}; NULL: out of memory. */
json_t *push_group_labels(const struct push_options *options, const struct context *context);

/* Adds the Pushgateway's URL without the slashes at its end, then `path`. */
void push_base_url(const struct push_options *options, const char *path, struct buf *buf);

#endif
