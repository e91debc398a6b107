/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live processes: which there are, which of them the user means, and who they are. A target is one
 * process, held by pidfd so that a reused pid is never mistaken for it; its executable is opened
 * through /proc/PID/exe, so mount namespaces and deleted files make no difference. Executables are
 * analysed once and shared (struct binaries).
 *
 * Nothing here attaches to or changes a process.
 */
#ifndef PARKMETER_TARGET_H
#define PARKMETER_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "gobin/gobin.h"

#define SELECTOR_MAX     32   /* values of one kind */
#define BINARIES_MAX     4096 /* executables remembered, Go or not */
#define TARGETS_OPEN_MAX 4096 /* processes that one target_find() returns */
#define EXEC_WATCH_MAX   1024 /* directories that one exec_watch watches */

/*
 * Which processes; a process matches when it matches any value of any kind. Strings are borrowed
 * (argv). Globs are those of fnmatch(3) with FNM_PATHNAME, on the path with its symbolic links
 * resolved or not; a pattern without a slash means the base name, a relative one starts at the
 * working directory.
 */
struct selector {
	pid_t pids[SELECTOR_MAX];
	size_t pid_count;
	const char *exes[SELECTOR_MAX]; /* path or glob of running executables (--exe) */
	size_t exe_count;
	const char *execs[SELECTOR_MAX]; /* globs of what starts during the window (--exec) */
	size_t exec_count;
	const char *cgroups[SELECTOR_MAX]; /* part of the cgroup path */
	size_t cgroup_count;
	const char *containers[SELECTOR_MAX]; /* container id or a prefix of at least 4 digits */
	size_t container_count;
	const char *pods[SELECTOR_MAX]; /* pod uid, or name where HOSTNAME tells it */
	size_t pod_count;
	const char *services[SELECTOR_MAX]; /* service name */
	size_t service_count;
};

/*
 * An executable file, analysed once per (device, inode, size, modification time). The change time
 * is no part of that: removing or renaming a running executable, as every deployment does, changes
 * it and nothing else.
 *
 * `key` is what BPF reads at exec: inode->i_sb->s_dev and i_ino of the file that was executed. On
 * overlayfs and btrfs stat(2) reports another device than the superblock's, so it is taken from the
 * mount's line in /proc/PID/mountinfo (fs/proc_namespace.c prints s_dev) by statx's mount id
 * (Linux >= 5.8); without that line it is stat's. On overlayfs the key is that of the overlay, a
 * different one in every container, while uprobes are placed on the inode beneath
 * (kernel/trace/trace_uprobe.c: d_real_inode): see same_as.
 */
struct binary {
	struct gobin *bin; /* NULL when it could not be loaded */
	char *refused;     /* why, then: "it is not a Go program ..." */
	int refused_code;  /* -ENOEXEC: no Go program; -ENOTSUP: one, but not a supported one;
			    * -EBADMSG: damaged; 0 when it was loaded */
	char *path;        /* as its first process saw it */
	int fd; /* open for reading: attaching works by /proc/self/fd, whatever the path became;
		 * -1 where `bin` is NULL */
	struct file_key key;
	uint32_t id;      /* number, from 1 */
	uint32_t same_as; /* the binary that is the same file beneath overlayfs (containers of one
			   * image): its probes hit here too, attach to only one. 0: none */
};

/* All executables seen; owns them. Belongs to one thread. */
struct binaries;

int binaries_new(struct binaries **ret_binaries, struct err *err);
void binaries_free(struct binaries *binaries);
DEFINE_FREEP(struct binaries *, binaries_free)

/*
 * The binary behind `path` (relative to dir_fd), loaded when it is new. A file that is no Go
 * program is a binary too: `bin` is NULL and `refused` says why. *ret_binary is borrowed and stays
 * valid until binaries_free(). -errno only when the file cannot be opened, memory or descriptors
 * run out, or BINARIES_MAX is reached (-ENOSPC).
 */
int binaries_get(struct binaries *binaries, int dir_fd, const char *path,
		 const struct binary **ret_binary, struct err *err);

struct target {
	pid_t pid; /* in our pid namespace */
	int pidfd;
	uint64_t started_ns;         /* CLOCK_MONOTONIC, from /proc/PID/stat (10 ms steps) */
	const struct binary *binary; /* borrowed from the binaries */
	char *exe;                   /* path as the process sees it, without " (deleted)" */
	char *comm;
	char *cgroup;    /* path in the unified or the first v1 hierarchy */
	char *container; /* id, 12 to 64 hex digits, or an LXC container's name; NULL none */
	char *pod;       /* Kubernetes pod uid; NULL none */
	char *pod_name;  /* HOSTNAME of its environment, when it is in a pod; NULL unknown */
	/* OTEL_SERVICE_NAME, service.name of OTEL_RESOURCE_ATTRIBUTES, the systemd unit of a
	 * process that systemd itself started (what a unit such as jenkins.service starts in turn
	 * is not that service), else the executable's base name; never NULL. */
	char *service;
	char *version; /* service.version of its environment, else the binary's; NULL unknown */
	uint64_t load_bias; /* run-time address minus the ELF file's; 0 unless PIE */
	uid_t uid;
};

/*
 * Opens one process, whether it is a Go program or not (binary->bin). -ESRCH: no such process (any
 * more), or a thread's id; -ENOEXEC: a kernel thread; -EACCES/-EPERM: named with the capability
 * that is missing.
 */
int target_open(pid_t pid, struct binaries *binaries, struct target **ret_target, struct err *err);
void target_free(struct target *target);
DEFINE_FREEP(struct target *, target_free)

/* False once the process has ended, whoever has its pid now. */
bool target_alive(const struct target *target);

bool selector_empty(const struct selector *selector);

/* True when the process is meant by any selector but --exec. */
bool selector_match(const struct selector *selector, const struct target *target);

/* True when an executable of that path is meant by --exec. */
bool selector_match_exec(const struct selector *selector, const char *path);

struct target_list {
	struct target **items; /* owned */
	size_t count;
};

void target_list_release(struct target_list *list);

/* True for a Go program, be it one of a version that is not supported (binary->bin NULL then). */
bool target_is_go(const struct target *target);

/*
 * Every Go process (target_is_go()) that `selector` means (NULL: every one of the machine), by pid.
 * Processes that end meanwhile or are not readable are left out; *ret_unreadable (may be NULL)
 * counts the latter. A pid that was asked for and does not exist (-ESRCH), is not readable
 * (-EACCES, -EPERM) or is no Go process (-ENOEXEC) is an error. -ENOSPC: TARGETS_OPEN_MAX.
 */
int target_find(const struct selector *selector, struct binaries *binaries,
		struct target_list *ret_list, size_t *ret_unreadable, struct err *err);

/* ---- files that a deployment puts where --exec looks (watch.c) ---- */

struct exec_watch;

/*
 * Watches every directory that leads to the --exec globs, those of wildcards and those that do not
 * exist yet included. -ENOSPC: more than EXEC_WATCH_MAX directories, or the kernel's limit.
 */
int exec_watch_new(const struct selector *selector, struct exec_watch **ret_watch, struct err *err);
void exec_watch_free(struct exec_watch *watch);
DEFINE_FREEP(struct exec_watch *, exec_watch_free)

/* Readable when files came after the first exec_watch_read(); for poll(2). */
int exec_watch_fd(const struct exec_watch *watch);

/*
 * Calls `found` for each path that matches: at the first call for the files that are there already,
 * later for those closed after writing, linked, or moved into place (by themselves, within a
 * directory, or behind a symbolic link) since the last call. A path may come more than once, and a
 * file that lies in a directory moved into place may still be written to. Never blocks.
 */
int exec_watch_read(struct exec_watch *watch, void (*found)(void *user, const char *path),
		    void *user, struct err *err);

#endif
