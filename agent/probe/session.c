/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session from open to teardown, its window, and the processes it watches. The programs read the
 * window and their configuration from memory that the agent has mapped (.bss), so opening and
 * closing it are plain stores.
 */
#include <assert.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "probe/session.h"

#define KERNEL_PID_FILTER (6 << 8 | 10)

static int session_event(void *user, void *data, size_t size)
{
	struct probe_session *session = user;

	if (size >= sizeof(struct event_header) && session->visitor && session->visitor->event)
		session->visitor->event(session->visitor->user, data, size);
	return 0;
}

int session_open(const struct probe_options *options, bool tiny, struct probe_session **ret_session,
		 struct err *err)
{
	CLEANUP(probe_freep) struct probe_session *session = NULL;
	int r;

	assert(options && ret_session);

	session = calloc(1, sizeof(*session));
	if (!session)
		return err_set(err, -ENOMEM, "out of memory");
	session->options = *options;
	/*
	 * Before 6.10 a multi link's pid meant one thread, and the other threads of a Go process
	 * would go unseen (kernel commit 46ba0e49b642). There the link is for all processes of the
	 * file, and the programs sort out the foreign ones.
	 */
	session->multi_pid = support_kernel_version() >= KERNEL_PID_FILTER;

	r = load_programs(&session->options, tiny, &session->skel, err);
	if (r < 0)
		return err_wrap(err, r, "load the BPF programs");
	session->ring = ring_buffer__new(bpf_map__fd(session->skel->maps.events), session_event,
					 session, NULL);
	if (!session->ring)
		return err_set_errno(err, errno ? -errno : -ENOMEM, "cannot map the event buffer");
	r = attach_tracepoints(session, err);
	if (r < 0)
		return r;

	*ret_session = TAKE_PTR(session);
	return 0;
}

int probe_open(const struct probe_options *options, struct probe_session **ret_session,
	       struct err *err)
{
	return session_open(options, false, ret_session, err);
}

void probe_free(struct probe_session *session)
{
	if (!session)
		return;
	/* 1. Links: no program runs any more, and the targets' code is as it was. */
	attach_release(session);
	/* 2. The ring buffer's mapping, which nobody writes to now. */
	ring_buffer__free(session->ring);
	/* 3. Programs and maps. */
	load_unload(session->skel);
	free(session);
}

const char *probe_attach_name(const struct probe_session *session)
{
	return session->options.attach == PROBE_ATTACH_MULTI ? "uprobe_multi" : "perf";
}

/* ---- what is watched ---- */

/* The programs copy the head of a g and find these fields in the copy. */
static int check_config(const struct target_config *config, struct err *err)
{
	const struct go_layout *layout = &config->layout;
	const uint32_t words[] = { layout->g_sched_pc, layout->g_sched_sp, layout->g_sched_bp,
				   layout->g_stack_lo, layout->g_stack_lo + 8 };

	if (!(config->flags & TARGET_PROBED))
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i] % 8 || words[i] > GO_G_HEAD_BYTES - 8)
			return err_set(err, -EINVAL,
				       "the layout of runtime.g (field at byte %u) is not one that "
				       "the probes can read",
				       words[i]);
	if (layout->g_waitreason >= GO_G_HEAD_BYTES)
		return err_set(
			err, -EINVAL,
			"the layout of runtime.g (waitreason at byte %u) is not one that the "
			"probes can read",
			layout->g_waitreason);
	return 0;
}

int probe_watch_file(struct probe_session *session, const struct file_key *key,
		     const struct target_config *config, struct err *err)
{
	int r;

	assert(session && session->options.processes && key && config);

	r = check_config(config, err);
	if (r < 0)
		return r;
	r = bpf_map_update_elem(bpf_map__fd(session->skel->maps.watched_files), key, config,
				BPF_ANY);
	if (r == -E2BIG)
		return err_set(err, -ENOSPC,
			       "at most %d executables can be watched for; name fewer with --exec",
			       FILES_MAX);
	if (r < 0)
		return err_set_errno(err, r, "cannot watch executable number %u",
				     config->binary_id);
	return 0;
}

int probe_add_process(struct probe_session *session, pid_t pid, const struct target_config *config,
		      struct err *err)
{
	struct target_config enrolled;
	uint32_t tgid = (uint32_t)pid;
	int r;

	assert(session && pid > 0 && config);

	r = check_config(config, err);
	if (r < 0)
		return r;
	enrolled = *config;
	if (!enrolled.enrolled_ns)
		enrolled.enrolled_ns = clock_mono_ns();
	r = bpf_map_update_elem(bpf_map__fd(session->skel->maps.targets), &tgid, &enrolled,
				BPF_NOEXIST);
	if (r == -EEXIST)
		return err_set(err, r, "process %d is watched already", pid);
	if (r == -E2BIG)
		return err_set(err, -ENOSPC,
			       "at most %d processes can be watched at a time; select fewer",
			       TARGETS_MAX);
	if (r < 0)
		return err_set_errno(err, r, "cannot watch process %d", pid);
	return 0;
}

int probe_process_config(struct probe_session *session, pid_t pid, struct target_config *ret_config)
{
	uint32_t tgid = (uint32_t)pid;

	return bpf_map_lookup_elem(bpf_map__fd(session->skel->maps.targets), &tgid, ret_config);
}

int probe_set_bias(struct probe_session *session, pid_t pid, uint64_t enrolled_ns,
		   uint64_t load_bias)
{
	struct target_config config;
	uint32_t tgid = (uint32_t)pid;
	int r;

	r = probe_process_config(session, pid, &config);
	if (r < 0)
		return r;
	if (config.enrolled_ns != enrolled_ns)
		return -ENOENT;
	config.load_bias = load_bias;
	return bpf_map_update_elem(bpf_map__fd(session->skel->maps.targets), &tgid, &config,
				   BPF_EXIST);
}

/* ---- the window ---- */

int probe_activate(struct probe_session *session, uint64_t *ret_opened_ns, struct err *err)
{
	struct probe_window *window = &session->skel->bss->window;
	uint64_t now;

	assert(session && ret_opened_ns);

	if (window->active)
		return err_set(err, -EALREADY, "the measuring window is open already");
	now = clock_mono_ns();
	window->opened_ns = now;
	if (!window->origin_ns)
		window->origin_ns = now;
	__atomic_store_n(&window->active, 1, __ATOMIC_RELEASE);
	*ret_opened_ns = now;
	return 0;
}

void probe_deactivate(struct probe_session *session, uint64_t *ret_closed_ns)
{
	struct probe_window *window = &session->skel->bss->window;
	uint64_t now = clock_mono_ns();

	__atomic_store_n(&window->active, 0, __ATOMIC_SEQ_CST);
	/* Runs that saw it open end within one RCU grace period; this call waits for one. Where
	 * the kernel does not offer it (nohz_full), such a run may add one sample more. */
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	if (ret_closed_ns)
		*ret_closed_ns = now;
}

void probe_suspend(struct probe_session *session, uint64_t *ret_closed_ns)
{
	probe_deactivate(session, ret_closed_ns);
	attach_suspend(session);
}

int probe_resume(struct probe_session *session, uint64_t *ret_opened_ns, struct err *err)
{
	int r = attach_resume(session, err);

	if (r < 0)
		return err_wrap(err, r, "put the probes back");
	return probe_activate(session, ret_opened_ns, err);
}

int probe_event_fd(const struct probe_session *session)
{
	return ring_buffer__epoll_fd(session->ring);
}
