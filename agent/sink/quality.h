/* SPDX-License-Identifier: Apache-2.0 */
/* The quality of a measurement as metrics: what it cost, what it lost, what it did not see. */
#ifndef PARKMETER_SINK_QUALITY_H
#define PARKMETER_SINK_QUALITY_H

#include "sink/promtext.h"
#include "summary/summary.h"

/* The families parkmeter_quality_*. To be called last: one of them is what the writer left out. */
void quality_write(struct prom_writer *writer, const struct summary *summary);

#endif
