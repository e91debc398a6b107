/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded reader of foreign bytes: little-endian values at an offset of a range. Every read is
 * checked, and a read past the end answers false and leaves the output untouched; nothing here can
 * run off the range whatever the offset and size are.
 */
#ifndef PARKMETER_BASE_BYTES_H
#define PARKMETER_BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Borrows the range; {NULL, 0} is the empty one. */
struct bytes {
	const uint8_t *data;
	uint64_t size;
};

static inline bool bytes_has(struct bytes bytes, uint64_t offset, uint64_t size)
{
	return offset <= bytes.size && size <= bytes.size - offset;
}

static inline bool bytes_copy(struct bytes bytes, uint64_t offset, void *ret_value, uint64_t size)
{
	if (!bytes_has(bytes, offset, size))
		return false;
	memcpy(ret_value, bytes.data + offset, size);
	return true;
}

static inline bool bytes_u8(struct bytes bytes, uint64_t offset, uint8_t *ret_value)
{
	return bytes_copy(bytes, offset, ret_value, sizeof(*ret_value));
}

static inline bool bytes_u16(struct bytes bytes, uint64_t offset, uint16_t *ret_value)
{
	return bytes_copy(bytes, offset, ret_value, sizeof(*ret_value));
}

static inline bool bytes_u32(struct bytes bytes, uint64_t offset, uint32_t *ret_value)
{
	return bytes_copy(bytes, offset, ret_value, sizeof(*ret_value));
}

static inline bool bytes_u64(struct bytes bytes, uint64_t offset, uint64_t *ret_value)
{
	return bytes_copy(bytes, offset, ret_value, sizeof(*ret_value));
}

/* The part [offset, offset + size), or the empty range when it is not inside. */
static inline struct bytes bytes_slice(struct bytes bytes, uint64_t offset, uint64_t size)
{
	if (!bytes_has(bytes, offset, size))
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ bytes.data + offset, size };
}

/* The NUL-terminated string at `offset`, or NULL when no NUL follows inside the range. */
static inline const char *bytes_str(struct bytes bytes, uint64_t offset)
{
	if (offset >= bytes.size)
		return NULL;
	if (!memchr(bytes.data + offset, 0, bytes.size - offset))
		return NULL;
	return (const char *)(bytes.data + offset);
}

/*
 * An unsigned LEB128 varint of at most 10 bytes at *offset; advances *offset. False when it is
 * truncated or does not fit 64 bits.
 */
static inline bool bytes_uvarint(struct bytes bytes, uint64_t *offset, uint64_t *ret_value)
{
	uint64_t value = 0;
	uint64_t at = *offset;
	uint8_t byte;

	for (unsigned int shift = 0; shift < 70; shift += 7) {
		if (!bytes_u8(bytes, at++, &byte))
			return false;
		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*offset = at;
			*ret_value = value;
			return true;
		}
	}
	return false;
}

#endif
