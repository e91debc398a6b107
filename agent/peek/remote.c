/* SPDX-License-Identifier: Apache-2.0 */
#include "peek/remote.h"

#include <errno.h>
#include <sys/uio.h>

int remote_read(const struct target *target, uint64_t address, void *data, size_t size)
{
	struct iovec local = { data, size };
	/* an address of the other process: NOLINTNEXTLINE(performance-no-int-to-ptr) */
	struct iovec remote = { (void *)(uintptr_t)address, size };
	ssize_t got = process_vm_readv(target->pid, &local, 1, &remote, 1, 0);

	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EFAULT;
}
