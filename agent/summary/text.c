/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary for people: which capture, then what one release did or in what two differ, then how
 * far to trust it; the most important thing comes last, where a terminal leaves it in view.
 */
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "summary/human.h"
#include "summary/paper.h"
#include "summary/sections.h"

static void print_top(struct paper *paper, const struct summary *summary)
{
	time_t seconds = (time_t)(summary->opened_wall_ns / NS_PER_S);
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	char when[64];
	struct tm utc;

	buf_add_str(&text, "parkmeter: ");
	buf_add_str(&text, summary->context.service ? summary->context.service : "a capture");
	if (summary->context.env)
		buf_addf(&text, " in %s", summary->context.env);
	if (summary->closed_ns > summary->opened_ns)
		buf_addf(&text, ", %s",
			 human_ns(summary->closed_ns - summary->opened_ns, paper->unicode).text);
	if (summary->opened_wall_ns && gmtime_r(&seconds, &utc) &&
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &utc))
		buf_addf(&text, " from %s", when);
	paper_wrap(paper, INK_BOLD, "", text.data);
}

/* Everything about one release. */
static void print_one(struct paper *paper, const struct summary *summary,
		      const struct release *release)
{
	section_latency(paper, release);
	section_histogram(paper, release);
	section_timeline(paper, summary);
	section_stacks(paper, release, NULL);
	section_created(paper, summary, release);
	section_syscall_users(paper, release);
	section_stalls(paper, release);
}

static void print_two(struct paper *paper, const struct summary *summary,
		      const struct release *before, const struct release *after)
{
	if (after - before > 1) {
		paper_end_line(paper);
		paper_wrap(
			paper, INK_DIM, "  ",
			"Compared are the first release and the last; all are in the JSON form.");
	}
	section_timeline(paper, summary);
	section_stacks(paper, after, before);
	section_created(paper, summary, after);
}

void summary_to_text(const struct summary *summary, const struct text_style *style, struct buf *buf)
{
	const struct release *first = NULL, *last = NULL;
	struct paper paper;

	paper_init(&paper, style, buf);
	print_top(&paper, summary);
	for (size_t i = 0; i < summary->release_count; i++) {
		const struct release *release = &summary->releases[i];

		section_headline(&paper, summary, release);
		if (!release_measured(release))
			continue;
		first = first ? first : release;
		last = release;
	}
	if (first && first == last)
		print_one(&paper, summary, first);
	else if (first)
		print_two(&paper, summary, first, last);
	section_quality(&paper, summary);
	section_identity(&paper, summary);
	section_notes(&paper, summary);
	if (first && first != last) {
		section_comparison(&paper, summary, first, last);
	} else if (first) {
		section_conclusion(&paper, first);
	} else {
		paper_end_line(&paper);
		paper_wrap(
			&paper, INK_WARNING, "",
			"Nothing was measured: no process matched, or none of them did anything.");
	}
}
