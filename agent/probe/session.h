/* SPDX-License-Identifier: Apache-2.0 */
/* Private to agent/probe: what one session owns. */
#ifndef PARKMETER_PROBE_SESSION_H
#define PARKMETER_PROBE_SESSION_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe/probe.h"

#include "parkmeter.skel.h"

#define PROBE_BINARIES_MAX    FILES_MAX
#define PROBE_TRACEPOINTS_MAX 8

/* The probes in one executable. */
struct probe_binary {
	uint32_t id;
	dev_t device;
	ino_t inode;
	pid_t pid;                         /* 0: every process that runs it */
	int fd;                            /* borrowed */
	uint64_t offsets[SITE_COUNT];      /* in the file; 0: this site is not used */
	int multi_fd;                      /* -1 none; PROBE_ATTACH_MULTI */
	struct bpf_link *perf[SITE_COUNT]; /* NULL none; PROBE_ATTACH_PERF */
};

struct probe_session {
	struct probe_options options; /* attach is never PROBE_ATTACH_AUTO here */
	struct parkmeter_bpf *skel;
	struct ring_buffer *ring;
	struct bpf_link *tracepoints[PROBE_TRACEPOINTS_MAX];
	size_t tracepoint_count;
	struct probe_binary binaries[PROBE_BINARIES_MAX];
	size_t binary_count;
	bool multi_pid;                      /* the kernel's pid filter means the process */
	const struct probe_visitor *visitor; /* while events are being read */
};

/* attach.c */
int attach_tracepoints(struct probe_session *session, struct err *err);
void attach_release(struct probe_session *session); /* detaches everything; may be repeated */
void attach_suspend(struct probe_session *session); /* takes out the probes, keeps the list */
int attach_resume(struct probe_session *session, struct err *err);

/* How calibrate.c and attach.c create a multi link. Returns its descriptor or -errno. */
int attach_multi_link(int program_fd, const char *path, const uint64_t *offsets,
		      const uint64_t *cookies, unsigned int count, pid_t pid);

/* session.c: probe_open(), or with maps of a few entries, for calibrating. */
int session_open(const struct probe_options *options, bool tiny, struct probe_session **ret_session,
		 struct err *err);

/* load.c: opens and loads the programs that the options need. */
int load_programs(struct probe_options *options, bool tiny, struct parkmeter_bpf **ret_skel,
		  struct err *err);
void load_unload(struct parkmeter_bpf *skel);
DEFINE_FREEP(struct parkmeter_bpf *, load_unload)

/* load.c: libbpf's messages since the last call, the last lines of them; "" none. Never printed. */
const char *load_messages(void);
void load_messages_capture(void);

/* support.c: 6.10 = 6 << 8 | 10; 0 unknown. */
unsigned int support_kernel_version(void);

#endif
