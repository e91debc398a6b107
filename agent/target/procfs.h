/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of /proc as values. Nothing here opens a file: the callers read, these functions parse,
 * so that every odd line can be tried in a test. Formats: proc(5) and fs/proc/array.c of the
 * kernel.
 */
#ifndef PARKMETER_TARGET_PROCFS_H
#define PARKMETER_TARGET_PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

struct procfs_stat {
	pid_t parent;
	char state;           /* 'R', 'S', 'Z' ... */
	bool kernel_thread;   /* PF_KTHREAD */
	uint64_t start_ticks; /* since boot, CLOCK_BOOTTIME, in USER_HZ */
};

/* /proc/PID/stat. -EBADMSG. */
int procfs_parse_stat(const char *text, struct procfs_stat *ret_stat);

struct procfs_status {
	pid_t tgid;
	uid_t uid; /* real */
};

/* /proc/PID/status. -EBADMSG. */
int procfs_parse_status(const char *text, struct procfs_status *ret_status);

/*
 * CLOCK_MONOTONIC of a start in ticks of CLOCK_BOOTTIME; the two differ by the time the machine was
 * suspended. `boot_ns` and `mono_ns` are the clocks now.
 */
uint64_t procfs_started_ns(uint64_t start_ticks, uint64_t ticks_per_s, uint64_t boot_ns,
			   uint64_t mono_ns);

/* AT_ENTRY of the /proc/PID/auxv of a 64-bit process. -ENOENT. */
int procfs_parse_auxv(struct bytes auxv, uint64_t *ret_entry);

/*
 * What the ELF header says of where the program is loaded: its entry point and whether it may lie
 * anywhere (ET_DYN). -ENOEXEC: no 64-bit little-endian ELF file.
 */
int procfs_parse_elf(struct bytes header, uint64_t *ret_entry, bool *ret_relocated);

/*
 * The device of a mount's superblock in the kernel's own form (major << 20 | minor), from a
 * /proc/PID/mountinfo. -ENOENT: no such mount.
 */
int procfs_parse_mountinfo(const char *text, uint64_t mount_id, uint32_t *ret_dev);

/* dev_t of stat(2) in the kernel's own form. */
uint32_t procfs_kernel_dev(dev_t dev);

/* The value of a variable in a /proc/PID/environ; NULL when it is not there or cut off. Borrowed.
 */
const char *procfs_environ_get(struct bytes environ, const char *name);

#endif
