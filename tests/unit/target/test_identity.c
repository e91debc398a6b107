/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "target/identity.h"

#define ID     "4f1e6d0c9b8a7766554433221100ffeeddccbbaa99887766554433221100abcd"
#define ID2    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define UID    "0a1b2c3d-1111-2222-3333-444455556666"
#define UID_SD "0a1b2c3d_1111_2222_3333_444455556666"
#define HASH   "d41d8cd98f00b204e9800998ecf8427e"

/* cgroup path as the runtimes make it -> container, pod, unit (NULL: none) */
static const struct {
	const char *cgroup, *container, *pod, *unit;
} paths[] = {
	{ "/", NULL, NULL, NULL },
	{ "", NULL, NULL, NULL },
	{ "/init.scope", NULL, NULL, NULL },
	{ "/system.slice/orders.service", NULL, NULL, "orders" },
	{ "/system.slice/system-orders.slice/orders@1.service", NULL, NULL, "orders@1" },
	{ "/system.slice/orders.service/worker", NULL, NULL, "orders" },
	{ "/system.slice/docker-" ID ".scope", ID, NULL, NULL },
	{ "/docker/" ID, ID, NULL, NULL },
	{ "/docker/4f1e6d0c9b8a", "4f1e6d0c9b8a", NULL, NULL },
	{ "/docker/buildkit", NULL, NULL, NULL },
	{ "/docker/" ID "/docker/" ID2, ID2, NULL, NULL },
	{ "/docker/" ID "/system.slice/orders.service", ID, NULL, "orders" },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_SD
	  ".slice/cri-containerd-" ID ".scope",
	  ID, UID, NULL },
	{ "/kubepods.slice/kubepods-pod" UID_SD ".slice/crio-" ID ".scope", ID, UID, NULL },
	{ "/kubepods.slice/kubepods-pod" UID_SD ".slice/crio-conmon-" ID ".scope", NULL, UID,
	  NULL },
	{ "/kubepods/besteffort/pod" UID "/" ID, ID, UID, NULL },
	{ "/kubepods/burstable/pod" HASH "/" ID, ID, HASH, NULL },
	{ "/kubepods/pod" UID, NULL, UID, NULL },
	{ "/system.slice/containerd.service/kubepods-burstable-pod" UID_SD
	  ".slice:cri-containerd:" ID,
	  ID, UID, "containerd" },
	{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podless.slice/"
	  "kubelet-kubepods-podless-pod" UID_SD ".slice/cri-containerd-" ID ".scope",
	  ID, UID, NULL },
	{ "/machine.slice/libpod-" ID ".scope/container", ID, NULL, NULL },
	{ "/machine.slice/libpod-conmon-" ID ".scope", NULL, NULL, NULL },
	{ "/libpod_parent/libpod-" ID, ID, NULL, NULL },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", ID, NULL,
	  NULL },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/terminal.service", NULL, NULL,
	  NULL },
	{ "/user.slice/user-0.slice/session-3.scope", NULL, NULL, NULL },
	/* the tail of a UUID is no container */
	{ "/user.slice/user-1000.slice/user@1000.service/vte-spawn-" UID ".scope", NULL, NULL,
	  NULL },
	{ "/lxc/web1/system.slice/orders.service", "web1", NULL, "orders" },
	{ "/lxc.payload.web1", "web1", NULL, NULL },
	{ "/lxc.payload/web1", "web1", NULL, NULL },
	{ "/lxc.payload.", NULL, NULL, NULL },
	{ "/ecs/" HASH "/" ID, ID, NULL, NULL },
	{ "/build/" HASH, NULL, NULL, NULL },
	/* hostile: too long, not hex, no uid */
	{ "/docker/" ID "0", NULL, NULL, NULL },
	{ "/docker/g" ID, NULL, NULL, NULL },
	{ "/docker-.scope", NULL, NULL, NULL },
	{ "/pod/podpod/pod-", NULL, NULL, NULL },
	{ "/.service", NULL, NULL, NULL },
};

static void assert_text(const char *text, const char *wanted, const char *of)
{
	if (!text && !wanted)
		return;
	if (!text || !wanted || strcmp(text, wanted))
		fail_msg("%s: %s instead of %s", of, text ? text : "none",
			 wanted ? wanted : "none");
}

static void test_cgroup_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		CLEANUP(freep) char *container = NULL;
		CLEANUP(freep) char *pod = NULL;
		CLEANUP(freep) char *unit = NULL;

		assert_int_equal(identity_container(paths[i].cgroup, &container), 0);
		assert_int_equal(identity_pod(paths[i].cgroup, &pod), 0);
		assert_int_equal(identity_unit(paths[i].cgroup, &unit), 0);
		assert_text(container, paths[i].container, paths[i].cgroup);
		assert_text(pod, paths[i].pod, paths[i].cgroup);
		assert_text(unit, paths[i].unit, paths[i].cgroup);
	}
}

static void test_every_prefix_of_a_path_is_harmless(void **state)
{
	const char *whole = "/kubepods.slice/kubepods-burstable-pod" UID_SD
			    ".slice/cri-containerd-" ID ".scope";

	(void)state;
	for (size_t i = 0; i < strlen(whole); i++) {
		CLEANUP(freep) char *path = strndup(whole, i);
		CLEANUP(freep) char *container = NULL;
		CLEANUP(freep) char *pod = NULL;

		assert_int_equal(identity_container(path, &container), 0);
		assert_int_equal(identity_pod(path, &pod), 0);
		/* The 64 digits are all that is needed; 12 to 63 behind a runtime's name will do.
		 */
		assert_true(!container || strncmp(container, ID, strlen(container)) == 0);
		assert_true(!pod || strcmp(pod, UID) == 0);
	}
}

static const struct {
	const char *text, *path;
} cgroups[] = {
	{ "0::/system.slice/orders.service\n", "/system.slice/orders.service" },
	{ "0::/\n", "/" },
	{ "0::/a:b:c (deleted)\n", "/a:b:c" },
	/* version 1 alone: the first hierarchy that says more than "/" */
	{ "12:pids:/\n11:cpu,cpuacct:/docker/x\n1:name=systemd:/docker/y\n", "/docker/x" },
	/* both: the unified one where it says something */
	{ "12:pids:/docker/x\n0::/docker/y\n", "/docker/y" },
	{ "12:pids:/docker/x\n0::/\n", "/docker/x" },
	{ "0::/docker/y\n12:pids:/docker/x\n", "/docker/y" },
	{ "", NULL },
	{ "nonsense\n::\n", "" },
	{ "nonsense", NULL },
};

static void test_cgroup_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cgroups) / sizeof(cgroups[0]); i++) {
		CLEANUP(freep) char *path = NULL;

		assert_int_equal(identity_cgroup(cgroups[i].text, &path), 0);
		assert_text(path, cgroups[i].path, cgroups[i].text);
	}
}

static const struct {
	const char *attributes, *key, *value;
} attributes[] = {
	{ "service.name=orders,service.version=v2", "service.name", "orders" },
	{ "service.name=orders,service.version=v2", "service.version", "v2" },
	{ " service.name = orders , x=y", "service.name", "orders" },
	{ "service.names=no,service.name=yes", "service.name", "yes" },
	{ "service.name=or%64%65rs%2Ceu%3d1", "service.name", "orders,eu=1" },
	{ "service.name=a=b", "service.name", "a=b" },
	{ "service.name=%0a%1bx", "service.name", "?x" },
	{ "service.name=", "service.name", NULL },
	{ "service.name", "service.name", NULL },
	{ "service.name=%4", "service.name", NULL },
	{ "service.name=%", "service.name", NULL },
	{ "service.name=%zz", "service.name", NULL },
	{ "service.name=a%00b", "service.name", NULL },
	{ "service.name=%4,x=1", "service.name", NULL },
	{ "", "service.name", NULL },
	{ ",,,=,", "service.name", NULL },
};

static void test_attributes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		CLEANUP(freep) char *value = NULL;

		assert_int_equal(
			identity_attribute(attributes[i].attributes, attributes[i].key, &value), 0);
		assert_text(value, attributes[i].value, attributes[i].attributes);
	}
}

static const struct {
	const char *text, *clean;
} texts[] = {
	{ "orders", "orders" },
	{ "  orders\n", "orders" },
	{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\x80", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac "
							      "\xf0\x9f\x9a\x80" },
	{ "a\x1b[31mb", "a?[31mb" },
	{ "a\xc2\x9b"
	  "b",
	  "a?b" },                 /* CSI as one C1 character */
	{ "\xff\xfe", "??" },      /* no UTF-8 */
	{ "\xc0\xaf", "??" },      /* overlong */
	{ "\xed\xa0\x80", "???" }, /* a surrogate */
	{ "\xf4\x90\x80\x80", "????" },
	{ "a\xe2\x82", "a??" }, /* cut off */
	{ "", NULL },
	{ " \t\n", NULL },
};

static void test_clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(freep) char *clean = NULL;

		assert_int_equal(identity_clean(texts[i].text, &clean), 0);
		assert_text(clean, texts[i].clean, texts[i].text);
	}
}

static void test_clean_is_bounded_between_characters(void **state)
{
	CLEANUP(freep) char *clean = NULL;
	char text[4 * IDENTITY_MAX];

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xbc", 3);
	assert_int_equal(identity_clean(text, &clean), 0);
	assert_int_equal(strlen(clean), IDENTITY_MAX - 1); /* 127 characters of two bytes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroup_paths),
		cmocka_unit_test(test_every_prefix_of_a_path_is_harmless),
		cmocka_unit_test(test_cgroup_file),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_clean_is_bounded_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
