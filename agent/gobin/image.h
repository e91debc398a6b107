/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF file as gobin sees it: its loadable segments, the few sections it asks for, and bounded
 * reads by file offset or by address.
 *
 * The file is never mapped: it belongs to somebody else, may shrink while it is read, and then a
 * read is short (-EBADMSG) where a mapping would be a SIGBUS. Large tables pass through a window;
 * random access goes through a cache of blocks. Nothing here keeps more than its own buffers.
 *
 * Addresses are the file's own. Section headers are optional and not trusted: all that is read
 * through them is checked again by whoever reads it.
 */
#ifndef PARKMETER_GOBIN_IMAGE_H
#define PARKMETER_GOBIN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define IMAGE_SEGMENTS_MAX 64
#define IMAGE_NOTES_MAX    8
#define IMAGE_WINDOW_BYTES 131072
#define IMAGE_BLOCK_BYTES  4096
#define IMAGE_BLOCKS       64

struct image_segment {
	uint64_t address;
	uint64_t offset;
	uint64_t file_size; /* clipped to the file */
	bool writable;
	bool executable;
};

/* A range of the file; size 0: there is none. */
struct image_range {
	uint64_t address;
	uint64_t offset;
	uint64_t size;
};

struct image {
	int fd; /* owned */
	uint64_t size;
	uint16_t machine; /* EM_X86_64 or EM_AARCH64 */
	bool pie;
	bool has_symtab;
	bool has_dwarf;
	bool foreign; /* it names its sections, and none of them is one of Go's */
	struct image_segment segments[IMAGE_SEGMENTS_MAX];
	size_t segment_count;
	struct image_range notes[IMAGE_NOTES_MAX];
	size_t note_count;
	struct image_range pclntab;   /* section .gopclntab, by any of its names */
	struct image_range buildinfo; /* section .go.buildinfo */
	struct image_range module;    /* section .go.module (Go >= 1.26) */
	struct image_range rela;      /* DT_RELA */
};

/*
 * -ENOEXEC: no ELF executable, -ENOTSUP: 32 bits, big endian or another machine, -EBADMSG: damaged;
 * else why the file could not be opened.
 */
int image_open(int dir_fd, const char *path, struct image *ret_image, struct err *err);
void image_release(struct image *image); /* takes a half-built or empty image with fd -1 */

/* Exactly `size` bytes, or -EBADMSG (outside of the file) or -EIO. */
int image_read_offset(const struct image *image, uint64_t offset, void *ret_data, size_t size);

/* The same by address; the range must lie inside one segment's part of the file. */
int image_read(const struct image *image, uint64_t address, void *ret_data, size_t size);

/* As image_read(), with the relative relocations of a PIE applied. Reads the whole relocation
 * table: for a few small structs only. */
int image_read_relocated(const struct image *image, uint64_t address, void *ret_data, size_t size);

/* The segment whose part of the file holds all of the range, or NULL. */
const struct image_segment *image_segment(const struct image *image, uint64_t address,
					  uint64_t size);

/* File offset of an address; false where image_segment() is NULL. */
bool image_offset(const struct image *image, uint64_t address, uint64_t size, uint64_t *ret_offset);

/*
 * Calls `visit` for each relative relocation (the word at `address` will hold `value` plus the load
 * bias); it returns false to end the walk. 0 or -errno.
 */
int image_each_relative(const struct image *image,
			bool (*visit)(void *user, uint64_t address, uint64_t value), void *user);

/* A moving view over a part of the file, for reading it front to back. */
struct image_window {
	const struct image *image; /* borrowed */
	uint8_t *data;             /* owned, IMAGE_WINDOW_BYTES */
	uint64_t offset;
	size_t size;
};

int image_window_init(struct image_window *window, const struct image *image);
void image_window_release(struct image_window *window);

/*
 * The bytes [offset, offset + size) until the next call; size <= IMAGE_WINDOW_BYTES. NULL when they
 * are outside of the file.
 */
const uint8_t *image_window_get(struct image_window *window, uint64_t offset, size_t size);

/* As many bytes from `offset` as lie before `end` and fit, at least one; NULL at `end`. */
const uint8_t *image_window_some(struct image_window *window, uint64_t offset, uint64_t end,
				 size_t *ret_size);

/* Blocks of the file, kept for random access. */
struct image_cache {
	uint64_t keys[IMAGE_BLOCKS]; /* block number + 1; 0: empty */
	uint32_t sizes[IMAGE_BLOCKS];
	uint8_t data[IMAGE_BLOCKS][IMAGE_BLOCK_BYTES];
};

/* As image_read_offset(), by way of the cache. */
int image_cache_read(struct image_cache *cache, const struct image *image, uint64_t offset,
		     void *ret_data, size_t size);

#endif
