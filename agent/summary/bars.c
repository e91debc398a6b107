/* SPDX-License-Identifier: Apache-2.0 */
#include "summary/bars.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "summary/grid.h"
#include "summary/human.h"
#include "summary/parts.h"

#define OCTAVES          (BUCKET_MAX_SHIFT - BUCKET_MIN_SHIFT)
#define BINS_MAX         (OCTAVES + 2)
#define SERIES_MAX       2
#define ROWS_COMFORTABLE 16
#define BAR_COLUMNS_MIN  10
#define BAR_COLUMNS_MAX  50
#define EIGHTHS          8

struct bins {
	uint64_t lower_ns[BINS_MAX + 1]; /* the end of the last one, too */
	uint64_t counts[SERIES_MAX][BINS_MAX];
	size_t count;
};

void bar_add(struct buf *buf, double value, double max, size_t columns, bool unicode)
{
	static const char *const eighths[EIGHTHS] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	size_t parts = unicode ? EIGHTHS : 1, filled;
	double part = max > 0 && value > 0 ? value / max : 0;

	if (part > 1)
		part = 1;
	filled = (size_t)(part * (double)(columns * parts) + 0.5);
	if (!filled && part > 0)
		filled = 1;
	for (size_t i = 0; i < filled / parts; i++)
		buf_add_str(buf, unicode ? "█" : "#");
	if (unicode)
		buf_add_str(buf, eighths[filled % EIGHTHS]);
}

void sparkline_add(struct buf *buf, const uint64_t *values, size_t count, uint64_t max,
		   bool unicode)
{
	static const char *const blocks[EIGHTHS] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char ascii[EIGHTHS + 1] = "_.,-=+*#";

	for (size_t i = 0; i < count; i++) {
		double part = max ? (double)values[i] / (double)max : 0;
		size_t level = part >= 1 ? EIGHTHS - 1 : (size_t)(part * EIGHTHS);

		if (!values[i])
			buf_add_char(buf, ' ');
		else if (unicode)
			buf_add_str(buf, blocks[level]);
		else
			buf_add_char(buf, ascii[level]);
	}
}

/* Bin 0 is below the first octave, the last one above the last; between them one octave each. */
static void count_octaves(const struct hist *hist, uint64_t counts[BINS_MAX])
{
	counts[0] = hist->counts[0];
	counts[BINS_MAX - 1] = hist->counts[BUCKET_COUNT - 1];
	for (uint32_t i = 1; i + 1 < BUCKET_COUNT; i++) {
		uint64_t *bin = &counts[1 + (i - 1) / BUCKET_SUBS];

		*bin = sum_saturated(*bin, hist->counts[i]);
	}
}

/* Two octaves become one where there are too many; then the empty ends go. */
static void fold(struct bins *bins, uint64_t counts[SERIES_MAX][BINS_MAX])
{
	size_t first = 0, last = BINS_MAX - 1, step;

	while (first < last && !counts[0][first] && !counts[1][first])
		first++;
	while (last > first && !counts[0][last] && !counts[1][last])
		last--;
	step = last - first + 1 > ROWS_COMFORTABLE ? 2 : 1;
	for (size_t i = first; i <= last; i++) {
		size_t bin = (i - first) / step;

		if ((i - first) % step == 0)
			bins->lower_ns[bin] = i ? 1ULL << (BUCKET_MIN_SHIFT + i - 1) : 0;
		for (size_t s = 0; s < SERIES_MAX; s++)
			bins->counts[s][bin] = sum_saturated(bins->counts[s][bin], counts[s][i]);
		bins->count = bin + 1;
	}
	/* 0: open. */
	bins->lower_ns[bins->count] =
		last + 1 < BINS_MAX ? 1ULL << (BUCKET_MIN_SHIFT + (first + bins->count * step) - 1)
				    : 0;
}

static uint64_t most(const uint64_t *counts, size_t count)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < count; i++) {
		if (counts[i] > largest)
			largest = counts[i];
	}
	return largest;
}

/* "p50 p90" of the quantiles that lie in [lower, upper). */
static void add_marks(struct grid *grid, const struct paper *paper, const struct hist *hist,
		      uint64_t lower_ns, uint64_t upper_ns)
{
	static const struct {
		double q;
		const char *name;
	} marks[] = { { 0.5, "p50" }, { 0.9, "p90" }, { 0.99, "p99" }, { 0.999, "p99.9" } };
	char text[64] = "";
	size_t size = 0;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		uint64_t ns = hist_quantile(hist, marks[i].q);

		if (ns < lower_ns || (upper_ns && ns >= upper_ns))
			continue;
		size += (size_t)snprintf(text + size, sizeof(text) - size, "%s %s",
					 size ? "" : paper_sign(paper, SIGN_MARK), marks[i].name);
	}
	grid_add(grid, INK_BOLD, "%s", text);
}

static void add_bounds(struct grid *grid, const struct paper *paper, const struct bins *bins,
		       size_t bin)
{
	uint64_t lower = bins->lower_ns[bin], upper = bins->lower_ns[bin + 1];

	grid_add(grid, INK_PLAIN, "%s", human_ns(lower, paper->unicode).text);
	if (upper)
		grid_add(grid, INK_DIM, "%s %s", paper_sign(paper, SIGN_DASH),
			 human_ns(upper, paper->unicode).text);
	else
		grid_add(grid, INK_DIM, "%s", "and more");
}

/* Space where the bar ends, so that what follows it stays in its column. */
static void add_bar(struct grid *grid, const struct paper *paper, enum ink ink, double value,
		    double max, size_t columns)
{
	CLEANUP(buf_release) struct buf bar = BUF_INIT;

	bar_add(&bar, value, max, columns, paper->unicode);
	grid_add(grid, ink, "%s", bar.data);
}

static void print_one(struct paper *paper, const struct bars_series *series,
		      const struct bins *bins)
{
	static const struct grid_column columns[] = {
		{ .title = "", .right = true }, { .title = "" }, { .title = "", .right = true },
		{ .title = "", .right = true }, { .title = "" }, { .title = "" },
	};
	double max = (double)most(bins->counts[0], bins->count);
	size_t room = paper->columns - 60;
	struct grid grid;

	room = paper->columns > 60 + BAR_COLUMNS_MIN ? room : BAR_COLUMNS_MIN;
	room = room > BAR_COLUMNS_MAX ? BAR_COLUMNS_MAX : room;
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]), 2);
	for (size_t i = 0; i < bins->count; i++) {
		uint64_t count = bins->counts[0][i];

		add_bounds(&grid, paper, bins, i);
		grid_add(&grid, INK_PLAIN, "%s", human_count(count).text);
		grid_add(&grid, INK_DIM, "%s",
			 human_percent((double)count / (double)series->hist->count).text);
		add_bar(&grid, paper, INK_NAME, (double)count, max, room);
		add_marks(&grid, paper, series->hist, bins->lower_ns[i], bins->lower_ns[i + 1]);
	}
	grid_print(&grid, paper);
	grid_release(&grid);
}

static void print_two(struct paper *paper, const struct bars_series *series,
		      const struct bins *bins)
{
	const struct grid_column columns[] = {
		{ .title = "", .right = true }, { .title = "" },
		{ .title = "", .right = true }, { .title = series[0].name },
		{ .title = "", .right = true }, { .title = series[1].name },
	};
	size_t room = (paper->columns - 50) / 2;
	double share[SERIES_MAX], max = 0;
	struct grid grid;

	room = room < BAR_COLUMNS_MIN ? BAR_COLUMNS_MIN : room;
	room = room > BAR_COLUMNS_MAX / 2 ? BAR_COLUMNS_MAX / 2 : room;
	for (size_t s = 0; s < SERIES_MAX; s++) {
		double highest =
			(double)most(bins->counts[s], bins->count) / (double)series[s].hist->count;

		max = highest > max ? highest : max;
	}
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]), 2);
	for (size_t i = 0; i < bins->count; i++) {
		add_bounds(&grid, paper, bins, i);
		for (size_t s = 0; s < SERIES_MAX; s++) {
			share[s] = (double)bins->counts[s][i] / (double)series[s].hist->count;
			grid_add(&grid, INK_DIM, "%s",
				 share[s] > 0 ? human_percent(share[s]).text : "");
			add_bar(&grid, paper, s ? INK_NAME : INK_DIM, share[s], max, room);
		}
	}
	grid_print(&grid, paper);
	grid_release(&grid);
}

void bars_print(struct paper *paper, const struct bars_series *series, size_t series_count)
{
	uint64_t counts[SERIES_MAX][BINS_MAX] = { 0 };
	struct bins bins = { 0 };

	for (size_t s = 0; s < series_count && s < SERIES_MAX; s++) {
		if (!series[s].hist->count)
			return;
		count_octaves(series[s].hist, counts[s]);
	}
	fold(&bins, counts);
	if (series_count == 1)
		print_one(paper, series, &bins);
	else
		print_two(paper, series, &bins);
}
