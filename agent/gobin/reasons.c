/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime calls the reasons for which a goroutine waits and the world stops. The numbers
 * change from release to release (runtime/runtime2.go, waitReason; runtime/proc.go, stwReason), the
 * names hardly do: each release is a list of numbered runs.
 */
#include <stddef.h>

#include "gobin/layout.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FROM_ZERO_TO_CHAN                                                                      \
	"", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)", \
		"dumping heap", "garbage collection", "garbage collection scan", "panicwait",  \
		"select", "select (no cases)", "GC assist wait", "GC sweep wait",              \
		"GC scavenge wait", "chan receive", "chan send", "finalizer wait",             \
		"force gc (idle)"
#define SYNC_LOCKS "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock"
#define WORKERS                                                                                  \
	"trace reader (blocked)", "wait for GC cycle", "GC worker (idle)", "GC worker (active)", \
		"preempted", "debug call", "GC mark termination", "stopping the world"
#define TRACING                                                                                    \
	"flushing proc caches", "trace goroutine status", "trace proc status", "page trace flush", \
		"coroutine"
#define WEAK "GC weak to strong wait"

static const char *const wait_17[] = {
	FROM_ZERO_TO_CHAN,
	"semacquire",
	"sleep",
	"sync.Cond.Wait",
	"timer goroutine (idle)",
	"trace reader (blocked)",
	"wait for GC cycle",
	"GC worker (idle)",
	"preempted",
	"debug call",
};

/* 1.20 to 1.23 only append. */
static const char *const wait_20[] = {
	FROM_ZERO_TO_CHAN, "semacquire", "sleep", "sync.Cond.Wait",
	SYNC_LOCKS,        WORKERS,      TRACING, WEAK,
};

static const char *const wait_24[] = {
	FROM_ZERO_TO_CHAN,
	"semacquire",
	"sleep",
	"sync.Cond.Wait",
	SYNC_LOCKS,
	"sync.WaitGroup.Wait",
	WORKERS,
	TRACING,
	WEAK,
	"synctest.Run",
	"synctest.Wait",
	"chan receive (synctest)",
	"chan send (synctest)",
	"select (synctest)",
};

#define SYNCTEST_DURABLE                                                                  \
	"synctest.Run", "synctest.Wait", "chan receive (durable)", "chan send (durable)", \
		"select (durable)", "sync.WaitGroup.Wait (durable)", "cleanup wait"

static const char *const wait_25[] = {
	FROM_ZERO_TO_CHAN, "GOMAXPROCS updater (idle)", "semacquire", "sleep", "sync.Cond.Wait",
	SYNC_LOCKS,        "sync.WaitGroup.Wait",       WORKERS,      TRACING, WEAK,
	SYNCTEST_DURABLE,
};

static const char *const wait_26[] = {
	"",
	"GC assist marking",
	"IO wait",
	"dumping heap",
	"garbage collection",
	"garbage collection scan",
	"panicwait",
	"GC assist wait",
	"GC sweep wait",
	"GC scavenge wait",
	"finalizer wait",
	"force gc (idle)",
	"GOMAXPROCS updater (idle)",
	"semacquire",
	"sleep",
	"chan receive (nil chan)",
	"chan send (nil chan)",
	"select (no cases)",
	"select",
	"chan receive",
	"chan send",
	"sync.Cond.Wait",
	SYNC_LOCKS,
	"sync.WaitGroup.Wait",
	WORKERS,
	TRACING,
	WEAK,
	SYNCTEST_DURABLE,
};

static const struct {
	unsigned int first, last; /* minor versions */
	const char *const *names;
	unsigned int count;
} wait_lists[] = {
	{ 16, 19, wait_17, COUNT(wait_17) },
	{ 20, 21, wait_20, COUNT(wait_20) - 6 }, /* to "stopping the world" */
	{ 22, 22, wait_20, COUNT(wait_20) - 1 }, /* to "coroutine" */
	{ 23, 23, wait_20, COUNT(wait_20) },
	{ 24, 24, wait_24, COUNT(wait_24) },
	{ 25, 25, wait_25, COUNT(wait_25) },
	{ 26, LAYOUT_MINOR_MAX, wait_26, COUNT(wait_26) },
};

/* Go 1.27 runtime/proc.go, unchanged since 1.21. */
static const char *const stw[] = {
	"unknown",
	"GC mark termination",
	"GC sweep termination",
	"write heap dump",
	"goroutine profile",
	"goroutine profile cleanup",
	"all goroutines stack trace",
	"read mem stats",
	"AllThreadsSyscall",
	"GOMAXPROCS",
	"start trace",
	"stop trace",
	"CountPagesInUse (test)",
	"ReadMetricsSlow (test)",
	"ReadMemStatsSlow (test)",
	"PageCachePagesLeaked (test)",
	"ResetDebugLog (test)",
};

const char *reasons_wait(unsigned int minor, unsigned int reason)
{
	for (size_t i = 0; i < COUNT(wait_lists); i++) {
		if (minor < wait_lists[i].first || minor > wait_lists[i].last)
			continue;
		return reason < wait_lists[i].count ? wait_lists[i].names[reason] : NULL;
	}
	return NULL;
}

const char *reasons_stw(unsigned int minor, unsigned int reason)
{
	if (minor < 21 || minor > LAYOUT_MINOR_MAX)
		return NULL;
	return reason < COUNT(stw) ? stw[reason] : NULL;
}
