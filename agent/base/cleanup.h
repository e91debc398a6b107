/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership in one place: a local that owns something is initialised where it is declared, carries
 * CLEANUP(x_freep), and gives up what it owns only through TAKE_PTR or TAKE_FD. A reader can then
 * convince themselves that a function does not leak without reading what it calls.
 */
#ifndef PARKMETER_BASE_CLEANUP_H
#define PARKMETER_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

/* The pointer's value, and the variable is NULL afterwards. */
#define TAKE_PTR(pointer)                                   \
	({                                                  \
		__typeof__(pointer) taken_ptr_ = (pointer); \
		(pointer) = NULL;                           \
		taken_ptr_;                                 \
	})

/* The descriptor, and the variable is -1 (no descriptor) afterwards. */
#define TAKE_FD(fd)                   \
	({                            \
		int taken_fd_ = (fd); \
		(fd) = -1;            \
		taken_fd_;            \
	})

/* Defines x_freep() for a type whose destructor takes a pointer and accepts NULL. */
#define DEFINE_FREEP(type, destructor)                  \
	static inline void destructor##p(type *pointer) \
	{                                               \
		destructor(*pointer);                   \
		*pointer = NULL;                        \
	}

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void fclosep(FILE **stream)
{
	if (*stream)
		fclose(*stream);
	*stream = NULL;
}

static inline void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
	*dir = NULL;
}

#endif
