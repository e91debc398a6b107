/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * The bucket rule of every duration histogram, shared by the BPF programs that fill them and the
 * agent that reads them: log-linear, 16 sub-buckets an octave, from 64 ns to 2^36 ns (68.7 s).
 *
 *   bucket 0        below 64 ns
 *   bucket 1..480   octave (i-1)/16, sub-bucket (i-1)%16: at most 6.25 % wide
 *   bucket 481      2^36 ns and above
 */
#ifndef PARKMETER_BUCKETS_H
#define PARKMETER_BUCKETS_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define BUCKET_SUB_BITS  4
#define BUCKET_SUBS      (1 << BUCKET_SUB_BITS)
#define BUCKET_MIN_SHIFT 6
#define BUCKET_MAX_SHIFT 36
#define BUCKET_COUNT     ((BUCKET_MAX_SHIFT - BUCKET_MIN_SHIFT) * BUCKET_SUBS + 2)

/* floor(log2(value)), value > 0. BPF has no count-leading-zeros instruction. */
static inline __u32 bucket_log2(__u64 value)
{
	__u32 log2 = 0;

	if (value >> 32) {
		value >>= 32;
		log2 += 32;
	}
	if (value >> 16) {
		value >>= 16;
		log2 += 16;
	}
	if (value >> 8) {
		value >>= 8;
		log2 += 8;
	}
	if (value >> 4) {
		value >>= 4;
		log2 += 4;
	}
	if (value >> 2) {
		value >>= 2;
		log2 += 2;
	}
	return log2 + (__u32)(value >> 1);
}

/* The bucket of a duration: 0 .. BUCKET_COUNT - 1. */
static inline __u32 bucket_index(__u64 ns)
{
	__u32 log2;

	if (ns < (1ULL << BUCKET_MIN_SHIFT))
		return 0;
	if (ns >= (1ULL << BUCKET_MAX_SHIFT))
		return BUCKET_COUNT - 1;
	log2 = bucket_log2(ns);
	return 1 + (log2 - BUCKET_MIN_SHIFT) * BUCKET_SUBS +
	       (__u32)((ns >> (log2 - BUCKET_SUB_BITS)) & (BUCKET_SUBS - 1));
}

/* The smallest duration of a bucket; bucket_lower_ns(i + 1) is where bucket i ends (exclusive). */
static inline __u64 bucket_lower_ns(__u32 index)
{
	__u32 octave, sub;

	if (index == 0)
		return 0;
	octave = (index - 1) / BUCKET_SUBS;
	sub = (index - 1) % BUCKET_SUBS;
	return (__u64)(BUCKET_SUBS + sub) << (octave + BUCKET_MIN_SHIFT - BUCKET_SUB_BITS);
}

#endif
