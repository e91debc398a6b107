/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/capture_private.h"

static int spawn(char *const *argv, bool output_to_stderr, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int r;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	if (output_to_stderr)
		posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	r = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

int command_start(char *const *argv, bool output_to_stderr, struct command_run *ret_run,
		  struct err *err)
{
	struct command_run run = { .pidfd = -1, .status = -1 };
	int r;

	r = spawn(argv, output_to_stderr, &run.pid);
	if (r < 0)
		return err_set_errno(err, r, "cannot start the command %s", argv[0]);
	run.pidfd = pidfd_open(run.pid, 0);
	if (run.pidfd < 0) {
		r = -errno;
		kill(run.pid, SIGTERM);
		command_finish(&run);
		return err_set_errno(err, r, "cannot watch the command %s", argv[0]);
	}
	*ret_run = run;
	return 0;
}

static int exit_code(const siginfo_t *info)
{
	return info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
}

bool command_ended(struct command_run *run)
{
	siginfo_t info = { 0 };

	if (run->status >= 0)
		return true;
	if (waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return false;
	run->status = exit_code(&info);
	return true;
}

void command_signal(const struct command_run *run, int signal_number)
{
	if (run->pid && run->status < 0)
		kill(run->pid, signal_number);
}

void command_finish(struct command_run *run)
{
	siginfo_t info = { 0 };

	if (run->pid && run->status < 0) {
		while (waitid(P_PID, (id_t)run->pid, &info, WEXITED) < 0 && errno == EINTR)
			;
		run->status = exit_code(&info);
	}
	closep(&run->pidfd);
}
