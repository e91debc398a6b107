/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups in the function table: by name in one pass, by address with a binary search. */
#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gobin/pclntab.h"

/* Offsets in _func (Go 1.27 runtime/runtime2.go; 4 more each where entries are addresses). */
enum func_field {
	FUNC_NAME = 4,
	FUNC_PCFILE = 20,
	FUNC_PCLN = 24,
	FUNC_UNIT = 32,
	FUNC_SIZE = 36,
};

static uint64_t func_field(const struct pclntab *table, enum func_field field)
{
	return (uint64_t)field + (table->absolute ? 4 : 0);
}

static uint64_t functab_step(const struct pclntab *table)
{
	return table->absolute ? 16 : 8;
}

static uint64_t decode_address(const struct pclntab *table, const uint8_t *data)
{
	uint64_t wide;
	uint32_t narrow;

	if (table->absolute) {
		memcpy(&wide, data, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, data, sizeof(narrow));
	return table->text + narrow;
}

static void decode_entry(const struct pclntab *table, const uint8_t *data, uint64_t *ret_entry,
			 uint64_t *ret_func)
{
	uint32_t narrow;

	*ret_entry = decode_address(table, data);
	if (table->absolute) {
		memcpy(ret_func, data + 8, sizeof(*ret_func));
		return;
	}
	memcpy(&narrow, data + 4, sizeof(narrow));
	*ret_func = narrow;
}

/* File offset of a _func, or 0 when it is not inside the table. */
static uint64_t func_place(const struct pclntab *table, uint64_t func)
{
	uint64_t room = table->offset + table->size - table->functab;

	if (func > room || func_field(table, FUNC_SIZE) > room - func)
		return 0;
	return table->functab + func;
}

/* ---- by name ---- */

struct wanted {
	const char *const *names;
	size_t sizes[PCLNTAB_WANTED_MAX];
	uint32_t offsets[PCLNTAB_WANTED_MAX]; /* into the table's names; UINT32_MAX: none */
	size_t count;
	uint64_t size_mask; /* bit n: a name of n bytes is wanted */
};

static void wanted_match(struct wanted *wanted, const uint8_t *name, size_t size, uint64_t offset)
{
	if (size >= 64 || !(wanted->size_mask >> size & 1))
		return;
	for (size_t i = 0; i < wanted->count; i++) {
		if (wanted->sizes[i] == size && wanted->offsets[i] == UINT32_MAX &&
		    memcmp(wanted->names[i], name, size) == 0)
			wanted->offsets[i] = (uint32_t)offset;
	}
}

/* Where the wanted names stand among the table's names. */
static int search_names(const struct image *image, const struct pclntab *table,
			struct wanted *wanted)
{
	CLEANUP(image_window_release) struct image_window window = { 0 };
	uint64_t offset = table->names;
	const uint8_t *data, *end;
	size_t size;
	int r = image_window_init(&window, image);

	if (r < 0)
		return r;
	while ((data = image_window_some(&window, offset, table->units, &size))) {
		size_t at = 0;

		while ((end = memchr(data + at, 0, size - at))) {
			size_t name_size = (size_t)(end - data) - at;

			wanted_match(wanted, data + at, name_size, offset + at - table->names);
			at += name_size + 1;
		}
		if (at == 0)
			return offset + size == table->units ? 0 : -EBADMSG; /* no end in sight */
		offset += at;
	}
	return offset >= table->units ? 0 : -EBADMSG;
}

static int take_hit(struct wanted *wanted, uint32_t name, const struct pclntab_func *func,
		    struct pclntab_hits *hits)
{
	for (size_t i = 0; i < wanted->count; i++) {
		if (wanted->offsets[i] != name || wanted->offsets[i] == UINT32_MAX)
			continue;
		if (hits[i].count == sizeof(hits[i].funcs) / sizeof(hits[i].funcs[0]))
			return -EBADMSG;
		hits[i].funcs[hits[i].count++] = *func;
	}
	return 0;
}

/* Entry i, with the next one's address as its end; checks what the linker guarantees. */
static int next_func(const struct pclntab *table, struct image_window *entries, uint64_t i,
		     struct pclntab_func *ret_func)
{
	uint64_t step = functab_step(table);
	const uint8_t *data = image_window_get(entries, table->functab + i * step, step + step / 2);
	struct pclntab_func func = { 0 };
	uint64_t place;

	if (!data)
		return -EBADMSG;
	decode_entry(table, data, &func.entry, &place);
	func.end = decode_address(table, data + step);
	func.func_offset = func_place(table, place);
	if (func.end < func.entry || func.end > table->end || !func.func_offset)
		return -EBADMSG;
	*ret_func = func;
	return 0;
}

static int search_funcs(const struct image *image, const struct pclntab *table,
			struct wanted *wanted, struct pclntab_hits *hits)
{
	CLEANUP(image_window_release) struct image_window entries = { 0 };
	CLEANUP(image_window_release) struct image_window funcs = { 0 };
	uint64_t name = func_field(table, FUNC_NAME);
	struct pclntab_func func = { 0 };
	int r = image_window_init(&entries, image);

	if (r == 0)
		r = image_window_init(&funcs, image);
	for (uint64_t i = 0; i < table->func_count && r == 0; i++) {
		uint64_t previous = func.func_offset;
		const uint8_t *data;

		r = next_func(table, &entries, i, &func);
		/* Both columns ascend: a table that leads back and forth is not followed. */
		if (r < 0 || func.func_offset <= previous)
			return -EBADMSG;
		data = image_window_get(&funcs, func.func_offset, func_field(table, FUNC_SIZE));
		if (!data)
			return -EBADMSG;
		memcpy(&func.name, data + name, sizeof(func.name));
		r = take_hit(wanted, func.name, &func, hits);
	}
	return r;
}

int pclntab_search(const struct image *image, const struct pclntab *table, const char *const *names,
		   size_t count, struct pclntab_hits *hits)
{
	struct wanted wanted = { .names = names, .count = count };
	int r;

	assert(count <= PCLNTAB_WANTED_MAX);
	for (size_t i = 0; i < count; i++) {
		hits[i].count = 0;
		wanted.sizes[i] = strlen(names[i]);
		wanted.offsets[i] = UINT32_MAX;
		if (wanted.sizes[i] < 64)
			wanted.size_mask |= 1ULL << wanted.sizes[i];
	}
	r = search_names(image, table, &wanted);
	return r < 0 ? r : search_funcs(image, table, &wanted, hits);
}

/* ---- by address ---- */

static int entry_at(struct image_cache *cache, const struct image *image,
		    const struct pclntab *table, uint64_t i, uint64_t *ret_entry,
		    uint64_t *ret_func)
{
	uint64_t step = functab_step(table);
	uint8_t data[16] = { 0 };
	/* The last entry is an address without a function. */
	size_t size = i == table->func_count ? step / 2 : step;
	int r = image_cache_read(cache, image, table->functab + i * step, data, size);

	if (r < 0)
		return r;
	decode_entry(table, data, ret_entry, ret_func);
	return 0;
}

int pclntab_find(struct image_cache *cache, const struct image *image, const struct pclntab *table,
		 uint64_t address, struct pclntab_func *ret_func)
{
	uint64_t low = 0, high = table->func_count; /* entry(low) <= address < entry(high) */
	uint64_t entry, place, unused;
	struct pclntab_func func;
	int r;

	if (address < table->text || address >= table->end)
		return -ENOENT;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		r = entry_at(cache, image, table, middle, &entry, &place);
		if (r < 0)
			return r;
		if (entry <= address)
			low = middle;
		else
			high = middle;
	}
	r = entry_at(cache, image, table, low, &func.entry, &place);
	if (r == 0)
		r = entry_at(cache, image, table, low + 1, &func.end, &unused);
	if (r < 0)
		return r;
	if (address < func.entry || address >= func.end)
		return -ENOENT;
	func.func_offset = func_place(table, place);
	if (!func.func_offset)
		return -EBADMSG;
	r = image_cache_read(cache, image, func.func_offset + func_field(table, FUNC_NAME),
			     &func.name, sizeof(func.name));
	if (r == 0)
		*ret_func = func;
	return r;
}

/* ---- file and line ---- */

struct pairs {
	struct image_cache *cache;
	const struct image *image;
	uint64_t at, end;
};

static bool pairs_varint(struct pairs *pairs, uint32_t *ret_value)
{
	uint32_t value = 0;
	uint8_t byte;

	for (unsigned int shift = 0; shift < 35; shift += 7) {
		if (pairs->at >= pairs->end ||
		    image_cache_read(pairs->cache, pairs->image, pairs->at, &byte, 1) < 0)
			return false;
		pairs->at++;
		value |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

/*
 * The value that the sequence at `offset` of the pctab has at `into` bytes from its function's
 * entry (Go 1.27 runtime/symtab.go, pcvalue). 0 or -ENOENT.
 */
static int value_at(struct image_cache *cache, const struct image *image,
		    const struct pclntab *table, uint32_t offset, uint64_t into, int32_t *ret_value)
{
	uint64_t quantum = image->machine == EM_AARCH64 ? 4 : 1;
	struct pairs pairs = { cache, image, table->values + offset, table->functab };
	uint32_t value = UINT32_MAX; /* -1 */
	uint64_t pc = 0;

	if (offset == 0)
		return -ENOENT;
	for (unsigned int i = 0; i < PCLNTAB_STEPS_MAX; i++) {
		uint32_t change, distance;

		if (!pairs_varint(&pairs, &change) || (change == 0 && i > 0) ||
		    !pairs_varint(&pairs, &distance))
			return -ENOENT;
		value += change & 1 ? ~(change >> 1) : change >> 1;
		pc += distance * quantum;
		if (into < pc) {
			*ret_value = (int32_t)value;
			return 0;
		}
	}
	return -ENOENT;
}

static int read_u32(struct image_cache *cache, const struct image *image, uint64_t offset,
		    uint32_t *ret_value)
{
	return image_cache_read(cache, image, offset, ret_value, sizeof(*ret_value));
}

int pclntab_line(struct image_cache *cache, const struct image *image, const struct pclntab *table,
		 const struct pclntab_func *func, uint64_t address, uint64_t *ret_file,
		 uint32_t *ret_line)
{
	uint64_t place = func->func_offset, into = address - func->entry;
	uint32_t pcfile, pcln, unit, path;
	int32_t file, line;
	uint64_t slot;

	if (read_u32(cache, image, place + func_field(table, FUNC_PCFILE), &pcfile) < 0 ||
	    read_u32(cache, image, place + func_field(table, FUNC_PCLN), &pcln) < 0 ||
	    read_u32(cache, image, place + func_field(table, FUNC_UNIT), &unit) < 0)
		return -ENOENT;
	if (value_at(cache, image, table, pcfile, into, &file) < 0 ||
	    value_at(cache, image, table, pcln, into, &line) < 0 || file < 0 || line < 0)
		return -ENOENT;
	slot = table->units + ((uint64_t)unit + (uint32_t)file) * sizeof(path);
	if (slot >= table->files || read_u32(cache, image, slot, &path) < 0 || path == UINT32_MAX ||
	    table->files + path >= table->values)
		return -ENOENT;
	*ret_file = table->files + path;
	*ret_line = (uint32_t)line;
	return 0;
}

int pclntab_string(struct image_cache *cache, const struct image *image,
		   const struct pclntab *table, uint64_t offset, char **ret_text)
{
	char text[PCLNTAB_NAME_MAX];
	char *copy;

	if (offset < table->names || offset >= table->functab)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(text); i++) {
		if (image_cache_read(cache, image, offset + i, &text[i], 1) < 0)
			return -EBADMSG;
		if (text[i])
			continue;
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
		*ret_text = copy;
		return 0;
	}
	return -EBADMSG;
}
