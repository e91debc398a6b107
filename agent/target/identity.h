/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a process is, read from texts that it or its container runtime wrote: cgroup path and
 * environment. Pure functions; foreign text is bounded and never reaches a terminal or a label
 * unchecked (identity_clean).
 *
 * Every function returns 0, with NULL where the text says nothing, or -ENOMEM. Results are owned by
 * the caller (free()).
 */
#ifndef PARKMETER_TARGET_IDENTITY_H
#define PARKMETER_TARGET_IDENTITY_H

#define IDENTITY_MAX 255 /* bytes of a name or version */

/*
 * The path out of a /proc/PID/cgroup: of the unified hierarchy, or, where that says only "/"
 * (version 1, or both side by side) of the first version 1 hierarchy that says more.
 */
int identity_cgroup(const char *text, char **ret_path);

/*
 * The container's id in a cgroup path, 12 to 64 hex digits, or the name of an LXC container. Known:
 * docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope and whatever else has
 * that form, "...:cri-containerd:ID", /docker/ID, /kubepods/.../podUID/ID, /lxc/NAME,
 * /lxc.payload.NAME. The monitor of a container (conmon) is not in the container.
 */
int identity_container(const char *cgroup, char **ret_container);

/* The Kubernetes pod's uid, with dashes whatever systemd made of them. */
int identity_pod(const char *cgroup, char **ret_pod);

/* The systemd system unit's name without ".service"; NULL below a user's own systemd. */
int identity_unit(const char *cgroup, char **ret_unit);

/*
 * The value of `key` in OTEL_RESOURCE_ATTRIBUTES ("k=v,k=v", percent-encoded). A value with a wrong
 * percent sequence says nothing.
 */
int identity_attribute(const char *attributes, const char *key, char **ret_value);

/*
 * A copy that is safe to print and to label with: at most IDENTITY_MAX bytes, white space at both
 * ends cut, control characters and bytes that are no UTF-8 replaced by '?'. NULL when nothing is
 * left.
 */
int identity_clean(const char *text, char **ret_clean);

#endif
