/* SPDX-License-Identifier: Apache-2.0 */
/* Standard input, output and error: that they are there, and that what was written arrived. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* Why a write failed whose error stdio no longer knows when the rest is written out; 0: none did.
 */
static int write_errno;

/*
 * A standard stream that is closed would be the number of the first file that is opened, and that
 * file would get what is printed. Output is opened for reading, so that writing to it fails as it
 * should.
 */
static void hold_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/dev/null", O_RDONLY);
	}
}

void cli_prepare_streams(void)
{
	hold_streams();
	/* Who stops reading (| head) must not end a capture before it has pushed. */
	signal(SIGPIPE, SIG_IGN);
}

/* The reading end of a pipe or socket is closed: POLLERR, poll(2). */
static bool reader_is_gone(void)
{
	struct pollfd output = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&output, 1, 0) == 1 && (output.revents & POLLERR);
}

void cli_say(const char *text)
{
	for (; *text; text++)
		fputc(iscntrl((unsigned char)*text) ? '?' : *text, stderr);
}

void cli_write(const char *text, size_t size)
{
	if (fwrite(text, 1, size, stdout) != size && !write_errno)
		write_errno = errno;
}

int cli_flush(void)
{
	int cause;

	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	cause = write_errno ? write_errno : errno;
	write_errno = 0;
	/* Said once; what could not be written stays unwritten. */
	__fpurge(stdout);
	clearerr(stdout);
	if (cause == EPIPE || reader_is_gone())
		return EXIT_DONE;
	fprintf(stderr, "parkmeter: cannot write standard output: %s\n",
		strerror(cause ? cause : EIO));
	return EXIT_ERROR;
}
