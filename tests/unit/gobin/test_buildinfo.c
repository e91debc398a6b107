/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "gobin/buildinfo.h"
#include "unit/gobin/goelf.h"

static struct buildinfo parse(const char *text)
{
	struct buildinfo info = { 0 };

	assert_int_equal(buildinfo_parse(text, strlen(text), &info), 0);
	return info;
}

static void test_modules(void **state)
{
	struct buildinfo info =
		parse("path\texample.org/a/cmd\nmod\texample.org/a\tv1.2.3\th1:abc=\n"
		      "dep\texample.org/b\tv2.0.0\th1:def=\n=>\t../b\t(devel)\t\n");

	(void)state;
	assert_string_equal(info.module, "example.org/a");
	assert_string_equal(info.module_version, "v1.2.3");
	assert_null(info.version);
	buildinfo_release(&info);

	info = parse("mod\texample.org/a\t(devel)\t\nmod\texample.org/b\tv1\n");
	assert_string_equal(info.module, "example.org/a"); /* the first one counts */
	buildinfo_release(&info);

	info = parse("mod\texample.org/a");
	assert_string_equal(info.module, "example.org/a");
	assert_null(info.module_version);
	buildinfo_release(&info);
}

static void test_linker_flags(void **state)
{
	static const struct {
		const char *line, *version;
	} cases[] = {
		{ "build\t-ldflags=\"-X main.version=v1.2.3\"", "v1.2.3" },
		{ "build\t-ldflags=-X=main.version=v1", "v1" },
		{ "build\t-ldflags=\"-s -w -X 'main.Version=v1 beta' -extldflags \\\"-static\\\"\"",
		  "v1 beta" },
		{ "build\t-ldflags=\"-X 'main.version=v1'\"", "v1" },
		{ "build\t-ldflags=`-X main.version=v1`", "v1" },
		/* main's own is the release, whatever comes before it */
		{ "build\t-ldflags=\"-X example.org/lib.Version=v9 -X main.version=v1\"", "v1" },
		{ "build\t-ldflags=\"-X main.version=v1 -X example.org/lib.Version=v9\"", "v1" },
		{ "build\t-ldflags=\"-X example.org/lib.version=v9\"", "v9" },
		{ "build\t-ldflags=\"-X main.commit=abc -X main.versions=v1\"", NULL },
		{ "build\t-ldflags=\"-X main.version=\"", NULL },
		{ "build\t-ldflags=\"-X\"", NULL },
		{ "build\t-ldflags=\"-X 'main.version=v1\"", NULL }, /* quote not closed */
		{ "build\t-ldflags=\"main.version=v1\"", NULL },
		{ "build\t-ldflags=", NULL },
		{ "build\t-ldflags=\"", NULL },
		{ "build\t-gcflags=\"-X main.version=v1\"", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buildinfo info = parse(cases[i].line);

		if (cases[i].version && info.version)
			assert_string_equal(info.version, cases[i].version);
		else
			assert_ptr_equal(info.version, cases[i].version);
		buildinfo_release(&info);
	}
}

static void test_settings(void **state)
{
	struct buildinfo info = parse("build\tvcs=git\nbuild\tvcs.revision=abc\n"
				      "build\tvcs.time=2026-01-01T00:00:00Z\nbuild\tvcs.modified="
				      "false\nbuild\tnothing\nbuild\t\n\nbuild");

	(void)state;
	assert_string_equal(info.revision, "abc");
	assert_string_equal(info.revision_time, "2026-01-01T00:00:00Z");
	assert_false(info.revision_modified);
	buildinfo_release(&info);
}

static void test_every_prefix_is_parsed(void **state)
{
	static const char text[] =
		"path\tp\nmod\tm\tv1\th\nbuild\t-ldflags=\"-X 'main.version=v1'\""
		"\nbuild\tvcs.modified=true\n";

	(void)state;
	for (size_t size = 0; size < sizeof(text); size++) {
		char *copy = malloc(size + 1); /* its end is where the sanitizer sees it */
		struct buildinfo info = { 0 };

		assert_non_null(copy);
		memcpy(copy, text, size);
		assert_int_equal(buildinfo_parse(copy, size, &info), 0);
		if (size > 18)
			assert_string_equal(info.module, "m");
		buildinfo_release(&info);
		free(copy);
	}
}

static void test_releases(void **state)
{
	static const struct {
		const char *version;
		unsigned int minor;
		bool exact;
	} cases[] = {
		{ "go1.22.12", 22, true },
		{ "go1.21", 21, true },
		{ "go1.22.5 X:boringcrypto", 22, true },
		{ "go1.22.5 X:boringcrypto,nocoverageredesign", 22, true },
		{ "go1.21.13 (Red Hat 1.21.13-4.el9_4)", 21, true },
		{ "go1.22.5 X:staticlockranking", 22, false },
		{ "go1.22.5 X:boringcrypto,staticlockranking", 22, false },
		{ "go1.22.5 X:", 22, false },
		{ "go1.26rc1", 26, false },
		{ "go1.26-abcdef", 26, false },
		{ "go1.26.", 26, false },
		{ "devel go1.24-3d33437c45 Tue Jan 1", 24, false },
		{ "devel +abcdef", 0, false },
		{ "go2.1", 0, false },
		{ "go1.", 0, false },
		{ "go1.99999999999999999999", 0, false },
		{ "", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct go_release release = go_release_parse(cases[i].version);

		assert_int_equal(release.minor, cases[i].minor);
		assert_int_equal(release.exact, cases[i].exact);
	}
}

/* Reads the build information of a file whose `size` bytes at `offset` were overwritten. */
static int read_damaged(const struct goelf_spec *spec, uint64_t offset, const void *data,
			size_t size, struct buildinfo *ret_info)
{
	CLEANUP(image_release) struct image image = { .fd = -1 };
	struct err err = ERR_INIT;
	struct goelf file;
	char path[32];
	int fd, r;

	goelf_make(&file, spec);
	goelf_put(&file, offset, data, size);
	fd = goelf_file(&file, sizeof(file), path);
	assert_true(fd >= 0);
	assert_int_equal(image_open(AT_FDCWD, path, &image, &err), 0);
	r = buildinfo_read(&image, ret_info, &err);
	assert_true(r == 0 || err.text[0]);
	close(fd);
	return r;
}

static void test_reads_and_refuses_blobs(void **state)
{
	static const struct goelf_spec inl = { .version = "go1.22.1", .modules = "mod\tm\tv1\n" };
	static const struct goelf_spec pointers = { .version = "go1.17.1",
						    .modules = "mod\tm\tv1\n",
						    .pointers = true,
						    .no_sections = true };
	static const uint8_t huge[10] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 };
	static const uint8_t endless[10] = { 0xff, 0xff, 0xff, 0xff, 0xff,
					     0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint64_t far = 0x7fffffffffff0000ULL;
	struct buildinfo info = { 0 };

	(void)state;
	assert_int_equal(read_damaged(&inl, 0, "\x7f", 1, &info), 0);
	assert_string_equal(info.go_version, "go1.22.1");
	assert_string_equal(info.module, "m");
	buildinfo_release(&info);
	assert_int_equal(read_damaged(&pointers, 0, "\x7f", 1, &info), 0);
	assert_string_equal(info.go_version, "go1.17.1");
	assert_string_equal(info.module_version, "v1");
	buildinfo_release(&info);

	assert_int_equal(read_damaged(&inl, GOELF_DATA + 32, huge, 10, &info), -EBADMSG);
	assert_string_equal(info.go_build_id, "build/id"); /* the ids are there all the same */
	buildinfo_release(&info);
	assert_int_equal(read_damaged(&inl, GOELF_DATA + 32, endless, 10, &info), -EBADMSG);
	buildinfo_release(&info);
	assert_int_equal(read_damaged(&inl, GOELF_DATA + 1, "x", 1, &info), -ENODATA);
	buildinfo_release(&info);
	assert_int_equal(read_damaged(&pointers, GOELF_DATA + 14, "\4", 1, &info), -EBADMSG);
	buildinfo_release(&info);
	assert_int_equal(read_damaged(&pointers, GOELF_DATA + 16, &far, 8, &info), -EBADMSG);
	buildinfo_release(&info);
	assert_int_equal(read_damaged(&pointers, GOELF_DATA + 40, &far, 8, &info), -EBADMSG);
	buildinfo_release(&info);
}

static void test_notes_are_bounded(void **state)
{
	static const struct goelf_spec spec = { .version = "go1.22.1" };
	static const uint32_t name_size = 0xfffffffe, value_size = 0xffffffff;
	struct buildinfo info = { 0 };

	(void)state;
	assert_int_equal(read_damaged(&spec, GOELF_NOTE, &name_size, 4, &info), 0);
	assert_null(info.go_build_id);
	assert_null(info.gnu_build_id);
	buildinfo_release(&info);
	assert_int_equal(read_damaged(&spec, GOELF_NOTE + 28, &value_size, 4, &info), 0);
	assert_string_equal(info.go_build_id, "build/id");
	assert_null(info.gnu_build_id);
	buildinfo_release(&info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modules),
		cmocka_unit_test(test_linker_flags),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_every_prefix_is_parsed),
		cmocka_unit_test(test_releases),
		cmocka_unit_test(test_reads_and_refuses_blobs),
		cmocka_unit_test(test_notes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
