/* SPDX-License-Identifier: Apache-2.0 */
#include "support/census.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 20000

bool census_build(const char *version, const char *flags, char path[PATH_MAX])
{
	char command[256];
	FILE *out;

	snprintf(command, sizeof(command), "CGO_ENABLED=%d tests/toolchains/build.sh %s census %s",
		 strstr(flags, "withc") != NULL, version, flags);
	out = popen(command, "re"); /* NOLINT(cert-env33-c): a test's own fixed command */
	if (!out || !fgets(path, PATH_MAX, out))
		path[0] = '\0';
	if (out && pclose(out) != 0)
		return false;
	path[strcspn(path, "\n")] = '\0';
	return path[0];
}

static void read_line(const struct census *program, char *line, size_t size)
{
	size_t used = 0;

	for (; used < size - 1; used++) {
		struct pollfd fd = { .fd = program->output, .events = POLLIN };

		assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
		assert_int_equal(read(program->output, line + used, 1), 1);
		if (line[used] == '\n')
			break;
	}
	line[used] = '\0';
}

void census_start(struct census *program, const char *path, void (*before)(void))
{
	int input[2], output[2];
	char number[16], line[64];

	snprintf(number, sizeof(number), "%d", CENSUS_WAITING);
	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	assert_int_equal(pipe2(output, O_CLOEXEC), 0);
	program->pid = fork();
	assert_true(program->pid >= 0);
	if (program->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(input[0], 0);
		dup2(output[1], 1);
		if (before)
			before();
		execl(path, path, number, NULL);
		_exit(127);
	}
	close(input[0]);
	close(output[1]);
	program->input = input[1];
	program->output = output[0];
	read_line(program, line, sizeof(line));
	assert_int_equal(strncmp(line, "READY ", 6), 0);
}

void census_end(struct census *program)
{
	int status;

	close(program->input);
	close(program->output);
	assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
	assert_int_equal(status, 0);
}

uint64_t census_ask(const struct census *program)
{
	char line[64];

	assert_int_equal(write(program->input, "\n", 1), 1);
	read_line(program, line, sizeof(line));
	return strtoull(line, NULL, 10);
}

struct target *census_open(struct binaries *binaries, pid_t pid)
{
	struct err err = ERR_INIT;
	struct target *target = NULL;

	if (target_open(pid, binaries, &target, &err) < 0)
		fail_msg("%s", err.text);
	return target;
}

struct binaries *census_binaries(void)
{
	struct binaries *binaries = NULL;

	assert_int_equal(binaries_new(&binaries, NULL), 0);
	return binaries;
}

void census_mapping(pid_t pid, const char *exe, struct census_mapping *ret_mapping)
{
	char path[64], line[PATH_MAX + 128];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	assert_non_null(maps);
	while (!found && fgets(line, sizeof(line), maps)) {
		uint64_t offset;

		found = strstr(line, exe) &&
			sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64 " %x:%x %" SCNu64,
			       &ret_mapping->start, &offset, &ret_mapping->major,
			       &ret_mapping->minor, &ret_mapping->inode) == 5 &&
			offset == 0;
	}
	fclose(maps);
	assert_true(found);
}

uint64_t census_first_address(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	for (uint64_t i = 0; i < header.e_phnum; i++) {
		assert_int_equal(pread(fd, &segment, sizeof(segment),
				       (off_t)(header.e_phoff + i * sizeof(segment))),
				 sizeof(segment));
		if (segment.p_type == PT_LOAD && segment.p_offset == 0)
			break;
	}
	close(fd);
	assert_int_equal(segment.p_type, PT_LOAD);
	return segment.p_vaddr;
}

void census_assert_key(const struct target *target)
{
	struct census_mapping mapping;

	census_mapping(target->pid, target->exe, &mapping);
	assert_int_equal(target->binary->key.inode, mapping.inode);
	assert_int_equal(target->binary->key.dev, mapping.major << 20 | mapping.minor);
}
