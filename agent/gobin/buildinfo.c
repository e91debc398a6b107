/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob behind "\xff Go buildinf:" (Go 1.27 debug/buildinfo/buildinfo.go): 14 bytes of magic,
 * the size of a pointer, flags. Flag 2 (Go >= 1.18): the version and the module information follow
 * at offset 32, each with its size as a varint before it. Without that flag: two pointers to Go
 * strings at offset 16. The module information has 16 bytes of framing at either end.
 */
#include "gobin/buildinfo.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"

#define MAGIC_SIZE     14
#define MAGIC_ALIGN    16
#define HEADER_SIZE    32
#define FRAMING_SIZE   16
#define NOTE_BYTES_MAX 65536

static const char magic[] = "\xff Go buildinf:";

void buildinfo_release(struct buildinfo *info)
{
	free(info->go_version);
	free(info->module);
	free(info->module_version);
	free(info->revision);
	free(info->revision_time);
	free(info->version);
	free(info->go_build_id);
	free(info->gnu_build_id);
	*info = (struct buildinfo){ 0 };
}

/* ---- the Go version ---- */

static bool parse_number(const char **at, unsigned int *ret_value)
{
	unsigned int value = 0;
	const char *p = *at;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (value > 9999)
			return false;
		value = value * 10 + (unsigned int)(*p - '0');
	}
	*at = p;
	*ret_value = value;
	return true;
}

/* Experiments and vendors that leave runtime.g, runtime.pollDesc and their kin as they are. */
static bool suffix_harmless(const char *suffix)
{
	static const char *const harmless[] = { "boringcrypto", "strictfipsruntime",
						"nocoverageredesign", "opensslcrypto",
						"systemcrypto" };

	if (strncmp(suffix, " (Red Hat ", 10) == 0)
		return true;
	if (strncmp(suffix, " X:", 3) != 0)
		return false;
	suffix += 3;
	for (;;) {
		size_t size = strcspn(suffix, ",");
		bool known = false;

		for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
			known |= strlen(harmless[i]) == size &&
				 strncmp(harmless[i], suffix, size) == 0;
		if (!known)
			return false;
		if (!suffix[size])
			return true;
		suffix += size + 1;
	}
}

struct go_release go_release_parse(const char *version)
{
	struct go_release release = { 0 };
	const char *at = strstr(version, "go1.");
	unsigned int patch;

	if (!at)
		return release;
	release.exact = at == version;
	at += strlen("go1.");
	if (!parse_number(&at, &release.minor))
		return (struct go_release){ 0 };
	if (*at == '.') {
		at++;
		if (!parse_number(&at, &patch))
			release.exact = false;
	}
	if (*at && !suffix_harmless(at))
		release.exact = false;
	return release;
}

/* ---- the module information ---- */

static char *text_copy(const char *text, size_t size)
{
	return strndup(text, size < BUILDINFO_VALUE_MAX ? size : BUILDINFO_VALUE_MAX);
}

/* The string behind a Go quote, as strconv.Quote writes it; only what a flag may contain. */
static char *unquote(const char *text, size_t size)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	if (size < 2 || (text[0] != '"' && text[0] != '`'))
		return text_copy(text, size);
	for (size_t i = 1; i + 1 < size && buf.size < BUILDINFO_VALUE_MAX; i++) {
		char c = text[i];

		if (c == '\\' && text[0] == '"' && i + 2 < size) {
			c = text[++i];
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
		}
		buf_add_char(&buf, c);
	}
	return buf_take(&buf);
}

/*
 * The next word of a flag list as `go build` splits it (Go 1.27 cmd/internal/quoted): separated by
 * white space; a word that begins with a quote ends with the same one, and nothing is escaped.
 */
static bool next_word(const char **at, const char **ret_word, size_t *ret_size)
{
	const char *p = *at + strspn(*at, " \t\r\n");

	if (!*p)
		return false;
	if (*p == '\'' || *p == '"') {
		const char *end = strchr(p + 1, *p);

		if (!end)
			return false;
		*ret_word = p + 1;
		*ret_size = (size_t)(end - p - 1);
		*at = end + 1;
		return true;
	}
	*ret_word = p;
	*ret_size = strcspn(p, " \t\r\n");
	*at = p + *ret_size;
	return true;
}

/* "main.version=v1" -> 2, "pkg.Version=v1" -> 1, anything else 0: how well it names the release. */
static int version_rank(const char *word, size_t size, const char **ret_value)
{
	const char *equal = memchr(word, '=', size);
	const char *name;
	size_t name_size;

	if (!equal || equal + 1 == word + size)
		return 0;
	name = memrchr(word, '.', (size_t)(equal - word));
	if (!name)
		return 0;
	name++;
	name_size = (size_t)(equal - name);
	if (name_size != 7 || strncasecmp(name, "version", 7) != 0)
		return 0;
	*ret_value = equal + 1;
	return name - word == 5 && strncmp(word, "main.", 5) == 0 ? 2 : 1;
}

/* -ldflags: `-X main.version=v1.2.3`, also `-X=...`, with either quote around the definition. */
static int parse_ldflags(const char *flags, struct buildinfo *info)
{
	bool definition = false;
	const char *word, *value;
	size_t size;
	int best = 0;

	while (next_word(&flags, &word, &size)) {
		int rank;

		if (!definition && size == 2 && (strncmp(word, "-X", 2) == 0)) {
			definition = true;
			continue;
		}
		if (!definition && size > 3 && strncmp(word, "-X=", 3) == 0) {
			word += 3;
			size -= 3;
			definition = true;
		}
		rank = definition ? version_rank(word, size, &value) : 0;
		definition = false;
		if (rank <= best)
			continue;
		best = rank;
		free(info->version);
		info->version = text_copy(value, size - (size_t)(value - word));
		if (!info->version)
			return -ENOMEM;
	}
	return 0;
}

static int keep(char **ret_slot, const char *text, size_t size)
{
	if (*ret_slot || !size)
		return 0; /* the first one counts */
	*ret_slot = text_copy(text, size);
	return *ret_slot ? 0 : -ENOMEM;
}

static int parse_setting(const char *text, size_t size, struct buildinfo *info)
{
	const char *equal = memchr(text, '=', size);
	size_t key_size, value_size;
	const char *value;

	if (!equal)
		return 0;
	key_size = (size_t)(equal - text);
	value = equal + 1;
	value_size = size - key_size - 1;
	if (key_size == 8 && strncmp(text, "-ldflags", 8) == 0) {
		CLEANUP(freep) char *flags = unquote(value, value_size);

		return flags ? parse_ldflags(flags, info) : -ENOMEM;
	}
	if (key_size == 12 && strncmp(text, "vcs.revision", 12) == 0)
		return keep(&info->revision, value, value_size);
	if (key_size == 8 && strncmp(text, "vcs.time", 8) == 0)
		return keep(&info->revision_time, value, value_size);
	if (key_size == 12 && strncmp(text, "vcs.modified", 12) == 0)
		info->revision_modified = value_size == 4 && strncmp(value, "true", 4) == 0;
	return 0;
}

/* "mod\tpath\tversion\tsum" */
static int parse_module(const char *text, size_t size, struct buildinfo *info)
{
	const char *tab = memchr(text, '\t', size);
	size_t path_size = tab ? (size_t)(tab - text) : size;
	const char *version;
	size_t version_size;
	int r = keep(&info->module, text, path_size);

	if (r < 0 || !tab)
		return r;
	version = tab + 1;
	version_size = size - path_size - 1;
	tab = memchr(version, '\t', version_size);
	if (tab)
		version_size = (size_t)(tab - version);
	if (version_size == 7 && strncmp(version, "(devel)", 7) == 0)
		return 0;
	return keep(&info->module_version, version, version_size);
}

int buildinfo_parse(const char *text, size_t size, struct buildinfo *info)
{
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line = newline ? (size_t)(newline - text) : (size_t)(end - text);
		int r = 0;

		if (line > 4 && strncmp(text, "mod\t", 4) == 0)
			r = parse_module(text + 4, line - 4, info);
		if (line > 6 && strncmp(text, "build\t", 6) == 0)
			r = parse_setting(text + 6, line - 6, info);
		if (r < 0)
			return r;
		text += line + 1;
	}
	return 0;
}

/* ---- the blob ---- */

/* Looks for the magic in [range), at multiples of 16 of its address. */
static int scan_range(const struct image *image, const struct image_range *range,
		      uint64_t *ret_address)
{
	CLEANUP(image_window_release) struct image_window window = { 0 };
	uint64_t end = range->offset + range->size;
	uint64_t offset = range->offset;
	const uint8_t *data, *found;
	size_t size;
	int r = image_window_init(&window, image);

	if (r < 0)
		return r;
	while ((data = image_window_some(&window, offset, end, &size))) {
		size_t step = size > MAGIC_SIZE ? size - MAGIC_SIZE : size;

		found = memmem(data, size, magic, MAGIC_SIZE);
		if (found) {
			uint64_t at = range->address + (offset - range->offset) +
				      (uint64_t)(found - data);

			if (at % MAGIC_ALIGN == 0) {
				*ret_address = at;
				return 0;
			}
			step = (size_t)(found - data) + 1;
		}
		offset += step;
	}
	return -ENODATA;
}

static int find_blob(const struct image *image, uint64_t *ret_address)
{
	int r = -ENODATA;

	if (image->buildinfo.size >= HEADER_SIZE &&
	    image_segment(image, image->buildinfo.address, HEADER_SIZE)) {
		char start[MAGIC_SIZE];

		r = image_read(image, image->buildinfo.address, start, sizeof(start));
		if (r == 0 && memcmp(start, magic, MAGIC_SIZE) == 0) {
			*ret_address = image->buildinfo.address;
			return 0;
		}
		r = -ENODATA;
	}
	for (size_t i = 0; i < image->segment_count && r == -ENODATA; i++) {
		const struct image_segment *segment = &image->segments[i];
		struct image_range range = { segment->address, segment->offset,
					     segment->file_size };

		if (segment->writable)
			r = scan_range(image, &range, ret_address);
	}
	return r;
}

/* `size` bytes at `address` with a NUL behind them, owned by the caller. */
static int read_text(const struct image *image, uint64_t address, uint64_t size, uint64_t max,
		     char **ret_text)
{
	CLEANUP(freep) char *text = NULL;
	int r;

	if (size > max || (size && !image_segment(image, address, size)))
		return -EBADMSG;
	text = calloc(1, size + 1);
	if (!text)
		return -ENOMEM;
	r = size ? image_read(image, address, text, size) : 0;
	if (r < 0)
		return r;
	*ret_text = TAKE_PTR(text);
	return 0;
}

/* A string with its size as a varint before it; advances *address. */
static int read_inline(const struct image *image, uint64_t *address, uint64_t max, char **ret_text,
		       uint64_t *ret_size)
{
	uint8_t prefix[10] = { 0 };
	struct bytes bytes = { prefix, 0 };
	uint64_t at = 0;
	int r;

	while (bytes.size < sizeof(prefix)) {
		if (image_read(image, *address + bytes.size, prefix + bytes.size, 1) < 0)
			break;
		if (!(prefix[bytes.size++] & 0x80))
			break;
	}
	if (!bytes_uvarint(bytes, &at, ret_size))
		return -EBADMSG;
	r = read_text(image, *address + at, *ret_size, max, ret_text);
	if (r == 0)
		*address += at + *ret_size;
	return r;
}

/* A Go string header behind a pointer, as Go <= 1.17 has them. */
static int read_pointed(const struct image *image, uint64_t pointer, uint64_t max, char **ret_text,
			uint64_t *ret_size)
{
	uint64_t string[2] = { 0 };
	int r = pointer ? image_read_relocated(image, pointer, string, sizeof(string)) : 0;

	if (r < 0)
		return r;
	*ret_size = string[1];
	return read_text(image, string[0], string[1], max, ret_text);
}

static int read_strings(const struct image *image, uint64_t address, char **ret_version,
			char **ret_modules, uint64_t *ret_modules_size)
{
	CLEANUP(freep) char *version = NULL;
	uint8_t header[HEADER_SIZE];
	uint64_t pointers[2], size;
	int r = image_read_relocated(image, address, header, sizeof(header));

	if (r < 0)
		return r;
	if (header[15] & 2) {
		address += HEADER_SIZE;
		r = read_inline(image, &address, BUILDINFO_VERSION_MAX, &version, &size);
		if (r == 0)
			r = read_inline(image, &address, BUILDINFO_MODULES_MAX, ret_modules,
					ret_modules_size);
	} else {
		if (header[14] != 8 || header[15] & 1)
			return -EBADMSG;
		memcpy(pointers, header + MAGIC_ALIGN, sizeof(pointers));
		r = read_pointed(image, pointers[0], BUILDINFO_VERSION_MAX, &version, &size);
		if (r == 0)
			r = read_pointed(image, pointers[1], BUILDINFO_MODULES_MAX, ret_modules,
					 ret_modules_size);
	}
	if (r < 0)
		return r;
	*ret_version = TAKE_PTR(version);
	return 0;
}

/* ---- notes ---- */

static char *hex(const uint8_t *data, size_t size)
{
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	for (size_t i = 0; i < size; i++)
		buf_addf(&buf, "%02x", data[i]);
	return buf_take(&buf);
}

/* Go's build id is type 4 of "Go" (Go 1.27 cmd/link/internal/ld/elf.go), GNU's type 3 of "GNU". */
static int take_note(const Elf64_Nhdr *note, const uint8_t *name, const uint8_t *value,
		     struct buildinfo *info)
{
	if (note->n_type == 4 && note->n_namesz == 4 && memcmp(name, "Go\0\0", 4) == 0)
		return keep(&info->go_build_id, (const char *)value, note->n_descsz);
	if (note->n_type != NT_GNU_BUILD_ID || note->n_namesz != 4 || memcmp(name, "GNU", 4) != 0)
		return 0;
	if (info->gnu_build_id || !note->n_descsz)
		return 0;
	info->gnu_build_id = hex(value, note->n_descsz);
	return info->gnu_build_id ? 0 : -ENOMEM;
}

static int read_notes(const struct image *image, const struct image_range *range,
		      struct buildinfo *info)
{
	CLEANUP(freep) uint8_t *data = NULL;
	struct bytes bytes;
	uint64_t at = 0;
	Elf64_Nhdr note;
	int r = 0;

	if (range->size > NOTE_BYTES_MAX)
		return 0;
	data = malloc(range->size + 1);
	if (!data)
		return -ENOMEM;
	if (image_read_offset(image, range->offset, data, range->size) < 0)
		return 0;
	bytes = (struct bytes){ data, range->size };
	while (r == 0 && bytes_copy(bytes, at, &note, sizeof(note))) {
		uint64_t name = at + sizeof(note);
		uint64_t value = name + (((uint64_t)note.n_namesz + 3) & ~3ULL);

		if (!bytes_has(bytes, name, note.n_namesz) ||
		    !bytes_has(bytes, value, note.n_descsz) || note.n_descsz > BUILDINFO_VALUE_MAX)
			break;
		r = take_note(&note, data + name, data + value, info);
		at = value + (((uint64_t)note.n_descsz + 3) & ~3ULL);
	}
	return r;
}

int buildinfo_read(const struct image *image, struct buildinfo *ret_info, struct err *err)
{
	CLEANUP(buildinfo_release) struct buildinfo info = { 0 };
	CLEANUP(freep) char *modules = NULL;
	uint64_t address, size = 0;
	int r = 0;

	for (size_t i = 0; i < image->note_count && r == 0; i++)
		r = read_notes(image, &image->notes[i], &info);
	if (r < 0)
		return err_set(err, r, "out of memory");
	r = find_blob(image, &address);
	if (r == 0)
		r = read_strings(image, address, &info.go_version, &modules, &size);
	if (r == 0 && !info.go_version[0])
		r = -ENODATA;
	if (r == 0 && size > 2 * FRAMING_SIZE)
		r = buildinfo_parse(modules + FRAMING_SIZE, size - 2 * FRAMING_SIZE, &info);
	*ret_info = info;
	info = (struct buildinfo){ 0 };
	if (r == -ENODATA)
		return err_set(err, r, "it holds no Go build information");
	if (r < 0)
		return err_set_errno(err, r, "its Go build information is damaged");
	return 0;
}
