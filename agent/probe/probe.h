/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF session of one capture: load, attach, open the window, drain, close. Two phases: probes
 * are attached while nothing is recorded; probe_activate() then opens the window for all of them at
 * one moment. Links belong to file descriptors, so that whatever ends the agent, SIGKILL included,
 * removes every probe from every process.
 *
 * A session belongs to one thread.
 */
#ifndef PARKMETER_PROBE_H
#define PARKMETER_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "gobin/gobin.h"
#include "parkmeter/wire.h"

struct probe_session;

enum probe_attach {
	PROBE_ATTACH_AUTO = 0, /* uprobe_multi where the kernel has it, else perf */
	PROBE_ATTACH_MULTI = 1,
	PROBE_ATTACH_PERF = 2,
};

struct probe_options {
	bool goroutines; /* the probe lens */
	bool reasons;    /* with wait reasons and stacks: one probe more (park_m) */
	bool kernel;     /* the kernel lens */
	bool processes;  /* exec, fork and exit events */
	bool all_execs;  /* report every exec of the machine, not only those of watched files */
	enum probe_attach attach;
	unsigned int site_mode; /* tests and bench only: 0 chosen sites, 1 function entries */
};

/*
 * Loads the programs. Errors name the remedy: -EPERM (which capability is missing), -ENOTSUP (no
 * BTF, lockdown, kernel too old).
 */
int probe_open(const struct probe_options *options, struct probe_session **ret_session,
	       struct err *err);

/*
 * The one teardown: links, then the ring buffer, then maps and programs. Takes NULL.
 */
void probe_free(struct probe_session *session);
DEFINE_FREEP(struct probe_session *, probe_free)

/* "uprobe_multi" or "perf". */
const char *probe_attach_name(const struct probe_session *session);

/*
 * Attaches the goroutine probes to an executable: `fd` is open on it (kept by the caller while the
 * session lives), `sites` from gobin_sites(). With pid > 0 only that process traps; with 0 every
 * process that runs the file, now or later. Attaching a file twice is no error and does nothing
 * more. -ENOTSUP/-EPERM/-EINVAL with the kernel's reason; nothing stays attached then.
 */
int probe_attach_binary(struct probe_session *session, uint32_t binary_id, int fd, pid_t pid,
			const struct gobin_site sites[SITE_COUNT], struct err *err);

/*
 * Takes all probes out of an executable and no longer watches its file: to be called before the
 * file changes, because the kernel would write breakpoints meant for the old code into the new.
 */
void probe_detach_binary(struct probe_session *session, uint32_t binary_id,
			 const struct file_key *key);

/*
 * Watches an executable: a process that execs it is watched from its first instruction, by the
 * kernel side itself. `config` as gobin_target_config() filled it, binary_id set.
 */
int probe_watch_file(struct probe_session *session, const struct file_key *key,
		     const struct target_config *config, struct err *err);

/*
 * Watches a process. `config` with load_bias and binary_id set; with enrolled_ns, too, where the
 * caller wants to know it (0: now). -ENOSPC: TARGETS_MAX reached; -EEXIST: it is watched already,
 * since an exec whose event waits to be read.
 */
int probe_add_process(struct probe_session *session, pid_t pid, const struct target_config *config,
		      struct err *err);

/* The configuration under which a process is watched now. -ENOENT. */
int probe_process_config(struct probe_session *session, pid_t pid,
			 struct target_config *ret_config);

/* Sets the load bias of a process that was enrolled at exec (PIE), before its stacks are read.
 * -ENOENT: that program is not watched any more. */
int probe_set_bias(struct probe_session *session, pid_t pid, uint64_t enrolled_ns,
		   uint64_t load_bias);

/* Stops watching a process and forgets its goroutines; its aggregates stay readable. What has its
 * pid by now, enrolled at another time, is left alone. */
void probe_remove_process(struct probe_session *session, pid_t pid, uint64_t enrolled_ns);

/*
 * Opens the window; *ret_opened_ns is its moment (CLOCK_MONOTONIC). -EALREADY: it is open. After
 * probe_deactivate() it may be opened again; what happened between two windows belongs to neither,
 * and the numbers of blocks go on from the first.
 */
int probe_activate(struct probe_session *session, uint64_t *ret_opened_ns, struct err *err);

/* Closes the window: nothing is recorded afterwards. ret_closed_ns may be NULL. */
void probe_deactivate(struct probe_session *session, uint64_t *ret_closed_ns);

/*
 * For the overhead budget: a pause between two windows in which nothing traps. probe_suspend()
 * closes the window and takes the goroutine probes out of all processes (20 ms an executable with
 * uprobe_multi links, 1 s with perf links); what is watched stays watched. probe_resume() puts them
 * back and opens the next window; when that fails, none is attached.
 */
void probe_suspend(struct probe_session *session, uint64_t *ret_closed_ns);
int probe_resume(struct probe_session *session, uint64_t *ret_opened_ns, struct err *err);

/* For poll(2): readable when events wait. */
int probe_event_fd(const struct probe_session *session);

/* What the session hands out; each function may be NULL. Nothing may be kept beyond the call. */
struct probe_visitor {
	void *user;
	void (*event)(void *user, const struct event_header *event, size_t size_bytes);
	void (*hist)(void *user, const struct hist_key *key, enum metric metric, unsigned int sub,
		     const struct hist_value *value);
	void (*wait)(void *user, const struct wait_key *key, const struct wait_value *value,
		     const struct stack_value *stack); /* stack is NULL for stack_id 0 */
	void (*still_waiting)(void *user, const struct goroutine_key *key,
			      const struct goroutine_value *value, const struct stack_value *stack);
	void (*still_runnable)(void *user, const struct goroutine_key *key,
			       const struct goroutine_value *value);
	void (*created)(void *user, const struct created_key *key, uint64_t count);
	void (*syscall)(void *user, const struct syscall_key *key, const struct wait_value *value);
	void (*stall)(void *user, const struct stall_key *key, const struct wait_value *value);
};

/* Delivers the waiting events; never blocks. */
int probe_read_events(struct probe_session *session, const struct probe_visitor *visitor,
		      struct err *err);

/*
 * Hands out and removes the histograms of finished blocks (all blocks while the window is closed,
 * so that a block may come in two parts when it is opened again: add). To be called at least every
 * BLOCK_NS, or the histogram map fills.
 */
int probe_drain_blocks(struct probe_session *session, const struct probe_visitor *visitor,
		       struct err *err);

/* Hands out the totals: waits with stacks, goroutines that still wait or want to run, created,
 * system calls, stalls. They are final after probe_deactivate(); nothing is removed. */
int probe_drain_totals(struct probe_session *session, const struct probe_visitor *visitor,
		       struct err *err);

/* Sums over CPUs; counters[COUNTER_COUNT]. *ret_missed: runs that the kernel skipped. */
int probe_counters(struct probe_session *session, uint64_t counters[COUNTER_COUNT],
		   uint64_t *ret_missed, struct err *err);

/*
 * What one hit costs on this machine, in ns: the mean of park, ready and execute of a goroutine of
 * our own, by real probes on emulable instructions of this process; the median of several rounds.
 * *ret_stepped_ns (may be NULL): the same on instructions that must be single-stepped. Takes some
 * 100 ms.
 */
int probe_calibrate(double *ret_hit_ns, double *ret_stepped_ns, struct err *err);

/* ---- what this kernel and these privileges allow (doctor, error messages) ---- */

struct probe_support {
	bool btf, lockdown, cap_bpf, cap_perfmon, cap_sys_admin, cap_sys_ptrace, cap_sys_resource;
	bool cap_dac_read_search;
	bool host_pids;         /* we are in the first pid namespace: its pids are the kernel's */
	bool multi;             /* uprobe_multi */
	int btf_error;          /* -errno of reading the BTF that is there, else 0 */
	bool guard;             /* bpf_preempt_disable() */
	bool registers;         /* bpf_task_pt_regs() */
	char lockdown_mode[32]; /* "none", "integrity", "confidentiality"; "" no such file */
	char kernel[65];
	char libbpf[32];
	int perf_event_paranoid; /* -1 unknown */
};

void probe_support_read(struct probe_support *ret_support);

#endif
