/* SPDX-License-Identifier: Apache-2.0 */
/* What one release did: tables of durations, pictures of them, who created goroutines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "summary/bars.h"
#include "summary/grid.h"
#include "summary/human.h"
#include "summary/parts.h"
#include "summary/sections.h"

#define REASONS_SHOWN      8
#define SYSCALLS_SHOWN     6
#define CREATORS_SHOWN     5
#define USERS_SHOWN        6
#define REFUSALS_SHOWN     5
#define TIMELINE_MAX       100
#define TIMELINE_RELEASES  4
#define LABEL_COLUMNS      15
#define LABEL_TAIL_COLUMNS 12 /* a pseudo-version's revision */
#define REVISION_SHOWN     12
#define SAMPLES_P99        100 /* fewer, and p99 is the maximum */
#define SAMPLES_P999       1000

const char *release_label(const struct release *release)
{
	return release->version && release->version[0] ? release->version : "(no version)";
}

char *release_short_label(const struct paper *paper, const struct release *release)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	const char *label = release_label(release);
	size_t tail = utf8_fit_tail(label, strlen(label), LABEL_COLUMNS);

	if (!tail)
		return strdup(label);
	/* No longer than what it stands for. */
	tail = utf8_fit_tail(label, strlen(label), LABEL_TAIL_COLUMNS);
	buf_addf(&buf, "%s%s", paper_sign(paper, SIGN_ELLIPSIS), label + tail);
	return buf_take(&buf);
}

static uint64_t goroutines_of(const struct release *release)
{
	uint64_t total = 0;

	for (size_t i = 0; i < release->process_count; i++)
		total = sum_saturated(total, release->processes[i].goroutines);
	return total;
}

static void print_refusals(struct paper *paper, const struct release *release)
{
	size_t refused = 0;

	for (size_t i = 0; i < release->process_count; i++) {
		const struct process *process = &release->processes[i];
		CLEANUP(buf_release) struct buf text = BUF_INIT;

		if (!process->refused || ++refused > REFUSALS_SHOWN)
			continue;
		buf_addf(&text, "pid %d (%s) was not probed: %s", (int)process->pid,
			 process->exe ? process->exe : "?", process->refused);
		paper_wrap(paper, INK_WARNING, "  ", text.data);
	}
	if (refused > REFUSALS_SHOWN) {
		paper_textf(paper, INK_WARNING, "  %zu more processes were not probed",
			    refused - REFUSALS_SHOWN);
		paper_end_line(paper);
	}
}

static void add_fact(struct buf *facts, const char *text)
{
	if (text && text[0])
		buf_addf(facts, "%s" ITEM_END, text);
}

static void add_number(struct buf *facts, uint64_t count, const char *one, const char *many)
{
	buf_addf(facts, "%s %s" ITEM_END, human_count(count).text, count == 1 ? one : many);
}

void section_headline(struct paper *paper, const struct summary *summary,
		      const struct release *release)
{
	CLEANUP(buf_release) struct buf title = BUF_INIT, facts = BUF_INIT;
	const char *service = summary->context.service;

	buf_addf(&title, "%s%s%s", service ? service : "", service ? " " : "",
		 release_label(release));
	paper_heading(paper, title.data);

	add_fact(&facts, release->go_version);
	add_fact(&facts, release->module);
	if (release->revision && release->revision[0])
		buf_addf(&facts, "rev %.*s" ITEM_END, REVISION_SHOWN, release->revision);
	add_number(&facts, release->process_count, "process", "processes");
	if (goroutines_of(release))
		add_number(&facts, goroutines_of(release), "goroutine", "goroutines");
	if (release->block_count)
		add_number(&facts, release->block_count, "block of 2 s", "blocks of 2 s");
	paper_wrap_items(paper, INK_DIM, "  ", facts.data);
	print_refusals(paper, release);
}

/* ---- the table of durations ---- */

static uint32_t blocks_with(const struct release *release, size_t hist_offset)
{
	uint32_t count = 0;

	for (size_t i = 0; i < release->block_count; i++) {
		const char *block = (const char *)&release->blocks[i];

		count += ((const struct hist *)(block + hist_offset))->count > 0;
	}
	return count;
}

static void add_quantile(struct grid *grid, const struct paper *paper, enum ink ink,
			 const struct hist *hist, double q, uint64_t samples)
{
	if (hist->count >= samples)
		grid_add(grid, ink, "%s", human_ns(hist_quantile(hist, q), paper->unicode).text);
	else
		grid_add(grid, INK_DIM, "%s", paper_sign(paper, SIGN_DASH));
}

/* `blocks` 0: not counted. */
static void add_row(struct grid *grid, const struct paper *paper, enum ink ink, const char *lead,
		    const char *name, const struct hist *hist, uint32_t blocks)
{
	if (!hist->count)
		return;
	grid_add(grid, ink, "%s%s", lead, name);
	add_quantile(grid, paper, ink, hist, 0.5, 1);
	add_quantile(grid, paper, ink, hist, 0.9, 10);
	add_quantile(grid, paper, ink == INK_BOLD ? ink : INK_NAME, hist, 0.99, SAMPLES_P99);
	add_quantile(grid, paper, ink, hist, 0.999, SAMPLES_P999);
	grid_add(grid, ink, "%s", human_ns(hist->max_ns, paper->unicode).text);
	grid_add(grid, ink, "%s", human_count(hist->count).text);
	grid_add(grid, ink, "%s", blocks ? human_count(blocks).text : "");
}

static void add_named(struct grid *grid, const struct paper *paper, const char *title,
		      const struct named_hists *hists, size_t shown)
{
	uint64_t left = 0;

	if (!hists->count)
		return;
	if (title) {
		grid_add(grid, INK_BOLD, "%s", title);
		grid_end_row(grid);
	}
	for (size_t i = 0; i < hists->count; i++) {
		if (i < shown)
			add_row(grid, paper, INK_PLAIN, "  ", hists->items[i].name,
				&hists->items[i].hist, hists->items[i].blocks);
		else
			left++;
	}
	if (left) {
		grid_add(grid, INK_DIM, "  %s more", human_count(left).text);
		grid_end_row(grid);
	}
}

/* Who waits for a processor as the window closes is in no histogram. Worth a word when it waits
 * longer than nearly all that are. */
static void print_still_runnable(struct paper *paper, const struct release *release)
{
	const struct total *still = &release->still_runnable;
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	if (!still->count || still->max_ns <= hist_quantile(&release->runnable, 0.99))
		return;
	buf_addf(&text, "%s goroutines wanted to run as the window closed, one of them for %s",
		 human_count(still->count).text, human_ns(still->max_ns, paper->unicode).text);
	paper_wrap(paper, INK_WARNING, "  ", text.data);
}

void section_latency(struct paper *paper, const struct release *release)
{
	static const struct grid_column columns[] = {
		{ .title = "", .gives_way = true },  { .title = "p50", .right = true },
		{ .title = "p90", .right = true },   { .title = "p99", .right = true },
		{ .title = "p99.9", .right = true }, { .title = "max", .right = true },
		{ .title = "count", .right = true }, { .title = "blocks", .right = true },
	};
	struct grid grid;

	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]), 2);
	add_row(&grid, paper, INK_BOLD, "", "scheduling latency", &release->runnable,
		blocks_with(release, offsetof(struct block, runnable)));
	add_named(&grid, paper, NULL, &release->runnable_by_cause, WAKE_COUNT);
	add_named(&grid, paper, "waiting", &release->waiting, REASONS_SHOWN);
	add_row(&grid, paper, INK_BOLD, "", "garbage collection", &release->gc, 0);
	add_named(&grid, paper, "world stopped", &release->stw, REASONS_SHOWN);
	add_row(&grid, paper, INK_BOLD, "", "kernel run queue", &release->runqueue,
		blocks_with(release, offsetof(struct block, runqueue)));
	add_row(&grid, paper, INK_BOLD, "", "kernel off-CPU", &release->offcpu, 0);
	add_named(&grid, paper, "system calls", &release->syscalls, SYSCALLS_SHOWN);
	if (grid.cell_count) {
		paper_end_line(paper);
		grid_print(&grid, paper);
	}
	grid_release(&grid);
	print_still_runnable(paper, release);
}

/* ---- pictures ---- */

void section_histogram(struct paper *paper, const struct release *release)
{
	const struct bars_series series = { .name = "", .hist = &release->runnable };

	if (!release->runnable.count)
		return;
	paper_title(paper, "Scheduling latency: runnable %s running",
		    paper_sign(paper, SIGN_ARROW));
	bars_print(paper, &series, 1);
}

/* p99 of each stretch of `step` blocks; 0 where nothing ran. Returns the number of stretches. */
static size_t timeline(const struct release *release, size_t step, uint64_t values[TIMELINE_MAX])
{
	struct hist merged = { 0 };
	size_t last = 0, used = 0;

	for (size_t i = 0; i < release->block_count; i++) {
		size_t at = release->blocks[i].index / step;

		if (at >= TIMELINE_MAX)
			break;
		if (at != last)
			hist_clear(&merged);
		last = at;
		hist_merge(&merged, &release->blocks[i].runnable);
		values[at] = hist_quantile(&merged, 0.99);
		used = at + 1;
	}
	return used;
}

static size_t blocks_end(const struct summary *summary)
{
	size_t end = summary->block_count;

	for (size_t i = 0; i < summary->release_count; i++) {
		const struct release *release = &summary->releases[i];
		size_t count = release->block_count;

		if (count && release->blocks[count - 1].index >= end)
			end = (size_t)release->blocks[count - 1].index + 1;
	}
	return end;
}

void section_timeline(struct paper *paper, const struct summary *summary)
{
	static const struct grid_column columns[] = { { .title = "", .gives_way = true },
						      { .title = "" },
						      { .title = "", .right = true } };
	size_t room = paper->columns - 40 > TIMELINE_MAX ? TIMELINE_MAX : paper->columns - 40;
	size_t end = blocks_end(summary), step = (end + room - 1) / room, shown = 0;
	uint64_t values[TIMELINE_RELEASES][TIMELINE_MAX] = { 0 }, max = 0;
	size_t used[TIMELINE_RELEASES] = { 0 };
	struct grid grid;

	for (size_t i = 0; i < summary->release_count && i < TIMELINE_RELEASES && step; i++) {
		used[i] = timeline(&summary->releases[i], step, values[i]);
		for (size_t j = 0; j < used[i]; j++)
			max = values[i][j] > max ? values[i][j] : max;
		shown = i + 1;
	}
	if (end < 3 || !max)
		return;
	paper_title(paper, "Scheduling latency over time: p99 of each %zu s", step * 2);
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]), 2);
	for (size_t i = 0; i < shown; i++) {
		CLEANUP(freep) char *label = release_short_label(paper, &summary->releases[i]);
		CLEANUP(buf_release) struct buf line = BUF_INIT;
		uint64_t highest = 0;

		for (size_t j = 0; j < used[i]; j++)
			highest = values[i][j] > highest ? values[i][j] : highest;
		if (!highest)
			continue;
		sparkline_add(&line, values[i], used[i], max, paper->unicode);
		grid_add(&grid, INK_PLAIN, "%s", label ? label : "");
		grid_add(&grid, INK_NAME, "%s", line.data);
		grid_add(&grid, INK_DIM, "up to %s", human_ns(highest, paper->unicode).text);
	}
	grid_print(&grid, paper);
	grid_release(&grid);
}

/* ---- who ---- */

void section_created(struct paper *paper, const struct summary *summary,
		     const struct release *release)
{
	static const struct grid_column columns[] = {
		{ .title = "", .right = true },
		{ .title = "", .gives_way = true, .cut_head = true },
	};
	double lived_s = release_lived_s(summary, release);
	struct grid grid;

	if (!release->created)
		return;
	paper_title(paper, "Goroutines created: %s, %s a second in each process",
		    human_count(release->created).text,
		    human_real(lived_s > 0 ? (double)release->created / lived_s : 0).text);
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]), 2);
	for (size_t i = 0; i < release->creator_count && i < CREATORS_SHOWN; i++) {
		const struct creator *creator = &release->creators[i];

		grid_add(&grid, INK_PLAIN, "%s", human_count(creator->count).text);
		/* A function literal carries its creator's name already. */
		if (!strncmp(creator->start, creator->creator, strlen(creator->creator)))
			grid_add(&grid, INK_PLAIN, "%s", creator->start);
		else
			grid_add(&grid, INK_PLAIN, "%s %s %s", creator->creator,
				 paper_sign(paper, SIGN_ARROW), creator->start);
	}
	if (release->creator_count > CREATORS_SHOWN) {
		grid_add(&grid, INK_PLAIN, "%s", "");
		grid_add(&grid, INK_DIM, "%zu more places",
			 release->creator_count - CREATORS_SHOWN);
	}
	grid_print(&grid, paper);
	grid_release(&grid);
}

void section_syscall_users(struct paper *paper, const struct release *release)
{
	static const struct grid_column columns[] = {
		{ .title = "in total", .right = true },
		{ .title = "count", .right = true },
		{ .title = "max", .right = true },
		{ .title = "call" },
		{ .title = "by goroutines of", .gives_way = true, .cut_head = true },
	};
	struct grid grid;

	if (!release->syscall_user_count)
		return;
	paper_title(paper, "System calls by caller");
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]), 2);
	for (size_t i = 0; i < release->syscall_user_count && i < USERS_SHOWN; i++) {
		const struct syscall_user *user = &release->syscall_users[i];

		grid_add(&grid, INK_PLAIN, "%s", human_ns(user->sum_ns, paper->unicode).text);
		grid_add(&grid, INK_PLAIN, "%s", human_count(user->count).text);
		grid_add(&grid, INK_PLAIN, "%s", human_ns(user->max_ns, paper->unicode).text);
		grid_add(&grid, INK_PLAIN, "%s", user->syscall);
		grid_add(&grid, INK_PLAIN, "%s", user->start[0] ? user->start : "(no goroutine)");
	}
	grid_print(&grid, paper);
	grid_release(&grid);
}

void section_stalls(struct paper *paper, const struct release *release)
{
	static const struct grid_column columns[] = {
		{ .title = "for a CPU", .right = true },
		{ .title = "max", .right = true },
		{ .title = "blocked", .right = true },
		{ .title = "max", .right = true },
		{ .title = "goroutines of", .gives_way = true, .cut_head = true },
	};
	struct grid grid;

	if (!release->stall_count)
		return;
	paper_title(paper, "Threads that did not run while they carried a goroutine");
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]), 2);
	for (size_t i = 0; i < release->stall_count && i < USERS_SHOWN; i++) {
		const struct stall *stall = &release->stalls[i];
		const uint64_t times_ns[] = { stall->runqueue.sum_ns, stall->runqueue.max_ns,
					      stall->offcpu.sum_ns, stall->offcpu.max_ns };

		for (size_t j = 0; j < sizeof(times_ns) / sizeof(times_ns[0]); j++)
			grid_add(&grid, INK_PLAIN, "%s",
				 times_ns[j] ? human_ns(times_ns[j], paper->unicode).text
					     : paper_sign(paper, SIGN_DASH));
		grid_add(&grid, INK_PLAIN, "%s", stall->start);
	}
	grid_print(&grid, paper);
	grid_release(&grid);
}
