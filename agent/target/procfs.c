/* SPDX-License-Identifier: Apache-2.0 */
#include "target/procfs.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/clock.h"

#define PF_KTHREAD       0x00200000 /* include/linux/sched.h */
#define KERNEL_MINORBITS 20         /* include/linux/kdev_t.h */

int procfs_parse_stat(const char *text, struct procfs_stat *ret_stat)
{
	struct procfs_stat stat = { 0 };
	const char *at;
	unsigned int flags;
	int parent;

	/* The second field is the process' own choice and may hold spaces and brackets. */
	at = strrchr(text, ')');
	if (!at)
		return -EBADMSG;
	/* state ppid pgrp session tty_nr tpgid flags, 12 more, starttime (field 22) */
	if (sscanf(at + 1,
		   " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d"
		   " %" SCNu64,
		   &stat.state, &parent, &flags, &stat.start_ticks) != 4)
		return -EBADMSG;
	stat.parent = parent;
	stat.kernel_thread = flags & PF_KTHREAD;
	*ret_stat = stat;
	return 0;
}

/* The text behind a line's name, e.g. "\t42" for "\nTgid:"; NULL when there is no such line. */
static const char *status_line(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? at + strlen(name) : NULL;
}

int procfs_parse_status(const char *text, struct procfs_status *ret_status)
{
	/* "Name:" is the first line and the process' choice, with newlines escaped. */
	const char *tgid_at = status_line(text, "\nTgid:");
	const char *uid_at = status_line(text, "\nUid:");
	int tgid;
	unsigned int uid;

	if (!tgid_at || !uid_at)
		return -EBADMSG;
	if (sscanf(tgid_at, " %d", &tgid) != 1 || sscanf(uid_at, " %u", &uid) != 1)
		return -EBADMSG;
	*ret_status = (struct procfs_status){ .tgid = tgid, .uid = uid };
	return 0;
}

uint64_t procfs_started_ns(uint64_t start_ticks, uint64_t ticks_per_s, uint64_t boot_ns,
			   uint64_t mono_ns)
{
	uint64_t started_ns, suspended_ns;

	started_ns = start_ticks / ticks_per_s * NS_PER_S +
		     start_ticks % ticks_per_s * NS_PER_S / ticks_per_s;
	suspended_ns = boot_ns > mono_ns ? boot_ns - mono_ns : 0;
	return started_ns > suspended_ns ? started_ns - suspended_ns : 0;
}

int procfs_parse_auxv(struct bytes auxv, uint64_t *ret_entry)
{
	uint64_t key, value;

	for (uint64_t at = 0; bytes_u64(auxv, at, &key) && key != AT_NULL; at += 16) {
		if (!bytes_u64(auxv, at + 8, &value))
			return -ENOENT;
		if (key == AT_ENTRY) {
			*ret_entry = value;
			return 0;
		}
	}
	return -ENOENT;
}

int procfs_parse_elf(struct bytes header, uint64_t *ret_entry, bool *ret_relocated)
{
	Elf64_Ehdr elf;

	if (!bytes_copy(header, 0, &elf, sizeof(elf)) || memcmp(elf.e_ident, ELFMAG, SELFMAG) ||
	    elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	*ret_entry = elf.e_entry;
	*ret_relocated = elf.e_type == ET_DYN;
	return 0;
}

int procfs_parse_mountinfo(const char *text, uint64_t mount_id, uint32_t *ret_dev)
{
	const char *line = text;

	while (line && *line) {
		uint64_t id;
		unsigned int major, minor;

		/* "36 35 98:0 /root /mount/point ...": id, parent's id, device of the superblock */
		if (sscanf(line, "%" SCNu64 " %*u %u:%u ", &id, &major, &minor) == 3 &&
		    id == mount_id) {
			*ret_dev = major << KERNEL_MINORBITS | minor;
			return 0;
		}
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return -ENOENT;
}

uint32_t procfs_kernel_dev(dev_t dev)
{
	return major(dev) << KERNEL_MINORBITS | minor(dev);
}

const char *procfs_environ_get(struct bytes environ, const char *name)
{
	size_t name_size = strlen(name);
	const char *entry;

	for (uint64_t at = 0; (entry = bytes_str(environ, at)); at += strlen(entry) + 1) {
		if (strncmp(entry, name, name_size) == 0 && entry[name_size] == '=')
			return entry + name_size + 1;
	}
	return NULL;
}
