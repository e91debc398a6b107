/* SPDX-License-Identifier: Apache-2.0 */
#include "summary/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "summary/parts.h"

/* Changes below these are negligible. */
#define FLOOR_NS    20000.0
#define FLOOR_COUNT 5.0
#define FLOOR_RATE  10.0

/* A quantile q says something from ln(0.05)/ln(q) samples on: 299 for p99, 14 for p80. */
#define SAMPLES_P50 14
#define SAMPLES_P99 299

#define STACKS_COMPARED 64
#define NAMES_COMPARED  12

/* Load: a change is shown, but hardly the cause of anything. */
#define NEUTRAL_WEIGHT 0.25

bool release_measured(const struct release *release)
{
	return release->runnable.count || release->runqueue.count || release->offcpu.count ||
	       release->stack_count || release->waiting.count || release->syscalls.count;
}

double release_lived_s(const struct summary *summary, const struct release *release)
{
	uint64_t total_ns = 0;

	for (size_t i = 0; i < release->process_count; i++) {
		const struct process *process = &release->processes[i];
		uint64_t from = summary->opened_ns, to = summary->closed_ns;

		if (process->started_ns > from)
			from = process->started_ns;
		if (process->exited_ns && process->exited_ns < to)
			to = process->exited_ns;
		if (to > from)
			total_ns = sum_saturated(total_ns, to - from);
	}
	if (!release->process_count && summary->closed_ns > summary->opened_ns)
		total_ns = summary->closed_ns - summary->opened_ns;
	return (double)total_ns / NS_PER_S;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* Packages whose functions only carry out the waiting; the wait's reason names them already. */
static bool is_plumbing(const char *function)
{
	static const char *const prefixes[] = {
		"runtime.",
		"runtime/",
		"internal/",
		"sync.",
		"sync/",
		"syscall.",
		"time.Sleep",
		"io.",
		"bufio.",
		"net.(*",
		"net/http.(*connReader).",
		"crypto/tls.(*Conn).",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (has_prefix(function, prefixes[i]))
			return true;
	}
	return false;
}

const struct frame *stack_place(const struct wait_stack *stack)
{
	const struct frame *outermost = NULL;

	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct frame *frame = &stack->frames[i];

		if (!frame->function || !frame->function[0])
			continue;
		if (!is_plumbing(frame->function))
			return frame;
		outermost = frame;
	}
	return outermost;
}

bool frame_is_own(const struct frame *frame, const char *module)
{
	size_t size = module ? strlen(module) : 0;

	if (has_prefix(frame->function, "main."))
		return true;
	return size && !strncmp(frame->function, module, size) &&
	       (frame->function[size] == '/' || frame->function[size] == '.');
}

const struct frame *stack_own(const struct wait_stack *stack, const char *module)
{
	for (size_t i = 0; i < stack->frame_count; i++) {
		if (frame_is_own(&stack->frames[i], module))
			return &stack->frames[i];
	}
	return NULL;
}

static double floor_of(enum change_unit unit)
{
	return unit == CHANGE_NS ? FLOOR_NS : unit == CHANGE_COUNT ? FLOOR_COUNT : FLOOR_RATE;
}

/* NULL when there is no room, or no difference to speak of. */
static struct change *add(struct comparison *comparison, enum change_unit unit, double before,
			  double after)
{
	double least = floor_of(unit);
	struct change *change;

	if (comparison->count == CHANGES_MAX || (!(before > 0) && !(after > 0)))
		return NULL;
	change = &comparison->changes[comparison->count++];
	*change = (struct change){
		.unit = unit,
		.before = before,
		.after = after,
		.score = fabs(log2((after + least) / (before + least))),
	};
	return change;
}

static void add_rate(struct comparison *comparison, const char *what, double before, double after)
{
	struct change *change = add(comparison, CHANGE_RATE, before, after);

	if (!change)
		return;
	snprintf(change->what, sizeof(change->what), "%s", what);
	change->neutral = true;
	change->score *= NEUTRAL_WEIGHT;
}

/* p50 and p99, where both have samples enough for it. */
static void add_hist(struct comparison *comparison, const char *what, const struct hist *before,
		     const struct hist *after)
{
	static const struct {
		double q;
		const char *name;
		uint64_t samples;
	} quantiles[] = { { 0.99, "p99", SAMPLES_P99 }, { 0.5, "p50", SAMPLES_P50 } };

	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		struct change *change;

		if (before->count < quantiles[i].samples || after->count < quantiles[i].samples)
			continue;
		change = add(comparison, CHANGE_NS, (double)hist_quantile(before, quantiles[i].q),
			     (double)hist_quantile(after, quantiles[i].q));
		if (!change)
			return;
		snprintf(change->what, sizeof(change->what), "%.200s: %s", what, quantiles[i].name);
		change->before_hist = before;
		change->after_hist = after;
	}
}

static const struct hist *find_hist(const struct named_hists *hists, const char *name)
{
	for (size_t i = 0; i < hists->count; i++) {
		if (!strcmp(hists->items[i].name, name))
			return &hists->items[i].hist;
	}
	return NULL;
}

/* `format` takes the histogram's name. */
static void add_named(struct comparison *comparison, const char *format,
		      const struct named_hists *before, const struct named_hists *after)
{
	char what[CHANGE_BYTES];

	for (size_t i = 0; i < after->count && i < NAMES_COMPARED; i++) {
		const struct hist *old = find_hist(before, after->items[i].name);

		if (!old)
			continue;
		snprintf(what, sizeof(what), format, after->items[i].name);
		add_hist(comparison, what, old, &after->items[i].hist);
	}
}

bool stack_same_place(const struct wait_stack *a, const struct wait_stack *b)
{
	if (strcmp(a->reason, b->reason) || a->system != b->system ||
	    a->frame_count != b->frame_count)
		return false;
	for (size_t i = 0; i < a->frame_count; i++) {
		if (strcmp(a->frames[i].function, b->frames[i].function))
			return false;
	}
	return true;
}

static bool lived_to_the_end(const struct release *release)
{
	for (size_t i = 0; i < release->process_count; i++) {
		if (!release->processes[i].exited_ns)
			return true;
	}
	return !release->process_count;
}

/*
 * How many goroutines waited at the stacks that are `like`: as the window closed or, of a release
 * that had ended by then, on average (Little's law: time waited by time).
 */
static double waiting_at(const struct summary *summary, const struct release *release,
			 const struct wait_stack *like)
{
	double lived_s = release_lived_s(summary, release), sum_ns = 0;
	uint64_t still = 0;

	for (size_t i = 0; i < release->stack_count; i++) {
		const struct wait_stack *stack = &release->stacks[i];

		if (!stack_same_place(stack, like))
			continue;
		still = sum_saturated(still, stack->still_waiting);
		sum_ns += (double)stack_total_ns(stack);
	}
	if (lived_to_the_end(release))
		return (double)still;
	return lived_s > 0 ? sum_ns / NS_PER_S / lived_s * (double)release->process_count : 0;
}

/* The first of several stacks at the same place stands for all. */
static bool seen_before(const struct release *release, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (stack_same_place(&release->stacks[i], &release->stacks[index]))
			return true;
	}
	return false;
}

static void add_stacks(struct comparison *comparison, const struct summary *summary,
		       const struct release *before, const struct release *after)
{
	for (size_t i = 0; i < after->stack_count && i < STACKS_COMPARED; i++) {
		const struct wait_stack *stack = &after->stacks[i];
		const struct frame *place = stack_place(stack);
		struct change *change;

		if (stack->system || !place || seen_before(after, i))
			continue;
		change = add(comparison, CHANGE_COUNT, waiting_at(summary, before, stack),
			     waiting_at(summary, after, stack));
		if (!change)
			continue;
		snprintf(change->what, sizeof(change->what), "goroutines in %.200s",
			 place->function);
		change->stack = stack;
	}
	comparison->averaged = !lived_to_the_end(before);
}

static uint64_t goroutines_of(const struct release *release)
{
	uint64_t total = 0;

	for (size_t i = 0; i < release->process_count; i++)
		total = sum_saturated(total, release->processes[i].goroutines);
	return total;
}

static void add_goroutines(struct comparison *comparison, const struct release *before,
			   const struct release *after)
{
	double old = (double)goroutines_of(before), new = (double)goroutines_of(after);
	bool alike = before->process_count == after->process_count;
	struct change *change;

	if (!(old > 0) || !(new > 0)) /* not known of one that had ended */
		return;
	change = add(comparison, CHANGE_COUNT, alike ? old : old / (double)before->process_count,
		     alike ? new : new / (double)after->process_count);
	if (change)
		snprintf(change->what, sizeof(change->what), "%s",
			 alike ? "goroutines" : "goroutines of a process");
}

static void add_load(struct comparison *comparison, const struct summary *summary,
		     const struct release *before, const struct release *after)
{
	double old_s = release_lived_s(summary, before), new_s = release_lived_s(summary, after);

	if (!(old_s > 0) || !(new_s > 0))
		return;
	add_rate(comparison, "dispatches a second", (double)before->runnable.count / old_s,
		 (double)after->runnable.count / new_s);
	add_rate(comparison, "goroutines created a second", (double)before->created / old_s,
		 (double)after->created / new_s);
	add_rate(comparison, "garbage collections a minute", (double)before->gc_cycles / old_s * 60,
		 (double)after->gc_cycles / new_s * 60);
}

static int compare_scores(const void *left, const void *right)
{
	const struct change *a = left, *b = right;

	if (a->score != b->score)
		return a->score < b->score ? 1 : -1;
	return strcmp(a->what, b->what);
}

void compare_releases(const struct summary *summary, const struct release *before,
		      const struct release *after, struct comparison *ret_comparison)
{
	struct comparison *comparison = ret_comparison;

	*comparison = (struct comparison){ 0 };
	add_goroutines(comparison, before, after);
	add_hist(comparison, "scheduling latency", &before->runnable, &after->runnable);
	add_hist(comparison, "kernel run queue", &before->runqueue, &after->runqueue);
	add_hist(comparison, "off-CPU", &before->offcpu, &after->offcpu);
	add_hist(comparison, "garbage collection", &before->gc, &after->gc);
	add_named(comparison, "waiting (%.200s)", &before->waiting, &after->waiting);
	add_named(comparison, "world stopped (%.200s)", &before->stw, &after->stw);
	add_load(comparison, summary, before, after);
	add_named(comparison, "system call %.200s", &before->syscalls, &after->syscalls);
	add_stacks(comparison, summary, before, after);
	qsort(comparison->changes, comparison->count, sizeof(comparison->changes[0]),
	      compare_scores);
}
