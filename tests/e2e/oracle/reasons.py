# SPDX-License-Identifier: Apache-2.0
"""
What a wait reason of the Go runtime is called in an execution trace, where reasons are coarser.

From the calls of gopark() and semacquire1(), which name both: Go 1.22.12 and 1.26.10,
runtime/{chan,select,sema,netpoll,time,mgc,mgcmark,mgcsweep,mgcscavenge,mfinal,proc}.go with the
strings of runtime/traceruntime.go (1.22: trace2runtime.go); Go 1.19.8, the same files with
runtime/trace.go's event types, and internal/trace/tracev1.go (Go 1.26) for the reasons that the
reader gives those events. Go 1.11 to 1.21 write all system goroutines as one event without a reason.
"""

TRACE_REASON = {
    'chan receive': 'chan receive',
    'chan send': 'chan send',
    'select': 'select',
    'chan receive (nil chan)': 'forever',
    'chan send (nil chan)': 'forever',
    'select (no cases)': 'forever',
    'panicwait': 'forever',
    'IO wait': 'network',
    'sleep': 'sleep',
    'sync.Cond.Wait': 'sync.(*Cond).Wait',
    'semacquire': 'sync',
    'sync.Mutex.Lock': 'sync',
    'sync.RWMutex.RLock': 'sync',
    'sync.RWMutex.Lock': 'sync',
    'sync.WaitGroup.Wait': 'sync',
    'GC assist wait': 'GC mark assist wait for work',
    'GC sweep wait': 'GC background sweeper wait',
    'wait for GC cycle': 'wait until GC ends',
    'GC weak to strong wait': 'GC weak to strong wait',
    'preempted': 'preempted',
    'debug call': 'wait for debug call',
    'GC scavenge wait': 'system goroutine wait',
    'GC worker (idle)': 'system goroutine wait',
    'finalizer wait': 'system goroutine wait',
    'cleanup wait': 'system goroutine wait',
    'force gc (idle)': 'system goroutine wait',
    'GOMAXPROCS updater (idle)': 'system goroutine wait',
    # The trace reader parks without a reason of its own for the tracer.
    'trace reader (blocked)': 'system goroutine wait',
}

# These goroutines belong to the runtime; nothing that a service does makes them wait.
OF_THE_RUNTIME = {
    '', 'unspecified', 'system goroutine wait', 'GC background sweeper wait', 'preempted',
    'wait until GC ends', 'wait for debug call',
}

# Goroutines that help the collector may be woken by gcWakeAllAssists() (runtime/mgcmark.go), which puts
# them into the queue by injectglist(): for the observer their wait ends when they run.
ENDS_LATE = {'GC mark assist wait for work'}


def in_trace(reason):
    """The trace's word for a reason of the runtime; the reason itself where there is none."""
    return TRACE_REASON.get(reason, reason)
