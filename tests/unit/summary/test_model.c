/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "summary/summary.h"

struct fixture {
	struct summary *summary;
	struct release *release;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture || summary_new(&fixture->summary, NULL) < 0 ||
	    summary_add_release(fixture->summary, "v1", &fixture->release) < 0)
		return -1;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	summary_free(fixture->summary);
	free(fixture);
	return 0;
}

static void test_new_is_empty(void **state)
{
	struct summary *summary;

	(void)state;
	assert_int_equal(summary_new(&summary, NULL), 0);
	assert_int_equal(summary->command_status, -1);
	assert_int_equal(summary->release_count, 0);
	summary_finish(summary);
	summary_free(summary);
	summary_free(NULL);
}

static void test_releases_have_a_maximum(void **state)
{
	struct fixture *fixture = *state;
	struct release *release = NULL;
	int r = 0;

	for (unsigned int i = 1; i < SUMMARY_RELEASES_MAX; i++)
		assert_int_equal(summary_add_release(fixture->summary, NULL, &release), 0);
	assert_string_equal(release->version, "");
	r = summary_add_release(fixture->summary, "one more", &release);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(fixture->summary->release_count, SUMMARY_RELEASES_MAX);
	assert_string_equal(fixture->summary->releases[0].version, "v1");
}

static void test_notes(void **state)
{
	struct fixture *fixture = *state;
	struct quality *quality = &fixture->summary->quality;

	assert_int_equal(summary_add_note(fixture->summary, "seen %d", 1), 0);
	assert_int_equal(summary_add_note(fixture->summary, "seen %d", 1), 0);
	assert_int_equal(quality->note_count, 1);
	for (int i = 2; i <= SUMMARY_NOTES_MAX; i++)
		assert_int_equal(summary_add_note(fixture->summary, "seen %d", i), 0);
	assert_int_equal(summary_add_note(fixture->summary, "one more"), -ENOSPC);
	assert_int_equal(summary_add_note(fixture->summary, "seen 1"), 0);
	assert_int_equal(quality->note_count, SUMMARY_NOTES_MAX);
	assert_string_equal(quality->notes[SUMMARY_NOTES_MAX - 1], "seen 64");
}

static void test_processes_have_a_maximum(void **state)
{
	struct fixture *fixture = *state;
	struct process *process;

	for (int i = 0; i < RELEASE_PROCESSES_MAX; i++) {
		assert_int_equal(release_add_process(fixture->release, 5000 - i, &process), 0);
		process->started_ns = (uint64_t)(i % 7);
	}
	assert_int_equal(release_add_process(fixture->release, 1, &process), -ENOSPC);
	summary_finish(fixture->summary);
	for (size_t i = 1; i < fixture->release->process_count; i++) {
		const struct process *a = &fixture->release->processes[i - 1];
		const struct process *b = &fixture->release->processes[i];

		assert_true(a->started_ns < b->started_ns ||
			    (a->started_ns == b->started_ns && a->pid < b->pid));
	}
}

static struct wait_stack *add_stack(struct release *release, const char *reason,
				    const char *function, uint32_t line, uint64_t sum_ns)
{
	struct wait_stack *stack;

	assert_int_equal(release_add_stack(release, reason, &stack), 0);
	assert_int_equal(stack_add_frame(stack, "runtime.gopark", NULL, 0), 0);
	assert_int_equal(stack_add_frame(stack, function, "a.go", line), 0);
	stack->count = 1;
	stack->sum_ns = sum_ns;
	stack->max_ns = sum_ns;
	return stack;
}

static void test_equal_stacks_are_merged(void **state)
{
	struct fixture *fixture = *state;
	struct release *release = fixture->release;
	struct wait_stack *stack;

	add_stack(release, "select", "main.a", 1, 10);
	add_stack(release, "chan receive", "main.a", 1, 100);
	add_stack(release, "select", "main.a", 1, 30);
	add_stack(release, "select", "main.a", 2, 5);
	add_stack(release, "select", "main.b", 1, 7);
	stack = add_stack(release, "select", "main.b", 1, 8);
	stack->still_waiting = 3;
	stack->still_waiting_ns = 1000;
	stack = add_stack(release, "select", "main.b", 1, 1);
	stack->system = true;
	summary_finish(fixture->summary);

	assert_int_equal(release->stack_count, 5);
	/* 15 that ended and 1000 that last: largest total first */
	assert_string_equal(release->stacks[0].frames[1].function, "main.b");
	assert_int_equal(release->stacks[0].sum_ns, 15);
	assert_int_equal(release->stacks[0].max_ns, 8);
	assert_int_equal(release->stacks[0].count, 2);
	assert_int_equal(release->stacks[0].still_waiting, 3);
	assert_string_equal(release->stacks[1].reason, "chan receive");
	assert_int_equal(release->stacks[2].sum_ns, 40);
	assert_int_equal(release->stacks[2].max_ns, 30);
	assert_int_equal(release->stacks[3].frames[1].line, 2);
	assert_true(release->stacks[4].system);
	summary_finish(fixture->summary);
	assert_int_equal(release->stack_count, 5);
	assert_int_equal(release->stacks[0].count, 2);
}

static void test_totals_saturate(void **state)
{
	struct fixture *fixture = *state;

	add_stack(fixture->release, "select", "main.a", 1, UINT64_MAX)->still_waiting_ns = 5;
	add_stack(fixture->release, "select", "main.a", 1, 17)->count = UINT64_MAX;
	summary_finish(fixture->summary);
	assert_int_equal(fixture->release->stack_count, 1);
	assert_true(fixture->release->stacks[0].sum_ns == UINT64_MAX);
	assert_true(fixture->release->stacks[0].count == UINT64_MAX);
}

/* As a capture does it: one stack for each goroutine that still waits. */
static void test_many_equal_stacks_take_little_room(void **state)
{
	struct fixture *fixture = *state;
	uint64_t total = 0;

	for (uint32_t i = 0; i < 60000; i++)
		add_stack(fixture->release, "select", "main.a", i % 500, 2)->still_waiting = 1;
	assert_true(fixture->release->stack_capacity <= 2048);
	summary_finish(fixture->summary);
	assert_int_equal(fixture->release->stack_count, 500);
	for (size_t i = 0; i < 500; i++)
		total += fixture->release->stacks[i].still_waiting;
	assert_int_equal(total, 60000);
	assert_int_equal(fixture->release->dropped.stacks, 0);
}

static void test_different_stacks_have_a_maximum(void **state)
{
	struct fixture *fixture = *state;
	struct release *release = fixture->release;

	for (uint32_t i = 0; i < 3 * RELEASE_STACKS_MAX; i++)
		add_stack(release, "select", "main.a", i, 1);
	assert_true(release->stack_count >= RELEASE_STACKS_MAX);
	assert_true(release->stack_count <= 2 * RELEASE_STACKS_MAX);
	assert_int_equal(release->dropped.stacks + release->stack_count, 3 * RELEASE_STACKS_MAX);
	summary_finish(fixture->summary);
}

static void test_frames_have_a_maximum(void **state)
{
	struct fixture *fixture = *state;
	struct wait_stack *stack;

	assert_int_equal(release_add_stack(fixture->release, NULL, &stack), 0);
	assert_string_equal(stack->reason, "");
	for (uint32_t i = 0; i < STACK_DEPTH_MAX; i++)
		assert_int_equal(stack_add_frame(stack, NULL, NULL, i), 0);
	assert_int_equal(stack_add_frame(stack, "f", "g", 1), -ENOSPC);
	assert_int_equal(stack->frame_count, STACK_DEPTH_MAX);
	assert_null(stack->frames[7].file);
}

static void test_creators(void **state)
{
	struct fixture *fixture = *state;
	struct release *release = fixture->release;

	assert_int_equal(release_add_creator(release, "a", "f", 5), 0);
	assert_int_equal(release_add_creator(release, "b", "f", 9), 0);
	assert_int_equal(release_add_creator(release, "a", "f", 6), 0);
	assert_int_equal(release_add_creator(release, NULL, NULL, 1), 0);
	assert_int_equal(release->created, 0);
	summary_finish(fixture->summary);
	assert_int_equal(release->creator_count, 3);
	assert_string_equal(release->creators[0].creator, "a");
	assert_int_equal(release->creators[0].count, 11);
	assert_int_equal(release->created, 21);
	/* What was counted elsewhere and is more stays. */
	release->created = 40;
	summary_finish(fixture->summary);
	assert_int_equal(release->created, 40);
}

static void test_creators_have_a_maximum(void **state)
{
	struct fixture *fixture = *state;
	char name[32];

	for (unsigned int i = 0; i < RELEASE_CREATORS_MAX + 3; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(release_add_creator(fixture->release, name, "g", 1), 0);
	}
	assert_int_equal(fixture->release->creator_count, RELEASE_CREATORS_MAX);
	assert_int_equal(fixture->release->dropped.creators, 3);
}

static void test_syscall_users(void **state)
{
	struct fixture *fixture = *state;
	struct release *release = fixture->release;
	struct syscall_user *user;

	for (unsigned int i = 0; i < RELEASE_SYSCALLS_MAX + 2; i++) {
		assert_int_equal(release_add_syscall_user(release, i % 2 ? "read" : "write",
							  "main.f", &user),
				 0);
		user->count++;
		user->sum_ns += i % 2 ? 10 : 1;
		user->max_ns = i;
	}
	assert_int_equal(release->dropped.syscall_users, 2);
	summary_finish(fixture->summary);
	assert_int_equal(release->syscall_user_count, 2);
	assert_string_equal(release->syscall_users[0].syscall, "read");
	assert_int_equal(release->syscall_users[0].count, RELEASE_SYSCALLS_MAX / 2);
	assert_int_equal(release->syscall_users[0].max_ns, RELEASE_SYSCALLS_MAX - 1);
}

static void test_stalls(void **state)
{
	struct fixture *fixture = *state;
	struct release *release = fixture->release;
	struct stall *stall;

	for (unsigned int i = 0; i < RELEASE_STALLS_MAX + 2; i++) {
		struct total total = { .count = 1, .sum_ns = i, .max_ns = i };

		assert_int_equal(release_add_stall(release, i % 4 ? "main.f" : "main.g", &stall),
				 0);
		if (i % 2)
			stall->runqueue = total;
		else
			stall->offcpu = total;
	}
	assert_int_equal(release->dropped.stalls, 2);
	summary_finish(fixture->summary);
	summary_finish(fixture->summary);
	assert_int_equal(release->stall_count, 2);
	assert_string_equal(release->stalls[0].start, "main.f");
	assert_int_equal(release->stalls[0].runqueue.count, RELEASE_STALLS_MAX / 2);
	assert_int_equal(release->stalls[0].runqueue.max_ns, RELEASE_STALLS_MAX - 1);
	assert_int_equal(release->stalls[0].offcpu.count, RELEASE_STALLS_MAX / 4);
	assert_int_equal(release->stalls[1].runqueue.count, 0);
	assert_int_equal(release->stalls[1].offcpu.count, RELEASE_STALLS_MAX / 4);
}

static void test_blocks(void **state)
{
	struct fixture *fixture = *state;
	struct block *block, *again;

	assert_int_equal(release_block(fixture->release, 3, 7, &block), 0);
	assert_int_equal(release_block(fixture->release, 2, 8, &again), 0);
	assert_int_equal(release_block(fixture->release, 2, 7, &again), 0);
	again->dispatches = 5;
	assert_int_equal(release_block(fixture->release, 2, 7, &again), 0);
	assert_int_equal(again->dispatches, 5);
	assert_int_equal(fixture->release->block_count, 3);
	summary_finish(fixture->summary);
	assert_int_equal(fixture->release->blocks[0].pid, 7);
	assert_int_equal(fixture->release->blocks[0].index, 2);
	assert_int_equal(fixture->release->blocks[1].pid, 8);
	assert_int_equal(fixture->release->blocks[2].index, 3);
}

static void test_blocks_have_a_maximum(void **state)
{
	struct fixture *fixture = *state;
	struct block *block;

	for (uint32_t i = 0; i < RELEASE_BLOCKS_MAX + 2; i++) {
		/* Twice: as for two metrics of one block. */
		assert_int_equal(release_block(fixture->release, i, 1, &block), 0);
		hist_record(&block->runnable, 5);
		assert_int_equal(release_block(fixture->release, i, 1, &block), 0);
	}
	assert_int_equal(fixture->release->block_count, RELEASE_BLOCKS_MAX);
	assert_int_equal(fixture->release->dropped.blocks, 2);
	assert_int_equal(fixture->release->blocks[RELEASE_BLOCKS_MAX - 1].runnable.count, 1);
}

static void test_named_hists(void **state)
{
	struct fixture *fixture = *state;
	struct named_hists *hists = &fixture->release->waiting;
	struct named_hist *hist, *other;
	char name[32];

	assert_int_equal(named_hists_get(hists, "select", &hist), 0);
	hist_record(&hist->hist, 1000);
	assert_int_equal(named_hists_get(hists, "select", &hist), 0);
	assert_int_equal(hist->hist.count, 1);
	assert_int_equal(named_hists_get(hists, NULL, &hist), 0);
	assert_string_equal(hist->name, "");
	for (unsigned int i = 0; i < NAMED_HISTS_MAX + 50; i++) {
		snprintf(name, sizeof(name), "reason %u", i);
		assert_int_equal(named_hists_get(hists, name, &hist), 0);
	}
	assert_string_equal(hist->name, NAMED_HIST_OTHER);
	assert_int_equal(named_hists_get(hists, "yet another", &other), 0);
	assert_ptr_equal(hist, other);
	assert_int_equal(hists->count, NAMED_HISTS_MAX + 1);
	summary_finish(fixture->summary);
	assert_string_equal(hists->items[0].name, "select");
}

static void test_set_string(void **state)
{
	char *field = NULL;

	(void)state;
	assert_int_equal(summary_set_string(&field, "a"), 0);
	assert_int_equal(summary_set_string(&field, field), 0);
	assert_string_equal(field, "a");
	assert_int_equal(summary_set_string(&field, NULL), 0);
	assert_null(field);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_is_empty),
		cmocka_unit_test_setup_teardown(test_releases_have_a_maximum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_processes_have_a_maximum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_equal_stacks_are_merged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_totals_saturate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_equal_stacks_take_little_room, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_different_stacks_have_a_maximum, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_frames_have_a_maximum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_creators, setup, teardown),
		cmocka_unit_test_setup_teardown(test_creators_have_a_maximum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_syscall_users, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stalls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocks_have_a_maximum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_named_hists, setup, teardown),
		cmocka_unit_test(test_set_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
