/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"

int file_read(int dir_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_size,
	      struct err *err)
{
	CLEANUP(closep) int fd = -1;
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	char chunk[4096];
	ssize_t got;
	size_t size;
	char *data;

	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, -errno, "cannot open %s", path);
	for (;;) {
		got = read(fd, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(err, -errno, "cannot read %s", path);
		if (got == 0)
			break;
		if (buf.size + (size_t)got > max_bytes)
			return err_set(err, -EFBIG,
				       "%s is larger than the %zu bytes that are read of it", path,
				       max_bytes);
		buf_add(&buf, chunk, (size_t)got);
	}
	size = buf.size;
	data = buf_take(&buf);
	if (!data)
		return err_set(err, -ENOMEM, "out of memory while reading %s", path);
	*ret_data = data;
	if (ret_size)
		*ret_size = size;
	return 0;
}

int file_write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t put = write(fd, at, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += put;
		size -= (size_t)put;
	}
	return 0;
}

/* A new file beside the goal, under a name that nobody can have prepared; `path` gets it. */
static int write_synced(char *path, const void *data, size_t size)
{
	CLEANUP(closep) int fd = mkostemp(path, O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = file_write_all(fd, data, size);
	if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
		r = -errno;
	if (r < 0)
		unlink(path);
	return r;
}

/* A device or a pipe (/dev/stdout, a FIFO) is written in place: it cannot be renamed over. */
static int is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

int file_write(const char *path, const void *data, size_t size, struct err *err)
{
	CLEANUP(buf_release) struct buf temporary = BUF_INIT;
	int r;

	if (strcmp(path, "-") == 0) {
		r = file_write_all(STDOUT_FILENO, data, size);
		return r < 0 ? err_set_errno(err, r, "cannot write standard output") : 0;
	}
	if (is_special(path)) {
		CLEANUP(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

		r = fd < 0 ? -errno : file_write_all(fd, data, size);
		return r < 0 ? err_set_errno(err, r, "cannot write %s", path) : 0;
	}
	buf_addf(&temporary, "%s.XXXXXX", path);
	if (buf_status(&temporary) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	r = write_synced(temporary.data, data, size);
	if (r == 0 && rename(temporary.data, path) < 0) {
		r = -errno;
		unlink(temporary.data);
	}
	return r < 0 ? err_set_errno(err, r, "cannot write %s", path) : 0;
}
