/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where goroutines waited: a few frames that a person recognises. The runtime's own frames are left
 * out in front, and a frame of the service itself is shown even when it lies deeper than the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "summary/grid.h"
#include "summary/human.h"
#include "summary/parts.h"
#include "summary/sections.h"

#define STACKS_SHOWN 5
#define FRAMES_SHOWN 5
#define FRAME_INDENT 12

void frame_line(const struct frame *frame, char text[FRAME_LINE_BYTES])
{
	const char *name = frame->file;
	int slashes = 0;

	text[0] = '\0';
	if (!name)
		return;
	for (name += strlen(name); name > frame->file; name--) {
		if (name[-1] == '/' && ++slashes == 2)
			break;
	}
	if (frame->line)
		snprintf(text, FRAME_LINE_BYTES, "%.100s:%u", name, frame->line);
	else
		snprintf(text, FRAME_LINE_BYTES, "%.100s", name);
}

static void add_frame(struct grid *grid, const struct frame *frame, const char *module)
{
	char line[FRAME_LINE_BYTES];

	frame_line(frame, line);
	grid_add(grid, frame_is_own(frame, module) ? INK_BOLD : INK_PLAIN, "%s",
		 frame->function[0] ? frame->function : "?");
	grid_add(grid, INK_DIM, "%s", line);
}

static void add_gap(struct grid *grid, const struct paper *paper, size_t count)
{
	grid_add(grid, INK_DIM, "%s %zu more", paper_sign(paper, SIGN_GAP), count);
	grid_end_row(grid);
}

static void print_frames(struct paper *paper, const struct wait_stack *stack, const char *module)
{
	static const struct grid_column columns[] = {
		{ .title = "", .gives_way = true, .cut_head = true },
		{ .title = "" },
	};
	const struct frame *place = stack_place(stack), *own = stack_own(stack, module);
	size_t first, end, own_at;
	struct grid grid;

	if (!place)
		return;
	first = (size_t)(place - stack->frames);
	end = first + FRAMES_SHOWN < stack->frame_count ? first + FRAMES_SHOWN : stack->frame_count;
	own_at = own ? (size_t)(own - stack->frames) : 0;
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]), FRAME_INDENT);
	if (own_at >= end)
		end--; /* makes room for it */
	for (size_t i = first; i < end; i++)
		add_frame(&grid, &stack->frames[i], module);
	if (own_at >= end) {
		if (own_at > end)
			add_gap(&grid, paper, own_at - end);
		add_frame(&grid, own, module);
	}
	grid_print(&grid, paper);
	grid_release(&grid);
}

/* "2,480 goroutines still wait, 14.2s each so far; 2,100 waits ended: mean 610ms, max 3.7s" */
static void add_facts(struct buf *facts, const struct paper *paper, const struct wait_stack *stack)
{
	bool many = stack->still_waiting != 1;

	if (stack->still_waiting)
		buf_addf(facts, "%s goroutine%s still wait%s, %s%s so far",
			 human_count(stack->still_waiting).text, many ? "s" : "", many ? "" : "s",
			 human_ns(stack->still_waiting_ns / stack->still_waiting, paper->unicode)
				 .text,
			 many ? " each" : "");
	if (stack->still_waiting && stack->count)
		buf_add_str(facts, "; ");
	if (stack->count)
		buf_addf(facts, "%s wait%s ended: mean %s, max %s", human_count(stack->count).text,
			 stack->count == 1 ? "" : "s",
			 human_ns(stack->sum_ns / stack->count, paper->unicode).text,
			 human_ns(stack->max_ns, paper->unicode).text);
}

static const struct wait_stack *find_like(const struct release *release,
					  const struct wait_stack *like)
{
	for (size_t i = 0; i < release->stack_count; i++) {
		if (stack_same_place(&release->stacks[i], like))
			return &release->stacks[i];
	}
	return NULL;
}

/* Right-aligned; the µ of a unit is one column and two bytes. */
static void print_total(struct paper *paper, enum ink ink, uint64_t ns)
{
	const struct human total = human_ns(ns, paper->unicode);

	paper_textf(paper, ink, "%*s", strstr(total.text, "µ") ? 10 : 9, total.text);
}

static void print_stack(struct paper *paper, const struct wait_stack *stack, const char *module,
			const struct release *before)
{
	const struct wait_stack *earlier = before ? find_like(before, stack) : NULL;
	CLEANUP(buf_release) struct buf facts = BUF_INIT, old = BUF_INIT;
	char lead[FRAME_INDENT * 4];

	snprintf(lead, sizeof(lead), "%*s", FRAME_INDENT - 2, "");
	print_total(paper, INK_BOLD, stack_total_ns(stack));
	paper_textf(paper, INK_NAME, " %s", stack->reason[0] ? stack->reason : "(no reason)");
	paper_end_line(paper);
	add_facts(&facts, paper, stack);
	paper_wrap(paper, INK_PLAIN, lead, facts.data);
	if (earlier) {
		buf_addf(&old, "%s: ", release_label(before));
		add_facts(&old, paper, earlier);
		paper_wrap(paper, INK_DIM, lead, old.data);
	}
	print_frames(paper, stack, module);
}

void section_stacks(struct paper *paper, const struct release *release,
		    const struct release *before)
{
	uint64_t left_ns = 0;
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < release->stack_count; i++) {
		const struct wait_stack *stack = &release->stacks[i];

		if (stack->system || (!stack->count && !stack->still_waiting))
			continue;
		if (shown == STACKS_SHOWN) {
			left_ns = sum_saturated(left_ns, stack_total_ns(stack));
			left++;
			continue;
		}
		if (!shown++)
			paper_title(paper, "Where goroutines waited in %s, by total time",
				    release_label(release));
		print_stack(paper, stack, release->module, before);
	}
	if (!left)
		return;
	print_total(paper, INK_DIM, left_ns);
	paper_textf(paper, INK_DIM, " in %zu more places", left);
	paper_end_line(paper);
}
