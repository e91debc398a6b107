/* SPDX-License-Identifier: Apache-2.0 */
#include "summary/losses.h"

#define LOSS(field, meaning)                                     \
	{                                                        \
#field, meaning, offsetof(struct quality, field) \
	}

/* As many as LOSS_COUNT; the array's declared size makes the compiler check it. */
const struct loss losses[LOSS_COUNT] = {
	LOSS(unmatched_execute, "dispatches whose runnable time began unseen"),
	LOSS(unmatched_wake, "wake-ups whose waiting began unseen"),
	LOSS(missed, "probe hits that the kernel skipped (a probe was running already)"),
	LOSS(busy, "samples lost to a map that was being updated"),
	LOSS(field_unreadable, "hits lost because a goroutine could not be read"),
	LOSS(hist_full, "samples lost: the histogram map was full"),
	LOSS(goroutines_full, "goroutines not followed: the goroutine map was full"),
	LOSS(waits_full, "waits without a stack: the wait map was full"),
	LOSS(stacks_full, "waits without a stack: the stack map was full"),
	LOSS(stack_unreadable, "waits without a stack: a frame could not be read"),
	LOSS(stack_truncated, "waits with a stack that was cut: too deep"),
	LOSS(threads_full, "thread switches not followed: the thread map was full"),
	LOSS(created_full, "goroutines without a creator: the map was full"),
	LOSS(syscalls_full, "system calls without their goroutine: the map was full"),
	LOSS(stalls_full, "times off the CPU without their goroutine: the map was full"),
	LOSS(events_dropped, "events (exec, exit, stop-the-world) lost: the ring buffer was full"),
};

uint64_t loss_count(const struct quality *quality, const struct loss *loss)
{
	return *(const uint64_t *)((const char *)quality + loss->offset);
}
