/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one hit costs here. Three sites in a function of our own are probed like a Go program's, by
 * the same link, the same program and the same handlers: park_m(), ready() and execute() of a
 * goroutine that exists only in our memory, with a stack of a usual depth. A call then is a wait, a
 * wake-up and a dispatch: three hits with all that these read and store. The median of several
 * rounds, because a round may be interrupted. What a real program pays beyond it is cold caches.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>

#include "base/clock.h"
#include "probe/session.h"

#define ROUNDS        9
#define HITS_PER_CALL 2
#define CALLS         400
#define CALLS_STEPPED 60
#define STACK_DEPTH   8
#define FRAME_WORDS   12 /* of a frame of 96 bytes, which is usual */

/*
 * The sites: an instruction that the kernel emulates in the trap (what the agent chooses in Go
 * programs), and one for which it must single-step. The argument is put where Go passes its first.
 */
void calibrate_emulated(const void *goroutine);
void calibrate_stepped(const void *goroutine);
extern const char calibrate_emulated_park[], calibrate_emulated_ready[],
	calibrate_emulated_execute[];
extern const char calibrate_stepped_park[], calibrate_stepped_ready[], calibrate_stepped_execute[];

#if defined(__x86_64__)
#define ASM_ENTER    "	mov %rdi, %rax\n"
#define ASM_EMULATED "	push %rbp\n	pop %rbp\n"
#define ASM_STEPPED  "	mov %rax, %rcx\n"
#elif defined(__aarch64__)
#define ASM_ENTER    ""
#define ASM_EMULATED "	b 1f\n1:\n"
#define ASM_STEPPED  "	mov x1, x0\n"
#else
#error "an architecture without calibration sites"
#endif

#define ASM_SITE(name, instruction) ".globl " name "\n" name ":\n" instruction
#define ASM_SITES(name, instruction)                                                            \
	".text\n.globl " name "\n.type " name ", %function\n" name ":\n" ASM_ENTER ASM_SITE(    \
		name "_park", instruction) ASM_SITE(name "_ready", instruction)                 \
		ASM_SITE(name "_execute", instruction) "	ret\n.size " name ", . - " name \
						       "\n"

__asm__(ASM_SITES("calibrate_emulated", ASM_EMULATED) ASM_SITES("calibrate_stepped", ASM_STEPPED));

/* ---- the goroutine ---- */

static const struct go_layout fake_layout = {
	.g_stack_lo = 0,
	.g_sched_sp = 56,
	.g_sched_pc = 64,
	.g_sched_bp = 104,
	.g_waitreason = 176,
	.g_startpc = 304,
	.g_gopc = 288,
};

struct fake_goroutine {
	uint64_t g[64];
	uint64_t stack[STACK_DEPTH * FRAME_WORDS];
};

static void fake_init(struct fake_goroutine *fake)
{
	uint64_t pc = (uintptr_t)calibrate_emulated;

	memset(fake, 0, sizeof(*fake));
	for (size_t i = 0; i < STACK_DEPTH; i++) {
		uint64_t *frame = &fake->stack[i * FRAME_WORDS];

		frame[0] = i + 1 < STACK_DEPTH ? (uintptr_t)(frame + FRAME_WORDS) : 0;
		frame[1] = pc + i;
	}
	fake->g[fake_layout.g_stack_lo / 8] = (uintptr_t)fake->stack;
	fake->g[fake_layout.g_stack_lo / 8 + 1] =
		(uintptr_t)(fake->stack + STACK_DEPTH * FRAME_WORDS);
	fake->g[fake_layout.g_sched_pc / 8] = pc;
	fake->g[fake_layout.g_sched_bp / 8] = (uintptr_t)fake->stack;
}

/* ---- where in our file an address lies ---- */

struct locate {
	uint64_t address;
	uint64_t file_offset;
	bool found;
};

static int locate_segment(struct dl_phdr_info *info, size_t size, void *user)
{
	struct locate *locate = user;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uint64_t start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || locate->address < start ||
		    locate->address >= start + segment->p_filesz)
			continue;
		locate->file_offset = locate->address - start + segment->p_offset;
		locate->found = true;
	}
	return 1; /* the first object is the executable, which is all we look at */
}

static struct gobin_site site_at(const char *address)
{
	struct locate locate = { .address = (uintptr_t)address };
	struct gobin_site site = {};

	dl_iterate_phdr(locate_segment, &locate);
	site.usable = locate.found;
	site.file_offset = locate.file_offset;
	return site;
}

/* ---- measuring ---- */

/* Processor time, not time: what other processes take on a busy machine is no cost of a probe. */
static double time_calls(void (*call)(const void *goroutine), unsigned int calls)
{
	struct fake_goroutine fake;
	uint64_t from;

	fake_init(&fake);
	from = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned int i = 0; i < calls; i++)
		call(fake.g);
	return (double)(clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - from) / (calls * HITS_PER_CALL);
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double median_ns(void (*call)(const void *goroutine), unsigned int calls)
{
	double rounds[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++)
		rounds[i] = time_calls(call, calls);
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare_doubles);
	return rounds[ROUNDS / 2];
}

/* The sites of one of the functions, which is called `calls` times a round. */
struct candidate {
	void (*call)(const void *goroutine);
	const char *park, *ready, *execute;
	unsigned int calls;
};

static int measure(struct probe_session *session, int fd, const struct candidate *candidate,
		   double *ret_hit_ns, struct err *err)
{
	struct gobin_site sites[SITE_COUNT] = {};
	double bare_ns = median_ns(candidate->call, candidate->calls);
	double probed_ns;
	int r;

	sites[SITE_PARK] = site_at(candidate->park);
	sites[SITE_READY] = site_at(candidate->ready);
	sites[SITE_EXECUTE] = site_at(candidate->execute);
	r = probe_attach_binary(session, 1, fd, getpid(), sites, err);
	if (r < 0)
		return r;
	probed_ns = median_ns(candidate->call, candidate->calls);
	attach_release(session);
	*ret_hit_ns = probed_ns > bare_ns ? probed_ns - bare_ns : 0;
	return 0;
}

int probe_calibrate(double *ret_hit_ns, double *ret_stepped_ns, struct err *err)
{
	const struct probe_options options = { .goroutines = true, .reasons = true };
	const struct target_config config = { .layout = fake_layout, .flags = TARGET_PROBED };
	const struct candidate emulated = {
		.call = calibrate_emulated,
		.park = calibrate_emulated_park,
		.ready = calibrate_emulated_ready,
		.execute = calibrate_emulated_execute,
		.calls = CALLS,
	};
	const struct candidate stepped = {
		.call = calibrate_stepped,
		.park = calibrate_stepped_park,
		.ready = calibrate_stepped_ready,
		.execute = calibrate_stepped_execute,
		.calls = CALLS_STEPPED,
	};
	CLEANUP(probe_freep) struct probe_session *session = NULL;
	CLEANUP(closep) int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	double hit_ns, stepped_ns = 0;
	uint64_t opened_ns;
	int r;

	assert(ret_hit_ns);

	if (fd < 0)
		return err_set_errno(err, -errno, "cannot open our own executable");
	r = session_open(&options, true, &session, err);
	if (r < 0)
		return r;
	r = probe_add_process(session, getpid(), &config, err);
	if (r < 0)
		return r;
	r = probe_activate(session, &opened_ns, err);
	if (r < 0)
		return r;
	r = measure(session, fd, &emulated, &hit_ns, err);
	if (r < 0)
		return r;
	if (ret_stepped_ns) {
		r = measure(session, fd, &stepped, &stepped_ns, err);
		if (r < 0)
			return r;
		*ret_stepped_ns = stepped_ns;
	}
	*ret_hit_ns = hit_ns;
	return 0;
}
