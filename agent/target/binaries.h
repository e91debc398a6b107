/* SPDX-License-Identifier: Apache-2.0 */
/* What target_open() needs of the binaries beyond target.h. */
#ifndef PARKMETER_TARGET_BINARIES_H
#define PARKMETER_TARGET_BINARIES_H

#include "target/target.h"

/*
 * As binaries_get() for /proc/PID/exe: `proc_fd` is open on /proc/PID, `shown_path` is what the
 * link says. The process' own mount table tells the device of an executable that only it can see.
 */
int binaries_get_exe(struct binaries *binaries, int proc_fd, const char *shown_path,
		     const struct binary **ret_binary, struct err *err);

#endif
