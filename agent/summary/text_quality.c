/* SPDX-License-Identifier: Apache-2.0 */
/* How far the numbers can be trusted, and which build they belong to. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "summary/human.h"
#include "summary/losses.h"
#include "summary/parts.h"
#include "summary/sections.h"

static void print_cost(struct paper *paper, const struct quality *quality, const char *attach)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	uint64_t hits = 0;

	for (size_t i = 0; i < SITE_COUNT; i++)
		hits = sum_saturated(hits, quality->hits[i]);
	if (hits) {
		buf_addf(&text, "%s of the window seen; %s probe hits",
			 human_percent(quality->seen_ratio).text, human_count(hits).text);
		if (attach)
			buf_addf(&text, " (%s)", attach);
		if (quality->hit_cost_ns > 0)
			buf_addf(&text, " of %s",
				 human_ns(whole_number(quality->hit_cost_ns), paper->unicode).text);
		if (quality->overhead_ratio > 0)
			buf_addf(&text, ": %s of the CPU time of what was watched",
				 human_percent(quality->overhead_ratio).text);
		paper_wrap(paper, INK_PLAIN, "  ", text.data);
	}
	buf_clear(&text);
	if (quality->sched_switches || quality->sched_wakeups || quality->syscalls)
		buf_addf(&text, "kernel: %s switches, %s wake-ups, %s system calls",
			 human_count(quality->sched_switches).text,
			 human_count(quality->sched_wakeups).text,
			 human_count(quality->syscalls).text);
	if (text.size)
		paper_wrap(paper, INK_PLAIN, "  ", text.data);
}

struct coverage {
	uint64_t before;     /* ran already when the window opened */
	uint64_t inside;     /* started inside of it */
	uint64_t from_start; /* of those: seen from the first instruction */
};

static struct coverage coverage_of(const struct summary *summary)
{
	struct coverage coverage = { 0 };

	for (size_t i = 0; i < summary->release_count; i++) {
		const struct release *release = &summary->releases[i];

		for (size_t j = 0; j < release->process_count; j++) {
			const struct process *process = &release->processes[j];

			if (!process->probed)
				continue;
			if (process->started_ns < summary->opened_ns &&
			    !process->exec_to_attach_ns) {
				coverage.before++;
				continue;
			}
			coverage.inside++;
			coverage.from_start += !process->exec_to_attach_ns;
		}
	}
	return coverage;
}

static void print_coverage(struct paper *paper, const struct summary *summary)
{
	struct coverage coverage = coverage_of(summary);
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	if (coverage.before)
		buf_addf(&text, "%s process%s ran already when the window opened",
			 human_count(coverage.before).text, coverage.before == 1 ? "" : "es");
	if (coverage.before && coverage.inside)
		buf_add_str(&text, "; ");
	if (coverage.inside)
		buf_addf(&text, "%s started %s, %s seen from the first instruction",
			 human_count(coverage.inside).text,
			 coverage.before ? "inside of it" : "inside the window",
			 coverage.from_start == coverage.inside
				 ? "all"
				 : human_count(coverage.from_start).text);
	if (coverage.from_start < coverage.inside)
		buf_addf(&text, ", the rest from %s after exec at the latest",
			 human_ns(summary->quality.exec_to_attach_max_ns, paper->unicode).text);
	if (text.size)
		paper_wrap(paper, INK_PLAIN, "  ", text.data);
}

static void print_loss(struct paper *paper, uint64_t count, const char *meaning)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	if (!count)
		return;
	buf_addf(&text, "%s %s", human_count(count).text, meaning);
	paper_wrap(paper, INK_WARNING, "  not seen: ", text.data);
}

static void print_losses(struct paper *paper, const struct summary *summary)
{
	struct dropped dropped = { 0 };

	for (size_t i = 0; i < LOSS_COUNT; i++)
		print_loss(paper, loss_count(&summary->quality, &losses[i]), losses[i].meaning);
	for (size_t i = 0; i < summary->release_count; i++) {
		const struct dropped *from = &summary->releases[i].dropped;

		dropped.stacks = sum_saturated(dropped.stacks, from->stacks);
		dropped.creators = sum_saturated(dropped.creators, from->creators);
		dropped.syscall_users = sum_saturated(dropped.syscall_users, from->syscall_users);
		dropped.stalls = sum_saturated(dropped.stalls, from->stalls);
		dropped.blocks = sum_saturated(dropped.blocks, from->blocks);
	}
	print_loss(paper, dropped.blocks, "blocks: the capture was too long to keep them all");
	print_loss(paper, dropped.stacks, "waiting places: too many different ones");
	print_loss(paper, dropped.creators, "creators of goroutines: too many different ones");
	print_loss(paper, dropped.syscall_users,
		   "callers of system calls: too many different ones");
	print_loss(paper, dropped.stalls, "goroutines off the CPU: too many different ones");
}

void section_quality(struct paper *paper, const struct summary *summary)
{
	struct buf *buf = paper->buf;
	size_t untitled = buf->size, titled;

	paper_title(paper, "Measurement");
	titled = buf->size;
	print_cost(paper, &summary->quality, summary->attach);
	print_coverage(paper, summary);
	print_losses(paper, summary);
	if (buf->size == titled && titled > untitled) {
		buf->size = untitled; /* a title of nothing */
		buf->data[untitled] = '\0';
	}
}

static void add_pair(struct buf *items, const char *key, const char *value)
{
	if (value && value[0])
		buf_addf(items, "%s %s" ITEM_END, key, value);
}

void section_identity(struct paper *paper, const struct summary *summary)
{
	const struct context *context = &summary->context;
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	add_pair(&text, "service", context->service);
	add_pair(&text, "in", context->env);
	add_pair(&text, "version", context->version);
	add_pair(&text, "commit", context->commit);
	add_pair(&text, "build", context->build_id);
	add_pair(&text, "pipeline", context->pipeline);
	add_pair(&text, "node", context->node);
	add_pair(&text, "kernel", summary->kernel);
	add_pair(&text, "trace", context->trace_id);
	add_pair(&text, "capture", summary->id);
	add_pair(&text, "parkmeter", summary->agent_version);
	add_pair(&text, "url", context->build_url);
	if (!text.size)
		return;
	paper_title(paper, "Identity");
	paper_wrap_items(paper, INK_DIM, "  ", text.data);
}

void section_notes(struct paper *paper, const struct summary *summary)
{
	const struct quality *quality = &summary->quality;

	if (quality->note_count)
		paper_title(paper, "Notes");
	for (size_t i = 0; i < quality->note_count; i++)
		paper_wrap(paper, INK_WARNING, "  ! ", quality->notes[i]);
	if (summary->command_status > 0) {
		paper_title(paper, "The command ended with exit status %d.",
			    summary->command_status);
	}
}
