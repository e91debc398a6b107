/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: small ones read into memory, results written so that a reader never sees half of
 * one. */
#ifndef PARKMETER_BASE_FILE_H
#define PARKMETER_BASE_FILE_H

#include <stddef.h>

#include "base/err.h"

/*
 * Reads `path` (relative to `dir_fd`, or AT_FDCWD) whole. *ret_data is NUL-terminated and owned by
 * the caller (free()); *ret_size may be NULL. -EFBIG when it holds more than `max_bytes`. Works for
 * /proc and /sys files, whose size is not known in advance.
 */
int file_read(int dir_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_size,
	      struct err *err);

/*
 * Writes `path` by way of a temporary file in the same directory, fsync and rename: afterwards
 * `path` is the old file or the new one, never a part. "-" is standard output.
 */
int file_write(const char *path, const void *data, size_t size, struct err *err);

/* Writes all of `data` to `fd`. 0 or -errno. */
int file_write_all(int fd, const void *data, size_t size);

#endif
