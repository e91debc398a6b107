/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of a capture:
 *
 *   1. open the probe session: exec and exit events flow from here on
 *   2. find the processes and files that are meant, attach, let the kernel side know them
 *   3. open the window for everything at one moment; only then start the command
 *   4. loop: events, files that appear, finished blocks, progress
 *   5. close the window, take in what is left, conclude
 *
 * Everything is attached before the window opens and detached by probe_free() alone.
 */
#include "capture/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "capture/capture_private.h"

#define TICK_NS         (NS_PER_S / 2) /* how often finished blocks are taken in */
#define TICKS_PER_BLOCK (BLOCK_NS / TICK_NS)

/* What the loop waits for. */
struct loop {
	int signal_fd;
	int timer_fd;
	struct command_run command;
	uint64_t opened_ns;
	uint64_t progress_at_ns;
	unsigned int ticks;
	unsigned int signals;
	bool done;
};

static int set_id(struct summary *summary)
{
	uint8_t random[4] = { 0 };
	struct tm when;
	time_t now = (time_t)(clock_wall_ns() / NS_PER_S);
	char stamp[32];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	gmtime_r(&now, &when);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &when);
	if (asprintf(&summary->id, "%s-%02x%02x%02x%02x", stamp, random[0], random[1], random[2],
		     random[3]) < 0) {
		summary->id = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int copy_context(struct context *to, const struct context *from)
{
	int r = summary_set_string(&to->service, from->service);

	r = r < 0 ? r : summary_set_string(&to->env, from->env);
	r = r < 0 ? r : summary_set_string(&to->version, from->version);
	r = r < 0 ? r : summary_set_string(&to->commit, from->commit);
	r = r < 0 ? r : summary_set_string(&to->build_id, from->build_id);
	r = r < 0 ? r : summary_set_string(&to->pipeline, from->pipeline);
	r = r < 0 ? r : summary_set_string(&to->build_url, from->build_url);
	r = r < 0 ? r : summary_set_string(&to->node, from->node);
	r = r < 0 ? r : summary_set_string(&to->trace_id, from->trace_id);
	return r < 0 ? r : summary_set_string(&to->span_id, from->span_id);
}

static int describe_machine(struct capture *capture, struct err *err)
{
	struct summary *summary = capture->summary;
	struct utsname machine;
	int r;

	uname(&machine);
	summary->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	summary->command_status = -1;
	r = set_id(summary);
	r = r < 0 ? r : summary_set_string(&summary->kernel, machine.release);
	r = r < 0 ? r : summary_set_string(&summary->agent_version, PARKMETER_VERSION);
	r = r < 0 ? r : copy_context(&summary->context, &capture->options->context);
	return r < 0 ? err_set_errno(err, r, "cannot begin a capture") : 0;
}

/* A capture that nobody named is named after the first process that it finds. */
static int name_service(struct capture *capture)
{
	struct context *context = &capture->summary->context;

	for (size_t i = 0; i < capture->member_count && !context->service; i++) {
		if (capture->members[i].target)
			return summary_set_string(&context->service,
						  capture->members[i].target->service);
	}
	return 0;
}

static bool only_pids(const struct selector *selector)
{
	return selector->pid_count && !selector->exe_count && !selector->exec_count &&
	       !selector->cgroup_count && !selector->container_count && !selector->pod_count &&
	       !selector->service_count;
}

static int open_session(struct capture *capture, struct err *err)
{
	const struct probe_options options = {
		.goroutines = capture->options->lens_probe,
		.reasons = capture->options->reasons,
		.kernel = capture->options->lens_kernel,
		.processes = true,
		.all_execs = true,
		.attach = capture->options->attach,
	};

	return probe_open(&options, &capture->session, err);
}

/* Everything up to the moment in which the window can open. */
static int arm(struct capture *capture, struct err *err)
{
	int r;

	r = describe_machine(capture, err);
	if (r < 0)
		return r;
	r = binaries_new(&capture->binaries, err);
	if (r < 0)
		return r;
	r = symbol_cache_new(&capture->symbols, err);
	if (r < 0)
		return r;
	capture->only_pids = only_pids(&capture->options->selector);
	capture->members = calloc(MEMBERS_MAX, sizeof(*capture->members));
	if (!capture->members)
		return err_set(err, -ENOMEM, "out of memory");
	r = open_session(capture, err);
	if (r < 0)
		return r;
	r = roster_fill(capture, err);
	if (r < 0)
		return r;
	if (capture->options->lens_probe)
		summary_set_string(&capture->summary->attach, probe_attach_name(capture->session));
	if (!roster_alive(capture) && !roster_expects(capture))
		return err_set(err, -ESRCH,
			       "no process to measure: what was asked for ended while the probes "
			       "were attached");
	return name_service(capture);
}

static void on_event(void *user, const struct event_header *event, size_t size_bytes)
{
	struct capture *capture = user;

	if (event->kind == EVENT_EXEC && size_bytes >= sizeof(struct event_exec))
		roster_on_exec(capture, (const struct event_exec *)event);
	else if (event->kind == EVENT_EXIT && size_bytes >= sizeof(struct event_exit))
		roster_on_exit(capture, (const struct event_exit *)event);
	else if (event->kind == EVENT_STW && size_bytes >= sizeof(struct event_stw))
		collect_stw(capture, (const struct event_stw *)event);
}

static int read_events(struct capture *capture, struct err *err)
{
	const struct probe_visitor visitor = { .user = capture, .event = on_event };

	return probe_read_events(capture->session, &visitor, err);
}

static void signals_of_loop(sigset_t *ret_signals)
{
	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGINT);
	sigaddset(ret_signals, SIGTERM);
	sigaddset(ret_signals, EXECUTABLE_SIGNAL);
}

/* From here on signals wait for the loop, those that arming brings included. */
static int loop_open(struct loop *loop, struct err *err)
{
	const struct itimerspec tick = { .it_interval.tv_nsec = TICK_NS,
					 .it_value.tv_nsec = TICK_NS };
	sigset_t signals;

	signals_of_loop(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	loop->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->signal_fd < 0 || loop->timer_fd < 0 ||
	    timerfd_settime(loop->timer_fd, 0, &tick, NULL) < 0)
		return err_set_errno(err, -errno, "cannot wait for signals and time");
	return 0;
}

/* Once the leases are gone, or their signal would end us. */
static void loop_close(struct loop *loop)
{
	struct signalfd_siginfo info;
	sigset_t signals;

	while (loop->signal_fd >= 0 && read(loop->signal_fd, &info, sizeof(info)) > 0)
		;
	closep(&loop->signal_fd);
	closep(&loop->timer_fd);
	signals_of_loop(&signals);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

static void show_progress(struct capture *capture, struct loop *loop, uint64_t now_ns)
{
	const struct capture_options *options = capture->options;
	const struct capture_progress progress = {
		.elapsed_ns = now_ns - loop->opened_ns,
		.duration_ns = options->duration_ns,
		.processes = (unsigned int)roster_alive(capture),
		.dispatches = capture->dispatches,
		.p99_ns = hist_quantile(&capture->last_hist, 0.99),
	};

	if (!options->progress || now_ns < loop->progress_at_ns)
		return;
	loop->progress_at_ns += options->progress_ns ? options->progress_ns : NS_PER_S;
	options->progress(options->user, &progress);
}

static int on_tick(struct capture *capture, struct loop *loop, struct err *err)
{
	uint64_t expirations;
	int r;

	if (read(loop->timer_fd, &expirations, sizeof(expirations)) < 0)
		return 0;
	roster_read_cpu(capture, false);
	if (loop->ticks++ % TICKS_PER_BLOCK == 0) {
		roster_check(capture);
		roster_count_goroutines(capture);
	}
	r = collect_blocks(capture, err);
	if (r == 0)
		show_progress(capture, loop, clock_mono_ns());
	return r;
}

/*
 * Without a command a signal closes the window. With one it is passed on, and the window stays open
 * until the command has ended; the second signal does not ask any more.
 */
static void on_signal(struct capture *capture, struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if ((int)info.ssi_signo == EXECUTABLE_SIGNAL) {
			executables_on_change(capture, info.ssi_fd);
			continue;
		}
		loop->signals++;
		if (!loop->command.pid)
			loop->done = true;
		else if (loop->signals > 1)
			command_signal(&loop->command, SIGKILL);
		else if (info.ssi_code != SI_KERNEL) /* a terminal's ^C reached it by itself */
			command_signal(&loop->command, (int)info.ssi_signo);
	}
}

static bool window_is_over(const struct capture *capture, struct loop *loop, uint64_t now_ns)
{
	const struct capture_options *options = capture->options;

	if (loop->done || (loop->command.pid && command_ended(&loop->command)))
		return true;
	if (options->duration_ns && now_ns - loop->opened_ns >= options->duration_ns)
		return true;
	return !loop->command.pid && !roster_expects(capture) && roster_alive(capture) == 0;
}

static int poll_timeout_ms(const struct capture *capture, const struct loop *loop)
{
	uint64_t now_ns = clock_mono_ns(), end_ns;

	if (!capture->options->duration_ns)
		return -1; /* the timer ticks */
	end_ns = loop->opened_ns + capture->options->duration_ns;
	return end_ns <= now_ns ? 0 : (int)((end_ns - now_ns) / NS_PER_MS % 1000000) + 1;
}

static int loop_run(struct capture *capture, struct loop *loop, struct err *err)
{
	int r = 0;

	while (r == 0 && !window_is_over(capture, loop, clock_mono_ns())) {
		struct pollfd fds[] = {
			{ .fd = probe_event_fd(capture->session), .events = POLLIN },
			{ .fd = loop->signal_fd, .events = POLLIN },
			{ .fd = loop->timer_fd, .events = POLLIN },
			{ .fd = loop->command.pid ? loop->command.pidfd : -1, .events = POLLIN },
			{ .fd = capture->watch ? exec_watch_fd(capture->watch) : -1,
			  .events = POLLIN },
		};

		if (poll(fds, sizeof(fds) / sizeof(fds[0]), poll_timeout_ms(capture, loop)) < 0 &&
		    errno != EINTR)
			return err_set_errno(err, -errno, "cannot wait for events");
		if (fds[1].revents)
			on_signal(capture, loop);
		/* Files before execs: what was put there is attached before it is looked at. */
		if (fds[4].revents)
			r = roster_read_watch(capture, err);
		if (r == 0)
			r = read_events(capture, err);
		if (r == 0 && fds[2].revents)
			r = on_tick(capture, loop, err);
	}
	return r;
}

/* Who interrupts the arming wants neither a window nor the command. */
static bool interrupted(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
}

/* Opens the window, starts the command, and returns when the window is over. */
static int measure(struct capture *capture, struct loop *loop, struct err *err)
{
	const struct capture_options *options = capture->options;
	struct summary *summary = capture->summary;
	int r;

	if (interrupted())
		return err_set(err, -EINTR, "interrupted before the window opened%s",
			       options->command ? "; the command was not started" : "");
	r = read_events(capture, err);
	if (r == 0)
		r = probe_activate(capture->session, &summary->opened_ns, err);
	if (r == 0) {
		capture->open = true;
		loop->opened_ns = summary->opened_ns;
		loop->progress_at_ns = loop->opened_ns + options->progress_ns;
		summary->opened_wall_ns = clock_wall_ns();
		roster_read_cpu(capture, true);
		if (options->armed)
			options->armed(options->user, summary);
		if (options->command)
			r = command_start(options->command, options->command_output_to_stderr,
					  &loop->command, err);
	}
	if (r == 0)
		r = loop_run(capture, loop, err);
	if (capture->open) {
		roster_read_cpu(capture, false);
		roster_count_goroutines(capture);
		probe_deactivate(capture->session, &summary->closed_ns);
	}
	command_finish(&loop->command);
	if (options->command)
		summary->command_status = loop->command.status;
	return r;
}

/* Takes in what the closed window left. */
static int conclude(struct capture *capture, struct err *err)
{
	struct summary *summary = capture->summary;
	struct err ignored = ERR_INIT;
	int r;

	r = read_events(capture, err);
	if (r == 0)
		r = collect_blocks(capture, err);
	if (r == 0)
		r = collect_totals(capture, err);
	if (r < 0)
		return r;
	if (capture->options->lens_probe &&
	    probe_calibrate(&summary->quality.hit_cost_ns, NULL, &ignored) < 0)
		summary_add_note(summary, "the cost of a probe is unknown: %s", ignored.text);
	r = collect_quality(capture, err);
	if (r < 0)
		return r;
	summary->quality.seen_ratio = 1.0;
	if (capture->missed_starts)
		summary_add_note(
			summary,
			"%u process%s that should have been measured ended before the probes "
			"could be attached",
			capture->missed_starts, capture->missed_starts == 1 ? "" : "es");
	r = name_service(capture);
	if (r < 0)
		return err_set(err, r, "out of memory");
	summary_finish(summary);
	return 0;
}

static void capture_release(struct capture *capture)
{
	probe_free(capture->session);
	roster_release(capture);
	symbol_cache_free(capture->symbols);
	binaries_free(capture->binaries);
	summary_free(capture->summary);
}

int capture_run(const struct capture_options *options, struct summary **ret_summary,
		struct err *err)
{
	struct loop loop = { .signal_fd = -1, .timer_fd = -1, .command.pidfd = -1 };
	struct capture capture = { .options = options };
	int r;

	r = loop_open(&loop, err);
	if (r == 0)
		r = summary_new(&capture.summary, err);
	if (r == 0)
		r = arm(&capture, err);
	if (r == 0)
		r = measure(&capture, &loop, err);
	if (r == 0)
		r = conclude(&capture, err);
	if (r == 0)
		*ret_summary = TAKE_PTR(capture.summary);
	capture_release(&capture);
	loop_close(&loop);
	return r;
}
