/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no BPF: the wire format, the buckets, support, and what is refused without rights. */
#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/session.h"

/* Keys are compared byte by byte by the kernel: padding would make two of one. */
_Static_assert(sizeof(struct target_config) == 10 * 4 + 4 * 4 + 4 * 8, "padding");
_Static_assert(sizeof(struct file_key) == 8 + 4 + 4, "padding");
_Static_assert(sizeof(struct hist_key) == 4 + 4 + 2 + 2, "padding");
_Static_assert(sizeof(struct hist_value) == 8 + 8 + 4 * BUCKET_COUNT, "padding");
_Static_assert(sizeof(struct wait_key) == 8 + 4 + 4 + 4 + 4, "padding");
_Static_assert(sizeof(struct created_key) == 8 + 8 + 4 + 4, "padding");
_Static_assert(sizeof(struct syscall_key) == 8 + 4 + 4 + 4 + 4, "padding");
_Static_assert(sizeof(struct stall_key) == 8 + 4 * 4, "padding");
_Static_assert(sizeof(struct goroutine_key) == 8 + 4 + 4, "padding");
_Static_assert(sizeof(struct goroutine_value) == 2 * 8 + 3 + 5, "padding");
_Static_assert(sizeof(struct event_header) == 4 + 4 + 8, "padding");
_Static_assert(sizeof(struct event_exec) == 16 + 16 + 4 + 4 + 16, "padding");
_Static_assert(sizeof(struct event_fork) == 16 + 4 + 4, "padding");
_Static_assert(sizeof(struct event_stw) == 16 + 8 + 8 + 4 + 4, "padding");
_Static_assert(COUNTER_HIT + SITE_COUNT <= COUNTER_FOREIGN, "sites and counters overlap");
_Static_assert(SYSCALL_MAX <= 4096 && WAIT_REASONS_MAX <= 4096, "a histogram's sub has 12 bits");
_Static_assert(METRIC_COUNT <= 16, "a histogram's metric has 4 bits");

/* The rule in plain arithmetic: the widest bucket that starts at or below the value. */
static void buckets_hold_what_they_say(void **state)
{
	(void)state;
	for (uint64_t ns = 0; ns < 1000000; ns += ns < 2000 ? 1 : 97) {
		uint32_t index = bucket_index(ns);

		assert_true(bucket_lower_ns(index) <= ns);
		assert_true(ns < bucket_lower_ns(index + 1));
	}
	for (uint32_t index = 1; index < BUCKET_COUNT; index++) {
		uint64_t lower = bucket_lower_ns(index);

		assert_int_equal(bucket_index(lower), index);
		assert_int_equal(bucket_index(lower - 1), index - 1);
		assert_true(index == BUCKET_COUNT - 1 ||
			    (bucket_lower_ns(index + 1) - lower) * BUCKET_SUBS <= lower);
	}
	assert_int_equal(bucket_index(UINT64_MAX), BUCKET_COUNT - 1);
}

static void support_names_the_kernel(void **state)
{
	struct probe_support support;
	struct utsname name;
	unsigned int major, minor;

	(void)state;
	assert_int_equal(uname(&name), 0);
	probe_support_read(&support);
	assert_string_equal(support.kernel, name.release);
	assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
	assert_int_equal(support_kernel_version(), major << 8 | minor);
	assert_int_equal(support.btf, access("/sys/kernel/btf/vmlinux", R_OK) == 0);
	assert_true(support.libbpf[0] >= '1');
	/* uprobe_multi came with 6.6, the guard with 6.10. */
	if (support.btf) {
		assert_true(support.multi || major < 6 || (major == 6 && minor < 6));
		assert_true(support.guard || major < 6 || (major == 6 && minor < 10));
	}
	assert_int_equal(support.lockdown,
			 support.lockdown_mode[0] && strcmp(support.lockdown_mode, "none"));
}

/* What libbpf says is kept, the end of it, on one line, and handed out once. */
static void messages_are_the_end_on_one_line(void **state)
{
	static char object[8192];
	char *long_name;
	const char *said;

	(void)state;
	load_messages_capture();
	assert_string_equal(load_messages(), "");
	/* A file that is no ELF object makes libbpf complain, with its name. */
	memset(object, 'x', sizeof(object));
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "nonsense");
	assert_null(bpf_object__open_mem(object, sizeof(object), &options));
	said = load_messages();
	assert_non_null(strstr(said, "ELF"));
	assert_null(strchr(said, '\n'));
	assert_string_equal(load_messages(), "");

	/* More than is kept. */
	long_name = calloc(1, 6001);
	assert_non_null(long_name);
	memset(long_name, 'n', 6000);
	options.object_name = long_name;
	for (int i = 0; i < 3; i++)
		assert_null(bpf_object__open_mem(object, sizeof(object), &options));
	assert_in_range(strlen(load_messages()), 1, 600);
	free(long_name);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = {};

	if (syscall(SYS_capset, &header, none) < 0)
		_exit(10);
}

/* In a child without capabilities: exit status 0 when opening was refused as it should be. */
static void refused_without_capabilities(void **state)
{
	int status;
	pid_t child;

	(void)state;
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0) {
		print_message("skipped: this kernel has no BTF\n");
		skip();
	}
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const struct probe_options options = { .goroutines = true };
		struct probe_session *session = NULL;
		struct err err = ERR_INIT;
		double ignored;

		drop_capabilities();
		if (probe_open(&options, &session, &err) != -EPERM || session)
			_exit(1);
		if (!strstr(err.text, "CAP_BPF and CAP_PERFMON") ||
		    !strstr(err.text, "run as root"))
			_exit(2);
		_exit(probe_calibrate(&ignored, NULL, &err) == -EPERM ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void freeing_nothing_is_allowed(void **state)
{
	(void)state;
	probe_free(NULL);
	load_unload(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_hold_what_they_say),
		cmocka_unit_test(support_names_the_kernel),
		cmocka_unit_test(messages_are_the_end_on_one_line),
		cmocka_unit_test(refused_without_capabilities),
		cmocka_unit_test(freeing_nothing_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
