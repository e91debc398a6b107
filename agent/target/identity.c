/* SPDX-License-Identifier: Apache-2.0 */
#include "target/identity.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define CONTAINER_ID_MIN 12
#define CONTAINER_ID_MAX 64
#define POD_HASH_SIZE    32 /* uid of a static pod: a hash, no UUID */
#define UUID_SIZE        36

/* A part of a string; nothing is copied while a path is taken apart. */
struct slice {
	const char *at;
	size_t size;
};

static int slice_dup(struct slice slice, char **ret_text)
{
	char *text = strndup(slice.at, slice.size);

	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

static bool slice_starts(struct slice slice, const char *prefix)
{
	size_t size = strlen(prefix);

	return slice.size >= size && memcmp(slice.at, prefix, size) == 0;
}

static bool slice_is(struct slice slice, const char *text)
{
	return slice.size == strlen(text) && slice_starts(slice, text);
}

static bool slice_cut_end(struct slice *slice, const char *suffix)
{
	size_t size = strlen(suffix);

	if (slice->size < size || memcmp(slice->at + slice->size - size, suffix, size))
		return false;
	slice->size -= size;
	return true;
}

static struct slice slice_skip(struct slice slice, size_t size)
{
	return (struct slice){ slice.at + size, slice.size - size };
}

/* What follows the last `c`, or the whole. */
static struct slice slice_behind(struct slice slice, char c)
{
	const char *last = memrchr(slice.at, c, slice.size);

	return last ? slice_skip(slice, (size_t)(last - slice.at) + 1) : slice;
}

static bool slice_is_hex(struct slice slice, size_t min, size_t max)
{
	if (slice.size < min || slice.size > max)
		return false;
	for (size_t i = 0; i < slice.size; i++) {
		if (!isxdigit((unsigned char)slice.at[i]))
			return false;
	}
	return true;
}

/* "unit.slice:cri-containerd:ID" without the systemd slice in front, which runc puts there. */
static struct slice slice_behind_slice(struct slice component)
{
	static const char mark[] = ".slice:";
	const char *at = memmem(component.at, component.size, mark, strlen(mark));

	if (!at)
		return component;
	return slice_skip(component, (size_t)(at - component.at) + strlen(mark));
}

/* The next component of *path, which moves on; false at the end. */
static bool path_next(const char **path, struct slice *ret_component)
{
	const char *at = *path + strspn(*path, "/");
	size_t size = strcspn(at, "/");

	*path = at + size;
	*ret_component = (struct slice){ at, size };
	return size > 0;
}

int identity_cgroup(const char *text, char **ret_path)
{
	static const char deleted[] = " (deleted)";
	struct slice best = { NULL, 0 };
	bool best_unified = false;

	while (*text) {
		struct slice line = { text, strcspn(text, "\n") };
		const char *first = memchr(line.at, ':', line.size);
		const char *second = NULL;
		struct slice path;
		bool unified;

		text += line.size + (text[line.size] == '\n');
		if (first)
			second = memchr(first + 1, ':', line.size - (size_t)(first + 1 - line.at));
		if (!second)
			continue;
		path = slice_skip(line, (size_t)(second + 1 - line.at));
		slice_cut_end(&path, deleted);
		/* "0::/path" is the unified hierarchy: number 0, no controllers. */
		unified = second == first + 1;
		if (!best.at || (best.size <= 1 && path.size > 1) ||
		    (unified && !best_unified && path.size > 1)) {
			best = path;
			best_unified = unified;
		}
	}
	*ret_path = NULL;
	return best.at ? slice_dup(best, ret_path) : 0;
}

static bool slice_in(struct slice slice, const char *const *names)
{
	for (; *names; names++) {
		if (slice_is(slice, *names))
			return true;
	}
	return false;
}

/* True when a component that ends in an id, behind `prefix`, is a container's. A full id speaks for
 * itself; a short one may be the tail of anything ("vte-spawn-UUID.scope") and needs a name that
 * only container runtimes use. */
static bool is_container_prefix(struct slice prefix, struct slice parent)
{
	static const char *const runtimes[] = { "docker",  "cri-containerd", "crio",   "libpod",
						"nerdctl", "containerd",     "podman", NULL };
	static const char *const parents[] = {
		"docker", "containerd", "crio", "garden", "ecs", NULL
	};

	if (prefix.size)
		return slice_in(prefix, runtimes);
	return slice_in(parent, parents) || slice_starts(parent, "pod") ||
	       slice_starts(parent, "kubepods");
}

static bool find_container_id(struct slice component, struct slice parent, struct slice *ret_id)
{
	struct slice id, prefix;

	if (memmem(component.at, component.size, "conmon", strlen("conmon")))
		return false;
	component = slice_behind_slice(component);
	slice_cut_end(&component, ".scope");
	id = slice_behind(slice_behind(component, '-'), ':');
	if (!slice_is_hex(id, CONTAINER_ID_MIN, CONTAINER_ID_MAX))
		return false;
	*ret_id = id;
	prefix = (struct slice){ component.at, component.size - id.size };
	if (prefix.size)
		prefix.size--; /* the dash or colon */
	return id.size == CONTAINER_ID_MAX || is_container_prefix(prefix, parent);
}

static bool find_lxc_name(struct slice component, struct slice parent, struct slice *ret_name)
{
	static const char payload[] = "lxc.payload.";

	if (slice_starts(component, payload) && component.size > strlen(payload)) {
		*ret_name = slice_skip(component, strlen(payload));
		return true;
	}
	*ret_name = component;
	return slice_is(parent, "lxc") || slice_is(parent, "lxc.payload");
}

int identity_container(const char *cgroup, char **ret_container)
{
	struct slice component, parent = { "", 0 }, found = { NULL, 0 }, name;

	/* The innermost one: containers are nested (kind, docker in docker). */
	while (path_next(&cgroup, &component)) {
		if (find_container_id(component, parent, &name) ||
		    find_lxc_name(component, parent, &name))
			found = name;
		parent = component;
	}
	*ret_container = NULL;
	return found.at ? slice_dup(found, ret_container) : 0;
}

/* "0a1b_..." or "0a1b-...": a UUID, or the hash that a static pod has instead. */
static bool is_pod_uid(struct slice uid)
{
	if (slice_is_hex(uid, POD_HASH_SIZE, POD_HASH_SIZE))
		return true;
	if (uid.size != UUID_SIZE)
		return false;
	for (size_t i = 0; i < uid.size; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? uid.at[i] != '-' && uid.at[i] != '_'
			 : !isxdigit((unsigned char)uid.at[i]))
			return false;
	}
	return true;
}

int identity_pod(const char *cgroup, char **ret_pod)
{
	struct slice component;
	char *pod = NULL;

	while (!pod && path_next(&cgroup, &component)) {
		const char *at;
		struct slice uid;

		/* "unit.slice:cri-containerd:ID": the part before the colon. */
		at = memchr(component.at, ':', component.size);
		if (at)
			component.size = (size_t)(at - component.at);
		slice_cut_end(&component, ".slice");
		/* "pod" may be the start ("podUID") or follow the QoS class ("burstable-podUID").
		 */
		at = memmem(component.at, component.size, "pod", 3);
		while (at && !pod) {
			uid = slice_skip(component, (size_t)(at + 3 - component.at));
			if ((at == component.at || at[-1] == '-') && is_pod_uid(uid) &&
			    slice_dup(uid, &pod) < 0)
				return -ENOMEM;
			at = memmem(uid.at, uid.size, "pod", 3);
		}
	}
	for (char *c = pod; c && *c; c++) {
		if (*c == '_')
			*c = '-';
	}
	*ret_pod = pod;
	return 0;
}

int identity_unit(const char *cgroup, char **ret_unit)
{
	struct slice component, found = { NULL, 0 };

	while (path_next(&cgroup, &component)) {
		/* A user's systemd and session scopes hold what somebody typed, not a service. */
		if (slice_starts(component, "user@") || slice_starts(component, "session-")) {
			found.at = NULL;
			break;
		}
		if (slice_cut_end(&component, ".service") && component.size)
			found = component;
	}
	*ret_unit = NULL;
	return found.at ? slice_dup(found, ret_unit) : 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place; false for a '%' without two hex digits, and for %00. */
static bool percent_decode(char *text)
{
	char *put = text;

	for (; *text; text++) {
		int high, low;

		if (*text != '%') {
			*put++ = *text;
			continue;
		}
		high = hex_value(text[1]);
		low = high < 0 ? -1 : hex_value(text[2]);
		if (low < 0 || (high | low) == 0)
			return false;
		*put++ = (char)(high << 4 | low);
		text += 2;
	}
	*put = '\0';
	return true;
}

int identity_attribute(const char *attributes, const char *key, char **ret_value)
{
	size_t key_size = strlen(key);

	*ret_value = NULL;
	while (*attributes) {
		CLEANUP(freep) char *value = NULL;
		size_t size = strcspn(attributes, ",");
		const char *at = attributes;
		const char *end = at + size;

		attributes = end + (*end == ',');
		at += strspn(at, " \t");
		if (strncmp(at, key, key_size))
			continue;
		at += key_size;
		at += strspn(at, " \t");
		if (*at != '=')
			continue;
		value = strndup(at + 1, (size_t)(end - at - 1));
		if (!value)
			return -ENOMEM;
		return percent_decode(value) ? identity_clean(value, ret_value) : 0;
	}
	return 0;
}

/* Copies one character or its substitute; returns how many bytes it read. */
static size_t clean_one(const char *at, char *put, size_t *used)
{
	uint32_t code;
	size_t size = utf8_decode(at, &code);

	if (code == UINT32_MAX || utf8_is_control(code)) {
		put[(*used)++] = '?';
		return size;
	}
	memcpy(put + *used, at, size);
	*used += size;
	return size;
}

int identity_clean(const char *text, char **ret_clean)
{
	static const char space[] = " \t\r\n";
	CLEANUP(freep) char *clean = NULL;
	const char *at, *end;
	size_t used = 0;
	uint32_t code;

	text += strspn(text, space);
	at = text;
	end = at + strlen(text);
	while (end > at && strchr(space, end[-1]))
		end--;
	clean = malloc(IDENTITY_MAX + 1);
	if (!clean)
		return -ENOMEM;
	while (at < end && used + utf8_decode(at, &code) <= IDENTITY_MAX)
		at += clean_one(at, clean, &used);
	clean[used] = '\0';
	*ret_clean = used ? TAKE_PTR(clean) : NULL;
	return 0;
}
