/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything in the kernel that grows has its maximum here; reaching one is counted (enum counter)
 * and shows in the summary's quality. None depends on the number of CPUs.
 */
#ifndef PARKMETER_LIMITS_H
#define PARKMETER_LIMITS_H

#define BLOCK_NS         2000000000ULL /* the unit of replication */
#define STACK_FRAMES_MAX 24
#define TARGETS_MAX      256    /* watched processes at a time */
#define FILES_MAX        64     /* watched executables */
#define HISTS_MAX        3072   /* histograms of the blocks that are not yet drained */
#define GOROUTINES_MAX   131072 /* goroutines of all watched processes */
#define STACKS_MAX       8192   /* different waiting stacks */
#define WAITS_MAX        8192   /* (process, reason, stack) */
#define CREATED_MAX      4096   /* (process, creator, start function) */
#define SYSCALLS_MAX     4096   /* (process, system call, start function) */
#define STALLS_MAX       4096   /* (process, start function, metric) */
#define THREADS_MAX      16384  /* threads of all watched processes */
#define RING_BYTES       (256 * 1024)
#define WAIT_REASONS_MAX 64
#define SYSCALL_MAX      1024 /* x86-64 numbers end at 547 */

#endif
