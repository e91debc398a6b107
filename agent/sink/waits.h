/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The waiting stacks of a release, summed for people: by wait reason, and by reason and the first
 * function of the stack that is not plumbing. Goroutines of the runtime itself are left out.
 */
#ifndef PARKMETER_SINK_WAITS_H
#define PARKMETER_SINK_WAITS_H

#include <stddef.h>
#include <stdint.h>

#include "summary/summary.h"

/* Strings here are borrowed from the release or static. */
struct wait_place {
	const char *reason;
	const char *function;
	uint64_t total_ns; /* waits that ended, and those that go on */
	uint64_t still_waiting;
};

struct wait_reason {
	const char *reason;
	uint64_t still_waiting;
};

struct waits {
	struct wait_place *places; /* largest total first; each (reason, function) once */
	size_t place_count;
	struct wait_reason *reasons; /* by name, each once */
	size_t reason_count;
};

/* -ENOMEM. All-zero bytes are an empty struct waits. */
int waits_collect(const struct release *release, struct waits *ret_waits);
void waits_release(struct waits *waits);

/* The function of stack_place(), "unknown" without frames. */
const char *wait_function(const struct wait_stack *stack);

#endif
