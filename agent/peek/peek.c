/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.allgs is a slice of pointers to every runtime.g that was ever made. The runtime never
 * frees a g, but it frees the slice's array when it outgrows it: so the slice is read again
 * afterwards, and all is done again when its array has moved.
 */
#include "peek/peek.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "peek/remote.h"

#define TRIES_MAX    5
#define BATCH        512    /* pointers and statuses of one system call; at most IOV_MAX */
#define G_SCAN       0x1000 /* runtime2.go: _Gscan */
#define POINTER_SIZE 8

/* runtime2.go of Go 1.17 to 1.27: values that g.atomicstatus can have, _Gscan masked. */
enum g_status {
	G_IDLE = 0, /* just made, not in use yet */
	G_RUNNABLE = 1,
	G_RUNNING = 2,
	G_SYSCALL = 3,
	G_WAITING = 4,
	G_DEAD = 6,
	G_COPYSTACK = 8,
	G_PREEMPTED = 9,
	G_LEAKED = 10,     /* Go >= 1.26: waits for ever, as the collector found; lives */
	G_DEAD_EXTRA = 11, /* Go >= 1.26: of a thread that is kept for calls from C */
};

/* Where this process has what is read; an address is 0 where it is not known. */
struct places {
	uint64_t allgs;
	uint64_t ngsys;        /* schedt.ngsys: goroutines of the runtime */
	uint64_t extra;        /* number of threads kept for calls from C */
	uint32_t atomicstatus; /* in runtime.g */
	bool dead_extra;       /* G_DEAD_EXTRA exists */
};

/* What one look found. */
struct census {
	uint64_t live;
	uint64_t dead_extra;
};

struct slice {
	uint64_t data, length, capacity;
};

static int read_failed(const struct target *target, int code, struct err *err)
{
	if (code == -EPERM)
		return err_set(err, -EPERM,
			       "the memory of process %d may not be read; run parkmeter as user "
			       "%u, or with CAP_SYS_PTRACE",
			       (int)target->pid, (unsigned int)target->uid);
	if (code == -ESRCH || !target_alive(target))
		return err_set(err, -ESRCH, "process %d has ended", (int)target->pid);
	return err_set_errno(err, code, "cannot read the memory of process %d", (int)target->pid);
}

/* Offset of schedt.ngsys, 0 where it is not known. From the DWARF of each release. */
static uint32_t ngsys_offset(unsigned int go_minor)
{
	if (go_minor >= 17 && go_minor <= 24)
		return 72;
	if (go_minor == 25)
		return 80;
	return go_minor == 26 || go_minor == 27 ? 96 : 0;
}

static int find_places(const struct target *target, struct places *ret_places, struct err *err)
{
	enum { ALLGS, SCHED, EXTRA_LENGTH, EXTRA_COUNT, PLACE_COUNT };
	/* Go >= 1.21 has extraMLength, before it was extraMCount. */
	static const char *const names[PLACE_COUNT] = { "runtime.allgs", "runtime.sched",
							"runtime.extraMLength",
							"runtime.extraMCount" };
	const struct gobin *bin = target->binary->bin;
	uint64_t addresses[PLACE_COUNT] = { 0 }, extra;
	unsigned int minor;
	struct go_layout layout;
	int r;

	if (!bin)
		return err_set(err, -ENOTSUP, "%s", target->binary->refused);
	minor = gobin_info(bin)->go_minor;
	r = gobin_layout(bin, &layout, err);
	if (r == 0)
		r = gobin_variables_find(bin, names, PLACE_COUNT, addresses, err);
	if (r < 0)
		return r;
	if (!addresses[ALLGS])
		return err_set(err, -ENOTSUP, "its symbol table does not name runtime.allgs");
	extra = addresses[EXTRA_LENGTH] ? addresses[EXTRA_LENGTH] : addresses[EXTRA_COUNT];
	*ret_places = (struct places){
		.allgs = addresses[ALLGS] + target->load_bias,
		/* In every release atomicstatus and stackLock (4 bytes each) precede goid. */
		.atomicstatus = layout.g_goid - 8,
		.extra = extra ? extra + target->load_bias : 0,
		.dead_extra = minor >= 26,
	};
	if (addresses[SCHED] && ngsys_offset(minor))
		ret_places->ngsys = addresses[SCHED] + target->load_bias + ngsys_offset(minor);
	return 0;
}

/* False when no runtime.g can have this status: the layout is wrong. */
static bool count_status(struct census *census, uint32_t status)
{
	switch (status & ~(uint32_t)G_SCAN) {
	case G_RUNNABLE:
	case G_RUNNING:
	case G_SYSCALL:
	case G_WAITING:
	case G_COPYSTACK:
	case G_PREEMPTED:
	case G_LEAKED:
		census->live++;
		return true;
	case G_DEAD_EXTRA:
		census->dead_extra++;
		return true;
	case G_IDLE:
	case G_DEAD:
		return true;
	default:
		return false;
	}
}

static int count_batch(const struct target *target, const struct places *places,
		       uint64_t pointers_at, size_t count, struct census *census)
{
	uint64_t pointers[BATCH];
	uint32_t statuses[BATCH];
	struct iovec remote[BATCH];
	struct iovec local = { statuses, count * sizeof(statuses[0]) };
	ssize_t got;
	int r;

	r = remote_read(target, pointers_at, pointers, count * POINTER_SIZE);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (!pointers[i] || pointers[i] % POINTER_SIZE)
			return -EBADMSG;
		/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		remote[i].iov_base = (void *)(uintptr_t)(pointers[i] + places->atomicstatus);
		remote[i].iov_len = sizeof(statuses[0]);
	}
	got = process_vm_readv(target->pid, &local, 1, remote, count, 0);
	if (got < 0)
		return -errno;
	if ((size_t)got != local.iov_len)
		return -EFAULT;
	for (size_t i = 0; i < count; i++) {
		if (!count_status(census, statuses[i]))
			return -EBADMSG;
	}
	return 0;
}

static int count_all(const struct target *target, const struct places *places,
		     const struct slice *allgs, struct census *ret_census)
{
	struct census census = { 0 };
	int r = 0;

	for (uint64_t at = 0; r == 0 && at < allgs->length; at += BATCH) {
		uint64_t left = allgs->length - at;

		r = count_batch(target, places, allgs->data + at * POINTER_SIZE,
				left < BATCH ? (size_t)left : BATCH, &census);
	}
	if (r == 0)
		*ret_census = census;
	return r;
}

/* A slice as the runtime can have it. It is changed word by word: an odd one may be a moment's. */
static bool slice_is_sound(const struct slice *slice)
{
	return slice->data && slice->data % POINTER_SIZE == 0 && slice->length &&
	       slice->length <= slice->capacity;
}

/* 1: counted; 0: the runtime moved what was being read, look again; -EBADMSG: it does not look like
 * a runtime; -E2BIG; else why it could not be read. */
static int look(const struct target *target, const struct places *places, struct census *ret_census)
{
	struct slice before, after;
	int r, counted;

	r = remote_read(target, places->allgs, &before, sizeof(before));
	if (r < 0)
		return r;
	if (!slice_is_sound(&before))
		return -EBADMSG;
	if (before.length > PEEK_GOROUTINES_MAX)
		return -E2BIG;
	counted = count_all(target, places, &before, ret_census);
	r = remote_read(target, places->allgs, &after, sizeof(after));
	if (r < 0)
		return r;
	if (after.data != before.data || after.length < before.length)
		return 0;
	return counted < 0 ? counted : 1;
}

/* How many of the live ones are the runtime's own. */
static uint64_t count_system(const struct target *target, const struct places *places,
			     const struct census *census)
{
	uint32_t system = 0, extra = 0;

	if (!places->ngsys || remote_read(target, places->ngsys, &system, sizeof(system)) < 0)
		return 0;
	/* The idle goroutines of extra threads are in ngsys, too (proc.go: oneNewExtraM), but they
	 * are dead and were not counted as live. */
	if (places->dead_extra)
		extra = (uint32_t)census->dead_extra;
	else if (places->extra)
		remote_read(target, places->extra, &extra, sizeof(extra));
	if (system < extra || system - extra >= census->live)
		return 0;
	return system - extra;
}

int peek_goroutine_count(const struct target *target, uint64_t *ret_count, struct err *err)
{
	struct places places = { 0 };
	struct census census = { 0 };
	uint64_t count;
	int r;

	assert(target && ret_count);
	r = find_places(target, &places, err);
	if (r < 0)
		return r;
	r = 0;
	for (int i = 0; i < TRIES_MAX && (r == 0 || r == -EBADMSG || r == -EFAULT); i++)
		r = look(target, &places, &census);
	if (r == 0)
		return err_set(err, -EAGAIN,
			       "process %d makes goroutines faster than they can be counted",
			       (int)target->pid);
	if (r == -E2BIG)
		return err_set(err, r, "process %d has had more than %d goroutines",
			       (int)target->pid, PEEK_GOROUTINES_MAX);
	/* -EFAULT of a process that lives: it is in the middle of an exec, or the layout is wrong.
	 */
	if ((r == -EBADMSG || r == -EFAULT) && target_alive(target))
		return err_set(err, -ENOTSUP,
			       "the memory of process %d does not look like a Go runtime of its "
			       "version, or its runtime has not started yet",
			       (int)target->pid);
	if (r < 0)
		return read_failed(target, r, err);
	count = census.live - count_system(target, &places, &census);
	if (!target_alive(target))
		return read_failed(target, -ESRCH, err);
	*ret_count = count;
	return 0;
}
