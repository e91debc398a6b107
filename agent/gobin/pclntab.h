/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of functions that every Go executable carries, stripped or not, because the runtime
 * walks stacks with it (Go 1.27 runtime/symtab.go, cmd/link/internal/ld/pcln.go).
 *
 *   header      magic, 0, 0, quantum, pointer size; counts; offsets of the parts that follow
 *   names       NUL-terminated
 *   cutab       for each compilation unit: offsets into `files`
 *   files       NUL-terminated paths
 *   pctab       for each function and value: pairs of (change of value, change of pc) as varints
 *   functab     sorted pairs (entry, offset of _func), one more than there are functions
 *   _func ...   name, pcsp, pcfile, pcln, ...
 *
 * Three forms are known: magic ..fa (Go 1.16, 1.17: entries are addresses), ..f0 (1.18, 1.19) and
 * ..f1 (1.20 and later: entries are relative to runtime.text). Where runtime.text is comes from the
 * runtime's moduledata, whose first 192 bytes have not changed from 1.16 to 1.27; Go >= 1.26 leaves
 * the header's own copy zero.
 *
 * Nothing is kept in memory: lookups read the file through a cache.
 */
#ifndef PARKMETER_GOBIN_PCLNTAB_H
#define PARKMETER_GOBIN_PCLNTAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "gobin/image.h"

#define PCLNTAB_WANTED_MAX 64    /* names of one search */
#define PCLNTAB_NAME_MAX   4096  /* bytes of a function's or file's name */
#define PCLNTAB_STEPS_MAX  65536 /* pairs of one pctab sequence */

struct pclntab {
	uint64_t address; /* of the header */
	uint64_t offset;  /* of the header in the file */
	uint64_t size;    /* to the end of the _funcs */
	uint64_t text;    /* runtime.text */
	uint64_t end;     /* behind the last function */
	uint64_t func_count;
	/* Offsets of the parts in the file. */
	uint64_t names, units, files, values, functab;
	bool absolute; /* magic ..fa */
};

/* One function as the table has it. */
struct pclntab_func {
	uint64_t entry;
	uint64_t end;         /* where the next one begins */
	uint64_t func_offset; /* of its _func in the file */
	uint32_t name;        /* offset into the names */
};

/*
 * Finds and checks the table. -ENODATA: none; -ENOTSUP: the form of Go < 1.16; -EBADMSG: nothing
 * that agrees with itself, the moduledata and the segments.
 */
int pclntab_locate(const struct image *image, struct pclntab *ret_table, struct err *err);

/* What a search for one name found; a function and its ABI wrapper have the same name. */
struct pclntab_hits {
	struct pclntab_func funcs[2];
	unsigned int count; /* 0, 1 or 2 */
};

/*
 * Looks for `count` (<= PCLNTAB_WANTED_MAX) functions in one pass over the table, front to back,
 * which also checks that the table is sorted. hits[i] belongs to names[i]. -EBADMSG, -ENOMEM.
 */
int pclntab_search(const struct image *image, const struct pclntab *table, const char *const *names,
		   size_t count, struct pclntab_hits *hits);

/* The function that holds `address`. -ENOENT, -EBADMSG. */
int pclntab_find(struct image_cache *cache, const struct image *image, const struct pclntab *table,
		 uint64_t address, struct pclntab_func *ret_func);

/*
 * File and line of `address` in `func`: *ret_file is the file's offset of a path. -ENOENT: the
 * tables do not say.
 */
int pclntab_line(struct image_cache *cache, const struct image *image, const struct pclntab *table,
		 const struct pclntab_func *func, uint64_t address, uint64_t *ret_file,
		 uint32_t *ret_line);

/* The string at a file offset inside the table, owned by the caller. -EBADMSG, -ENOMEM. */
int pclntab_string(struct image_cache *cache, const struct image *image,
		   const struct pclntab *table, uint64_t offset, char **ret_text);

#endif
