/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets and peek against real Go programs of several releases (tests/workloads/census). Needs
 * root for mounts, for a chosen pid and for another user's view; the mounts are made in a mount
 * namespace of this test's own and go with it.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "peek/peek.h"
#include "target/target.h"

#define DEADLINE_MS 20000
#define WAITING     500 /* goroutines of a census */

static char directory[] = "/tmp/parkmeter-target-XXXXXX"; /* a tmpfs of this test's own */
static char usual[PATH_MAX];                              /* the census of a usual build */

/* ---- programs ---- */

struct program {
	pid_t pid;
	int input, output;
};

/* The path of the census built by that release; false when it cannot be had. */
static bool build(const char *version, const char *flags, char path[PATH_MAX])
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

static void read_line(const struct program *program, char *line, size_t size)
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

/* Starts a census and waits for its READY; `before` runs in the new process first. */
static void start(struct program *program, const char *path, void (*before)(void))
{
	int input[2], output[2];
	char number[16], line[64];

	snprintf(number, sizeof(number), "%d", WAITING);
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

static void end(struct program *program)
{
	int status;

	close(program->input);
	close(program->output);
	assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
	assert_int_equal(status, 0);
}

/* What runtime.NumGoroutine() says now. */
static uint64_t ask_count(const struct program *program)
{
	char line[64];

	assert_int_equal(write(program->input, "\n", 1), 1);
	read_line(program, line, sizeof(line));
	return strtoull(line, NULL, 10);
}

static struct target *open_target(struct binaries *binaries, pid_t pid)
{
	struct err err = ERR_INIT;
	struct target *target = NULL;

	if (target_open(pid, binaries, &target, &err) < 0)
		fail_msg("%s", err.text);
	return target;
}

static struct binaries *new_binaries(void)
{
	struct binaries *binaries = NULL;

	assert_int_equal(binaries_new(&binaries, NULL), 0);
	return binaries;
}

/* What the kernel says of the first mapping of the executable: an oracle that parkmeter does not
 * read. */
struct mapping {
	uint64_t start, inode;
	unsigned int major, minor;
};

static void read_mapping(pid_t pid, const char *exe, struct mapping *ret_mapping)
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

/* Where the file itself says that its first byte belongs. */
static uint64_t first_address(const char *path)
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

static void assert_key(const struct target *target)
{
	struct mapping mapping;

	read_mapping(target->pid, target->exe, &mapping);
	assert_int_equal(target->binary->key.inode, mapping.inode);
	assert_int_equal(target->binary->key.dev, mapping.major << 20 | mapping.minor);
}

static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* ---- every release ---- */

static const struct {
	const char *version, *flags;
	bool pie, counted;
} builds[] = {
	{ "1.19", "", false, true },
	{ "1.21", "-buildmode=pie", true, true },
	{ "1.22", "", false, true },
	{ "1.23", "", false, true },
	{ "1.24", "-buildmode=pie", true, true },
	{ "1.24", "-tags withc", false, true },
	{ "1.26", "", false, true },
	{ "1.26", "-tags withc", false, true },
	{ "1.27", "-buildmode=pie", true, true },
	{ "1.27", "-ldflags=-s", false, false },
};

static void check_build(struct binaries *binaries, const char *path, bool pie, bool counted)
{
	struct err err = ERR_INIT;
	struct program program;
	struct target *target;
	struct mapping mapping;
	uint64_t count = 0;

	start(&program, path, NULL);
	target = open_target(binaries, program.pid);
	assert_true(target_is_go(target));
	assert_true(target_alive(target));
	assert_string_equal(target->exe, path);
	assert_string_equal(target->comm, "census");
	assert_string_equal(target->service, "census");
	assert_int_equal(target->uid, getuid());
	assert_true(target->started_ns <= clock_mono_ns());
	assert_true(clock_mono_ns() - target->started_ns < 60 * NS_PER_S);
	assert_key(target);
	read_mapping(program.pid, path, &mapping);
	assert_int_equal(target->load_bias, mapping.start - first_address(path));
	assert_int_equal(target->load_bias != 0, pie);
	if (counted) {
		if (peek_goroutine_count(target, &count, &err) < 0)
			fail_msg("%s: %s", path, err.text);
		assert_int_equal(count, ask_count(&program));
		assert_int_equal(count, WAITING + 1);
	} else {
		assert_int_equal(peek_goroutine_count(target, &count, &err), -ENOTSUP);
		assert_non_null(strstr(err.text, "stripped"));
	}
	end(&program);
	assert_false(target_alive(target));
	if (counted)
		assert_int_equal(peek_goroutine_count(target, &count, &err), -ESRCH);
	target_free(target);
}

static void test_releases(void **state)
{
	struct binaries *binaries = new_binaries();
	char path[PATH_MAX];
	size_t built = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		if (!build(builds[i].version, builds[i].flags, path)) {
			print_message("skipped: no Go %s %s\n", builds[i].version, builds[i].flags);
			continue;
		}
		check_build(binaries, path, builds[i].pie, builds[i].counted);
		built++;
	}
	binaries_free(binaries);
	if (!built)
		skip();
}

static void test_an_unsupported_release_is_still_go(void **state)
{
	struct binaries *binaries = new_binaries();
	struct target_list list = { 0 };
	struct selector selector = { 0 };
	struct err err = ERR_INIT;
	struct program program;
	char path[PATH_MAX];
	uint64_t count;

	(void)state;
	if (!build("1.15", "", path)) {
		binaries_free(binaries);
		skip();
	}
	start(&program, path, NULL);
	selector.pids[selector.pid_count++] = program.pid;
	assert_int_equal(target_find(&selector, binaries, &list, NULL, &err), 0);
	assert_int_equal(list.count, 1);
	assert_true(target_is_go(list.items[0]));
	assert_null(list.items[0]->binary->bin);
	assert_int_equal(list.items[0]->binary->refused_code, -ENOTSUP);
	assert_non_null(strstr(list.items[0]->binary->refused, "go1.15"));
	assert_int_equal(peek_goroutine_count(list.items[0], &count, &err), -ENOTSUP);
	target_list_release(&list);
	binaries_free(binaries);
	end(&program);
}

/* ---- identity ---- */

static void set_otel(void)
{
	setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=or%64ers,service.version=v2.3.0", 1);
}

static void test_names_come_from_the_environment(void **state)
{
	struct binaries *binaries = new_binaries();
	struct program program;
	struct target *target;

	(void)state;
	start(&program, usual, set_otel);
	target = open_target(binaries, program.pid);
	assert_string_equal(target->service, "orders");
	assert_string_equal(target->version, "v2.3.0");
	target_free(target);
	end(&program);
	binaries_free(binaries);
}

/* ---- pids ---- */

static void test_what_is_no_process(void **state)
{
	struct binaries *binaries = new_binaries();
	struct program program;
	struct target *target = NULL;
	struct err err = ERR_INIT;
	char path[64];
	struct dirent *entry;
	pid_t thread = 0;
	DIR *tasks;

	(void)state;
	start(&program, usual, NULL);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)program.pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != program.pid)
			thread = atoi(entry->d_name);
	}
	closedir(tasks);
	assert_true(thread > 0);
	assert_int_equal(target_open(thread, binaries, &target, &err), -ESRCH);
	assert_non_null(strstr(err.text, "thread"));
	end(&program);
	assert_int_equal(target_open(program.pid, binaries, &target, &err), -ESRCH);
	assert_int_equal(target_open(0, binaries, &target, &err), -ESRCH);
	assert_int_equal(target_open(-1, binaries, &target, &err), -ESRCH);
	assert_int_equal(target_open(INT_MAX, binaries, &target, &err), -ESRCH);
	assert_null(target);
	binaries_free(binaries);
}

static void test_a_zombie_has_ended(void **state)
{
	struct binaries *binaries = new_binaries();
	struct target *target = NULL;
	struct err err = ERR_INIT;
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(target_open(pid, binaries, &target, &err), -ESRCH);
	assert_null(target);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	binaries_free(binaries);
}

/* A child of that very pid, or -1. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uint64_t)(uintptr_t)&pid,
				   .set_tid_size = 1 };
	long r = syscall(SYS_clone3, &args, sizeof(args));

	if (r == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	return (pid_t)r;
}

static void test_a_reused_pid_is_another_process(void **state)
{
	struct binaries *binaries = new_binaries();
	struct target *target, *successor;
	struct err err = ERR_INIT;
	struct program program;
	uint64_t count;
	pid_t pid;

	(void)state;
	start(&program, usual, NULL);
	target = open_target(binaries, program.pid);
	end(&program);
	pid = fork_as(program.pid);
	if (pid < 0) {
		target_free(target);
		binaries_free(binaries);
		print_message("skipped: a pid cannot be chosen here\n");
		skip();
	}
	assert_int_equal(pid, program.pid);
	assert_false(target_alive(target));
	assert_int_equal(peek_goroutine_count(target, &count, &err), -ESRCH);
	successor = open_target(binaries, pid);
	assert_true(target_alive(successor));
	assert_false(target_is_go(successor));
	target_free(successor);
	target_free(target);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	binaries_free(binaries);
}

/* What another user sees of a process of ours, as an exit code. */
static int look_as_nobody(pid_t pid)
{
	struct binaries *binaries = NULL;
	struct target_list list = { 0 };
	struct target *target = NULL;
	struct selector selector = { .pids = { pid }, .pid_count = 1 };
	struct err err = ERR_INIT;
	size_t unreadable = 0;
	int r;

	if (setgid(65534) < 0 || setuid(65534) < 0 || binaries_new(&binaries, NULL) < 0)
		return 1;
	r = target_open(pid, binaries, &target, &err);
	if (r != -EACCES || target || !strstr(err.text, "CAP_SYS_PTRACE"))
		return 2;
	if (target_find(NULL, binaries, &list, &unreadable, &err) < 0 || !unreadable)
		return 3;
	target_list_release(&list);
	if (target_find(&selector, binaries, &list, NULL, &err) != -EACCES)
		return 4;
	binaries_free(binaries);
	return 0;
}

static void test_somebody_elses_process(void **state)
{
	struct program program;
	int status;
	pid_t pid;

	(void)state;
	start(&program, usual, NULL);
	pid = fork();
	if (pid == 0)
		_exit(look_as_nobody(program.pid));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	end(&program);
}

/* ---- files ---- */

static void copy_file(const char *from, const char *to)
{
	char data[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t size;

	assert_true(in >= 0 && out >= 0);
	while ((size = read(in, data, sizeof(data))) > 0)
		assert_int_equal(write(out, data, (size_t)size), size);
	assert_int_equal(size, 0);
	close(in);
	close(out);
}

static void in_directory(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", directory, name);
}

static void test_a_replaced_executable_stays_the_same_binary(void **state)
{
	struct binaries *binaries = new_binaries();
	struct program program;
	struct target *before, *after;
	char path[PATH_MAX], next[PATH_MAX];

	(void)state;
	in_directory(path, "census");
	in_directory(next, "census.next");
	copy_file(usual, path);
	copy_file(usual, next);
	start(&program, path, NULL);
	before = open_target(binaries, program.pid);
	assert_int_equal(rename(next, path), 0); /* changes the old inode's change time */
	after = open_target(binaries, program.pid);
	assert_string_equal(after->exe, path); /* without " (deleted)" */
	assert_ptr_equal(after->binary, before->binary);
	target_free(after);
	target_free(before);
	binaries_free(binaries);
	/* and seen for the first time when it is gone */
	binaries = new_binaries();
	before = open_target(binaries, program.pid);
	assert_string_equal(before->exe, path);
	assert_non_null(before->binary->bin);
	assert_string_not_equal(before->binary->path, "");
	target_free(before);
	end(&program);
	unlink(path);
	binaries_free(binaries);
}

/* In the new process: a mount that nobody else sees, with the executable in it. */
static void hide(void)
{
	char path[PATH_MAX];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("hidden", directory, "tmpfs", 0, NULL) < 0)
		_exit(126);
	in_directory(path, "hidden");
	copy_file(usual, path);
}

static void test_an_executable_in_another_mount_namespace(void **state)
{
	struct binaries *binaries = new_binaries();
	struct program program;
	struct target *target;
	char path[PATH_MAX];

	(void)state;
	in_directory(path, "hidden");
	start(&program, path, hide);
	assert_int_equal(access(path, F_OK), -1);
	target = open_target(binaries, program.pid);
	assert_string_equal(target->exe, path);
	assert_non_null(target->binary->bin);
	assert_key(target);
	target_free(target);
	end(&program);
	binaries_free(binaries);
}

/* An overlay over the lower directory, as each container of an image has one. */
static bool mount_overlay(const char *name, char path[PATH_MAX])
{
	char options[3 * PATH_MAX], upper[PATH_MAX], work[PATH_MAX];

	snprintf(path, PATH_MAX, "%s/%s", directory, name);
	snprintf(upper, sizeof(upper), "%s/%s.upper", directory, name);
	snprintf(work, sizeof(work), "%s/%s.work", directory, name);
	if (mkdir(path, 0755) < 0 || mkdir(upper, 0755) < 0 || mkdir(work, 0755) < 0)
		return false;
	snprintf(options, sizeof(options), "lowerdir=%s/image,upperdir=%s,workdir=%s", directory,
		 upper, work);
	return mount("overlay", path, "overlay", 0, options) == 0;
}

static void test_containers_of_one_image_share_the_file(void **state)
{
	struct binaries *binaries = new_binaries();
	struct program programs[2];
	struct target *targets[2];
	char path[PATH_MAX], overlay[PATH_MAX];

	(void)state;
	in_directory(path, "image");
	assert_int_equal(mkdir(path, 0755), 0);
	in_directory(path, "image/census");
	copy_file(usual, path);
	for (int i = 0; i < 2; i++) {
		if (!mount_overlay(i ? "b" : "a", overlay)) {
			binaries_free(binaries);
			print_message("skipped: no overlayfs: %s\n", strerror(errno));
			skip();
		}
		strcat(overlay, "/census");
		start(&programs[i], overlay, NULL);
		targets[i] = open_target(binaries, programs[i].pid);
		assert_key(targets[i]);
	}
	assert_int_not_equal(targets[0]->binary->id, targets[1]->binary->id);
	assert_int_equal(targets[0]->binary->same_as, 0);
	assert_int_equal(targets[1]->binary->same_as, targets[0]->binary->id);
	assert_int_not_equal(targets[0]->binary->key.dev, targets[1]->binary->key.dev);
	for (int i = 0; i < 2; i++) {
		target_free(targets[i]);
		end(&programs[i]);
	}
	binaries_free(binaries);
}

static void test_files_that_are_no_program(void **state)
{
	struct binaries *binaries = new_binaries();
	const struct binary *binary = NULL, *again = NULL;
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	int fd;

	(void)state;
	assert_int_equal(binaries_get(binaries, AT_FDCWD, directory, &binary, &err), -ENOEXEC);
	in_directory(path, "fifo");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(binaries_get(binaries, AT_FDCWD, path, &binary, &err), -ENOEXEC);
	in_directory(path, "nothing");
	assert_int_equal(binaries_get(binaries, AT_FDCWD, path, &binary, &err), -ENOENT);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_int_equal(binaries_get(binaries, AT_FDCWD, path, &binary, &err), 0);
	assert_null(binary->bin);
	assert_int_equal(binary->fd, -1);
	assert_int_equal(binary->refused_code, -ENOEXEC);
	assert_null(strstr(binary->refused, "/proc/self"));
	assert_int_equal(binaries_get(binaries, AT_FDCWD, path, &again, &err), 0);
	assert_ptr_equal(again, binary);
	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	close(fd);
	assert_int_equal(binaries_get(binaries, AT_FDCWD, path, &again, &err), 0);
	assert_ptr_not_equal(again, binary); /* it is another file now */
	binaries_free(binaries);
}

/* ---- many ---- */

static void test_pids_that_were_asked_for(void **state)
{
	struct binaries *binaries = new_binaries();
	struct selector selector = { .pids = { getpid() }, .pid_count = 1 };
	struct target_list list = { 0 };
	struct err err = ERR_INIT;
	struct program program;

	(void)state;
	assert_int_equal(target_find(&selector, binaries, &list, NULL, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "Go"));
	start(&program, usual, NULL);
	selector.pids[0] = program.pid;
	selector.pids[1] = program.pid;
	selector.pid_count = 2;
	selector.services[selector.service_count++] = "census";
	assert_int_equal(target_find(&selector, binaries, &list, NULL, &err), 0);
	for (size_t i = 0; i + 1 < list.count; i++)
		assert_true(list.items[i]->pid < list.items[i + 1]->pid);
	target_list_release(&list);
	selector.pids[0] = INT_MAX;
	assert_int_equal(target_find(&selector, binaries, &list, NULL, &err), -ESRCH);
	end(&program);
	binaries_free(binaries);
}

#define DUMMIES 300

static void test_many_processes_leak_nothing(void **state)
{
	struct binaries *binaries = new_binaries();
	struct target_list list = { 0 };
	struct err err = ERR_INIT;
	struct program program;
	pid_t dummies[DUMMIES];
	size_t fds;

	(void)state;
	start(&program, usual, NULL);
	for (int i = 0; i < DUMMIES; i++) {
		dummies[i] = fork();
		if (dummies[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(0);
		}
		assert_true(dummies[i] > 0);
	}
	assert_int_equal(target_find(NULL, binaries, &list, NULL, &err), 0);
	assert_true(list.count >= 1);
	target_list_release(&list);
	fds = count_fds();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(target_find(NULL, binaries, &list, NULL, &err), 0);
		target_list_release(&list);
	}
	/* Others may have started Go programs meanwhile, of which each executable is kept open. */
	assert_in_range(count_fds(), fds, fds + 8);
	for (int i = 0; i < DUMMIES; i++) {
		kill(dummies[i], SIGKILL);
		assert_int_equal(waitpid(dummies[i], NULL, 0), dummies[i]);
	}
	end(&program);
	binaries_free(binaries);
}

/* Starts and reaps censuses that end at once, until it is killed. */
static void churn(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		pid_t pid = fork();

		if (pid == 0) {
			int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

			dup2(nothing, 0);
			dup2(nothing, 1);
			execl(usual, usual, "0", NULL);
			_exit(127);
		}
		waitpid(pid, NULL, 0);
	}
}

static void test_processes_that_end_meanwhile(void **state)
{
	struct binaries *binaries = new_binaries();
	struct target_list list = { 0 };
	struct selector selector = { .services = { "census" }, .service_count = 1 };
	struct err err = ERR_INIT;
	uint64_t until_ns = clock_mono_ns() + NS_PER_S, count;
	size_t fds = 0, seen = 0, counted = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		churn();
	while (clock_mono_ns() < until_ns) {
		if (target_find(&selector, binaries, &list, NULL, &err) < 0)
			fail_msg("%s", err.text);
		seen += list.count;
		for (size_t i = 0; i < list.count; i++) {
			int r = peek_goroutine_count(list.items[i], &count, &err);

			/* -ENOTSUP: its runtime has not started yet */
			assert_true(r == 0 || r == -ESRCH || r == -ENOTSUP || r == -EAGAIN);
			counted += r == 0;
		}
		target_list_release(&list);
		if (!fds && seen)
			fds = count_fds();
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(seen > 0);
	assert_true(counted > 0);
	/* A scan that leaked would have done so at each of its many rounds; others' Go programs may
	 * have come meanwhile. */
	assert_in_range(count_fds(), fds - 8, fds + 8);
	binaries_free(binaries);
}

static int set_up(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(directory) ||
	    mount("parkmeter-test", directory, "tmpfs", 0, NULL) < 0) {
		print_message("this test needs root and a mount namespace of its own\n");
		return -1;
	}
	return build("1.26", "", usual) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	umount2(directory, MNT_DETACH);
	rmdir(directory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_releases),
		cmocka_unit_test(test_an_unsupported_release_is_still_go),
		cmocka_unit_test(test_names_come_from_the_environment),
		cmocka_unit_test(test_what_is_no_process),
		cmocka_unit_test(test_a_zombie_has_ended),
		cmocka_unit_test(test_a_reused_pid_is_another_process),
		cmocka_unit_test(test_somebody_elses_process),
		cmocka_unit_test(test_a_replaced_executable_stays_the_same_binary),
		cmocka_unit_test(test_an_executable_in_another_mount_namespace),
		cmocka_unit_test(test_containers_of_one_image_share_the_file),
		cmocka_unit_test(test_files_that_are_no_program),
		cmocka_unit_test(test_pids_that_were_asked_for),
		cmocka_unit_test(test_many_processes_leak_nothing),
		cmocka_unit_test(test_processes_that_end_meanwhile),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
