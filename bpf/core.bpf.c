/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one definition of what core/maps.h declares. The name must sort first: the static linker of
 * libbpf 1.1 places a map only when its definition comes before its declarations.
 */
#include "core/maps.h"

const volatile struct probe_settings settings = {};
struct probe_window window = {};
const volatile struct hist_value hist_template = {};

struct targets_map targets SEC(".maps");
struct watched_files_map watched_files SEC(".maps");
struct goroutines_map goroutines SEC(".maps");
struct hists_map hists SEC(".maps");
struct stacks_map stacks SEC(".maps");
struct waits_map waits SEC(".maps");
struct created_map created SEC(".maps");
struct syscalls_map syscalls SEC(".maps");
struct stalls_map stalls SEC(".maps");
struct threads_map threads SEC(".maps");
struct stops_map stops SEC(".maps");
struct counters_map counters SEC(".maps");
struct scratch_memory_map scratch_memory SEC(".maps");
struct events_map events SEC(".maps");

char license_name[] SEC("license") = "Dual BSD/GPL";
