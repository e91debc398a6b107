/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of paths, as --exe and --exec take them (struct selector). */
#ifndef PARKMETER_TARGET_GLOB_H
#define PARKMETER_TARGET_GLOB_H

#include <stdbool.h>

/* True when `path` (absolute, symbolic links resolved or not) is meant by the pattern. */
bool glob_matches(const char *pattern, const char *path);

/*
 * The absolute form: relative to the working directory, "." and empty components dropped, ".."
 * applied to the text before it. 0 or -ENOMEM or -errno of getcwd(3).
 */
int glob_absolute(const char *pattern, char **ret_pattern);

#endif
