/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables by name, from the ELF symbol table. Go's linker writes it in the order of addresses and
 * the names in the same order, so both are read front to back, the entries through a window and the
 * names through the cache of blocks: no large binary's table is ever in memory as a whole.
 */
#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "gobin/internal.h"

#define VARIABLE_NAME_MAX 64
#define SYMBOLS_MAX       (8 * 1024 * 1024)

struct symtab {
	uint64_t entries, size; /* in the file */
	uint64_t names, names_size;
};

static void elf_endp(Elf **elf)
{
	if (*elf)
		elf_end(*elf);
}

/* The symbol table's place in the file; size 0 when there is none. */
static int locate(const struct image *image, struct symtab *ret_symtab)
{
	CLEANUP(elf_endp) Elf *elf = NULL;
	Elf_Scn *section = NULL;
	GElf_Shdr header, names;

	*ret_symtab = (struct symtab){ 0 };
	elf_version(EV_CURRENT);
	elf = elf_begin(image->fd, ELF_C_READ, NULL);
	if (!elf)
		return -EBADMSG;
	while ((section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB)
			continue;
		section = elf_getscn(elf, header.sh_link);
		if (!section || !gelf_getshdr(section, &names) || names.sh_type != SHT_STRTAB ||
		    header.sh_size / sizeof(Elf64_Sym) > SYMBOLS_MAX)
			return -EBADMSG;
		*ret_symtab = (struct symtab){ header.sh_offset, header.sh_size, names.sh_offset,
					       names.sh_size };
		return 0;
	}
	return 0;
}

/* What one pass works with. */
struct search {
	const struct image *image;
	struct symtab symtab;
	struct image_cache *blocks; /* owned */
	const char *const *names;
	size_t count;
	uint64_t *addresses;
};

/* Compares a symbol's name, NUL included, with the wanted ones. */
static void try_symbol(const struct search *search, const Elf64_Sym *symbol)
{
	char name[VARIABLE_NAME_MAX];
	uint64_t left;

	if (ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT || symbol->st_shndx == SHN_UNDEF ||
	    symbol->st_name >= search->symtab.names_size)
		return;
	for (size_t i = 0; i < search->count; i++) {
		size_t size = strlen(search->names[i]) + 1;

		left = search->symtab.names_size - symbol->st_name;
		if (search->addresses[i] || size > left || size > sizeof(name))
			continue;
		if (image_cache_read(search->blocks, search->image,
				     search->symtab.names + symbol->st_name, name, size) == 0 &&
		    memcmp(name, search->names[i], size) == 0)
			search->addresses[i] = symbol->st_value;
	}
}

static int search_entries(const struct search *search)
{
	CLEANUP(image_window_release) struct image_window window = { 0 };
	Elf64_Sym symbol;

	if (image_window_init(&window, search->image) < 0)
		return -ENOMEM;
	for (uint64_t at = 0; at + sizeof(symbol) <= search->symtab.size; at += sizeof(symbol)) {
		const uint8_t *entry =
			image_window_get(&window, search->symtab.entries + at, sizeof(symbol));

		if (!entry)
			return -EBADMSG;
		memcpy(&symbol, entry, sizeof(symbol));
		try_symbol(search, &symbol);
	}
	return 0;
}

int gobin_variables_find(const struct gobin *bin, const char *const names[], size_t count,
			 uint64_t ret_addresses[], struct err *err)
{
	CLEANUP(freep) struct image_cache *blocks = NULL;
	struct search search = {
		.image = &bin->image, .names = names, .count = count, .addresses = ret_addresses
	};
	int r;

	memset(ret_addresses, 0, count * sizeof(ret_addresses[0]));
	r = locate(&bin->image, &search.symtab);
	if (r < 0)
		return err_set(err, r, "its symbol table is damaged");
	if (!search.symtab.size)
		return err_set(err, -ENOTSUP,
			       "it is stripped; build it without -ldflags=-s to have its "
			       "variables read");
	search.blocks = blocks = calloc(1, sizeof(*blocks));
	if (!blocks)
		return err_set(err, -ENOMEM, "out of memory");
	r = search_entries(&search);
	return r < 0 ? err_set_errno(err, r, "its symbol table is damaged") : 0;
}
