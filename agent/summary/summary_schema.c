/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON Schema of a summary, written as JSON and turned into a string by the preprocessor, which
 * quotes what needs quoting. Objects are open (additive changes raise the minor version only, and a
 * reader must not refuse them); what is here is required.
 */
#include "summary/summary.h"

/* clang-format off */
#define TEXT_OF(...) #__VA_ARGS__

static const char schema[] = TEXT_OF(
{
	"$schema": "https://json-schema.org/draft/2020-12/schema",
	"title": "parkmeter.summary",
	"description": "What one capture of parkmeter concluded. Durations are nanoseconds.",
	"type": "object",
	"required": ["schema", "id", "agent_version", "kernel", "cpus", "attach",
		"command_status", "context", "window", "releases", "quality"],
	"properties": {
		"schema": {
			"type": "object",
			"required": ["name", "major", "minor"],
			"properties": {
				"name": { "const": "parkmeter.summary" },
				"major": { "const": 1 },
				"minor": { "$ref": "#/$defs/count" }
			}
		},
		"id": { "$ref": "#/$defs/text" },
		"agent_version": { "$ref": "#/$defs/text" },
		"kernel": { "$ref": "#/$defs/text" },
		"cpus": { "$ref": "#/$defs/count" },
		"attach": { "$ref": "#/$defs/text" },
		"command_status": { "type": ["integer", "null"], "minimum": 0 },
		"context": { "$ref": "#/$defs/context" },
		"window": { "$ref": "#/$defs/window" },
		"releases": { "type": "array", "items": { "$ref": "#/$defs/release" } },
		"quality": { "$ref": "#/$defs/quality" }
	},
	"$defs": {
		"text": { "type": ["string", "null"] },
		"count": { "type": "integer", "minimum": 0 },
		"count_or_null": { "type": ["integer", "null"], "minimum": 0 },
		"real_or_null": { "type": ["number", "null"], "minimum": 0 },
		"context": {
			"type": "object",
			"required": ["service", "env", "version", "commit", "build_id",
				"pipeline", "build_url", "node", "trace_id", "span_id"],
			"properties": {
				"service": { "$ref": "#/$defs/text" },
				"env": { "$ref": "#/$defs/text" },
				"version": { "$ref": "#/$defs/text" },
				"commit": { "$ref": "#/$defs/text" },
				"build_id": { "$ref": "#/$defs/text" },
				"pipeline": { "$ref": "#/$defs/text" },
				"build_url": { "$ref": "#/$defs/text" },
				"node": { "$ref": "#/$defs/text" },
				"trace_id": { "type": ["string", "null"],
					"pattern": "^[0-9a-f]{32}$" },
				"span_id": { "type": ["string", "null"],
					"pattern": "^[0-9a-f]{16}$" }
			}
		},
		"window": {
			"type": "object",
			"required": ["opened_at", "opened_wall_ns", "opened_ns", "closed_ns",
				"duration_ns", "block_ns", "block_count"],
			"properties": {
				"opened_at": { "$ref": "#/$defs/text" },
				"opened_wall_ns": { "$ref": "#/$defs/count" },
				"opened_ns": { "$ref": "#/$defs/count" },
				"closed_ns": { "$ref": "#/$defs/count" },
				"duration_ns": { "$ref": "#/$defs/count" },
				"block_ns": { "$ref": "#/$defs/count" },
				"block_count": { "$ref": "#/$defs/count" }
			}
		},
		"hist": {
			"type": "object",
			"required": ["count", "sum_ns", "mean_ns", "p50_ns", "p90_ns", "p99_ns",
				"p999_ns", "max_ns", "buckets"],
			"properties": {
				"count": { "$ref": "#/$defs/count" },
				"sum_ns": { "$ref": "#/$defs/count" },
				"mean_ns": { "$ref": "#/$defs/count" },
				"p50_ns": { "$ref": "#/$defs/count" },
				"p90_ns": { "$ref": "#/$defs/count" },
				"p99_ns": { "$ref": "#/$defs/count" },
				"p999_ns": { "$ref": "#/$defs/count" },
				"max_ns": { "$ref": "#/$defs/count" },
				"buckets": {
					"description": "[lower, upper (exclusive; null: open), count]",
					"type": "array",
					"items": {
						"type": "array",
						"minItems": 3,
						"maxItems": 3,
						"prefixItems": [
							{ "$ref": "#/$defs/count" },
							{ "$ref": "#/$defs/count_or_null" },
							{ "$ref": "#/$defs/count" }
						]
					}
				}
			}
		},
		"named_hists": {
			"type": "array",
			"items": {
				"type": "object",
				"required": ["name", "blocks", "hist"],
				"properties": {
					"name": { "type": "string" },
					"blocks": { "$ref": "#/$defs/count" },
					"hist": { "$ref": "#/$defs/hist" }
				}
			}
		},
		"process": {
			"type": "object",
			"required": ["pid", "started_ns", "exited_ns", "exec_to_attach_ns", "exe",
				"container", "pod", "probed", "kernel", "refused", "goroutines"],
			"properties": {
				"pid": { "$ref": "#/$defs/count" },
				"started_ns": { "$ref": "#/$defs/count_or_null" },
				"exited_ns": { "$ref": "#/$defs/count_or_null" },
				"exec_to_attach_ns": { "$ref": "#/$defs/count" },
				"exe": { "$ref": "#/$defs/text" },
				"container": { "$ref": "#/$defs/text" },
				"pod": { "$ref": "#/$defs/text" },
				"probed": { "type": "boolean" },
				"kernel": { "type": "boolean" },
				"refused": { "$ref": "#/$defs/text" },
				"goroutines": { "$ref": "#/$defs/count" }
			}
		},
		"stack": {
			"type": "object",
			"required": ["reason", "system", "count", "sum_ns", "max_ns",
				"still_waiting", "still_waiting_ns", "frames"],
			"properties": {
				"reason": { "type": "string" },
				"system": { "type": "boolean" },
				"count": { "$ref": "#/$defs/count" },
				"sum_ns": { "$ref": "#/$defs/count" },
				"max_ns": { "$ref": "#/$defs/count" },
				"still_waiting": { "$ref": "#/$defs/count" },
				"still_waiting_ns": { "$ref": "#/$defs/count" },
				"frames": {
					"type": "array",
					"maxItems": 128,
					"items": {
						"type": "object",
						"required": ["function", "file", "line"],
						"properties": {
							"function": { "type": "string" },
							"file": { "$ref": "#/$defs/text" },
							"line": { "$ref": "#/$defs/count_or_null" }
						}
					}
				}
			}
		},
		"creator": {
			"type": "object",
			"required": ["creator", "start", "count"],
			"properties": {
				"creator": { "type": "string" },
				"start": { "type": "string" },
				"count": { "$ref": "#/$defs/count" }
			}
		},
		"syscall_user": {
			"type": "object",
			"required": ["syscall", "start", "count", "sum_ns", "max_ns"],
			"properties": {
				"syscall": { "type": "string" },
				"start": { "type": "string" },
				"count": { "$ref": "#/$defs/count" },
				"sum_ns": { "$ref": "#/$defs/count" },
				"max_ns": { "$ref": "#/$defs/count" }
			}
		},
		"total": {
			"type": "object",
			"required": ["count", "sum_ns", "max_ns"],
			"properties": {
				"count": { "$ref": "#/$defs/count" },
				"sum_ns": { "$ref": "#/$defs/count" },
				"max_ns": { "$ref": "#/$defs/count" }
			}
		},
		"stall": {
			"type": "object",
			"required": ["start", "runqueue", "offcpu"],
			"properties": {
				"start": { "type": "string" },
				"runqueue": { "$ref": "#/$defs/total" },
				"offcpu": { "$ref": "#/$defs/total" }
			}
		},
		"block": {
			"type": "object",
			"required": ["index", "pid", "waiting_ns", "dispatches", "runnable",
				"runqueue"],
			"properties": {
				"index": { "$ref": "#/$defs/count" },
				"pid": { "$ref": "#/$defs/count" },
				"waiting_ns": { "$ref": "#/$defs/count" },
				"dispatches": { "$ref": "#/$defs/count" },
				"runnable": { "$ref": "#/$defs/hist" },
				"runqueue": { "$ref": "#/$defs/hist" }
			}
		},
		"release": {
			"type": "object",
			"required": ["version", "revision", "go_build_id", "go_version", "module",
				"processes", "runnable", "still_runnable", "runnable_by_cause", "waiting", "stacks",
				"created", "creators", "gc", "stw", "runqueue", "offcpu",
				"syscalls", "syscall_users", "stalls", "blocks", "dropped"],
			"properties": {
				"version": { "type": "string" },
				"revision": { "$ref": "#/$defs/text" },
				"go_build_id": { "$ref": "#/$defs/text" },
				"go_version": { "$ref": "#/$defs/text" },
				"module": { "$ref": "#/$defs/text" },
				"processes": { "type": "array",
					"items": { "$ref": "#/$defs/process" } },
				"runnable": { "$ref": "#/$defs/hist" },
				"still_runnable": { "$ref": "#/$defs/total" },
				"runnable_by_cause": { "$ref": "#/$defs/named_hists" },
				"waiting": { "$ref": "#/$defs/named_hists" },
				"stacks": { "type": "array", "items": { "$ref": "#/$defs/stack" } },
				"created": { "$ref": "#/$defs/count" },
				"creators": { "type": "array",
					"items": { "$ref": "#/$defs/creator" } },
				"gc": {
					"type": "object",
					"required": ["cycles", "hist"],
					"properties": {
						"cycles": { "$ref": "#/$defs/count" },
						"hist": { "$ref": "#/$defs/hist" }
					}
				},
				"stw": { "$ref": "#/$defs/named_hists" },
				"runqueue": { "$ref": "#/$defs/hist" },
				"offcpu": { "$ref": "#/$defs/hist" },
				"syscalls": { "$ref": "#/$defs/named_hists" },
				"syscall_users": { "type": "array",
					"items": { "$ref": "#/$defs/syscall_user" } },
				"stalls": { "type": "array",
					"items": { "$ref": "#/$defs/stall" } },
				"blocks": { "type": "array", "items": { "$ref": "#/$defs/block" } },
				"dropped": {
					"type": "object",
					"required": ["stacks", "creators", "syscall_users", "stalls",
						"blocks"],
					"additionalProperties": { "$ref": "#/$defs/count" }
				}
			}
		},
		"quality": {
			"type": "object",
			"required": ["seen_ratio", "overhead_ratio", "hit_cost_ns", "hits",
				"foreign_hits", "direct", "sched_switches", "sched_wakeups",
				"syscalls", "exec_to_attach_max_ns", "losses", "notes"],
			"properties": {
				"seen_ratio": { "type": "number" },
				"overhead_ratio": { "$ref": "#/$defs/real_or_null" },
				"hit_cost_ns": { "$ref": "#/$defs/real_or_null" },
				"hits": {
					"type": "object",
					"required": ["execute", "ready", "netpoll", "new", "gosched",
						"goyield", "syscall_exit", "park", "preempt_park",
						"stw_begin", "stw_end"],
					"additionalProperties": { "$ref": "#/$defs/count" }
				},
				"foreign_hits": { "$ref": "#/$defs/count" },
				"direct": { "$ref": "#/$defs/count" },
				"sched_switches": { "$ref": "#/$defs/count" },
				"sched_wakeups": { "$ref": "#/$defs/count" },
				"syscalls": { "$ref": "#/$defs/count" },
				"exec_to_attach_max_ns": { "$ref": "#/$defs/count" },
				"losses": {
					"type": "object",
					"required": ["unmatched_execute", "unmatched_wake", "missed",
						"busy", "field_unreadable", "hist_full",
						"goroutines_full", "waits_full", "stacks_full",
						"stack_unreadable", "stack_truncated",
						"threads_full", "created_full", "syscalls_full", "stalls_full",
						"events_dropped"],
					"additionalProperties": { "$ref": "#/$defs/count" }
				},
				"notes": { "type": "array", "items": { "type": "string" } }
			}
		}
	}
}
);
/* clang-format on */

const char *summary_schema(void)
{
	return schema;
}
