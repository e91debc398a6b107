/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people read them: three digits that matter and a unit. */
#ifndef PARKMETER_SUMMARY_HUMAN_H
#define PARKMETER_SUMMARY_HUMAN_H

#include <stdbool.h>
#include <stdint.h>

#define HUMAN_BYTES 24

struct human {
	char text[HUMAN_BYTES];
};

/* "312ns" "4.1µs" "12.3ms" "1.24s" "12m30s" "3h25m" "5d03h"; "us" without `unicode`. */
struct human human_ns(uint64_t ns, bool unicode);

/* "2,480" "12.8k" "1.24M". */
struct human human_count(uint64_t count);

/* A rate or a mean: "0.35" "12.8" and from 100 on as a count. */
struct human human_real(double value);

/* 0.0117 is "1.2 %", 1 is "100 %". */
struct human human_percent(double ratio);

/*
 * From `before` to `after`: "×15.1" from twice on, "+42 %", "-37 %", "~" below 1 %, "new" from
 * nothing, "gone" to nothing.
 */
struct human human_change(double before, double after, bool unicode);

#endif
