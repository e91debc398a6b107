/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/promtext.h"

#include <assert.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"

#define PREFIX           "parkmeter_"
#define NUMBER_BYTES_MAX 32

void prom_init(struct prom_writer *writer, struct buf *buf)
{
	writer->buf = buf;
	writer->family = NULL;
	writer->head_written = false;
	writer->seen_count = 0;
	writer->left_out = 0;
}

void prom_begin(struct prom_writer *writer, const struct prom_family *family)
{
	writer->family = family;
	writer->head_written = false;
	writer->seen_count = 0;
}

void prom_sanitize(struct buf *buf, const char *text, size_t max_bytes)
{
	size_t used = 0;

	while (*text) {
		uint32_t code;
		size_t length = utf8_decode(text, &code);
		bool keep = code != UINT32_MAX && !utf8_is_control(code);
		size_t added = keep ? length : strlen(UTF8_REPLACEMENT);

		if (used + added > max_bytes)
			return;
		buf_add(buf, keep ? text : UTF8_REPLACEMENT, added);
		used += added;
		text += length;
	}
}

/* The value with what is special in quotes escaped. */
static void add_label_value(struct buf *buf, const char *value)
{
	CLEANUP(buf_release) struct buf clean = BUF_INIT;

	prom_sanitize(&clean, value, PROM_LABEL_BYTES_MAX);
	for (size_t i = 0; i < clean.size; i++) {
		if (clean.data[i] == '"' || clean.data[i] == '\\')
			buf_add_char(buf, '\\');
		buf_add_char(buf, clean.data[i]);
	}
	if (buf_status(&clean) < 0)
		buf->failed = true;
}

/* name="value",name="value" */
static void add_labels(struct buf *buf, const struct prom_labels *labels)
{
	bool first = true;

	for (size_t i = 0; i < PROM_LABELS_MAX && labels->items[i].name; i++) {
		const struct prom_label *label = &labels->items[i];

		if (!label->value || !*label->value)
			continue;
		buf_addf(buf, "%s%s=\"", first ? "" : ",", label->name);
		add_label_value(buf, label->value);
		buf_add_char(buf, '"');
		first = false;
	}
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *data, size_t size)
{
	uint64_t value = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		value = (value ^ (unsigned char)data[i]) * 0x100000001b3;
	return value;
}

/* False, and counted, when the family has that label set already, or too many of them. */
static bool is_new_series(struct prom_writer *writer, const struct buf *labels)
{
	uint64_t wanted = hash(labels->data, labels->size);

	for (size_t i = 0; i < writer->seen_count; i++) {
		if (writer->seen[i] == wanted) {
			writer->left_out++;
			return false;
		}
	}
	if (writer->seen_count == PROM_SERIES_MAX) {
		writer->left_out++;
		return false;
	}
	writer->seen[writer->seen_count++] = wanted;
	return true;
}

/* The labels into `text` and, before a family's first series, its head; false: leave it out. */
static bool begin_series(struct prom_writer *writer, const struct prom_labels *labels,
			 struct buf *text)
{
	const struct prom_family *family = writer->family;

	add_labels(text, labels);
	if (buf_status(text) < 0) {
		writer->buf->failed = true;
		return false;
	}
	if (!is_new_series(writer, text))
		return false;
	if (!writer->head_written)
		buf_addf(writer->buf, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n",
			 family->name, family->help, family->name, family->type);
	writer->head_written = true;
	return true;
}

static void add_sample(struct prom_writer *writer, const char *suffix, const struct buf *labels,
		       const char *le, const char *value)
{
	struct buf *buf = writer->buf;

	buf_addf(buf, PREFIX "%s%s", writer->family->name, suffix);
	if (labels->size || le)
		buf_addf(buf, "{%s", labels->data);
	if (le)
		buf_addf(buf, "%sle=\"%s\"", labels->size ? "," : "", le);
	buf_addf(buf, "%s %s\n", labels->size || le ? "}" : "", value);
}

static void add_single(struct prom_writer *writer, const struct prom_labels *labels,
		       const char *value)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	if (begin_series(writer, labels, &text))
		add_sample(writer, "", &text, NULL, value);
}

static locale_t c_locale;

static void make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The shortest text that reads back as `value`, with a point whatever the user's locale writes. */
static void number_text(double value, char text[NUMBER_BYTES_MAX])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	locale_t before;

	/* It cannot fail: glibc's C locale is static. */
	pthread_once(&once, make_c_locale);
	before = uselocale(c_locale);
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, NUMBER_BYTES_MAX, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	uselocale(before);
}

/* Nanoseconds as seconds, exactly: no double between. */
static void seconds_text(uint64_t value_ns, char text[NUMBER_BYTES_MAX])
{
	size_t size = (size_t)snprintf(text, NUMBER_BYTES_MAX, "%" PRIu64 ".%09" PRIu64,
				       (uint64_t)(value_ns / NS_PER_S),
				       (uint64_t)(value_ns % NS_PER_S));

	while (text[size - 1] == '0')
		text[--size] = '\0';
	if (text[size - 1] == '.')
		text[--size] = '\0';
}

static void count_text(uint64_t value, char text[NUMBER_BYTES_MAX])
{
	snprintf(text, NUMBER_BYTES_MAX, "%" PRIu64, value);
}

void prom_count(struct prom_writer *writer, const struct prom_labels *labels, uint64_t value)
{
	char text[NUMBER_BYTES_MAX];

	count_text(value, text);
	add_single(writer, labels, text);
}

void prom_seconds(struct prom_writer *writer, const struct prom_labels *labels, uint64_t value_ns)
{
	char text[NUMBER_BYTES_MAX];

	seconds_text(value_ns, text);
	add_single(writer, labels, text);
}

void prom_number(struct prom_writer *writer, const struct prom_labels *labels, double value)
{
	char text[NUMBER_BYTES_MAX];

	if (!isfinite(value))
		return;
	number_text(value, text);
	add_single(writer, labels, text);
}

/* The counts of the buckets [from, to) on top of `total`. */
static uint64_t add_counts(const struct hist *hist, uint32_t from, uint32_t to, uint64_t total)
{
	for (uint32_t i = from; i < to; i++)
		if (__builtin_add_overflow(total, hist->counts[i], &total))
			total = UINT64_MAX;
	return total;
}

void prom_hist(struct prom_writer *writer, const struct prom_labels *labels,
	       const struct hist *hist, unsigned int step)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	char value[NUMBER_BYTES_MAX];
	char le[NUMBER_BYTES_MAX];
	uint64_t total = 0;
	uint32_t from = 0;

	assert(step > 0);
	if (!begin_series(writer, labels, &text))
		return;
	for (unsigned int shift = PROM_LE_MIN_SHIFT; shift <= PROM_LE_MAX_SHIFT; shift += step) {
		uint32_t to = bucket_index(1ULL << shift);

		total = add_counts(hist, from, to, total);
		from = to;
		number_text((double)(1ULL << shift) / NS_PER_S, le);
		count_text(total, value);
		add_sample(writer, "_bucket", &text, le, value);
	}
	/* Summed here and not hist->count, so that _count is what +Inf is, whatever came in. */
	total = add_counts(hist, from, BUCKET_COUNT, total);
	count_text(total, value);
	add_sample(writer, "_bucket", &text, "+Inf", value);
	seconds_text(hist->sum_ns, value);
	add_sample(writer, "_sum", &text, NULL, value);
	count_text(total, value);
	add_sample(writer, "_count", &text, NULL, value);
}
