/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what gobin knows, a fact a line, for layout.sh and gobin.sh to compare with other readers:
 *
 *   gobindump table MINOR        the table's offsets
 *   gobindump dwarf EXECUTABLE   the same from DWARF
 *   gobindump reasons MINOR      numbers and names of the wait and stop reasons
 *   gobindump info EXECUTABLE    key=value
 *   gobindump sites EXECUTABLE   kind usable address file-offset function instruction|reason
 *   gobindump funcs EXECUTABLE   for each hex address on stdin: entry, end, name, file:line
 *   gobindump names EXECUTABLE   for each name on stdin: entry, name
 *   gobindump cost EXECUTABLE    milliseconds of load and sites, peak memory in KiB
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "gobin/gobin.h"
#include "gobin/image.h"
#include "gobin/layout.h"

static int fail(const struct err *err)
{
	fprintf(stderr, "gobindump: %s\n", err->text);
	return 1;
}

static void print_layout(const struct go_layout *layout)
{
	printf("g.goid %u\ng.waitreason %u\ng.startpc %u\ng.gopc %u\n", layout->g_goid,
	       layout->g_waitreason, layout->g_startpc, layout->g_gopc);
	printf("g.sched.pc %u\ng.sched.sp %u\ng.sched.bp %u\ng.stack.lo %u\n", layout->g_sched_pc,
	       layout->g_sched_sp, layout->g_sched_bp, layout->g_stack_lo);
	printf("pollDesc.rg %u\npollDesc.wg %u\n", layout->polldesc_rg, layout->polldesc_wg);
}

static int dump_table(const char *minor)
{
	struct go_layout layout;

	if (!layout_table((unsigned int)strtoul(minor, NULL, 10), &layout))
		return 1;
	print_layout(&layout);
	return 0;
}

static int dump_dwarf(const char *path)
{
	CLEANUP(image_release) struct image image = { .fd = -1 };
	struct err err = ERR_INIT;
	struct go_layout layout;

	if (image_open(AT_FDCWD, path, &image, &err) < 0 || layout_dwarf(&image, &layout, &err) < 0)
		return fail(&err);
	print_layout(&layout);
	return 0;
}

static int dump_reasons(const char *text)
{
	unsigned int minor = (unsigned int)strtoul(text, NULL, 10);

	for (unsigned int i = 0; reasons_wait(minor, i); i++)
		printf("wait %u %s\n", i, reasons_wait(minor, i));
	for (unsigned int i = 0; reasons_stw(minor, i); i++)
		printf("stw %u %s\n", i, reasons_stw(minor, i));
	return 0;
}

static void dump_info(const struct gobin *bin)
{
	const struct gobin_info *info = gobin_info(bin);

	printf("go=%s\nminor=%u\n", info->go_version, info->go_minor);
	printf("module=%s\nversion=%s\n", info->module ? info->module : "-",
	       info->version ? info->version : "-");
	printf("go_build_id=%s\ngnu_build_id=%s\n", info->go_build_id ? info->go_build_id : "-",
	       info->gnu_build_id ? info->gnu_build_id : "-");
	printf("pie=%d\ncgo=%d\nsymtab=%d\ndwarf=%d\n", info->pie, info->cgo, info->has_symtab,
	       info->has_dwarf);
}

static int dump_sites(const struct gobin *bin)
{
	struct gobin_site sites[SITE_COUNT];
	struct err err = ERR_INIT;

	if (gobin_sites(bin, sites, &err) < 0)
		return fail(&err);
	for (unsigned int kind = 0; kind < SITE_COUNT; kind++)
		printf("%u %d %lx %lx %s %s\n", kind, sites[kind].usable,
		       (unsigned long)sites[kind].address, (unsigned long)sites[kind].file_offset,
		       sites[kind].function,
		       sites[kind].usable ? sites[kind].instruction : sites[kind].reason);
	return 0;
}

static void dump_funcs(const struct gobin *bin)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned long address = strtoul(line, NULL, 16);
		struct gobin_func func;
		const char *file;
		uint32_t number;

		if (gobin_symbolize(bin, address, &func, &file, &number) < 0)
			printf("%lx unknown\n", address);
		else
			printf("%lx %lx %s %s:%u\n", (unsigned long)func.entry,
			       (unsigned long)func.end, func.name, file ? file : "?", number);
	}
}

static void dump_names(const struct gobin *bin)
{
	char name[512];

	while (fgets(name, sizeof(name), stdin)) {
		struct gobin_func func;

		name[strcspn(name, "\n")] = '\0';
		if (gobin_func_find(bin, name, &func) < 0)
			printf("unknown %s\n", name);
		else
			printf("%lx %s\n", (unsigned long)func.entry, func.name);
	}
}

static int dump_cost(const char *path)
{
	struct gobin_site sites[SITE_COUNT];
	struct err err = ERR_INIT;
	struct gobin *bin = NULL;
	struct rusage usage;
	uint64_t begun_ns = clock_mono_ns(), loaded_ns;

	if (gobin_load(AT_FDCWD, path, &bin, &err) < 0)
		return fail(&err);
	loaded_ns = clock_mono_ns();
	if (gobin_sites(bin, sites, &err) < 0)
		return fail(&err);
	getrusage(RUSAGE_SELF, &usage);
	printf("load %.1f sites %.1f memory %ld size %llu\n",
	       (double)(loaded_ns - begun_ns) / (double)NS_PER_MS,
	       (double)(clock_mono_ns() - loaded_ns) / (double)NS_PER_MS, usage.ru_maxrss,
	       (unsigned long long)gobin_info(bin)->size_bytes);
	gobin_free(bin);
	return 0;
}

static int dump_loaded(const char *what, const char *path)
{
	CLEANUP(gobin_freep) struct gobin *bin = NULL;
	struct err err = ERR_INIT;

	if (gobin_load(AT_FDCWD, path, &bin, &err) < 0)
		return fail(&err);
	if (strcmp(what, "sites") == 0)
		return dump_sites(bin);
	if (strcmp(what, "funcs") == 0)
		dump_funcs(bin);
	else if (strcmp(what, "names") == 0)
		dump_names(bin);
	else
		dump_info(bin);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "gobindump: usage: gobindump WHAT OF\n");
		return 2;
	}
	if (strcmp(argv[1], "table") == 0)
		return dump_table(argv[2]);
	if (strcmp(argv[1], "dwarf") == 0)
		return dump_dwarf(argv[2]);
	if (strcmp(argv[1], "reasons") == 0)
		return dump_reasons(argv[2]);
	if (strcmp(argv[1], "cost") == 0)
		return dump_cost(argv[2]);
	return dump_loaded(argv[1], argv[2]);
}
