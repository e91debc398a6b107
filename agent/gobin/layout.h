/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the runtime's structs have their fields: from a table by Go release, or from DWARF. Both
 * give the same for every release in the table; tests/toolchains/layout.sh proves it with real
 * toolchains.
 */
#ifndef PARKMETER_GOBIN_LAYOUT_H
#define PARKMETER_GOBIN_LAYOUT_H

#include <stdbool.h>

#include "base/err.h"
#include "gobin/image.h"
#include "parkmeter/wire.h"

#define LAYOUT_MINOR_MIN 17
#define LAYOUT_MINOR_MAX 27
#define LAYOUT_DWARF_MAX (256ULL * 1024 * 1024) /* bytes of debug sections, uncompressed */

/* Of Go 1.minor. False: not in the table. A field 0 of pollDesc is unknown. */
bool layout_table(unsigned int minor, struct go_layout *ret_layout);

/* -ENODATA: no DWARF, or none of the runtime; -EFBIG; -EBADMSG: it does not make sense. */
int layout_dwarf(const struct image *image, struct go_layout *ret_layout, struct err *err);

/* Names by number, static; NULL where the release has none (or is unknown: minor 0). */
const char *reasons_wait(unsigned int minor, unsigned int reason);
const char *reasons_stw(unsigned int minor, unsigned int reason);

#endif
