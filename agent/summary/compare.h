/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between two releases of one summary, the largest difference first. This describes;
 * whether it is significant is for the gate to say, which resamples blocks.
 */
#ifndef PARKMETER_SUMMARY_COMPARE_H
#define PARKMETER_SUMMARY_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "summary/summary.h"

#define CHANGES_MAX  128
#define CHANGE_BYTES 256
#define CHANGE_LARGE 0.32 /* score of +25 %, well above what is negligible */

enum change_unit { CHANGE_NS, CHANGE_COUNT, CHANGE_RATE };

struct change {
	char what[CHANGE_BYTES]; /* "waiting (chan receive): p99"; names are as they came */
	enum change_unit unit;
	bool neutral; /* more is neither better nor worse (load) */
	double before, after;
	/*
	 * |log2| of the ratio of both, each with a floor of its unit added: what is negligible does
	 * not count, however many times it has grown.
	 */
	double score;
	const struct wait_stack *stack; /* of the newer release; NULL: not about a stack */
	const struct hist *before_hist, *after_hist; /* NULL: not about a distribution */
};

struct comparison {
	struct change changes[CHANGES_MAX];
	size_t count;
	bool averaged; /* the older one had ended: of goroutines waiting its average is shown */
};

/* Whether anything was measured of a release. */
bool release_measured(const struct release *release);

/* Time in which the release's processes lived inside the window, summed over processes. */
double release_lived_s(const struct summary *summary, const struct release *release);

/* Whether both are the same code path: lines and files move with every release, functions rarely.
 */
bool stack_same_place(const struct wait_stack *a, const struct wait_stack *b);

/* True where the function belongs to the release's own module or to package main. */
bool frame_is_own(const struct frame *frame, const char *module);

/* The innermost frame of the release's own module, or NULL. */
const struct frame *stack_own(const struct wait_stack *stack, const char *module);

/* `before` and `after` are releases of `summary`. */
void compare_releases(const struct summary *summary, const struct release *before,
		      const struct release *after, struct comparison *ret_comparison);

#endif
