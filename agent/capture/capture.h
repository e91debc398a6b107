/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One capture from request to summary: the only place that wires targets, binaries, probes and the
 * summary together. armed (attached, nothing recorded) -> capturing -> finished.
 */
#ifndef PARKMETER_CAPTURE_H
#define PARKMETER_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "probe/probe.h"
#include "summary/summary.h"
#include "target/target.h"

struct capture_progress {
	uint64_t elapsed_ns;
	uint64_t duration_ns;   /* 0: until the command ends or somebody stops it */
	unsigned int processes; /* watched now */
	uint64_t dispatches;    /* since the window opened */
	uint64_t p99_ns;        /* runnable -> running in the block that ended last; 0 none yet */
};

struct capture_options {
	struct selector selector;
	bool lens_probe, lens_kernel;
	bool reasons;
	uint64_t duration_ns;          /* 0: no limit */
	char *const *command;          /* NULL-terminated argv, the window's lifetime; NULL none */
	bool command_output_to_stderr; /* the command's standard output must not mix with ours */
	enum probe_attach attach;
	bool entry_sites; /* for make bench only: probe function entries, single-stepped ones too */
	struct context context; /* borrowed; capture copies it */
	void *user;
	void (*armed)(void *user, const struct summary *summary);
	void (*progress)(void *user, const struct capture_progress *progress);
	uint64_t progress_ns; /* between two calls of progress; 0: 1 s */
};

/*
 * Runs a capture. SIGINT and SIGTERM end the window cleanly (a second one ends the command, too).
 * *ret_summary is owned by the caller. A target that exits is an ordinary outcome; an error is: no
 * target and nothing to wait for, no lens works, the command cannot be started.
 */
int capture_run(const struct capture_options *options, struct summary **ret_summary,
		struct err *err);

#endif
