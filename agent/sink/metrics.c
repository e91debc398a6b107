/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary as Prometheus metrics: which families there are, and which series each has. The values
 * are those of one capture, replaced at the next push: read them as they are, without rate().
 *
 * Cardinality is bounded: the newest METRICS_RELEASES_MAX releases; of histograms by name the
 * METRICS_NAMES_MAX largest, the rest as one "other"; the METRICS_STACKS_MAX largest waiting
 * stacks.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sink/promtext.h"
#include "sink/quality.h"
#include "sink/sink.h"
#include "sink/waits.h"

#define METRICS_RELEASES_MAX 8
#define METRICS_NAMES_MAX    20
#define METRICS_STACKS_MAX   10
#define VERSION_NUMBER_BYTES 8 /* "~8" behind a version */

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct shown_release {
	const struct release *release; /* borrowed from the summary */
	struct buf version;            /* the value of the label `version`, unique */
	struct waits waits;
};

/* What is being rendered; owns the versions and waits. */
struct rendering {
	const struct summary *summary;
	struct prom_writer writer;
	struct shown_release releases[METRICS_RELEASES_MAX];
	size_t release_count;
};

static void rendering_release(struct rendering *rendering)
{
	for (size_t i = 0; i < METRICS_RELEASES_MAX; i++) {
		buf_release(&rendering->releases[i].version);
		waits_release(&rendering->releases[i].waits);
	}
}

/* ---- families with a histogram for each name ---- */

static const struct {
	struct prom_family family;
	const char *label;
	size_t offset; /* of the struct named_hists in a struct release */
	unsigned int step;
} named_families[] = {
	{ { "go_runnable_seconds", "histogram",
	    "Time from runnable to running of goroutines, by what made them runnable." },
	  "cause",
	  offsetof(struct release, runnable_by_cause),
	  PROM_FINE },
	{ { "go_waiting_seconds", "histogram",
	    "Time that goroutines waited, by the Go runtime's wait reason." },
	  "reason",
	  offsetof(struct release, waiting),
	  PROM_COARSE },
	{ { "go_stop_the_world_seconds", "histogram",
	    "Time from the request to stop the world until it ran again, by reason." },
	  "reason",
	  offsetof(struct release, stw),
	  PROM_FINE },
	{ { "syscall_seconds", "histogram", "Time in system calls, by system call." },
	  "syscall",
	  offsetof(struct release, syscalls),
	  PROM_COARSE },
};

static int compare_named(const void *a, const void *b)
{
	const struct named_hist *left = *(const struct named_hist *const *)a;
	const struct named_hist *right = *(const struct named_hist *const *)b;

	if (left->hist.sum_ns != right->hist.sum_ns)
		return left->hist.sum_ns < right->hist.sum_ns ? 1 : -1;
	return strcmp(left->name, right->name);
}

static bool is_other(const char *name)
{
	return strcmp(name, "other") == 0 || strcmp(name, NAMED_HIST_OTHER) == 0;
}

static void write_sorted(struct prom_writer *writer, struct prom_labels *labels,
			 const struct named_hist *const *sorted, size_t count, unsigned int step)
{
	const char **name = &labels->items[1].value;
	struct hist other = { 0 };
	bool has_other = false;

	for (size_t i = 0; i < count; i++) {
		*name = sorted[i]->name;
		if (i < METRICS_NAMES_MAX && !is_other(*name)) {
			prom_hist(writer, labels, &sorted[i]->hist, step);
			continue;
		}
		hist_merge(&other, &sorted[i]->hist);
		has_other = true;
	}
	*name = "other";
	if (has_other)
		prom_hist(writer, labels, &other, step);
}

/* One series for each name, by total time. */
static void write_named(struct prom_writer *writer, const struct shown_release *shown,
			const struct named_hists *hists, const char *label, unsigned int step)
{
	struct prom_labels labels = { { { "version", shown->version.data }, { label, NULL } } };
	CLEANUP(freep) const struct named_hist **sorted = NULL;

	if (!hists->count)
		return;
	sorted = calloc(hists->count, sizeof(const struct named_hist *));
	if (!sorted) {
		writer->buf->failed = true;
		return;
	}
	for (size_t i = 0; i < hists->count; i++)
		sorted[i] = &hists->items[i];
	qsort(sorted, hists->count, sizeof(const struct named_hist *), compare_named);
	write_sorted(writer, &labels, sorted, hists->count, step);
}

static void write_named_families(struct rendering *rendering)
{
	for (size_t i = 0; i < ARRAY_COUNT(named_families); i++) {
		prom_begin(&rendering->writer, &named_families[i].family);
		for (size_t j = 0; j < rendering->release_count; j++) {
			const struct shown_release *shown = &rendering->releases[j];
			const char *base = (const char *)shown->release;

			write_named(&rendering->writer, shown,
				    (const struct named_hists *)(base + named_families[i].offset),
				    named_families[i].label, named_families[i].step);
		}
	}
}

/* ---- families with one histogram for each release; without a sample, none: not measured ---- */

static const struct {
	struct prom_family family;
	size_t offset; /* of the struct hist in a struct release */
} single_families[] = {
	{ { "go_gc_cycle_seconds", "histogram",
	    "Duration of garbage collection cycles, sweep termination to mark termination." },
	  offsetof(struct release, gc) },
	{ { "kernel_run_queue_seconds", "histogram",
	    "Time from runnable to running of threads, as the kernel's scheduler sees them." },
	  offsetof(struct release, runqueue) },
	{ { "kernel_off_cpu_seconds", "histogram",
	    "Time that threads were blocked, as the kernel's scheduler sees them." },
	  offsetof(struct release, offcpu) },
};

static void write_single_families(struct rendering *rendering)
{
	for (size_t i = 0; i < ARRAY_COUNT(single_families); i++) {
		prom_begin(&rendering->writer, &single_families[i].family);
		for (size_t j = 0; j < rendering->release_count; j++) {
			const struct shown_release *shown = &rendering->releases[j];
			const struct prom_labels labels = { {
				{ "version", shown->version.data },
			} };
			const char *base = (const char *)shown->release;
			const struct hist *hist =
				(const struct hist *)(base + single_families[i].offset);

			if (hist->count)
				prom_hist(&rendering->writer, &labels, hist, PROM_FINE);
		}
	}
}

/* ---- one number for each release ---- */

static uint64_t count_created(const struct release *release)
{
	return release->created;
}

static uint64_t count_goroutines(const struct release *release)
{
	uint64_t count = 0;

	for (size_t i = 0; i < release->process_count; i++)
		count += release->processes[i].goroutines;
	return count;
}

static uint64_t count_gc_cycles(const struct release *release)
{
	return release->gc_cycles;
}

static uint64_t count_processes(const struct release *release)
{
	return release->process_count;
}

static uint64_t count_probed(const struct release *release)
{
	uint64_t count = 0;

	for (size_t i = 0; i < release->process_count; i++)
		count += release->processes[i].probed;
	return count;
}

static const struct {
	struct prom_family family;
	uint64_t (*value)(const struct release *release);
} release_families[] = {
	{ { "go_goroutines_created", "gauge", "Goroutines created during the capture." },
	  count_created },
	{ { "go_goroutines", "gauge", "Most goroutines counted at once during the capture." },
	  count_goroutines },
	{ { "go_gc_cycles", "gauge", "Garbage collection cycles during the capture." },
	  count_gc_cycles },
	{ { "capture_processes", "gauge", "Processes of the release that were measured." },
	  count_processes },
	{ { "capture_processes_probed", "gauge",
	    "Processes of the release whose goroutines were measured." },
	  count_probed },
};

static void write_release_families(struct rendering *rendering)
{
	for (size_t i = 0; i < ARRAY_COUNT(release_families); i++) {
		prom_begin(&rendering->writer, &release_families[i].family);
		for (size_t j = 0; j < rendering->release_count; j++) {
			const struct shown_release *shown = &rendering->releases[j];
			const struct prom_labels labels = { {
				{ "version", shown->version.data },
			} };

			prom_count(&rendering->writer, &labels,
				   release_families[i].value(shown->release));
		}
	}
}

/* ---- waiting goroutines by reason and by stack ---- */

static void write_waiting(struct rendering *rendering)
{
	static const struct prom_family family = {
		"go_goroutines_waiting", "gauge",
		"Goroutines that waited when the capture closed, by wait reason; without the "
		"runtime's own."
	};

	prom_begin(&rendering->writer, &family);
	for (size_t i = 0; i < rendering->release_count; i++) {
		const struct shown_release *shown = &rendering->releases[i];
		const struct waits *waits = &shown->waits;

		for (size_t j = 0; j < waits->reason_count; j++) {
			const struct prom_labels labels = { {
				{ "version", shown->version.data },
				{ "reason", waits->reasons[j].reason },
			} };

			prom_count(&rendering->writer, &labels, waits->reasons[j].still_waiting);
		}
	}
}

/* Both families of stacks name the same stacks. */
static void write_stacks(struct rendering *rendering, const struct prom_family *family,
			 bool seconds)
{
	prom_begin(&rendering->writer, family);
	for (size_t i = 0; i < rendering->release_count; i++) {
		const struct shown_release *shown = &rendering->releases[i];
		const struct waits *waits = &shown->waits;

		for (size_t j = 0; j < waits->place_count && j < METRICS_STACKS_MAX; j++) {
			const struct wait_place *place = &waits->places[j];
			const struct prom_labels labels = { {
				{ "version", shown->version.data },
				{ "reason", place->reason },
				{ "function", place->function },
			} };

			if (seconds)
				prom_seconds(&rendering->writer, &labels, place->total_ns);
			else
				prom_count(&rendering->writer, &labels, place->still_waiting);
		}
	}
}

static void write_wait_families(struct rendering *rendering)
{
	static const struct prom_family seconds = {
		"go_waiting_stack_seconds", "gauge",
		"Time that goroutines waited, by wait reason and the first function outside of "
		"the runtime, waits that had not ended included; the largest."
	};
	static const struct prom_family goroutines = {
		"go_waiting_stack_goroutines", "gauge",
		"Goroutines that waited there when the capture closed."
	};

	write_waiting(rendering);
	write_stacks(rendering, &seconds, true);
	write_stacks(rendering, &goroutines, false);
}

/* ---- identity of the releases and of the capture ---- */

static void write_identity(struct rendering *rendering)
{
	static const struct prom_family build = {
		"build_info", "gauge",
		"1, labelled with the release and the build in whose capture it was seen."
	};
	static const struct prom_family capture = {
		"capture_info", "gauge", "1, labelled with the capture and the agent that made it."
	};
	const struct summary *summary = rendering->summary;
	const struct context *context = &summary->context;
	const struct prom_labels agent = { { { "capture", summary->id },
					     { "agent_version", summary->agent_version },
					     { "kernel", summary->kernel },
					     { "attach", summary->attach } } };

	prom_begin(&rendering->writer, &build);
	for (size_t i = 0; i < rendering->release_count; i++) {
		const struct shown_release *shown = &rendering->releases[i];
		const struct prom_labels labels = { { { "version", shown->version.data },
						      { "revision", shown->release->revision },
						      { "build_id", context->build_id },
						      { "commit", context->commit },
						      { "trace_id", context->trace_id },
						      { "go_version",
							shown->release->go_version } } };

		prom_count(&rendering->writer, &labels, 1);
	}
	prom_begin(&rendering->writer, &capture);
	prom_count(&rendering->writer, &agent, 1);
}

static void write_capture(struct rendering *rendering)
{
	static const struct prom_family begin = { "capture_start_timestamp_seconds", "gauge",
						  "When the capture opened, Unix time." };
	static const struct prom_family duration = { "capture_duration_seconds", "gauge",
						     "How long the capture was open." };
	static const struct prom_family code = {
		"capture_command_exit_code", "gauge",
		"Exit code of the command that the capture spanned."
	};
	const struct summary *summary = rendering->summary;
	struct prom_writer *writer = &rendering->writer;
	const struct prom_labels none = { 0 };

	prom_begin(writer, &begin);
	prom_seconds(writer, &none, summary->opened_wall_ns);
	prom_begin(writer, &duration);
	prom_seconds(writer, &none,
		     summary->closed_ns > summary->opened_ns
			     ? summary->closed_ns - summary->opened_ns
			     : 0);
	prom_begin(writer, &code);
	if (summary->command_status >= 0)
		prom_count(writer, &none, (uint64_t)summary->command_status);
}

/* ---- the whole ---- */

static bool version_taken(const struct rendering *rendering, const char *version)
{
	for (size_t i = 0; i < rendering->release_count; i++)
		if (strcmp(rendering->releases[i].version.data, version) == 0)
			return true;
	return false;
}

/*
 * The release's version, or "unknown"; a second release of the same version is "v1.2.3~2". Made
 * clean here already, so that what is told apart here is told apart in the text, too.
 */
static void name_release(const struct rendering *rendering, struct shown_release *shown)
{
	const char *version = shown->release->version;
	CLEANUP(buf_release) struct buf base = BUF_INIT;

	prom_sanitize(&base, version && *version ? version : "unknown",
		      PROM_LABEL_BYTES_MAX - VERSION_NUMBER_BYTES);
	buf_add_str(&shown->version, base.data);
	for (unsigned int number = 2; number <= METRICS_RELEASES_MAX; number++) {
		if (!version_taken(rendering, shown->version.data))
			break;
		buf_clear(&shown->version);
		buf_addf(&shown->version, "%s~%u", base.data, number);
	}
	if (buf_status(&base) < 0)
		shown->version.failed = true;
}

static int show_release(struct rendering *rendering, const struct release *release)
{
	struct shown_release *shown = &rendering->releases[rendering->release_count];

	shown->release = release;
	name_release(rendering, shown);
	if (buf_status(&shown->version) < 0)
		return -ENOMEM;
	rendering->release_count++;
	return waits_collect(release, &shown->waits);
}

static void write_all(struct rendering *rendering)
{
	write_identity(rendering);
	write_capture(rendering);
	write_release_families(rendering);
	write_named_families(rendering);
	write_single_families(rendering);
	write_wait_families(rendering);
	quality_write(&rendering->writer, rendering->summary); /* last, see there */
}

int metrics_render(const struct summary *summary, struct buf *buf, struct err *err)
{
	CLEANUP(rendering_release) struct rendering rendering = { .summary = summary };
	size_t first = summary->release_count > METRICS_RELEASES_MAX
			       ? summary->release_count - METRICS_RELEASES_MAX
			       : 0;
	int r = 0;

	for (size_t i = 0; i < METRICS_RELEASES_MAX; i++)
		buf_init(&rendering.releases[i].version);
	prom_init(&rendering.writer, buf);
	for (size_t i = first; r == 0 && i < summary->release_count; i++)
		r = show_release(&rendering, &summary->releases[i]);
	rendering.writer.left_out = first;
	if (r == 0)
		write_all(&rendering);
	if (r < 0 || buf_status(buf) < 0)
		return err_set(err, -ENOMEM, "out of memory while writing the metrics");
	return 0;
}
