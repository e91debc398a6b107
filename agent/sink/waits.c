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

/*
 * Length of the package path in a full function name: up to the first dot behind the last slash.
 * Receivers and type arguments hold paths of their own, so the search ends before either:
 * "a.com/b/c.(*T).M", "slices.SortFunc[go.shape.a.com/b.T]".
 */
static size_t package_length(const char *function)
{
	size_t end = strcspn(function, "([");
	size_t start = 0;

	for (size_t i = 0; i < end; i++)
		if (function[i] == '/')
			start = i + 1;
	for (size_t i = start; i < end; i++)
		if (function[i] == '.')
			return i;
	return end;
}

static bool is_plumbing(const char *function)
{
	static const char *const packages[] = { "runtime", "sync", "internal" };
	size_t length = package_length(function);

	/* The runtime's, whatever it is called: runtime/time.go, "//go:linkname timeSleep
	 * time.Sleep" (Go 1.27). */
	if (strcmp(function, "time.Sleep") == 0)
		return true;
	for (size_t i = 0; i < sizeof(packages) / sizeof(*packages); i++) {
		size_t size = strlen(packages[i]);

		if (length >= size && strncmp(function, packages[i], size) == 0 &&
		    (length == size || function[size] == '/'))
			return true;
	}
	return false;
}

const char *wait_function(const struct wait_stack *stack)
{
	const char *function = "unknown";

	for (size_t i = 0; i < stack->frame_count; i++) {
		if (!stack->frames[i].function || !*stack->frames[i].function)
			continue;
		function = stack->frames[i].function;
		if (!is_plumbing(function))
			break;
	}
	return function;
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
