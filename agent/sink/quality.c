/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/quality.h"

#include <assert.h>
#include <stddef.h>

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A counter of struct quality under a name. */
struct quality_item {
	const char *name;
	size_t offset;
};

#define ITEM(name, field)                             \
	{                                             \
		name, offsetof(struct quality, field) \
	}
#define HIT(name, site)                                                          \
	{                                                                        \
		name, offsetof(struct quality, hits) + (site) * sizeof(uint64_t) \
	}

static const struct quality_item hit_items[] = {
	HIT("execute", SITE_EXECUTE),           HIT("ready", SITE_READY),
	HIT("netpoll", SITE_NETPOLL),           HIT("new", SITE_NEW),
	HIT("gosched", SITE_GOSCHED),           HIT("goyield", SITE_GOYIELD),
	HIT("syscall_exit", SITE_SYSCALL_EXIT), HIT("park", SITE_PARK),
	HIT("preempt_park", SITE_PREEMPT_PARK), HIT("stw_begin", SITE_STW_BEGIN),
	HIT("stw_end", SITE_STW_END),
};
static_assert(ARRAY_COUNT(hit_items) == SITE_COUNT, "each site has its name");

static const struct quality_item dropped_items[] = {
	ITEM("hist_full", hist_full),
	ITEM("goroutines_full", goroutines_full),
	ITEM("stacks_full", stacks_full),
	ITEM("waits_full", waits_full),
	ITEM("threads_full", threads_full),
	ITEM("created_full", created_full),
	ITEM("event", events_dropped),
	ITEM("busy", busy),
	ITEM("missed", missed),
	ITEM("field_unreadable", field_unreadable),
};

static const struct quality_item unmatched_items[] = { ITEM("execute", unmatched_execute),
						       ITEM("wake", unmatched_wake) };
static const struct quality_item stack_items[] = { ITEM("unreadable", stack_unreadable),
						   ITEM("truncated", stack_truncated) };
static const struct quality_item kernel_items[] = { ITEM("switch", sched_switches),
						    ITEM("wakeup", sched_wakeups),
						    ITEM("syscall", syscalls) };
static const struct quality_item foreign_items[] = { ITEM(NULL, foreign_hits) };
static const struct quality_item direct_items[] = { ITEM(NULL, direct) };

static const struct {
	struct prom_family family;
	const char *label;
	const struct quality_item *items;
	size_t count;
} quality_families[] = {
	{ { "quality_hits", "gauge", "Probe hits in measured processes, by site." },
	  "site",
	  hit_items,
	  ARRAY_COUNT(hit_items) },
	{ { "quality_foreign_hits", "gauge",
	    "Probe hits in processes that run the same file and are not measured." },
	  NULL,
	  foreign_items,
	  1 },
	{ { "quality_dropped", "gauge", "Samples that were lost, by cause." },
	  "cause",
	  dropped_items,
	  ARRAY_COUNT(dropped_items) },
	{ { "quality_unmatched", "gauge", "Events whose beginning was not seen." },
	  "event",
	  unmatched_items,
	  ARRAY_COUNT(unmatched_items) },
	{ { "quality_direct_dispatches", "gauge",
	    "Dispatches of goroutines that were picked while waiting, never queued." },
	  NULL,
	  direct_items,
	  1 },
	{ { "quality_incomplete_stacks", "gauge", "Waiting stacks that miss frames, by cause." },
	  "cause",
	  stack_items,
	  ARRAY_COUNT(stack_items) },
	{ { "quality_kernel_events", "gauge", "Kernel events of measured threads." },
	  "event",
	  kernel_items,
	  ARRAY_COUNT(kernel_items) },
};

static void write_counts(struct prom_writer *writer, const struct quality *quality)
{
	const char *base = (const char *)quality;

	for (size_t i = 0; i < ARRAY_COUNT(quality_families); i++) {
		prom_begin(writer, &quality_families[i].family);
		for (size_t j = 0; j < quality_families[i].count; j++) {
			const struct quality_item *item = &quality_families[i].items[j];
			const struct prom_labels labels = { {
				{ quality_families[i].label, item->name },
			} };

			prom_count(writer, &labels, *(const uint64_t *)(base + item->offset));
		}
	}
}

static void write_values(struct prom_writer *writer, const struct quality *quality)
{
	static const struct prom_family attach = {
		"quality_exec_to_attach_max_seconds", "gauge",
		"The longest time for which a new process ran before it was measured."
	};
	static const struct prom_family seen = { "quality_seen_ratio", "gauge",
						 "Part of the capture in which probes measured." };
	static const struct prom_family overhead = {
		"quality_overhead_ratio", "gauge",
		"Part of the measured processes' CPU time that probes cost."
	};
	static const struct prom_family cost = { "quality_hit_cost_seconds", "gauge",
						 "Cost of one probe hit on this machine." };
	static const struct prom_family left_out = {
		"quality_series_left_out", "gauge",
		"Releases and series that these metrics do not hold, because there would be too many."
	};
	const struct prom_labels none = { 0 };

	prom_begin(writer, &attach);
	prom_seconds(writer, &none, quality->exec_to_attach_max_ns);
	prom_begin(writer, &seen);
	prom_number(writer, &none, quality->seen_ratio);
	/* 0 is "unknown" for these two; a number that nobody knows is not pushed. */
	prom_begin(writer, &overhead);
	if (quality->overhead_ratio > 0)
		prom_number(writer, &none, quality->overhead_ratio);
	prom_begin(writer, &cost);
	if (quality->hit_cost_ns > 0)
		prom_number(writer, &none, quality->hit_cost_ns / 1e9);
	prom_begin(writer, &left_out);
	prom_count(writer, &none, writer->left_out);
}

/* Details for which a release had no room. */
static void write_forgotten(struct prom_writer *writer, const struct summary *summary)
{
	static const struct prom_family family = {
		"quality_details_dropped", "gauge",
		"Details for which the summary had no room, by kind."
	};
	static const struct {
		const char *name;
		size_t offset; /* in struct dropped */
	} kinds[] = {
		{ "stack", offsetof(struct dropped, stacks) },
		{ "creator", offsetof(struct dropped, creators) },
		{ "syscall_user", offsetof(struct dropped, syscall_users) },
		{ "stall", offsetof(struct dropped, stalls) },
		{ "block", offsetof(struct dropped, blocks) },
	};

	prom_begin(writer, &family);
	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		const struct prom_labels labels = { { { "kind", kinds[i].name } } };
		uint64_t count = 0;

		for (size_t j = 0; j < summary->release_count; j++)
			count += *(const uint64_t *)((const char *)&summary->releases[j].dropped +
						     kinds[i].offset);
		prom_count(writer, &labels, count);
	}
}

void quality_write(struct prom_writer *writer, const struct summary *summary)
{
	write_counts(writer, &summary->quality);
	write_forgotten(writer, summary);
	write_values(writer, &summary->quality);
}
