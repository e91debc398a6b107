/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this module share about a loaded executable. */
#ifndef PARKMETER_GOBIN_INTERNAL_H
#define PARKMETER_GOBIN_INTERNAL_H

#include <stdatomic.h>

#include "gobin/buildinfo.h"
#include "gobin/gobin.h"
#include "gobin/image.h"
#include "gobin/layout.h"
#include "gobin/pclntab.h"

/* What changes after loading: caches, behind a lock. */
struct gobin_cache;

struct gobin {
	atomic_uint references;
	struct image image;
	struct pclntab table;
	struct buildinfo build;
	struct go_release release;
	struct gobin_info info; /* strings borrowed from `build` */
	struct gobin_cache *cache;
};

/* As gobin_layout(), for probing: the version must be known and pass arguments in registers. */
int gobin_probe_layout(const struct gobin *bin, struct go_layout *ret_layout, struct err *err);

/* True when the code of `wrapper` calls `wrapped`. */
bool gobin_wraps(const struct gobin *bin, const struct gobin_func *wrapper, uint64_t wrapped);

#endif
