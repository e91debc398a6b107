/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting probes into executables and programs on tracepoints.
 *
 * A uprobe belongs to a file (an inode and an offset in it), not to a process: the kernel writes
 * the breakpoint into every process that maps that page, now or later, and takes it out again when
 * the last user of the probe goes. Users are links, links are descriptors of ours: when the agent
 * ends in whatever way, every breakpoint goes.
 *
 * Two kinds of link, one behaviour. A uprobe_multi link (kernel 6.6) carries all sites of a file
 * under one descriptor, attaches in 50 us and detaches in 20 ms; the site is its cookie. It is
 * created by the system call itself: libbpf knows it from 1.3 on, and Debian 12 has 1.1. Otherwise
 * each site is a perf event of the uprobe PMU with its own program (about 10 ms to attach, 100 ms
 * to detach, each); that needs no tracefs.
 *
 * The file is named /proc/self/fd/N: deleted files and files of other mount namespaces work, and
 * nothing can be put in its place between the analysis and the attachment.
 */
#include <assert.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "probe/session.h"

/* include/uapi/linux/bpf.h of 6.6: union bpf_attr, the command BPF_LINK_CREATE, member
 * link_create with uprobe_multi. Older headers lack it. */
struct multi_link_attr {
	uint32_t program_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t count;
	uint32_t multi_flags;
	uint32_t pid;
	uint32_t pad;
};

#define COMMAND_LINK_CREATE      28
#define ATTACH_TYPE_UPROBE_MULTI 48

int attach_multi_link(int program_fd, const char *path, const uint64_t *offsets,
		      const uint64_t *cookies, unsigned int count, pid_t pid)
{
	struct multi_link_attr attr = {
		.program_fd = (uint32_t)program_fd,
		.attach_type = ATTACH_TYPE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.count = count,
		.pid = (uint32_t)pid,
	};
	/* Up to `pid`: the kernel refuses bytes that are not 0 behind what it knows, not these. */
	long fd = syscall(SYS_bpf, COMMAND_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}

static const char *const site_names[SITE_COUNT] = {
	[SITE_EXECUTE] = "execute",          [SITE_READY] = "ready",
	[SITE_NETPOLL] = "netpollready",     [SITE_NEW] = "newproc",
	[SITE_GOSCHED] = "goschedImpl",      [SITE_GOYIELD] = "goyield_m",
	[SITE_SYSCALL_EXIT] = "exitsyscall", [SITE_PARK] = "park_m",
	[SITE_PREEMPT_PARK] = "preemptPark", [SITE_STW_BEGIN] = "stopTheWorld",
	[SITE_STW_END] = "startTheWorld",
};

static struct bpf_program *site_program(const struct probe_session *session, size_t site)
{
	struct bpf_program *const programs[SITE_COUNT] = {
		[SITE_EXECUTE] = session->skel->progs.site_execute,
		[SITE_READY] = session->skel->progs.site_ready,
		[SITE_NETPOLL] = session->skel->progs.site_netpoll,
		[SITE_NEW] = session->skel->progs.site_new,
		[SITE_GOSCHED] = session->skel->progs.site_gosched,
		[SITE_GOYIELD] = session->skel->progs.site_goyield,
		[SITE_SYSCALL_EXIT] = session->skel->progs.site_syscall_exit,
		[SITE_PARK] = session->skel->progs.site_park,
		[SITE_PREEMPT_PARK] = session->skel->progs.site_preempt_park,
		[SITE_STW_BEGIN] = session->skel->progs.site_stw_begin,
		[SITE_STW_END] = session->skel->progs.site_stw_end,
	};

	return programs[site];
}

static int attach_refused(int code, const struct probe_session *session, const char *what,
			  struct err *err)
{
	const char *remedy = "";

	if (code == -EPERM || code == -EACCES)
		remedy = "; grant CAP_PERFMON (or CAP_SYS_ADMIN), and see "
			 "/proc/sys/kernel/perf_event_paranoid";
	else if (code == -ENOENT || code == -ENODEV)
		remedy = "; the kernel needs CONFIG_UPROBE_EVENTS";
	else if (code == -ENOTSUP || code == -EINVAL)
		remedy = "; the file lies on a file system, or holds an instruction, that the "
			 "kernel does not probe";
	return err_set(err, code, "the kernel refuses the probe at %s by %s: %s%s", what,
		       probe_attach_name(session), strerror(-code), remedy);
}

static void binary_detach(struct probe_binary *binary)
{
	closep(&binary->multi_fd);
	for (size_t site = 0; site < SITE_COUNT; site++) {
		bpf_link__destroy(binary->perf[site]);
		binary->perf[site] = NULL;
	}
}

static int binary_attach_multi(const struct probe_session *session, struct probe_binary *binary,
			       const char *path, struct err *err)
{
	uint64_t offsets[SITE_COUNT], cookies[SITE_COUNT];
	unsigned int count = 0;
	int fd;

	for (size_t site = 0; site < SITE_COUNT; site++) {
		if (!binary->offsets[site])
			continue;
		offsets[count] = binary->offsets[site];
		cookies[count++] = site;
	}
	fd = attach_multi_link(bpf_program__fd(session->skel->progs.site_multi), path, offsets,
			       cookies, count, session->multi_pid ? binary->pid : 0);
	if (fd < 0)
		return attach_refused(fd, session, "the Go runtime's functions", err);
	binary->multi_fd = fd;
	return 0;
}

static int binary_attach_perf(const struct probe_session *session, struct probe_binary *binary,
			      const char *path, struct err *err)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options);
	pid_t pid = binary->pid ? binary->pid : -1;
	struct bpf_link *link;

	for (size_t site = 0; site < SITE_COUNT; site++) {
		if (!binary->offsets[site])
			continue;
		link = bpf_program__attach_uprobe_opts(site_program(session, site), pid, path,
						       binary->offsets[site], &options);
		if (!link) {
			int code = errno ? -errno : -EINVAL;

			binary_detach(binary);
			return attach_refused(code, session, site_names[site], err);
		}
		binary->perf[site] = link;
	}
	return 0;
}

static int binary_attach(const struct probe_session *session, struct probe_binary *binary,
			 struct err *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", binary->fd);
	if (session->options.attach == PROBE_ATTACH_MULTI)
		return binary_attach_multi(session, binary, path, err);
	return binary_attach_perf(session, binary, path, err);
}

static bool site_wanted(const struct probe_session *session, size_t site)
{
	return session->options.reasons || (site != SITE_PARK && site != SITE_PREEMPT_PARK);
}

/* Attached already, for that process or for all? */
static bool binary_known(const struct probe_session *session, const struct stat *file, pid_t pid)
{
	for (size_t i = 0; i < session->binary_count; i++) {
		const struct probe_binary *binary = &session->binaries[i];

		if (binary->device == file->st_dev && binary->inode == file->st_ino &&
		    (binary->pid == 0 || binary->pid == pid))
			return true;
	}
	return false;
}

int probe_attach_binary(struct probe_session *session, uint32_t binary_id, int fd, pid_t pid,
			const struct gobin_site sites[SITE_COUNT], struct err *err)
{
	struct probe_binary binary = { .fd = fd, .pid = pid, .multi_fd = -1 };
	struct stat file;
	int r;

	assert(session && session->options.goroutines && fd >= 0 && pid >= 0 && sites);

	if (fstat(fd, &file) < 0)
		return err_set_errno(err, -errno, "cannot look at executable number %u", binary_id);
	if (binary_known(session, &file, pid))
		return 0;
	if (session->binary_count == PROBE_BINARIES_MAX)
		return err_set(err, -ENOSPC,
			       "at most %d executables can be probed at a time; name fewer",
			       PROBE_BINARIES_MAX);
	for (size_t site = 0; site < SITE_COUNT; site++)
		if (sites[site].usable && site_wanted(session, site))
			binary.offsets[site] = sites[site].file_offset;
	if (!binary.offsets[SITE_EXECUTE] || !binary.offsets[SITE_READY])
		return err_set(err, -EINVAL,
			       "executable number %u has no usable site in runtime.execute and "
			       "runtime.ready; --lens kernel measures its threads without probes",
			       binary_id);

	load_messages_capture();
	binary.id = binary_id;
	binary.device = file.st_dev;
	binary.inode = file.st_ino;
	r = binary_attach(session, &binary, err);
	if (r < 0)
		return r;
	session->binaries[session->binary_count++] = binary;
	return 0;
}

void probe_detach_binary(struct probe_session *session, uint32_t binary_id,
			 const struct file_key *key)
{
	bpf_map__delete_elem(session->skel->maps.watched_files, key, sizeof(*key), 0);
	for (size_t i = session->binary_count; i-- > 0;) {
		if (session->binaries[i].id != binary_id)
			continue;
		binary_detach(&session->binaries[i]);
		session->binaries[i] = session->binaries[--session->binary_count];
	}
}

int attach_tracepoints(struct probe_session *session, struct err *err)
{
	const struct parkmeter_bpf *skel = session->skel;
	struct bpf_program *const programs[PROBE_TRACEPOINTS_MAX] = {
		skel->progs.process_exec,  skel->progs.process_fork,     skel->progs.process_exit,
		skel->progs.sched_wakeup,  skel->progs.sched_wakeup_new, skel->progs.sched_switch,
		skel->progs.syscall_enter, skel->progs.syscall_exit,
	};

	for (size_t i = 0; i < PROBE_TRACEPOINTS_MAX; i++) {
		struct bpf_link *link;

		if (!bpf_program__autoload(programs[i]))
			continue;
		link = bpf_program__attach_trace(programs[i]);
		if (!link)
			return err_set_errno(err, errno ? -errno : -EINVAL,
					     "the kernel refuses the tracepoint program %s (%s)",
					     bpf_program__name(programs[i]), load_messages());
		session->tracepoints[session->tracepoint_count++] = link;
	}
	return 0;
}

void attach_suspend(struct probe_session *session)
{
	for (size_t i = 0; i < session->binary_count; i++)
		binary_detach(&session->binaries[i]);
}

int attach_resume(struct probe_session *session, struct err *err)
{
	for (size_t i = 0; i < session->binary_count; i++) {
		int r = binary_attach(session, &session->binaries[i], err);

		if (r < 0) {
			attach_suspend(session);
			return r;
		}
	}
	return 0;
}

void attach_release(struct probe_session *session)
{
	attach_suspend(session);
	session->binary_count = 0;
	for (size_t i = 0; i < session->tracepoint_count; i++)
		bpf_link__destroy(session->tracepoints[i]);
	session->tracepoint_count = 0;
}
