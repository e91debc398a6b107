/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity of a build, gathered from what a pipeline leaves in the environment. One table says
 * which variable speaks for which field, in order; the trace id follows its own rules.
 */
#include "summary/summary.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "summary/traceparent.h"

#define HOST_NAME_BYTES 256
#define ATTRIBUTES_MAX  64

typedef const char *env_reader(const char *name);

/* `variable` or, where that is NULL, `attribute` of OTEL_RESOURCE_ATTRIBUTES. */
struct origin {
	size_t field; /* offset of a char * in struct context */
	const char *variable;
	const char *attribute;
};

#define FIELD(name) offsetof(struct context, name)

/* The first that says anything wins. */
static const struct origin origins[] = {
	{ FIELD(service), "PARKMETER_SERVICE", NULL },
	{ FIELD(service), "OTEL_SERVICE_NAME", NULL },
	{ FIELD(service), NULL, "service.name" },
	{ FIELD(env), "PARKMETER_ENV", NULL },
	{ FIELD(env), NULL, "deployment.environment.name" },
	{ FIELD(env), NULL, "deployment.environment" }, /* before semantic conventions 1.27 */
	{ FIELD(version), "PARKMETER_VERSION", NULL },
	{ FIELD(version), NULL, "service.version" },
	{ FIELD(commit), "PARKMETER_COMMIT", NULL },
	{ FIELD(commit), "GIT_COMMIT", NULL },
	{ FIELD(commit), NULL, "vcs.ref.head.revision" },
	{ FIELD(build_id), "PARKMETER_BUILD_ID", NULL },
	{ FIELD(build_id), "BUILD_TAG", NULL },
	{ FIELD(pipeline), "PARKMETER_PIPELINE", NULL },
	{ FIELD(pipeline), "JOB_NAME", NULL },
	{ FIELD(build_url), "PARKMETER_BUILD_URL", NULL },
	{ FIELD(build_url), "BUILD_URL", NULL },
	{ FIELD(node), "PARKMETER_NODE", NULL },
	{ FIELD(node), "NODE_NAME", NULL },
};

#define ORIGIN_COUNT (sizeof(origins) / sizeof(origins[0]))

static char **origin_field(struct context *context, size_t origin)
{
	return (char **)((char *)context + origins[origin].field);
}

void context_release(struct context *context)
{
	free(context->service);
	free(context->env);
	free(context->version);
	free(context->commit);
	free(context->build_id);
	free(context->pipeline);
	free(context->build_url);
	free(context->node);
	free(context->trace_id);
	free(context->span_id);
	*context = (struct context){ 0 };
}

/* Copies at most CONTEXT_VALUE_MAX bytes, whole UTF-8 sequences of them. NULL: out of memory. */
static char *copy_value(const char *value)
{
	size_t size = strnlen(value, CONTEXT_VALUE_MAX + 1);

	if (size > CONTEXT_VALUE_MAX) {
		size = CONTEXT_VALUE_MAX;
		while (size && ((unsigned char)value[size] & 0xc0) == 0x80)
			size--;
	}
	return strndup(value, size);
}

/* Sets *field unless it is set already or `value` says nothing. */
static int fill(char **field, const char *value)
{
	if (*field || !value || !value[0])
		return 0;
	*field = copy_value(value);
	return *field ? 0 : -ENOMEM;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes %xx in place. False: an escape is cut short or stands for NUL. */
static bool percent_decode(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		int high, low;

		if (*in != '%') {
			*out++ = *in;
			continue;
		}
		high = hex_value(in[1]);
		low = high < 0 ? -1 : hex_value(in[2]);
		if (low < 0 || high * 16 + low == 0)
			return false;
		*out++ = (char)(high * 16 + low);
		in += 2;
	}
	*out = '\0';
	return true;
}

static char *trim(char *text)
{
	size_t size;

	text += strspn(text, " \t");
	size = strlen(text);
	while (size && (text[size - 1] == ' ' || text[size - 1] == '\t'))
		text[--size] = '\0';
	return text;
}

struct attribute {
	char *key, *value;
};

/*
 * "key=value,key=value", values percent-decoded, into `attributes` (which point into `text`, which
 * this writes to): their number. -EINVAL: a member is malformed, and by OpenTelemetry's resource
 * specification the whole is void then. What is beyond ATTRIBUTES_MAX is checked and left out.
 */
static int attributes_parse(char *text, struct attribute attributes[ATTRIBUTES_MAX])
{
	char *rest = text, *member;
	int count = 0;

	while ((member = strsep(&rest, ","))) {
		struct attribute attribute;
		char *value = strchr(member, '=');

		if (!value && !trim(member)[0])
			continue; /* "a=b," */
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		attribute = (struct attribute){ trim(member), trim(value) };
		if (!attribute.key[0] || !percent_decode(attribute.key) ||
		    !percent_decode(attribute.value))
			return -EINVAL;
		if (count < ATTRIBUTES_MAX)
			attributes[count++] = attribute;
	}
	return count;
}

static int fill_from_attributes(struct context *context, const char *text)
{
	CLEANUP(freep) char *copy = text ? strdup(text) : NULL;
	struct attribute attributes[ATTRIBUTES_MAX] = { 0 };
	int count, r = 0;

	if (!text)
		return 0;
	if (!copy)
		return -ENOMEM;
	count = attributes_parse(copy, attributes);
	for (size_t i = 0; !r && i < ORIGIN_COUNT; i++) {
		for (int j = 0; !r && origins[i].attribute && j < count; j++) {
			if (!strcmp(attributes[j].key, origins[i].attribute))
				r = fill(origin_field(context, i), attributes[j].value);
		}
	}
	return r;
}

static int fill_from_variables(struct context *context, env_reader *get)
{
	int r = 0;

	for (size_t i = 0; !r && i < ORIGIN_COUNT; i++) {
		if (origins[i].variable)
			r = fill(origin_field(context, i), get(origins[i].variable));
	}
	return r;
}

/* Jenkins' BUILD_NUMBER is unique in its job only. */
static int fill_build_id(struct context *context, env_reader *get)
{
	const char *job = get("JOB_NAME"), *number = get("BUILD_NUMBER");
	CLEANUP(freep) char *build_id = NULL;

	if (context->build_id || !job || !job[0] || !number || !number[0])
		return 0;
	if (asprintf(&build_id, "%s#%s", job, number) < 0) {
		build_id = NULL;
		return -ENOMEM;
	}
	return fill(&context->build_id, build_id);
}

static int fill_node(struct context *context)
{
	char name[HOST_NAME_BYTES];

	if (context->node || gethostname(name, sizeof(name)) < 0)
		return 0;
	name[sizeof(name) - 1] = '\0';
	return fill(&context->node, name);
}

static int make_up_trace_id(char **ret_trace_id)
{
	unsigned char bytes[TRACE_ID_DIGITS / 2];
	char digits[TRACE_ID_DIGITS + 1] = "";

	do {
		ssize_t size = getrandom(bytes, sizeof(bytes), 0);

		if (size < 0 && errno != EINTR)
			return -errno;
		if (size != (ssize_t)sizeof(bytes))
			continue;
		for (size_t i = 0; i < sizeof(bytes); i++)
			snprintf(digits + 2 * i, 3, "%02x", bytes[i]);
	} while (!context_trace_id_valid(digits));
	return fill(ret_trace_id, digits);
}

static int fill_trace_ids(struct context *context, env_reader *get, struct err *err)
{
	char trace_id[TRACE_ID_DIGITS + 1], span_id[SPAN_ID_DIGITS + 1];
	const char *parent = get("TRACEPARENT"), *jenkins = get("TRACE_ID");
	int r;

	r = fill(&context->trace_id, get("PARKMETER_TRACE_ID"));
	if (r < 0)
		return err_set(err, r, "out of memory");
	if (context->trace_id && !context_trace_id_valid(context->trace_id))
		return err_set(err, -EINVAL,
			       "the trace id \"%.64s\" is none: give 32 hexadecimal digits in "
			       "lower case, not all zero",
			       context->trace_id);
	/* A span belongs to its trace: without the one there is no use for the other. */
	if (parent && traceparent_parse(parent, trace_id, span_id)) {
		r = fill(&context->trace_id, trace_id);
		if (!r && !strcmp(context->trace_id, trace_id))
			r = fill(&context->span_id, span_id);
	}
	/* Jenkins' OpenTelemetry plugin sets it beside TRACEPARENT. */
	if (!r && context_trace_id_valid(jenkins))
		r = fill(&context->trace_id, jenkins);
	if (r < 0)
		return err_set(err, r, "out of memory");
	if (context->trace_id)
		return 0;
	r = make_up_trace_id(&context->trace_id);
	return r < 0 ? err_set_errno(err, r, "no random bytes for a trace id") : 0;
}

int context_fill(struct context *context, const char *(*getenv_fn)(const char *name),
		 struct err *err)
{
	int r;

	r = fill_from_variables(context, getenv_fn);
	if (!r)
		r = fill_build_id(context, getenv_fn);
	if (!r)
		r = fill_from_attributes(context, getenv_fn("OTEL_RESOURCE_ATTRIBUTES"));
	if (!r)
		r = fill_node(context);
	if (r < 0)
		return err_set(err, r, "out of memory");
	return fill_trace_ids(context, getenv_fn, err);
}
