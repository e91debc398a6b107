/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person sees. The test prints nothing; to look at it:
 *
 *   build/release/tests/unit/summary/test_text two 120 colour
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "unit/summary/sample.h"

/* Takes the summary. */
static void render(struct summary *summary, const struct text_style *style, struct buf *buf)
{
	summary_to_text(summary, style, buf);
	assert_int_equal(buf_status(buf), 0);
	summary_free(summary);
}

/* The text without SGR sequences, which are all that a terminal may be told. */
static char *strip_colours(const char *text)
{
	char *plain = strdup(text), *out = plain;

	assert_non_null(plain);
	for (const char *in = text; *in; in++) {
		if (*in == '\033') {
			assert_int_equal(in[1], '[');
			in += 2 + strspn(in + 2, "0123456789;");
			assert_int_equal(*in, 'm');
			continue;
		}
		*out++ = *in;
	}
	*out = '\0';
	return plain;
}

/* Printable, no line wider than the terminal, no spaces at line ends, a line feed at the end. */
static void assert_fits(const char *text, const struct text_style *style)
{
	CLEANUP(freep) char *plain = strip_colours(text);

	assert_int_equal(plain[strlen(plain) - 1], '\n');
	for (char *line = plain, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (utf8_width(line, (size_t)(end - line)) > style->columns)
			fail_msg("%u columns: %.*s", style->columns, (int)(end - line), line);
		if (!style->colour && end > line)
			assert_int_not_equal(end[-1], ' ');
		for (const char *at = line; at < end; at++) {
			assert_true((unsigned char)*at >= ' ' && *at != 0x7f);
			assert_true(style->unicode || (unsigned char)*at < 0x80);
		}
	}
}

static void assert_says(const struct buf *buf, const char *what)
{
	if (!strstr(buf->data, what))
		fail_msg("nobody says \"%s\" in\n%s", what, buf->data);
}

static void test_every_width_and_style(void **state)
{
	static struct summary *(*const samples[])(void) = { sample_empty, sample_one_release,
							    sample_two_releases };

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		for (unsigned int columns = 80; columns <= 200; columns += 30) {
			for (unsigned int flags = 0; flags < 4; flags++) {
				const struct text_style style = { .colour = flags & 1,
								  .unicode = flags & 2,
								  .columns = columns };
				CLEANUP(buf_release) struct buf buf = BUF_INIT;

				render(samples[i](), &style, &buf);
				assert_fits(buf.data, &style);
			}
		}
	}
}

static void test_colours_change_nothing_else(void **state)
{
	const struct text_style plain = { .unicode = true, .columns = 80 };
	const struct text_style coloured = { .unicode = true, .colour = true, .columns = 80 };
	CLEANUP(buf_release) struct buf a = BUF_INIT, b = BUF_INIT;
	char *stripped;

	(void)state;
	render(sample_two_releases(), &plain, &a);
	render(sample_two_releases(), &coloured, &b);
	assert_non_null(strchr(b.data, '\033'));
	stripped = strip_colours(b.data);
	assert_string_equal(stripped, a.data);
	free(stripped);
}

static void test_two_releases_tell_the_story(void **state)
{
	static const char ending[] =
		"\nv2.3.0: 2,480 goroutines wait in database/sql.(*DB).conn (chan receive); in\n"
		"v2.2.0 it was 1.74 on average (x1,422). They come from\n"
		"example.com/orders/store.(*Store).Order (store/store.go:87).\n";
	const struct text_style style = { .columns = 80 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	(void)state;
	render(sample_two_releases(), &style, &buf);
	assert_true(buf.size > sizeof(ending));
	assert_string_equal(buf.data + buf.size - (sizeof(ending) - 1), ending);
	assert_says(&buf, "-- v2.2.0 -> v2.3.0 ----");
	assert_says(&buf, "  goroutines in database/sql.(*DB).conn    1.74  ->   2,480  x1,422\n");
	assert_says(&buf, "  goroutines                                142  ->   2,860   x20.1\n");
	assert_says(&buf, "2 processes, 2,860 goroutines\n");
	assert_says(&buf, "How long it took: waiting (chan receive)\n");
	assert_says(&buf, "          2,480 goroutines still wait, 14.2s each so far;");
	assert_says(&buf, "          v2.2.0: 3 goroutines still wait");
	/* The runtime's frames are left out, the service's own is there though it lies deep. */
	assert_null(strstr(buf.data, "runtime.gopark"));
	assert_says(&buf, ": 1 more\n");
	assert_says(&buf, "example.com/orders/store.(*Store).Order  store/store.go:87\n");
	assert_null(strstr(buf.data, "GC worker (idle)"));
	assert_says(&buf, "not seen: 412 dispatches");
	assert_says(&buf,
		    "  2 processes ran already when the window opened; 2 started inside of it, "
		    "all\n  seen from the first instruction\n");
	assert_says(&buf, "! /srv/orders/bin/migrate is watched from its exec only");
	assert_says(&buf, "trace 4bf92f3577b34da6a3ce929d0e0e4736");
}

static void test_one_release(void **state)
{
	const struct text_style style = { .columns = 80, .unicode = true };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	(void)state;
	render(sample_one_release(), &style, &buf);
	assert_says(&buf, "p50     p90     p99   p99.9     max  count  blocks\n");
	assert_says(&buf, "  scheduling latency ");
	assert_says(&buf, "    netpoll ");
	assert_says(&buf, "    sync.Mutex.Lock ");
	assert_says(&buf, "  kernel run queue ");
	assert_says(&buf, "    epoll_pwait ");
	assert_says(&buf, "Scheduling latency: runnable → running\n");
	assert_says(&buf, "◂ p99\n");
	assert_says(&buf, "Scheduling latency over time: p99 of each 2 s\n");
	assert_says(&buf, "Goroutines created: 12.0k, 100 a second in each process\n");
	assert_says(&buf, "\nv2.2.0: 99 % of runnable goroutines ran within ");
	assert_null(strstr(buf.data, "v2.3.0 "));
}

/* Who starves as the window closes is in no table. */
static void test_who_waits_at_the_end(void **state)
{
	const struct text_style style = { .columns = 80 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct summary *summary = sample_one_release();

	(void)state;
	summary->releases[0].still_runnable = (struct total){ 3, 900, 400 };
	summary_to_text(summary, &style, &buf);
	assert_null(strstr(buf.data, "wanted to run"));
	buf_clear(&buf);
	summary->releases[0].still_runnable.max_ns = 7000000000;
	render(summary, &style, &buf);
	assert_says(&buf, "3 goroutines wanted to run as the window closed, one of them");
}

static void test_losses_show_only_where_there_are_any(void **state)
{
	const struct text_style style = { .columns = 80 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct summary *summary = sample_one_release();

	(void)state;
	summary->quality.unmatched_execute = 0;
	summary_to_text(summary, &style, &buf);
	assert_null(strstr(buf.data, "not seen"));
	buf_clear(&buf);
	summary->quality.events_dropped = 12;
	summary->releases[0].dropped.blocks = 3;
	render(summary, &style, &buf);
	assert_says(&buf, "not seen: 12 events (exec, exit, stop-the-world) lost: the ring");
	assert_says(&buf, "not seen: 3 blocks: the capture was too long");
}

static void test_processes_that_were_attached_late(void **state)
{
	const struct text_style style = { .columns = 120 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct summary *summary = sample_two_releases();

	(void)state;
	summary->releases[1].processes[0].exec_to_attach_ns = 12000000;
	summary->quality.exec_to_attach_max_ns = 12000000;
	for (size_t i = 0; i < 2; i++)
		summary->releases[0].processes[i].probed = false;
	render(summary, &style, &buf);
	assert_says(&buf, "  2 started inside the window, 1 seen from the first instruction, the "
			  "rest from 12.0ms after exec at the latest\n");
}

static void test_refused_processes_are_named(void **state)
{
	const struct text_style style = { .columns = 80 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct summary *summary = sample_one_release();
	struct process *process;

	(void)state;
	for (int i = 0; i < 9; i++) {
		sample_check(release_add_process(&summary->releases[0], 5000 + i, &process));
		sample_check(summary_set_string(&process->refused, "Go 1.99 is not known"));
	}
	render(summary, &style, &buf);
	assert_says(&buf, "  pid 5004 (?) was not probed: Go 1.99 is not known\n");
	assert_says(&buf, "  4 more processes were not probed\n");
	assert_null(strstr(buf.data, "pid 5005"));
}

static void test_only_one_of_two_was_measured(void **state)
{
	const struct text_style style = { .columns = 80 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct summary *summary = sample_one_release();
	struct release *release;

	(void)state;
	sample_check(summary_add_release(summary, NULL, &release));
	render(summary, &style, &buf);
	assert_says(&buf, "-- orders (no version) --");
	assert_says(&buf, "  scheduling latency ");
	assert_null(strstr(buf.data, " -> (no version)"));
}

static void test_three_releases_compare_the_ends(void **state)
{
	const struct text_style style = { .columns = 80 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct summary *summary = sample_two_releases();
	struct release *release;

	(void)state;
	sample_check(summary_add_release(summary, "v2.4.0", &release));
	sample_fill(&release->runnable, 900000, 5000);
	render(summary, &style, &buf);
	assert_says(&buf, "Compared are the first release and the last");
	assert_says(&buf, "-- v2.2.0 -> v2.4.0 --");
	assert_says(&buf, "v2.4.0 was seen in 0 blocks of 2 s only");
}

static void test_long_versions_are_cut_at_their_beginning(void **state)
{
	const struct text_style style = { .columns = 80 };
	struct summary *summary = sample_two_releases();
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	(void)state;
	sample_check(summary_set_string(&summary->releases[0].version,
					"v0.0.0-20260102030405-4bf92f3577b3"));
	sample_check(summary_set_string(&summary->releases[1].version,
					"v0.0.0-20260807060504-a3ce929d0e0e"));
	render(summary, &style, &buf);
	assert_fits(buf.data, &style);
	assert_says(&buf, "...4bf92f3577b3      ...a3ce929d0e0e  change\n");
	assert_says(&buf, "in database/sql.(*DB).conn  ");
}

static void test_alike_releases(void **state)
{
	const struct text_style style = { .columns = 80 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;
	struct summary *summary = sample_empty();
	struct release *release;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		sample_check(summary_add_release(summary, i ? "v2" : "v1", &release));
		sample_fill(&release->runnable, 900000, 5000);
	}
	render(summary, &style, &buf);
	assert_says(&buf, "\nv2 behaves like v1: nothing changed by a quarter or more.\n");
}

static void test_nothing_was_measured(void **state)
{
	const struct text_style style = { .columns = 80 };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	(void)state;
	render(sample_empty(), &style, &buf);
	assert_string_equal(buf.data, "parkmeter: a capture\n\nNothing was measured: no process "
				      "matched, or none of them did anything.\n");
}

/* Everything from outside is a terminal escape, 300 bytes of it, and cut in mid character. */
static void test_hostile_names(void **state)
{
	char evil[301];
	struct summary *summary = sample_two_releases();
	const struct text_style style = { .columns = 80, .unicode = true, .colour = true };
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(evil); i++)
		evil[i] = "\033]0;\a\033[2J\xc2\x9b\xe2\x80\xae\xff\n"[i % 17];
	evil[300] = '\0';
	for (size_t i = 0; i < summary->release_count; i++) {
		struct release *release = &summary->releases[i];

		sample_check(summary_set_string(&release->version, evil));
		sample_check(summary_set_string(&release->module, evil));
		sample_check(summary_set_string(&release->stacks[0].reason, evil));
		sample_check(summary_set_string(&release->stacks[0].frames[3].function, evil));
		sample_check(summary_set_string(&release->stacks[0].frames[3].file, evil));
		sample_check(summary_set_string(&release->waiting.items[0].name, evil));
		sample_check(summary_set_string(&release->creators[0].creator, evil));
		sample_check(summary_set_string(&release->processes[0].refused, evil));
	}
	sample_check(summary_set_string(&summary->context.service, evil));
	sample_check(summary_set_string(&summary->context.build_id, evil));
	sample_check(summary_add_note(summary, "%s", evil));
	render(summary, &style, &buf);
	{
		CLEANUP(freep) char *plain = strip_colours(buf.data);

		for (const char *at = plain; *at; at++)
			assert_true((unsigned char)*at >= ' ' || *at == '\n');
		assert_null(strstr(plain, "\xc2\x9b"));
		assert_null(strstr(plain, "\xe2\x80\xae"));
		assert_null(strstr(plain, "\xff"));
	}
}

static void test_extreme_numbers(void **state)
{
	const struct text_style style = { .columns = 80, .unicode = true };
	struct summary *summary = sample_two_releases();
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < summary->release_count; i++) {
		struct release *release = &summary->releases[i];

		release->runnable.count = UINT64_MAX;
		release->runnable.sum_ns = UINT64_MAX;
		release->runnable.max_ns = UINT64_MAX;
		memset(release->runnable.counts, 0xff, sizeof(release->runnable.counts));
		release->created = UINT64_MAX;
		release->gc_cycles = UINT64_MAX;
		release->processes[0].goroutines = UINT64_MAX;
		release->stacks[0].sum_ns = UINT64_MAX;
		release->stacks[0].count = UINT64_MAX;
		release->stacks[0].still_waiting = UINT64_MAX;
		release->stacks[0].still_waiting_ns = UINT64_MAX;
		release->blocks[0].index = UINT32_MAX;
	}
	summary->closed_ns = 0;
	summary->opened_wall_ns = UINT64_MAX;
	summary->block_count = UINT32_MAX;
	summary->quality.hit_cost_ns = 1e300;
	render(summary, &style, &buf);
	assert_fits(buf.data, &style);
}

static int show(int argc, char **argv)
{
	const struct text_style style = {
		.columns = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 80,
		.colour = argc > 3,
		.unicode = true
	};
	struct summary *summary = strcmp(argv[1], "two") ? sample_one_release()
							 : sample_two_releases();
	CLEANUP(buf_release) struct buf buf = BUF_INIT;

	summary_to_text(summary, &style, &buf);
	fputs(buf.data, stdout);
	summary_free(summary);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_width_and_style),
		cmocka_unit_test(test_colours_change_nothing_else),
		cmocka_unit_test(test_two_releases_tell_the_story),
		cmocka_unit_test(test_one_release),
		cmocka_unit_test(test_who_waits_at_the_end),
		cmocka_unit_test(test_losses_show_only_where_there_are_any),
		cmocka_unit_test(test_processes_that_were_attached_late),
		cmocka_unit_test(test_refused_processes_are_named),
		cmocka_unit_test(test_only_one_of_two_was_measured),
		cmocka_unit_test(test_three_releases_compare_the_ends),
		cmocka_unit_test(test_long_versions_are_cut_at_their_beginning),
		cmocka_unit_test(test_alike_releases),
		cmocka_unit_test(test_nothing_was_measured),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_extreme_numbers),
	};

	if (argc > 1)
		return show(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
