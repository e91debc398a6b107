/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that appear where --exec looks, by inotify(7).
 *
 * A pattern "/srv/<*>/bin/orders" has four components. Every existing directory whose path matches
 * the first 0, 1, 2 or 3 of them is watched: "/" tells when /srv comes, /srv when a new wildcard
 * match comes, and so on; so nothing has to exist when the watch starts. A directory is always
 * watched first and looked through afterwards, so that what arrives in between is seen at least
 * once. A symbolic link to a directory is watched under the link's name, and again when the link
 * is replaced.
 *
 * Not seen: what a mount brings, changes that a network file system's other clients make, and files
 * in other mount namespaces. For those there are the exec events.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "target/glob.h"
#include "target/target.h"

#define PATTERN_DEPTH_MAX 64 /* components of a pattern: bounds the recursion */
#define READS_MAX         16 /* of one call: what then waits is read by the next one */
#define EVENTS_BYTES      (32 * 1024)

#define WATCH_MASK (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR | IN_MASK_ADD)

struct pattern {
	char *glob;         /* absolute, owned */
	unsigned int depth; /* components */
};

/* A watched directory under one of its names; several names may share a descriptor. */
struct watched {
	int wd;
	char *path; /* owned */
};

struct exec_watch {
	int fd;
	struct pattern patterns[SELECTOR_MAX];
	size_t pattern_count;
	struct watched *items;
	size_t count;
	bool scan; /* everything that exists is still to be reported */
};

/* Where found files go; `found` is NULL while only directories are looked for. */
struct finder {
	struct exec_watch *watch;
	void (*found)(void *user, const char *path);
	void *user;
	struct err *err;
};

void exec_watch_free(struct exec_watch *watch)
{
	if (!watch)
		return;
	closep(&watch->fd);
	for (size_t i = 0; i < watch->count; i++)
		free(watch->items[i].path);
	for (size_t i = 0; i < watch->pattern_count; i++)
		free(watch->patterns[i].glob);
	free(watch->items);
	free(watch);
}

int exec_watch_fd(const struct exec_watch *watch)
{
	return watch->fd;
}

static unsigned int depth_of(const char *path)
{
	unsigned int depth = 0;

	if (!path[1])
		return 0;
	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

static char *join(const char *directory, const char *name, size_t name_size)
{
	char *path;
	const char *slash = directory[1] ? "/" : "";

	return asprintf(&path, "%s%s%.*s", directory, slash, (int)name_size, name) < 0 ? NULL
										       : path;
}

/* Bytes of the first `depth` components of an absolute path; at least the "/". */
static size_t prefix_size(const char *path, unsigned int depth)
{
	const char *at = path;

	while (depth-- && *at) {
		at++;
		at += strcspn(at, "/");
	}
	return at == path ? 1 : (size_t)(at - path);
}

/* True when `path` is a directory on the way to what the pattern means. */
static bool pattern_leads(const struct pattern *pattern, const char *path)
{
	unsigned int depth = depth_of(path);
	CLEANUP(freep) char *prefix = NULL;

	if (depth >= pattern->depth)
		return false;
	prefix = strndup(pattern->glob, prefix_size(pattern->glob, depth));
	return prefix && fnmatch(prefix, path, FNM_PATHNAME) == 0;
}

static bool watch_leads(const struct exec_watch *watch, const char *path)
{
	for (size_t i = 0; i < watch->pattern_count; i++) {
		if (pattern_leads(&watch->patterns[i], path))
			return true;
	}
	return false;
}

/* True when files directly in `path` can match. */
static bool watch_leads_to_file(const struct exec_watch *watch, const char *path)
{
	unsigned int depth = depth_of(path);

	for (size_t i = 0; i < watch->pattern_count; i++) {
		if (depth + 1 == watch->patterns[i].depth &&
		    pattern_leads(&watch->patterns[i], path))
			return true;
	}
	return false;
}

static bool watch_matches(const struct exec_watch *watch, const char *path)
{
	for (size_t i = 0; i < watch->pattern_count; i++) {
		if (fnmatch(watch->patterns[i].glob, path, FNM_PATHNAME) == 0)
			return true;
	}
	return false;
}

/* True when a pattern names this directory without a wildcard: it must be watched. */
static bool is_named(const struct exec_watch *watch, const char *path)
{
	size_t size = strlen(path);

	for (size_t i = 0; i < watch->pattern_count; i++) {
		const char *glob = watch->patterns[i].glob;

		if (watch->patterns[i].depth == depth_of(path) + 1 &&
		    strncmp(glob, path, size) == 0 && (glob[size] == '/' || size == 1))
			return true;
	}
	return false;
}

/* ---- the table of watched directories ---- */

static bool has_descriptor(const struct exec_watch *watch, int wd)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->items[i].wd == wd)
			return true;
	}
	return false;
}

static void remove_item(struct exec_watch *watch, size_t index)
{
	free(watch->items[index].path);
	watch->items[index] = watch->items[--watch->count];
}

/* The kernel has ended this watch. */
static void forget_descriptor(struct exec_watch *watch, int wd)
{
	for (size_t i = watch->count; i-- > 0;) {
		if (watch->items[i].wd == wd)
			remove_item(watch, i);
	}
}

/* `path` and what lies below are no longer what they were. */
static void forget_path(struct exec_watch *watch, const char *path)
{
	size_t size = strlen(path);

	for (size_t i = watch->count; i-- > 0;) {
		const char *item = watch->items[i].path;
		int wd = watch->items[i].wd;

		if (strncmp(item, path, size) || (item[size] && item[size] != '/'))
			continue;
		remove_item(watch, i);
		if (!has_descriptor(watch, wd))
			inotify_rm_watch(watch->fd, wd); /* fails when the directory is gone */
	}
}

static int add_item(struct exec_watch *watch, const char *path, int wd, struct err *err)
{
	CLEANUP(freep) char *copy = NULL;
	struct watched *items;

	for (size_t i = 0; i < watch->count; i++) {
		if (strcmp(watch->items[i].path, path))
			continue;
		watch->items[i].wd = wd;
		return 0;
	}
	if (watch->count >= EXEC_WATCH_MAX) {
		if (!has_descriptor(watch, wd))
			inotify_rm_watch(watch->fd, wd);
		return err_set(err, -ENOSPC,
			       "the --exec patterns lead through more than %d directories; write "
			       "narrower ones",
			       EXEC_WATCH_MAX);
	}
	copy = strdup(path);
	items = reallocarray(watch->items, watch->count + 1, sizeof(*items));
	if (items)
		watch->items = items;
	if (!copy || !items)
		return err_set(err, -ENOMEM, "out of memory");
	watch->items[watch->count++] = (struct watched){ wd, TAKE_PTR(copy) };
	return 0;
}

/* 1: it is watched; 0: it is no directory, or none that has to be watched. */
static int add_watch(struct exec_watch *watch, const char *path, struct err *err)
{
	uint32_t mask = WATCH_MASK;
	int wd, r;

	if (watch_leads_to_file(watch, path))
		mask |= IN_CLOSE_WRITE;
	wd = inotify_add_watch(watch->fd, path, mask);
	if (wd >= 0) {
		r = add_item(watch, path, wd, err);
		return r < 0 ? r : 1;
	}
	if (errno == ENOSPC)
		return err_set(err, -ENOSPC,
			       "cannot watch %s: the kernel's limit of watches is reached; raise "
			       "the sysctl fs.inotify.max_user_watches",
			       path);
	if (errno == ENOMEM)
		return err_set(err, -ENOMEM, "out of memory");
	if (errno == EACCES && is_named(watch, path))
		return err_set(err, -EACCES,
			       "cannot watch %s: permission denied; run parkmeter as a user that "
			       "may read it, or with CAP_DAC_READ_SEARCH",
			       path);
	/* Not there (yet, any more), no directory, or somebody else's among many. A named one
	 * further down may be open to us all the same. */
	return errno == EACCES ? 1 : 0;
}

/* ---- looking through directories ---- */

static bool is_regular(const char *path)
{
	struct stat stat_buf;

	return stat(path, &stat_buf) == 0 && S_ISREG(stat_buf.st_mode);
}

static int adopt(const struct finder *finder, const char *path);

static int adopt_child(const struct finder *finder, const char *directory, const char *name,
		       size_t name_size)
{
	CLEANUP(freep) char *path = join(directory, name, name_size);

	if (!path)
		return err_set(finder->err, -ENOMEM, "out of memory");
	if (finder->found && watch_matches(finder->watch, path) && is_regular(path))
		finder->found(finder->user, path);
	return watch_leads(finder->watch, path) ? adopt(finder, path) : 0;
}

static int adopt_matching(const struct finder *finder, const char *directory, const char *component)
{
	CLEANUP(closedirp) DIR *dir = opendir(directory);
	struct dirent *entry;
	int r = 0;

	while (r == 0 && dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    fnmatch(component, entry->d_name, 0) == 0)
			r = adopt_child(finder, directory, entry->d_name, strlen(entry->d_name));
	}
	return r;
}

/* Watches a directory that leads to a pattern, and everything below it that does. */
static int adopt(const struct finder *finder, const char *path)
{
	const struct exec_watch *watch = finder->watch;
	unsigned int depth = depth_of(path);
	int r;

	r = add_watch(finder->watch, path, finder->err);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < watch->pattern_count; i++) {
		const char *glob = watch->patterns[i].glob;
		CLEANUP(freep) char *component = NULL;

		if (!pattern_leads(&watch->patterns[i], path))
			continue;
		glob += depth ? prefix_size(glob, depth) : 0;
		component = strndup(glob + 1, strcspn(glob + 1, "/"));
		if (!component)
			return err_set(finder->err, -ENOMEM, "out of memory");
		/* A name is looked up, not searched for: the directory may be large. */
		if (strpbrk(component, "*?[\\"))
			r = adopt_matching(finder, path, component);
		else
			r = adopt_child(finder, path, component, strlen(component));
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- events ---- */

/* A name has come: created (perhaps still written to), closed after writing, or moved in. */
static int arrived(const struct finder *finder, const char *path, uint32_t mask)
{
	struct stat own;

	if (lstat(path, &own) < 0)
		return 0;
	/* A new regular file with one name is still being written; its close will be reported. */
	if (watch_matches(finder->watch, path) && is_regular(path) &&
	    ((mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) || S_ISLNK(own.st_mode) || own.st_nlink > 1))
		finder->found(finder->user, path);
	if (!watch_leads(finder->watch, path) || !(S_ISDIR(own.st_mode) || S_ISLNK(own.st_mode)))
		return 0;
	forget_path(finder->watch, path);
	return adopt(finder, path);
}

static int handle_name(const struct finder *finder, const char *directory,
		       const struct inotify_event *event)
{
	CLEANUP(freep) char *path = join(directory, event->name, strlen(event->name));

	if (!path)
		return err_set(finder->err, -ENOMEM, "out of memory");
	if (event->mask & (IN_MOVED_FROM | IN_DELETE))
		forget_path(finder->watch, path);
	if (event->mask & (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE))
		return arrived(finder, path, event->mask);
	return 0;
}

/* One event under each name of its directory. Handling one changes the table: names are copied. */
static int handle_event(const struct finder *finder, const struct inotify_event *event)
{
	struct exec_watch *watch = finder->watch;
	char *directories[SELECTOR_MAX];
	size_t count = 0;
	int r = 0;

	if (event->mask & IN_Q_OVERFLOW) {
		watch->scan = true;
		return 0;
	}
	if (event->mask & IN_IGNORED) {
		forget_descriptor(watch, event->wd);
		return 0;
	}
	/* Each name comes from a pattern of its own or from a link; more than SELECTOR_MAX links
	 * to one directory get the full look instead. */
	for (size_t i = 0; event->len && i < watch->count; i++) {
		if (watch->items[i].wd != event->wd)
			continue;
		if (count == SELECTOR_MAX) {
			watch->scan = true;
			break;
		}
		directories[count] = strdup(watch->items[i].path);
		if (directories[count])
			count++;
		else
			r = err_set(finder->err, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		if (r == 0)
			r = handle_name(finder, directories[i], event);
		free(directories[i]);
	}
	return r;
}

/* Handles what one read delivered; the first failure is kept, the rest is still handled. */
static int handle_events(const struct finder *finder, const char *data, size_t size)
{
	const struct inotify_event *event;
	int first = 0;

	for (size_t at = 0; at < size; at += sizeof(*event) + event->len) {
		int r;

		event = (const struct inotify_event *)(data + at);
		r = handle_event(finder, event);
		if (first == 0)
			first = r;
	}
	return first;
}

int exec_watch_read(struct exec_watch *watch, void (*found)(void *user, const char *path),
		    void *user, struct err *err)
{
	struct finder finder = { watch, found, user, err };
	char data[EVENTS_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
	int r, first = 0;

	assert(found);
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t size = read(watch->fd, data, sizeof(data));

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && errno != EAGAIN)
			return err_set_errno(err, -errno, "cannot read file events");
		if (size <= 0)
			break;
		r = handle_events(&finder, data, (size_t)size);
		if (first == 0)
			first = r;
	}
	if (watch->scan) {
		watch->scan = false;
		r = adopt(&finder, "/");
		if (first == 0)
			first = r;
	}
	return first;
}

static int add_pattern(struct exec_watch *watch, const char *text, struct err *err)
{
	CLEANUP(freep) char *glob = NULL;
	unsigned int depth;
	int r;

	if (!strchr(text, '/'))
		return 0; /* a base name: lies in no directory in particular */
	r = glob_absolute(text, &glob);
	if (r < 0)
		return err_set_errno(err, r, "cannot make an absolute path of --exec %s", text);
	depth = depth_of(glob);
	if (depth == 0 || depth > PATTERN_DEPTH_MAX || text[strlen(text) - 1] == '/')
		return err_set(err, -EINVAL,
			       "--exec %s means no file; give the path of an executable, with "
			       "wildcards if need be, of at most %d components",
			       text, PATTERN_DEPTH_MAX);
	watch->patterns[watch->pattern_count++] =
		(struct pattern){ .glob = TAKE_PTR(glob), .depth = depth };
	return 0;
}

int exec_watch_new(const struct selector *selector, struct exec_watch **ret_watch, struct err *err)
{
	CLEANUP(exec_watch_freep) struct exec_watch *watch = NULL;
	struct finder finder;
	int r;

	assert(selector && selector->exec_count <= SELECTOR_MAX && ret_watch);
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return err_set(err, -ENOMEM, "out of memory");
	watch->fd = -1;
	for (size_t i = 0; i < selector->exec_count; i++) {
		r = add_pattern(watch, selector->execs[i], err);
		if (r < 0)
			return r;
	}
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0)
		return err_set_errno(err, -errno,
				     "cannot watch directories (the sysctl "
				     "fs.inotify.max_user_instances limits how often)");
	finder = (struct finder){ .watch = watch, .err = err };
	r = watch->pattern_count ? adopt(&finder, "/") : 0;
	if (r < 0)
		return r;
	watch->scan = watch->pattern_count > 0;
	*ret_watch = TAKE_PTR(watch);
	return 0;
}
