/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a summary's text, in the order in which text.c puts them. */
#ifndef PARKMETER_SUMMARY_SECTIONS_H
#define PARKMETER_SUMMARY_SECTIONS_H

#include "summary/compare.h"
#include "summary/paper.h"
#include "summary/summary.h"

/* "2 processes, 2,860 goroutines ..." under a heading; what was not measured, and why. */
void section_headline(struct paper *paper, const struct summary *summary,
		      const struct release *release);

/* One row each: scheduling by cause, waiting by reason, GC, kernel, system calls. */
void section_latency(struct paper *paper, const struct release *release);

/* The distribution of the scheduling latency. */
void section_histogram(struct paper *paper, const struct release *release);

/* p99 of the scheduling latency over the window, a line for each release. */
void section_timeline(struct paper *paper, const struct summary *summary);

/* Where goroutines waited. `before` may be NULL: then nothing is compared. */
void section_stacks(struct paper *paper, const struct release *release,
		    const struct release *before);

void section_created(struct paper *paper, const struct summary *summary,
		     const struct release *release);
void section_syscall_users(struct paper *paper, const struct release *release);
void section_stalls(struct paper *paper, const struct release *release);
void section_quality(struct paper *paper, const struct summary *summary);
void section_identity(struct paper *paper, const struct summary *summary);
void section_notes(struct paper *paper, const struct summary *summary);

/* The last lines. */
void section_conclusion(struct paper *paper, const struct release *release);
void section_comparison(struct paper *paper, const struct summary *summary,
			const struct release *before, const struct release *after);

/* "v2.3.0", or "(no version)". */
const char *release_label(const struct release *release);

/*
 * The same, a long one (a pseudo-version) by its end, which tells it from others. Owned by the
 * caller; NULL: out of memory.
 */
char *release_short_label(const struct paper *paper, const struct release *release);

/* "store/store.go:87": the last two parts of the path. An empty string when it is unknown. */
#define FRAME_LINE_BYTES 128
void frame_line(const struct frame *frame, char text[FRAME_LINE_BYTES]);

#endif
