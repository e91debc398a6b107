/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines: two releases side by side, and the one sentence that a person takes away. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "summary/bars.h"
#include "summary/grid.h"
#include "summary/human.h"
#include "summary/parts.h"
#include "summary/sections.h"

#define CHANGES_SHOWN    12
#define CHANGES_ALWAYS   6
#define CHANGE_SMALL     0.1  /* score of +7 %: no row of its own */
#define BLOCKS_TELLING   10   /* fewer a side, and only gross differences mean anything */
#define BUCKET_WIDTH     1.07 /* what a quantile cannot tell apart */
#define DISTRIBUTION_MIN 30   /* samples a side that make a picture */
#define CROWD            50   /* goroutines at one place that are worth the last sentence */

static struct human value_text(const struct paper *paper, enum change_unit unit, double value)
{
	if (unit == CHANGE_NS)
		return human_ns(whole_number(value), paper->unicode);
	return human_real(unit == CHANGE_COUNT && value >= 10 ? round(value) : value);
}

static struct human change_text(const struct paper *paper, const struct change *change)
{
	double ratio = change->before > 0 ? change->after / change->before : 0;

	if (change->unit == CHANGE_NS && ratio < BUCKET_WIDTH && ratio > 1 / BUCKET_WIDTH)
		return (struct human){ "~" };
	return human_change(change->before, change->after, paper->unicode);
}

static enum ink change_ink(const struct change *change)
{
	if (change->score < CHANGE_LARGE)
		return INK_DIM;
	if (change->neutral)
		return INK_PLAIN;
	return change->after > change->before ? INK_BAD : INK_GOOD;
}

static void print_changes(struct paper *paper, const struct comparison *comparison,
			  const char *before, const char *after)
{
	const struct grid_column columns[] = {
		{ .title = "", .gives_way = true, .cut_head = true },
		{ .title = before, .right = true },
		{ .title = "" },
		{ .title = after, .right = true },
		{ .title = "change", .right = true },
	};
	struct grid grid;
	size_t shown;

	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]), 2);
	for (shown = 0; shown < comparison->count && shown < CHANGES_SHOWN; shown++) {
		const struct change *change = &comparison->changes[shown];
		enum ink ink = change_ink(change);

		if (shown >= CHANGES_ALWAYS && change->score < CHANGE_SMALL)
			break;

		grid_add(&grid, ink == INK_DIM ? INK_DIM : INK_PLAIN, "%s", change->what);
		grid_add(&grid, INK_PLAIN, "%s",
			 value_text(paper, change->unit, change->before).text);
		grid_add(&grid, INK_DIM, "%s", paper_sign(paper, SIGN_ARROW));
		grid_add(&grid, ink == INK_DIM ? INK_PLAIN : INK_BOLD, "%s",
			 value_text(paper, change->unit, change->after).text);
		grid_add(&grid, ink, "%s", change_text(paper, change).text);
	}
	grid_print(&grid, paper);
	grid_release(&grid);
	if (comparison->count > shown) {
		paper_textf(paper, INK_DIM, "  %zu more changed less or not at all",
			    comparison->count - shown);
		paper_end_line(paper);
	}
}

/* The distribution that changed most, old beside new. */
static void print_distribution(struct paper *paper, const struct comparison *comparison,
			       const char *before, const char *after)
{
	const struct change *change = NULL;

	for (size_t i = 0; i < comparison->count && !change; i++) {
		const struct change *candidate = &comparison->changes[i];

		if (candidate->before_hist && candidate->before_hist->count >= DISTRIBUTION_MIN &&
		    candidate->after_hist->count >= DISTRIBUTION_MIN)
			change = candidate;
	}
	if (!change)
		return;
	paper_title(paper, "How long it took: %.*s", (int)(strlen(change->what) - strlen(": p99")),
		    change->what);
	bars_print(paper,
		   (const struct bars_series[]){
			   { .name = before, .hist = change->before_hist },
			   { .name = after, .hist = change->after_hist },
		   },
		   2);
}

/* "They come from store.(*Store).Order (store/store.go:87)." */
static void add_origin(struct buf *text, const struct wait_stack *stack, const char *module)
{
	const struct frame *own = stack_own(stack, module);
	char line[FRAME_LINE_BYTES];

	if (!own || own == stack_place(stack))
		return;
	frame_line(own, line);
	buf_addf(text, " They come from %s%s%s%s.", own->function, line[0] ? " (" : "", line,
		 line[0] ? ")" : "");
}

static void add_stack_sentence(struct buf *text, const struct paper *paper,
			       const struct change *change, const struct comparison *comparison,
			       const struct release *before, const struct release *after)
{
	struct human times = human_change(change->before, change->after, paper->unicode);
	bool none = !(change->before > 0);

	buf_addf(text, "%s: %s goroutines wait in %s (%s); ", release_label(after),
		 value_text(paper, CHANGE_COUNT, change->after).text,
		 stack_place(change->stack)->function, change->stack->reason);
	if (none)
		buf_addf(text, "none did in %s.", release_label(before));
	else
		buf_addf(text, "in %s it was %s%s (%s).", release_label(before),
			 value_text(paper, CHANGE_COUNT, change->before).text,
			 comparison->averaged ? " on average" : "", times.text);
	add_origin(text, change->stack, after->module);
}

static void print_sentence(struct paper *paper, const struct comparison *comparison,
			   const struct release *before, const struct release *after)
{
	const struct change *change = NULL;
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	for (size_t i = 0; i < comparison->count && !change; i++) {
		if (!comparison->changes[i].neutral)
			change = &comparison->changes[i];
	}
	paper_end_line(paper);
	if (!change || change->score < CHANGE_LARGE) {
		buf_addf(&text, "%s behaves like %s: nothing changed by a quarter or more.",
			 release_label(after), release_label(before));
		paper_wrap(paper, INK_GOOD, "", text.data);
		return;
	}
	if (change->stack)
		add_stack_sentence(&text, paper, change, comparison, before, after);
	else
		buf_addf(&text, "%s: %s is %s; in %s it was %s (%s).", release_label(after),
			 change->what, value_text(paper, change->unit, change->after).text,
			 release_label(before),
			 value_text(paper, change->unit, change->before).text,
			 change_text(paper, change).text);
	paper_wrap(paper, change_ink(change), "", text.data);
}

static void print_caution(struct paper *paper, const struct release *before,
			  const struct release *after)
{
	const struct release *fewer = before->block_count < after->block_count ? before : after;
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	if (fewer->block_count >= BLOCKS_TELLING)
		return;
	buf_addf(&text,
		 "%s was seen in %zu block%s of 2 s only: capture longer before you trust a small "
		 "difference.",
		 release_label(fewer), fewer->block_count, fewer->block_count == 1 ? "" : "s");
	paper_wrap(paper, INK_WARNING, "  ", text.data);
}

void section_comparison(struct paper *paper, const struct summary *summary,
			const struct release *before, const struct release *after)
{
	CLEANUP(freep) struct comparison *comparison = malloc(sizeof(*comparison));
	CLEANUP(freep) char *old = release_short_label(paper, before);
	CLEANUP(freep) char *new = release_short_label(paper, after);
	CLEANUP(buf_release) struct buf title = BUF_INIT;

	if (!comparison || !old || !new) {
		paper->buf->failed = true;
		return;
	}
	compare_releases(summary, before, after, comparison);
	print_distribution(paper, comparison, old, new);
	buf_addf(&title, "%s %s %s", release_label(before), paper_sign(paper, SIGN_ARROW),
		 release_label(after));
	paper_heading(paper, title.data);
	print_changes(paper, comparison, old, new);
	print_caution(paper, before, after);
	print_sentence(paper, comparison, before, after);
}

/* The place where most goroutines wait at the end, when it is a crowd. */
static const struct wait_stack *crowd_of(const struct release *release)
{
	const struct wait_stack *crowd = NULL;

	for (size_t i = 0; i < release->stack_count; i++) {
		const struct wait_stack *stack = &release->stacks[i];

		/* Without a frame of the service itself they are idle connections. */
		if (!stack->system && stack->still_waiting >= CROWD &&
		    stack_own(stack, release->module) &&
		    (!crowd || stack->still_waiting > crowd->still_waiting))
			crowd = stack;
	}
	return crowd;
}

void section_conclusion(struct paper *paper, const struct release *release)
{
	const struct wait_stack *crowd = crowd_of(release);
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	buf_addf(&text, "%s: ", release_label(release));
	if (release->runnable.count)
		buf_addf(&text, "99 %% of runnable goroutines ran within %s, the slowest after %s.",
			 human_ns(hist_quantile(&release->runnable, 0.99), paper->unicode).text,
			 human_ns(release->runnable.max_ns, paper->unicode).text);
	else if (release->runqueue.count)
		buf_addf(&text,
			 "99 %% of runnable threads were on a CPU within %s, the slowest "
			 "after %s.",
			 human_ns(hist_quantile(&release->runqueue, 0.99), paper->unicode).text,
			 human_ns(release->runqueue.max_ns, paper->unicode).text);
	else
		buf_add_str(&text, "nothing was measured.");
	if (crowd) {
		buf_addf(&text, " %s goroutines wait in %s (%s).",
			 human_count(crowd->still_waiting).text, stack_place(crowd)->function,
			 crowd->reason);
		add_origin(&text, crowd, release->module);
	}
	paper_end_line(paper);
	paper_wrap(paper, INK_BOLD, "", text.data);
}
