/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same program built by each Go toolchain, and by one of them as a stripped PIE: sites, struct
 * layouts and wait reasons must be right together, or the numbers are not.
 */
#include <elf.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/go_program.h"
#include "support/probe_fixture.h"

struct variant {
	const char *version;
	const char *name;
	const char *flags;
};

/* The file's lowest address: Go's own linker begins a PIE at 4 MB, others at 0. */
static uint64_t lowest_address(int fd)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	for (int i = 0; i < header.e_phnum; i++) {
		off_t at = (off_t)(header.e_phoff + (uint64_t)i * header.e_phentsize);

		assert_int_equal(pread(fd, &segment, sizeof(segment), at), sizeof(segment));
		if (segment.p_type == PT_LOAD)
			return segment.p_vaddr;
	}
	fail_msg("no segment");
	return 0;
}

/* Where the kernel put it: the file's lowest mapping minus its lowest address. */
static uint64_t load_bias(const struct fixture *fixture, pid_t pid)
{
	unsigned long long start = 0, inode = 0;
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	assert_non_null(maps);
	while (inode != fixture->key.inode && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%llx-%*x %*s %*x %*s %llu", &start, &inode) != 2)
			inode = 0;
	fclose(maps);
	assert_int_equal(inode, fixture->key.inode);
	return start - lowest_address(fixture->fd);
}

static struct fixture *run(const struct variant *variant, const char *thing, unsigned int count)
{
	const struct probe_options options = { .goroutines = true, .reasons = true };
	struct fixture *fixture;
	struct go_program child;
	char program[PATH_MAX];

	if (!go_program_build(variant->version, variant->name, variant->flags, program)) {
		print_message("skipped: no Go %s\n", variant->version);
		skip();
	}
	fixture = fixture_new(&options, program);
	go_program_start(&child, program, thing, count);
	fixture->load_bias = load_bias(fixture, child.pid);
	fixture_attach(fixture, child.pid);
	fixture_add(fixture, child.pid);
	fixture_open_window(fixture);
	go_program_work(&child);
	fixture_close_window(fixture);
	assert_int_equal(go_program_end(&child), 0);
	assert_int_equal(fixture->counters[COUNTER_STACK_UNREADABLE], 0);
	assert_int_equal(fixture->counters[COUNTER_FIELD_UNREADABLE], 0);
	assert_in_range(fixture->counters[COUNTER_UNMATCHED_WAKE], 0, 8);
	assert_in_range(fixture->counters[COUNTER_UNMATCHED_EXECUTE], 0, 8);
	return fixture;
}

/* Stops of the world that a GC cycle makes. Before Go 1.21 only their callers tell. */
static uint64_t gc_stops(const struct fixture *fixture)
{
	uint64_t count = 0;

	for (size_t i = 0; i < fixture->event_count; i++) {
		const struct event_stw *stop = &fixture->events[i].stw;
		struct gobin_func caller = { .name = "" };
		const char *reason;

		if (stop->header.kind != EVENT_STW)
			continue;
		if (fixture->config.flags & TARGET_STW_HAS_REASON) {
			reason = gobin_stw_reason(fixture->bin, stop->reason);
			assert_non_null(reason);
			count += !strncmp(reason, "GC ", 3);
		} else {
			gobin_symbolize(fixture->bin, stop->caller_pc - fixture->load_bias, &caller,
					NULL, NULL);
			count += !strncmp(caller.name, "runtime.gc", 10);
		}
	}
	return count;
}

static void counts_are_right(void **state)
{
	const struct variant *variant = *state;
	struct fixture *fixture = run(variant, "sleeps", 50);

	assert_int_equal(fixture_waits(fixture, "sleep", "main.sleeps"), 50);
	assert_true(fixture_wait_ns(fixture, "sleep", "main.sleeps") >= 50 * NS_PER_MS);
	fixture_free(fixture);

	fixture = run(variant, "network", 100);
	assert_in_range(fixture_waits(fixture, "IO wait", "main.network"), 80, 100);
	/* Who was woken as the window closed has not run in it. */
	assert_in_range(fixture_waits(fixture, "IO wait", "") -
				fixture_runnable(fixture, WAKE_NETPOLL),
			0, 1);
	fixture_free(fixture);

	fixture = run(variant, "spawn", 200);
	assert_in_range(fixture->created, 200, 210);
	assert_in_range(fixture_runnable(fixture, WAKE_NEW), 200, 210);
	fixture_free(fixture);

	fixture = run(variant, "pingpong", 2000);
	assert_in_range(fixture_waits(fixture, "chan send", "main.pingpong") +
				fixture_waits(fixture, "chan receive", "main.pingpong"),
			800, 4000);
	fixture_free(fixture);

	fixture = run(variant, "yields", 500);
	assert_int_equal(fixture_runnable(fixture, WAKE_YIELD), 500);
	fixture_free(fixture);

	fixture = run(variant, "spin", 200);
	assert_in_range(fixture_runnable(fixture, WAKE_PREEMPT), 3, 300);
	assert_in_range(fixture_runnable(fixture, WAKE_YIELD), 0, 10);
	fixture_free(fixture);

	fixture = run(variant, "blocking", 6);
	assert_in_range(fixture_runnable(fixture, WAKE_SYSCALL_EXIT), 4, 12);
	fixture_free(fixture);

	fixture = run(variant, "collect", 10);
	assert_in_range(gc_stops(fixture), 20, 40);
	fixture_free(fixture);
}

static struct variant variants[] = {
	{ "1.19", "", "" },
	{ "1.21", "", "" },
	{ "1.22", "", "" },
	{ "1.23", "", "" },
	{ "1.24", "", "" },
	{ "1.26", "", "" },
	{ "1.27", "", "" },
	{ "1.24", "-pie", "-buildmode=pie -ldflags='-s -w'" },
	{ "1.27", "-stripped", "-ldflags='-s -w'" },
};

#define VARIANT(index)                                                     \
	{                                                                  \
		.name = "counts_are_right", .test_func = counts_are_right, \
		.initial_state = &variants[index]                          \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VARIANT(0), VARIANT(1), VARIANT(2), VARIANT(3), VARIANT(4),
		VARIANT(5), VARIANT(6), VARIANT(7), VARIANT(8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
