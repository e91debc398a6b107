/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executables of a capture and their probes. Where only pids were asked for, the probes trap in
 * those processes alone; otherwise they sit on the file, so that a process that starts later is
 * measured from its first instruction.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture_private.h"
#include "peek/peek.h"

static struct executable *find(struct capture *capture, const struct binary *binary)
{
	for (size_t i = 0; i < capture->executable_count; i++) {
		if (capture->executables[i].binary == binary && !capture->executables[i].stale)
			return &capture->executables[i];
	}
	return NULL;
}

static void note_missing_sites(struct capture *capture, const struct binary *binary,
			       const struct gobin_site sites[SITE_COUNT])
{
	for (int i = 0; i < SITE_COUNT; i++) {
		if (!sites[i].usable)
			summary_add_note(capture->summary, "%s: no probe at %s: %s", binary->path,
					 sites[i].function, sites[i].reason);
	}
}

/*
 * Moves the sites to their functions' first instructions, so that the bench can show what the
 * choice of sites is worth. The call that SITE_NEW sits on stays: at an entry there is no new g
 * yet.
 */
static void move_to_entries(const struct gobin *bin, struct gobin_site sites[SITE_COUNT])
{
	struct gobin_func func;

	for (int i = 0; i < SITE_COUNT; i++) {
		struct gobin_site *site = &sites[i];

		if (!site->usable || i == SITE_NEW ||
		    gobin_func_find(bin, site->function, &func) < 0)
			continue;
		site->file_offset -= site->address - func.entry;
		site->address = func.entry;
	}
}

/* Where the probes go, and what they read there. */
static int prepare(const struct capture *capture, struct executable *executable, struct err *err)
{
	const struct binary *binary = executable->binary;
	CLEANUP(freep) struct gobin_site *sites = NULL;
	int r;

	if (executable->sites)
		return 0;
	if (!capture->options->lens_probe)
		return err_set(err, -ENOTSUP, "the probe lens is off");
	if (!binary->bin)
		return err_set(err, -ENOEXEC, "%s",
			       binary->refused ? binary->refused : "it is no Go program");
	sites = calloc(SITE_COUNT, sizeof(*sites));
	if (!sites)
		return err_set(err, -ENOMEM, "out of memory");
	r = gobin_sites(binary->bin, sites, err);
	if (r == 0 && capture->options->entry_sites)
		move_to_entries(binary->bin, sites);
	if (r == 0)
		r = gobin_target_config(binary->bin, &executable->config, err);
	if (r < 0)
		return r;
	executable->config.binary_id = binary->id;
	executable->config.flags |= TARGET_PROBED;
	executable->sites = TAKE_PTR(sites);
	return 0;
}

static int attach(struct capture *capture, struct executable *executable, pid_t pid,
		  struct err *err)
{
	const struct binary *binary = executable->binary;
	int r;

	r = prepare(capture, executable, err);
	if (r == 0)
		r = probe_attach_binary(capture->session, binary->id, binary->fd, pid,
					executable->sites, err);
	if (r < 0)
		return r;
	if (!executable->usable)
		note_missing_sites(capture, binary, executable->sites);
	executable->usable = true;
	executable->inode_wide = pid == 0;
	return 0;
}

/*
 * Probes on a file are offsets into it. Who overwrites the file in place would get breakpoints for
 * the old code into the new program, so the agent holds a read lease (fcntl(2)): the kernel makes a
 * writer wait until the probes are out, and gives way by itself when the agent is gone. Without a
 * lease nothing is attached to the file as such, only to its processes.
 */
static int guard(const struct binary *binary)
{
	if (binary->fd < 0)
		return -EBADF;
	if (fcntl(binary->fd, F_SETSIG, EXECUTABLE_SIGNAL) < 0 ||
	    fcntl(binary->fd, F_SETLEASE, F_RDLCK) < 0)
		return -errno;
	return 0;
}

static void try_guard(struct capture *capture, struct executable *executable)
{
	int r;

	if (capture->only_pids || !executable->binary->bin)
		return;
	r = guard(executable->binary);
	executable->guarded = r == 0;
	if (r < 0)
		summary_add_note(
			capture->summary,
			"%s is measured from shortly after its start, not before: the file cannot "
			"be guarded against being overwritten (%s)",
			executable->binary->path, strerror(-r));
}

static struct executable *add(struct capture *capture, const struct binary *binary)
{
	struct executable *executable;

	if (capture->executable_count == EXECUTABLES_MAX) {
		if (!capture->crowded)
			summary_add_note(capture->summary,
					 "more than %d executables: later ones are not measured",
					 EXECUTABLES_MAX);
		capture->crowded = true;
		return NULL;
	}
	executable = &capture->executables[capture->executable_count++];
	executable->binary = binary;
	executable->config.binary_id = binary->id;
	try_guard(capture, executable);
	return executable;
}

/* The same file beneath overlayfs (containers of one image) has its probes already. */
static bool share(struct capture *capture, struct executable *executable)
{
	for (size_t i = 0; i < capture->executable_count; i++) {
		const struct executable *other = &capture->executables[i];

		if (!executable->binary->same_as || !other->inode_wide ||
		    other->binary->id != executable->binary->same_as)
			continue;
		executable->config = other->config;
		executable->config.binary_id = executable->binary->id;
		executable->usable = executable->inode_wide = true;
		return true;
	}
	return false;
}

int executable_check(struct capture *capture, const struct target *target, struct err *err)
{
	struct executable *executable = find(capture, target->binary);
	struct err refused = ERR_INIT;

	if (!executable)
		executable = add(capture, target->binary);
	if (!executable || executable->refused || prepare(capture, executable, &refused) < 0)
		return 0;
	return peek_check(target, executable->sites, err);
}

struct executable *executable_get(struct capture *capture, const struct binary *binary, pid_t pid)
{
	struct executable *executable = find(capture, binary);
	struct err err = ERR_INIT;

	if (!executable)
		executable = add(capture, binary);
	if (!executable || executable->inode_wide || executable->refused)
		return executable;
	if (executable->guarded)
		pid = 0;
	else if (!pid && binary->bin)
		return executable;
	if (pid == 0 && share(capture, executable))
		return executable;
	if (attach(capture, executable, pid, &err) < 0) {
		executable->usable = false;
		executable->refused = strdup(err.text);
	}
	return executable;
}

void executable_watch(struct capture *capture, const struct binary *binary)
{
	struct executable *executable = executable_get(capture, binary, 0);
	struct err err = ERR_INIT;

	if (!executable || !executable->guarded ||
	    (!executable->usable && !capture->options->lens_kernel))
		return;
	if (probe_watch_file(capture->session, &binary->key, &executable->config, &err) < 0)
		summary_add_note(capture->summary, "%s is watched from its exec only: %s",
				 binary->path, err.text);
}

void executables_on_change(struct capture *capture, int fd)
{
	for (size_t i = 0; i < capture->executable_count; i++) {
		struct executable *executable = &capture->executables[i];
		const struct binary *binary = executable->binary;

		if (!executable->guarded || binary->fd != fd)
			continue;
		probe_detach_binary(capture->session, binary->id, &binary->key);
		executable->guarded = executable->inode_wide = executable->usable = false;
		executable->stale = true;
		collect_names(capture, binary);
		fcntl(fd, F_SETLEASE, F_UNLCK);
	}
}

const struct executable *executable_of_key(const struct capture *capture,
					   const struct file_key *key)
{
	for (size_t i = 0; i < capture->executable_count; i++) {
		const struct executable *executable = &capture->executables[i];

		if (!executable->stale && executable->binary->key.inode == key->inode &&
		    executable->binary->key.dev == key->dev)
			return executable;
	}
	return NULL;
}
