/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps and the configuration that all programs share. They are defined in core.bpf.c and
 * declared here; the static linker of bpftool joins them.
 *
 * All hash maps are preallocated: a program in a scheduler tracepoint must not allocate. None is
 * per CPU except for what is summed up or is scratch memory: a goroutine that moves to another CPU
 * would otherwise lose its pair. Sizes are in parkmeter/limits.h.
 */
#ifndef PARKMETER_BPF_MAPS_H
#define PARKMETER_BPF_MAPS_H

#include "core/kernel.h"

#include "parkmeter/wire.h"

/* Declares a map; `struct NAME_map NAME SEC(".maps")` in core.bpf.c defines it. */
#define HASH_MAP(name, key_type, value_type, entries) \
	struct name##_map {                           \
		__uint(type, BPF_MAP_TYPE_HASH);      \
		__uint(max_entries, entries);         \
		__type(key, key_type);                \
		__type(value, value_type);            \
	};                                            \
	extern struct name##_map name SEC(".maps")

#define PERCPU_MAP(name, value_type, entries)            \
	struct name##_map {                              \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); \
		__uint(max_entries, entries);            \
		__type(key, __u32);                      \
		__type(value, value_type);               \
	};                                               \
	extern struct name##_map name SEC(".maps")

#define RING_MAP(name, bytes)                       \
	struct name##_map {                         \
		__uint(type, BPF_MAP_TYPE_RINGBUF); \
		__uint(max_entries, bytes);         \
	};                                          \
	extern struct name##_map name SEC(".maps")

/* A copied part of a goroutine's stack; its frames are followed inside the copy. */
#define STACK_COPY_BYTES 1024
/* The head of a runtime.g: all fields that a parking goroutine is asked for are in it. */
#define G_COPY_BYTES GO_G_HEAD_BYTES

struct scratch {
	__u64 users; /* see scratch_take() */
	__u8 g[G_COPY_BYTES];
	__u8 copy[STACK_COPY_BYTES];
	struct stack_value stack;
};

/* A thread of a watched process, seen by the kernel lens. */
enum thread_state {
	THREAD_UNKNOWN = 0,
	THREAD_ON_CPU = 1,
	THREAD_QUEUED = 2,
	THREAD_OFF_CPU = 3,
};

struct thread_value {
	__u64 since_ns;   /* when it entered `state` */
	__u64 syscall_ns; /* when it entered the system call; 0: in none */
	__u64 syscall_start_pc;
	__u64 g;              /* the goroutine that execute() put on it last, */
	__u64 start_pc;       /* and its start function */
	__u64 stall_start_pc; /* of the goroutine that it carried off the CPU; 0: of none */
	__u32 syscall_number;
	__u8 state; /* enum thread_state */
	__u8 pad[3];
};

struct stw_value {
	__u64 begin_ns;
	__u64 caller_pc;
	__u32 reason;
	__u32 pad;
};

extern const volatile struct probe_settings settings;
extern struct probe_window window;
extern const volatile struct hist_value hist_template; /* an empty histogram */

HASH_MAP(targets, __u32, struct target_config, TARGETS_MAX);
HASH_MAP(watched_files, struct file_key, struct target_config, FILES_MAX);
HASH_MAP(goroutines, struct goroutine_key, struct goroutine_value, GOROUTINES_MAX);
HASH_MAP(hists, struct hist_key, struct hist_value, HISTS_MAX);
HASH_MAP(stacks, __u64, struct stack_value, STACKS_MAX);
HASH_MAP(waits, struct wait_key, struct wait_value, WAITS_MAX);
HASH_MAP(created, struct created_key, __u64, CREATED_MAX);
HASH_MAP(syscalls, struct syscall_key, struct wait_value, SYSCALLS_MAX);
HASH_MAP(stalls, struct stall_key, struct wait_value, STALLS_MAX);
HASH_MAP(threads, __u32, struct thread_value, THREADS_MAX);
HASH_MAP(stops, __u32, struct stw_value, TARGETS_MAX);
PERCPU_MAP(counters, __u64, COUNTER_COUNT);
PERCPU_MAP(scratch_memory, struct scratch, 1);
RING_MAP(events, RING_BYTES);

/* Atomic, because a run can be interrupted by another on the same CPU. */
static __always_inline void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		__sync_fetch_and_add(value, 1);
}

#endif
