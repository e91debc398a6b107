/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARKMETER_PEEK_REMOTE_H
#define PARKMETER_PEEK_REMOTE_H

#include "target/target.h"

/*
 * Exactly `size` bytes of the process' memory, or -errno. The pid may have got a new owner: who
 * uses what was read asks target_alive() afterwards.
 */
int remote_read(const struct target *target, uint64_t address, void *data, size_t size);

#endif
