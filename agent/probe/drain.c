/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing out what the programs gathered. A map is walked in batches (one system call for some
 * hundred entries, kernel 5.6), and key by key where a kernel refuses that for a map.
 *
 * A histogram is removed when it is handed out, so its block must be over: the programs would
 * otherwise add to an entry that is being taken away. A margin covers the run that took its
 * timestamp at the end of the block and has yet to add.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "probe/session.h"

#define BATCH_ENTRIES   256
#define BLOCK_MARGIN_NS (100 * NS_PER_MS)

/* Called for each entry of a map; key and value are copies. Negative ends the walk. */
typedef int (*entry_fn)(void *user, const void *key, const void *value);

struct map_walk {
	int fd;
	size_t key_bytes, value_bytes;
	entry_fn entry;
	void *user;
};

static int walk_entries(const struct map_walk *walk, const char *keys, const char *values,
			uint32_t count)
{
	int r = 0;

	for (uint32_t i = 0; i < count && r >= 0; i++)
		r = walk->entry(walk->user, keys + i * walk->key_bytes,
				values + i * walk->value_bytes);
	return r < 0 ? r : 0;
}

/* -EINVAL, -ENOTSUP: this map cannot be read in batches; nothing was handed out then. */
static int walk_batches(const struct map_walk *walk)
{
	CLEANUP(freep) char *keys = calloc(BATCH_ENTRIES, walk->key_bytes);
	CLEANUP(freep) char *values = calloc(BATCH_ENTRIES, walk->value_bytes);
	uint32_t position = 0, count;
	void *from = NULL;
	int r, last = 0;

	if (!keys || !values)
		return -ENOMEM;
	while (!last) {
		count = BATCH_ENTRIES;
		r = bpf_map_lookup_batch(walk->fd, from, &position, keys, values, &count, NULL);
		if (r < 0 && r != -ENOENT)
			return r;
		last = r == -ENOENT;
		from = &position;
		r = walk_entries(walk, keys, values, count);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * The next key is fetched before the entry is handed out, which may remove it. An entry that is
 * removed by a program meanwhile restarts the kernel's iteration; the bound ends a walk that is
 * restarted over and over.
 */
static int walk_keys(const struct map_walk *walk, size_t most)
{
	CLEANUP(freep) char *keys = calloc(2, walk->key_bytes);
	CLEANUP(freep) char *value = calloc(1, walk->value_bytes);
	char *key, *next;
	int r;

	if (!keys || !value)
		return -ENOMEM;
	key = keys;
	next = keys + walk->key_bytes;
	r = bpf_map_get_next_key(walk->fd, NULL, key);
	for (size_t i = 0; r == 0 && i < most; i++) {
		int more = bpf_map_get_next_key(walk->fd, key, next);

		if (bpf_map_lookup_elem(walk->fd, key, value) == 0) {
			r = walk->entry(walk->user, key, value);
			if (r < 0)
				return r;
		}
		memcpy(key, next, walk->key_bytes);
		r = more;
	}
	return r == -ENOENT || r == 0 ? 0 : r;
}

static int map_walk(const struct bpf_map *map, entry_fn entry, void *user)
{
	struct map_walk walk = {
		.fd = bpf_map__fd(map),
		.key_bytes = bpf_map__key_size(map),
		.value_bytes = bpf_map__value_size(map),
		.entry = entry,
		.user = user,
	};
	int r = walk_batches(&walk);

	if (r == -EINVAL || r == -ENOTSUP || r == -524 /* ENOTSUPP, the kernel's own */)
		r = walk_keys(&walk, 2 * (size_t)bpf_map__max_entries(map));
	return r;
}

/* ---- histograms ---- */

struct hist_drain {
	struct probe_session *session;
	const struct probe_visitor *visitor;
	uint64_t blocks; /* those below this number are over */
	struct hist_key *done;
	size_t done_count, done_max;
};

static int drain_hist(void *user, const void *entry_key, const void *entry_value)
{
	struct hist_drain *drain = user;
	const struct hist_key *key = entry_key;

	if (key->block >= drain->blocks || drain->done_count == drain->done_max)
		return 0;
	drain->done[drain->done_count++] = *key;
	if (drain->visitor->hist)
		drain->visitor->hist(drain->visitor->user, key,
				     (enum metric)(key->metric_sub >> 12), key->metric_sub & 0xfff,
				     entry_value);
	return 0;
}

static uint64_t finished_blocks(const struct probe_window *window)
{
	uint64_t now = clock_mono_ns();

	if (!window->active)
		return UINT64_MAX;
	if (now < window->origin_ns + BLOCK_MARGIN_NS)
		return 0;
	return (now - window->origin_ns - BLOCK_MARGIN_NS) / BLOCK_NS;
}

int probe_drain_blocks(struct probe_session *session, const struct probe_visitor *visitor,
		       struct err *err)
{
	const struct bpf_map *map = session->skel->maps.hists;
	CLEANUP(freep) struct hist_key *done = calloc(HISTS_MAX, sizeof(*done));
	struct hist_drain drain = {
		.session = session,
		.visitor = visitor,
		.blocks = finished_blocks(&session->skel->bss->window),
		.done = done,
		.done_max = HISTS_MAX,
	};
	int r;

	if (!done)
		return err_set(err, -ENOMEM, "out of memory");
	/* Removed after the walk: a walk over a map that shrinks may see an entry twice. */
	r = map_walk(map, drain_hist, &drain);
	for (size_t i = 0; i < drain.done_count; i++)
		bpf_map_delete_elem(bpf_map__fd(map), &done[i]);
	if (r < 0)
		return err_set_errno(err, r, "cannot read the histograms from the kernel");
	return 0;
}

/* ---- totals ---- */

struct total_drain {
	struct probe_session *session;
	const struct probe_visitor *visitor;
	struct stack_value stack;
};

/* The stack of that id, or NULL when there is none. */
static const struct stack_value *drain_stack(struct total_drain *drain, uint64_t stack_id)
{
	int fd = bpf_map__fd(drain->session->skel->maps.stacks);

	if (!stack_id || bpf_map_lookup_elem(fd, &stack_id, &drain->stack) < 0)
		return NULL;
	return &drain->stack;
}

static int drain_wait(void *user, const void *entry_key, const void *value)
{
	struct total_drain *drain = user;
	const struct wait_key *key = entry_key;

	drain->visitor->wait(drain->visitor->user, key, value, drain_stack(drain, key->stack_id));
	return 0;
}

static int drain_goroutine(void *user, const void *key, const void *entry_value)
{
	struct total_drain *drain = user;
	const struct probe_visitor *visitor = drain->visitor;
	const struct goroutine_value *value = entry_value;

	/* What was stamped in an earlier window may have gone on unseen. */
	if (value->since_ns < drain->session->skel->bss->window.opened_ns)
		return 0;
	if (value->state == GOROUTINE_WAITING && visitor->still_waiting)
		visitor->still_waiting(visitor->user, key, value,
				       drain_stack(drain, value->stack_id));
	else if (value->state == GOROUTINE_RUNNABLE && visitor->still_runnable)
		visitor->still_runnable(visitor->user, key, value);
	return 0;
}

static int drain_created(void *user, const void *key, const void *value)
{
	struct total_drain *drain = user;
	uint64_t count;

	memcpy(&count, value, sizeof(count));
	drain->visitor->created(drain->visitor->user, key, count);
	return 0;
}

static int drain_syscall(void *user, const void *key, const void *value)
{
	struct total_drain *drain = user;

	drain->visitor->syscall(drain->visitor->user, key, value);
	return 0;
}

static int drain_stall(void *user, const void *key, const void *value)
{
	struct total_drain *drain = user;

	drain->visitor->stall(drain->visitor->user, key, value);
	return 0;
}

int probe_drain_totals(struct probe_session *session, const struct probe_visitor *visitor,
		       struct err *err)
{
	struct total_drain drain = { .session = session, .visitor = visitor };
	const struct {
		const struct bpf_map *map;
		entry_fn entry;
		bool wanted;
	} totals[] = {
		{ session->skel->maps.waits, drain_wait, visitor->wait },
		{ session->skel->maps.goroutines, drain_goroutine,
		  visitor->still_waiting || visitor->still_runnable },
		{ session->skel->maps.created, drain_created, visitor->created },
		{ session->skel->maps.syscalls, drain_syscall, visitor->syscall },
		{ session->skel->maps.stalls, drain_stall, visitor->stall },
	};

	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		int r = totals[i].wanted ? map_walk(totals[i].map, totals[i].entry, &drain) : 0;

		if (r < 0)
			return err_set_errno(err, r, "cannot read the map %s from the kernel",
					     bpf_map__name(totals[i].map));
	}
	return 0;
}

/* ---- a process that is no longer watched ---- */

struct forget {
	int fd;
	uint32_t tgid, program;
};

static int forget_goroutine(void *user, const void *entry_key, const void *value)
{
	const struct goroutine_key *key = entry_key;
	const struct forget *forget = user;

	(void)value;
	if (key->tgid == forget->tgid && key->program == forget->program)
		bpf_map_delete_elem(forget->fd, key);
	return 0;
}

void probe_remove_process(struct probe_session *session, pid_t pid, uint64_t enrolled_ns)
{
	const struct bpf_map *goroutines = session->skel->maps.goroutines;
	struct forget forget = {
		.fd = bpf_map__fd(goroutines),
		.tgid = (uint32_t)pid,
		.program = program_of(enrolled_ns),
	};
	struct target_config config;

	if (probe_process_config(session, pid, &config) == 0 && config.enrolled_ns == enrolled_ns) {
		bpf_map_delete_elem(bpf_map__fd(session->skel->maps.targets), &forget.tgid);
		bpf_map_delete_elem(bpf_map__fd(session->skel->maps.stops), &forget.tgid);
	}
	/* An entry that a shrinking map hides from the walk takes room and nothing else. */
	(void)map_walk(goroutines, forget_goroutine, &forget);
}

/* ---- events and counters ---- */

int probe_read_events(struct probe_session *session, const struct probe_visitor *visitor,
		      struct err *err)
{
	int r;

	session->visitor = visitor;
	r = ring_buffer__consume(session->ring);
	session->visitor = NULL;
	if (r < 0)
		return err_set_errno(err, r, "cannot read the events from the kernel");
	return 0;
}

/* Runs that the kernel skipped, because a program was interrupted by itself. */
static uint64_t missed_runs(const struct probe_session *session)
{
	struct bpf_program *program;
	uint64_t missed = 0;

	bpf_object__for_each_program(program, session->skel->obj) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		if (bpf_program__fd(program) < 0)
			continue;
		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
			missed += info.recursion_misses;
	}
	return missed;
}

int probe_counters(struct probe_session *session, uint64_t counters[COUNTER_COUNT],
		   uint64_t *ret_missed, struct err *err)
{
	int fd = bpf_map__fd(session->skel->maps.counters);
	int cpus = libbpf_num_possible_cpus();
	CLEANUP(freep) uint64_t *values = NULL;

	if (cpus <= 0)
		return err_set_errno(err, cpus ? cpus : -EINVAL, "cannot count the CPUs");
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return err_set(err, -ENOMEM, "out of memory");
	for (uint32_t counter = 0; counter < COUNTER_COUNT; counter++) {
		int r = bpf_map_lookup_elem(fd, &counter, values);

		if (r < 0)
			return err_set_errno(err, r, "cannot read the counters from the kernel");
		counters[counter] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			counters[counter] += values[cpu];
	}
	if (ret_missed)
		*ret_missed = missed_runs(session);
	return 0;
}
