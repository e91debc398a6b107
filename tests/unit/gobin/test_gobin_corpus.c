/* SPDX-License-Identifier: Apache-2.0 */
/* Replays the fuzzers' corpora: every file is loaded and used, or refused with a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "gobin/buildinfo.h"
#include "gobin/gobin.h"

#define CORPUS   "tests/fuzz/corpus/"
#define FILE_MAX 1048576

static void use(const struct gobin *bin)
{
	struct gobin_site sites[SITE_COUNT];
	struct target_config config;
	struct err err = ERR_INIT;
	struct gobin_func func;
	const char *file;
	uint32_t line;

	assert_true(gobin_sites(bin, sites, &err) == 0 || err.text[0]);
	err = (struct err)ERR_INIT;
	assert_true(gobin_target_config(bin, &config, &err) == 0 || err.text[0]);
	gobin_func_find(bin, "main.main", &func);
	if (gobin_func_find(bin, "runtime.ready", &func) < 0)
		return;
	for (uint64_t address = func.entry - 64; address < func.entry + 256; address += 16)
		gobin_symbolize(bin, address, &func, &file, &line);
}

static unsigned int replay(const char *name, int (*each)(int dir_fd, const char *path))
{
	CLEANUP(closedirp) DIR *dir = opendir(name);
	unsigned int good = 0;
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			good += each(dirfd(dir), entry->d_name) == 0;
	return good;
}

static int load_one(int dir_fd, const char *path)
{
	CLEANUP(gobin_freep) struct gobin *bin = NULL;
	struct err err = ERR_INIT;
	int r = gobin_load(dir_fd, path, &bin, &err);

	if (r < 0)
		assert_true(err.text[0]);
	else
		use(bin);
	return r;
}

static void test_executables(void **state)
{
	(void)state;
	/* The seeds that are good must stay so. */
	assert_true(replay(CORPUS "gobin", load_one) >= 6);
}

static int parse_one(int dir_fd, const char *path)
{
	CLEANUP(freep) char *text = NULL;
	struct buildinfo info = { 0 };
	struct err err = ERR_INIT;
	size_t size;
	bool found;

	assert_int_equal(file_read(dir_fd, path, FILE_MAX, &text, &size, &err), 0);
	assert_int_equal(buildinfo_parse(text, size, &info), 0);
	found = info.module != NULL;
	buildinfo_release(&info);
	go_release_parse(text);
	return found ? 0 : -1;
}

static void test_module_information(void **state)
{
	(void)state;
	assert_true(replay(CORPUS "gobin_buildinfo", parse_one) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_executables),
		cmocka_unit_test(test_module_information),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
