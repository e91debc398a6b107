/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The life of a goroutine, from probes at chosen instructions of the Go runtime.
 *
 *            ready, netpoll          execute
 *   WAITING ----------------> RUNNABLE ----> RUNNING
 *      ^                          ^             |
 *      |         park             |  gosched, goyield, slow exit from a system call
 *      +--------------------------+-------------+
 *
 * Each site fires before the runtime makes the transition, and the runtime's own synchronisation
 * orders the transitions of one goroutine (a g is not readied before its park is committed). So two
 * handlers never work on the same entry at a time, and entries are written in place.
 *
 * What was stamped before the window opened, or before the process ran its present program, is
 * unknown: such a pair is counted as unmatched, never guessed.
 */
#include "core/emit.h"
#include "core/goabi.h"
#include "core/guard.h"
#include "core/sites.h"

/* runtime.pollDesc.rg and .wg: 0 nobody, 1 pdReady, 2 pdWait, else a g (netpoll.go, Go 1.17-1.27).
 */
#define POLL_LAST_STATE 2
#define POLL_READ       'r'
#define POLL_WRITE      'w'

static __always_inline __u64 read_field(__u64 base, __u32 offset)
{
	__u64 value = 0;

	if (bpf_probe_read_user(&value, sizeof(value), (void *)(base + offset)))
		count(COUNTER_FIELD_UNREADABLE);
	return value;
}

/* The entry of a goroutine that this session has never seen. */
static __always_inline void goroutine_add(const struct goroutine_key *key,
					  const struct goroutine_value *value)
{
	long error = bpf_map_update_elem(&goroutines, key, value, BPF_ANY);

	if (error)
		count(refusal(error, COUNTER_GOROUTINES_FULL));
}

/* A wait ends: its histogram, and its total by reason and stack. */
static __always_inline void wait_record(const struct hit *hit, const struct goroutine_value *value)
{
	struct wait_key key = {
		.tgid = hit->tgid,
		.program = hit->program,
		.reason = value->reason,
		.stack_id = value->stack_id,
	};
	__u64 ns = hit->now - value->since_ns;

	hist_record(hit->tgid, hit->program, METRIC_WAITING, value->reason, ns, hit->now);
	total_add(&waits, &key, ns, COUNTER_WAITS_FULL);
}

/*
 * `g` becomes runnable: from the handler's end on, because what the handler takes is nobody's wait.
 */
static __always_inline void make_runnable(const struct hit *hit, __u64 g, __u8 cause)
{
	struct goroutine_key key = { .g = g, .tgid = hit->tgid, .program = hit->program };
	bool ends_wait = cause == WAKE_READY || cause == WAKE_NETPOLL;
	struct goroutine_value *value;

	value = bpf_map_lookup_elem(&goroutines, &key);
	if (!value) {
		struct goroutine_value first = {
			.state = GOROUTINE_RUNNABLE,
			.cause = cause,
		};

		if (settings.reasons && ends_wait)
			count(COUNTER_UNMATCHED_WAKE);
		first.since_ns = bpf_ktime_get_ns();
		goroutine_add(&key, &first);
		return;
	}
	if (value->since_ns < hit->floor_ns) {
		if (settings.reasons && ends_wait)
			count(COUNTER_UNMATCHED_WAKE);
	} else if (value->state == GOROUTINE_RUNNABLE) {
		return; /* the same wake-up again: the function restarted after growing its stack */
	} else if (value->state == GOROUTINE_WAITING) {
		wait_record(hit, value);
	} else if (settings.reasons && ends_wait) {
		count(COUNTER_UNMATCHED_WAKE);
	}
	value->state = GOROUTINE_RUNNABLE;
	value->cause = cause;
	value->since_ns = bpf_ktime_get_ns();
}

/*
 * With the kernel lens: what this thread does is this goroutine's from now on. Its start function
 * is read each time: the g may have been taken for another goroutine at a place that is not probed
 * (newcoro() makes one without a run queue).
 */
static __always_inline void thread_runs(const struct hit *hit, __u64 g)
{
	__u64 start_pc = read_field(g, hit->config->layout.g_startpc);
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct thread_value *thread = bpf_map_lookup_elem(&threads, &tid);
	long error;

	if (thread) {
		thread->g = g;
		thread->start_pc = start_pc;
	} else {
		struct thread_value first = {
			.since_ns = hit->now,
			.g = g,
			.start_pc = start_pc,
			.state = THREAD_ON_CPU,
		};

		error = bpf_map_update_elem(&threads, &tid, &first, BPF_NOEXIST);
		if (error && error != -EEXIST)
			count(refusal(error, COUNTER_THREADS_FULL));
	}
}

static __always_inline void on_execute(struct pt_regs *regs)
{
	struct goroutine_key key = {};
	struct goroutine_value *value;
	struct hit hit;

	if (!hit_begin(&hit, SITE_EXECUTE))
		return;
	key.g = GO_ARG0(regs);
	key.tgid = hit.tgid;
	key.program = hit.program;
	value = bpf_map_lookup_elem(&goroutines, &key);
	if (!value) {
		/* No entry is made: nothing would be read from it before the next park. */
		count(COUNTER_UNMATCHED_EXECUTE);
		if (settings.threads)
			thread_runs(&hit, key.g);
		return;
	}
	if (value->since_ns < hit.floor_ns || value->state == GOROUTINE_RUNNING) {
		count(COUNTER_UNMATCHED_EXECUTE);
	} else if (value->state == GOROUTINE_RUNNABLE) {
		hist_record(hit.tgid, hit.program, METRIC_RUNNABLE, value->cause,
			    hit.now - value->since_ns, hit.now);
	} else {
		/* Picked while it waited: a GC worker, the trace reader, a park that was refused.
		 */
		wait_record(&hit, value);
		count(COUNTER_DIRECT);
	}
	value->since_ns = hit.now;
	value->state = GOROUTINE_RUNNING;
	if (settings.threads)
		thread_runs(&hit, key.g);
}

static __always_inline void on_wake(struct pt_regs *regs, __u32 site, __u8 cause)
{
	struct hit hit;

	if (hit_begin(&hit, site))
		make_runnable(&hit, GO_ARG0(regs), cause);
}

/*
 * netpollready(list, pd, mode) wakes whoever waits on the descriptor, which may be nobody. Both
 * directions go through one copy of make_runnable(), to keep the program small.
 */
static __always_inline void on_netpoll(struct pt_regs *regs)
{
	__u32 mode = (__u32)GO_ARG2(regs);
	__u64 pd = GO_ARG1(regs);
	struct hit hit;
	__u64 g;

	if (!hit_begin(&hit, SITE_NETPOLL))
		return;
	for (int direction = 0; direction < 2; direction++) {
		__u32 wanted = direction ? POLL_WRITE : POLL_READ;

		if (mode != wanted && mode != POLL_READ + POLL_WRITE)
			continue;
		g = read_field(pd, direction ? hit.config->layout.polldesc_wg
					     : hit.config->layout.polldesc_rg);
		if (g > POLL_LAST_STATE)
			make_runnable(&hit, g, WAKE_NETPOLL);
	}
}

static __always_inline void created_record(const struct hit *hit, __u64 g)
{
	struct created_key key = {
		.tgid = hit->tgid,
		.program = hit->program,
	};
	__u64 one = 1, *total;
	long error = 0;

	key.creator_pc = read_field(g, hit->config->layout.g_gopc);
	key.start_pc = read_field(g, hit->config->layout.g_startpc);
	total = bpf_map_lookup_elem(&created, &key);
	if (!total) {
		error = bpf_map_update_elem(&created, &key, &one, BPF_NOEXIST);
		if (!error)
			return;
		total = bpf_map_lookup_elem(&created, &key); /* another CPU was faster */
	}
	if (total)
		__sync_fetch_and_add(total, 1);
	else
		count(refusal(error, COUNTER_CREATED_FULL));
}

/* newproc.func1 calls runqput(pp, newg): the g may be a reused one, so everything is overwritten.
 */
static __always_inline void on_new(struct pt_regs *regs)
{
	struct goroutine_value value = { .state = GOROUTINE_RUNNABLE, .cause = WAKE_NEW };
	struct goroutine_key key = {};
	struct hit hit;

	if (!hit_begin(&hit, SITE_NEW))
		return;
	key.g = GO_ARG1(regs);
	key.tgid = hit.tgid;
	key.program = hit.program;
	created_record(&hit, key.g);
	value.since_ns = bpf_ktime_get_ns();
	goroutine_add(&key, &value);
}

static __always_inline void on_gosched(struct pt_regs *regs)
{
	struct hit hit;
	bool preempted;
	__u64 caller;

	if (!hit_begin(&hit, SITE_GOSCHED))
		return;
	if (hit.config->flags & TARGET_GOSCHED_HAS_PREEMPTED) {
		preempted = GO_ARG1(regs) & 0xff;
	} else {
		caller = go_return_address(regs) - hit.config->load_bias;
		preempted = caller >= hit.config->gopreempt_lo && caller < hit.config->gopreempt_hi;
	}
	make_runnable(&hit, GO_ARG0(regs), preempted ? WAKE_PREEMPT : WAKE_YIELD);
}

/* ---- parking: the reason and the stack ---- */

struct walk {
	__u64 base; /* address of the copied part of the stack */
	__u64 end;  /* behind what may be read: the copy, or the stack if that ends first */
	__u64 high; /* the stack's upper bound */
	__u64 bp;
	__u64 hash;
	__u32 depth;
	__u32 pad;
};

static __always_inline __u64 hash_pc(__u64 hash, __u64 pc)
{
	hash = (hash ^ pc) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 29);
}

/* Copies the stack from walk->bp on. */
static __always_inline bool walk_copy(struct scratch *scratch, struct walk *walk)
{
	__u64 size = walk->high - walk->bp;

	if (size > STACK_COPY_BYTES)
		size = STACK_COPY_BYTES;
	if (bpf_probe_read_user(scratch->copy, size, (void *)walk->bp))
		return false;
	walk->base = walk->bp;
	walk->end = walk->bp + size;
	return true;
}

/* One frame: its return address into the scratch stack. False at the end of the stack. */
static __always_inline bool walk_frame(struct scratch *scratch, struct walk *walk)
{
	__u64 offset, next, pc;

	if (walk->bp + 16 > walk->end && !walk_copy(scratch, walk)) {
		count(COUNTER_STACK_UNREADABLE);
		return false;
	}
	offset = walk->bp - walk->base;
	if (offset > STACK_COPY_BYTES - 16)
		return false;
	next = *(__u64 *)(scratch->copy + offset);
	pc = *(__u64 *)(scratch->copy + offset + 8);
	if (!pc || walk->depth >= STACK_FRAMES_MAX)
		return false;
	scratch->stack.pcs[walk->depth++] = pc;
	walk->hash = hash_pc(walk->hash, pc);
	if (next <= walk->bp || next > walk->high - 16)
		return false;
	walk->bp = next;
	return true;
}

/* A field of the copied g. The agent refuses layouts whose fields are not inside. */
static __always_inline __u64 g_field(const struct scratch *scratch, __u32 offset)
{
	return *(const __u64 *)(scratch->g + (offset & (G_COPY_BYTES - 8)));
}

/*
 * The stack of a goroutine that mcall() has just left: frame pointers from g.sched.bp, which is
 * gopark's, within g.stack. Returns its id, 0 when nothing could be read. `known` is the stack at
 * which this goroutine waited last: usually the same, and then it need not be looked up.
 */
static __always_inline __u64 stack_store(const struct hit *hit, struct scratch *scratch,
					 __u64 known)
{
	const struct go_layout *layout = &hit->config->layout;
	__u64 low = g_field(scratch, layout->g_stack_lo);
	struct walk walk = {};
	long error;

	walk.high = g_field(scratch, layout->g_stack_lo + 8);
	walk.bp = g_field(scratch, layout->g_sched_bp);
	scratch->stack.pcs[0] = g_field(scratch, layout->g_sched_pc);
	walk.hash = hash_pc(hit->config->binary_id, scratch->stack.pcs[0]);
	walk.depth = 1;
	if (walk.bp < low || walk.high < 16 || walk.bp > walk.high - 16) {
		count(COUNTER_STACK_UNREADABLE);
		return 0;
	}
	for (int i = 1; i < STACK_FRAMES_MAX; i++)
		if (!walk_frame(scratch, &walk))
			break;
	if (walk.depth < STACK_FRAMES_MAX)
		scratch->stack.pcs[walk.depth] = 0;
	else
		count(COUNTER_STACK_TRUNCATED);

	if (!walk.hash)
		walk.hash = 1;
	if (walk.hash == known || bpf_map_lookup_elem(&stacks, &walk.hash))
		return walk.hash;
	error = bpf_map_update_elem(&stacks, &walk.hash, &scratch->stack, BPF_NOEXIST);
	if (error && error != -EEXIST) {
		count(refusal(error, COUNTER_STACKS_FULL));
		return 0;
	}
	return walk.hash;
}

static __always_inline void park(const struct hit *hit, struct scratch *scratch, __u64 g,
				 bool preempted)
{
	const struct go_layout *layout = &hit->config->layout;
	struct goroutine_key key = { .g = g, .tgid = hit->tgid, .program = hit->program };
	struct goroutine_value first = { .state = GOROUTINE_WAITING };
	struct goroutine_value *value;
	__u32 at = layout->g_waitreason;
	__u8 reason;

	if (bpf_probe_read_user(scratch->g, G_COPY_BYTES, (void *)g)) {
		count(COUNTER_FIELD_UNREADABLE);
		return;
	}
	reason = preempted ? hit->config->preempt_reason : scratch->g[at & (G_COPY_BYTES - 1)];
	value = bpf_map_lookup_elem(&goroutines, &key);
	if (value) {
		value->stack_id = stack_store(hit, scratch, value->stack_id);
		value->reason = reason;
		value->state = GOROUTINE_WAITING;
		value->since_ns = hit->now;
		return;
	}
	first.since_ns = hit->now;
	first.stack_id = stack_store(hit, scratch, 0);
	first.reason = reason;
	goroutine_add(&key, &first);
}

static __always_inline void on_park(struct pt_regs *regs, __u32 site)
{
	struct scratch *scratch;
	struct hit hit;

	if (!hit_begin(&hit, site))
		return;
	scratch = scratch_take();
	if (!scratch)
		return;
	park(&hit, scratch, GO_ARG0(regs), site == SITE_PREEMPT_PARK);
	scratch_give(scratch);
}

DEFINE_HANDLER(handle_execute, on_execute(regs))
DEFINE_HANDLER(handle_ready, on_wake(regs, SITE_READY, WAKE_READY))
DEFINE_HANDLER(handle_netpoll, on_netpoll(regs))
DEFINE_HANDLER(handle_new, on_new(regs))
DEFINE_HANDLER(handle_gosched, on_gosched(regs))
DEFINE_HANDLER(handle_goyield, on_wake(regs, SITE_GOYIELD, WAKE_YIELD))
DEFINE_HANDLER(handle_syscall_exit, on_wake(regs, SITE_SYSCALL_EXIT, WAKE_SYSCALL_EXIT))
DEFINE_HANDLER(handle_park, on_park(regs, SITE_PARK))
DEFINE_HANDLER(handle_preempt_park, on_park(regs, SITE_PREEMPT_PARK))

char license_name[] SEC("license") = "Dual BSD/GPL";
