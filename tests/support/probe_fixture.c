/* SPDX-License-Identifier: Apache-2.0 */
#include "support/probe_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#define MUST(call)                                           \
	do {                                                 \
		struct err err = ERR_INIT;                   \
		if ((call) < 0)                              \
			fail_msg("%s: %s", #call, err.text); \
	} while (0)

struct fixture *fixture_new(const struct probe_options *options, const char *path)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct stat file;

	assert_non_null(fixture);
	fixture->fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fixture->fd >= 0);
	assert_int_equal(fstat(fixture->fd, &file), 0);
	/* The kernel's own form of a device number has 20 bits for the minor. */
	fixture->key.inode = file.st_ino;
	fixture->key.dev = major(file.st_dev) << 20 | minor(file.st_dev);
	MUST(gobin_load(AT_FDCWD, path, &fixture->bin, &err));
	MUST(gobin_sites(fixture->bin, fixture->sites, &err));
	MUST(gobin_target_config(fixture->bin, &fixture->config, &err));
	fixture->config.binary_id = 1;
	fixture->config.flags |= TARGET_PROBED;
	MUST(probe_open(options, &fixture->session, &err));
	return fixture;
}

void fixture_free(struct fixture *fixture)
{
	probe_free(fixture->session);
	gobin_free(fixture->bin);
	close(fixture->fd);
	free(fixture);
}

void fixture_attach(struct fixture *fixture, pid_t pid)
{
	MUST(probe_attach_binary(fixture->session, 1, fixture->fd, pid, fixture->sites, &err));
}

void fixture_watch(struct fixture *fixture)
{
	MUST(probe_watch_file(fixture->session, &fixture->key, &fixture->config, &err));
}

void fixture_add(struct fixture *fixture, pid_t pid)
{
	fixture->config.load_bias = fixture->load_bias;
	MUST(probe_add_process(fixture->session, pid, &fixture->config, &err));
}

void fixture_open_window(struct fixture *fixture)
{
	uint64_t opened_ns;

	MUST(probe_activate(fixture->session, &opened_ns, &err));
}

static void on_event(void *user, const struct event_header *event, size_t size)
{
	struct fixture *fixture = user;

	assert_true(size <= sizeof(union fixture_event));
	assert_true(fixture->event_count < FIXTURE_EVENTS_MAX);
	memcpy(&fixture->events[fixture->event_count++], event, size);
}

static void on_hist(void *user, const struct hist_key *key, enum metric metric, unsigned int sub,
		    const struct hist_value *value)
{
	struct fixture *fixture = user;
	uint64_t count = 0, least_ns = 0, top = 0;

	for (uint32_t i = 0; i < BUCKET_COUNT; i++) {
		count += value->counts[i];
		least_ns += value->counts[i] * bucket_lower_ns(i);
		if (value->counts[i])
			top = i;
	}
	if (!count || value->sum_ns < least_ns || bucket_index(value->max_ns) != top)
		fixture->inconsistent++;
	fixture->hist_counts[metric][sub] += count;
	fixture->hist_sums_ns[metric][sub] += value->sum_ns;
	if (key->block >= fixture->blocks)
		fixture->blocks = key->block + 1;
}

static struct fixture_wait *next_wait(struct fixture *fixture, const struct stack_value *stack)
{
	struct fixture_wait *wait = &fixture->waits[fixture->wait_count++];

	assert_true(fixture->wait_count < FIXTURE_WAITS_MAX);
	if (stack)
		wait->stack = *stack;
	return wait;
}

static void on_wait(void *user, const struct wait_key *key, const struct wait_value *value,
		    const struct stack_value *stack)
{
	struct fixture_wait *wait = next_wait(user, stack);

	wait->key = *key;
	wait->value = *value;
}

static void on_still_waiting(void *user, const struct goroutine_key *key,
			     const struct goroutine_value *value, const struct stack_value *stack)
{
	struct fixture_wait *wait = next_wait(user, stack);

	wait->key.tgid = key->tgid;
	wait->key.program = key->program;
	wait->key.reason = value->reason;
	wait->still = true;
}

static void on_still_runnable(void *user, const struct goroutine_key *key,
			      const struct goroutine_value *value)
{
	struct fixture *fixture = user;

	assert_true(key->g && value->since_ns);
	fixture->still_runnable++;
}

static void on_created(void *user, const struct created_key *key, uint64_t count)
{
	struct fixture *fixture = user;

	assert_true(key->creator_pc && key->start_pc);
	fixture->created += count;
}

static void on_syscall(void *user, const struct syscall_key *key, const struct wait_value *value)
{
	struct fixture *fixture = user;

	if (key->number >= SYSCALL_MAX)
		return;
	fixture->syscalls[key->number] += value->count;
	if (key->start_pc)
		fixture->syscalls_of_goroutines += value->count;
}

static void on_stall(void *user, const struct stall_key *key, const struct wait_value *value)
{
	struct fixture *fixture = user;

	assert_true(key->start_pc && fixture->stall_count < FIXTURE_STALLS_MAX);
	fixture->stalls[fixture->stall_count++] = (struct fixture_stall){ *key, *value };
}

struct wait_value fixture_stall(const struct fixture *fixture, enum metric metric,
				const char *start)
{
	struct wait_value total = { 0 };

	for (size_t i = 0; i < fixture->stall_count; i++) {
		const struct fixture_stall *stall = &fixture->stalls[i];
		struct gobin_func func;

		if (stall->key.metric != metric ||
		    gobin_symbolize(fixture->bin, stall->key.start_pc - fixture->load_bias, &func,
				    NULL, NULL) < 0 ||
		    strcmp(func.name, start) != 0)
			continue;
		total.count += stall->value.count;
		total.sum_ns += stall->value.sum_ns;
	}
	return total;
}

void fixture_read_events(struct fixture *fixture)
{
	const struct probe_visitor visitor = { .user = fixture, .event = on_event };

	MUST(probe_read_events(fixture->session, &visitor, &err));
}

void fixture_close_window(struct fixture *fixture)
{
	const struct probe_visitor visitor = {
		.user = fixture,
		.event = on_event,
		.hist = on_hist,
		.wait = on_wait,
		.still_waiting = on_still_waiting,
		.still_runnable = on_still_runnable,
		.created = on_created,
		.syscall = on_syscall,
		.stall = on_stall,
	};
	uint64_t closed_ns;

	probe_deactivate(fixture->session, &closed_ns);
	MUST(probe_read_events(fixture->session, &visitor, &err));
	MUST(probe_drain_blocks(fixture->session, &visitor, &err));
	MUST(probe_drain_totals(fixture->session, &visitor, &err));
	MUST(probe_counters(fixture->session, fixture->counters, &fixture->missed, &err));
	assert_int_equal(fixture->inconsistent, 0);
}

static bool has_function(const struct fixture *fixture, const struct stack_value *stack,
			 const char *name)
{
	struct gobin_func function;

	for (size_t i = 0; i < STACK_FRAMES_MAX && stack->pcs[i]; i++)
		if (gobin_symbolize(fixture->bin, stack->pcs[i] - fixture->load_bias, &function,
				    NULL, NULL) == 0 &&
		    !strcmp(function.name, name))
			return true;
	return false;
}

static bool wait_matches(const struct fixture *fixture, const struct fixture_wait *wait,
			 const char *reason, const char *function)
{
	const char *name = gobin_wait_reason(fixture->bin, wait->key.reason);

	return !wait->still && name && !strcmp(name, reason) &&
	       (!function[0] || has_function(fixture, &wait->stack, function));
}

uint64_t fixture_waits(const struct fixture *fixture, const char *reason, const char *function)
{
	uint64_t count = 0;

	for (size_t i = 0; i < fixture->wait_count; i++)
		if (wait_matches(fixture, &fixture->waits[i], reason, function))
			count += fixture->waits[i].value.count;
	return count;
}

uint64_t fixture_wait_ns(const struct fixture *fixture, const char *reason, const char *function)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < fixture->wait_count; i++)
		if (wait_matches(fixture, &fixture->waits[i], reason, function))
			ns += fixture->waits[i].value.sum_ns;
	return ns;
}

size_t fixture_events(const struct fixture *fixture, enum event_kind kind, pid_t pid)
{
	size_t count = 0;

	for (size_t i = 0; i < fixture->event_count; i++)
		if (fixture->events[i].header.kind == kind &&
		    (!pid || fixture->events[i].header.tgid == (uint32_t)pid))
			count++;
	return count;
}

uint64_t fixture_runnable(const struct fixture *fixture, enum wake_cause cause)
{
	return fixture->hist_counts[METRIC_RUNNABLE][cause];
}

uint64_t fixture_hits(const struct fixture *fixture, enum site_kind site)
{
	return fixture->counters[COUNTER_HIT + site];
}

void fixture_site_bytes(const struct fixture *fixture, enum site_kind site, pid_t pid,
			unsigned char memory[16], unsigned char file[16])
{
	const struct gobin_site *at = &fixture->sites[site];
	CLEANUP(closep) int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, memory, 16, (off_t)(at->address + fixture->load_bias)), 16);
	assert_int_equal(pread(fixture->fd, file, 16, (off_t)at->file_offset), 16);
}
