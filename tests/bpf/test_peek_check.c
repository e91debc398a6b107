/* SPDX-License-Identifier: Apache-2.0 */
/* The check of a live process before it is probed, against real programs of several releases. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gobin/internal.h" /* to believe another version of a program than it has */
#include "peek/peek.h"
#include "support/go_program.h"

#define LOOKS 100

struct variant {
	const char *version, *name, *flags;
};

static const struct variant variants[] = {
	{ "1.19", "", "" },
	{ "1.21", "pie", "-buildmode=pie" },
	{ "1.22", "stripped", "-ldflags='-s -w'" },
	{ "1.23", "", "" },
	{ "1.24", "stripped", "-ldflags='-s -w'" },
	{ "1.26", "", "" },
	{ "1.26", "pie-stripped", "-buildmode=pie -ldflags='-s -w'" },
	{ "1.27", "stripped", "-ldflags='-s -w'" },
};

struct subject {
	struct go_program child;
	struct binaries *binaries;
	struct target *target;
	struct gobin_site sites[SITE_COUNT];
};

static struct err err = ERR_INIT;

static void subject_start(struct subject *subject, const struct variant *variant, const char *thing,
			  unsigned int count)
{
	char path[PATH_MAX];

	if (!go_program_build(variant->version, variant->name, variant->flags, path)) {
		print_message("skipped: no Go %s\n", variant->version);
		skip();
	}
	go_program_start(&subject->child, path, thing, count);
	assert_int_equal(binaries_new(&subject->binaries, &err), 0);
	assert_int_equal(target_open(subject->child.pid, subject->binaries, &subject->target, &err),
			 0);
	assert_int_equal(gobin_sites(subject->target->binary->bin, subject->sites, &err), 0);
}

static void subject_end(struct subject *subject)
{
	go_program_end(&subject->child);
	target_free(subject->target);
	binaries_free(subject->binaries);
}

static int check(const struct subject *subject)
{
	return peek_check(subject->target, subject->sites, &err);
}

/* Also while goroutines come, go, wait and grow their stacks. */
static void what_is_believed_holds(void **state)
{
	const struct variant *variant = *state;
	struct subject subject;

	subject_start(&subject, variant, "spawn", 300000);
	assert_int_equal(check(&subject), 0);
	go_program_go(&subject.child);
	for (int i = 0; i < LOOKS; i++) {
		if (check(&subject) != 0)
			fail_msg("Go %s, look %d: %s", variant->version, i, err.text);
	}
	kill(subject.child.pid, SIGKILL);
	subject_end(&subject);
}

static void another_layout_is_seen(void **state)
{
	static const unsigned int minors[] = { 19, 23 };
	struct subject subject;

	(void)state;
	subject_start(&subject, &(struct variant){ "1.26", "", "" }, "idle", 1);
	for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++) {
		struct gobin *bin = subject.target->binary->bin;
		struct go_release truth = bin->release;

		bin->release.minor = minors[i];
		assert_int_equal(check(&subject), -ENOTSUP);
		assert_non_null(strstr(err.text, "does not have the layout"));
		bin->release = truth;
	}
	assert_int_equal(check(&subject), 0);
	subject_end(&subject);
}

static void write_code(const struct subject *subject, uint64_t address, uint8_t byte)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)subject->child.pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)address), 1);
	close(fd);
}

static void other_code_is_seen(void **state)
{
	struct subject subject;
	uint64_t address;
	uint8_t code[2];

	(void)state;
	subject_start(&subject, &(struct variant){ "1.26", "", "" }, "idle", 1);
	address = subject.sites[SITE_EXECUTE].address;
	assert_int_equal(pread(subject.target->binary->fd, code, sizeof(code),
			       (off_t)subject.sites[SITE_EXECUTE].file_offset),
			 sizeof(code));
	kill(subject.child.pid, SIGSTOP);
	write_code(&subject, address + 1, code[1] ^ 1);
	assert_int_equal(check(&subject), -ENOTSUP);
	assert_non_null(strstr(err.text, "runtime.execute"));
	write_code(&subject, address + 1, code[1]);
	/* Somebody else traces there: no reason to refuse. */
	write_code(&subject, address, 0xcc);
	assert_int_equal(check(&subject), 0);
	write_code(&subject, address, code[0]);
	/* It is somewhere else. */
	subject.target->load_bias += 1 << 20;
	assert_int_equal(check(&subject), -ENOTSUP);
	subject.target->load_bias -= 1 << 20;
	assert_int_equal(check(&subject), 0);
	kill(subject.child.pid, SIGCONT);
	subject_end(&subject);
}

static void an_ended_process_is_said_to_be_one(void **state)
{
	struct subject subject;

	(void)state;
	subject_start(&subject, &(struct variant){ "1.26", "", "" }, "idle", 1);
	kill(subject.child.pid, SIGKILL);
	go_program_end(&subject.child);
	assert_int_equal(check(&subject), -ESRCH);
	target_free(subject.target);
	binaries_free(subject.binaries);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(variants) / sizeof(variants[0]) + 3];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		tests[count++] = (struct CMUnitTest){ .name = "what_is_believed_holds",
						      .test_func = what_is_believed_holds,
						      .initial_state = (void *)&variants[i] };
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(another_layout_is_seen);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(other_code_is_seen);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(an_ended_process_is_said_to_be_one);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
