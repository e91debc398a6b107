/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the running kernel and our own privileges allow. Everything is looked up, nothing is tried
 * out: features by the kernel's BTF, which needs no privilege, privileges by the effective set.
 */
#include <bpf/btf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "probe/session.h"

#define SMALL_FILE_BYTES 4096
/* linux/capability.h of older build machines lacks these two. */
#define CAPABILITY_PERFMON  38
#define CAPABILITY_BPF      39
#define PID_NAMESPACE_FIRST 0xeffffffc

static bool read_small(const char *path, char text[SMALL_FILE_BYTES])
{
	CLEANUP(freep) char *data = NULL;

	if (file_read(AT_FDCWD, path, SMALL_FILE_BYTES - 1, &data, NULL, NULL) < 0)
		return false;
	snprintf(text, SMALL_FILE_BYTES, "%s", data);
	return true;
}

static void read_capabilities(struct probe_support *support)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	uint64_t effective;

	if (syscall(SYS_capget, &header, data) < 0)
		return;
	effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	support->cap_bpf = effective >> CAPABILITY_BPF & 1;
	support->cap_perfmon = effective >> CAPABILITY_PERFMON & 1;
	support->cap_sys_admin = effective >> CAP_SYS_ADMIN & 1;
	support->cap_sys_ptrace = effective >> CAP_SYS_PTRACE & 1;
	support->cap_sys_resource = effective >> CAP_SYS_RESOURCE & 1;
	support->cap_dac_read_search = effective >> CAP_DAC_READ_SEARCH & 1;
}

/* The programs see the pids of the first namespace, which has this number (include/linux/proc_ns.h,
 * PROC_PID_INIT_INO). */
static bool in_host_pid_namespace(void)
{
	struct stat namespace;

	return stat("/proc/self/ns/pid", &namespace) < 0 || namespace.st_ino == PID_NAMESPACE_FIRST;
}

/* The file reads "none [integrity] confidentiality": the mode in force is in brackets. */
static void read_lockdown(struct probe_support *support)
{
	char text[SMALL_FILE_BYTES];
	char *mode, *end;

	if (!read_small("/sys/kernel/security/lockdown", text))
		return;
	mode = strchr(text, '[');
	end = mode ? strchr(mode, ']') : NULL;
	if (!end)
		return;
	*end = '\0';
	snprintf(support->lockdown_mode, sizeof(support->lockdown_mode), "%s", mode + 1);
	support->lockdown = strcmp(support->lockdown_mode, "none") != 0;
}

static void read_features(struct probe_support *support)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf) {
		support->btf_error = errno == ENOENT ? 0 : -errno;
		return;
	}
	support->btf = true;
	support->multi =
		btf__find_by_name_kind(btf, "bpf_uprobe_multi_link_attach", BTF_KIND_FUNC) > 0;
	support->guard = btf__find_by_name_kind(btf, "bpf_preempt_disable", BTF_KIND_FUNC) > 0;
	support->registers = btf__find_by_name_kind(btf, "bpf_task_pt_regs", BTF_KIND_FUNC) > 0;
	btf__free(btf);
}

unsigned int support_kernel_version(void)
{
	unsigned int major, minor;
	struct utsname name;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return major << 8 | (minor & 0xff);
}

void probe_support_read(struct probe_support *ret_support)
{
	struct probe_support support = { .perf_event_paranoid = -1 };
	char text[SMALL_FILE_BYTES];
	struct utsname name;

	load_messages_capture();
	read_capabilities(&support);
	read_lockdown(&support);
	read_features(&support);
	support.host_pids = in_host_pid_namespace();
	if (uname(&name) == 0)
		snprintf(support.kernel, sizeof(support.kernel), "%s", name.release);
	snprintf(support.libbpf, sizeof(support.libbpf), "%u.%u", libbpf_major_version(),
		 libbpf_minor_version());
	if (read_small("/proc/sys/kernel/perf_event_paranoid", text))
		support.perf_event_paranoid = (int)strtol(text, NULL, 10);
	*ret_support = support;
}
