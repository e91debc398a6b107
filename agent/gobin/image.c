/* SPDX-License-Identifier: Apache-2.0 */
#include "gobin/image.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_DYNAMIC_MAX 1024 /* entries of PT_DYNAMIC that are looked at */

static void elf_endp(Elf **elf)
{
	elf_end(*elf);
	*elf = NULL;
}

/* ---- bounded reads ---- */

int image_read_offset(const struct image *image, uint64_t offset, void *ret_data, size_t size)
{
	uint8_t *at = ret_data;

	if (offset > image->size || size > image->size - offset)
		return -EBADMSG;
	while (size) {
		ssize_t got = pread(image->fd, at, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -EIO;
		if (got == 0)
			return -EBADMSG; /* the file has become shorter */
		at += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return 0;
}

const struct image_segment *image_segment(const struct image *image, uint64_t address,
					  uint64_t size)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];
		uint64_t into = address - segment->address;

		if (address >= segment->address && into < segment->file_size &&
		    size <= segment->file_size - into)
			return segment;
	}
	return NULL;
}

bool image_offset(const struct image *image, uint64_t address, uint64_t size, uint64_t *ret_offset)
{
	const struct image_segment *segment = image_segment(image, address, size);

	if (!segment)
		return false;
	*ret_offset = segment->offset + (address - segment->address);
	return true;
}

int image_read(const struct image *image, uint64_t address, void *ret_data, size_t size)
{
	uint64_t offset;

	if (!image_offset(image, address, size, &offset))
		return -EBADMSG;
	return image_read_offset(image, offset, ret_data, size);
}

/* ---- relocations ---- */

int image_each_relative(const struct image *image,
			bool (*visit)(void *user, uint64_t address, uint64_t value), void *user)
{
	CLEANUP(image_window_release) struct image_window window = { 0 };
	uint32_t relative = image->machine == EM_AARCH64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE;
	uint64_t count = image->rela.size / sizeof(Elf64_Rela);
	Elf64_Rela rela;
	int r;

	if (!count)
		return 0;
	r = image_window_init(&window, image);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *data = image_window_get(
			&window, image->rela.offset + i * sizeof(rela), sizeof(rela));

		if (!data)
			return -EBADMSG;
		memcpy(&rela, data, sizeof(rela));
		if (ELF64_R_TYPE(rela.r_info) != relative)
			continue;
		if (!visit(user, rela.r_offset, (uint64_t)rela.r_addend))
			break;
	}
	return 0;
}

struct patch {
	uint64_t address;
	uint8_t *data;
	size_t size;
};

static bool patch_visit(void *user, uint64_t address, uint64_t value)
{
	struct patch *patch = user;
	uint64_t into = address - patch->address;

	if (address >= patch->address && patch->size >= sizeof(value) &&
	    into <= patch->size - sizeof(value))
		memcpy(patch->data + into, &value, sizeof(value));
	return true;
}

/*
 * The words that DT_RELR relocates hold their link-time address in the file, so they need nothing;
 * with DT_RELA the linker may have left zeroes there (GNU ld does, Go's own linker does not).
 */
int image_read_relocated(const struct image *image, uint64_t address, void *ret_data, size_t size)
{
	struct patch patch = { .address = address, .data = ret_data, .size = size };
	int r = image_read(image, address, ret_data, size);

	if (r < 0)
		return r;
	return image_each_relative(image, patch_visit, &patch);
}

static void find_rela(struct image *image, const struct image_range *dynamic)
{
	uint64_t address = 0, size = 0, offset;
	Elf64_Dyn entry;

	for (uint64_t i = 0; i < IMAGE_DYNAMIC_MAX && i < dynamic->size / sizeof(entry); i++) {
		if (image_read_offset(image, dynamic->offset + i * sizeof(entry), &entry,
				      sizeof(entry)) < 0)
			return;
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_RELA)
			address = entry.d_un.d_ptr;
		if (entry.d_tag == DT_RELASZ)
			size = entry.d_un.d_val;
	}
	if (size && image_offset(image, address, size, &offset))
		image->rela =
			(struct image_range){ .address = address, .offset = offset, .size = size };
}

/* ---- headers ---- */

static int add_segment(struct image *image, const GElf_Phdr *header, struct err *err)
{
	struct image_segment *segment = &image->segments[image->segment_count];

	if (image->segment_count == IMAGE_SEGMENTS_MAX)
		return err_set(err, -EBADMSG, "it has more than %d loadable segments",
			       IMAGE_SEGMENTS_MAX);
	if (header->p_vaddr + header->p_memsz < header->p_vaddr)
		return err_set(err, -EBADMSG, "a loadable segment wraps around the address space");
	*segment = (struct image_segment){
		.address = header->p_vaddr,
		.offset = header->p_offset,
		.writable = header->p_flags & PF_W,
		.executable = header->p_flags & PF_X,
	};
	if (header->p_offset < image->size) {
		uint64_t left = image->size - header->p_offset;
		uint64_t size = header->p_filesz < header->p_memsz ? header->p_filesz
								   : header->p_memsz;

		segment->file_size = size < left ? size : left;
	}
	image->segment_count++;
	return 0;
}

static int read_segments(struct image *image, Elf *elf, struct err *err)
{
	struct image_range dynamic = { 0 };
	GElf_Phdr header;
	size_t count;
	int r;

	if (elf_getphdrnum(elf, &count) < 0 || count == 0)
		return err_set(err, -ENOEXEC, "it has no program headers: no executable");
	for (size_t i = 0; i < count; i++) {
		if (!gelf_getphdr(elf, (int)i, &header))
			return err_set(err, -EBADMSG, "program header %zu of %zu is not readable",
				       i, count);
		if (header.p_type == PT_LOAD) {
			r = add_segment(image, &header, err);
			if (r < 0)
				return r;
		}
		if (header.p_type == PT_DYNAMIC)
			dynamic = (struct image_range){ .offset = header.p_offset,
							.size = header.p_filesz };
		if (header.p_type == PT_NOTE && image->note_count < IMAGE_NOTES_MAX)
			image->notes[image->note_count++] = (struct image_range){
				.address = header.p_vaddr,
				.offset = header.p_offset,
				.size = header.p_filesz,
			};
	}
	if (!image->segment_count)
		return err_set(err, -ENOEXEC, "it has no loadable segment: no executable");
	find_rela(image, &dynamic);
	return 0;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t name_size = strlen(name), suffix_size = strlen(suffix);

	return name_size >= suffix_size && strcmp(name + name_size - suffix_size, suffix) == 0;
}

static bool is_go_section(const char *name)
{
	return strncmp(name, ".go.", 4) == 0 || strcmp(name, ".note.go.buildid") == 0 ||
	       has_suffix(name, ".gopclntab");
}

/* Damaged section headers are as good as none: everything has a way without them. */
static void read_sections(struct image *image, Elf *elf)
{
	Elf_Scn *section = NULL;
	bool named = false, go = false;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return;
	while ((section = elf_nextscn(elf, section))) {
		struct image_range range;
		GElf_Shdr header;
		const char *name;

		if (!gelf_getshdr(section, &header))
			continue;
		name = elf_strptr(elf, names, header.sh_name);
		if (!name || header.sh_type == SHT_NOBITS || header.sh_type == SHT_NULL)
			continue;
		named = true;
		go |= is_go_section(name);
		range = (struct image_range){ .address = header.sh_addr,
					      .offset = header.sh_offset,
					      .size = header.sh_size };
		/* Go's linker has no program header for the note with the GNU build id. */
		if (header.sh_type == SHT_NOTE && image->note_count < IMAGE_NOTES_MAX)
			image->notes[image->note_count++] = range;
		if (header.sh_type == SHT_SYMTAB && header.sh_size)
			image->has_symtab = true;
		if (strcmp(name, ".debug_info") == 0 || strcmp(name, ".zdebug_info") == 0)
			image->has_dwarf = true;
		if (has_suffix(name, ".gopclntab"))
			image->pclntab = range;
		if (strcmp(name, ".go.buildinfo") == 0)
			image->buildinfo = range;
		if (strcmp(name, ".go.module") == 0)
			image->module = range;
	}
	image->foreign = named && !go;
}

static int read_header(struct image *image, Elf *elf, struct err *err)
{
	GElf_Ehdr header;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
		return err_set(err, -ENOEXEC, "it is not an ELF file");
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(err, -ENOTSUP,
			       "it is a 32-bit or big-endian program; only 64-bit little-endian "
			       "ones are supported");
	if (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64)
		return err_set(err, -ENOTSUP,
			       "it is for machine %u; only x86-64 and arm64 are supported",
			       header.e_machine);
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return err_set(err, -ENOEXEC, "it is an ELF file, but no executable");
	image->machine = header.e_machine;
	image->pie = header.e_type == ET_DYN;
	return 0;
}

int image_open(int dir_fd, const char *path, struct image *ret_image, struct err *err)
{
	CLEANUP(image_release) struct image image = { .fd = -1 };
	CLEANUP(elf_endp) Elf *elf = NULL;
	struct stat st;
	int r;

	/* O_NONBLOCK: opening a FIFO must not wait for somebody to write into it. */
	image.fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (image.fd < 0)
		return err_set_errno(err, -errno, "it cannot be opened");
	if (fstat(image.fd, &st) < 0)
		return err_set_errno(err, -errno, "its size cannot be read");
	if (!S_ISREG(st.st_mode))
		return err_set(err, -ENOEXEC, "it is not a regular file");
	image.size = (uint64_t)st.st_size;

	elf_version(EV_CURRENT);
	/* ELF_C_READ, not ELF_C_READ_MMAP: see above. */
	elf = elf_begin(image.fd, ELF_C_READ, NULL);
	if (!elf)
		return err_set(err, -ENOEXEC, "it is not an ELF file");
	r = read_header(&image, elf, err);
	if (r < 0)
		return r;
	r = read_segments(&image, elf, err);
	if (r < 0)
		return r;
	read_sections(&image, elf);

	*ret_image = image;
	image.fd = -1;
	return 0;
}

void image_release(struct image *image)
{
	closep(&image->fd);
}

/* ---- windows and blocks ---- */

int image_window_init(struct image_window *window, const struct image *image)
{
	*window = (struct image_window){ .image = image, .data = malloc(IMAGE_WINDOW_BYTES) };
	return window->data ? 0 : -ENOMEM;
}

void image_window_release(struct image_window *window)
{
	free(window->data);
	window->data = NULL;
}

const uint8_t *image_window_get(struct image_window *window, uint64_t offset, size_t size)
{
	uint64_t into = offset - window->offset;
	uint64_t left;

	assert(size <= IMAGE_WINDOW_BYTES);
	if (offset >= window->offset && into <= window->size && size <= window->size - into)
		return window->data + into;
	if (offset > window->image->size)
		return NULL;
	left = window->image->size - offset;
	if (size > left)
		return NULL;
	window->size = 0;
	left = left < IMAGE_WINDOW_BYTES ? left : IMAGE_WINDOW_BYTES;
	if (image_read_offset(window->image, offset, window->data, left) < 0)
		return NULL;
	window->offset = offset;
	window->size = left;
	return window->data;
}

const uint8_t *image_window_some(struct image_window *window, uint64_t offset, uint64_t end,
				 size_t *ret_size)
{
	uint64_t size;

	if (offset >= end)
		return NULL;
	size = end - offset < IMAGE_WINDOW_BYTES ? end - offset : IMAGE_WINDOW_BYTES;
	*ret_size = size;
	return image_window_get(window, offset, size);
}

static int cache_block(struct image_cache *cache, const struct image *image, uint64_t number,
		       size_t slot)
{
	uint64_t offset = number * IMAGE_BLOCK_BYTES;
	uint64_t left;
	int r;

	if (cache->keys[slot] == number + 1)
		return 0;
	cache->keys[slot] = 0;
	if (offset >= image->size)
		return -EBADMSG;
	left = image->size - offset;
	left = left < IMAGE_BLOCK_BYTES ? left : IMAGE_BLOCK_BYTES;
	r = image_read_offset(image, offset, cache->data[slot], left);
	if (r < 0)
		return r;
	cache->keys[slot] = number + 1;
	cache->sizes[slot] = (uint32_t)left;
	return 0;
}

int image_cache_read(struct image_cache *cache, const struct image *image, uint64_t offset,
		     void *ret_data, size_t size)
{
	uint8_t *at = ret_data;

	while (size) {
		uint64_t number = offset / IMAGE_BLOCK_BYTES;
		size_t slot = number % IMAGE_BLOCKS;
		size_t into = offset % IMAGE_BLOCK_BYTES;
		size_t some;
		int r = cache_block(cache, image, number, slot);

		if (r < 0)
			return r;
		if (into >= cache->sizes[slot])
			return -EBADMSG;
		some = cache->sizes[slot] - into;
		some = some < size ? some : size;
		memcpy(at, cache->data[slot] + into, some);
		at += some;
		offset += some;
		size -= some;
	}
	return 0;
}
