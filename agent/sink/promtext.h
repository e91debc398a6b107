/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Prometheus text format 0.0.4, written family by family. What the format or a Pushgateway
 * refuses cannot come out of here: a family's head comes once and only with a sample behind it, two
 * series are never equal, buckets are cumulative and end in +Inf, no value is NaN, label values are
 * valid UTF-8, escaped and of bounded length.
 */
#ifndef PARKMETER_SINK_PROMTEXT_H
#define PARKMETER_SINK_PROMTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "hist/hist.h"

#define PROM_LABELS_MAX      8
#define PROM_LABEL_BYTES_MAX 200  /* of a value, before escaping; longer ones are cut */
#define PROM_SERIES_MAX      1024 /* of one family; further ones are left out and counted */

/* Upper borders of the buckets, in steps of so many powers of two of nanoseconds. */
#define PROM_LE_MIN_SHIFT 10 /* 1.024 us */
#define PROM_LE_MAX_SHIFT BUCKET_MAX_SHIFT
#define PROM_FINE         1 /* 27 borders and +Inf */
#define PROM_COARSE       2 /* 14 borders and +Inf */

/* Both borrowed. A NULL or empty value leaves the label out: for Prometheus that is the same. */
struct prom_label {
	const char *name;
	const char *value;
};

struct prom_labels {
	struct prom_label items[PROM_LABELS_MAX]; /* the first without a name ends them */
};

struct prom_family {
	const char *name; /* without the "parkmeter_" that all have */
	const char *type; /* "gauge" or "histogram" */
	const char *help; /* one line, without backslash */
};

struct prom_writer {
	struct buf *buf; /* borrowed; buf_status() says whether memory sufficed */
	const struct prom_family *family;
	bool head_written;
	uint64_t seen[PROM_SERIES_MAX]; /* hashes of the family's label sets */
	size_t seen_count;
	uint64_t left_out; /* series: equal to one before, or too many */
};

void prom_init(struct prom_writer *writer, struct buf *buf);

/* The family of the samples that follow; borrowed. Each family is begun once. */
void prom_begin(struct prom_writer *writer, const struct prom_family *family);

void prom_count(struct prom_writer *writer, const struct prom_labels *labels, uint64_t value);
void prom_seconds(struct prom_writer *writer, const struct prom_labels *labels, uint64_t value_ns);

/* Left out when it is not finite. */
void prom_number(struct prom_writer *writer, const struct prom_labels *labels, double value);

/*
 * Buckets, sum and count. Borders are borders of the histogram's own buckets, so nothing is
 * interpolated; a value of exactly a border counts above it. `step` is PROM_FINE or PROM_COARSE.
 */
void prom_hist(struct prom_writer *writer, const struct prom_labels *labels,
	       const struct hist *hist, unsigned int step);

/* Adds `text` as valid UTF-8 without control characters (U+FFFD in their place), cut to
 * `max_bytes` at a character's end; not escaped. */
void prom_sanitize(struct buf *buf, const char *text, size_t max_bytes);

#endif
