/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is in the capture. Processes join in three ways: they run when the window is armed; the
 * kernel side enrols them at exec, because their file is watched; or an exec of the machine matches
 * a selector and the agent attaches at once, and the gap stands in the summary. A process stays in
 * the roster when it ends, because what it did stays in the maps.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "capture/capture_private.h"
#include "peek/peek.h"

#define STAT_BYTES_MAX 4096

struct member *roster_find(const struct capture *capture, pid_t pid)
{
	for (size_t i = capture->member_count; i-- > 0;) {
		if (capture->members[i].pid == pid)
			return &capture->members[i];
	}
	return NULL;
}

struct member *roster_find_program(const struct capture *capture, uint32_t tgid, uint32_t program)
{
	for (size_t i = capture->member_count; i-- > 0;) {
		struct member *member = &capture->members[i];

		if ((uint32_t)member->pid == tgid && program_of(member->enrolled_ns) == program)
			return member;
	}
	return NULL;
}

static struct member *find_alive(const struct capture *capture, pid_t pid)
{
	struct member *member = roster_find(capture, pid);

	return member && member->alive ? member : NULL;
}

/* The process' entry in the summary. */
static int describe(struct capture *capture, struct member *member)
{
	const struct target *target = member->target;
	struct release *release;
	struct process *process;
	int r;

	r = release_of_process(capture, member->binary, target ? target->version : NULL,
			       &member->release);
	if (r < 0)
		return r;
	release = &capture->summary->releases[member->release];
	r = release_add_process(release, member->pid, &process);
	if (r < 0)
		return r;
	member->process = release->process_count - 1;
	process->kernel = capture->options->lens_kernel;
	if (target) {
		process->started_ns = target->started_ns;
		r = summary_set_string(&process->exe, target->exe);
		r = r < 0 ? r : summary_set_string(&process->container, target->container);
		r = r < 0 ? r : summary_set_string(&process->pod, target->pod);
	} else if (member->binary) {
		r = summary_set_string(&process->exe, member->binary->path);
	}
	return r;
}

static struct process *process_of(struct capture *capture, const struct member *member)
{
	return &capture->summary->releases[member->release].processes[member->process];
}

/* A new member, target taken over in every case. NULL when there is no room. */
static struct member *add_member(struct capture *capture, pid_t pid, struct target *target,
				 const struct binary *binary)
{
	struct member *member;
	int r;

	if (capture->member_count == MEMBERS_MAX) {
		if (!capture->crowded)
			summary_add_note(capture->summary,
					 "more than %d processes: later ones are not measured",
					 MEMBERS_MAX);
		capture->crowded = true;
		target_free(target);
		return NULL;
	}
	member = &capture->members[capture->member_count];
	*member = (struct member){ .pid = pid,
				   .target = target,
				   .binary = binary,
				   .load_bias = target ? target->load_bias : 0,
				   .alive = true };
	r = describe(capture, member);
	if (r < 0) {
		summary_add_note(capture->summary, "process %d is not measured: %s", (int)pid,
				 strerror(-r));
		target_free(target);
		return NULL;
	}
	capture->member_count++;
	return member;
}

static uint64_t cpu_time_ns(pid_t pid)
{
	CLEANUP(freep) char *stat = NULL;
	unsigned long long user, system;
	char path[64];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(AT_FDCWD, path, STAT_BYTES_MAX, &stat, NULL, NULL) < 0)
		return 0;
	at = strrchr(stat, ')'); /* the name before it may hold anything */
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
			  &system) != 2)
		return 0;
	return (user + system) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void read_cpu(struct member *member)
{
	uint64_t now_ns = cpu_time_ns(member->pid);

	/* A pid that belongs to somebody else by now has used less. */
	if (now_ns > member->cpu_last_ns)
		member->cpu_last_ns = now_ns;
}

static void leave(struct capture *capture, struct member *member, uint64_t time_ns)
{
	member->alive = false;
	process_of(capture, member)->exited_ns = time_ns;
	probe_remove_process(capture->session, member->pid, member->enrolled_ns);
}

/* True while the process that was opened runs the program that was looked at. */
static bool runs_still(const struct target *target)
{
	struct stat now, then;
	char exe[64];

	snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)target->pid);
	if (target->binary->fd >= 0 &&
	    (stat(exe, &now) < 0 || fstat(target->binary->fd, &then) < 0 ||
	     now.st_dev != then.st_dev || now.st_ino != then.st_ino))
		return false;
	return target_alive(target);
}

/* Watches a process that runs already; `exec_ns` is its exec's time, 0 when that was long ago. */
static int join(struct capture *capture, struct target *target, uint64_t exec_ns, struct err *err)
{
	const struct binary *binary = target->binary;
	struct executable *executable = NULL;
	struct target_config config = { 0 };
	struct err doubt = ERR_INIT;
	struct member *member;
	struct process *process;
	int r, checked;

	checked = executable_check(capture, target, &doubt);
	if (checked != -ENOTSUP)
		executable = executable_get(capture, binary, target->pid);
	member = add_member(capture, target->pid, target, binary);
	if (!member)
		return err_set(err, -ENOMEM, "no room for another process");
	member->checked = checked == 0;
	process = process_of(capture, member);
	if (executable && executable->usable) {
		config = executable->config;
		process->probed = true;
	} else if (capture->options->lens_probe) {
		summary_set_string(&process->refused,
				   executable ? executable->refused : doubt.text);
	}
	config.binary_id = binary->id;
	config.load_bias = target->load_bias;
	config.enrolled_ns = member->enrolled_ns = clock_mono_ns();
	r = probe_add_process(capture->session, target->pid, &config, err);
	if (r < 0) {
		member->alive = process->probed = process->kernel = false;
		summary_set_string(&process->refused, err->text);
		return r;
	}
	/* An end or an exec that came before it was watched is never reported by the kernel side,
	 * or was reported before: in neither case has it anything to do with what was attached. */
	if (!runs_still(target)) {
		leave(capture, member, clock_mono_ns());
		return 0;
	}
	if (exec_ns) {
		process->started_ns = exec_ns;
		process->exec_to_attach_ns = clock_mono_ns() - exec_ns;
	}
	if (capture->open)
		member->cpu_opened_ns = member->cpu_last_ns = cpu_time_ns(target->pid);
	return 0;
}

static bool restarts_are_meant(const struct selector *selector, const char *exe)
{
	for (size_t i = 0; i < selector->exe_count; i++) {
		const struct selector one = { .execs = { selector->exes[i] }, .exec_count = 1 };

		if (selector_match_exec(&one, exe))
			return true;
	}
	return false;
}

static void on_found_file(void *user, const char *path)
{
	struct capture *capture = user;
	const struct binary *binary;
	struct err err = ERR_INIT;

	/* A file that vanished again or is no Go program is no failure: exec decides what runs. */
	if (binaries_get(capture->binaries, AT_FDCWD, path, &binary, &err) < 0 || !binary->bin)
		return;
	executable_watch(capture, binary);
}

int roster_read_watch(struct capture *capture, struct err *err)
{
	return exec_watch_read(capture->watch, on_found_file, capture, err);
}

static int join_found(struct capture *capture, struct target_list *list, struct err *err)
{
	const struct selector *selector = &capture->options->selector;

	for (size_t i = 0; i < list->count; i++) {
		const struct binary *binary = list->items[i]->binary;
		struct target *target = TAKE_PTR(list->items[i]);
		bool restarts = restarts_are_meant(selector, target->exe);
		int r = join(capture, target, 0, err);

		if (r == -ESRCH || r == -EEXIST)
			continue; /* the event of what it did instead waits to be read */
		if (r < 0)
			return r;
		if (restarts)
			executable_watch(capture, binary);
	}
	return 0;
}

/* An error when the user asked for probes and not one process can have them. */
static int check_refusals(const struct capture *capture, struct err *err)
{
	const char *refused = NULL;
	const char *exe = NULL;

	if (!capture->options->lens_probe || capture->options->selector.exec_count)
		return 0;
	for (size_t i = 0; i < capture->member_count; i++) {
		const struct member *member = &capture->members[i];
		const struct process *process =
			&capture->summary->releases[member->release].processes[member->process];

		if (process->probed)
			return 0;
		if (process->refused && !refused) {
			refused = process->refused;
			exe = process->exe;
		}
	}
	if (!refused)
		return 0;
	return err_set(err, -ENOTSUP, "cannot probe %s: %s%s", exe ? exe : "the process", refused,
		       capture->options->lens_kernel
			       ? "; --lens kernel measures its threads without probes"
			       : "");
}

int roster_fill(struct capture *capture, struct err *err)
{
	struct selector selector = capture->options->selector;
	struct target_list list = { 0 };
	size_t unreadable = 0;
	int r;

	if (selector.exec_count) {
		r = exec_watch_new(&selector, &capture->watch, err);
		if (r < 0)
			return r;
		r = roster_read_watch(capture, err);
		if (r < 0)
			return r;
	}
	selector.exec_count = 0;
	if (selector_empty(&selector))
		return 0;
	r = target_find(&selector, capture->binaries, &list, &unreadable, err);
	if (unreadable && !list.count)
		summary_add_note(capture->summary,
				 "%zu process%s could not be read, and may have been meant; that "
				 "takes CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
				 unreadable, unreadable == 1 ? "" : "es");
	if (r == 0)
		r = join_found(capture, &list, err);
	target_list_release(&list);
	return r < 0 ? r : check_refusals(capture, err);
}

/* A process that the kernel side watches since its exec: learn who it is. */
static void join_enrolled(struct capture *capture, const struct event_exec *event)
{
	const struct executable *executable = executable_of_key(capture, &event->file);
	pid_t pid = (pid_t)event->header.tgid;
	struct target *target = NULL;
	struct member *member;
	struct process *process;

	/* It may have ended already; what it did is counted all the same. */
	target_open(pid, capture->binaries, &target, NULL);
	if (target && target->load_bias)
		probe_set_bias(capture->session, pid, event->header.time_ns, target->load_bias);
	member = add_member(capture, pid, target, executable ? executable->binary : NULL);
	if (!member)
		return;
	member->enrolled_ns = event->header.time_ns;
	process = process_of(capture, member);
	process->probed = executable && executable->usable;
	if (executable && executable->refused && capture->options->lens_probe)
		summary_set_string(&process->refused, executable->refused);
	process->started_ns = event->header.time_ns;
}

/* The path that a process executes, as its own mount namespace calls it; "" when it is gone. */
static void exe_path(pid_t pid, char *path, size_t size)
{
	char link[64];
	ssize_t got;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	got = readlink(link, path, size - 1);
	path[got < 0 ? 0 : got] = '\0';
}

static bool is_meant(const struct capture *capture, const struct event_exec *event,
		     const char *path, const struct target *target)
{
	const struct selector *selector = &capture->options->selector;
	const struct member *parent = find_alive(capture, (pid_t)event->parent);

	if (selector_match_exec(selector, path) || selector_match(selector, target))
		return true;
	return parent && parent->binary == target->binary;
}

/* Cheap reasons not to look closer at an exec of the machine. */
static bool may_be_meant(const struct capture *capture, const struct event_exec *event,
			 const char *path)
{
	const struct selector *selector = &capture->options->selector;

	if (!*path)
		return false;
	if (selector_match_exec(selector, path) || restarts_are_meant(selector, path) ||
	    find_alive(capture, (pid_t)event->parent))
		return true;
	return selector->cgroup_count || selector->container_count || selector->pod_count ||
	       selector->service_count;
}

static void join_late(struct capture *capture, const struct event_exec *event)
{
	pid_t pid = (pid_t)event->header.tgid;
	CLEANUP(target_freep) struct target *target = NULL;
	const struct executable *known;
	const struct binary *binary;
	struct err err = ERR_INIT;
	char path[PATH_MAX];

	exe_path(pid, path, sizeof(path));
	known = executable_of_key(capture, &event->file);
	if (!*path && known && known->inode_wide)
		capture->missed_starts++;
	if (!may_be_meant(capture, event, path))
		return;
	if (target_open(pid, capture->binaries, &target, &err) < 0) {
		capture->missed_starts += selector_match_exec(&capture->options->selector, path);
		return;
	}
	if (!target->binary->bin || !is_meant(capture, event, path, target))
		return;
	binary = target->binary;
	if (join(capture, TAKE_PTR(target), event->header.time_ns, &err) < 0) {
		summary_add_note(capture->summary, "pid %d (%s) is not measured: %s", (int)pid,
				 path, err.text);
		return;
	}
	executable_watch(capture, binary);
}

void roster_on_exec(struct capture *capture, const struct event_exec *event)
{
	pid_t pid = (pid_t)event->header.tgid;
	struct member *before = find_alive(capture, pid);
	struct member *now;

	/* The same process under a new program is another member. */
	if (before && event->enrolled) {
		before->alive = false;
		process_of(capture, before)->exited_ns = event->header.time_ns;
	} else if (before) {
		leave(capture, before, event->header.time_ns);
	}
	if (event->enrolled)
		join_enrolled(capture, event);
	else
		join_late(capture, event);
	/* Its processor time goes on. */
	now = find_alive(capture, pid);
	if (before && now && !now->cpu_opened_ns)
		now->cpu_opened_ns = now->cpu_last_ns = before->cpu_last_ns;
}

void roster_on_exit(struct capture *capture, const struct event_exit *event)
{
	struct member *member = find_alive(capture, (pid_t)event->header.tgid);

	if (!member)
		return;
	read_cpu(member); /* as long as its parent has not reaped it */
	leave(capture, member, event->header.time_ns);
}

void roster_read_cpu(struct capture *capture, bool opening)
{
	for (size_t i = 0; i < capture->member_count; i++) {
		struct member *member = &capture->members[i];

		if (!member->alive)
			continue;
		read_cpu(member);
		if (opening)
			member->cpu_opened_ns = member->cpu_last_ns;
	}
}

/* Not the processes that could not be checked for want of a privilege: nobody can tell. */
void roster_check(struct capture *capture)
{
	for (size_t i = 0; i < capture->member_count; i++) {
		struct member *member = &capture->members[i];
		struct process *process = process_of(capture, member);
		struct err doubt = ERR_INIT;
		int r;

		if (member->checked || !member->alive || !member->target || !process->probed)
			continue;
		r = executable_check(capture, member->target, &doubt);
		member->checked = r == 0;
		if (r != -ENOTSUP)
			continue;
		summary_add_note(capture->summary, "process %d was not measured to its end: %s",
				 (int)member->pid, doubt.text);
		summary_set_string(&process->refused, doubt.text);
		leave(capture, member, clock_mono_ns());
	}
}

void roster_count_goroutines(struct capture *capture)
{
	for (size_t i = 0; i < capture->member_count; i++) {
		const struct member *member = &capture->members[i];
		struct process *process = process_of(capture, member);
		uint64_t count;

		if (!member->alive || !member->target ||
		    peek_goroutine_count(member->target, &count, NULL) < 0)
			continue;
		if (count > process->goroutines)
			process->goroutines = count;
	}
}

size_t roster_alive(const struct capture *capture)
{
	size_t count = 0;

	for (size_t i = 0; i < capture->member_count; i++)
		count += capture->members[i].alive;
	return count;
}

bool roster_expects(const struct capture *capture)
{
	return !capture->only_pids;
}

void roster_release(struct capture *capture)
{
	for (size_t i = 0; i < capture->member_count; i++)
		target_free(capture->members[i].target);
	free(capture->members);
	for (size_t i = 0; i < capture->executable_count; i++) {
		free(capture->executables[i].refused);
		free(capture->executables[i].sites);
	}
	exec_watch_free(capture->watch);
}
