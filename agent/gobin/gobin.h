/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in one Go executable: version and build information, the functions of its pclntab, the
 * layout of the runtime's structs, and the instructions at which a probe may sit. Reads a file,
 * never a live process. Nothing is guessed: what is absent or fails a check is an error with its
 * reason, and a missing probe site says why.
 *
 * Addresses are the ELF file's own (virtual addresses before relocation) unless a name says offset
 * (in the file) or bias.
 *
 * Memory: the file is read in bounded pieces and never mapped, so that a file that shrinks is an
 * error and not a signal. A loaded gobin keeps the file open and holds no tables, only what was
 * asked for: some functions, and the names that gobin_symbolize() handed out.
 *
 * All functions may be called by several threads at a time.
 */
#ifndef PARKMETER_GOBIN_H
#define PARKMETER_GOBIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "parkmeter/wire.h"

struct gobin; /* shared by reference count */

/* Everything here is borrowed from the gobin; a NULL string is unknown. */
struct gobin_info {
	const char *go_version;     /* "go1.22.12", as the linker wrote it */
	unsigned int go_minor;      /* 22; 0: no release of Go 1 (a "devel" build) */
	const char *module;         /* main module's path */
	const char *module_version; /* NULL when "(devel)" */
	const char *revision;       /* vcs.revision */
	const char *revision_time;  /* vcs.time */
	bool revision_modified;     /* vcs.modified */
	const char *version;        /* of an -X *.version=... linker flag; NULL none */
	const char *go_build_id;
	const char *gnu_build_id; /* hex */
	uint64_t size_bytes;
	bool pie;
	bool cgo;
	bool has_symtab;
	bool has_dwarf;
};

struct gobin_func {
	const char *name; /* borrowed from the gobin */
	uint64_t entry;   /* address of the first instruction */
	uint64_t end;     /* where the next function begins, padding included */
};

/* One probe site. */
struct gobin_site {
	bool usable;
	uint64_t address;
	uint64_t file_offset; /* what a uprobe takes */
	char instruction[48]; /* "jbe 0x43a2c0" */
	char function[64];    /* "runtime.execute" */
	char reason[160];     /* not usable: why, a sentence without a full stop */
};

/*
 * Loads the executable `path` (relative to `dir_fd`, or AT_FDCWD). *ret_bin has one reference.
 * -ENOEXEC: not an ELF file, or not a Go program; -EBADMSG: damaged or hostile; -ENOTSUP: an
 * architecture or Go version that is not supported at all (Go < 1.16, 32 bits, big endian).
 */
int gobin_load(int dir_fd, const char *path, struct gobin **ret_bin, struct err *err);
struct gobin *gobin_ref(struct gobin *bin);
void gobin_free(struct gobin *bin); /* drops a reference; takes NULL */
DEFINE_FREEP(struct gobin *, gobin_free)

const struct gobin_info *gobin_info(const struct gobin *bin);

/*
 * The function of that full name ("runtime.execute"), not its ABI wrapper. -ENOENT. Scans the
 * pclntab, a few ms: for set-up only.
 */
int gobin_func_find(const struct gobin *bin, const char *name, struct gobin_func *ret_func);

/*
 * The function that holds `address`, with the line of that instruction; inlined calls are not
 * expanded. ret_file and ret_line may be NULL; unknown is NULL and 0. Strings are borrowed from the
 * gobin, which keeps at most 65536 of them. -ENOENT, -ENOSPC, -EBADMSG.
 */
int gobin_symbolize(const struct gobin *bin, uint64_t address, struct gobin_func *ret_func,
		    const char **ret_file, uint32_t *ret_line);

/*
 * Addresses of the runtime's variables by their full names ("runtime.allgs"), from .symtab; 0 for
 * one that is not there. -ENOTSUP: the binary is stripped; -EBADMSG: its symbol table is damaged.
 * One pass over the table: for set-up only.
 */
int gobin_variables_find(const struct gobin *bin, const char *const names[], size_t count,
			 uint64_t ret_addresses[], struct err *err);

/*
 * Address of the slice runtime.allgs, which holds every runtime.g: from .symtab, in a stripped
 * binary from the code of runtime.allgadd. -ENOTSUP when neither tells.
 */
int gobin_allgs(const struct gobin *bin, uint64_t *ret_address, struct err *err);

/*
 * Struct offsets from the table of verified Go releases, else from DWARF; real toolchains prove
 * that both say the same, and reading DWARF may take longer than a started program takes to be
 * ready. polldesc_rg and polldesc_wg are 0 where they are not known. -ENOTSUP with the reason when
 * neither knows this version.
 */
int gobin_layout(const struct gobin *bin, struct go_layout *ret_layout, struct err *err);

/* Name of a wait reason as the runtime prints it ("chan receive"), by the number this binary uses;
 * NULL when this version has no such number. Static storage. */
const char *gobin_wait_reason(const struct gobin *bin, unsigned int reason);

/* Name of a runtime.stwReason (Go >= 1.21), NULL when there is none. Static storage. */
const char *gobin_stw_reason(const struct gobin *bin, unsigned int reason);

/*
 * The probe sites, indexed by enum site_kind. 0, also when single sites are unusable (they say
 * why). -ENOTSUP when the binary cannot be probed at all: Go < 1.17 (stack-based calls), or a site
 * that the measurement stands on (execute, ready) is unusable.
 */
int gobin_sites(const struct gobin *bin, struct gobin_site sites[SITE_COUNT], struct err *err);

/* The goroutine probes' configuration of this executable; load_bias and binary_id stay 0. */
int gobin_target_config(const struct gobin *bin, struct target_config *ret_config, struct err *err);

#endif
