/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures out of characters: a bar, a line of bars over time, a histogram of one or two
 * distributions.
 */
#ifndef PARKMETER_SUMMARY_BARS_H
#define PARKMETER_SUMMARY_BARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "hist/hist.h"
#include "summary/paper.h"

/*
 * A bar of value/max of `columns` columns, in eighths of one where there is Unicode. What is more
 * than nothing shows.
 */
void bar_add(struct buf *buf, double value, double max, size_t columns, bool unicode);

/* One character for each value, as high as value/max; a blank for 0. */
void sparkline_add(struct buf *buf, const uint64_t *values, size_t count, uint64_t max,
		   bool unicode);

/* A distribution and what to call it. */
struct bars_series {
	const char *name;
	const struct hist *hist;
};

/*
 * Rows of one or two octaves from the first to the last that holds something. One series: count,
 * share, bar and the quantiles that lie there; two: share and bar of each, side by side.
 */
void bars_print(struct paper *paper, const struct bars_series *series, size_t series_count);

#endif
