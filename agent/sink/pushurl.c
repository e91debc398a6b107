/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/pushurl.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/http.h"
#include "base/utf8.h"

#define JOB_DEFAULT "parkmeter"
#define KEY_COUNT   5

struct key_label {
	const char *name;
	const char *value; /* NULL: no part of the key */
};

static void grouping_key(const struct push_options *options, const struct context *context,
			 struct key_label ret_key[KEY_COUNT])
{
	ret_key[0] = (struct key_label){ "job", options->job ? options->job : JOB_DEFAULT };
	ret_key[1] = (struct key_label){ "service", context->service };
	ret_key[2] = (struct key_label){ "env", context->env };
	ret_key[3] = (struct key_label){ "pipeline", context->pipeline };
	ret_key[4] = (struct key_label){ "node", context->node };
}

/* RFC 3986's unreserved characters: they stand for themselves everywhere in a URL. */
static bool is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

/*
 * True for what percent-encoding does not carry through proxies and routers as it is: a slash (many
 * decode %2F and split there), dot segments (removed on the way), control and non-ASCII bytes.
 */
static bool needs_base64(const char *value)
{
	if (strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return true;
	for (; *value; value++)
		if (*value == '/' || (unsigned char)*value < ' ' || (unsigned char)*value >= 0x7f)
			return true;
	return false;
}

/* The padding stands alone where there is nothing, because a path segment must not be empty
 * (Pushgateway 1.5.1, README). */
void push_add_base64(struct buf *buf, const char *value)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *data = (const unsigned char *)value;
	size_t size = strlen(value);

	if (!size)
		buf_add_char(buf, '=');
	for (size_t i = 0; i < size; i += 3) {
		size_t part = size - i < 3 ? size - i : 3;
		uint32_t bits = (uint32_t)data[i] << 16;

		if (part > 1)
			bits |= (uint32_t)data[i + 1] << 8;
		if (part > 2)
			bits |= data[i + 2];
		for (size_t j = 0; j <= part; j++)
			buf_add_char(buf, alphabet[(bits >> (18 - 6 * j)) & 63]);
	}
}

static void add_percent(struct buf *buf, const char *value)
{
	for (; *value; value++) {
		if (is_unreserved((unsigned char)*value))
			buf_add_char(buf, *value);
		else
			buf_addf(buf, "%%%02X", (unsigned char)*value);
	}
}

static void add_label(struct buf *buf, const struct key_label *label)
{
	if (!*label->value || needs_base64(label->value)) {
		buf_addf(buf, "/%s@base64/", label->name);
		push_add_base64(buf, label->value);
	} else {
		buf_addf(buf, "/%s/", label->name);
		add_percent(buf, label->value);
	}
}

void push_base_url(const struct push_options *options, const char *path, struct buf *buf)
{
	size_t size = strlen(options->url);

	while (size && options->url[size - 1] == '/')
		size--;
	buf_add(buf, options->url, size);
	buf_add_str(buf, path);
}

static int check_base_url(const struct push_options *options, struct err *err)
{
	CLEANUP(buf_release) struct buf shown = BUF_INIT;
	int r;

	r = http_url_redact(options->url, &shown, err);
	if (r < 0)
		return err_wrap(err, r, "push: the Pushgateway's address is wrong");
	if (strpbrk(options->url, "?#"))
		return err_set(err, -EINVAL,
			       "cannot push to %s: a Pushgateway's address has no ? or #; end it "
			       "behind host, port and route prefix",
			       shown.data);
	return 0;
}

static int check_label(const struct key_label *label, struct err *err)
{
	if (!*label->value && strcmp(label->name, "job") == 0)
		return err_set(err, -EINVAL, "cannot push under an empty job; leave it out for %s",
			       JOB_DEFAULT);
	if (strlen(label->value) > PUSH_LABEL_BYTES_MAX)
		return err_set(err, -EINVAL,
			       "cannot push under a %s of %zu bytes: it is part of the group's "
			       "address; set one of at most %d bytes",
			       label->name, strlen(label->value), PUSH_LABEL_BYTES_MAX);
	if (!utf8_valid(label->value))
		return err_set(err, -EINVAL,
			       "cannot push under a %s that is not UTF-8; set another",
			       label->name);
	return 0;
}

int push_url(const struct push_options *options, const struct context *context, struct buf *buf,
	     struct err *err)
{
	struct key_label key[KEY_COUNT];
	int r;

	assert(options->url);
	r = check_base_url(options, err);
	if (r < 0)
		return r;
	grouping_key(options, context, key);
	push_base_url(options, "/metrics", buf);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (!key[i].value)
			continue;
		r = check_label(&key[i], err);
		if (r < 0)
			return r;
		add_label(buf, &key[i]);
	}
	if (buf_status(buf) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

json_t *push_group_labels(const struct push_options *options, const struct context *context)
{
	struct key_label key[KEY_COUNT];
	json_t *labels = json_object();

	grouping_key(options, context, key);
	for (size_t i = 0; labels && i < KEY_COUNT; i++) {
		if (!key[i].value)
			continue;
		if (json_object_set_new(labels, key[i].name, json_string(key[i].value)) < 0) {
			json_decref(labels);
			return NULL;
		}
	}
	return labels;
}
