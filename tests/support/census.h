/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running instances of tests/workloads/census, and what the kernel says of them: an oracle that
 * parkmeter itself does not read. Everything here fails the running test when it does not work.
 */
#ifndef PARKMETER_TESTS_CENSUS_H
#define PARKMETER_TESTS_CENSUS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/target.h"

#define CENSUS_WAITING 500 /* goroutines that wait in each */

struct census {
	pid_t pid;
	int input, output;
};

/* The path of the program built by that release; false when it cannot be had. */
bool census_build(const char *version, const char *flags, char path[PATH_MAX]);

/* Starts it and waits for its READY; `before` (may be NULL) runs in the new process first. */
void census_start(struct census *program, const char *path, void (*before)(void));
void census_end(struct census *program);

/* What runtime.NumGoroutine() says now. */
uint64_t census_ask(const struct census *program);

struct binaries *census_binaries(void);
struct target *census_open(struct binaries *binaries, pid_t pid);

/* The mapping of the executable's first byte, in /proc/PID/maps. */
struct census_mapping {
	uint64_t start, inode;
	unsigned int major, minor;
};

void census_mapping(pid_t pid, const char *exe, struct census_mapping *ret_mapping);

/* The address at which the file itself says that its first byte belongs. */
uint64_t census_first_address(const char *path);

/* The binary's file key is what the kernel says of the mapping. */
void census_assert_key(const struct target *target);

#endif
