/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout from DWARF, by libdw. Go puts the runtime's types as children into the compilation
 * unit "runtime"; the other units are skipped by their headers. libdw reads all debug sections into
 * memory and decompresses them, hence the maximum, and hence the table is asked first.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <limits.h>
#include <string.h>

#include "gobin/layout.h"

#define FIELD_OFFSET_MAX 65536

static void elf_endp(Elf **elf)
{
	elf_end(*elf);
	*elf = NULL;
}

static void dwarf_endp(Dwarf **dwarf)
{
	if (*dwarf)
		dwarf_end(*dwarf);
	*dwarf = NULL;
}

/* What a section holds once it is decompressed; UINT64_MAX when that is not to be known. */
static uint64_t plain_size(const struct image *image, Elf_Scn *section, const GElf_Shdr *header,
			   bool old_form)
{
	GElf_Chdr compression;
	uint8_t start[12];
	uint64_t size = 0;

	if (header->sh_flags & SHF_COMPRESSED)
		return gelf_getchdr(section, &compression) ? compression.ch_size : UINT64_MAX;
	if (!old_form)
		return header->sh_size;
	/* .zdebug_*: "ZLIB" and the size, big-endian. */
	if (image_read_offset(image, header->sh_offset, start, sizeof(start)) < 0)
		return UINT64_MAX;
	for (int i = 4; i < 12; i++)
		size = size << 8 | start[i];
	return size;
}

static int check_size(const struct image *image, Elf *elf, struct err *err)
{
	Elf_Scn *section = NULL;
	uint64_t total = 0;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return err_set(err, -ENODATA, "it has no section headers");
	while ((section = elf_nextscn(elf, section))) {
		const char *name;
		GElf_Shdr header;
		uint64_t size;
		bool old_form;

		if (!gelf_getshdr(section, &header))
			continue;
		name = elf_strptr(elf, names, header.sh_name);
		old_form = name && strncmp(name, ".zdebug_", 8) == 0;
		if (!name || (!old_form && strncmp(name, ".debug_", 7) != 0))
			continue;
		size = plain_size(image, section, &header, old_form);
		if (size > LAYOUT_DWARF_MAX || total + size > LAYOUT_DWARF_MAX)
			return err_set(err, -EFBIG, "its debug information is larger than %llu MiB",
				       LAYOUT_DWARF_MAX >> 20);
		total += size;
	}
	return total ? 0 : err_set(err, -ENODATA, "it has no debug information");
}

/* The child of `parent` with that tag and name. */
static bool find_child(Dwarf_Die *parent, int tag, const char *name, Dwarf_Die *ret_die)
{
	Dwarf_Die die;

	if (dwarf_child(parent, &die) != 0)
		return false;
	do {
		const char *own;

		if (dwarf_tag(&die) != tag)
			continue;
		own = dwarf_diename(&die);
		if (own && strcmp(own, name) == 0) {
			*ret_die = die;
			return true;
		}
	} while (dwarf_siblingof(&die, &die) == 0);
	return false;
}

/* Offset of `field` in the struct `type`, a child of the unit. */
static int field_offset(Dwarf_Die *unit, const char *type, const char *field, uint32_t *ret_offset,
			struct err *err)
{
	Dwarf_Attribute attribute;
	Dwarf_Die structure, member;
	Dwarf_Word offset;

	if (!find_child(unit, DW_TAG_structure_type, type, &structure) ||
	    !find_child(&structure, DW_TAG_member, field, &member))
		return err_set(err, -ENODATA, "its debug information does not know %s.%s", type,
			       field);
	if (!dwarf_attr(&member, DW_AT_data_member_location, &attribute) ||
	    dwarf_formudata(&attribute, &offset) != 0 || offset > FIELD_OFFSET_MAX)
		return err_set(err, -EBADMSG, "its debug information of %s.%s makes no sense", type,
			       field);
	*ret_offset = (uint32_t)offset;
	return 0;
}

struct field {
	const char *type, *name;
	size_t slot;                       /* in struct go_layout */
	const char *base_type, *base_name; /* added: the field that contains `type`; NULL none */
};

static const struct field fields[] = {
	{ "runtime.g", "goid", offsetof(struct go_layout, g_goid), NULL, NULL },
	{ "runtime.g", "waitreason", offsetof(struct go_layout, g_waitreason), NULL, NULL },
	{ "runtime.g", "startpc", offsetof(struct go_layout, g_startpc), NULL, NULL },
	{ "runtime.g", "gopc", offsetof(struct go_layout, g_gopc), NULL, NULL },
	{ "runtime.gobuf", "pc", offsetof(struct go_layout, g_sched_pc), "runtime.g", "sched" },
	{ "runtime.gobuf", "sp", offsetof(struct go_layout, g_sched_sp), "runtime.g", "sched" },
	{ "runtime.gobuf", "bp", offsetof(struct go_layout, g_sched_bp), "runtime.g", "sched" },
	{ "runtime.stack", "lo", offsetof(struct go_layout, g_stack_lo), "runtime.g", "stack" },
	{ "runtime.pollDesc", "rg", offsetof(struct go_layout, polldesc_rg), NULL, NULL },
	{ "runtime.pollDesc", "wg", offsetof(struct go_layout, polldesc_wg), NULL, NULL },
};

static int read_fields(Dwarf_Die *unit, struct go_layout *ret_layout, struct err *err)
{
	struct go_layout layout = { 0 };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *field = &fields[i];
		uint32_t offset = 0, base = 0;
		int r = field_offset(unit, field->type, field->name, &offset, err);

		if (r == 0 && field->base_type)
			r = field_offset(unit, field->base_type, field->base_name, &base, err);
		/* A program without network or file polling has no pollDesc. */
		if (r == -ENODATA && strcmp(field->type, "runtime.pollDesc") == 0)
			continue;
		if (r < 0)
			return r;
		offset += base;
		memcpy((char *)&layout + field->slot, &offset, sizeof(offset));
	}
	*ret_layout = layout;
	return 0;
}

/* The runtime's assembly has a unit of that name, too, without types. */
static int find_runtime(Dwarf *dwarf, Dwarf_Die *ret_unit, struct err *err)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit, unused;
	int r;

	while ((r = dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &unit, NULL)) == 0) {
		const char *name = dwarf_tag(&unit) == DW_TAG_compile_unit ? dwarf_diename(&unit)
									   : NULL;

		if (name && strcmp(name, "runtime") == 0 &&
		    find_child(&unit, DW_TAG_structure_type, "runtime.g", &unused)) {
			*ret_unit = unit;
			return 0;
		}
	}
	return err_set(err, r < 0 ? -EBADMSG : -ENODATA,
		       "its debug information does not describe the Go runtime");
}

int layout_dwarf(const struct image *image, struct go_layout *ret_layout, struct err *err)
{
	CLEANUP(elf_endp) Elf *elf = NULL;
	CLEANUP(dwarf_endp) Dwarf *dwarf = NULL;
	Dwarf_Die unit;
	int r;

	elf_version(EV_CURRENT);
	elf = elf_begin(image->fd, ELF_C_READ, NULL);
	if (!elf)
		return err_set(err, -EBADMSG, "it is no ELF file any more");
	r = check_size(image, elf, err);
	if (r < 0)
		return r;
	dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!dwarf)
		return err_set(err, -EBADMSG, "its debug information cannot be read: %s",
			       dwarf_errmsg(-1));
	r = find_runtime(dwarf, &unit, err);
	return r < 0 ? r : read_fields(&unit, ret_layout, err);
}
