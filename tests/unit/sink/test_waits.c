/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/waits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *function_of(const char *const *names, size_t count)
{
	struct frame frames[8];
	const struct wait_stack stack = { .frames = frames, .frame_count = count };

	for (size_t i = 0; i < count; i++)
		frames[i] = (struct frame){ .function = (char *)names[i] };
	return wait_function(&stack);
}

#define FUNCTION_OF(...)                                  \
	function_of((const char *const[]){ __VA_ARGS__ }, \
		    sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static void test_first_function_that_is_known(void **state)
{
	(void)state;
	assert_string_equal(FUNCTION_OF("runtime.gopark", "runtime.chanrecv1",
					"database/sql.(*DB).conn", "main.main"),
			    "database/sql.(*DB).conn");
	assert_string_equal(FUNCTION_OF("sync.(*Mutex).Lock", "internal/sync.(*Mutex).lockSlow",
					"a.com/runtime/x.F"),
			    "a.com/runtime/x.F");
	assert_string_equal(FUNCTION_OF("runtime/debug.X", "sync/atomic.Y", "internal/poll.Z",
					"net.(*netFD).Read"),
			    "net.(*netFD).Read");
	assert_string_equal(FUNCTION_OF("time.Sleep", "main.wait"), "main.wait");
	assert_string_equal(FUNCTION_OF("time.AfterFunc"), "time.AfterFunc");
	/* Paths in receivers and type arguments are not the function's package. */
	assert_string_equal(FUNCTION_OF("main.F[go.shape.internal/x.T]", "b.G"),
			    "main.F[go.shape.internal/x.T]");
	assert_string_equal(FUNCTION_OF("sync.OnceValue[go.shape.a.com/b.T].func1", "b.G"), "b.G");
	/* Names that only begin alike. */
	assert_string_equal(FUNCTION_OF("runtimex.F", "b.G"), "runtimex.F");
	assert_string_equal(FUNCTION_OF("syncer/x.F", "b.G"), "syncer/x.F");
	assert_string_equal(FUNCTION_OF("internals.F", "b.G"), "internals.F");
}

static void test_nothing_but_plumbing(void **state)
{
	(void)state;
	assert_string_equal(FUNCTION_OF("runtime.gopark", "runtime.main"), "runtime.main");
	assert_string_equal(FUNCTION_OF(NULL, ""), "unknown");
	assert_string_equal(FUNCTION_OF("runtime.gopark", NULL), "runtime.gopark");
	assert_string_equal(FUNCTION_OF("(", "["), "(");
	assert_string_equal(function_of(NULL, 0), "unknown");
}

static struct wait_stack stack_of(const char *reason, struct frame *frame, uint64_t sum_ns,
				  uint64_t still_waiting)
{
	return (struct wait_stack){ .reason = (char *)reason,
				    .frames = frame,
				    .frame_count = 1,
				    .sum_ns = sum_ns,
				    .still_waiting = still_waiting,
				    .still_waiting_ns = still_waiting * 10 };
}

static void test_sums(void **state)
{
	struct frame f = { .function = (char *)"a.F" };
	struct frame g = { .function = (char *)"a.G" };
	struct wait_stack stacks[] = {
		stack_of("select", &f, 100, 1),    stack_of("chan receive", &g, 300, 2),
		stack_of("select", &f, 50, 3),     stack_of("chan receive", &f, 1000, 0),
		stack_of(NULL, &f, UINT64_MAX, 1), stack_of("sleep", &f, 7, 9),
	};
	const struct release release = { .stacks = stacks, .stack_count = 6 };
	struct waits waits;

	(void)state;
	stacks[5].system = true;
	assert_int_equal(waits_collect(&release, &waits), 0);
	assert_int_equal(waits.place_count, 4);
	assert_string_equal(waits.places[0].reason, "unknown");
	assert_true(waits.places[0].total_ns == UINT64_MAX);
	assert_int_equal(waits.places[1].total_ns, 1000);
	assert_int_equal(waits.places[2].total_ns, 320);
	assert_string_equal(waits.places[2].function, "a.G");
	assert_string_equal(waits.places[3].reason, "select");
	assert_int_equal(waits.places[3].total_ns, 190);
	assert_int_equal(waits.places[3].still_waiting, 4);

	assert_int_equal(waits.reason_count, 3);
	assert_string_equal(waits.reasons[0].reason, "chan receive");
	assert_int_equal(waits.reasons[0].still_waiting, 2);
	assert_string_equal(waits.reasons[1].reason, "select");
	assert_int_equal(waits.reasons[1].still_waiting, 4);
	assert_string_equal(waits.reasons[2].reason, "unknown");
	waits_release(&waits);
	waits_release(&waits);
}

static void test_no_stacks(void **state)
{
	const struct release release = { 0 };
	struct waits waits;

	(void)state;
	assert_int_equal(waits_collect(&release, &waits), 0);
	assert_int_equal(waits.place_count, 0);
	assert_int_equal(waits.reason_count, 0);
	waits_release(&waits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_function_that_is_known),
		cmocka_unit_test(test_nothing_but_plumbing),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_no_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
