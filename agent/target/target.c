/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process. Everything is read relative to a descriptor of its /proc directory, which belongs to
 * the process and not to its number: after its end reads fail and never meet a successor. The
 * pidfd is opened first, and found alive after the directory was opened; so both mean one process.
 */
#include "target/target.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "target/binaries.h"
#include "target/identity.h"
#include "target/procfs.h"

#define PROC_TEXT_MAX (64 * 1024)
#define ENVIRON_MAX   (2 * 1024 * 1024)
#define EXEC_TRIES    4 /* a process may exec while it is read */

static bool pidfd_alive(int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 0;
}

bool target_alive(const struct target *target)
{
	return pidfd_alive(target->pidfd);
}

bool target_is_go(const struct target *target)
{
	return target->binary->bin || target->binary->refused_code == -ENOTSUP;
}

/* Forgets what an exec makes wrong. */
static void clear_program(struct target *target)
{
	free(TAKE_PTR(target->exe));
	free(TAKE_PTR(target->comm));
	free(TAKE_PTR(target->cgroup));
	free(TAKE_PTR(target->container));
	free(TAKE_PTR(target->pod));
	free(TAKE_PTR(target->pod_name));
	free(TAKE_PTR(target->service));
	free(TAKE_PTR(target->version));
}

void target_free(struct target *target)
{
	if (!target)
		return;
	closep(&target->pidfd);
	clear_program(target);
	free(target);
}

static int open_pidfd(pid_t pid, int *ret_pidfd, struct err *err)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd >= 0) {
		*ret_pidfd = pidfd;
		return 0;
	}
	/* Linux says EINVAL, from 6.15 on ENOENT, of a thread that leads no process. */
	if (errno == EINVAL || errno == ENOENT)
		return err_set(err, -ESRCH,
			       "%d is the id of a thread, not of a process; its process is on the "
			       "line Tgid of /proc/%d/status",
			       (int)pid, (int)pid);
	if (errno == ESRCH)
		return err_set(err, -ESRCH, "there is no process %d", (int)pid);
	return err_set_errno(err, -errno, "cannot hold process %d", (int)pid);
}

static int open_proc(pid_t pid, int *ret_fd, struct err *err)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, -errno, "cannot open %s", path);
	*ret_fd = fd;
	return 0;
}

static int read_status(int proc_fd, struct target *target, pid_t *ret_parent, struct err *err)
{
	CLEANUP(freep) char *stat_text = NULL;
	CLEANUP(freep) char *status_text = NULL;
	struct procfs_stat stat;
	struct procfs_status status;
	int r;

	r = file_read(proc_fd, "stat", PROC_TEXT_MAX, &stat_text, NULL, err);
	if (r == 0)
		r = file_read(proc_fd, "status", PROC_TEXT_MAX, &status_text, NULL, err);
	if (r < 0)
		return r;
	if (procfs_parse_stat(stat_text, &stat) < 0 ||
	    procfs_parse_status(status_text, &status) < 0)
		return err_set(err, -EBADMSG, "/proc/%d/stat or status has an unknown form",
			       (int)target->pid);
	if (stat.kernel_thread)
		return err_set(err, -ENOEXEC, "%d is a thread of the kernel, not a program",
			       (int)target->pid);
	if (status.tgid != target->pid)
		return err_set(err, -ESRCH, "%d is a thread of process %d", (int)target->pid,
			       (int)status.tgid);
	target->uid = status.uid;
	target->started_ns = procfs_started_ns(stat.start_ticks, (uint64_t)sysconf(_SC_CLK_TCK),
					       clock_read_ns(CLOCK_BOOTTIME), clock_mono_ns());
	*ret_parent = stat.parent;
	return 0;
}

static int refused_read(const struct target *target, int code, struct err *err)
{
	if (code == -EACCES || code == -EPERM)
		return err_set(err, code,
			       "process %d belongs to user %u and may not be read; run parkmeter "
			       "%swith CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
			       (int)target->pid, (unsigned int)target->uid,
			       target->uid == geteuid() ? "" : "as that user, or ");
	return err_wrap(err, code, "read process %d", (int)target->pid);
}

static int read_exe(int proc_fd, struct target *target, struct binaries *binaries, struct err *err)
{
	static const char deleted[] = " (deleted)";
	char path[PATH_MAX];
	ssize_t size;
	int r;

	size = readlinkat(proc_fd, "exe", path, sizeof(path) - 1);
	if (size < 0)
		return refused_read(target, -errno, err);
	path[size] = '\0';
	if ((size_t)size > strlen(deleted) && !strcmp(path + size - strlen(deleted), deleted))
		path[(size_t)size - strlen(deleted)] = '\0';
	target->exe = strdup(path);
	if (!target->exe)
		return err_set(err, -ENOMEM, "out of memory");
	r = binaries_get_exe(binaries, proc_fd, path, &target->binary, err);
	return r < 0 ? refused_read(target, r, err) : 0;
}

static int read_comm(int proc_fd, struct target *target, struct err *err)
{
	CLEANUP(freep) char *text = NULL;
	int r;

	r = file_read(proc_fd, "comm", PROC_TEXT_MAX, &text, NULL, err);
	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	target->comm = TAKE_PTR(text);
	return 0;
}

static int read_cgroup(int proc_fd, struct target *target, struct err *err)
{
	CLEANUP(freep) char *text = NULL;
	int r;

	r = file_read(proc_fd, "cgroup", PROC_TEXT_MAX, &text, NULL, err);
	if (r < 0)
		return r;
	r = identity_cgroup(text, &target->cgroup);
	if (r == 0 && !target->cgroup) {
		target->cgroup = strdup("/"); /* a kernel without cgroups */
		r = target->cgroup ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = identity_container(target->cgroup, &target->container);
	if (r == 0)
		r = identity_pod(target->cgroup, &target->pod);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

/* What its environment says of its name and version; each stays NULL where it says nothing. */
static int read_environ(int proc_fd, struct target *target)
{
	CLEANUP(freep) char *text = NULL;
	struct bytes environ;
	const char *name, *attributes, *host;
	size_t size;
	int r = 0;

	/* Not readable or absurdly large: the process has names all the same. */
	if (file_read(proc_fd, "environ", ENVIRON_MAX, &text, &size, NULL) < 0)
		return 0;
	environ = (struct bytes){ (const uint8_t *)text, size };
	name = procfs_environ_get(environ, "OTEL_SERVICE_NAME");
	attributes = procfs_environ_get(environ, "OTEL_RESOURCE_ATTRIBUTES");
	host = procfs_environ_get(environ, "HOSTNAME");
	if (name)
		r = identity_clean(name, &target->service);
	if (r == 0 && !target->service && attributes)
		r = identity_attribute(attributes, "service.name", &target->service);
	if (r == 0 && attributes)
		r = identity_attribute(attributes, "service.version", &target->version);
	if (r == 0 && target->pod && host)
		r = identity_clean(host, &target->pod_name);
	return r;
}

static int name_service(struct target *target, pid_t parent)
{
	CLEANUP(freep) char *unit = NULL;
	const char *base;
	int r = 0;

	if (target->service)
		return 0;
	/* Inside a container the unit would be the container runtime's. */
	if (parent == 1 && !target->container && !target->pod)
		r = identity_unit(target->cgroup, &unit);
	if (r == 0 && unit)
		r = identity_clean(unit, &target->service);
	if (r < 0 || target->service)
		return r;
	base = strrchr(target->exe, '/');
	r = identity_clean(base ? base + 1 : target->exe, &target->service);
	if (r == 0 && !target->service) {
		target->service = strdup("?");
		r = target->service ? 0 : -ENOMEM;
	}
	return r;
}

#define REVISION_SHOWN 12 /* digits of a revision that stands for a version */

static int name_version(struct target *target)
{
	const struct gobin_info *info;
	char revision[REVISION_SHOWN + 1];

	if (target->version || !target->binary->bin)
		return 0;
	info = gobin_info(target->binary->bin);
	if (info->version)
		return identity_clean(info->version, &target->version);
	if (info->module_version)
		return identity_clean(info->module_version, &target->version);
	if (!info->revision)
		return 0;
	snprintf(revision, sizeof(revision), "%s", info->revision);
	return identity_clean(revision, &target->version);
}

/* From the auxiliary vector: where the kernel entered the program, against where its file says. */
static int read_bias(int proc_fd, struct target *target, struct err *err)
{
	CLEANUP(freep) char *auxv = NULL;
	uint8_t header[64];
	uint64_t entry, file_entry;
	bool relocated;
	size_t size;
	int r;

	target->load_bias = 0;
	if (target->binary->fd < 0 ||
	    pread(target->binary->fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    procfs_parse_elf((struct bytes){ header, sizeof(header) }, &file_entry, &relocated) <
		    0 ||
	    !relocated)
		return 0;
	r = file_read(proc_fd, "auxv", PROC_TEXT_MAX, &auxv, &size, err);
	if (r < 0)
		return refused_read(target, r, err);
	r = procfs_parse_auxv((struct bytes){ (const uint8_t *)auxv, size }, &entry);
	if (r < 0 || entry < file_entry || (entry - file_entry) % 4096)
		return err_set(err, -EBADMSG,
			       "/proc/%d/auxv does not fit %s: it was not started from this file",
			       (int)target->pid, target->exe);
	target->load_bias = entry - file_entry;
	return 0;
}

static int read_program(int proc_fd, struct target *target, struct binaries *binaries, pid_t parent,
			struct err *err)
{
	int r;

	r = read_exe(proc_fd, target, binaries, err);
	if (r == 0)
		r = read_comm(proc_fd, target, err);
	if (r == 0)
		r = read_cgroup(proc_fd, target, err);
	if (r == 0)
		r = read_bias(proc_fd, target, err);
	if (r < 0)
		return r;
	r = read_environ(proc_fd, target);
	if (r == 0)
		r = name_service(target, parent);
	if (r == 0)
		r = name_version(target);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

/* True when the process still runs the program that was read. */
static bool same_program(int proc_fd, const struct stat *before)
{
	struct stat now;

	return fstatat(proc_fd, "exe", &now, 0) == 0 && now.st_dev == before->st_dev &&
	       now.st_ino == before->st_ino;
}

static int read_settled(int proc_fd, struct target *target, struct binaries *binaries, pid_t parent,
			struct err *err)
{
	for (int i = 0; i < EXEC_TRIES; i++) {
		struct stat before = { 0 };
		int r;

		clear_program(target);
		if (fstatat(proc_fd, "exe", &before, 0) < 0)
			return refused_read(target, -errno, err);
		r = read_program(proc_fd, target, binaries, parent, err);
		if (same_program(proc_fd, &before))
			return r;
		if (r < 0 && !pidfd_alive(target->pidfd))
			return r;
	}
	return err_set(err, -EAGAIN, "process %d executes one program after the other",
		       (int)target->pid);
}

int target_open(pid_t pid, struct binaries *binaries, struct target **ret_target, struct err *err)
{
	CLEANUP(target_freep) struct target *target = NULL;
	CLEANUP(closep) int proc_fd = -1;
	pid_t parent = 0;
	int r;

	assert(binaries && ret_target);
	if (pid <= 0)
		return err_set(err, -ESRCH, "%d is no process id", (int)pid);
	target = calloc(1, sizeof(*target));
	if (!target)
		return err_set(err, -ENOMEM, "out of memory");
	target->pid = pid;
	target->pidfd = -1;

	r = open_pidfd(pid, &target->pidfd, err);
	if (r < 0)
		return r;
	r = open_proc(pid, &proc_fd, err);
	if (r == 0 && pidfd_alive(target->pidfd)) {
		r = read_status(proc_fd, target, &parent, err);
		if (r == -EMFILE)
			r = refused_read(target, r, err);
		if (r == 0)
			r = read_settled(proc_fd, target, binaries, parent, err);
	}
	if (!pidfd_alive(target->pidfd))
		return err_set(err, -ESRCH, "process %d has ended", (int)pid);
	if (r < 0)
		return r == -ENOENT ? err_set(err, -ESRCH, "process %d is ending", (int)pid) : r;
	*ret_target = TAKE_PTR(target);
	return 0;
}
