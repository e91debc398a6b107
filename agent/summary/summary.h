/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one capture concluded: the model that engines and sinks read, and its JSON form (SCHEMA.md,
 * beside this file). Every lens fills the same fields, so nothing downstream cares where a fact
 * came from. A summary owns all that hangs on it: arrays grow through the summary_* and release_*
 * functions below, strings live in the summary until summary_free().
 *
 * A capture may span several releases of a service (old and new in one deployment): processes are
 * grouped into releases by what their executable is, and every metric belongs to a release.
 */
#ifndef PARKMETER_SUMMARY_H
#define PARKMETER_SUMMARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "hist/hist.h"
#include "parkmeter/wire.h"

#define SUMMARY_SCHEMA_MAJOR 1
#define SUMMARY_SCHEMA_MINOR 0

/*
 * What grows has a maximum. Of releases, notes, processes and frames an addition beyond it answers
 * -ENOSPC and changes nothing. Of the rest it is taken in and forgotten, and release->dropped
 * counts it: a capture that runs for long must not fail over its thousandth detail.
 */
#define SUMMARY_RELEASES_MAX  FILES_MAX
#define SUMMARY_NOTES_MAX     64
#define RELEASE_PROCESSES_MAX 1024
#define RELEASE_STACKS_MAX    STACKS_MAX /* different ones: equal ones are merged on the way */
#define RELEASE_CREATORS_MAX  CREATED_MAX
#define RELEASE_SYSCALLS_MAX  SYSCALLS_MAX /* (system call, start function) */
#define RELEASE_STALLS_MAX    STALLS_MAX
#define RELEASE_BLOCKS_MAX    4096 /* 8 KB each; 2 h of one process */
#define NAMED_HISTS_MAX       256  /* the next names share one, NAMED_HIST_OTHER */
#define NAMED_HIST_OTHER      "(other)"
#define STACK_DEPTH_MAX       128  /* frames: what Go's own traces hold */
#define CONTEXT_VALUE_MAX     1024 /* bytes of one value from the environment; the rest is cut */

/* The identity of the build under observation; every string may be NULL (unknown), owned. */
struct context {
	char *service;
	char *env;
	char *version;
	char *commit;
	char *build_id; /* of the pipeline, e.g. Jenkins' BUILD_TAG; never a grouping key */
	char *pipeline; /* e.g. JOB_NAME */
	char *build_url;
	char *node;
	char *trace_id; /* 32 lower-case hex digits (W3C) */
	char *span_id;  /* 16 lower-case hex digits */
};

void context_release(struct context *context);

/* True for 32 (trace) or 16 (span) lower-case hex digits that are not all zero. NULL: false. */
bool context_trace_id_valid(const char *trace_id);
bool context_span_id_valid(const char *span_id);

/*
 * Fills what is still NULL from the environment, each field from the first that says anything:
 * PARKMETER_{SERVICE,ENV,VERSION,COMMIT,BUILD_ID,PIPELINE,BUILD_URL,NODE,TRACE_ID}, then Jenkins'
 * variables, then OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES (percent-decoded; one that is
 * malformed is left out whole). The node is the host's name when nothing names one. The trace id
 * comes from PARKMETER_TRACE_ID, else from TRACEPARENT together with its span id (only a valid one
 * by W3C's rules: version ff and all-zero ids are refused), else from TRACE_ID, else it is made up.
 *
 * `getenv_fn` is getenv() outside of tests. -ENOMEM; -EINVAL: a trace id that was given on purpose
 * (already set, or PARKMETER_TRACE_ID) is none. Fields filled before a failure stay filled.
 */
int context_fill(struct context *context, const char *(*getenv_fn)(const char *name),
		 struct err *err);

struct process {
	pid_t pid;                  /* as the host sees it */
	uint64_t started_ns;        /* CLOCK_MONOTONIC; 0 unknown */
	uint64_t exited_ns;         /* 0: lived when the window closed */
	uint64_t exec_to_attach_ns; /* 0: covered from its first instruction or, where it started
				     * before the window, from the window's */
	char *exe;
	char *container;     /* NULL: none */
	char *pod;           /* NULL: none */
	bool probed, kernel; /* which lenses saw it */
	char *refused;       /* why it was not probed, a sentence; NULL when it was */
	uint64_t goroutines; /* most that were counted at once in the window; 0: unknown */
};

struct frame {
	char *function;
	char *file;    /* NULL: unknown */
	uint32_t line; /* 0: unknown */
};

/* Goroutines that waited for the same reason at the same stack. */
struct wait_stack {
	char *reason;
	struct frame *frames; /* innermost first */
	size_t frame_count;
	uint64_t count; /* waits that ended inside the window */
	uint64_t sum_ns;
	uint64_t max_ns;
	uint64_t still_waiting;    /* goroutines that wait there as the window closes */
	uint64_t still_waiting_ns; /* their time so far, summed; not part of sum_ns */
	bool system;               /* a goroutine of the runtime itself */
};

struct creator {
	char *creator; /* function with the go statement */
	char *start;   /* function that the goroutine runs */
	uint64_t count;
};

/* A histogram under a name: a wake cause, a wait reason, a system call, a reason to stop the world.
 */
struct named_hist {
	char *name;
	struct hist hist;
	uint32_t blocks; /* in how many 2 s blocks (times processes) it holds samples */
};

struct named_hists {
	struct named_hist *items;
	size_t count;
};

/* A system call of goroutines with one start function. */
struct syscall_user {
	char *syscall;
	char *start; /* "" where no goroutine was known on the thread */
	uint64_t count, sum_ns, max_ns;
};

struct total {
	uint64_t count, sum_ns, max_ns;
};

/*
 * Goroutines with one start function whose threads did not run: they waited for a CPU (run queue)
 * or were blocked, in a system call above all (off CPU). Threads that carried no known goroutine,
 * idle ones above all, are in no stall.
 */
struct stall {
	char *start;
	struct total runqueue, offcpu;
};

/* One process during one 2 s block: what the judge resamples. */
struct block {
	uint32_t index; /* number since the window opened */
	pid_t pid;
	struct hist runnable; /* all wake causes */
	struct hist runqueue;
	uint64_t waiting_ns; /* all reasons, waits that ended in the block */
	uint64_t dispatches;
};

/* How much did not fit any more. */
struct dropped {
	uint64_t stacks;
	uint64_t creators;
	uint64_t syscall_users;
	uint64_t stalls;
	uint64_t blocks;
};

struct release {
	char *version;  /* "v2.3.0", else a short revision or build id */
	char *revision; /* vcs.revision; NULL unknown */
	char *go_build_id;
	char *go_version;
	char *module;
	struct process *processes;
	size_t process_count;

	struct hist runnable; /* all wake causes together */
	/* Goroutines that wanted to run as the window closed, and for how long already; not part of
	 * `runnable`. */
	struct total still_runnable;
	struct named_hists runnable_by_cause;
	struct named_hists waiting; /* by reason */
	struct wait_stack *stacks;  /* by total time, largest first, after summary_finish() */
	size_t stack_count;
	size_t stack_capacity;
	bool stacks_full; /* RELEASE_STACKS_MAX different ones: no more are taken */
	struct creator *creators;
	size_t creator_count;
	uint64_t created; /* goroutines */

	struct named_hists stw; /* by reason, stops that parkmeter's own tracing causes included */
	uint64_t gc_cycles;
	struct hist gc; /* one cycle: sweep termination's start to mark termination's end */

	struct hist runqueue; /* kernel: thread runnable -> on a CPU */
	struct hist offcpu;   /* kernel: thread blocked */
	struct named_hists syscalls;
	struct syscall_user *syscall_users;
	size_t syscall_user_count;
	struct stall *stalls; /* largest total time first, after summary_finish() */
	size_t stall_count;

	struct block *blocks;
	size_t block_count;

	struct dropped dropped;
	struct spare *spare; /* private: takes what is dropped */
};

/* What the measurement cost and what it did not see. */
struct quality {
	uint64_t hits[SITE_COUNT];
	uint64_t foreign_hits;
	uint64_t unmatched_execute, unmatched_wake, direct;
	uint64_t hist_full, goroutines_full, stacks_full, waits_full, threads_full, created_full,
		syscalls_full, stalls_full;
	uint64_t events_dropped, busy, missed; /* missed: programs that did not run (recursion) */
	uint64_t stack_unreadable, stack_truncated, field_unreadable;
	uint64_t sched_switches, sched_wakeups, syscalls;
	uint64_t exec_to_attach_max_ns;
	double hit_cost_ns;    /* calibrated on this machine; 0 unknown */
	double overhead_ratio; /* of the targets' CPU time spent in hits; 0 unknown */
	double seen_ratio;     /* part of the window in which probes measured */
	char **notes;          /* sentences a person must read */
	size_t note_count;
};

struct summary {
	struct context context;
	char *id; /* of the capture */
	char *agent_version;
	char *kernel; /* uname -r */
	uint32_t cpus;
	uint64_t opened_wall_ns;       /* CLOCK_REALTIME */
	uint64_t opened_ns, closed_ns; /* CLOCK_MONOTONIC */
	uint32_t block_count;
	char *attach;             /* "uprobe_multi" or "perf"; NULL: no probes */
	int command_status;       /* exit code of the command after "--"; -1 none */
	struct release *releases; /* in the order in which they appeared */
	size_t release_count;
	struct quality quality;
};

/* An empty summary: command_status is -1, everything else NULL or 0. */
int summary_new(struct summary **ret_summary, struct err *err);
void summary_free(struct summary *summary); /* takes NULL */
DEFINE_FREEP(struct summary *, summary_free)

/*
 * Replaces an owned string: frees what *ret_field held, copies `text` (NULL: unknown). -ENOMEM
 * leaves the field as it was. For every `char *` of the structs above.
 */
int summary_set_string(char **ret_field, const char *text);

/*
 * The additions: strings are copied (NULL is ""), the results stay valid until the next addition to
 * the same array. -ENOMEM; -ENOSPC where the maximum says so.
 */
int summary_add_release(struct summary *summary, const char *version, struct release **ret_release);
/* A sentence that is there already is not added twice. */
int summary_add_note(struct summary *summary, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int release_add_process(struct release *release, pid_t pid, struct process **ret_process);
/* Always a new one; equal ones (reason, frames, system) are merged later. */
int release_add_stack(struct release *release, const char *reason, struct wait_stack **ret_stack);
/* Does not touch release->created, which summary_finish() raises to the sum of the creators. */
int release_add_creator(struct release *release, const char *creator, const char *start,
			uint64_t count);
int release_add_syscall_user(struct release *release, const char *syscall, const char *start,
			     struct syscall_user **ret_user);
int release_add_stall(struct release *release, const char *start, struct stall **ret_stall);
int stack_add_frame(struct wait_stack *stack, const char *function, const char *file,
		    uint32_t line);
/* The block of (index, pid), made when it is not there yet. */
int release_block(struct release *release, uint32_t index, pid_t pid, struct block **ret_block);
/* The histogram of that name, made when it is not there yet; NAMED_HIST_OTHER's when there are
 * NAMED_HISTS_MAX names already. */
int named_hists_get(struct named_hists *hists, const char *name, struct named_hist **ret_hist);

/*
 * The frame that says where goroutines wait: the innermost outside of the runtime and of what the
 * standard library puts around it; where there is no other, the outermost. NULL: there is no frame.
 */
const struct frame *stack_place(const struct wait_stack *stack);

/*
 * Merges equal stacks, creators, users of system calls and stalls, and sorts every list: largest
 * total time first (of a stack: ended waits and those that last), creators by count, processes by
 * start, blocks by (index, pid). Call once all is in; calling it again changes nothing.
 */
void summary_finish(struct summary *summary);

/*
 * The JSON form, a new reference; NULL when memory ran out. The schema: SCHEMA.md. Integers beyond
 * 2^63 - 1 stop there, bytes that are no UTF-8 become U+FFFD.
 */
json_t *summary_to_json(const struct summary *summary);

/* The JSON Schema (draft 2020-12) that summary_to_json() keeps to, in one line; static storage. */
const char *summary_schema(void);

/* How it is shown. */
struct text_style {
	bool colour;
	bool unicode;
	unsigned int columns; /* width of the terminal, 80 when it is none */
};

/*
 * What a person sees, to be called after summary_finish(): of one release its tables, histogram and
 * stacks; of several the oldest beside the newest, what changed most first; one sentence that says
 * it all as the last lines. Names from outside are shown without control characters, so that no
 * process can write to the terminal through its name. The buf's status tells a lack of memory.
 */
void summary_to_text(const struct summary *summary, const struct text_style *style,
		     struct buf *buf);

#endif
