/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary as JSON. SCHEMA.md explains each field, summary_schema.c is the same for machines; the
 * three change together.
 *
 * Running out of memory is remembered by the maker and told once, at the end: jansson's setters
 * take NULL for the value and for the object, and fail.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "parkmeter/limits.h"
#include "summary/losses.h"
#include "summary/parts.h"

struct maker {
	bool failed;
};

static const char *const site_names[] = {
	[SITE_EXECUTE] = "execute",           [SITE_READY] = "ready",
	[SITE_NETPOLL] = "netpoll",           [SITE_NEW] = "new",
	[SITE_GOSCHED] = "gosched",           [SITE_GOYIELD] = "goyield",
	[SITE_SYSCALL_EXIT] = "syscall_exit", [SITE_PARK] = "park",
	[SITE_PREEMPT_PARK] = "preempt_park", [SITE_STW_BEGIN] = "stw_begin",
	[SITE_STW_END] = "stw_end",
};
static_assert(sizeof(site_names) / sizeof(site_names[0]) == SITE_COUNT, "a name for each site");

/* Both take what they are given, NULL (out of memory) included. */
static void put(struct maker *maker, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		maker->failed = true;
}

static void append(struct maker *maker, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		maker->failed = true;
}

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* 0 and what no number is: unknown. */
static json_t *number_or_null(uint64_t value)
{
	return value ? number(value) : json_null();
}

static json_t *real_or_null(double value)
{
	return isfinite(value) && value > 0 ? json_real(value) : json_null();
}

static json_t *text_or_null(const char *text)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	if (!text)
		return json_null();
	utf8_add(&buf, text);
	return buf_status(&buf) < 0 ? NULL : json_stringn(buf.data, buf.size);
}

static json_t *text(const char *value)
{
	return text_or_null(value ? value : "");
}

/* [lower, upper (exclusive), count] of each bucket that holds something. */
static json_t *buckets_json(struct maker *maker, const struct hist *hist)
{
	json_t *buckets = json_array();

	for (uint32_t i = 0; i < BUCKET_COUNT; i++) {
		json_t *bucket;

		if (!hist->counts[i])
			continue;
		bucket = json_array();
		append(maker, bucket, number(bucket_lower_ns(i)));
		append(maker, bucket,
		       i + 1 < BUCKET_COUNT ? number(bucket_lower_ns(i + 1)) : json_null());
		append(maker, bucket, number(hist->counts[i]));
		append(maker, buckets, bucket);
	}
	return buckets;
}

static json_t *hist_json(struct maker *maker, const struct hist *hist)
{
	json_t *object = json_object();

	put(maker, object, "count", number(hist->count));
	put(maker, object, "sum_ns", number(hist->sum_ns));
	put(maker, object, "mean_ns", number(hist_mean(hist)));
	put(maker, object, "p50_ns", number(hist_quantile(hist, 0.5)));
	put(maker, object, "p90_ns", number(hist_quantile(hist, 0.9)));
	put(maker, object, "p99_ns", number(hist_quantile(hist, 0.99)));
	put(maker, object, "p999_ns", number(hist_quantile(hist, 0.999)));
	put(maker, object, "max_ns", number(hist->max_ns));
	put(maker, object, "buckets", buckets_json(maker, hist));
	return object;
}

static json_t *named_json(struct maker *maker, const struct named_hists *hists)
{
	json_t *array = json_array();

	for (size_t i = 0; i < hists->count; i++) {
		json_t *object = json_object();

		put(maker, object, "name", text(hists->items[i].name));
		put(maker, object, "blocks", number(hists->items[i].blocks));
		put(maker, object, "hist", hist_json(maker, &hists->items[i].hist));
		append(maker, array, object);
	}
	return array;
}

static json_t *processes_json(struct maker *maker, const struct release *release)
{
	json_t *array = json_array();

	for (size_t i = 0; i < release->process_count; i++) {
		const struct process *process = &release->processes[i];
		json_t *object = json_object();

		put(maker, object, "pid", json_integer(process->pid));
		put(maker, object, "started_ns", number_or_null(process->started_ns));
		put(maker, object, "exited_ns", number_or_null(process->exited_ns));
		put(maker, object, "exec_to_attach_ns", number(process->exec_to_attach_ns));
		put(maker, object, "exe", text_or_null(process->exe));
		put(maker, object, "container", text_or_null(process->container));
		put(maker, object, "pod", text_or_null(process->pod));
		put(maker, object, "probed", json_boolean(process->probed));
		put(maker, object, "kernel", json_boolean(process->kernel));
		put(maker, object, "refused", text_or_null(process->refused));
		put(maker, object, "goroutines", number(process->goroutines));
		append(maker, array, object);
	}
	return array;
}

static json_t *frames_json(struct maker *maker, const struct wait_stack *stack)
{
	json_t *array = json_array();

	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct frame *frame = &stack->frames[i];
		json_t *object = json_object();

		put(maker, object, "function", text(frame->function));
		put(maker, object, "file", text_or_null(frame->file));
		put(maker, object, "line", number_or_null(frame->line));
		append(maker, array, object);
	}
	return array;
}

static json_t *stacks_json(struct maker *maker, const struct release *release)
{
	json_t *array = json_array();

	for (size_t i = 0; i < release->stack_count; i++) {
		const struct wait_stack *stack = &release->stacks[i];
		json_t *object = json_object();

		put(maker, object, "reason", text(stack->reason));
		put(maker, object, "system", json_boolean(stack->system));
		put(maker, object, "count", number(stack->count));
		put(maker, object, "sum_ns", number(stack->sum_ns));
		put(maker, object, "max_ns", number(stack->max_ns));
		put(maker, object, "still_waiting", number(stack->still_waiting));
		put(maker, object, "still_waiting_ns", number(stack->still_waiting_ns));
		put(maker, object, "frames", frames_json(maker, stack));
		append(maker, array, object);
	}
	return array;
}

static json_t *creators_json(struct maker *maker, const struct release *release)
{
	json_t *array = json_array();

	for (size_t i = 0; i < release->creator_count; i++) {
		const struct creator *creator = &release->creators[i];
		json_t *object = json_object();

		put(maker, object, "creator", text(creator->creator));
		put(maker, object, "start", text(creator->start));
		put(maker, object, "count", number(creator->count));
		append(maker, array, object);
	}
	return array;
}

static json_t *syscall_users_json(struct maker *maker, const struct release *release)
{
	json_t *array = json_array();

	for (size_t i = 0; i < release->syscall_user_count; i++) {
		const struct syscall_user *user = &release->syscall_users[i];
		json_t *object = json_object();

		put(maker, object, "syscall", text(user->syscall));
		put(maker, object, "start", text(user->start));
		put(maker, object, "count", number(user->count));
		put(maker, object, "sum_ns", number(user->sum_ns));
		put(maker, object, "max_ns", number(user->max_ns));
		append(maker, array, object);
	}
	return array;
}

static json_t *total_json(struct maker *maker, const struct total *total)
{
	json_t *object = json_object();

	put(maker, object, "count", number(total->count));
	put(maker, object, "sum_ns", number(total->sum_ns));
	put(maker, object, "max_ns", number(total->max_ns));
	return object;
}

static json_t *stalls_json(struct maker *maker, const struct release *release)
{
	json_t *array = json_array();

	for (size_t i = 0; i < release->stall_count; i++) {
		const struct stall *stall = &release->stalls[i];
		json_t *object = json_object();

		put(maker, object, "start", text(stall->start));
		put(maker, object, "runqueue", total_json(maker, &stall->runqueue));
		put(maker, object, "offcpu", total_json(maker, &stall->offcpu));
		append(maker, array, object);
	}
	return array;
}

static json_t *blocks_json(struct maker *maker, const struct release *release)
{
	json_t *array = json_array();

	for (size_t i = 0; i < release->block_count; i++) {
		const struct block *block = &release->blocks[i];
		json_t *object = json_object();

		put(maker, object, "index", number(block->index));
		put(maker, object, "pid", json_integer(block->pid));
		put(maker, object, "waiting_ns", number(block->waiting_ns));
		put(maker, object, "dispatches", number(block->dispatches));
		put(maker, object, "runnable", hist_json(maker, &block->runnable));
		put(maker, object, "runqueue", hist_json(maker, &block->runqueue));
		append(maker, array, object);
	}
	return array;
}

static json_t *dropped_json(struct maker *maker, const struct dropped *dropped)
{
	json_t *object = json_object();

	put(maker, object, "stacks", number(dropped->stacks));
	put(maker, object, "creators", number(dropped->creators));
	put(maker, object, "syscall_users", number(dropped->syscall_users));
	put(maker, object, "stalls", number(dropped->stalls));
	put(maker, object, "blocks", number(dropped->blocks));
	return object;
}

static json_t *release_json(struct maker *maker, const struct release *release)
{
	json_t *object = json_object(), *gc = json_object();

	put(maker, object, "version", text(release->version));
	put(maker, object, "revision", text_or_null(release->revision));
	put(maker, object, "go_build_id", text_or_null(release->go_build_id));
	put(maker, object, "go_version", text_or_null(release->go_version));
	put(maker, object, "module", text_or_null(release->module));
	put(maker, object, "processes", processes_json(maker, release));
	put(maker, object, "runnable", hist_json(maker, &release->runnable));
	put(maker, object, "still_runnable", total_json(maker, &release->still_runnable));
	put(maker, object, "runnable_by_cause", named_json(maker, &release->runnable_by_cause));
	put(maker, object, "waiting", named_json(maker, &release->waiting));
	put(maker, object, "stacks", stacks_json(maker, release));
	put(maker, object, "created", number(release->created));
	put(maker, object, "creators", creators_json(maker, release));
	put(maker, gc, "cycles", number(release->gc_cycles));
	put(maker, gc, "hist", hist_json(maker, &release->gc));
	put(maker, object, "gc", gc);
	put(maker, object, "stw", named_json(maker, &release->stw));
	put(maker, object, "runqueue", hist_json(maker, &release->runqueue));
	put(maker, object, "offcpu", hist_json(maker, &release->offcpu));
	put(maker, object, "syscalls", named_json(maker, &release->syscalls));
	put(maker, object, "syscall_users", syscall_users_json(maker, release));
	put(maker, object, "stalls", stalls_json(maker, release));
	put(maker, object, "blocks", blocks_json(maker, release));
	put(maker, object, "dropped", dropped_json(maker, &release->dropped));
	return object;
}

static json_t *context_json(struct maker *maker, const struct context *context)
{
	json_t *object = json_object();

	put(maker, object, "service", text_or_null(context->service));
	put(maker, object, "env", text_or_null(context->env));
	put(maker, object, "version", text_or_null(context->version));
	put(maker, object, "commit", text_or_null(context->commit));
	put(maker, object, "build_id", text_or_null(context->build_id));
	put(maker, object, "pipeline", text_or_null(context->pipeline));
	put(maker, object, "build_url", text_or_null(context->build_url));
	put(maker, object, "node", text_or_null(context->node));
	put(maker, object, "trace_id", text_or_null(context->trace_id));
	put(maker, object, "span_id", text_or_null(context->span_id));
	return object;
}

static json_t *quality_json(struct maker *maker, const struct quality *quality)
{
	json_t *object = json_object(), *hits = json_object(), *lost = json_object();
	json_t *notes = json_array();

	for (size_t i = 0; i < SITE_COUNT; i++)
		put(maker, hits, site_names[i], number(quality->hits[i]));
	for (size_t i = 0; i < LOSS_COUNT; i++)
		put(maker, lost, losses[i].name, number(loss_count(quality, &losses[i])));
	for (size_t i = 0; i < quality->note_count; i++)
		append(maker, notes, text(quality->notes[i]));

	put(maker, object, "seen_ratio",
	    json_real(isfinite(quality->seen_ratio) ? quality->seen_ratio : 0));
	put(maker, object, "overhead_ratio", real_or_null(quality->overhead_ratio));
	put(maker, object, "hit_cost_ns", real_or_null(quality->hit_cost_ns));
	put(maker, object, "hits", hits);
	put(maker, object, "foreign_hits", number(quality->foreign_hits));
	put(maker, object, "direct", number(quality->direct));
	put(maker, object, "sched_switches", number(quality->sched_switches));
	put(maker, object, "sched_wakeups", number(quality->sched_wakeups));
	put(maker, object, "syscalls", number(quality->syscalls));
	put(maker, object, "exec_to_attach_max_ns", number(quality->exec_to_attach_max_ns));
	put(maker, object, "losses", lost);
	put(maker, object, "notes", notes);
	return object;
}

/* RFC 3339 in UTC, to the second; null when it is unknown or beyond the calendar. */
static json_t *time_json(uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	char formatted[64];
	struct tm utc;

	if (!wall_ns || !gmtime_r(&seconds, &utc) ||
	    !strftime(formatted, sizeof(formatted), "%Y-%m-%dT%H:%M:%SZ", &utc))
		return json_null();
	return json_string(formatted);
}

static json_t *window_json(struct maker *maker, const struct summary *summary)
{
	uint64_t duration_ns = summary->closed_ns > summary->opened_ns
				       ? summary->closed_ns - summary->opened_ns
				       : 0;
	json_t *object = json_object();

	put(maker, object, "opened_at", time_json(summary->opened_wall_ns));
	put(maker, object, "opened_wall_ns", number(summary->opened_wall_ns));
	put(maker, object, "opened_ns", number(summary->opened_ns));
	put(maker, object, "closed_ns", number(summary->closed_ns));
	put(maker, object, "duration_ns", number(duration_ns));
	put(maker, object, "block_ns", number(BLOCK_NS));
	put(maker, object, "block_count", number(summary->block_count));
	return object;
}

static json_t *schema_json(struct maker *maker)
{
	json_t *object = json_object();

	put(maker, object, "name", json_string("parkmeter.summary"));
	put(maker, object, "major", json_integer(SUMMARY_SCHEMA_MAJOR));
	put(maker, object, "minor", json_integer(SUMMARY_SCHEMA_MINOR));
	return object;
}

json_t *summary_to_json(const struct summary *summary)
{
	json_t *object = json_object(), *releases = json_array();
	struct maker maker = { 0 };

	for (size_t i = 0; i < summary->release_count; i++)
		append(&maker, releases, release_json(&maker, &summary->releases[i]));
	put(&maker, object, "schema", schema_json(&maker));
	put(&maker, object, "id", text_or_null(summary->id));
	put(&maker, object, "agent_version", text_or_null(summary->agent_version));
	put(&maker, object, "kernel", text_or_null(summary->kernel));
	put(&maker, object, "cpus", number(summary->cpus));
	put(&maker, object, "attach", text_or_null(summary->attach));
	put(&maker, object, "command_status",
	    summary->command_status < 0 ? json_null() : json_integer(summary->command_status));
	put(&maker, object, "context", context_json(&maker, &summary->context));
	put(&maker, object, "window", window_json(&maker, summary));
	put(&maker, object, "releases", releases);
	put(&maker, object, "quality", quality_json(&maker, &summary->quality));
	if (!maker.failed)
		return object;
	json_decref(object);
	return NULL;
}
