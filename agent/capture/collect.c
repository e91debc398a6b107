/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what the probes counted to the summary. The kernel side knows processes by pid, functions by
 * address and reasons by number; here they get their release, their name and their words.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture_private.h"
#include "capture/syscall_names.h"

static const char *const cause_names[WAKE_COUNT] = {
	[WAKE_READY] = "ready",   [WAKE_NETPOLL] = "netpoll", [WAKE_NEW] = "new",
	[WAKE_YIELD] = "yield",   [WAKE_PREEMPT] = "preempt", [WAKE_SYSCALL_EXIT] = "syscall exit",
	[WAKE_DIRECT] = "direct",
};

/* What a visitor function shares with the call that started the drain. */
struct collector {
	struct capture *capture;
	int failed; /* -errno of the first addition that failed, else 0 */
};

static void collect_result(struct collector *collector, int r)
{
	if (r < 0 && !collector->failed)
		collector->failed = r;
}

static struct release *release_of(struct capture *capture, const struct member *member)
{
	return &capture->summary->releases[member->release];
}

static const char *numbered(char *text, size_t size, const char *what, unsigned int number)
{
	snprintf(text, size, "%s %u", what, number);
	return text;
}

static const char *reason_name(const struct member *member, unsigned int reason, char *text,
			       size_t size)
{
	const char *name = member->binary && member->binary->bin
				   ? gobin_wait_reason(member->binary->bin, reason)
				   : NULL;

	return name && *name ? name : numbered(text, size, "reason", reason);
}

static const char *syscall_name(unsigned int number, char *text, size_t size)
{
	const char *name = number < SYSCALL_NAME_COUNT ? syscall_names[number] : NULL;

	return name ? name : numbered(text, size, "syscall", number);
}

static int merge_named(struct named_hists *hists, const char *name, const struct hist_value *value)
{
	struct named_hist *named;
	int r = named_hists_get(hists, name, &named);

	if (r < 0)
		return r;
	hist_merge_counts(&named->hist, value->counts, value->sum_ns, value->max_ns);
	named->blocks++;
	return 0;
}

/* The progress line speaks of the block that ended last. */
static void follow_block(struct capture *capture, unsigned int block,
			 const struct hist_value *value)
{
	if (block > capture->last_block || !capture->last_hist.count) {
		hist_clear(&capture->last_hist);
		capture->last_block = block;
	}
	if (block == capture->last_block)
		hist_merge_counts(&capture->last_hist, value->counts, value->sum_ns, value->max_ns);
}

static int take_runnable(struct capture *capture, struct member *member, unsigned int block,
			 unsigned int cause, const struct hist_value *value)
{
	struct release *release = release_of(capture, member);
	struct block *into;
	uint64_t before = release->runnable.count;
	uint64_t dispatches;
	char text[32];
	int r;

	hist_merge_counts(&release->runnable, value->counts, value->sum_ns, value->max_ns);
	dispatches = release->runnable.count - before;
	capture->dispatches += dispatches;
	follow_block(capture, block, value);
	r = merge_named(&release->runnable_by_cause,
			cause < WAKE_COUNT ? cause_names[cause]
					   : numbered(text, sizeof(text), "cause", cause),
			value);
	if (r == 0)
		r = release_block(release, block, member->pid, &into);
	if (r < 0)
		return r;
	hist_merge_counts(&into->runnable, value->counts, value->sum_ns, value->max_ns);
	into->dispatches += dispatches;
	return 0;
}

static int take_waiting(struct capture *capture, struct member *member, unsigned int block,
			unsigned int reason, const struct hist_value *value)
{
	struct release *release = release_of(capture, member);
	struct block *into;
	char text[32];
	int r;

	r = merge_named(&release->waiting, reason_name(member, reason, text, sizeof(text)), value);
	if (r == 0)
		r = release_block(release, block, member->pid, &into);
	if (r == 0)
		into->waiting_ns += value->sum_ns;
	return r;
}

static int take_runqueue(struct capture *capture, struct member *member, unsigned int block,
			 const struct hist_value *value)
{
	struct release *release = release_of(capture, member);
	struct block *into;
	int r;

	hist_merge_counts(&release->runqueue, value->counts, value->sum_ns, value->max_ns);
	r = release_block(release, block, member->pid, &into);
	if (r == 0)
		hist_merge_counts(&into->runqueue, value->counts, value->sum_ns, value->max_ns);
	return r;
}

static void on_hist(void *user, const struct hist_key *key, enum metric metric, unsigned int sub,
		    const struct hist_value *value)
{
	struct collector *collector = user;
	struct capture *capture = collector->capture;
	struct member *member = roster_find_program(capture, key->tgid, key->program);
	unsigned int block = key->block;
	char text[32];
	int r = 0;

	if (!member)
		return;
	if (block + 1 > capture->summary->block_count)
		capture->summary->block_count = block + 1;
	switch (metric) {
	case METRIC_RUNNABLE:
		r = take_runnable(capture, member, block, sub, value);
		break;
	case METRIC_WAITING:
		r = take_waiting(capture, member, block, sub, value);
		break;
	case METRIC_RUNQUEUE:
		r = take_runqueue(capture, member, block, value);
		break;
	case METRIC_OFFCPU:
		hist_merge_counts(&release_of(capture, member)->offcpu, value->counts,
				  value->sum_ns, value->max_ns);
		break;
	case METRIC_SYSCALL:
		r = merge_named(&release_of(capture, member)->syscalls,
				syscall_name(sub, text, sizeof(text)), value);
		break;
	default:
		break;
	}
	collect_result(collector, r);
}

/* The names of a stack's frames onto `into`; the last one tells whose goroutine it is. */
static int add_frames(struct capture *capture, const struct member *member,
		      const struct stack_value *stack, struct wait_stack *into)
{
	const char *start = "";
	int r = 0;

	for (size_t i = 0; r == 0 && i < STACK_FRAMES_MAX && stack->pcs[i]; i++) {
		struct symbol symbol = symbol_of_return(capture->symbols, member, stack->pcs[i]);

		if (strcmp(symbol.function, "runtime.goexit") == 0)
			break;
		r = stack_add_frame(into, symbol.function, symbol.file, symbol.line);
		start = symbol.function;
	}
	into->system = symbol_is_system(start);
	return r;
}

static struct wait_stack *new_stack(struct collector *collector, const struct member *member,
				    unsigned int reason, const struct stack_value *stack)
{
	struct capture *capture = collector->capture;
	struct wait_stack *into;
	char text[32];
	int r;

	r = release_add_stack(release_of(capture, member),
			      reason_name(member, reason, text, sizeof(text)), &into);
	if (r == 0 && stack)
		r = add_frames(capture, member, stack, into);
	collect_result(collector, r);
	return r < 0 ? NULL : into;
}

static void on_wait(void *user, const struct wait_key *key, const struct wait_value *value,
		    const struct stack_value *stack)
{
	struct collector *collector = user;
	struct member *member = roster_find_program(collector->capture, key->tgid, key->program);
	struct wait_stack *into;

	if (!member)
		return;
	into = new_stack(collector, member, key->reason, stack);
	if (!into)
		return;
	into->count = value->count;
	into->sum_ns = value->sum_ns;
	into->max_ns = value->max_ns;
}

static void on_still_waiting(void *user, const struct goroutine_key *key,
			     const struct goroutine_value *value, const struct stack_value *stack)
{
	struct collector *collector = user;
	struct capture *capture = collector->capture;
	struct member *member = roster_find_program(capture, key->tgid, key->program);
	struct wait_stack *into;

	if (!member || !member->alive || value->since_ns < member->enrolled_ns)
		return;
	into = new_stack(collector, member, value->reason, stack);
	if (!into)
		return;
	into->still_waiting = 1;
	if (value->since_ns < capture->summary->closed_ns) /* else: while the window closed */
		into->still_waiting_ns = capture->summary->closed_ns - value->since_ns;
}

static void on_still_runnable(void *user, const struct goroutine_key *key,
			      const struct goroutine_value *value)
{
	struct collector *collector = user;
	struct capture *capture = collector->capture;
	struct member *member = roster_find_program(capture, key->tgid, key->program);
	uint64_t ns = capture->summary->closed_ns - value->since_ns;
	struct total *total;

	if (!member || !member->alive)
		return;
	/* Made runnable while the window closed. */
	if (value->since_ns > capture->summary->closed_ns)
		ns = 0;
	total = &release_of(capture, member)->still_runnable;
	total->count++;
	total->sum_ns += ns;
	if (ns > total->max_ns)
		total->max_ns = ns;
}

static void on_created(void *user, const struct created_key *key, uint64_t count)
{
	struct collector *collector = user;
	struct capture *capture = collector->capture;
	struct member *member = roster_find_program(capture, key->tgid, key->program);
	struct release *release;
	struct symbol creator, start;

	if (!member)
		return;
	release = release_of(capture, member);
	creator = symbol_of_return(capture->symbols, member, key->creator_pc);
	start = symbol_of_entry(capture->symbols, member, key->start_pc);
	release->created += count;
	collect_result(collector,
		       release_add_creator(release, creator.function, start.function, count));
}

static void on_syscall(void *user, const struct syscall_key *key, const struct wait_value *value)
{
	struct collector *collector = user;
	struct capture *capture = collector->capture;
	struct member *member = roster_find_program(capture, key->tgid, key->program);
	struct syscall_user *into;
	const char *start = "";
	char text[32];
	int r;

	if (!member)
		return;
	if (key->start_pc)
		start = symbol_of_entry(capture->symbols, member, key->start_pc).function;
	r = release_add_syscall_user(release_of(capture, member),
				     syscall_name(key->number, text, sizeof(text)), start, &into);
	collect_result(collector, r);
	if (r < 0)
		return;
	into->count += value->count;
	into->sum_ns += value->sum_ns;
	if (value->max_ns > into->max_ns)
		into->max_ns = value->max_ns;
}

static void on_stall(void *user, const struct stall_key *key, const struct wait_value *value)
{
	struct collector *collector = user;
	struct capture *capture = collector->capture;
	struct member *member = roster_find_program(capture, key->tgid, key->program);
	struct stall *stall;
	struct total *into;
	int r;

	if (!member)
		return;
	r = release_add_stall(release_of(capture, member),
			      symbol_of_entry(capture->symbols, member, key->start_pc).function,
			      &stall);
	collect_result(collector, r);
	if (r < 0)
		return;
	into = key->metric == METRIC_RUNQUEUE ? &stall->runqueue : &stall->offcpu;
	*into = (struct total){ value->count, value->sum_ns, value->max_ns };
}

static int finish(const struct collector *collector, int r, struct err *err)
{
	if (r == 0 && collector->failed)
		return err_set_errno(err, collector->failed, "cannot keep the measurement");
	return r;
}

int collect_blocks(struct capture *capture, struct err *err)
{
	struct collector collector = { .capture = capture };
	const struct probe_visitor visitor = { .user = &collector, .hist = on_hist };
	int r = probe_drain_blocks(capture->session, &visitor, err);

	return finish(&collector, r, err);
}

int collect_totals(struct capture *capture, struct err *err)
{
	struct collector collector = { .capture = capture };
	const struct probe_visitor visitor = {
		.user = &collector,
		.wait = on_wait,
		.still_waiting = on_still_waiting,
		.still_runnable = on_still_runnable,
		.created = on_created,
		.syscall = on_syscall,
		.stall = on_stall,
	};
	int r = probe_drain_totals(capture->session, &visitor, err);

	return finish(&collector, r, err);
}

/* ---- names, while the file can still tell them ---- */

struct naming {
	struct capture *capture;
	const struct binary *binary;
};

/* The member, when it ran the executable that is about to change. */
static const struct member *named_member(const struct naming *naming, uint32_t tgid,
					 uint32_t program)
{
	const struct member *member = roster_find_program(naming->capture, tgid, program);

	return member && member->binary == naming->binary ? member : NULL;
}

static void name_wait(void *user, const struct wait_key *key, const struct wait_value *value,
		      const struct stack_value *stack)
{
	const struct naming *naming = user;
	const struct member *member = named_member(naming, key->tgid, key->program);

	(void)value;
	for (size_t i = 0; member && stack && i < STACK_FRAMES_MAX && stack->pcs[i]; i++)
		symbol_of_return(naming->capture->symbols, member, stack->pcs[i]);
}

static void name_created(void *user, const struct created_key *key, uint64_t count)
{
	const struct naming *naming = user;
	const struct member *member = named_member(naming, key->tgid, key->program);

	(void)count;
	if (!member)
		return;
	symbol_of_return(naming->capture->symbols, member, key->creator_pc);
	symbol_of_entry(naming->capture->symbols, member, key->start_pc);
}

static void name_syscall(void *user, const struct syscall_key *key, const struct wait_value *value)
{
	const struct naming *naming = user;
	const struct member *member = named_member(naming, key->tgid, key->program);

	(void)value;
	if (member && key->start_pc)
		symbol_of_entry(naming->capture->symbols, member, key->start_pc);
}

static void name_stall(void *user, const struct stall_key *key, const struct wait_value *value)
{
	const struct naming *naming = user;
	const struct member *member = named_member(naming, key->tgid, key->program);

	(void)value;
	if (member)
		symbol_of_entry(naming->capture->symbols, member, key->start_pc);
}

void collect_names(struct capture *capture, const struct binary *binary)
{
	struct naming naming = { .capture = capture, .binary = binary };
	const struct probe_visitor visitor = {
		.user = &naming,
		.wait = name_wait,
		.created = name_created,
		.syscall = name_syscall,
		.stall = name_stall,
	};

	/* What cannot be named stays an address; the capture goes on. */
	(void)probe_drain_totals(capture->session, &visitor, NULL);
}

/*
 * Why the world was stopped. Go >= 1.21 says it; before, the function that called for it tells the
 * two stops of a GC cycle (Go 1.19, runtime/mgc.go: gcStart and gcMarkDone) from the others.
 */
static const char *stw_name(struct capture *capture, const struct member *member,
			    const struct event_stw *event)
{
	const char *name = NULL;

	if (event->reason && member->binary && member->binary->bin)
		name = gobin_stw_reason(member->binary->bin, event->reason);
	if (name)
		return name;
	if (event->caller_pc)
		name = symbol_of_return(capture->symbols, member, event->caller_pc).function;
	if (name && strncmp(name, "runtime.gcStart", 15) == 0)
		return "GC sweep termination";
	if (name && strncmp(name, "runtime.gcMarkDone", 18) == 0)
		return "GC mark termination";
	return "other";
}

void collect_stw(struct capture *capture, const struct event_stw *event)
{
	struct member *member = roster_find(capture, (pid_t)event->header.tgid);
	struct release *release;
	struct named_hist *named;
	const char *name;

	if (!member)
		return;
	release = release_of(capture, member);
	name = stw_name(capture, member, event);
	if (named_hists_get(&release->stw, name, &named) < 0)
		return;
	hist_record(&named->hist, event->duration_ns);
	/* A cycle runs from the start of sweep termination to the end of mark termination. */
	if (strcmp(name, "GC sweep termination") == 0)
		member->gc_began_ns = event->header.time_ns;
	if (strcmp(name, "GC mark termination") != 0)
		return;
	release->gc_cycles++;
	if (member->gc_began_ns)
		hist_record(&release->gc,
			    event->header.time_ns + event->duration_ns - member->gc_began_ns);
	member->gc_began_ns = 0;
}

/* The targets' CPU time inside the window, ended ones as far as it was read. */
static uint64_t target_cpu_ns(const struct capture *capture)
{
	uint64_t total_ns = 0;

	for (size_t i = 0; i < capture->member_count; i++)
		total_ns += capture->members[i].cpu_last_ns - capture->members[i].cpu_opened_ns;
	return total_ns;
}

static void set_losses(struct quality *quality, const uint64_t counters[COUNTER_COUNT])
{
	quality->foreign_hits = counters[COUNTER_FOREIGN];
	quality->unmatched_execute = counters[COUNTER_UNMATCHED_EXECUTE];
	quality->unmatched_wake = counters[COUNTER_UNMATCHED_WAKE];
	quality->direct = counters[COUNTER_DIRECT];
	quality->hist_full = counters[COUNTER_HIST_FULL];
	quality->goroutines_full = counters[COUNTER_GOROUTINES_FULL];
	quality->stacks_full = counters[COUNTER_STACKS_FULL];
	quality->waits_full = counters[COUNTER_WAITS_FULL];
	quality->threads_full = counters[COUNTER_THREADS_FULL];
	quality->created_full = counters[COUNTER_CREATED_FULL];
	quality->syscalls_full = counters[COUNTER_SYSCALLS_FULL];
	quality->stalls_full = counters[COUNTER_STALLS_FULL];
	quality->events_dropped = counters[COUNTER_EVENT_DROPPED];
	quality->busy = counters[COUNTER_BUSY];
	quality->stack_unreadable = counters[COUNTER_STACK_UNREADABLE];
	quality->stack_truncated = counters[COUNTER_STACK_TRUNCATED];
	quality->field_unreadable = counters[COUNTER_FIELD_UNREADABLE];
	quality->sched_switches = counters[COUNTER_SCHED_SWITCH];
	quality->sched_wakeups = counters[COUNTER_SCHED_WAKEUP];
	quality->syscalls = counters[COUNTER_SYSCALL];
}

/*
 * Processor time is known in steps of 10 ms, and of a process that ended as it was read last. Where
 * that is too little to be true, nothing is said.
 */
static void set_overhead(struct quality *quality, uint64_t hits, uint64_t cpu_ns)
{
	double cost_ns = (double)hits * quality->hit_cost_ns;

	if (cpu_ns && cost_ns < (double)cpu_ns)
		quality->overhead_ratio = cost_ns / (double)cpu_ns;
}

int collect_quality(struct capture *capture, struct err *err)
{
	struct quality *quality = &capture->summary->quality;
	uint64_t counters[COUNTER_COUNT] = { 0 };
	uint64_t hits = 0;
	int r;

	r = probe_counters(capture->session, counters, &quality->missed, err);
	if (r < 0)
		return r;
	for (int i = 0; i < SITE_COUNT; i++) {
		quality->hits[i] = counters[COUNTER_HIT + i];
		hits += quality->hits[i];
	}
	set_losses(quality, counters);
	for (size_t i = 0; i < capture->summary->release_count; i++) {
		const struct release *release = &capture->summary->releases[i];

		for (size_t j = 0; j < release->process_count; j++) {
			if (release->processes[j].exec_to_attach_ns >
			    quality->exec_to_attach_max_ns)
				quality->exec_to_attach_max_ns =
					release->processes[j].exec_to_attach_ns;
		}
	}
	set_overhead(quality, hits + quality->foreign_hits, target_cpu_ns(capture));
	return 0;
}
