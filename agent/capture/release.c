/* SPDX-License-Identifier: Apache-2.0 */
/* Which release a process belongs to, and what that release is called. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture_private.h"

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *short_id(const char *id, char *text, size_t size)
{
	snprintf(text, size, "%.12s", id);
	return text;
}

/* What a release is called: its version, else its revision, else its build id. */
static const char *release_name(const struct gobin_info *info, const char *version, char *text,
				size_t size)
{
	if (version && *version)
		return version;
	if (info && info->version)
		return info->version;
	if (info && info->module_version)
		return info->module_version;
	if (info && info->revision)
		return short_id(info->revision, text, size);
	if (info && info->go_build_id)
		return short_id(info->go_build_id, text, size);
	return "unknown";
}

static int new_release(struct capture *capture, const struct gobin_info *info, const char *name,
		       size_t *ret_index)
{
	struct release *release;
	char unique[160];
	int r;

	/* Two builds under one version must not melt into one: the later one carries its build id.
	 */
	for (size_t i = 0; i < capture->summary->release_count; i++) {
		if (!same(capture->summary->releases[i].version, name))
			continue;
		snprintf(unique, sizeof(unique), "%.100s+%.12s", name,
			 info && info->go_build_id ? info->go_build_id : "other");
		name = unique;
		break;
	}
	r = summary_add_release(capture->summary, name, &release);
	if (r < 0)
		return r;
	if (info) {
		r = summary_set_string(&release->revision, info->revision);
		r = r < 0 ? r : summary_set_string(&release->go_build_id, info->go_build_id);
		r = r < 0 ? r : summary_set_string(&release->go_version, info->go_version);
		r = r < 0 ? r : summary_set_string(&release->module, info->module);
	}
	*ret_index = capture->summary->release_count - 1;
	return r;
}

/* Same executable (by build id) and same announced version: the same release. */
int release_of_process(struct capture *capture, const struct binary *binary, const char *version,
		       size_t *ret_index)
{
	const struct gobin_info *info = binary && binary->bin ? gobin_info(binary->bin) : NULL;
	char text[32];
	const char *name = release_name(info, version, text, sizeof(text));
	size_t length = strlen(name);

	for (size_t i = 0; i < capture->summary->release_count; i++) {
		const struct release *release = &capture->summary->releases[i];

		if (same(release->go_build_id, info ? info->go_build_id : NULL) &&
		    strncmp(release->version, name, length) == 0 &&
		    (release->version[length] == '\0' || release->version[length] == '+')) {
			*ret_index = i;
			return 0;
		}
	}
	return new_release(capture, info, name, ret_index);
}
