/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the linker and `go build` wrote into an executable about itself: the Go version, the main
 * module, where it was built from (debug/buildinfo's data) and the build ids.
 */
#ifndef PARKMETER_GOBIN_BUILDINFO_H
#define PARKMETER_GOBIN_BUILDINFO_H

#include <stdbool.h>

#include "base/err.h"
#include "gobin/image.h"

#define BUILDINFO_VERSION_MAX 256     /* bytes of the version string */
#define BUILDINFO_MODULES_MAX 4194304 /* bytes of the module information */
#define BUILDINFO_VALUE_MAX   4096    /* bytes of one setting that is kept */

/* Strings are owned; NULL is unknown. */
struct buildinfo {
	char *go_version;
	char *module;
	char *module_version;
	char *revision;
	char *revision_time;
	bool revision_modified;
	char *version; /* -X *.version= or *.Version= */
	char *go_build_id;
	char *gnu_build_id;
};

/*
 * -ENODATA: the file has none (no Go program, or an obfuscated one); -EBADMSG: damaged. The build
 * ids are filled in either case but after -ENOMEM.
 */
int buildinfo_read(const struct image *image, struct buildinfo *ret_info, struct err *err);
void buildinfo_release(struct buildinfo *info);

/* The text of the module information ("path\t...\nmod\t...\nbuild\t..."), for tests: fills what it
 * finds, skips what it does not know. -ENOMEM. */
int buildinfo_parse(const char *text, size_t size, struct buildinfo *info);

/* How a Go version string is to be understood. */
struct go_release {
	unsigned int minor; /* 22 of "go1.22.12" and of "devel go1.22-abcdef"; 0: none found */
	bool exact;         /* a release whose runtime is the one the tables were made from */
};

/* "go1.22.12" is exact, and so are builds that do not change the runtime's structs ("go1.22.5
 * X:boringcrypto", "go1.21.13 (Red Hat ...)"); "devel", "rc", "beta" and unknown experiments are
 * not. */
struct go_release go_release_parse(const char *version);

#endif
