/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How programs hand out what they measured: a duration into its histogram, a duration into a total,
 * a record into the ring buffer. Whatever cannot be stored is counted.
 */
#ifndef PARKMETER_BPF_EMIT_H
#define PARKMETER_BPF_EMIT_H

#include "core/maps.h"

#define BLOCK_MAX 0xffff

/* The counter for a map update that failed: full, or its bucket locked by what we interrupted. */
static __always_inline __u32 refusal(long error, __u32 full_counter)
{
	return error == -EBUSY ? COUNTER_BUSY : full_counter;
}

/*
 * Maxima are stored without an atomic compare, which 5.10 lacks: of two values that exceed the
 * maximum within the same nanoseconds on two CPUs either may remain. Counts and sums are exact.
 */
static __always_inline void raise_max(__u64 *max, __u64 value)
{
	if (value > *(volatile __u64 *)max)
		*(volatile __u64 *)max = value;
}

/*
 * Neither `ns` nor the time since the window opened can be negative, and yet both can by some ns:
 * bpf_ktime_get_ns() may step back while the kernel updates the clock (kernel/time/timekeeping.c,
 * ktime_get_mono_fast_ns()).
 */
static __always_inline void hist_record(__u32 tgid, __u32 program, __u32 metric, __u32 sub,
					__u64 ns, __u64 now)
{
	struct hist_key key = { .tgid = tgid, .program = program };
	struct hist_value *hist;
	__u64 block = (now - window.origin_ns) / BLOCK_NS;
	__u32 bucket;
	long error;

	if ((__s64)ns < 0)
		ns = 0;
	bucket = bucket_index(ns);
	if ((__s64)(now - window.origin_ns) < 0)
		block = 0;
	if (block > BLOCK_MAX)
		block = BLOCK_MAX;
	key.block = block;
	key.metric_sub = metric << 12 | (sub & 0xfff);
	hist = bpf_map_lookup_elem(&hists, &key);
	if (!hist) {
		error = bpf_map_update_elem(&hists, &key, (const void *)&hist_template,
					    BPF_NOEXIST);
		hist = bpf_map_lookup_elem(&hists, &key);
		if (!hist) {
			count(refusal(error, COUNTER_HIST_FULL));
			return;
		}
	}
	if (bucket >= BUCKET_COUNT) /* never; for the verifier */
		return;
	__sync_fetch_and_add(&hist->counts[bucket], 1);
	__sync_fetch_and_add(&hist->sum_ns, ns);
	raise_max(&hist->max_ns, ns);
}

/* Adds a duration to the total of `key` in a map of struct wait_value. */
static __always_inline void total_add(void *map, const void *key, __u64 ns, __u32 full_counter)
{
	struct wait_value first = { .count = 1 };
	struct wait_value *total;
	long error = 0;

	if ((__s64)ns < 0)
		ns = 0; /* as above */
	first.sum_ns = first.max_ns = ns;
	total = bpf_map_lookup_elem(map, key);
	if (!total) {
		error = bpf_map_update_elem(map, key, &first, BPF_NOEXIST);
		if (!error)
			return;
		total = bpf_map_lookup_elem(map, key); /* another CPU was faster */
	}
	if (!total) {
		count(refusal(error, full_counter));
		return;
	}
	__sync_fetch_and_add(&total->count, 1);
	__sync_fetch_and_add(&total->sum_ns, ns);
	raise_max(&total->max_ns, ns);
}

static __always_inline void event_emit(void *event, __u64 size_bytes)
{
	if (bpf_ringbuf_output(&events, event, size_bytes, 0))
		count(COUNTER_EVENT_DROPPED);
}

#endif
