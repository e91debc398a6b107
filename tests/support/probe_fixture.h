/* SPDX-License-Identifier: Apache-2.0 */
/* A probe session on one Go program, and all that it handed out, added up. */
#ifndef PARKMETER_TESTS_PROBE_FIXTURE_H
#define PARKMETER_TESTS_PROBE_FIXTURE_H

#include "probe/probe.h"

#define FIXTURE_WAITS_MAX  512
#define FIXTURE_EVENTS_MAX 512
#define FIXTURE_STALLS_MAX 64

struct fixture_wait {
	struct wait_key key;
	struct wait_value value;
	struct stack_value stack;
	bool still; /* a goroutine that waited when the window closed; key.tgid and reason only */
};

struct fixture_stall {
	struct stall_key key;
	struct wait_value value;
};

union fixture_event {
	struct event_header header;
	struct event_exec exec;
	struct event_fork fork;
	struct event_stw stw;
};

struct fixture {
	struct probe_session *session;
	struct gobin *bin;
	struct target_config config;
	struct gobin_site sites[SITE_COUNT];
	struct file_key key;
	int fd;
	uint64_t load_bias; /* of the process whose stacks are looked at */

	uint64_t hist_counts[METRIC_COUNT][4096];
	uint64_t hist_sums_ns[METRIC_COUNT][4096];
	unsigned int blocks;   /* highest block + 1 */
	uint64_t inconsistent; /* histograms whose sum, maximum and counts cannot belong together */
	struct fixture_wait waits[FIXTURE_WAITS_MAX];
	size_t wait_count;
	uint64_t still_runnable; /* goroutines that wanted to run as the window closed */
	union fixture_event events[FIXTURE_EVENTS_MAX];
	size_t event_count;
	uint64_t created, syscalls[SYSCALL_MAX];
	uint64_t syscalls_of_goroutines;
	struct fixture_stall stalls[FIXTURE_STALLS_MAX];
	size_t stall_count;
	uint64_t counters[COUNTER_COUNT];
	uint64_t missed;
};

/* Opens a session and analyses the program. Fails the test on an error. */
struct fixture *fixture_new(const struct probe_options *options, const char *path);
void fixture_free(struct fixture *fixture);

void fixture_attach(struct fixture *fixture, pid_t pid); /* probes in the program's file */
void fixture_watch(struct fixture *fixture);             /* enrolment at exec */
void fixture_add(struct fixture *fixture, pid_t pid);    /* a running process */
void fixture_open_window(struct fixture *fixture);
/* Closes the window and gathers everything. */
void fixture_close_window(struct fixture *fixture);
void fixture_read_events(struct fixture *fixture);

/* Waits by reason whose stack holds a function ("" any); of finished ones. */
uint64_t fixture_waits(const struct fixture *fixture, const char *reason, const char *function);
uint64_t fixture_wait_ns(const struct fixture *fixture, const char *reason, const char *function);
/* Time off the CPU of threads that carried goroutines which began in that function. */
struct wait_value fixture_stall(const struct fixture *fixture, enum metric metric,
				const char *start);
/* Events of that kind of a process (0: of any). */
size_t fixture_events(const struct fixture *fixture, enum event_kind kind, pid_t pid);
uint64_t fixture_runnable(const struct fixture *fixture, enum wake_cause cause);
uint64_t fixture_hits(const struct fixture *fixture, enum site_kind site);

/* The bytes at a probe site: of the process' memory, and of the file. */
void fixture_site_bytes(const struct fixture *fixture, enum site_kind site, pid_t pid,
			unsigned char memory[16], unsigned char file[16]);

#endif
