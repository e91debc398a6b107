/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an executable: everything that gobin offers is asked of what loads. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gobin/gobin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct gobin *bin)
{
	struct gobin_site sites[SITE_COUNT];
	struct target_config config;
	struct err err = ERR_INIT;
	struct gobin_func func;
	const char *file;
	uint32_t line;

	gobin_sites(bin, sites, &err);
	gobin_target_config(bin, &config, &err);
	gobin_func_find(bin, "main.main", &func);
	if (gobin_func_find(bin, "runtime.ready", &func) < 0)
		return;
	for (uint64_t address = func.entry - 64; address < func.entry + 256; address += 16)
		gobin_symbolize(bin, address, &func, &file, &line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct gobin *bin = NULL;
	char path[32];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (gobin_load(AT_FDCWD, path, &bin, &err) == 0)
		use(bin);
	else if (!err.text[0])
		abort();
	gobin_free(bin);
	close(fd);
	return 0;
}
