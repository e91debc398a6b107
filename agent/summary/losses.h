/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of struct quality that stand for something not seen: one table for JSON and text. */
#ifndef PARKMETER_SUMMARY_LOSSES_H
#define PARKMETER_SUMMARY_LOSSES_H

#include <stddef.h>
#include <stdint.h>

#include "summary/summary.h"

struct loss {
	const char *name;    /* in JSON */
	const char *meaning; /* after a number: "12 waits whose stack could not be kept (...)" */
	size_t offset;       /* of a uint64_t in struct quality */
};

#define LOSS_COUNT 16

extern const struct loss losses[LOSS_COUNT];

uint64_t loss_count(const struct quality *quality, const struct loss *loss);

#endif
