/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing and freeing a summary. Arrays without a capacity of their own grow when their count is a
 * power of two, so that the count says how much is allocated.
 */
#include "summary/summary.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "summary/parts.h"

#define STACKS_FIRST 64

/* Where additions beyond a maximum go; each is overwritten by the next. */
struct spare {
	struct wait_stack stack;
	struct syscall_user syscall_user;
	struct stall stall;
	struct block block;
};

/*
 * Makes room for one more element behind `count` and clears it. *items is what it was when this
 * fails.
 */
static int array_grow(void **items, size_t count, size_t max, size_t element_bytes)
{
	void *grown;

	if (count >= max)
		return -ENOSPC;
	if ((count & (count - 1)) == 0) { /* 0, 1, 2, 4, 8 ... */
		size_t capacity = count ? count * 2 : 1;

		grown = reallocarray(*items, capacity, element_bytes);
		if (!grown)
			return -ENOMEM;
		*items = grown;
	}
	memset((char *)*items + count * element_bytes, 0, element_bytes);
	return 0;
}

#define ARRAY_GROW(items, count, max)                                                          \
	({                                                                                     \
		void *grow_items_ = (items);                                                   \
		int grow_result_ = array_grow(&grow_items_, (count), (max), sizeof(*(items))); \
		(items) = grow_items_;                                                         \
		grow_result_;                                                                  \
	})

static char *copy_string(const char *text)
{
	return strdup(text ? text : "");
}

int summary_set_string(char **ret_field, const char *text)
{
	char *copy = NULL;

	if (text) {
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
	}
	free(*ret_field);
	*ret_field = copy;
	return 0;
}

int summary_new(struct summary **ret_summary, struct err *err)
{
	struct summary *summary = calloc(1, sizeof(*summary));

	if (!summary)
		return err_set(err, -ENOMEM, "out of memory");
	summary->command_status = -1;
	*ret_summary = summary;
	return 0;
}

void stack_release(struct wait_stack *stack)
{
	for (size_t i = 0; i < stack->frame_count; i++) {
		free(stack->frames[i].function);
		free(stack->frames[i].file);
	}
	free(stack->frames);
	free(stack->reason);
}

static void named_hists_release(struct named_hists *hists)
{
	for (size_t i = 0; i < hists->count; i++)
		free(hists->items[i].name);
	free(hists->items);
}

static void process_release(struct process *process)
{
	free(process->exe);
	free(process->container);
	free(process->pod);
	free(process->refused);
}

static void spare_free(struct spare *spare)
{
	if (!spare)
		return;
	stack_release(&spare->stack);
	free(spare->syscall_user.syscall);
	free(spare->syscall_user.start);
	free(spare->stall.start);
	free(spare);
}

/* The release's spare, made when it is first needed. NULL: out of memory. */
static struct spare *spare_get(struct release *release)
{
	if (!release->spare)
		release->spare = calloc(1, sizeof(*release->spare));
	return release->spare;
}

static void release_release(struct release *release)
{
	free(release->version);
	free(release->revision);
	free(release->go_build_id);
	free(release->go_version);
	free(release->module);
	for (size_t i = 0; i < release->process_count; i++)
		process_release(&release->processes[i]);
	free(release->processes);
	named_hists_release(&release->runnable_by_cause);
	named_hists_release(&release->waiting);
	named_hists_release(&release->stw);
	named_hists_release(&release->syscalls);
	for (size_t i = 0; i < release->stack_count; i++)
		stack_release(&release->stacks[i]);
	free(release->stacks);
	for (size_t i = 0; i < release->creator_count; i++) {
		free(release->creators[i].creator);
		free(release->creators[i].start);
	}
	free(release->creators);
	for (size_t i = 0; i < release->syscall_user_count; i++) {
		free(release->syscall_users[i].syscall);
		free(release->syscall_users[i].start);
	}
	free(release->syscall_users);
	for (size_t i = 0; i < release->stall_count; i++)
		free(release->stalls[i].start);
	free(release->stalls);
	free(release->blocks);
	spare_free(release->spare);
}

void summary_free(struct summary *summary)
{
	if (!summary)
		return;
	context_release(&summary->context);
	free(summary->id);
	free(summary->agent_version);
	free(summary->kernel);
	free(summary->attach);
	for (size_t i = 0; i < summary->release_count; i++)
		release_release(&summary->releases[i]);
	free(summary->releases);
	for (size_t i = 0; i < summary->quality.note_count; i++)
		free(summary->quality.notes[i]);
	free(summary->quality.notes);
	free(summary);
}

int summary_add_release(struct summary *summary, const char *version, struct release **ret_release)
{
	CLEANUP(freep) char *copy = copy_string(version);
	struct release *release;
	int r;

	if (!copy)
		return -ENOMEM;
	r = ARRAY_GROW(summary->releases, summary->release_count, SUMMARY_RELEASES_MAX);
	if (r < 0)
		return r;
	release = &summary->releases[summary->release_count++];
	release->version = TAKE_PTR(copy);
	*ret_release = release;
	return 0;
}

int summary_add_note(struct summary *summary, const char *format, ...)
{
	struct quality *quality = &summary->quality;
	CLEANUP(freep) char *note = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&note, format, args);
	va_end(args);
	if (r < 0) {
		note = NULL; /* vasprintf() leaves it undefined */
		return -ENOMEM;
	}
	for (size_t i = 0; i < quality->note_count; i++) {
		if (!strcmp(quality->notes[i], note))
			return 0;
	}
	r = ARRAY_GROW(quality->notes, quality->note_count, SUMMARY_NOTES_MAX);
	if (r < 0)
		return r;
	quality->notes[quality->note_count++] = TAKE_PTR(note);
	return 0;
}

int release_add_process(struct release *release, pid_t pid, struct process **ret_process)
{
	struct process *process;
	int r;

	r = ARRAY_GROW(release->processes, release->process_count, RELEASE_PROCESSES_MAX);
	if (r < 0)
		return r;
	process = &release->processes[release->process_count++];
	process->pid = pid;
	*ret_process = process;
	return 0;
}

/*
 * A capture adds one stack for each goroutine that still waits, mostly equal ones: a full array is
 * first merged and grows only when that freed less than half of it.
 */
static int stacks_reserve(struct release *release)
{
	size_t capacity = release->stack_capacity;
	struct wait_stack *stacks;

	if (release->stack_count < capacity)
		return 0;
	if (release->stacks_full)
		return -ENOSPC;
	release_merge_stacks(release);
	if (release->stack_count < capacity && release->stack_count <= capacity / 2)
		return 0;
	if (release->stack_count >= RELEASE_STACKS_MAX) {
		release->stacks_full = true;
		release->stack_capacity = release->stack_count;
		return -ENOSPC;
	}
	capacity = capacity ? capacity * 2 : STACKS_FIRST;
	stacks = reallocarray(release->stacks, capacity, sizeof(*stacks));
	if (!stacks)
		return -ENOMEM;
	release->stacks = stacks;
	release->stack_capacity = capacity;
	return 0;
}

int release_add_stack(struct release *release, const char *reason, struct wait_stack **ret_stack)
{
	CLEANUP(freep) char *copy = copy_string(reason);
	struct wait_stack *stack;
	int r;

	if (!copy)
		return -ENOMEM;
	r = stacks_reserve(release);
	if (r == -ENOSPC) {
		if (!spare_get(release))
			return -ENOMEM;
		release->dropped.stacks++;
		stack = &release->spare->stack;
		stack_release(stack);
	} else if (r < 0) {
		return r;
	} else {
		stack = &release->stacks[release->stack_count++];
	}
	*stack = (struct wait_stack){ .reason = TAKE_PTR(copy) };
	*ret_stack = stack;
	return 0;
}

int stack_add_frame(struct wait_stack *stack, const char *function, const char *file, uint32_t line)
{
	CLEANUP(freep) char *function_copy = copy_string(function);
	CLEANUP(freep) char *file_copy = NULL;
	struct frame *frame;
	int r;

	r = summary_set_string(&file_copy, file);
	if (r < 0 || !function_copy)
		return -ENOMEM;
	r = ARRAY_GROW(stack->frames, stack->frame_count, STACK_DEPTH_MAX);
	if (r < 0)
		return r;
	frame = &stack->frames[stack->frame_count++];
	frame->function = TAKE_PTR(function_copy);
	frame->file = TAKE_PTR(file_copy);
	frame->line = line;
	return 0;
}

int release_add_creator(struct release *release, const char *creator, const char *start,
			uint64_t count)
{
	CLEANUP(freep) char *creator_copy = copy_string(creator);
	CLEANUP(freep) char *start_copy = copy_string(start);
	struct creator *item;
	int r;

	if (!creator_copy || !start_copy)
		return -ENOMEM;
	r = ARRAY_GROW(release->creators, release->creator_count, RELEASE_CREATORS_MAX);
	if (r == -ENOSPC) {
		release->dropped.creators++;
		return 0;
	}
	if (r < 0)
		return r;
	item = &release->creators[release->creator_count++];
	item->creator = TAKE_PTR(creator_copy);
	item->start = TAKE_PTR(start_copy);
	item->count = count;
	return 0;
}

int release_add_syscall_user(struct release *release, const char *syscall, const char *start,
			     struct syscall_user **ret_user)
{
	CLEANUP(freep) char *syscall_copy = copy_string(syscall);
	CLEANUP(freep) char *start_copy = copy_string(start);
	struct syscall_user *user;
	int r;

	if (!syscall_copy || !start_copy)
		return -ENOMEM;
	r = ARRAY_GROW(release->syscall_users, release->syscall_user_count, RELEASE_SYSCALLS_MAX);
	if (r == -ENOSPC) {
		if (!spare_get(release))
			return -ENOMEM;
		release->dropped.syscall_users++;
		user = &release->spare->syscall_user;
		free(user->syscall);
		free(user->start);
		*user = (struct syscall_user){ 0 };
	} else if (r < 0) {
		return r;
	} else {
		user = &release->syscall_users[release->syscall_user_count++];
	}
	user->syscall = TAKE_PTR(syscall_copy);
	user->start = TAKE_PTR(start_copy);
	*ret_user = user;
	return 0;
}

int release_add_stall(struct release *release, const char *start, struct stall **ret_stall)
{
	CLEANUP(freep) char *start_copy = copy_string(start);
	struct stall *stall;
	int r;

	if (!start_copy)
		return -ENOMEM;
	r = ARRAY_GROW(release->stalls, release->stall_count, RELEASE_STALLS_MAX);
	if (r == -ENOSPC) {
		if (!spare_get(release))
			return -ENOMEM;
		release->dropped.stalls++;
		stall = &release->spare->stall;
		free(stall->start);
		*stall = (struct stall){ 0 };
	} else if (r < 0) {
		return r;
	} else {
		stall = &release->stalls[release->stall_count++];
	}
	stall->start = TAKE_PTR(start_copy);
	*ret_stall = stall;
	return 0;
}

/* The spare block; the histograms of one block come one after the other and count once. */
static int block_drop(struct release *release, uint32_t index, pid_t pid, struct block **ret_block)
{
	struct spare *spare = spare_get(release);

	if (!spare)
		return -ENOMEM;
	if (!release->dropped.blocks || spare->block.index != index || spare->block.pid != pid)
		release->dropped.blocks++;
	spare->block = (struct block){ .index = index, .pid = pid };
	*ret_block = &spare->block;
	return 0;
}

int release_block(struct release *release, uint32_t index, pid_t pid, struct block **ret_block)
{
	struct block *block;
	int r;

	/* Blocks come roughly in order: what is asked for is among the last ones. */
	for (size_t i = release->block_count; i-- > 0;) {
		block = &release->blocks[i];
		if (block->index == index && block->pid == pid) {
			*ret_block = block;
			return 0;
		}
	}
	r = ARRAY_GROW(release->blocks, release->block_count, RELEASE_BLOCKS_MAX);
	if (r == -ENOSPC)
		return block_drop(release, index, pid, ret_block);
	if (r < 0)
		return r;
	block = &release->blocks[release->block_count++];
	block->index = index;
	block->pid = pid;
	*ret_block = block;
	return 0;
}

static struct named_hist *named_hists_find(struct named_hists *hists, const char *name)
{
	for (size_t i = 0; i < hists->count; i++) {
		if (!strcmp(hists->items[i].name, name))
			return &hists->items[i];
	}
	return NULL;
}

int named_hists_get(struct named_hists *hists, const char *name, struct named_hist **ret_hist)
{
	CLEANUP(freep) char *copy = NULL;
	struct named_hist *hist;
	int r;

	name = name ? name : "";
	hist = named_hists_find(hists, name);
	if (!hist && hists->count >= NAMED_HISTS_MAX) {
		name = NAMED_HIST_OTHER; /* one more than the maximum */
		hist = named_hists_find(hists, name);
	}
	if (hist) {
		*ret_hist = hist;
		return 0;
	}
	copy = copy_string(name);
	if (!copy)
		return -ENOMEM;
	r = ARRAY_GROW(hists->items, hists->count, NAMED_HISTS_MAX + 1);
	if (r < 0)
		return r;
	hist = &hists->items[hists->count++];
	hist->name = TAKE_PTR(copy);
	*ret_hist = hist;
	return 0;
}
