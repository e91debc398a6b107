/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the process look as its executable says? A goroutine is judged only when two looks at it
 * saw the same, because it may run meanwhile; a few goroutines that are right in every field are
 * enough, and one that is wrong is too many.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "peek/peek.h"
#include "peek/remote.h"

#define GOROUTINES_LOOKED_AT 64
#define GOROUTINES_ENOUGH    4   /* the runtime has as many of its own once it has started */
#define G_BYTES              384 /* of a runtime.g: startpc, the last field of interest, is in it */
#define CODE_BYTES           16
#define BREAKPOINT           0xcc
#define STATUS_SCAN          0x1000
#define STATUS_WAITING       4
#define STATUS_DEAD          6
#define STATUS_LAST          11 /* Go 1.27, runtime2.go: _Gdeadextra */

/* A copy of a runtime.g, and where its fields are. */
struct goroutine {
	uint64_t address;
	const struct go_layout *layout;
	uint8_t bytes[G_BYTES];
};

static uint64_t word_at(const struct goroutine *g, uint32_t offset)
{
	uint64_t word;

	memcpy(&word, g->bytes + offset, sizeof(word));
	return word;
}

static uint32_t status_of(const struct goroutine *g)
{
	uint32_t status;

	/* In every release atomicstatus and stackLock (4 bytes each) precede goid. */
	memcpy(&status, g->bytes + g->layout->g_goid - 8, sizeof(status));
	return status & ~(uint32_t)STATUS_SCAN;
}

static bool layout_is_inside(const struct go_layout *layout)
{
	const uint32_t words[] = { layout->g_goid,        layout->g_sched_pc, layout->g_sched_sp,
				   layout->g_sched_bp,    layout->g_startpc,  layout->g_gopc,
				   layout->g_stack_lo + 8 };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i] % 8 || words[i] > G_BYTES - 8)
			return false;
	}
	return layout->g_goid >= 8 && layout->g_waitreason < G_BYTES;
}

/* The name of the first field that no goroutine can have like this; NULL: all are plausible. */
static const char *wrong_field(const struct target *target, const struct goroutine *g)
{
	const struct go_layout *layout = g->layout;
	const struct gobin *bin = target->binary->bin;
	uint64_t low = word_at(g, layout->g_stack_lo), high = word_at(g, layout->g_stack_lo + 8);
	uint64_t start = word_at(g, layout->g_startpc) - target->load_bias;
	uint64_t sp = word_at(g, layout->g_sched_sp), bp = word_at(g, layout->g_sched_bp);
	struct gobin_func func;

	/* Stacks are of sizes that are powers of two (runtime/stack.go, stackalloc). */
	if (low >= high || (high - low) & (high - low - 1))
		return "stack";
	if (word_at(g, layout->g_startpc) &&
	    (gobin_symbolize(bin, start, &func, NULL, NULL) < 0 || func.entry != start))
		return "startpc";
	if (status_of(g) != STATUS_WAITING)
		return NULL;
	if (sp < low || sp >= high)
		return "sched.sp";
	if (bp && (bp < low || bp >= high))
		return "sched.bp";
	if (gobin_symbolize(bin, word_at(g, layout->g_sched_pc) - target->load_bias, &func, NULL,
			    NULL) < 0)
		return "sched.pc";
	return gobin_wait_reason(bin, g->bytes[layout->g_waitreason]) ? NULL : "waitreason";
}

/*
 * Every field says something. A new goroutine gets its number last (runtime/proc.go, newproc1), one
 * that was made for a thread of C has no start function (oneNewExtraM), and one that never ran has
 * no frame.
 */
static bool proves(const struct goroutine *g)
{
	const struct go_layout *layout = g->layout;

	return word_at(g, layout->g_goid) && word_at(g, layout->g_startpc) &&
	       status_of(g) == STATUS_WAITING && word_at(g, layout->g_sched_bp);
}

/* What looking at a goroutine says. */
enum verdict {
	NOT_JUDGED = 0, /* dead, or it changed meanwhile */
	NO_PROOF = 1, /* some fields are empty, as they may be in some goroutines, but not in all */
	PLAUSIBLE = 2,
};

/* An enum verdict, or -ENOTSUP: it cannot be a goroutine. */
static int check_goroutine(const struct target *target, struct goroutine *g, struct err *err)
{
	struct goroutine again = *g;
	const char *wrong;
	int r;

	r = remote_read(target, g->address, g->bytes, G_BYTES);
	if (r == 0)
		r = remote_read(target, g->address, again.bytes, G_BYTES);
	if (r < 0)
		return err_set_errno(err, r == -EFAULT ? -ENOTSUP : r,
				     "runtime.allgs of process %d holds what is no goroutine",
				     (int)target->pid);
	if (memcmp(g->bytes, again.bytes, G_BYTES) != 0)
		return NOT_JUDGED;
	if (status_of(g) > STATUS_LAST)
		wrong = "atomicstatus";
	else if (status_of(g) == 0 || status_of(g) == STATUS_DEAD || status_of(g) == STATUS_LAST)
		return NOT_JUDGED;
	else
		wrong = wrong_field(target, g);
	if (!wrong)
		return proves(g) ? PLAUSIBLE : NO_PROOF;
	return err_set(err, -ENOTSUP,
		       "its memory does not have the layout of its Go version: %s of the goroutine "
		       "at 0x%" PRIx64 " is none",
		       wrong, g->address);
}

static int check_goroutines(const struct target *target, struct err *err)
{
	uint64_t allgs, slice[3], pointers[GOROUTINES_LOOKED_AT];
	struct go_layout layout;
	size_t count;
	int r, judged = 0, plausible = 0;

	r = gobin_layout(target->binary->bin, &layout, err);
	if (r < 0)
		return r;
	if (!layout_is_inside(&layout))
		return err_set(err, -ENOTSUP, "its layout of runtime.g is not one that was seen");
	r = gobin_allgs(target->binary->bin, &allgs, err);
	if (r < 0)
		return r == -ENOTSUP ? -ENODATA : r;
	r = remote_read(target, allgs + target->load_bias, slice, sizeof(slice));
	if (r < 0)
		return r == -EFAULT ? -ENODATA : r;
	count = slice[1] < GOROUTINES_LOOKED_AT ? slice[1] : GOROUTINES_LOOKED_AT;
	if (!slice[0] || !count)
		return -ENODATA;
	if (slice[1] > slice[2])
		return -ENODATA; /* it grows right now */
	r = remote_read(target, slice[0], pointers, count * sizeof(pointers[0]));
	if (r < 0)
		return -ENODATA; /* it has moved */
	for (size_t i = 0; i < count; i++) {
		struct goroutine g = { .address = pointers[i], .layout = &layout };

		r = check_goroutine(target, &g, err);
		if (r < 0)
			return r;
		judged += r != NOT_JUDGED;
		plausible += r == PLAUSIBLE;
	}
	if (!plausible && judged >= GOROUTINES_ENOUGH)
		return err_set(err, -ENOTSUP,
			       "its memory does not have the layout of its Go version: of %d "
			       "goroutines none has all of its fields",
			       judged);
	return plausible ? 0 : -ENODATA;
}

static int check_site(const struct target *target, const struct gobin_site *site, struct err *err)
{
	uint8_t memory[CODE_BYTES], file[CODE_BYTES];
	int r;

	if (pread(target->binary->fd, file, sizeof(file), (off_t)site->file_offset) !=
	    (ssize_t)sizeof(file))
		return err_set(err, -ENOTSUP, "its executable was cut short");
	r = remote_read(target, site->address + target->load_bias, memory, sizeof(memory));
	if (r == -EFAULT)
		return err_set(err, -ENOTSUP, "its code is not where its executable has it");
	if (r < 0)
		return r;
	if (memory[0] == BREAKPOINT)
		memory[0] = file[0];
	if (memcmp(memory, file, sizeof(file)) == 0)
		return 0;
	return err_set(err, -ENOTSUP, "its code is not its executable's at %s", site->function);
}

int peek_check(const struct target *target, const struct gobin_site sites[SITE_COUNT],
	       struct err *err)
{
	int r;

	assert(target && target->binary->bin && sites);
	for (int i = 0; i < SITE_COUNT; i++) {
		if (!sites[i].usable)
			continue;
		r = check_site(target, &sites[i], err);
		if (r < 0)
			return target_alive(target) ? r : -ESRCH;
	}
	r = check_goroutines(target, err);
	if (r < 0 && !target_alive(target))
		return err_set(err, -ESRCH, "process %d has ended", (int)target->pid);
	return r;
}
