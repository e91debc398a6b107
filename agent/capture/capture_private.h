/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a running capture.
 *
 *   capture.c   the order of things: arm, open, loop, close, conclude
 *   roster.c    processes: who is watched, since when, why not
 *   executables.c  the files they run and the probes on them
 *   release.c   which release a process belongs to
 *   collect.c   what the probes counted, into the summary
 *   symbols.c   addresses to function names
 *   command.c   the command whose lifetime is the window
 */
#ifndef PARKMETER_CAPTURE_PRIVATE_H
#define PARKMETER_CAPTURE_PRIVATE_H

#include <signal.h>

#include "capture/capture.h"

#define MEMBERS_MAX     4096 /* processes in one capture, ended ones included */
#define EXECUTABLES_MAX FILES_MAX
/* Tells that somebody wants to write to a guarded executable; si_fd says which. */
#define EXECUTABLE_SIGNAL SIGRTMIN

/* A process of this capture. Its place in the summary is by index: the arrays there move. */
struct member {
	pid_t pid;
	struct target *target;       /* owned; NULL: it ended before it could be opened */
	const struct binary *binary; /* borrowed; NULL unknown */
	size_t release;
	size_t process;
	bool alive;
	uint64_t enrolled_ns; /* of its configuration on the kernel side; 0: none */
	uint64_t load_bias;
	uint64_t cpu_opened_ns; /* its CPU time when the window opened or it joined */
	uint64_t cpu_last_ns;   /* and as read last */
	uint64_t gc_began_ns;   /* of the cycle that runs, 0 none */
	bool checked;           /* what is believed of its executable was seen to hold in it */
};

/* An executable and its probes. */
struct executable {
	const struct binary *binary; /* borrowed */
	bool usable;                 /* the probes are attached */
	bool inode_wide;             /* for every process that runs it, not for single pids */
	bool guarded;                /* a lease keeps writers out while they are */
	bool stale; /* the file was overwritten: what it holds now is another executable */
	struct target_config config;
	struct gobin_site *sites; /* owned, SITE_COUNT; NULL: not looked for yet */
	char *refused;            /* owned; why not, when !usable */
};

struct symbol_cache;

struct capture {
	const struct capture_options *options;
	struct summary *summary;
	struct binaries *binaries;
	struct exec_watch *watch; /* NULL without --exec */
	struct probe_session *session;
	struct symbol_cache *symbols;
	struct member *members;
	size_t member_count;
	struct executable executables[EXECUTABLES_MAX];
	size_t executable_count;
	bool open;      /* the window */
	bool only_pids; /* nothing but --pid was given: probes trap in those processes alone */
	bool crowded;   /* MEMBERS_MAX or EXECUTABLES_MAX was reached, and said */
	uint64_t dispatches;
	unsigned int missed_starts; /* processes that ended before they could be attached */
	uint32_t last_block;
	struct hist last_hist; /* runnable times of block last_block, for the progress line */
};

/* ---- roster.c ---- */

/* Everything that the selectors mean now, and the --exec files that exist. */
int roster_fill(struct capture *capture, struct err *err);

/* The latest member with that pid, NULL when there is none. */
struct member *roster_find(const struct capture *capture, pid_t pid);

/* The member to which the kernel side charged something; NULL: unknown. */
struct member *roster_find_program(const struct capture *capture, uint32_t tgid, uint32_t program);

void roster_on_exec(struct capture *capture, const struct event_exec *event);
void roster_on_exit(struct capture *capture, const struct event_exit *event);

/* Attaches to the files that appeared where --exec looks. */
int roster_read_watch(struct capture *capture, struct err *err);

/* Reads the CPU time of the living; `opening` makes it the time from which on they are charged. */
void roster_read_cpu(struct capture *capture, bool opening);

/* Checks those that were watched before they had anything to be checked. */
void roster_check(struct capture *capture);

/* Counts the goroutines of the living, where the runtime's memory can be read. */
void roster_count_goroutines(struct capture *capture);

size_t roster_alive(const struct capture *capture);

/* True when a process can still join. */
bool roster_expects(const struct capture *capture);

void roster_release(struct capture *capture);

/* ---- executables.c ---- */

/*
 * The executable with its probes attached: to the file where more than single pids are meant and it
 * can be guarded, else to `pid` (0: not yet). A refusal is kept with its reason. NULL when
 * EXECUTABLES_MAX is reached.
 */
struct executable *executable_get(struct capture *capture, const struct binary *binary, pid_t pid);
/*
 * Holds a process that is to be probed against what is believed of its executable: as peek_check(),
 * and 0 where no probes are meant for it anyway.
 */
int executable_check(struct capture *capture, const struct target *target, struct err *err);
/* Lets the kernel side enrol the processes that exec this file. */
void executable_watch(struct capture *capture, const struct binary *binary);
/* Somebody is about to write to the file behind that descriptor: takes the probes out. */
void executables_on_change(struct capture *capture, int fd);
const struct executable *executable_of_key(const struct capture *capture,
					   const struct file_key *key);

/* ---- release.c  ---- */

/* The index of the release that a process of `binary` (NULL: unknown) belongs to, made when it is
 * new. `version` is what the process announces of itself, or NULL. */
int release_of_process(struct capture *capture, const struct binary *binary, const char *version,
		       size_t *ret_index);

/* ---- collect.c ---- */

/* Takes in the finished blocks. */
int collect_blocks(struct capture *capture, struct err *err);
/* Takes in what is known once the window is closed. */
int collect_totals(struct capture *capture, struct err *err);
/* Resolves the functions of an executable that were seen so far: its file is about to change. */
void collect_names(struct capture *capture, const struct binary *binary);
void collect_stw(struct capture *capture, const struct event_stw *event);
int collect_quality(struct capture *capture, struct err *err);

/* ---- symbols.c ---- */

int symbol_cache_new(struct symbol_cache **ret_cache, struct err *err);
void symbol_cache_free(struct symbol_cache *cache);
DEFINE_FREEP(struct symbol_cache *, symbol_cache_free)

struct symbol {
	const char *function; /* never NULL; "0x4a21f0" where nothing is known */
	const char *file;     /* NULL unknown */
	uint32_t line;
};

/* What stands at a return address of a member; valid until symbol_cache_free(). */
struct symbol symbol_of_return(struct symbol_cache *cache, const struct member *member,
			       uint64_t address);
/* The same for an address that is a function's entry. */
struct symbol symbol_of_entry(struct symbol_cache *cache, const struct member *member,
			      uint64_t address);

/* True for a function of the runtime itself that a user never starts. */
bool symbol_is_system(const char *start_function);

/* ---- command.c ---- */

struct command_run {
	pid_t pid; /* 0: none */
	int pidfd;
	int status; /* exit code, 128 + signal; -1 while it runs */
};

/* Starts argv by PATH, signals unblocked. *ret_run is empty on failure. */
int command_start(char *const *argv, bool output_to_stderr, struct command_run *ret_run,
		  struct err *err);
/* Reaps it when it has ended; true then. */
bool command_ended(struct command_run *run);
void command_signal(const struct command_run *run, int signal_number);
/* Waits for the end and closes the pidfd. */
void command_finish(struct command_run *run);

#endif
