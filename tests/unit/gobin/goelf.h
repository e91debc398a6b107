/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a small ELF file that is a Go executable as far as gobin looks: build information, a
 * function table, the runtime's moduledata, a few functions. 8 KiB; address = 0x400000 + offset.
 */
#ifndef PARKMETER_TEST_GOELF_H
#define PARKMETER_TEST_GOELF_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GOELF_BASE    0x400000ULL
#define GOELF_NOTE    0x240
#define GOELF_TEXT    0x400
#define GOELF_TABLE   0xc00
#define GOELF_RELA    0x1300
#define GOELF_DATA    0x1400
#define GOELF_MODULE  0x1800
#define GOELF_DYNAMIC 0x1900
#define GOELF_HEADERS 0x1a00
#define GOELF_SIZE    0x2000
#define GOELF_SLOT    64 /* bytes from one function to the next */
#define GOELF_LINE    100

struct goelf_spec {
	const char *version; /* NULL: no build information */
	const char *modules; /* without its framing; NULL none */
	uint32_t magic;      /* of the function table; 0: f1 */
	bool pointers;       /* build information by pointers, as before Go 1.18 */
	bool no_sections;
	bool no_text_start; /* Go >= 1.26 */
	bool relocated;     /* a PIE whose moduledata is only in its relocations */
	bool old_frames;    /* prologues of Go <= 1.20 */
	uint16_t machine;   /* 0: x86-64 */
};

struct goelf {
	uint8_t bytes[GOELF_SIZE];
};

static inline void goelf_put(struct goelf *file, uint64_t offset, const void *data, size_t size)
{
	if (offset <= GOELF_SIZE && size <= GOELF_SIZE - offset)
		memcpy(file->bytes + offset, data, size);
}

static inline void goelf_put64(struct goelf *file, uint64_t offset, uint64_t value)
{
	goelf_put(file, offset, &value, sizeof(value));
}

static inline void goelf_put32(struct goelf *file, uint64_t offset, uint32_t value)
{
	goelf_put(file, offset, &value, sizeof(value));
}

static const char *const goelf_funcs[] = {
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
	"main.main",
	"runtime.newproc", /* the wrapper: calls the next one */
	"runtime.newproc",
};
#define GOELF_FUNCS (sizeof(goelf_funcs) / sizeof(goelf_funcs[0]))

static inline uint64_t goelf_entry(size_t function)
{
	return GOELF_BASE + GOELF_TEXT + function * GOELF_SLOT;
}

static inline void goelf_call(struct goelf *file, uint64_t offset, size_t function)
{
	uint8_t code[5] = { 0xe8 };
	int32_t distance = (int32_t)(goelf_entry(function) - (GOELF_BASE + offset + 5));

	memcpy(code + 1, &distance, sizeof(distance));
	goelf_put(file, offset, code, sizeof(code));
}

static inline void goelf_code(struct goelf *file, const struct goelf_spec *spec)
{
	/* cmp 0x10(%r14),%rsp; jbe +0x20; push %rbp; mov %rsp,%rbp; sub $32,%rsp; pop; ret */
	static const uint8_t frame[] = { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x20, 0x55, 0x48,
					 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0x5d, 0xc3 };
	/* cmp 0x10(%r14),%rsp; jbe +0x20; sub $32,%rsp; mov %rbp,0x18(%rsp); ret */
	static const uint8_t old[] = { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x20, 0x48, 0x83,
				       0xec, 0x20, 0x48, 0x89, 0x6c, 0x24, 0x18, 0xc3 };
	static const uint8_t result_to_bx[] = { 0x48, 0x89, 0xc3 };
	uint64_t at = GOELF_TEXT + 3 * GOELF_SLOT + 16;

	memset(file->bytes + GOELF_TEXT, 0xcc, GOELF_FUNCS * GOELF_SLOT);
	for (size_t i = 0; i < GOELF_FUNCS; i++)
		goelf_put(file, GOELF_TEXT + i * GOELF_SLOT, spec->old_frames ? old : frame, 16);
	/* newproc.func1: call newproc1; mov %rax,%rbx; call runqput; ret */
	file->bytes[at - 1] = 0x90;
	goelf_call(file, at, 4);
	goelf_put(file, at + 5, result_to_bx, sizeof(result_to_bx));
	goelf_call(file, at + 8, 5);
	file->bytes[at + 13] = 0xc3;
	/* newproc's wrapper */
	goelf_call(file, GOELF_TEXT + 16 * GOELF_SLOT + 16, 17);
}

/* The parts of the table one after the other; returns where the functab is. */
static inline uint64_t goelf_table(struct goelf *file, const struct goelf_spec *spec)
{
	bool absolute = spec->magic == 0xfffffffaU;
	uint64_t names = absolute ? 64 : 72, at, units, files, values, functab;
	uint32_t name_offsets[GOELF_FUNCS];
	static const uint8_t pairs[] = { 0, /* pcfile: value 0 for 64 bytes */
					 2, 64, 0,
					 /* pcln: line 100 for 4 bytes, then 101 */
					 0xca, 0x01, 4, 2, 60, 0 };
	uint64_t step = absolute ? 16 : 8;
	uint64_t func_size = absolute ? 44 : 40;

	at = GOELF_TABLE + names;
	for (size_t i = 0; i < GOELF_FUNCS; i++) {
		name_offsets[i] = (uint32_t)(at - GOELF_TABLE - names);
		if (i == 17)
			name_offsets[i] = name_offsets[16];
		else
			goelf_put(file, at, goelf_funcs[i], strlen(goelf_funcs[i]) + 1),
				at += strlen(goelf_funcs[i]) + 1;
	}
	units = (at + 7) & ~7ULL;
	files = units + 8;
	goelf_put(file, files, "/src/proc.go", 13);
	values = files + 16;
	goelf_put(file, values, pairs, sizeof(pairs));
	functab = values + 16;
	for (size_t i = 0; i <= GOELF_FUNCS; i++) {
		uint64_t func = GOELF_FUNCS * step + 16 + i * func_size;
		uint64_t place = functab + func + (absolute ? 4 : 0);

		if (absolute) {
			goelf_put64(file, functab + i * step, goelf_entry(i));
			if (i < GOELF_FUNCS)
				goelf_put64(file, functab + i * step + 8, func);
		} else {
			goelf_put32(file, functab + i * step, (uint32_t)(i * GOELF_SLOT));
			if (i < GOELF_FUNCS)
				goelf_put32(file, functab + i * step + 4, (uint32_t)func);
		}
		if (i == GOELF_FUNCS)
			break;
		goelf_put32(file, place + 4, name_offsets[i]);
		goelf_put32(file, place + 20, 1);
		goelf_put32(file, place + 24, 4);
	}
	goelf_put32(file, GOELF_TABLE, spec->magic ? spec->magic : 0xfffffff1U);
	file->bytes[GOELF_TABLE + 6] = 1;
	file->bytes[GOELF_TABLE + 7] = 8;
	goelf_put64(file, GOELF_TABLE + 8, GOELF_FUNCS);
	goelf_put64(file, GOELF_TABLE + 16, 1);
	at = GOELF_TABLE + 24;
	if (!absolute) {
		goelf_put64(file, at, spec->no_text_start ? 0 : goelf_entry(0));
		at += 8;
	}
	goelf_put64(file, at, names);
	goelf_put64(file, at + 8, units - GOELF_TABLE);
	goelf_put64(file, at + 16, files - GOELF_TABLE);
	goelf_put64(file, at + 24, values - GOELF_TABLE);
	goelf_put64(file, at + 32, functab - GOELF_TABLE);
	return functab;
}

static inline void goelf_module(struct goelf *file, const struct goelf_spec *spec, uint64_t functab)
{
	uint64_t table = GOELF_BASE + GOELF_TABLE;
	uint64_t end = goelf_entry(GOELF_FUNCS);
	struct {
		uint64_t word, value;
		bool pointer;
	} words[] = {
		{ 0, table, true },
		{ 13, GOELF_BASE + functab, true },
		{ 14, GOELF_BASE + GOELF_RELA - (GOELF_BASE + functab), false },
		{ 16, GOELF_BASE + functab, true },
		{ 17, GOELF_FUNCS + 1, false },
		{ 20, goelf_entry(0), true },
		{ 21, end, true },
		{ 22, goelf_entry(0), true },
		{ 23, end, true },
	};
	uint64_t rela = GOELF_RELA;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint64_t place = GOELF_MODULE + words[i].word * 8;

		if (!spec->relocated || !words[i].pointer) {
			goelf_put64(file, place, words[i].value);
			continue;
		}
		goelf_put64(file, rela, GOELF_BASE + place);
		goelf_put64(file, rela + 8, R_X86_64_RELATIVE);
		goelf_put64(file, rela + 16, words[i].value);
		rela += 24;
	}
	goelf_put64(file, GOELF_DYNAMIC, DT_RELA);
	goelf_put64(file, GOELF_DYNAMIC + 8, GOELF_BASE + GOELF_RELA);
	goelf_put64(file, GOELF_DYNAMIC + 16, DT_RELASZ);
	goelf_put64(file, GOELF_DYNAMIC + 24, rela - GOELF_RELA);
}

static inline void goelf_buildinfo(struct goelf *file, const struct goelf_spec *spec)
{
	size_t version = strlen(spec->version), modules = spec->modules ? strlen(spec->modules) : 0;
	size_t framed = modules ? modules + 32 : 0;
	uint64_t at = GOELF_DATA + 32;

	goelf_put(file, GOELF_DATA, "\xff Go buildinf:", 14);
	file->bytes[GOELF_DATA + 14] = 8;
	file->bytes[GOELF_DATA + 15] = spec->pointers ? 0 : 2;
	if (spec->pointers) {
		/* Two string headers behind the blob, then the texts. */
		goelf_put64(file, GOELF_DATA + 16, GOELF_BASE + at);
		goelf_put64(file, GOELF_DATA + 24, GOELF_BASE + at + 16);
		goelf_put64(file, at, GOELF_BASE + at + 32);
		goelf_put64(file, at + 8, version);
		goelf_put64(file, at + 16, GOELF_BASE + at + 32 + version);
		goelf_put64(file, at + 24, framed);
		at += 32;
		goelf_put(file, at, spec->version, version);
		at += version;
	} else {
		file->bytes[at++] = (uint8_t)version;
		goelf_put(file, at, spec->version, version);
		at += version;
		file->bytes[at++] = (uint8_t)(framed & 0x7f) | 0x80;
		file->bytes[at++] = (uint8_t)(framed >> 7);
	}
	if (modules)
		goelf_put(file, at + 16, spec->modules, modules);
}

static inline void goelf_headers(struct goelf *file, const struct goelf_spec *spec)
{
	static const struct {
		uint32_t type, flags;
		uint64_t offset, size;
	} segments[] = {
		{ PT_LOAD, PF_R | PF_X, 0, GOELF_TABLE },
		{ PT_LOAD, PF_R, GOELF_TABLE, GOELF_DATA - GOELF_TABLE },
		{ PT_LOAD, PF_R | PF_W, GOELF_DATA, GOELF_HEADERS - GOELF_DATA },
		{ PT_NOTE, PF_R, GOELF_NOTE, 0x40 },
		{ PT_DYNAMIC, PF_R, GOELF_DYNAMIC, 64 },
	};
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, 1 },
		.e_type = spec->relocated ? ET_DYN : ET_EXEC,
		.e_machine = spec->machine ? spec->machine : EM_X86_64,
		.e_version = 1,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = sizeof(segments) / sizeof(segments[0]),
	};

	if (!spec->no_sections) {
		header.e_shoff = GOELF_HEADERS + 0x100;
		header.e_shentsize = sizeof(Elf64_Shdr);
		header.e_shnum = 4;
		header.e_shstrndx = 3;
	}
	goelf_put(file, 0, &header, sizeof(header));
	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
		Elf64_Phdr segment = {
			.p_type = segments[i].type,
			.p_flags = segments[i].flags,
			.p_offset = segments[i].offset,
			.p_vaddr = GOELF_BASE + segments[i].offset,
			.p_filesz = segments[i].size,
			.p_memsz = segments[i].size,
		};

		goelf_put(file, sizeof(header) + i * sizeof(segment), &segment, sizeof(segment));
	}
}

static inline void goelf_sections(struct goelf *file)
{
	static const char names[] = "\0.gopclntab\0.go.buildinfo\0.shstrtab";
	static const struct {
		uint32_t name, type;
		uint64_t address, offset, size;
	} sections[] = {
		{ 0, SHT_NULL, 0, 0, 0 },
		{ 1, SHT_PROGBITS, GOELF_BASE + GOELF_TABLE, GOELF_TABLE,
		  GOELF_RELA - GOELF_TABLE },
		{ 12, SHT_PROGBITS, GOELF_BASE + GOELF_DATA, GOELF_DATA, 0x200 },
		{ 26, SHT_STRTAB, 0, GOELF_HEADERS, sizeof(names) },
	};

	goelf_put(file, GOELF_HEADERS, names, sizeof(names));
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		Elf64_Shdr section = {
			.sh_name = sections[i].name,
			.sh_type = sections[i].type,
			.sh_addr = sections[i].address,
			.sh_offset = sections[i].offset,
			.sh_size = sections[i].size,
		};

		goelf_put(file, GOELF_HEADERS + 0x100 + i * sizeof(section), &section,
			  sizeof(section));
	}
}

static inline void goelf_notes(struct goelf *file)
{
	static const uint32_t go[] = { 4, 8, 4 }, gnu[] = { 4, 4, 3 };

	goelf_put(file, GOELF_NOTE, go, sizeof(go));
	goelf_put(file, GOELF_NOTE + 12, "Go\0\0build/id", 12);
	goelf_put(file, GOELF_NOTE + 24, gnu, sizeof(gnu));
	goelf_put(file, GOELF_NOTE + 36, "GNU\0\xab\xcd\x01\x23", 8);
}

static inline void goelf_make(struct goelf *file, const struct goelf_spec *spec)
{
	memset(file, 0, sizeof(*file));
	goelf_headers(file, spec);
	goelf_notes(file);
	goelf_code(file, spec);
	goelf_module(file, spec, goelf_table(file, spec));
	if (spec->version)
		goelf_buildinfo(file, spec);
	if (!spec->no_sections)
		goelf_sections(file);
}

/* The first `size` bytes as a file in memory; `path` has room for 32 bytes. Returns its fd. */
static inline int goelf_file(const void *data, size_t size, char path[32])
{
	int fd = memfd_create("goelf", MFD_CLOEXEC);

	if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size)) {
		perror("memfd_create");
		return -1;
	}
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
