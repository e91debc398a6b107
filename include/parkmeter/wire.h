/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF programs and the agent say to each other: the configuration of a watched process,
 * the keys and values of the aggregating maps, the records of the ring buffer, the counters.
 * Explicit values are never renumbered. All durations are nanoseconds of CLOCK_MONOTONIC. Every
 * struct here is free of implicit padding.
 */
#ifndef PARKMETER_WIRE_H
#define PARKMETER_WIRE_H

#include "parkmeter/buckets.h"
#include "parkmeter/limits.h"

/* Constants of the programs, set before they are loaded: the verifier drops what is off. */
struct probe_settings {
	__u8 guard;     /* the kernel has bpf_preempt_disable() */
	__u8 reasons;   /* park_m is probed: waiting is seen */
	__u8 threads;   /* the kernel lens is on: execute() tells which goroutine a thread runs */
	__u8 all_execs; /* report every exec, not only those of watched files */
	__u8 registers; /* the kernel has bpf_task_pt_regs() */
	__u8 pad[3];
};

/*
 * The window, written by the agent while programs run: `active` last when it opens, first when it
 * closes.
 */
struct probe_window {
	__u64 opened_ns; /* what was stamped before is unknown to this window */
	__u64 origin_ns; /* when the session's first window opened: blocks count from here */
	__u32 active;
	__u32 pad;
};

/* A place in the Go runtime where a probe sits; the attach cookie of that probe. */
enum site_kind {
	SITE_EXECUTE = 0,      /* execute(gp): runnable or waiting -> running */
	SITE_READY = 1,        /* ready(gp): waiting -> runnable */
	SITE_NETPOLL = 2,      /* netpollready(list, pd, mode): up to two waiting -> runnable */
	SITE_NEW = 3,          /* newproc.func1, the call of runqput(pp, newg): new -> runnable */
	SITE_GOSCHED = 4,      /* goschedImpl(gp): running -> runnable, yield or preemption */
	SITE_GOYIELD = 5,      /* goyield_m(gp): running -> runnable */
	SITE_SYSCALL_EXIT = 6, /* exitsyscall0 / exitsyscallNoP(gp): syscall -> runnable */
	SITE_PARK = 7,         /* park_m(gp): running -> waiting */
	SITE_PREEMPT_PARK = 8, /* preemptPark(gp): running -> waiting ("preempted") */
	SITE_STW_BEGIN = 9,    /* stopTheWorldWithSema([reason]) */
	SITE_STW_END = 10,     /* startTheWorldWithSema() */
	SITE_COUNT = 11,
};

/* How a goroutine became runnable. */
enum wake_cause {
	WAKE_READY = 0,
	WAKE_NETPOLL = 1,
	WAKE_NEW = 2,
	WAKE_YIELD = 3,
	WAKE_PREEMPT = 4,
	WAKE_SYSCALL_EXIT = 5,
	/* Picked while waiting, without ever having been queued (GC worker, trace reader, refused
	 * park): counted, its runnable time is zero by construction and not in the histograms. */
	WAKE_DIRECT = 6,
	WAKE_COUNT = 7,
};

/* What a histogram measures; `sub` of its key is in brackets. */
enum metric {
	METRIC_RUNNABLE = 0, /* runnable -> running [wake_cause] */
	METRIC_WAITING = 1,  /* park -> runnable [wait reason of the target's Go version] */
	METRIC_RUNQUEUE = 2, /* thread runnable -> on a CPU [0] */
	METRIC_OFFCPU = 3,   /* thread blocked -> woken [0] */
	METRIC_SYSCALL = 4,  /* sys_enter -> sys_exit [system call number] */
	METRIC_COUNT = 5,
};

/*
 * The part of a runtime.g that is copied when it parks: waitreason, sched and stack must lie in it
 * (they end at byte 185 at most, Go 1.17 to 1.27); a layout that says otherwise is refused.
 */
#define GO_G_HEAD_BYTES 256

/* runtime.g, pollDesc ... as this process' Go version lays them out: byte offsets. */
struct go_layout {
	__u32 g_goid;
	__u32 g_waitreason;
	__u32 g_sched_pc;
	__u32 g_sched_sp;
	__u32 g_sched_bp;
	__u32 g_startpc;
	__u32 g_gopc;
	__u32 g_stack_lo; /* stack.lo; stack.hi is 8 behind it */
	__u32 polldesc_rg;
	__u32 polldesc_wg;
};

enum target_flag {
	TARGET_GOSCHED_HAS_PREEMPTED = 1 << 0, /* goschedImpl(gp, preempted): Go >= 1.22 */
	TARGET_STW_HAS_REASON = 1 << 1,        /* stopTheWorldWithSema(reason): Go >= 1.21 */
	TARGET_PROBED = 1 << 2, /* the goroutine probes are attached to its executable */
};

/* Value of the map `targets` (key: tgid) and of `watched_files` (key: struct file_key). */
struct target_config {
	struct go_layout layout;
	__u32 flags;     /* enum target_flag */
	__u32 binary_id; /* the agent's number of the executable */
	/* waitReasonPreempted of this Go version: preemptPark() stores it behind the site. */
	__u32 preempt_reason;
	__u32 pad;
	/* gopreempt_m, relative to the load address, where goschedImpl does not say why (Go
	 * <= 1.21); empty when both are 0. */
	__u64 gopreempt_lo;
	__u64 gopreempt_hi;
	__u64 load_bias; /* run-time address minus the ELF file's; 0 unless PIE */
	/* When the process came under this configuration: what was stamped before is another
	 * program's. Written by the kernel side when it enrols a process at exec. */
	__u64 enrolled_ns;
};

/*
 * Which program of a process a total belongs to: a process that executes another release keeps its
 * pid, and a pid may be given again. Microseconds, because they fit the keys and no process
 * executes twice within one.
 */
static inline __u32 program_of(__u64 enrolled_ns)
{
	return (__u32)(enrolled_ns >> 10);
}

/* An executable as exec sees it: the file's inode number and its superblock's device, kernel form.
 */
struct file_key {
	__u64 inode;
	__u32 dev;
	__u32 pad;
};

struct hist_key {
	__u32 tgid;
	__u32 program;    /* program_of() */
	__u16 block;      /* number of the 2 s block since the session's first window opened */
	__u16 metric_sub; /* metric << 12 | sub */
};

struct hist_value {
	__u64 sum_ns;
	__u64 max_ns;
	__u32 counts[BUCKET_COUNT];
};

/* Waiting time by reason and stack. */
struct wait_key {
	__u64 stack_id; /* key into `stacks`; 0: no stack could be read */
	__u32 tgid;
	__u32 program; /* program_of() */
	__u32 reason;
	__u32 pad;
};

struct wait_value {
	__u64 count;
	__u64 sum_ns;
	__u64 max_ns;
};

/* Return addresses, innermost first; 0 ends it. Run-time addresses. */
struct stack_value {
	__u64 pcs[STACK_FRAMES_MAX];
};

/* Goroutines created. */
struct created_key {
	__u64 creator_pc; /* g.gopc */
	__u64 start_pc;   /* g.startpc */
	__u32 tgid;
	__u32 program; /* program_of() */
};

/* System calls by the goroutine on the thread. */
struct syscall_key {
	__u64 start_pc; /* of the goroutine; 0: no goroutine known on that thread */
	__u32 tgid;
	__u32 program; /* program_of() */
	__u32 number;
	__u32 pad;
};

/* Time in which a thread that carried a goroutine was not on a CPU. */
struct stall_key {
	__u64 start_pc; /* of the goroutine */
	__u32 tgid;
	__u32 program; /* program_of() */
	__u32 metric;  /* METRIC_RUNQUEUE or METRIC_OFFCPU */
	__u32 pad;
};

enum goroutine_state {
	GOROUTINE_UNKNOWN = 0,
	GOROUTINE_RUNNABLE = 1,
	GOROUTINE_RUNNING = 2,
	GOROUTINE_WAITING = 3,
};

struct goroutine_key {
	__u64 g; /* address of the runtime.g: two programs of a pid have many in common */
	__u32 tgid;
	__u32 program; /* program_of() */
};

struct goroutine_value {
	__u64 since_ns; /* when it entered `state` */
	__u64 stack_id; /* while waiting */
	__u8 state;     /* enum goroutine_state */
	__u8 cause;     /* enum wake_cause, while runnable */
	__u8 reason;    /* wait reason, while waiting */
	__u8 pad[5];
};

/* Ring buffer records; each starts with this. */
enum event_kind {
	EVENT_EXEC = 1,
	EVENT_EXIT = 2,
	EVENT_STW = 3,
	EVENT_FORK = 4,
};

struct event_header {
	__u32 kind; /* enum event_kind */
	__u32 tgid;
	__u64 time_ns;
};

struct event_exec {
	struct event_header header;
	struct file_key file;
	__u32 enrolled; /* 1: the kernel side recognised the file and watches the process already */
	__u32 parent;
	char comm[16];
};

struct event_exit {
	struct event_header header; /* of a whole process, not of one thread */
};

struct event_fork {
	struct event_header header; /* tgid: the child */
	__u32 parent;
	__u32 pad;
};

struct event_stw {
	struct event_header header; /* time_ns: when the stop was requested */
	__u64 duration_ns;
	__u64 caller_pc; /* in who called for it, for Go <= 1.20; else 0 */
	__u32 reason;    /* enum stwReason of Go >= 1.21, else 0 */
	__u32 pad;
};

/* Index into the per-CPU array `counters`. */
enum counter {
	COUNTER_HIT = 0,      /* + enum site_kind: hits of each site in watched processes */
	COUNTER_FOREIGN = 16, /* hits in processes that are not watched (same executable) */
	COUNTER_UNMATCHED_EXECUTE = 17, /* execute of a goroutine whose runnable time is unknown */
	COUNTER_UNMATCHED_WAKE = 18,    /* wake-up of a goroutine whose waiting began unseen */
	COUNTER_DIRECT = 19,            /* dispatches of WAKE_DIRECT */
	COUNTER_HIST_FULL = 20,         /* a sample lost because the histogram map was full */
	COUNTER_GOROUTINES_FULL = 21,
	COUNTER_STACKS_FULL = 22,
	COUNTER_WAITS_FULL = 23,
	COUNTER_THREADS_FULL = 24,
	COUNTER_EVENT_DROPPED = 25,    /* ring buffer full */
	COUNTER_STACK_UNREADABLE = 26, /* a frame of a waiting goroutine could not be read */
	COUNTER_FIELD_UNREADABLE = 27, /* a field of a g could not be read: the hit is lost */
	COUNTER_BUSY = 28, /* a map bucket was locked by an interrupted update: sample lost */
	COUNTER_SCHED_SWITCH = 29, /* kernel events of watched threads */
	COUNTER_SCHED_WAKEUP = 30,
	COUNTER_SYSCALL = 31,
	COUNTER_CREATED_FULL = 32,
	COUNTER_STACK_TRUNCATED = 33, /* deeper than STACK_FRAMES_MAX */
	COUNTER_SYSCALLS_FULL = 34,
	COUNTER_STALLS_FULL = 35,
	COUNTER_COUNT = 40,
};

#endif
