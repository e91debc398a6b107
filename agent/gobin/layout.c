/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table. Source: DWARF of binaries built by Go 1.19.8, 1.21.13, 1.22.12, 1.23.5, 1.24.4,
 * 1.26.10 and 1.27.3; runtime.g of 1.17, 1.18, 1.20 and 1.25 from the release's source with
 * go/types. pollDesc of 1.25 is that of its neighbours on both sides; those of 1.17, 1.18 and 1.20
 * are not known (fdseq came in before 1.21), so network wake-ups are not measured there.
 */
#include "gobin/layout.h"

struct row {
	unsigned int first, last; /* minor versions */
	struct go_layout layout;
};

#define G_117_120                                                                                  \
	.g_goid = 152, .g_waitreason = 176, .g_sched_sp = 56, .g_sched_pc = 64, .g_sched_bp = 104, \
	.g_gopc = 296, .g_startpc = 312, .g_stack_lo = 0

static const struct row rows[] = {
	{ 17, 18, { G_117_120 } },
	{ 19, 19, { G_117_120, .polldesc_rg = 24, .polldesc_wg = 32 } },
	{ 20, 20, { G_117_120 } },
	{ 21,
	  22,
	  { .g_goid = 152,
	    .g_waitreason = 176,
	    .g_sched_sp = 56,
	    .g_sched_pc = 64,
	    .g_sched_bp = 104,
	    .g_gopc = 280,
	    .g_startpc = 296,
	    .polldesc_rg = 32,
	    .polldesc_wg = 40 } },
	{ 23,
	  24,
	  { .g_goid = 160,
	    .g_waitreason = 184,
	    .g_sched_sp = 56,
	    .g_sched_pc = 64,
	    .g_sched_bp = 104,
	    .g_gopc = 288,
	    .g_startpc = 304,
	    .polldesc_rg = 32,
	    .polldesc_wg = 40 } },
	{ 25,
	  25,
	  { .g_goid = 152,
	    .g_waitreason = 176,
	    .g_sched_sp = 56,
	    .g_sched_pc = 64,
	    .g_sched_bp = 96,
	    .g_gopc = 280,
	    .g_startpc = 296,
	    .polldesc_rg = 32,
	    .polldesc_wg = 40 } },
	{ 26,
	  27,
	  { .g_goid = 152,
	    .g_waitreason = 176,
	    .g_sched_sp = 56,
	    .g_sched_pc = 64,
	    .g_sched_bp = 96,
	    .g_gopc = 288,
	    .g_startpc = 304,
	    .polldesc_rg = 32,
	    .polldesc_wg = 40 } },
};

bool layout_table(unsigned int minor, struct go_layout *ret_layout)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (minor < rows[i].first || minor > rows[i].last)
			continue;
		*ret_layout = rows[i].layout;
		return true;
	}
	return false;
}
