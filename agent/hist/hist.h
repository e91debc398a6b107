/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram of durations in nanoseconds with the bucket rule of include/parkmeter/buckets.h:
 * quantiles are exact to one bucket (6.25 %), merging loses nothing. A value type of 4 KB; owns
 * nothing, so it may be copied, and all zero bytes is the empty histogram.
 */
#ifndef PARKMETER_HIST_H
#define PARKMETER_HIST_H

#include <stdint.h>

#include "parkmeter/buckets.h"

struct hist {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t max_ns; /* exact, not a bucket's border */
	uint64_t counts[BUCKET_COUNT];
};

void hist_clear(struct hist *hist);
void hist_record(struct hist *hist, uint64_t ns);

/* Adds `from` to `into`. */
void hist_merge(struct hist *into, const struct hist *from);

/* Adds what the kernel counted: BUCKET_COUNT 32-bit counts with their sum and maximum. */
void hist_merge_counts(struct hist *into, const uint32_t *counts, uint64_t sum_ns, uint64_t max_ns);

/*
 * The q-quantile (0 <= q <= 1) in ns, linear inside its bucket and never above max_ns; 0 when the
 * histogram is empty.
 */
uint64_t hist_quantile(const struct hist *hist, double q);

/* Mean in ns; 0 when empty. */
uint64_t hist_mean(const struct hist *hist);

/* How many values are below `ns`; exact where `ns` is a bucket's border, else interpolated. */
uint64_t hist_count_below(const struct hist *hist, uint64_t ns);

#endif
