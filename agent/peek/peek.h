/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A running Go runtime's memory, read from outside by process_vm_readv(2): nothing is attached,
 * nothing stops. The runtime changes while it is read, so every number is one that was true at some
 * moment during the call, and what a check finds impossible is refused, not guessed.
 */
#ifndef PARKMETER_PEEK_H
#define PARKMETER_PEEK_H

#include <stdint.h>

#include "base/err.h"
#include "gobin/gobin.h"
#include "target/target.h"

#define PEEK_GOROUTINES_MAX (4 * 1024 * 1024) /* runtime.g that are looked at */

/*
 * The number of live goroutines, as runtime.NumGoroutine() says it: those of the runtime itself are
 * left out where it is known how many they are (Go 1.17 to 1.27), and counted otherwise.
 *
 * -ENOTSUP: the executable has no symbol table, its layout is not known, or what is in memory does
 * not fit that layout; -ESRCH: the process ended; -EPERM: named with the capability that is
 * missing; -EAGAIN: it kept changing; -E2BIG: more than PEEK_GOROUTINES_MAX.
 */
int peek_goroutine_count(const struct target *target, uint64_t *ret_count, struct err *err);

/*
 * Holds what is believed of an executable against the process that runs it: that goroutines of the
 * runtime have the layout's fields where it says, and that the code at the probe sites is the
 * file's (a breakpoint there is taken for another tracer's).
 *
 * 0: it is so. -ENODATA: nothing could be checked yet (the runtime has not started) or at all.
 * -ENOTSUP: it is not so, with what is wrong. -ESRCH, -EPERM as above.
 */
int peek_check(const struct target *target, const struct gobin_site sites[SITE_COUNT],
	       struct err *err);

#endif
