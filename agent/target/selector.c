/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "target/glob.h"
#include "target/target.h"

#define CONTAINER_PREFIX_MIN 4

bool selector_empty(const struct selector *selector)
{
	return !selector->pid_count && !selector->exe_count && !selector->exec_count &&
	       !selector->cgroup_count && !selector->container_count && !selector->pod_count &&
	       !selector->service_count;
}

static bool match_glob(const char *const *patterns, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++) {
		if (glob_matches(patterns[i], path))
			return true;
	}
	return false;
}

static bool match_pid(const struct selector *selector, pid_t pid)
{
	for (size_t i = 0; i < selector->pid_count; i++) {
		if (selector->pids[i] == pid)
			return true;
	}
	return false;
}

static bool match_cgroup(const struct selector *selector, const char *cgroup)
{
	for (size_t i = 0; i < selector->cgroup_count; i++) {
		if (selector->cgroups[i][0] && strstr(cgroup, selector->cgroups[i]))
			return true;
	}
	return false;
}

static bool match_container(const struct selector *selector, const char *container)
{
	for (size_t i = 0; container && i < selector->container_count; i++) {
		const char *wanted = selector->containers[i];
		size_t size = strlen(wanted);

		if (strcmp(wanted, container) == 0 ||
		    (size >= CONTAINER_PREFIX_MIN && strncasecmp(wanted, container, size) == 0))
			return true;
	}
	return false;
}

static bool match_pod(const struct selector *selector, const struct target *target)
{
	for (size_t i = 0; i < selector->pod_count; i++) {
		const char *wanted = selector->pods[i];

		if ((target->pod && strcasecmp(wanted, target->pod) == 0) ||
		    (target->pod_name && strcmp(wanted, target->pod_name) == 0))
			return true;
	}
	return false;
}

static bool match_service(const struct selector *selector, const char *service)
{
	for (size_t i = 0; i < selector->service_count; i++) {
		if (strcmp(selector->services[i], service) == 0)
			return true;
	}
	return false;
}

bool selector_match(const struct selector *selector, const struct target *target)
{
	return match_pid(selector, target->pid) || match_cgroup(selector, target->cgroup) ||
	       match_container(selector, target->container) || match_pod(selector, target) ||
	       match_service(selector, target->service) ||
	       match_glob(selector->exes, selector->exe_count, target->exe);
}

bool selector_match_exec(const struct selector *selector, const char *path)
{
	return match_glob(selector->execs, selector->exec_count, path);
}
