/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel memory of a session: bounded by what limits.h says, whatever the number of CPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe/session.h"

#define MEMORY_BYTES_MAX (32ULL << 20)
#define CPUS_MANY        512
/* struct htab_elem of the kernel, in front of key and value (kernel/bpf/hashtab.c, 6.18). */
#define ELEMENT_HEAD_BYTES 48

static const struct probe_options everything = {
	.goroutines = true,
	.reasons = true,
	.kernel = true,
	.processes = true,
};

/* What the kernel says that a map takes, its preallocated entries included. */
static uint64_t map_bytes(const struct bpf_map *map)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	}
	fclose(file);
	assert_true(bytes > 0);
	return bytes;
}

static uint64_t round_up(uint64_t value)
{
	return (value + 7) / 8 * 8;
}

/* What one more CPU adds: a spare entry of each hash map, a value of each map that is per CPU. */
static uint64_t bytes_per_cpu(const struct bpf_map *map)
{
	uint64_t value = round_up(bpf_map__value_size(map));

	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_HASH:
		return ELEMENT_HEAD_BYTES + round_up(bpf_map__key_size(map)) + value;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return value * bpf_map__max_entries(map);
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_RINGBUF:
		return 0;
	default:
		fail_msg("map %s is of a type whose memory is not known", bpf_map__name(map));
		return 0;
	}
}

static void maps_are_bounded(void **state)
{
	uint64_t bytes = 0, per_cpu_bytes = 0;
	struct probe_session *session = NULL;
	struct err err = ERR_INIT;
	struct bpf_map *map;

	(void)state;
	if (probe_open(&everything, &session, &err) < 0)
		fail_msg("%s", err.text);
	bpf_object__for_each_map(map, session->skel->obj) {
		bytes += map_bytes(map);
		per_cpu_bytes += bytes_per_cpu(map);
	}
	probe_free(session);
	bytes += per_cpu_bytes * CPUS_MANY;
	print_message("%.1f MB of maps on %d CPUs, %.1f kB of them for each CPU\n",
		      (double)bytes / (1 << 20), CPUS_MANY, (double)per_cpu_bytes / 1024);
	assert_true(bytes <= MEMORY_BYTES_MAX);
}

/* What a lens does not need, it does not take. */
static void lenses_take_what_they_use(void **state)
{
	struct probe_options options = everything;
	struct probe_session *session = NULL;
	struct err err = ERR_INIT;

	(void)state;
	options.goroutines = options.reasons = false;
	if (probe_open(&options, &session, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(map_bytes(session->skel->maps.goroutines) < 4096);
	assert_true(map_bytes(session->skel->maps.threads) > 64 * 1024);
	probe_free(session);

	options = everything;
	options.kernel = false;
	if (probe_open(&options, &session, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(map_bytes(session->skel->maps.threads) < 4096);
	assert_true(map_bytes(session->skel->maps.goroutines) > (1 << 20));
	probe_free(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_are_bounded),
		cmocka_unit_test(lenses_take_what_they_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
