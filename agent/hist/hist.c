/* SPDX-License-Identifier: Apache-2.0 */
#include "hist/hist.h"

#include <string.h>

/* Sums stop at the largest number instead of wrapping: a total that is too small would lie. */
static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Where the bucket ends, exclusive. The last one is open; what it holds ends at the maximum. */
static double bucket_end_ns(const struct hist *hist, uint32_t index)
{
	if (index + 1 < BUCKET_COUNT)
		return (double)bucket_lower_ns(index + 1);
	return (double)hist->max_ns + 1;
}

void hist_clear(struct hist *hist)
{
	memset(hist, 0, sizeof(*hist));
}

void hist_record(struct hist *hist, uint64_t ns)
{
	uint64_t *count = &hist->counts[bucket_index(ns)];

	*count = add_saturated(*count, 1);
	hist->count = add_saturated(hist->count, 1);
	hist->sum_ns = add_saturated(hist->sum_ns, ns);
	if (ns > hist->max_ns)
		hist->max_ns = ns;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	into->count = add_saturated(into->count, from->count);
	into->sum_ns = add_saturated(into->sum_ns, from->sum_ns);
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
	for (uint32_t i = 0; i < BUCKET_COUNT; i++)
		into->counts[i] = add_saturated(into->counts[i], from->counts[i]);
}

void hist_merge_counts(struct hist *into, const uint32_t *counts, uint64_t sum_ns, uint64_t max_ns)
{
	for (uint32_t i = 0; i < BUCKET_COUNT; i++) {
		if (!counts[i])
			continue;
		into->counts[i] = add_saturated(into->counts[i], counts[i]);
		into->count = add_saturated(into->count, counts[i]);
		/* Another CPU may have counted a sample and not yet stored its maximum. */
		if (bucket_lower_ns(i) > max_ns)
			max_ns = bucket_lower_ns(i);
	}
	into->sum_ns = add_saturated(into->sum_ns, sum_ns);
	if (max_ns > into->max_ns)
		into->max_ns = max_ns;
}

uint64_t hist_quantile(const struct hist *hist, double q)
{
	uint64_t below = 0;
	double rank;

	if (!hist->count)
		return 0;
	if (!(q > 0)) /* NaN as well */
		q = 0;
	if (q >= 1)
		return hist->max_ns;
	rank = q * (double)hist->count;
	for (uint32_t i = 0; i < BUCKET_COUNT; i++) {
		uint64_t in_bucket = hist->counts[i];
		double lower = (double)bucket_lower_ns(i), value;

		if (!in_bucket)
			continue;
		if ((double)below + (double)in_bucket < rank) {
			below = add_saturated(below, in_bucket);
			continue;
		}
		value = lower + (bucket_end_ns(hist, i) - lower) * (rank - (double)below) /
					(double)in_bucket;
		/* The comparison is made in double: the cast of a larger value is undefined. */
		return value < (double)hist->max_ns ? (uint64_t)value : hist->max_ns;
	}
	return hist->max_ns;
}

uint64_t hist_mean(const struct hist *hist)
{
	return hist->count ? hist->sum_ns / hist->count : 0;
}

uint64_t hist_count_below(const struct hist *hist, uint64_t ns)
{
	uint32_t last = bucket_index(ns);
	uint64_t below = 0;
	double lower = (double)bucket_lower_ns(last), part;

	if (ns > hist->max_ns)
		return hist->count;
	for (uint32_t i = 0; i < last; i++)
		below = add_saturated(below, hist->counts[i]);
	if (!hist->counts[last] || bucket_end_ns(hist, last) <= lower)
		return below;
	part = (double)hist->counts[last] * ((double)ns - lower) /
	       (bucket_end_ns(hist, last) - lower);
	/* 2^64 is the first double that uint64_t does not hold. */
	if (part >= 0x1p64)
		return UINT64_MAX;
	return add_saturated(below, (uint64_t)part);
}
