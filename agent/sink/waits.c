/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/waits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void waits_release(struct waits *waits)
{
	free(waits->places);
	free(waits->reasons);
	*waits = (struct waits){ 0 };
}

const char *wait_function(const struct wait_stack *stack)
{
	const struct frame *place = stack_place(stack);

	return place && place->function && *place->function ? place->function : "unknown";
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static int compare_names(const void *a, const void *b)
{
	const struct wait_place *left = a;
	const struct wait_place *right = b;
	int order = strcmp(left->reason, right->reason);

	return order ? order : strcmp(left->function, right->function);
}

static int compare_totals(const void *a, const void *b)
{
	const struct wait_place *left = a;
	const struct wait_place *right = b;

	if (left->total_ns != right->total_ns)
		return left->total_ns < right->total_ns ? 1 : -1;
	return compare_names(a, b);
}

/* Sums neighbours with equal names. */
static void merge_places(struct waits *waits)
{
	size_t kept = 0;

	for (size_t i = 0; i < waits->place_count; i++) {
		struct wait_place *from = &waits->places[i];
		struct wait_place *into = kept ? &waits->places[kept - 1] : NULL;

		if (!into || compare_names(into, from) != 0) {
			waits->places[kept++] = *from;
			continue;
		}
		into->total_ns = add_saturated(into->total_ns, from->total_ns);
		into->still_waiting = add_saturated(into->still_waiting, from->still_waiting);
	}
	waits->place_count = kept;
}

/* From places in order of their reasons. */
static void sum_reasons(struct waits *waits)
{
	for (size_t i = 0; i < waits->place_count; i++) {
		const struct wait_place *place = &waits->places[i];
		struct wait_reason *last =
			waits->reason_count ? &waits->reasons[waits->reason_count - 1] : NULL;

		if (!last || strcmp(last->reason, place->reason) != 0) {
			last = &waits->reasons[waits->reason_count++];
			*last = (struct wait_reason){ .reason = place->reason };
		}
		last->still_waiting = add_saturated(last->still_waiting, place->still_waiting);
	}
}

int waits_collect(const struct release *release, struct waits *ret_waits)
{
	CLEANUP(waits_release) struct waits waits = { 0 };

	if (!release->stack_count) {
		*ret_waits = waits;
		return 0;
	}
	waits.places = calloc(release->stack_count, sizeof(*waits.places));
	waits.reasons = calloc(release->stack_count, sizeof(*waits.reasons));
	if (!waits.places || !waits.reasons)
		return -ENOMEM;
	for (size_t i = 0; i < release->stack_count; i++) {
		const struct wait_stack *stack = &release->stacks[i];

		if (stack->system)
			continue;
		waits.places[waits.place_count++] = (struct wait_place){
			.reason = stack->reason && *stack->reason ? stack->reason : "unknown",
			.function = wait_function(stack),
			.total_ns = add_saturated(stack->sum_ns, stack->still_waiting_ns),
			.still_waiting = stack->still_waiting,
		};
	}
	qsort(waits.places, waits.place_count, sizeof(*waits.places), compare_names);
	merge_places(&waits);
	sum_reasons(&waits);
	qsort(waits.places, waits.place_count, sizeof(*waits.places), compare_totals);
	*ret_waits = waits;
	waits = (struct waits){ 0 };
	return 0;
}
