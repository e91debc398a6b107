/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the table and proving that it is one; lookups are in functab.c. */
#include "gobin/pclntab.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define MAGIC_GO1_2  0xfffffffbU /* Go 1.2 to 1.15 */
#define MAGIC_GO1_16 0xfffffffaU
#define MAGIC_GO1_18 0xfffffff0U
#define MAGIC_GO1_20 0xfffffff1U

#define FUNCS_MAX      (1U << 24)
#define CANDIDATES_MAX 16 /* addresses that might be the moduledata */

/* runtime.moduledata in words of 8 bytes, the same from Go 1.16 to 1.27 (runtime/symtab.go). */
enum moduledata_word {
	MODULE_HEADER = 0,
	MODULE_PCLNTABLE = 13,
	MODULE_PCLNTABLE_SIZE = 14,
	MODULE_FTAB = 16,
	MODULE_FTAB_SIZE = 17,
	MODULE_MINPC = 20,
	MODULE_MAXPC = 21,
	MODULE_TEXT = 22,
	MODULE_ETEXT = 23,
	MODULE_WORDS = 24,
};

/* ---- the header ---- */

/* The header's words behind the magic: counts, (textStart,) offsets. */
struct header {
	uint64_t func_count;
	uint64_t text; /* 0: not stored */
	uint64_t names, units, files, values, funcs;
	bool absolute;
};

static bool offsets_sane(const struct header *header, uint64_t size)
{
	uint64_t entry = header->absolute ? 16 : 8;
	uint64_t functab = header->func_count * entry + entry / 2;

	if (header->func_count == 0 || header->func_count > FUNCS_MAX)
		return false;
	return header->names >= 64 && header->names < header->units &&
	       header->units <= header->files && header->files <= header->values &&
	       header->values < header->funcs && header->funcs < size &&
	       functab < size - header->funcs;
}

/* True when a header that can be right starts at `address`; `size` bytes are there for its table.
 */
static bool read_header(const struct image *image, uint64_t address, uint64_t size,
			struct header *ret_header)
{
	struct header header = { 0 };
	uint32_t magic;
	uint8_t fixed[8];
	uint64_t words[8];

	if (size < sizeof(fixed) + sizeof(words) ||
	    image_read(image, address, fixed, sizeof(fixed)) < 0 ||
	    image_read(image, address + sizeof(fixed), words, sizeof(words)) < 0)
		return false;
	memcpy(&magic, fixed, sizeof(magic));
	if (magic != MAGIC_GO1_16 && magic != MAGIC_GO1_18 && magic != MAGIC_GO1_20)
		return false;
	if (fixed[4] || fixed[5] || (fixed[6] != 1 && fixed[6] != 4) || fixed[7] != 8)
		return false;
	header.absolute = magic == MAGIC_GO1_16;
	header.func_count = words[0];
	header.text = header.absolute ? 0 : words[2];
	memcpy(&header.names, words + (header.absolute ? 2 : 3), 5 * sizeof(uint64_t));
	if (!offsets_sane(&header, size))
		return false;
	*ret_header = header;
	return true;
}

/* ---- the moduledata ---- */

struct candidates {
	uint64_t wanted; /* the value that its first word has */
	uint64_t addresses[CANDIDATES_MAX];
	size_t count;
};

static bool candidate_visit(void *user, uint64_t address, uint64_t value)
{
	struct candidates *candidates = user;

	if (value == candidates->wanted && address % 8 == 0)
		candidates->addresses[candidates->count++] = address;
	return candidates->count < CANDIDATES_MAX;
}

static int scan_segment(const struct image *image, const struct image_segment *segment,
			struct candidates *candidates)
{
	CLEANUP(image_window_release) struct image_window window = { 0 };
	uint64_t skip = (8 - segment->address % 8) % 8;
	uint64_t offset = segment->offset + skip;
	uint64_t end = segment->offset + segment->file_size;
	const uint8_t *data;
	size_t size;
	int r = image_window_init(&window, image);

	if (r < 0)
		return r;
	while ((data = image_window_some(&window, offset, end, &size))) {
		for (size_t at = 0; at + 8 <= size; at += 8) {
			uint64_t word;

			memcpy(&word, data + at, sizeof(word));
			if (word != candidates->wanted)
				continue;
			if (!candidate_visit(candidates,
					     segment->address + (offset - segment->offset) + at,
					     word))
				return 0;
		}
		offset += size < 8 ? size : size & ~(size_t)7;
	}
	return 0;
}

/*
 * Where a word holds the header's address: in the file's own bytes, or, where the linker left
 * zeroes there, by way of the relocations.
 */
static int find_candidates(const struct image *image, struct candidates *candidates)
{
	int r;

	if (image->module.size &&
	    image_segment(image, image->module.address, MODULE_WORDS * sizeof(uint64_t)))
		candidates->addresses[candidates->count++] = image->module.address;
	r = image_each_relative(image, candidate_visit, candidates);
	for (size_t i = 0; i < image->segment_count && r == 0; i++)
		if (image->segments[i].writable && candidates->count < CANDIDATES_MAX)
			r = scan_segment(image, &image->segments[i], candidates);
	return r;
}

/* True when the words are the moduledata of the table whose header is at `address`. */
static bool moduledata_fits(const struct image *image, uint64_t address,
			    const struct header *header, const uint64_t words[MODULE_WORDS])
{
	uint64_t funcs = address + header->funcs;
	const struct image_segment *segment;

	if (words[MODULE_HEADER] != address || words[MODULE_PCLNTABLE] != funcs ||
	    words[MODULE_FTAB] != funcs || words[MODULE_FTAB_SIZE] != header->func_count + 1)
		return false;
	if (words[MODULE_TEXT] > words[MODULE_MINPC] ||
	    words[MODULE_MINPC] >= words[MODULE_MAXPC] || words[MODULE_MAXPC] > words[MODULE_ETEXT])
		return false;
	if (header->text && header->text != words[MODULE_TEXT])
		return false;
	segment =
		image_segment(image, words[MODULE_TEXT], words[MODULE_ETEXT] - words[MODULE_TEXT]);
	return segment && segment->executable;
}

static int find_moduledata(const struct image *image, uint64_t address, const struct header *header,
			   uint64_t ret_words[MODULE_WORDS])
{
	struct candidates candidates = { .wanted = address };
	uint64_t words[MODULE_WORDS];
	int r = find_candidates(image, &candidates);

	if (r < 0)
		return r;
	for (size_t i = 0; i < candidates.count; i++) {
		if (image_read_relocated(image, candidates.addresses[i], words, sizeof(words)) < 0)
			continue;
		if (!moduledata_fits(image, address, header, words))
			continue;
		memcpy(ret_words, words, sizeof(words));
		return 0;
	}
	return -ENODATA;
}

/* ---- the whole ---- */

static uint64_t entry_address(const struct pclntab *table, const uint8_t *entry)
{
	uint64_t address = 0;

	if (table->absolute) {
		memcpy(&address, entry, 8);
		return address;
	}
	memcpy(&address, entry, 4);
	return table->text + address;
}

/* The first and the last entry of the functab say the same as the moduledata. */
static bool ends_agree(const struct image *image, const struct pclntab *table, uint64_t min_pc)
{
	uint64_t step = table->absolute ? 16 : 8;
	uint8_t first[8], last[8] = { 0 };

	if (image_read_offset(image, table->functab, first, step / 2) < 0 ||
	    image_read_offset(image, table->functab + table->func_count * step, last, step / 2) < 0)
		return false;
	return entry_address(table, first) == min_pc && entry_address(table, last) == table->end;
}

static int check_table(const struct image *image, uint64_t address, uint64_t size,
		       struct pclntab *ret_table)
{
	uint64_t words[MODULE_WORDS];
	struct pclntab table;
	struct header header;
	int r;

	if (!read_header(image, address, size, &header))
		return -ENODATA;
	r = find_moduledata(image, address, &header, words);
	if (r < 0)
		return r;
	table = (struct pclntab){
		.address = address,
		.text = words[MODULE_TEXT],
		.end = words[MODULE_MAXPC],
		.func_count = header.func_count,
		.absolute = header.absolute,
	};
	if (!image_offset(image, address, size, &table.offset))
		return -ENODATA;
	table.size = size;
	if (words[MODULE_PCLNTABLE_SIZE] <= size - header.funcs)
		table.size = header.funcs + words[MODULE_PCLNTABLE_SIZE];
	table.names = table.offset + header.names;
	table.units = table.offset + header.units;
	table.files = table.offset + header.files;
	table.values = table.offset + header.values;
	table.functab = table.offset + header.funcs;
	if (!ends_agree(image, &table, words[MODULE_MINPC]))
		return -EBADMSG;
	*ret_table = table;
	return 0;
}

/*
 * Every place in the segment where the first 8 bytes of a header stand. A stray magic costs a look
 * at the data segments, so only so many are looked into.
 */
static int scan_for_header(const struct image *image, const struct image_segment *segment,
			   unsigned int *tries, bool *old, struct pclntab *ret_table)
{
	CLEANUP(image_window_release) struct image_window window = { 0 };
	uint64_t offset = segment->offset + (8 - segment->address % 8) % 8;
	uint64_t end = segment->offset + segment->file_size;
	const uint8_t *data;
	size_t size;
	int r = image_window_init(&window, image);

	if (r < 0)
		return r;
	while ((data = image_window_some(&window, offset, end, &size))) {
		for (size_t at = 0; at + 8 <= size; at += 8) {
			uint64_t address = segment->address + (offset - segment->offset) + at;
			struct header header;
			uint32_t word;

			memcpy(&word, data + at, sizeof(word));
			if (word < MAGIC_GO1_18 || data[at + 4] || data[at + 5] ||
			    data[at + 7] != 8)
				continue;
			*old |= word == MAGIC_GO1_2;
			if (!read_header(image, address, end - offset - at, &header))
				continue;
			if ((*tries)++ >= CANDIDATES_MAX)
				return -EBADMSG;
			r = check_table(image, address, end - offset - at, ret_table);
			if (r != -ENODATA && r != -EBADMSG)
				return r;
		}
		offset += size < 8 ? size : size & ~(size_t)7;
	}
	return -ENODATA;
}

static int scan_segments(const struct image *image, bool *old, struct pclntab *ret_table)
{
	unsigned int tries = 0;
	int r = -ENODATA;

	for (size_t i = 0; i < image->segment_count && r == -ENODATA; i++)
		r = scan_for_header(image, &image->segments[i], &tries, old, ret_table);
	if (r == -ENODATA && tries)
		r = -EBADMSG;
	return r;
}

int pclntab_locate(const struct image *image, struct pclntab *ret_table, struct err *err)
{
	const struct image_range *section = &image->pclntab;
	uint32_t magic = 0;
	bool old = false;
	int r = -ENODATA;

	if (section->size && image_segment(image, section->address, section->size)) {
		r = check_table(image, section->address, section->size, ret_table);
		if (image_read(image, section->address, &magic, sizeof(magic)) == 0)
			old = magic == MAGIC_GO1_2;
	}
	if (r == -ENODATA && !old)
		r = scan_segments(image, &old, ret_table);
	if (r == 0)
		return 0;
	if (r == -ENODATA && old)
		return err_set(err, -ENOTSUP,
			       "its function table is that of Go 1.15 or older; build it with Go "
			       "1.17 or newer");
	if (r == -ENODATA)
		return err_set(err, r, "it holds no Go function table");
	if (r == -EBADMSG)
		return err_set(err, r,
			       "its Go function table does not agree with itself or with the "
			       "runtime's module data");
	return err_set_errno(err, r, "its Go function table cannot be read");
}
