/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one hit costs here. Two sites in a function of our own are probed like a Go program's, by
 * the same link, the same program and the same handlers: one is ready(), one is execute(), of a
 * goroutine that does not exist. A call then is a wake-up and a dispatch, two hits with all map
 * accesses that these take. The median of several rounds, because a round may be interrupted.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>

#include "base/clock.h"
#include "probe/session.h"

#define ROUNDS          9
#define HITS_PER_CALL   2
#define CALLS           1000
#define CALLS_STEPPED   150
#define GOROUTINE_BYTES 512

/*
 * The sites: an instruction that the kernel emulates in the trap (what the agent chooses in Go
 * programs), and one for which it must single-step. The argument is put where Go passes its first.
 */
void calibrate_emulated(const void *goroutine);
void calibrate_stepped(const void *goroutine);
extern const char calibrate_emulated_ready[], calibrate_emulated_execute[];
extern const char calibrate_stepped_ready[], calibrate_stepped_execute[];

#if defined(__x86_64__)
__asm__(".text\n"
	".globl calibrate_emulated, calibrate_emulated_ready, calibrate_emulated_execute\n"
	".type calibrate_emulated, @function\n"
	"calibrate_emulated:\n"
	"	mov %rdi, %rax\n"
	"calibrate_emulated_ready:\n"
	"	push %rbp\n"
	"	pop %rbp\n"
	"calibrate_emulated_execute:\n"
	"	push %rbp\n"
	"	pop %rbp\n"
	"	ret\n"
	".size calibrate_emulated, . - calibrate_emulated\n"
	".globl calibrate_stepped, calibrate_stepped_ready, calibrate_stepped_execute\n"
	".type calibrate_stepped, @function\n"
	"calibrate_stepped:\n"
	"	mov %rdi, %rax\n"
	"calibrate_stepped_ready:\n"
	"	mov %rax, %rcx\n"
	"calibrate_stepped_execute:\n"
	"	mov %rax, %rdx\n"
	"	ret\n"
	".size calibrate_stepped, . - calibrate_stepped\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl calibrate_emulated, calibrate_emulated_ready, calibrate_emulated_execute\n"
	".type calibrate_emulated, %function\n"
	"calibrate_emulated:\n"
	"calibrate_emulated_ready:\n"
	"	b calibrate_emulated_execute\n"
	"calibrate_emulated_execute:\n"
	"	b 1f\n"
	"1:	ret\n"
	".size calibrate_emulated, . - calibrate_emulated\n"
	".globl calibrate_stepped, calibrate_stepped_ready, calibrate_stepped_execute\n"
	".type calibrate_stepped, %function\n"
	"calibrate_stepped:\n"
	"calibrate_stepped_ready:\n"
	"	mov x1, x0\n"
	"calibrate_stepped_execute:\n"
	"	mov x2, x0\n"
	"	ret\n"
	".size calibrate_stepped, . - calibrate_stepped\n");
#else
#error "an architecture without calibration sites"
#endif

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

static double time_calls(void (*call)(const void *goroutine), unsigned int calls)
{
	static uint64_t goroutine[GOROUTINE_BYTES / sizeof(uint64_t)];
	uint64_t from = clock_mono_ns();

	for (unsigned int i = 0; i < calls; i++)
		call(goroutine);
	return (double)(clock_mono_ns() - from) / (calls * HITS_PER_CALL);
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

/* Attaches the two sites of one of the functions, and measures. */
static int measure(struct probe_session *session, int fd, const char *ready, const char *execute,
		   void (*call)(const void *goroutine), unsigned int calls, double *ret_hit_ns,
		   struct err *err)
{
	struct gobin_site sites[SITE_COUNT] = {};
	double bare_ns = median_ns(call, calls);
	double probed_ns;
	int r;

	sites[SITE_READY] = site_at(ready);
	sites[SITE_EXECUTE] = site_at(execute);
	r = probe_attach_binary(session, 1, fd, getpid(), sites, err);
	if (r < 0)
		return r;
	probed_ns = median_ns(call, calls);
	attach_release(session);
	*ret_hit_ns = probed_ns > bare_ns ? probed_ns - bare_ns : 0;
	return 0;
}

int probe_calibrate(double *ret_hit_ns, double *ret_stepped_ns, struct err *err)
{
	const struct probe_options options = { .goroutines = true };
	const struct target_config config = { .flags = TARGET_PROBED };
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
	r = measure(session, fd, calibrate_emulated_ready, calibrate_emulated_execute,
		    calibrate_emulated, CALLS, &hit_ns, err);
	if (r < 0)
		return r;
	if (ret_stepped_ns) {
		r = measure(session, fd, calibrate_stepped_ready, calibrate_stepped_execute,
			    calibrate_stepped, CALLS_STEPPED, &stepped_ns, err);
		if (r < 0)
			return r;
		*ret_stepped_ns = stepped_ns;
	}
	*ret_hit_ns = hit_ns;
	return 0;
}
