/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses to names, each address of an executable resolved once: the same few stacks come back in
 * every capture. An open-addressing table keyed by (executable, address in the file).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture_private.h"

#define SYMBOLS_MAX (1u << 16) /* then addresses stay numbers */
#define SLOTS_FIRST 1024u

struct slot {
	uint64_t address;   /* in the file */
	uint32_t binary_id; /* 0: empty slot */
	uint32_t line;
	char *function; /* owned */
	char *file;     /* owned; NULL unknown */
};

struct symbol_cache {
	struct slot *slots;
	uint32_t slot_count; /* a power of two */
	uint32_t used;
};

int symbol_cache_new(struct symbol_cache **ret_cache, struct err *err)
{
	struct symbol_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		cache->slots = calloc(SLOTS_FIRST, sizeof(*cache->slots));
	if (!cache || !cache->slots) {
		free(cache);
		return err_set(err, -ENOMEM, "out of memory");
	}
	cache->slot_count = SLOTS_FIRST;
	*ret_cache = cache;
	return 0;
}

void symbol_cache_free(struct symbol_cache *cache)
{
	if (!cache)
		return;
	for (uint32_t i = 0; i < cache->slot_count; i++) {
		free(cache->slots[i].function);
		free(cache->slots[i].file);
	}
	free(cache->slots);
	free(cache);
}

static struct slot *find_slot(struct slot *slots, uint32_t count, uint32_t binary_id,
			      uint64_t address)
{
	uint64_t hash = (address ^ ((uint64_t)binary_id << 48)) * 0x9e3779b97f4a7c15ULL;

	for (uint32_t i = (uint32_t)(hash >> 32);; i++) {
		struct slot *slot = &slots[i & (count - 1)];

		if (!slot->binary_id || (slot->binary_id == binary_id && slot->address == address))
			return slot;
	}
}

static bool grow(struct symbol_cache *cache)
{
	uint32_t count = cache->slot_count * 2;
	struct slot *slots;

	if (cache->used >= SYMBOLS_MAX)
		return false;
	slots = calloc(count, sizeof(*slots));
	if (!slots)
		return false;
	for (uint32_t i = 0; i < cache->slot_count; i++) {
		const struct slot *from = &cache->slots[i];

		if (from->binary_id)
			*find_slot(slots, count, from->binary_id, from->address) = *from;
	}
	free(cache->slots);
	cache->slots = slots;
	cache->slot_count = count;
	return true;
}

/* Fills an empty slot; false when memory ran out, and the slot stays empty. */
static bool resolve(struct slot *slot, const struct binary *binary, uint64_t address)
{
	struct gobin_func func;
	const char *file = NULL;
	uint32_t line = 0;
	char number[32];

	if (gobin_symbolize(binary->bin, address, &func, &file, &line) < 0) {
		snprintf(number, sizeof(number), "0x%" PRIx64, address);
		func.name = number;
		file = NULL;
	}
	slot->function = strdup(func.name);
	if (!slot->function)
		return false;
	slot->file = file ? strdup(file) : NULL;
	slot->line = line;
	slot->address = address;
	slot->binary_id = binary->id;
	return true;
}

static struct symbol lookup(struct symbol_cache *cache, const struct member *member,
			    uint64_t address)
{
	struct slot *slot;

	if (!member->binary || !member->binary->bin)
		return (struct symbol){ .function = "unknown" };
	address -= member->load_bias;
	if (cache->used >= cache->slot_count / 2 && !grow(cache))
		return (struct symbol){ .function = "unknown" };
	slot = find_slot(cache->slots, cache->slot_count, member->binary->id, address);
	if (!slot->binary_id) {
		if (!resolve(slot, member->binary, address))
			return (struct symbol){ .function = "unknown" };
		cache->used++;
	}
	return (struct symbol){ slot->function, slot->file, slot->line };
}

struct symbol symbol_of_return(struct symbol_cache *cache, const struct member *member,
			       uint64_t address)
{
	/* A return address may be the first one behind its function: a call that never returns. */
	return lookup(cache, member, address - 1);
}

struct symbol symbol_of_entry(struct symbol_cache *cache, const struct member *member,
			      uint64_t address)
{
	return lookup(cache, member, address);
}

bool symbol_is_system(const char *start_function)
{
	/* Go 1.26, runtime/traceback.go, isSystemGoroutine: what the runtime starts is the system's
	 * but for these three. (Finalizers are the system's while they wait, and only waits come
	 * here.) */
	return strncmp(start_function, "runtime.", 8) == 0 &&
	       strcmp(start_function, "runtime.main") != 0 &&
	       strcmp(start_function, "runtime.corostart") != 0 &&
	       strcmp(start_function, "runtime.handleAsyncEvent") != 0;
}
