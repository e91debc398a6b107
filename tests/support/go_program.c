/* SPDX-License-Identifier: Apache-2.0 */
#include "support/go_program.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 20000
#define SOURCE      "tests/support/probed/main.go"

static void cache_folder(char path[PATH_MAX])
{
	const char *cache = getenv("PARKMETER_CACHE");
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (cache)
		snprintf(path, PATH_MAX, "%s", cache);
	else if (xdg)
		snprintf(path, PATH_MAX, "%s/parkmeter", xdg);
	else
		snprintf(path, PATH_MAX, "%s/.cache/parkmeter", home ? home : "/root");
}

bool go_program_build(const char *version, const char *variant, const char *flags, char *path)
{
	char cache[PATH_MAX], command[3 * PATH_MAX];
	struct stat source, binary;

	cache_folder(cache);
	if (snprintf(path, PATH_MAX, "%s/testprogs/probed-%s%s", cache, version, variant) >=
	    PATH_MAX)
		return false;
	if (stat(SOURCE, &source) < 0)
		return false;
	if (stat(path, &binary) == 0 && binary.st_mtime >= source.st_mtime)
		return true;
	snprintf(command, sizeof(command),
		 "mkdir -p %s/testprogs && root=$(tests/toolchains/fetch.sh %s) && "
		 "GOROOT=$root GO111MODULE=off GOTOOLCHAIN=local GOFLAGS= "
		 "GOCACHE=%s/gocache-%s $root/bin/go build -p 2 %s -o %s.$$ %s 1>&2 && mv %s.$$ %s",
		 cache, version, cache, version, flags, path, SOURCE, path, path);
	return system(command) == 0; /* NOLINT(cert-env33-c): a test's own fixed command */
}

/* One line of its output, without the newline; the test fails when none comes in time. */
static void read_line(const struct go_program *program, char *line, size_t size)
{
	size_t used = 0;

	while (used < size - 1) {
		struct pollfd fd = { .fd = program->output, .events = POLLIN };

		assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
		assert_int_equal(read(program->output, line + used, 1), 1);
		if (line[used] == '\n')
			break;
		used++;
	}
	line[used] = '\0';
}

void go_program_await_ready(struct go_program *program)
{
	char line[64];

	read_line(program, line, sizeof(line));
	assert_string_equal(line, "READY");
}

void go_program_start(struct go_program *program, const char *path, const char *thing,
		      unsigned int count)
{
	int input[2], output[2];
	char number[16];

	snprintf(number, sizeof(number), "%u", count);
	/* Not for other programs that are started meanwhile: they would keep the ends open. */
	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	assert_int_equal(pipe2(output, O_CLOEXEC), 0);
	program->pid = fork();
	assert_true(program->pid >= 0);
	if (program->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(input[0], 0);
		dup2(output[1], 1);
		execl(path, path, thing, number, NULL);
		_exit(127);
	}
	close(input[0]);
	close(output[1]);
	program->input = input[1];
	program->output = output[0];
	go_program_await_ready(program);
}

void go_program_go(struct go_program *program)
{
	assert_int_equal(write(program->input, "g", 1), 1);
}

uint64_t go_program_work(struct go_program *program)
{
	unsigned long long took_ns = 0;
	char line[64];

	go_program_go(program);
	read_line(program, line, sizeof(line));
	assert_int_equal(sscanf(line, "DONE %llu", &took_ns), 1);
	return took_ns;
}

int go_program_end(struct go_program *program)
{
	int status = -1;

	close(program->input);
	close(program->output);
	assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
	return status;
}

bool wait_until(bool (*condition)(void *user), void *user)
{
	for (int i = 0; i < DEADLINE_MS; i++) {
		if (condition(user))
			return true;
		usleep(1000);
	}
	return false;
}
