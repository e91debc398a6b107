/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a session, attaches to one process, waits for hits, and closes it, again and again, all in
 * one process: what a cycle leaves behind (a descriptor, memory, a breakpoint in the observed code)
 * adds up and shows. Every `PERF_EVERY`th cycle attaches by perf links, the others as the kernel
 * likes it best.
 *
 *   attach_cycles PID CYCLES
 *
 * Prints one line of what was measured. Exit codes: 0 nothing was left behind, 1 something was, or
 * a cycle failed; 2 usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "probe/probe.h"
#include "target/target.h"

#define PERF_EVERY    25
#define SITE_BYTES    8
#define HITS_WAIT_NS  (10 * NS_PER_S)
#define BREAKPOINT    0xcc /* int3 */
#define GROWTH_MAX_KB 1024

struct run {
	pid_t pid;
	unsigned int cycles, perf_cycles;
	uint64_t hits;
	int fds_before, fds_after;
	long rss_before_kb, rss_after_kb;
};

static int count_fds(void)
{
	CLEANUP(closedirp) DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (directory && readdir(directory))
		count++;
	return count;
}

static long rss_kb(void)
{
	CLEANUP(fclosep) FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (!file || fscanf(file, "%*d %ld", &pages) != 1)
		return 0;
	return pages * sysconf(_SC_PAGESIZE) / 1024;
}

/* How many sites hold other bytes in the process than in its file; -errno. */
static int count_changed(const struct target *target, const struct gobin_site sites[SITE_COUNT],
			 unsigned int *ret_breakpoints)
{
	char path[64];
	unsigned int breakpoints = 0;
	int changed = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)target->pid);
	CLEANUP(closep) int memory = open(path, O_RDONLY | O_CLOEXEC);
	if (memory < 0)
		return -errno;
	for (unsigned int i = 0; i < SITE_COUNT; i++) {
		uint8_t in_file[SITE_BYTES], in_memory[SITE_BYTES];
		off_t address = (off_t)(sites[i].address + target->load_bias);

		if (!sites[i].usable)
			continue;
		if (pread(target->binary->fd, in_file, SITE_BYTES, (off_t)sites[i].file_offset) !=
			    SITE_BYTES ||
		    pread(memory, in_memory, SITE_BYTES, address) != SITE_BYTES)
			return -EIO;
		changed += memcmp(in_file, in_memory, SITE_BYTES) != 0;
		breakpoints += in_memory[0] == BREAKPOINT;
	}
	*ret_breakpoints = breakpoints;
	return changed;
}

static int wait_for_hits(struct probe_session *session, uint64_t *ret_hits, struct err *err)
{
	uint64_t deadline_ns = clock_mono_ns() + HITS_WAIT_NS;
	uint64_t counters[COUNTER_COUNT], missed;
	int r;

	do {
		r = probe_counters(session, counters, &missed, err);
		if (r < 0)
			return r;
		if (clock_mono_ns() > deadline_ns)
			return err_set(err, -ETIMEDOUT, "no hits in %llu s",
				       HITS_WAIT_NS / NS_PER_S);
		sched_yield();
	} while (counters[COUNTER_HIT + SITE_EXECUTE] == 0);
	*ret_hits = counters[COUNTER_HIT + SITE_EXECUTE];
	return 0;
}

/* Attaches, measures until something was hit, and detaches. */
static int attach_once(struct run *run, const struct target *target,
		       const struct gobin_site sites[SITE_COUNT], bool perf, bool whole_file,
		       struct err *err)
{
	const struct probe_options options = {
		.goroutines = true,
		.reasons = true,
		.kernel = true,
		.processes = true,
		.attach = perf ? PROBE_ATTACH_PERF : PROBE_ATTACH_AUTO,
	};
	CLEANUP(probe_freep) struct probe_session *session = NULL;
	struct target_config config;
	uint64_t opened_ns, closed_ns, hits = 0;
	unsigned int breakpoints = 0;
	int r;

	r = gobin_target_config(target->binary->bin, &config, err);
	if (r < 0)
		return r;
	config.load_bias = target->load_bias;
	config.binary_id = target->binary->id;
	config.flags |= TARGET_PROBED;
	r = probe_open(&options, &session, err);
	if (r == 0)
		r = probe_attach_binary(session, target->binary->id, target->binary->fd,
					whole_file ? 0 : target->pid, sites, err);
	if (r == 0)
		r = probe_add_process(session, target->pid, &config, err);
	if (r == 0)
		r = probe_activate(session, &opened_ns, err);
	if (r == 0)
		r = wait_for_hits(session, &hits, err);
	if (r < 0)
		return r;
	run->hits += hits;
	r = count_changed(target, sites, &breakpoints);
	if (r <= 0 || breakpoints == 0)
		return err_set(err, -EIO, "attached, but the code of process %d is as in its file",
			       (int)target->pid);
	probe_deactivate(session, &closed_ns);
	return 0;
}

static int cycle(struct run *run, unsigned int number, struct err *err)
{
	CLEANUP(binaries_freep) struct binaries *binaries = NULL;
	CLEANUP(target_freep) struct target *target = NULL;
	struct gobin_site sites[SITE_COUNT];
	bool perf = number % PERF_EVERY == PERF_EVERY - 1;
	unsigned int breakpoints;
	int r;

	r = binaries_new(&binaries, err);
	if (r == 0)
		r = target_open(run->pid, binaries, &target, err);
	if (r < 0)
		return r;
	if (!target->binary->bin)
		return err_set(err, -ENOEXEC, "%s", target->binary->refused);
	r = gobin_sites(target->binary->bin, sites, err);
	if (r == 0)
		r = attach_once(run, target, sites, perf, number % 2, err);
	if (r < 0)
		return r;
	run->perf_cycles += perf;
	r = count_changed(target, sites, &breakpoints);
	if (r < 0)
		return err_set_errno(err, r, "cannot compare the code of process %d", run->pid);
	if (r > 0)
		return err_set(err, -EIO, "%d sites of process %d are still changed", r, run->pid);
	return 0;
}

static int run_cycles(struct run *run, struct err *err)
{
	unsigned int warm = run->cycles / 5;

	for (unsigned int i = 0; i < run->cycles; i++) {
		int r = cycle(run, i, err);

		if (r < 0)
			return err_wrap(err, r, "do cycle %u", i + 1);
		if (i == warm) {
			run->fds_before = count_fds();
			run->rss_before_kb = rss_kb();
		}
	}
	run->fds_after = count_fds();
	run->rss_after_kb = rss_kb();
	return 0;
}

int main(int argc, char **argv)
{
	struct run run = { 0 };
	struct err err = ERR_INIT;

	if (argc == 3) {
		run.pid = (pid_t)strtol(argv[1], NULL, 10);
		run.cycles = (unsigned int)strtoul(argv[2], NULL, 10);
	}
	if (run.pid <= 0 || run.cycles < 5) {
		fprintf(stderr, "usage: attach_cycles PID CYCLES (at least 5)\n");
		return 2;
	}
	if (run_cycles(&run, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	printf("cycles %u perf %u hits %" PRIu64 " descriptors %d -> %d resident %ld -> %ld kB\n",
	       run.cycles, run.perf_cycles, run.hits, run.fds_before, run.fds_after,
	       run.rss_before_kb, run.rss_after_kb);
	return run.fds_after == run.fds_before &&
			       run.rss_after_kb - run.rss_before_kb <= GROWTH_MAX_KB
		       ? 0
		       : 1;
}
