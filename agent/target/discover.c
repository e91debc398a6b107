/* SPDX-License-Identifier: Apache-2.0 */
/* Which Go processes there are. */
#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/target.h"

void target_list_release(struct target_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		target_free(list->items[i]);
	free(list->items);
	*list = (struct target_list){ 0 };
}

/* Takes over *target. */
static int list_add(struct target_list *list, struct target **target, struct err *err)
{
	if (list->count >= TARGETS_OPEN_MAX)
		return err_set(err, -ENOSPC,
			       "more than %d Go processes; select fewer, by --service, --exe or "
			       "--cgroup",
			       TARGETS_OPEN_MAX);
	/* A power of two is full: double it. */
	if ((list->count & (list->count - 1)) == 0) {
		size_t capacity = list->count ? list->count * 2 : 1;
		struct target **items =
			reallocarray(list->items, capacity, sizeof(struct target *));

		if (!items)
			return err_set(err, -ENOMEM, "out of memory");
		list->items = items;
	}
	list->items[list->count++] = TAKE_PTR(*target);
	return 0;
}

static bool list_has(const struct target_list *list, pid_t pid)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i]->pid == pid)
			return true;
	}
	return false;
}

/* The pids that were asked for: each must be there. */
static int find_pids(const struct selector *selector, struct binaries *binaries,
		     struct target_list *list, struct err *err)
{
	for (size_t i = 0; i < selector->pid_count; i++) {
		CLEANUP(target_freep) struct target *target = NULL;
		int r;

		if (list_has(list, selector->pids[i]))
			continue;
		r = target_open(selector->pids[i], binaries, &target, err);
		if (r < 0)
			return r;
		if (!target_is_go(target))
			return err_set(err, -ENOEXEC, "cannot observe process %d (%s): %s",
				       (int)target->pid, target->exe, target->binary->refused);
		r = list_add(list, &target, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* True when other selectors than pids are set, so that all processes must be looked at. */
static bool needs_scan(const struct selector *selector)
{
	return !selector || selector->exe_count || selector->cgroup_count ||
	       selector->container_count || selector->pod_count || selector->service_count;
}

static int scan_one(pid_t pid, const struct selector *selector, struct binaries *binaries,
		    struct target_list *list, size_t *unreadable, struct err *err)
{
	CLEANUP(target_freep) struct target *target = NULL;
	struct err ignored = ERR_INIT;
	int r;

	r = target_open(pid, binaries, &target, &ignored);
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -ENOSPC)
		return err_set(err, r, "%s", ignored.text);
	if (r == -EACCES || r == -EPERM)
		(*unreadable)++;
	if (r < 0) /* it ended, is of the kernel, or changes faster than it can be read */
		return 0;
	if (!target_is_go(target) || (selector && !selector_match(selector, target)) ||
	    list_has(list, pid))
		return 0;
	return list_add(list, &target, err);
}

static int scan(const struct selector *selector, struct binaries *binaries,
		struct target_list *list, size_t *unreadable, struct err *err)
{
	CLEANUP(closedirp) DIR *proc = opendir("/proc");
	struct dirent *entry;
	int r = 0;

	if (!proc)
		return err_set_errno(err, -errno, "cannot list /proc; is it mounted?");
	errno = 0;
	while (r == 0 && (entry = readdir(proc))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			r = scan_one((pid_t)strtol(entry->d_name, NULL, 10), selector, binaries,
				     list, unreadable, err);
		errno = 0;
	}
	if (r == 0 && errno)
		return err_set_errno(err, -errno, "cannot list /proc");
	return r;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = (*(struct target *const *)a)->pid;
	pid_t y = (*(struct target *const *)b)->pid;

	return (x > y) - (x < y);
}

int target_find(const struct selector *selector, struct binaries *binaries,
		struct target_list *ret_list, size_t *ret_unreadable, struct err *err)
{
	CLEANUP(target_list_release) struct target_list list = { 0 };
	size_t unreadable = 0;
	int r = 0;

	assert(binaries && ret_list);
	if (selector)
		r = find_pids(selector, binaries, &list, err);
	if (r == 0 && needs_scan(selector))
		r = scan(selector, binaries, &list, &unreadable, err);
	if (r < 0)
		return r;
	if (list.count)
		qsort(list.items, list.count, sizeof(struct target *), compare_pids);
	if (ret_unreadable)
		*ret_unreadable = unreadable;
	*ret_list = list;
	list = (struct target_list){ 0 };
	return 0;
}
