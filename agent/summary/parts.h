/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the summary module share among themselves. */
#ifndef PARKMETER_SUMMARY_PARTS_H
#define PARKMETER_SUMMARY_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "summary/summary.h"

/* Totals stop at the largest number instead of wrapping. */
static inline uint64_t sum_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* The cast of what does not fit is undefined. NaN and what is negative is 0. */
static inline uint64_t whole_number(double value)
{
	if (!(value > 0))
		return 0;
	return value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
}

/* All time spent waiting there, that of goroutines which wait still included. */
static inline uint64_t stack_total_ns(const struct wait_stack *stack)
{
	return sum_saturated(stack->sum_ns, stack->still_waiting_ns);
}

void stack_release(struct wait_stack *stack);

/* Merges stacks of equal reason, frames and `system`; the order afterwards is by these. */
void release_merge_stacks(struct release *release);

#endif
