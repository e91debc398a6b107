/* SPDX-License-Identifier: Apache-2.0 */
#include "target/glob.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

int glob_absolute(const char *pattern, char **ret_pattern)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	char directory[PATH_MAX];

	if (pattern[0] != '/') {
		if (!getcwd(directory, sizeof(directory)))
			return -errno;
		if (directory[1])
			buf_add_str(&buf, directory);
	}
	for (;;) {
		size_t size;

		pattern += strspn(pattern, "/");
		size = strcspn(pattern, "/");
		if (!size)
			break;
		if (size == 2 && pattern[0] == '.' && pattern[1] == '.') {
			while (buf.size && buf.data[buf.size - 1] != '/')
				buf.data[--buf.size] = '\0';
			if (buf.size)
				buf.data[--buf.size] = '\0';
		} else if (size != 1 || pattern[0] != '.') {
			buf_add_char(&buf, '/');
			buf_add(&buf, pattern, size);
		}
		pattern += size;
	}
	if (!buf.size)
		buf_add_char(&buf, '/');
	*ret_pattern = buf_take(&buf);
	return *ret_pattern ? 0 : -ENOMEM;
}

/*
 * Bytes of the pattern before its first component with a wildcard, without the slash; the whole
 * when there is none.
 */
static size_t literal_size(const char *pattern)
{
	size_t size = strcspn(pattern, "*?[\\");

	if (!pattern[size])
		return size;
	while (size && pattern[size] != '/')
		size--;
	return size;
}

/* The kernel names executables without symbolic links; people name them with. */
static bool match_resolved(const char *pattern, const char *path)
{
	CLEANUP(freep) char *literal = strndup(pattern, literal_size(pattern));
	CLEANUP(freep) char *resolved = NULL;
	const char *rest = pattern + literal_size(pattern);
	size_t size;

	if (!literal || !literal[0])
		return false;
	resolved = realpath(literal, NULL);
	if (!resolved)
		return false;
	size = strlen(resolved);
	return strncmp(path, resolved, size) == 0 && fnmatch(rest, path + size, FNM_PATHNAME) == 0;
}

bool glob_matches(const char *pattern, const char *path)
{
	CLEANUP(freep) char *absolute = NULL;
	const char *base;

	if (!strchr(pattern, '/')) {
		base = strrchr(path, '/');
		return fnmatch(pattern, base ? base + 1 : path, 0) == 0;
	}
	if (glob_absolute(pattern, &absolute) < 0 || !absolute)
		return false;
	return fnmatch(absolute, path, FNM_PATHNAME) == 0 || match_resolved(absolute, path);
}
