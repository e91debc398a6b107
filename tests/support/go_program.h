/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real Go programs for the tests: tests/support/probed built by any toolchain, and a running
 * instance of it. Build products stay in ${PARKMETER_CACHE:-~/.cache/parkmeter}/testprogs.
 */
#ifndef PARKMETER_TESTS_GO_PROGRAM_H
#define PARKMETER_TESTS_GO_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Builds tests/support/probed with that Go version ("1.26"); `flags` go to go build ("" none), and
 * `variant` is part of the file's name. The path is in `path` (at least PATH_MAX bytes). False when
 * the toolchain cannot be had: the test is then to be skipped.
 */
bool go_program_build(const char *version, const char *variant, const char *flags, char *path);

/* A running instance, standing at its READY. */
struct go_program {
	pid_t pid;
	int input;  /* a byte lets it work, closing it lets it end */
	int output; /* its standard output */
};

/* Starts `path` THING COUNT and waits for READY. Fails the test when it does not come. */
void go_program_start(struct go_program *program, const char *path, const char *thing,
		      unsigned int count);

/* Waits for READY again, of a program that has executed another. */
void go_program_await_ready(struct go_program *program);

/* Lets it work and returns the nanoseconds that it took, by its own clock. */
uint64_t go_program_work(struct go_program *program);

/* Lets it work without waiting. */
void go_program_go(struct go_program *program);

/* Ends it and returns its wait status. */
int go_program_end(struct go_program *program);

/* Waits up to 20 s until condition(user) holds, in steps of a millisecond. */
bool wait_until(bool (*condition)(void *user), void *user);

#endif
