/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executables seen so far. An entry of a Go program keeps its file open: probes attach through
 * that descriptor, and as long as it is open the inode number cannot be given to another file, so
 * that (device, inode, size, modification time) means the same content.
 */
#include "target/binaries.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "target/procfs.h"

#define MOUNTINFO_MAX (16 * 1024 * 1024)

struct entry {
	struct binary binary;
	struct stat stat; /* as it was when it was loaded */
	bool overlay;
};

struct binaries {
	struct entry **items; /* each on its own: the binaries handed out never move */
	size_t count;
};

static void entry_free(struct entry *entry)
{
	if (!entry)
		return;
	gobin_free(entry->binary.bin);
	free(entry->binary.refused);
	free(entry->binary.path);
	closep(&entry->binary.fd);
	free(entry);
}

DEFINE_FREEP(struct entry *, entry_free)

int binaries_new(struct binaries **ret_binaries, struct err *err)
{
	struct binaries *binaries = calloc(1, sizeof(*binaries));

	if (!binaries)
		return err_set(err, -ENOMEM, "out of memory");
	*ret_binaries = binaries;
	return 0;
}

void binaries_free(struct binaries *binaries)
{
	if (!binaries)
		return;
	for (size_t i = 0; i < binaries->count; i++)
		entry_free(binaries->items[i]);
	free(binaries->items);
	free(binaries);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct entry *find_entry(const struct binaries *binaries, const struct stat *stat)
{
	for (size_t i = 0; i < binaries->count; i++) {
		if (same_file(&binaries->items[i]->stat, stat))
			return binaries->items[i];
	}
	return NULL;
}

static bool on_overlay(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

/*
 * The entry that is the same inode beneath overlayfs. Overlayfs passes on inode number, size and
 * times of the file beneath (fs/overlayfs/inode.c: ovl_getattr); two files that agree in the change
 * time to the nanosecond now, both held open, are one.
 */
static struct entry *find_beneath(const struct binaries *binaries, const struct entry *entry)
{
	const struct stat *mine = &entry->stat;

	for (size_t i = 0; i < binaries->count; i++) {
		struct entry *other = binaries->items[i];
		struct stat theirs;

		if (!other->binary.bin || (!other->overlay && !entry->overlay) ||
		    fstat(other->binary.fd, &theirs) < 0)
			continue;
		if (theirs.st_ino == mine->st_ino && theirs.st_size == mine->st_size &&
		    theirs.st_ctim.tv_sec == mine->st_ctim.tv_sec &&
		    theirs.st_ctim.tv_nsec == mine->st_ctim.tv_nsec)
			return other;
	}
	return NULL;
}

static bool mount_device(int dir_fd, const char *path, uint64_t mount_id, uint32_t *ret_dev)
{
	CLEANUP(freep) char *mountinfo = NULL;

	if (file_read(dir_fd, path, MOUNTINFO_MAX, &mountinfo, NULL, NULL) < 0)
		return false;
	return procfs_parse_mountinfo(mountinfo, mount_id, ret_dev) == 0;
}

/* The superblock's device; see struct binary. A device with a major number is a real one. */
static uint32_t kernel_device(int fd, int proc_fd, const struct stat *stat)
{
	uint32_t dev = procfs_kernel_dev(stat->st_dev);
	struct statx extended;

	if (major(stat->st_dev) != 0)
		return dev;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &extended) < 0 ||
	    !(extended.stx_mask & STATX_MNT_ID))
		return dev;
	if (proc_fd >= 0 && mount_device(proc_fd, "mountinfo", extended.stx_mnt_id, &dev))
		return dev;
	mount_device(AT_FDCWD, "/proc/self/mountinfo", extended.stx_mnt_id, &dev);
	return dev;
}

/* Failures that say something about this process' means, not about the file. */
static bool is_transient(int code)
{
	return code == -ENOMEM || code == -EMFILE || code == -ENFILE || code == -EIO ||
	       code == -EINTR;
}

/* True for what can be a program of this machine's 64-bit kind. */
static bool is_elf64(int fd)
{
	uint8_t header[64];
	uint64_t entry;
	bool relocated;

	return pread(fd, header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
	       procfs_parse_elf((struct bytes){ header, sizeof(header) }, &entry, &relocated) == 0;
}

/* The sentence without the name under which gobin saw the file: "cannot use NAME: ". */
static const char *reason_behind(const struct err *reason, const char *name)
{
	const char *at = strstr(reason->text, name);

	if (at && strncmp(at + strlen(name), ": ", 2) == 0)
		return at + strlen(name) + 2;
	return reason->text[0] ? reason->text : strerror(-reason->code);
}

/* Loads the file behind binary->fd, which stays open only when it is worth attaching to. */
static int load_entry(const struct binaries *binaries, struct entry *entry, struct err *err)
{
	struct binary *binary = &entry->binary;
	struct entry *beneath = find_beneath(binaries, entry);
	struct err reason = ERR_INIT;
	char path[sizeof("/proc/self/fd/") + 12];
	int r;

	if (beneath) {
		binary->bin = gobin_ref(beneath->binary.bin);
		binary->same_as = beneath->binary.same_as ? beneath->binary.same_as
							  : beneath->binary.id;
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", binary->fd);
	r = gobin_load(AT_FDCWD, path, &binary->bin, &reason);
	if (r == 0)
		return 0;
	reason.code = r;
	if (is_transient(r))
		return err_set(err, r, "cannot analyse %s: %s", binary->path,
			       reason_behind(&reason, path));
	/* Of a 32-bit program nobody looked whether it is a Go program. */
	binary->refused_code = r == -ENOTSUP && !is_elf64(binary->fd) ? -ENOEXEC : r;
	binary->refused = strdup(reason_behind(&reason, path));
	if (!binary->refused)
		return err_set(err, -ENOMEM, "out of memory");
	closep(&binary->fd);
	return 0;
}

/* Takes over *fd. */
static int new_entry(struct binaries *binaries, int *fd, const struct stat *stat, int proc_fd,
		     const char *shown_path, struct entry **ret_entry, struct err *err)
{
	CLEANUP(entry_freep) struct entry *entry = NULL;
	struct entry **items;
	int r;

	if (binaries->count >= BINARIES_MAX)
		return err_set(err, -ENOSPC,
			       "more than %d different executables run here; select fewer "
			       "processes, by --exe, --service or --cgroup",
			       BINARIES_MAX);
	entry = calloc(1, sizeof(*entry));
	items = reallocarray(binaries->items, binaries->count + 1, sizeof(struct entry *));
	if (items)
		binaries->items = items;
	if (!entry || !items) {
		free(TAKE_PTR(entry)); /* its descriptor is not set yet */
		return err_set(err, -ENOMEM, "out of memory");
	}
	entry->binary.fd = TAKE_FD(*fd);
	entry->stat = *stat;
	entry->overlay = on_overlay(entry->binary.fd);
	entry->binary.id = (uint32_t)binaries->count + 1;
	entry->binary.key.inode = stat->st_ino;
	entry->binary.path = strdup(shown_path);
	if (!entry->binary.path)
		return err_set(err, -ENOMEM, "out of memory");
	entry->binary.key.dev = kernel_device(entry->binary.fd, proc_fd, stat);
	r = load_entry(binaries, entry, err);
	if (r < 0)
		return r;
	*ret_entry = binaries->items[binaries->count++] = TAKE_PTR(entry);
	return 0;
}

static int get_file(struct binaries *binaries, int dir_fd, const char *path, int proc_fd,
		    const char *shown_path, const struct binary **ret_binary, struct err *err)
{
	CLEANUP(closep) int fd = -1;
	struct entry *entry;
	struct stat stat;
	int r;

	/* O_NONBLOCK: a FIFO in place of an executable must not hold us. */
	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set_errno(err, -errno, "cannot open %s", shown_path);
	if (fstat(fd, &stat) < 0)
		return err_set_errno(err, -errno, "cannot stat %s", shown_path);
	if (!S_ISREG(stat.st_mode))
		return err_set(err, -ENOEXEC, "%s is no regular file", shown_path);
	entry = find_entry(binaries, &stat);
	if (!entry) {
		r = new_entry(binaries, &fd, &stat, proc_fd, shown_path, &entry, err);
		if (r < 0)
			return r;
	}
	*ret_binary = &entry->binary;
	return 0;
}

int binaries_get(struct binaries *binaries, int dir_fd, const char *path,
		 const struct binary **ret_binary, struct err *err)
{
	assert(binaries && path && ret_binary);
	return get_file(binaries, dir_fd, path, -1, path, ret_binary, err);
}

int binaries_get_exe(struct binaries *binaries, int proc_fd, const char *shown_path,
		     const struct binary **ret_binary, struct err *err)
{
	return get_file(binaries, proc_fd, "exe", proc_fd, shown_path, ret_binary, err);
}
