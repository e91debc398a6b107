/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a Go executable of 120 MiB with 400,000 functions, as far as gobin looks: the names and
 * tables of all of them, and a runtime whose functions stand at the very end.
 *
 *   goelflarge FILE
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE      0x400000ULL
#define TEXT      0x1000ULL
#define FUNCS     400000ULL
#define SLOT      64ULL
#define NAME_SIZE 40ULL
#define FUNC_SIZE 120ULL /* 40, and as much pcdata and funcdata as is usual */
#define VERSION   "go1.26.10"

static const char *const last[] = {
	"runtime.execute",
	"runtime.ready",
	"runtime.netpollready",
	"runtime.newproc.func1",
	"runtime.newproc1",
	"runtime.runqput",
	"runtime.goschedImpl",
	"runtime.goyield_m",
	"runtime.exitsyscallNoP",
	"runtime.park_m",
	"runtime.preemptPark",
	"runtime.stopTheWorldWithSema",
	"runtime.startTheWorldWithSema",
};
#define LAST (sizeof(last) / sizeof(last[0]))

/* Offsets in the file, each part behind the one before. */
static uint64_t table, names, units, files, values, functab, funcs, module, end;

static void put(FILE *out, uint64_t offset, const void *data, size_t size)
{
	if (fseek(out, (long)offset, SEEK_SET) < 0 || fwrite(data, 1, size, out) != size) {
		perror("goelflarge");
		exit(1);
	}
}

static void put64(FILE *out, uint64_t offset, uint64_t value)
{
	put(out, offset, &value, sizeof(value));
}

static void plan(void)
{
	table = TEXT + FUNCS * SLOT;
	names = table + 72;
	units = names + FUNCS * NAME_SIZE;
	files = units + 4096;
	values = files + 1048576;
	functab = values + 16777216;
	funcs = functab + FUNCS * 8 + 8;
	module = funcs + FUNCS * FUNC_SIZE + 16777216;
	module += -module % 8;
	end = module + 8192;
}

static void put_headers(FILE *out)
{
	const struct {
		uint32_t type, flags;
		uint64_t offset, size;
	} segments[] = {
		{ PT_LOAD, PF_R | PF_X, 0, table },
		{ PT_LOAD, PF_R, table, module - 16777216 - table },
		{ PT_LOAD, PF_R | PF_W, module - 16777216, end - module + 16777216 },
	};
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, 1 },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = 1,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = sizeof(segments) / sizeof(segments[0]),
	};

	put(out, 0, &header, sizeof(header));
	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
		Elf64_Phdr segment = { .p_type = segments[i].type,
				       .p_flags = segments[i].flags,
				       .p_offset = segments[i].offset,
				       .p_vaddr = BASE + segments[i].offset,
				       .p_filesz = segments[i].size,
				       .p_memsz = segments[i].size };

		put(out, sizeof(header) + i * sizeof(segment), &segment, sizeof(segment));
	}
}

static void put_call(FILE *out, uint64_t offset, uint64_t function)
{
	uint8_t code[5] = { 0xe8 };
	int32_t distance = (int32_t)(TEXT + function * SLOT - (offset + 5));

	memcpy(code + 1, &distance, sizeof(distance));
	put(out, offset, code, sizeof(code));
}

static void put_functions(FILE *out)
{
	/* cmp 0x10(%r14),%rsp; jbe; push %rbp; mov %rsp,%rbp; nop ... */
	static const uint8_t code[16] = { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x20, 0x55, 0x48,
					  0x89, 0xe5, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 };
	static const uint8_t to_second[3] = { 0x48, 0x89, 0xc3 };
	uint64_t new_func = FUNCS - LAST + 3;

	for (uint64_t i = 0; i < FUNCS; i++) {
		char name[NAME_SIZE] = "";

		if (i >= FUNCS - LAST)
			snprintf(name, sizeof(name), "%s", last[i - (FUNCS - LAST)]);
		else
			snprintf(name, sizeof(name), "example.org/large/p%03u.func%06u",
				 (unsigned int)(i / 1000) % 1000, (unsigned int)i % 1000000);
		put(out, names + i * NAME_SIZE, name, sizeof(name));
		put(out, TEXT + i * SLOT, code, sizeof(code));
	}
	put_call(out, TEXT + new_func * SLOT + 16, new_func + 1);
	put(out, TEXT + new_func * SLOT + 21, to_second, sizeof(to_second));
	put_call(out, TEXT + new_func * SLOT + 24, new_func + 2);
}

static void put_table(FILE *out)
{
	const uint64_t header[] = { 0x08010000fffffff1ULL,
				    FUNCS,
				    1,
				    0,
				    names - table,
				    units - table,
				    files - table,
				    values - table,
				    functab - table };

	put(out, table, header, sizeof(header));
	for (uint64_t i = 0; i < FUNCS; i++) {
		uint32_t entry[2] = { (uint32_t)(i * SLOT),
				      (uint32_t)(funcs + i * FUNC_SIZE - functab) };

		put(out, functab + i * 8, entry, sizeof(entry));
	}
	put64(out, functab + FUNCS * 8, FUNCS * SLOT);
	for (uint64_t i = 0; i < FUNCS; i++) {
		uint32_t func[FUNC_SIZE / 4] = { (uint32_t)(i * SLOT), (uint32_t)(i * NAME_SIZE) };

		put(out, funcs + i * FUNC_SIZE, func, sizeof(func));
	}
}

static void put_module(FILE *out)
{
	uint8_t info[64] = "\xff Go buildinf:";

	put64(out, module, BASE + table);
	put64(out, module + 13 * 8, BASE + functab);
	put64(out, module + 14 * 8, funcs + FUNCS * FUNC_SIZE - functab);
	put64(out, module + 16 * 8, BASE + functab);
	put64(out, module + 17 * 8, FUNCS + 1);
	put64(out, module + 20 * 8, BASE + TEXT);
	put64(out, module + 21 * 8, BASE + TEXT + FUNCS * SLOT);
	put64(out, module + 22 * 8, BASE + TEXT);
	put64(out, module + 23 * 8, BASE + TEXT + FUNCS * SLOT);
	info[14] = 8;
	info[15] = 2;
	info[32] = sizeof(VERSION) - 1;
	memcpy(info + 33, VERSION, sizeof(VERSION) - 1);
	put(out, module + 1024 + (-(BASE + module) % 16), info, sizeof(info));
	put(out, end - 1, "", 1);
}

int main(int argc, char **argv)
{
	FILE *out;

	if (argc != 2) {
		fprintf(stderr, "usage: goelflarge FILE\n");
		return 2;
	}
	out = fopen(argv[1], "w");
	if (!out) {
		perror(argv[1]);
		return 1;
	}
	plan();
	put_headers(out);
	put_functions(out);
	put_table(out);
	put_module(out);
	return fclose(out) == 0 ? 0 : 1;
}
