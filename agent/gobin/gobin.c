/* SPDX-License-Identifier: Apache-2.0 */
#include "gobin/gobin.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gobin/internal.h"

#define STRINGS_MAX 65536 /* names and paths of one executable that were asked for */

/* Found in the one pass that loading makes, because attaching asks for them. */
static const char *const known_names[] = {
	"runtime.execute",
	"runtime.ready",
	"runtime.netpollready",
	"runtime.newproc.func1",
	"runtime.newproc1",
	"runtime.runqput",
	"runtime.goschedImpl",
	"runtime.goyield_m",
	"runtime.exitsyscall0",
	"runtime.exitsyscallNoP",
	"runtime.park_m",
	"runtime.preemptPark",
	"runtime.stopTheWorldWithSema",
	"runtime.startTheWorldWithSema",
	"runtime.gopreempt_m",
	/* what reading the runtime's memory starts from */
	"runtime.casgstatus",
	"runtime.allgadd",
	"runtime.lock2",
	"runtime.waitReason.String",
	/* assembly of runtime/cgo: in every program that calls C, in no other */
	"crosscall2",
};
#define KNOWN_COUNT (sizeof(known_names) / sizeof(known_names[0]))
static_assert(KNOWN_COUNT <= PCLNTAB_WANTED_MAX, "one pass must find them all");

struct known_func {
	bool found;
	uint64_t entry, end;
};

/* A string of the file that somebody has a pointer to. */
struct interned {
	uint64_t offset; /* in the file; 0: empty */
	char *text;
};

struct gobin_cache {
	pthread_mutex_t lock;
	struct known_func known[KNOWN_COUNT];
	struct image_cache *blocks;
	struct interned *strings; /* open addressing, `string_room` a power of 2 */
	size_t string_count, string_room;
};

/* ---- strings ---- */

static struct interned *string_slot(struct interned *strings, size_t room, uint64_t offset)
{
	size_t i = (size_t)(offset * 0x9e3779b97f4a7c15ULL >> 32) & (room - 1);

	while (strings[i].offset && strings[i].offset != offset)
		i = (i + 1) & (room - 1);
	return &strings[i];
}

static int strings_grow(struct gobin_cache *cache)
{
	size_t room = cache->string_room ? cache->string_room * 2 : 256;
	struct interned *strings = calloc(room, sizeof(*strings));

	if (!strings)
		return -ENOMEM;
	for (size_t i = 0; i < cache->string_room; i++)
		if (cache->strings[i].offset)
			*string_slot(strings, room, cache->strings[i].offset) = cache->strings[i];
	free(cache->strings);
	cache->strings = strings;
	cache->string_room = room;
	return 0;
}

static int cache_blocks(struct gobin_cache *cache)
{
	if (!cache->blocks)
		cache->blocks = calloc(1, sizeof(*cache->blocks));
	return cache->blocks ? 0 : -ENOMEM;
}

/* The string at a file offset, which lives as long as the gobin. */
static int intern(const struct gobin *bin, uint64_t offset, const char **ret_text)
{
	struct gobin_cache *cache = bin->cache;
	struct interned *slot;
	char *text = NULL;
	int r = cache_blocks(cache);

	if (r == 0 && cache->string_count * 2 >= cache->string_room)
		r = strings_grow(cache);
	if (r < 0)
		return r;
	slot = string_slot(cache->strings, cache->string_room, offset);
	if (!slot->offset) {
		if (cache->string_count == STRINGS_MAX)
			return -ENOSPC;
		r = pclntab_string(cache->blocks, &bin->image, &bin->table, offset, &text);
		if (r < 0)
			return r;
		*slot = (struct interned){ .offset = offset, .text = text };
		cache->string_count++;
	}
	*ret_text = slot->text;
	return 0;
}

static void cache_free(struct gobin_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->string_room; i++)
		free(cache->strings[i].text);
	free(cache->strings);
	free(cache->blocks);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* ---- functions ---- */

/*
 * A function that assembly calls also exists as a wrapper from the stack-based to the
 * register-based ABI, under the same name: the one that the other calls is the function.
 */
static bool choose(const struct gobin *bin, const struct pclntab_hits *hits,
		   struct gobin_func *ret_func)
{
	struct gobin_func funcs[2];

	if (!hits->count)
		return false;
	for (unsigned int i = 0; i < hits->count; i++)
		funcs[i] = (struct gobin_func){ .entry = hits->funcs[i].entry,
						.end = hits->funcs[i].end };
	*ret_func = funcs[0];
	if (hits->count == 2) {
		if (gobin_wraps(bin, &funcs[0], funcs[1].entry))
			*ret_func = funcs[1];
		else if (!gobin_wraps(bin, &funcs[1], funcs[0].entry))
			return false;
	}
	return true;
}

static int find_known(struct gobin *bin)
{
	struct pclntab_hits hits[KNOWN_COUNT];
	struct gobin_func func;
	int r = pclntab_search(&bin->image, &bin->table, known_names, KNOWN_COUNT, hits);

	if (r < 0)
		return r;
	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		struct known_func *known = &bin->cache->known[i];

		known->found = choose(bin, &hits[i], &func);
		if (!known->found)
			continue;
		known->entry = func.entry;
		known->end = func.end;
		if (strcmp(known_names[i], "crosscall2") == 0)
			bin->info.cgo = true;
	}
	return 0;
}

static int search_one(const struct gobin *bin, const char *name, struct gobin_func *ret_func)
{
	struct pclntab_hits hits;
	struct gobin_func func;
	int r = pclntab_search(&bin->image, &bin->table, &name, 1, &hits);

	if (r < 0)
		return r;
	if (!choose(bin, &hits, &func))
		return -ENOENT;
	r = intern(bin, bin->table.names + hits.funcs[0].name, &func.name);
	if (r == 0)
		*ret_func = func;
	return r;
}

int gobin_func_find(const struct gobin *bin, const char *name, struct gobin_func *ret_func)
{
	int r;

	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		const struct known_func *known = &bin->cache->known[i];

		if (strcmp(known_names[i], name) != 0)
			continue;
		if (!known->found)
			return -ENOENT;
		*ret_func = (struct gobin_func){ .name = known_names[i],
						 .entry = known->entry,
						 .end = known->end };
		return 0;
	}
	pthread_mutex_lock(&bin->cache->lock);
	r = search_one(bin, name, ret_func);
	pthread_mutex_unlock(&bin->cache->lock);
	return r;
}

static int symbolize(const struct gobin *bin, uint64_t address, struct gobin_func *ret_func,
		     const char **ret_file, uint32_t *ret_line)
{
	struct gobin_cache *cache = bin->cache;
	struct pclntab_func func;
	const char *name, *file = NULL;
	uint64_t path;
	uint32_t line = 0;
	int r = cache_blocks(cache);

	if (r == 0)
		r = pclntab_find(cache->blocks, &bin->image, &bin->table, address, &func);
	if (r == 0)
		r = intern(bin, bin->table.names + func.name, &name);
	if (r < 0)
		return r;
	if (pclntab_line(cache->blocks, &bin->image, &bin->table, &func, address, &path, &line) ==
	    0)
		r = intern(bin, path, &file);
	if (r < 0)
		return r;
	*ret_func = (struct gobin_func){ .name = name, .entry = func.entry, .end = func.end };
	if (ret_file)
		*ret_file = file;
	if (ret_line)
		*ret_line = line;
	return 0;
}

int gobin_symbolize(const struct gobin *bin, uint64_t address, struct gobin_func *ret_func,
		    const char **ret_file, uint32_t *ret_line)
{
	int r;

	pthread_mutex_lock(&bin->cache->lock);
	r = symbolize(bin, address, ret_func, ret_file, ret_line);
	pthread_mutex_unlock(&bin->cache->lock);
	return r;
}

/* ---- loading ---- */

static void fill_info(struct gobin *bin)
{
	const struct buildinfo *build = &bin->build;

	bin->info = (struct gobin_info){
		.go_version = build->go_version,
		.go_minor = bin->release.exact ? bin->release.minor : 0,
		.module = build->module,
		.module_version = build->module_version,
		.revision = build->revision,
		.revision_time = build->revision_time,
		.revision_modified = build->revision_modified,
		.version = build->version,
		.go_build_id = build->go_build_id,
		.gnu_build_id = build->gnu_build_id,
		.size_bytes = bin->image.size,
		.pie = bin->image.pie,
		.has_symtab = bin->image.has_symtab,
		.has_dwarf = bin->image.has_dwarf,
	};
}

static int read_build(struct gobin *bin, struct err *err)
{
	int r = buildinfo_read(&bin->image, &bin->build, err);

	/* Obfuscators remove it; then only DWARF can tell the layout. */
	if (r < 0 && r != -ENODATA)
		return r;
	if (r == 0)
		bin->release = go_release_parse(bin->build.go_version);
	if (bin->release.minor && bin->release.minor < 16)
		return err_set(err, -ENOTSUP,
			       "it was built by %s, which is not supported; build it with Go 1.17 "
			       "or newer",
			       bin->build.go_version);
	return 0;
}

static int read_functions(struct gobin *bin, struct err *err)
{
	int r = pclntab_locate(&bin->image, &bin->table, err);

	if (r == -ENODATA && bin->build.go_version)
		return err_set(err, -EBADMSG,
			       "it says that it was built by %s, but it holds no Go function table",
			       bin->build.go_version);
	if (r == -ENODATA)
		return err_set(err, -ENOEXEC,
			       "it is not a Go program, or it is packed: it holds neither Go build "
			       "information nor a Go function table");
	if (r < 0)
		return r;
	r = find_known(bin);
	return r < 0 ? err_set_errno(err, r, "its Go function table is damaged") : 0;
}

static int load(int dir_fd, const char *path, struct gobin **ret_bin, struct err *err)
{
	CLEANUP(gobin_freep) struct gobin *bin = calloc(1, sizeof(*bin));
	int r;

	if (!bin)
		return err_set(err, -ENOMEM, "out of memory");
	bin->image.fd = -1;
	atomic_init(&bin->references, 1);
	bin->cache = calloc(1, sizeof(*bin->cache));
	if (!bin->cache)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&bin->cache->lock, NULL);
	r = image_open(dir_fd, path, &bin->image, err);
	if (r < 0)
		return r;
	/* Most processes of a machine are not Go's: their files are not searched. */
	if (bin->image.foreign)
		return err_set(err, -ENOEXEC,
			       "it is not a Go program: it has none of the sections of one");
	r = read_build(bin, err);
	if (r < 0)
		return r;
	fill_info(bin);
	r = read_functions(bin, err);
	if (r < 0)
		return r;
	*ret_bin = TAKE_PTR(bin);
	return 0;
}

int gobin_load(int dir_fd, const char *path, struct gobin **ret_bin, struct err *err)
{
	int r;

	assert(path && ret_bin);
	r = load(dir_fd, path, ret_bin, err);
	return r < 0 ? err_wrap(err, r, "use %s", path) : 0;
}

struct gobin *gobin_ref(struct gobin *bin)
{
	atomic_fetch_add(&bin->references, 1);
	return bin;
}

void gobin_free(struct gobin *bin)
{
	if (!bin || atomic_fetch_sub(&bin->references, 1) > 1)
		return;
	cache_free(bin->cache);
	buildinfo_release(&bin->build);
	image_release(&bin->image);
	free(bin);
}

/* ---- what the runtime looks like ---- */

const struct gobin_info *gobin_info(const struct gobin *bin)
{
	return &bin->info;
}

const char *gobin_wait_reason(const struct gobin *bin, unsigned int reason)
{
	return reasons_wait(bin->info.go_minor, reason);
}

const char *gobin_stw_reason(const struct gobin *bin, unsigned int reason)
{
	return reasons_stw(bin->info.go_minor, reason);
}

int gobin_layout(const struct gobin *bin, struct go_layout *ret_layout, struct err *err)
{
	const char *version = bin->build.go_version ? bin->build.go_version
						    : "an unknown Go version";
	struct err cause = ERR_INIT;
	int r;

	if (bin->release.exact && layout_table(bin->release.minor, ret_layout))
		return 0;
	if (bin->image.has_dwarf) {
		r = layout_dwarf(&bin->image, ret_layout, &cause);
		if (r == 0)
			return 0;
	} else {
		err_set(&cause, -ENODATA, "it has no debug information");
	}
	return err_set(err, -ENOTSUP,
		       "the struct layout of %s is not known, and %s; build it without -ldflags=-w "
		       "or with a release from Go 1.%d to 1.%d",
		       version, cause.text, LAYOUT_MINOR_MIN, LAYOUT_MINOR_MAX);
}

/* preemptPark() stores its reason behind the probe site, so the programs must know the number. */
static uint32_t preempt_reason(const struct gobin *bin)
{
	for (unsigned int reason = 0; reason < WAIT_REASONS_MAX; reason++) {
		const char *name = gobin_wait_reason(bin, reason);

		if (name && !strcmp(name, "preempted"))
			return reason;
	}
	return 0;
}

int gobin_probe_layout(const struct gobin *bin, struct go_layout *ret_layout, struct err *err)
{
	if (!bin->release.minor)
		return err_set(err, -ENOTSUP,
			       "its Go version is not known, and with it what its runtime's "
			       "functions take; build it without removing the build information");
	if (bin->release.minor < LAYOUT_MINOR_MIN)
		return err_set(err, -ENOTSUP,
			       "%s passes arguments on the stack; probes need Go 1.%d or newer",
			       bin->info.go_version, LAYOUT_MINOR_MIN);
	return gobin_layout(bin, ret_layout, err);
}

int gobin_target_config(const struct gobin *bin, struct target_config *ret_config, struct err *err)
{
	struct target_config config = { 0 };
	struct gobin_func preempt;
	int r = gobin_probe_layout(bin, &config.layout, err);

	if (r < 0)
		return r;
	if (bin->release.minor >= 22)
		config.flags |= TARGET_GOSCHED_HAS_PREEMPTED;
	if (bin->release.minor >= 21)
		config.flags |= TARGET_STW_HAS_REASON;
	if (bin->release.minor <= 21 &&
	    gobin_func_find(bin, "runtime.gopreempt_m", &preempt) == 0) {
		config.gopreempt_lo = preempt.entry;
		config.gopreempt_hi = preempt.end;
	}
	config.preempt_reason = preempt_reason(bin);
	*ret_config = config;
	return 0;
}
