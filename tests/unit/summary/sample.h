/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture to look at: an order service while v2.3.0 replaces v2.2.0. The query behind Store.Order
 * lost its timeout and the idle pool shrank, so that 2,480 goroutines wait for a connection; CPU
 * and scheduler look normal.
 */
#ifndef TESTS_SUMMARY_SAMPLE_H
#define TESTS_SUMMARY_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "summary/summary.h"

#define SAMPLE_BLOCKS  30
#define SAMPLE_WAITING 2480

/* What tells the releases apart, in their parts that are otherwise alike. */
struct sample_release {
	const char *version, *revision;
	uint32_t first_block, block_count;
	pid_t first_pid;
	unsigned int process_count;
	uint64_t goroutines; /* of each process */
	uint64_t waiting_for_connection;
	uint64_t connection_wait_ns; /* of one that ended */
	uint64_t connection_waits;
	unsigned int slowness; /* of the scheduler, in percent */
};

static inline void sample_check(int r)
{
	if (r < 0)
		abort();
}

/* `count` durations around `typical_ns`: a body and a thin tail, the same in every run. */
static inline void sample_fill(struct hist *hist, uint64_t typical_ns, unsigned int count)
{
	uint64_t state = typical_ns | 1;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t spread;

		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		spread = typical_ns / 2 + (state >> 33) % typical_ns;
		if (i % 20 == 0)
			spread *= 4;
		if (i % 300 == 0)
			spread *= 30;
		if (i % 4000 == 0)
			spread *= 12;
		hist_record(hist, spread);
	}
}

static inline void sample_named(struct named_hists *hists, const char *name, uint64_t typical_ns,
				unsigned int count, uint32_t blocks)
{
	struct named_hist *named;

	sample_check(named_hists_get(hists, name, &named));
	sample_fill(&named->hist, typical_ns, count);
	named->blocks = blocks;
}

static inline struct wait_stack *sample_stack(struct release *release, const char *reason,
					      uint64_t count, uint64_t each_ns)
{
	struct wait_stack *stack;

	sample_check(release_add_stack(release, reason, &stack));
	stack->count = count;
	stack->sum_ns = count * each_ns;
	stack->max_ns = each_ns * 6;
	return stack;
}

static inline void sample_stacks(struct release *release, const struct sample_release *how)
{
	struct wait_stack *stack = sample_stack(release, "chan receive", how->connection_waits,
						how->connection_wait_ns);

	sample_check(stack_add_frame(stack, "runtime.gopark", "runtime/proc.go", 435));
	sample_check(stack_add_frame(stack, "runtime.chanrecv", "runtime/chan.go", 664));
	sample_check(stack_add_frame(stack, "runtime.chanrecv1", "runtime/chan.go", 506));
	sample_check(
		stack_add_frame(stack, "database/sql.(*DB).conn", "database/sql/sql.go", 1369));
	sample_check(
		stack_add_frame(stack, "database/sql.(*DB).query", "database/sql/sql.go", 1751));
	sample_check(stack_add_frame(stack, "database/sql.(*DB).QueryContext.func1",
				     "database/sql/sql.go", 1734));
	sample_check(
		stack_add_frame(stack, "database/sql.(*DB).retry", "database/sql/sql.go", 1568));
	sample_check(stack_add_frame(stack, "database/sql.(*DB).QueryContext",
				     "database/sql/sql.go", 1733));
	sample_check(stack_add_frame(stack, "example.com/orders/store.(*Store).Order",
				     "/build/orders/store/store.go", 87));
	sample_check(stack_add_frame(stack, "example.com/orders/api.(*Server).getOrder",
				     "/build/orders/api/orders.go", 41));
	sample_check(stack_add_frame(stack, "net/http.HandlerFunc.ServeHTTP", "net/http/server.go",
				     2294));
	sample_check(stack_add_frame(stack, "net/http.(*conn).serve", "net/http/server.go", 2102));
	stack->still_waiting = how->waiting_for_connection;
	stack->still_waiting_ns = how->waiting_for_connection * 14200000000ULL;

	stack = sample_stack(release, "IO wait", 88000, 31000000);
	sample_check(stack_add_frame(stack, "internal/poll.(*FD).Read", "internal/poll/fd_unix.go",
				     165));
	sample_check(stack_add_frame(stack, "net.(*netFD).Read", "net/fd_posix.go", 68));
	sample_check(
		stack_add_frame(stack, "net/http.(*connReader).Read", "net/http/server.go", 798));
	sample_check(stack_add_frame(stack, "bufio.(*Reader).fill", "bufio/bufio.go", 113));
	sample_check(stack_add_frame(stack, "net/http.(*conn).serve", "net/http/server.go", 2102));
	stack->still_waiting = 118;
	stack->still_waiting_ns = 118 * 900000000ULL;

	stack = sample_stack(release, "sync.Mutex.Lock", 1204, 210000);
	sample_check(stack_add_frame(stack, "sync.(*Mutex).Lock", "sync/mutex.go", 46));
	sample_check(stack_add_frame(stack, "example.com/orders/cache.(*LRU).Get",
				     "/build/orders/cache/lru.go", 52));
	sample_check(stack_add_frame(stack, "example.com/orders/api.(*Server).getOrder",
				     "/build/orders/api/orders.go", 33));

	stack = sample_stack(release, "GC worker (idle)", 96, 180000000);
	sample_check(stack_add_frame(stack, "runtime.gcBgMarkWorker", "runtime/mgc.go", 1423));
	stack->system = true;
}

static inline void sample_blocks(struct release *release, const struct sample_release *how)
{
	struct block *block;

	for (uint32_t i = 0; i < how->block_count; i++) {
		for (unsigned int p = 0; p < how->process_count; p++) {
			sample_check(release_block(release, how->first_block + i,
						   how->first_pid + (pid_t)p, &block));
			sample_fill(&block->runnable,
				    (3000 + (i * 7919) % 1900) * how->slowness / 100, 400);
			sample_fill(&block->runqueue, 9000, 200);
			block->dispatches = 400;
			block->waiting_ns = 7000000000;
		}
	}
}

static inline void sample_processes(struct summary *summary, struct release *release,
				    const struct sample_release *how)
{
	struct process *process;

	for (unsigned int i = 0; i < how->process_count; i++) {
		sample_check(release_add_process(release, how->first_pid + (pid_t)i, &process));
		process->started_ns =
			summary->opened_ns + how->first_block * 2000000000ULL + i * 1000000;
		if (how->first_block == 0) {
			process->started_ns -= 3600000000000;
			if (how->block_count < SAMPLE_BLOCKS)
				process->exited_ns =
					summary->opened_ns + how->block_count * 2000000000ULL;
		}
		process->probed = true;
		process->kernel = true;
		process->goroutines = how->goroutines;
		sample_check(summary_set_string(&process->exe, "/srv/orders/bin/orders"));
	}
}

static inline void sample_release(struct summary *summary, const struct sample_release *how)
{
	struct release *release;
	unsigned int blocks = how->block_count * how->process_count;

	sample_check(summary_add_release(summary, how->version, &release));
	sample_check(summary_set_string(&release->revision, how->revision));
	sample_check(summary_set_string(&release->go_version, "go1.24.2"));
	sample_check(summary_set_string(&release->go_build_id, "c0ffee/5eed/b1d/g0"));
	sample_check(summary_set_string(&release->module, "example.com/orders"));
	sample_processes(summary, release, how);

	sample_named(&release->runnable_by_cause, "ready", 3100ULL * how->slowness / 100,
		     2400 * how->block_count, blocks);
	sample_named(&release->runnable_by_cause, "netpoll", 4200ULL * how->slowness / 100,
		     1100 * how->block_count, blocks);
	sample_named(&release->runnable_by_cause, "new", 2100ULL * how->slowness / 100,
		     300 * how->block_count, blocks);
	for (size_t i = 0; i < release->runnable_by_cause.count; i++)
		hist_merge(&release->runnable, &release->runnable_by_cause.items[i].hist);

	sample_named(&release->waiting, "chan receive", how->connection_wait_ns / 3,
		     90 * how->block_count, blocks);
	sample_named(&release->waiting, "IO wait", 31000000, 900 * how->block_count, blocks);
	sample_named(&release->waiting, "sync.Mutex.Lock", 210000, 40 * how->block_count,
		     blocks / 2);
	sample_named(&release->syscalls, "futex", 120000, 500 * how->block_count, blocks);
	sample_named(&release->syscalls, "epoll_pwait", 800000, 250 * how->block_count, blocks);
	sample_named(&release->syscalls, "write", 9000, 1000 * how->block_count, blocks);
	sample_named(&release->stw, "GC sweep termination", 21000, 2 * how->block_count, blocks);
	sample_named(&release->stw, "GC mark termination", 34000, 2 * how->block_count, blocks);
	release->gc_cycles = 2 * how->block_count;
	sample_fill(&release->gc, 4100000, 2 * how->block_count);
	sample_fill(&release->runqueue, 9000, 3000 * how->block_count);
	sample_fill(&release->offcpu, 700000, 2500 * how->block_count);
	sample_blocks(release, how);
	sample_stacks(release, how);

	sample_check(release_add_creator(release, "net/http.(*Server).Serve",
					 "net/http.(*conn).serve", 310 * how->block_count));
	sample_check(release_add_creator(release, "example.com/orders/api.(*Server).audit",
					 "example.com/orders/api.(*Server).audit.func1",
					 90 * how->block_count));
	for (unsigned int i = 0; i < 2; i++) {
		struct syscall_user *user;

		sample_check(release_add_syscall_user(release, i ? "write" : "futex",
						      i ? "net/http.(*conn).serve" : "", &user));
		user->count = 1000 * how->block_count;
		user->sum_ns = user->count * (i ? 9000 : 120000);
		user->max_ns = 8100000;
	}
	release->still_runnable = (struct total){ 3, 61000, 40000 };
	for (unsigned int i = 0; i < 2; i++) {
		struct stall *stall;

		sample_check(release_add_stall(
			release, i ? "net/http.(*conn).serve" : "main.refresh", &stall));
		stall->runqueue.count = 800 * how->block_count;
		stall->runqueue.sum_ns = stall->runqueue.count * (i ? 31000 : 2000);
		stall->runqueue.max_ns = 4200000;
		stall->offcpu.count = 90 * how->block_count;
		stall->offcpu.sum_ns = stall->offcpu.count * 410000;
		stall->offcpu.max_ns = 1900000;
	}
}

static inline struct summary *sample_empty(void)
{
	struct summary *summary;

	sample_check(summary_new(&summary, NULL));
	return summary;
}

static inline void sample_identity(struct summary *summary)
{
	struct context *context = &summary->context;

	sample_check(summary_set_string(&summary->id, "20260814T102231Z-8f3c"));
	sample_check(summary_set_string(&summary->agent_version, PARKMETER_VERSION));
	sample_check(summary_set_string(&summary->kernel, "6.12.41"));
	sample_check(summary_set_string(&summary->attach, "uprobe_multi"));
	summary->cpus = 8;
	summary->opened_wall_ns = 1786702951000000000ULL;
	summary->opened_ns = 7200000000000ULL;
	summary->closed_ns = summary->opened_ns + SAMPLE_BLOCKS * 2000000000ULL;
	summary->block_count = SAMPLE_BLOCKS;
	sample_check(summary_set_string(&context->service, "orders"));
	sample_check(summary_set_string(&context->env, "staging"));
	sample_check(summary_set_string(&context->version, "v2.3.0"));
	sample_check(
		summary_set_string(&context->commit, "8c1d0f2a91be37c5d2e4f60718293a4b5c6d7e8f"));
	sample_check(summary_set_string(&context->build_id, "jenkins-shop-orders-412"));
	sample_check(summary_set_string(&context->pipeline, "shop/orders"));
	sample_check(summary_set_string(&context->build_url, "https://ci.example/job/orders/412/"));
	sample_check(summary_set_string(&context->node, "built-in"));
	sample_check(summary_set_string(&context->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736"));
	sample_check(summary_set_string(&context->span_id, "00f067aa0ba902b7"));
}

static inline void sample_quality(struct summary *summary)
{
	struct quality *quality = &summary->quality;

	quality->hits[SITE_EXECUTE] = 231000;
	quality->hits[SITE_READY] = 150000;
	quality->hits[SITE_NETPOLL] = 66000;
	quality->hits[SITE_NEW] = 18000;
	quality->hits[SITE_PARK] = 205000;
	quality->hits[SITE_STW_BEGIN] = 240;
	quality->hits[SITE_STW_END] = 240;
	quality->sched_switches = 410000;
	quality->sched_wakeups = 198000;
	quality->syscalls = 105000;
	quality->hit_cost_ns = 852;
	quality->overhead_ratio = 0.0117;
	quality->seen_ratio = 1;
	quality->unmatched_execute = 412;
	sample_check(summary_add_note(summary, "%s is watched from its exec only: %s",
				      "/srv/orders/bin/migrate", "it left before it was attached"));
}

/* Both releases in one deployment; summary_finish() was called. */
static inline struct summary *sample_two_releases(void)
{
	static const struct sample_release old = {
		.version = "v2.2.0",
		.revision = "1f0a77c2d9",
		.first_block = 0,
		.block_count = 15,
		.first_pid = 4100,
		.process_count = 2,
		.goroutines = 71,
		.waiting_for_connection = 3,
		.connection_wait_ns = 1800000,
		.connection_waits = 5400,
		.slowness = 100,
	};
	static const struct sample_release new = {
		.version = "v2.3.0",
		.revision = "8c1d0f2a91",
		.first_block = 12,
		.block_count = 18,
		.first_pid = 4222,
		.process_count = 2,
		.goroutines = 1430,
		.waiting_for_connection = SAMPLE_WAITING,
		.connection_wait_ns = 610000000,
		.connection_waits = 2100,
		.slowness = 118,
	};
	struct summary *summary = sample_empty();

	sample_identity(summary);
	sample_release(summary, &old);
	sample_release(summary, &new);
	sample_quality(summary);
	summary_finish(summary);
	return summary;
}

/* One release during the whole window. */
static inline struct summary *sample_one_release(void)
{
	static const struct sample_release only = {
		.version = "v2.2.0",
		.revision = "1f0a77c2d9",
		.first_block = 0,
		.block_count = SAMPLE_BLOCKS,
		.first_pid = 4100,
		.process_count = 2,
		.goroutines = 71,
		.waiting_for_connection = 3,
		.connection_wait_ns = 1800000,
		.connection_waits = 5400,
		.slowness = 100,
	};
	struct summary *summary = sample_empty();

	sample_identity(summary);
	sample_release(summary, &only);
	sample_quality(summary);
	summary_finish(summary);
	return summary;
}

#endif
