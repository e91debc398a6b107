/* SPDX-License-Identifier: Apache-2.0 */
/* Loading whole executables, made by goelf.h: what is found in good ones, how bad ones are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "gobin/gobin.h"
#include "unit/gobin/goelf.h"

static const char modules[] = "path\texample.org/orders/cmd\n"
			      "mod\texample.org/orders\t(devel)\t\n"
			      "dep\texample.org/other\tv9.9.9\th1:x\n"
			      "build\t-ldflags=\"-s -w -X main.version=v2.3.0\"\n"
			      "build\tvcs.revision=0123456789abcdef\n"
			      "build\tvcs.time=2026-01-02T03:04:05Z\n"
			      "build\tvcs.modified=true\n";

static int load_bytes(const void *data, size_t size, struct gobin **ret_bin, struct err *err)
{
	char path[32];
	int fd = goelf_file(data, size, path);
	int r;

	assert_true(fd >= 0);
	r = gobin_load(AT_FDCWD, path, ret_bin, err);
	close(fd);
	return r;
}

static struct gobin *load_spec(const struct goelf_spec *spec)
{
	struct goelf *file = malloc(sizeof(*file));
	struct err err = ERR_INIT;
	struct gobin *bin = NULL;
	int r;

	assert_non_null(file);
	goelf_make(file, spec);
	r = load_bytes(file, sizeof(*file), &bin, &err);
	if (r < 0)
		print_message("%s\n", err.text);
	assert_int_equal(r, 0);
	free(file);
	return bin;
}

/* Loads a damaged file and expects a refusal that says why. */
static void refuse(const struct goelf *file, size_t size, int code, const char *part)
{
	struct err err = ERR_INIT;
	struct gobin *bin = NULL;
	int r = load_bytes(file, size, &bin, &err);

	if (r != code || !strstr(err.text, part))
		print_message("%d, %s\n", r, err.text);
	assert_int_equal(r, code);
	assert_non_null(strstr(err.text, part));
	assert_null(bin);
}

static void check_functions(const struct gobin *bin)
{
	struct gobin_func func;
	const char *file = NULL;
	uint32_t line = 0;

	assert_int_equal(gobin_func_find(bin, "runtime.ready", &func), 0);
	assert_int_equal(func.entry, goelf_entry(1));
	assert_int_equal(func.end, goelf_entry(2));
	assert_int_equal(gobin_func_find(bin, "main.main", &func), 0);
	assert_string_equal(func.name, "main.main");
	assert_int_equal(func.entry, goelf_entry(15));
	assert_int_equal(gobin_func_find(bin, "main.mai", &func), -ENOENT);
	assert_int_equal(gobin_func_find(bin, "runtime.casgstatus", &func), -ENOENT);
	/* The wrapper comes first in the table, the function itself is what is wanted. */
	assert_int_equal(gobin_func_find(bin, "runtime.newproc", &func), 0);
	assert_int_equal(func.entry, goelf_entry(17));

	assert_int_equal(gobin_symbolize(bin, goelf_entry(15) + 3, &func, &file, &line), 0);
	assert_string_equal(func.name, "main.main");
	assert_string_equal(file, "/src/proc.go");
	assert_int_equal(line, GOELF_LINE);
	assert_int_equal(gobin_symbolize(bin, goelf_entry(0) + 4, &func, NULL, &line), 0);
	assert_string_equal(func.name, "runtime.execute");
	assert_int_equal(line, GOELF_LINE + 1);
	assert_int_equal(gobin_symbolize(bin, goelf_entry(GOELF_FUNCS) - 1, &func, NULL, NULL), 0);
	assert_int_equal(gobin_symbolize(bin, goelf_entry(GOELF_FUNCS), &func, NULL, NULL),
			 -ENOENT);
	assert_int_equal(gobin_symbolize(bin, goelf_entry(0) - 1, &func, NULL, NULL), -ENOENT);
	assert_int_equal(gobin_symbolize(bin, 0, &func, NULL, NULL), -ENOENT);
	assert_int_equal(gobin_symbolize(bin, UINT64_MAX, &func, NULL, NULL), -ENOENT);
}

static void check_sites(const struct gobin *bin, uint64_t into)
{
	struct gobin_site sites[SITE_COUNT];
	struct err err = ERR_INIT;

	assert_int_equal(gobin_sites(bin, sites, &err), 0);
	for (unsigned int kind = 0; kind < SITE_COUNT; kind++) {
		if (!sites[kind].usable)
			print_message("%s: %s\n", sites[kind].function, sites[kind].reason);
		assert_true(sites[kind].usable);
		assert_int_equal(sites[kind].file_offset, sites[kind].address - GOELF_BASE);
	}
	assert_int_equal(sites[SITE_EXECUTE].address, goelf_entry(0) + into);
	assert_int_equal(sites[SITE_NEW].address, goelf_entry(3) + 24);
	assert_string_equal(sites[SITE_READY].function, "runtime.ready");
}

static void test_loads(void **state)
{
	static const struct goelf_spec specs[] = {
		{ .version = "go1.22.12" },
		{ .version = "go1.22.12", .no_sections = true },
		{ .version = "go1.26.1", .no_text_start = true },
		{ .version = "go1.27", .no_text_start = true, .no_sections = true },
		{ .version = "go1.26.10", .no_text_start = true, .relocated = true },
		{ .version = "go1.22.1", .relocated = true, .no_sections = true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct gobin *bin = load_spec(&specs[i]);

		assert_int_equal(gobin_info(bin)->pie, specs[i].relocated);
		assert_false(gobin_info(bin)->cgo);
		assert_false(gobin_info(bin)->has_dwarf);
		check_functions(bin);
		check_sites(bin, 6); /* the push behind the stack check */
		gobin_free(bin);
	}
}

static void test_loads_old_forms(void **state)
{
	static const struct goelf_spec old = { .version = "go1.17.13",
					       .magic = 0xfffffffaU,
					       .pointers = true,
					       .old_frames = true,
					       .modules = modules };
	static const struct goelf_spec middle = { .version = "go1.19.8",
						  .magic = 0xfffffff0U,
						  .old_frames = true };
	struct gobin_site sites[SITE_COUNT];
	struct err err = ERR_INIT;
	struct gobin *bin = load_spec(&old);

	(void)state;
	assert_int_equal(gobin_info(bin)->go_minor, 17);
	assert_string_equal(gobin_info(bin)->version, "v2.3.0");
	check_functions(bin);
	/* Where the goroutines of a pollDesc are is not known for 1.17: that one site says so. */
	assert_int_equal(gobin_sites(bin, sites, &err), 0);
	assert_false(sites[SITE_NETPOLL].usable);
	assert_non_null(strstr(sites[SITE_NETPOLL].reason, "pollDesc"));
	assert_true(sites[SITE_EXECUTE].usable);
	gobin_free(bin);

	bin = load_spec(&middle);
	check_functions(bin);
	check_sites(bin, 4); /* the jbe: no push follows it */
	gobin_free(bin);
}

static void test_info(void **state)
{
	struct gobin *bin =
		load_spec(&(struct goelf_spec){ .version = "go1.24.4", .modules = modules });
	const struct gobin_info *info = gobin_info(bin);

	(void)state;
	assert_string_equal(info->go_version, "go1.24.4");
	assert_int_equal(info->go_minor, 24);
	assert_string_equal(info->module, "example.org/orders");
	assert_null(info->module_version);
	assert_string_equal(info->revision, "0123456789abcdef");
	assert_string_equal(info->revision_time, "2026-01-02T03:04:05Z");
	assert_true(info->revision_modified);
	assert_string_equal(info->version, "v2.3.0");
	assert_string_equal(info->go_build_id, "build/id");
	assert_string_equal(info->gnu_build_id, "abcd0123");
	assert_int_equal(info->size_bytes, GOELF_SIZE);
	assert_string_equal(gobin_wait_reason(bin, 14), "chan receive");
	assert_null(gobin_wait_reason(bin, 44));
	assert_string_equal(gobin_stw_reason(bin, 9), "GOMAXPROCS");
	gobin_free(bin);
}

static void test_reference_keeps(void **state)
{
	struct gobin *bin = load_spec(&(struct goelf_spec){ .version = "go1.24.4" });
	struct gobin *second = gobin_ref(bin);

	(void)state;
	gobin_free(bin);
	assert_string_equal(gobin_info(second)->go_version, "go1.24.4");
	gobin_free(second);
	gobin_free(NULL);
}

static void test_target_config(void **state)
{
	struct target_config config;
	struct err err = ERR_INIT;
	struct gobin *bin = load_spec(&(struct goelf_spec){ .version = "go1.24.4" });

	(void)state;
	assert_int_equal(gobin_target_config(bin, &config, &err), 0);
	assert_int_equal(config.layout.g_goid, 160);
	assert_int_equal(config.flags, TARGET_GOSCHED_HAS_PREEMPTED | TARGET_STW_HAS_REASON);
	assert_int_equal(config.gopreempt_hi, 0);
	assert_int_equal(config.load_bias, 0);
	gobin_free(bin);

	bin = load_spec(&(struct goelf_spec){ .version = "go1.21.3" });
	assert_int_equal(gobin_target_config(bin, &config, &err), 0);
	assert_int_equal(config.flags, TARGET_STW_HAS_REASON);
	assert_int_equal(config.gopreempt_lo, goelf_entry(14));
	assert_int_equal(config.gopreempt_hi, goelf_entry(15));
	gobin_free(bin);
}

/* What no table describes is loaded and symbolized, but not probed. */
static void test_unknown_release_is_not_probed(void **state)
{
	static const char *const versions[] = { "devel go1.27-0123abcd", "go1.28.0", "go1.27rc1",
						"go1.24.4 X:staticlockranking", NULL };

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct gobin *bin = load_spec(&(struct goelf_spec){ .version = versions[i] });
		struct gobin_site sites[SITE_COUNT];
		struct target_config config;
		struct err err = ERR_INIT;
		struct go_layout layout;

		check_functions(bin);
		assert_int_equal(gobin_layout(bin, &layout, &err), -ENOTSUP);
		assert_non_null(strstr(err.text, versions[i] ? versions[i] : "unknown"));
		assert_int_equal(gobin_sites(bin, sites, &err), -ENOTSUP);
		assert_int_equal(gobin_target_config(bin, &config, &err), -ENOTSUP);
		if (!versions[i])
			assert_non_null(strstr(err.text, "version is not known"));
		gobin_free(bin);
	}
}

static void test_refuses_what_is_no_go_program(void **state)
{
	struct goelf file;

	(void)state;
	goelf_make(&file, &(struct goelf_spec){ .version = "go1.22.1" });
	refuse(&file, 0, -ENOEXEC, "not an ELF file");
	refuse((const struct goelf *)(const void *)"#!/bin/sh\n", 10, -ENOEXEC, "not an ELF file");
	memset(file.bytes + GOELF_TABLE, 0, GOELF_DATA - GOELF_TABLE);
	refuse(&file, sizeof(file), -EBADMSG, "go1.22.1");
	memset(file.bytes + GOELF_DATA, 0, GOELF_HEADERS - GOELF_DATA);
	refuse(&file, sizeof(file), -ENOEXEC, "not a Go program");
}

/* Other programs are told by their sections alone, without a search through the file. */
static void test_refuses_foreign_sections(void **state)
{
	struct goelf file;

	(void)state;
	goelf_make(&file, &(struct goelf_spec){ .version = "go1.22.1" });
	memcpy(file.bytes + GOELF_HEADERS, "\0.xxpclntab\0.xx.buildinfo", 26);
	refuse(&file, sizeof(file), -ENOEXEC, "none of the sections");
}

static void test_refuses_other_machines(void **state)
{
	struct goelf file;

	(void)state;
	goelf_make(&file, &(struct goelf_spec){ .version = "go1.22.1", .machine = EM_PPC64 });
	refuse(&file, sizeof(file), -ENOTSUP, "machine");
	goelf_make(&file, &(struct goelf_spec){ .version = "go1.22.1" });
	file.bytes[EI_DATA] = ELFDATA2MSB;
	refuse(&file, sizeof(file), -ENOTSUP, "big-endian");
	goelf_make(&file, &(struct goelf_spec){ .version = "go1.22.1" });
	file.bytes[16] = ET_REL;
	refuse(&file, sizeof(file), -ENOEXEC, "no executable");
}

static void test_arm64_loads_without_sites(void **state)
{
	struct gobin *bin =
		load_spec(&(struct goelf_spec){ .version = "go1.22.1", .machine = EM_AARCH64 });
	struct gobin_site sites[SITE_COUNT];
	struct gobin_func func;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(gobin_func_find(bin, "runtime.ready", &func), 0);
	assert_int_equal(gobin_sites(bin, sites, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "x86-64 only"));
	gobin_free(bin);
}

static void test_refuses_old_go(void **state)
{
	struct goelf file;
	struct gobin *bin;
	struct gobin_site sites[SITE_COUNT];
	struct err err = ERR_INIT;

	(void)state;
	goelf_make(&file, &(struct goelf_spec){ .version = "go1.15.15", .pointers = true });
	refuse(&file, sizeof(file), -ENOTSUP, "go1.15.15");
	goelf_make(&file, &(struct goelf_spec){ .magic = 0xfffffffbU });
	refuse(&file, sizeof(file), -ENOTSUP, "Go 1.15 or older");
	bin = load_spec(&(struct goelf_spec){ .version = "go1.16.5", .magic = 0xfffffffaU });
	assert_int_equal(gobin_sites(bin, sites, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "on the stack"));
	gobin_free(bin);
}

/* One changed word each; the table must never be believed. */
static void test_refuses_damaged_tables(void **state)
{
	static const struct {
		uint64_t offset, value;
	} damages[] = {
		{ GOELF_TABLE + 8, 1ULL << 60 }, /* functions */
		{ GOELF_TABLE + 8, 0 },
		{ GOELF_TABLE + 8, GOELF_FUNCS - 1 },  /* not what the moduledata says */
		{ GOELF_TABLE + 24, 0x1234 },          /* text start */
		{ GOELF_TABLE + 32, UINT64_MAX - 4 },  /* names */
		{ GOELF_TABLE + 40, 8 },               /* units before names */
		{ GOELF_TABLE + 64, UINT64_MAX / 2 },  /* functab */
		{ GOELF_MODULE, 0x400000 },            /* another header */
		{ GOELF_MODULE + 22 * 8, 0x400000 },   /* text */
		{ GOELF_MODULE + 20 * 8, GOELF_BASE }, /* minpc */
		{ GOELF_MODULE + 21 * 8, UINT64_MAX }, /* maxpc */
		{ GOELF_MODULE + 23 * 8, UINT64_MAX }, /* etext */
		{ GOELF_MODULE + 22 * 8, GOELF_BASE + GOELF_DATA }, /* not executable */
		{ 64 + 16, 0xffffffffffff0000ULL },                 /* segment's address */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct goelf file;

		goelf_make(&file, &(struct goelf_spec){ .version = "go1.22.1" });
		goelf_put64(&file, damages[i].offset, damages[i].value);
		refuse(&file, sizeof(file), -EBADMSG, "");
	}
}

static void test_refuses_unsorted_functions(void **state)
{
	struct goelf file;
	uint64_t functab;

	(void)state;
	goelf_make(&file, &(struct goelf_spec){ .version = "go1.22.1" });
	functab = goelf_table(&file, &(struct goelf_spec){ .version = "go1.22.1" });
	goelf_put32(&file, functab + 8 * 8, 7); /* entry before its predecessor's */
	refuse(&file, sizeof(file), -EBADMSG, "damaged");
	goelf_table(&file, &(struct goelf_spec){ .version = "go1.22.1" });
	goelf_put32(&file, functab + 8 * 8 + 4, 0xfffffff0U); /* _func outside */
	refuse(&file, sizeof(file), -EBADMSG, "damaged");
}

/* Every prefix is loaded or refused; nothing else happens. */
static void test_prefixes(void **state)
{
	struct goelf file;
	unsigned int loaded = 0, refused = 0;

	(void)state;
	goelf_make(&file, &(struct goelf_spec){ .version = "go1.22.1", .modules = modules });
	for (size_t size = 0; size < sizeof(file); size += size < 0x400 ? 1 : 13) {
		struct err err = ERR_INIT;
		struct gobin *bin = NULL;
		int r = load_bytes(&file, size, &bin, &err);

		if (r == 0) {
			check_functions(bin); /* only section headers are missing */
			loaded++;
		} else {
			assert_true(r == -ENOEXEC || r == -EBADMSG);
			assert_true(err.text[0]);
			assert_true(size < GOELF_HEADERS);
			refused++;
		}
		gobin_free(bin);
	}
	assert_true(loaded > 0 && refused > 0);
}

/* A file that shrinks while it is used gives errors, not signals. */
static void test_survives_truncation_after_loading(void **state)
{
	char path[32];
	struct gobin_site sites[SITE_COUNT];
	struct gobin *bin = NULL;
	struct gobin_func func;
	struct err err = ERR_INIT;
	struct goelf file;
	int fd;

	(void)state;
	goelf_make(&file, &(struct goelf_spec){ .version = "go1.22.1" });
	fd = goelf_file(&file, sizeof(file), path);
	assert_int_equal(gobin_load(AT_FDCWD, path, &bin, &err), 0);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_true(gobin_symbolize(bin, goelf_entry(2), &func, NULL, NULL) < 0);
	assert_true(gobin_func_find(bin, "main.main", &func) < 0);
	assert_int_equal(gobin_sites(bin, sites, &err), -ENOTSUP);
	gobin_free(bin);
	close(fd);
}

static void test_refuses_paths(void **state)
{
	struct err err = ERR_INIT;
	struct gobin *bin = NULL;

	(void)state;
	assert_int_equal(gobin_load(AT_FDCWD, "/nowhere/at/all", &bin, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	assert_int_equal(gobin_load(AT_FDCWD, "/proc", &bin, &err), -ENOEXEC);
	assert_int_equal(gobin_load(AT_FDCWD, "/dev/zero", &bin, &err), -ENOEXEC);
	assert_int_equal(gobin_load(AT_FDCWD, "/proc/self/exe", &bin, &err), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads),
		cmocka_unit_test(test_loads_old_forms),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_reference_keeps),
		cmocka_unit_test(test_target_config),
		cmocka_unit_test(test_unknown_release_is_not_probed),
		cmocka_unit_test(test_refuses_what_is_no_go_program),
		cmocka_unit_test(test_refuses_foreign_sections),
		cmocka_unit_test(test_refuses_other_machines),
		cmocka_unit_test(test_arm64_loads_without_sites),
		cmocka_unit_test(test_refuses_old_go),
		cmocka_unit_test(test_refuses_damaged_tables),
		cmocka_unit_test(test_refuses_unsorted_functions),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_survives_truncation_after_loading),
		cmocka_unit_test(test_refuses_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
