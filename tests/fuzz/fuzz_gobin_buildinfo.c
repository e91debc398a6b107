/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the module information that the linker writes, and as a Go version. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gobin/buildinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buildinfo info = { 0 };
	char *text = strndup((const char *)data, size);

	if (!text)
		abort();
	buildinfo_parse((const char *)data, size, &info);
	buildinfo_release(&info);
	go_release_parse(text);
	free(text);
	return 0;
}
