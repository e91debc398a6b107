/* SPDX-License-Identifier: Apache-2.0 */
/* Merging what is equal and sorting what is left. Every order is total, so that the same capture
 * always renders the same. */
#include <stdlib.h>
#include <string.h>

#include "summary/parts.h"

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* NULL (unknown) before every string. */
static int compare_strings(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int compare_frames(const struct wait_stack *a, const struct wait_stack *b)
{
	int order = compare_u64(a->frame_count, b->frame_count);

	for (size_t i = 0; i < a->frame_count && !order; i++) {
		order = compare_strings(a->frames[i].function, b->frames[i].function);
		if (!order)
			order = compare_u64(a->frames[i].line, b->frames[i].line);
		if (!order)
			order = compare_strings(a->frames[i].file, b->frames[i].file);
	}
	return order;
}

static int compare_stack_identity(const void *left, const void *right)
{
	const struct wait_stack *a = left, *b = right;
	int order = compare_u64(a->system, b->system);

	if (!order)
		order = compare_strings(a->reason, b->reason);
	return order ? order : compare_frames(a, b);
}

static int compare_stack_total(const void *left, const void *right)
{
	const struct wait_stack *a = left, *b = right;
	int order = compare_u64(stack_total_ns(b), stack_total_ns(a));

	if (!order)
		order = compare_u64(b->still_waiting, a->still_waiting);
	if (!order)
		order = compare_u64(b->count, a->count);
	return order ? order : compare_stack_identity(a, b);
}

static int compare_named(const void *left, const void *right)
{
	const struct named_hist *a = left, *b = right;
	int order = compare_u64(b->hist.sum_ns, a->hist.sum_ns);

	if (!order)
		order = compare_u64(b->hist.count, a->hist.count);
	return order ? order : compare_strings(a->name, b->name);
}

static int compare_creator_identity(const void *left, const void *right)
{
	const struct creator *a = left, *b = right;
	int order = compare_strings(a->creator, b->creator);

	return order ? order : compare_strings(a->start, b->start);
}

static int compare_creator_count(const void *left, const void *right)
{
	const struct creator *a = left, *b = right;
	int order = compare_u64(b->count, a->count);

	return order ? order : compare_creator_identity(a, b);
}

static int compare_user_identity(const void *left, const void *right)
{
	const struct syscall_user *a = left, *b = right;
	int order = compare_strings(a->syscall, b->syscall);

	return order ? order : compare_strings(a->start, b->start);
}

static int compare_user_total(const void *left, const void *right)
{
	const struct syscall_user *a = left, *b = right;
	int order = compare_u64(b->sum_ns, a->sum_ns);

	if (!order)
		order = compare_u64(b->count, a->count);
	return order ? order : compare_user_identity(a, b);
}

static int compare_stall_start(const void *left, const void *right)
{
	const struct stall *a = left, *b = right;

	return compare_strings(a->start, b->start);
}

static int compare_stall_total(const void *left, const void *right)
{
	const struct stall *a = left, *b = right;
	int order = compare_u64(sum_saturated(b->runqueue.sum_ns, b->offcpu.sum_ns),
				sum_saturated(a->runqueue.sum_ns, a->offcpu.sum_ns));

	return order ? order : compare_stall_start(a, b);
}

static int compare_process(const void *left, const void *right)
{
	const struct process *a = left, *b = right;
	int order = compare_u64(a->started_ns, b->started_ns);

	return order ? order : compare_u64((uint64_t)a->pid, (uint64_t)b->pid);
}

static int compare_block(const void *left, const void *right)
{
	const struct block *a = left, *b = right;
	int order = compare_u64(a->index, b->index);

	return order ? order : compare_u64((uint64_t)a->pid, (uint64_t)b->pid);
}

/* qsort() wants a pointer even for nothing. */
static void sort(void *items, size_t count, size_t element_bytes,
		 int (*compare)(const void *, const void *))
{
	if (count > 1)
		qsort(items, count, element_bytes, compare);
}

void release_merge_stacks(struct release *release)
{
	size_t kept = 0;

	sort(release->stacks, release->stack_count, sizeof(*release->stacks),
	     compare_stack_identity);
	for (size_t i = 0; i < release->stack_count; i++) {
		struct wait_stack *from = &release->stacks[i];
		struct wait_stack *into = kept ? &release->stacks[kept - 1] : NULL;

		if (!into || compare_stack_identity(into, from)) {
			release->stacks[kept++] = *from;
			continue;
		}
		into->count = sum_saturated(into->count, from->count);
		into->sum_ns = sum_saturated(into->sum_ns, from->sum_ns);
		into->still_waiting = sum_saturated(into->still_waiting, from->still_waiting);
		into->still_waiting_ns =
			sum_saturated(into->still_waiting_ns, from->still_waiting_ns);
		if (from->max_ns > into->max_ns)
			into->max_ns = from->max_ns;
		stack_release(from);
	}
	release->stack_count = kept;
}

static void merge_creators(struct release *release)
{
	uint64_t created = 0;
	size_t kept = 0;

	sort(release->creators, release->creator_count, sizeof(*release->creators),
	     compare_creator_identity);
	for (size_t i = 0; i < release->creator_count; i++) {
		struct creator *from = &release->creators[i];
		struct creator *into = kept ? &release->creators[kept - 1] : NULL;

		created = sum_saturated(created, from->count);
		if (!into || compare_creator_identity(into, from)) {
			release->creators[kept++] = *from;
			continue;
		}
		into->count = sum_saturated(into->count, from->count);
		free(from->creator);
		free(from->start);
	}
	release->creator_count = kept;
	if (release->created < created)
		release->created = created;
}

static void merge_syscall_users(struct release *release)
{
	size_t kept = 0;

	sort(release->syscall_users, release->syscall_user_count, sizeof(*release->syscall_users),
	     compare_user_identity);
	for (size_t i = 0; i < release->syscall_user_count; i++) {
		struct syscall_user *from = &release->syscall_users[i];
		struct syscall_user *into = kept ? &release->syscall_users[kept - 1] : NULL;

		if (!into || compare_user_identity(into, from)) {
			release->syscall_users[kept++] = *from;
			continue;
		}
		into->count = sum_saturated(into->count, from->count);
		into->sum_ns = sum_saturated(into->sum_ns, from->sum_ns);
		if (from->max_ns > into->max_ns)
			into->max_ns = from->max_ns;
		free(from->syscall);
		free(from->start);
	}
	release->syscall_user_count = kept;
}

static void total_merge(struct total *into, const struct total *from)
{
	into->count = sum_saturated(into->count, from->count);
	into->sum_ns = sum_saturated(into->sum_ns, from->sum_ns);
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

static void merge_stalls(struct release *release)
{
	size_t kept = 0;

	sort(release->stalls, release->stall_count, sizeof(*release->stalls), compare_stall_start);
	for (size_t i = 0; i < release->stall_count; i++) {
		struct stall *from = &release->stalls[i];
		struct stall *into = kept ? &release->stalls[kept - 1] : NULL;

		if (!into || compare_stall_start(into, from)) {
			release->stalls[kept++] = *from;
			continue;
		}
		total_merge(&into->runqueue, &from->runqueue);
		total_merge(&into->offcpu, &from->offcpu);
		free(from->start);
	}
	release->stall_count = kept;
}

static void sort_named(struct named_hists *hists)
{
	sort(hists->items, hists->count, sizeof(*hists->items), compare_named);
}

static void release_finish(struct release *release)
{
	release_merge_stacks(release);
	merge_creators(release);
	merge_syscall_users(release);
	merge_stalls(release);
	sort(release->stacks, release->stack_count, sizeof(*release->stacks), compare_stack_total);
	sort(release->creators, release->creator_count, sizeof(*release->creators),
	     compare_creator_count);
	sort(release->syscall_users, release->syscall_user_count, sizeof(*release->syscall_users),
	     compare_user_total);
	sort(release->stalls, release->stall_count, sizeof(*release->stalls), compare_stall_total);
	sort(release->processes, release->process_count, sizeof(*release->processes),
	     compare_process);
	sort(release->blocks, release->block_count, sizeof(*release->blocks), compare_block);
	sort_named(&release->runnable_by_cause);
	sort_named(&release->waiting);
	sort_named(&release->stw);
	sort_named(&release->syscalls);
}

void summary_finish(struct summary *summary)
{
	for (size_t i = 0; i < summary->release_count; i++)
		release_finish(&summary->releases[i]);
}
