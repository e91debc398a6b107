# SPDX-License-Identifier: Apache-2.0
"""
Scheduling latencies and waiting times from the text that Go's own tracer tool prints
(`go tool trace -d=parsed`, Go 1.26; it reads every format from Go 1.11 on). That tool orders and
checks the events; what is here only follows each goroutine from state to state.

What the observer counts otherwise than Go's tracer is told apart here, by what the trace says:

- direct: goroutines of the runtime that do not pass through ready(). GC workers
  (runtime/mgcpacer.go findRunnableGCWorker) and the trace reader (runtime/proc.go findRunnable) are
  picked while they wait and run at once, without a queue: the tracer writes an unblock just before
  their start. The scavenger and the helper that starts a collection are put into the queue by
  injectglist() (runtime/mgcscavenge.go wake, runtime/proc.go sysmon). Up to Go 1.21 a GC worker's
  park has neither reason nor stack.
- reacquired: a goroutine that comes back from a blocking system call and finds a free processor by
  itself runs on (runtime/proc.go exitsyscall, its fast path), but the tracer writes "runnable" and
  "running" one after the other. Since Go 1.22 such an event carries a processor; Go 1.11 to 1.21
  write its end without a time, so that the two are at most some ticks apart.
- tracer: goroutines of the tracer itself, known by their stack.
"""
import collections
import re

TRANSITION = re.compile(
    r'M=(-?\d+) P=(-?\d+) G=(-?\d+) StateTransition Time=(-?\d+) GoID=(\d+) (\w+)->(\w+) Reason="(.*)"')
FRAME = re.compile(r'\t(\S.*) @ 0x[0-9a-f]+$')

# A goroutine whose stack begins with one of these, or that reads the trace, is picked directly ...
DIRECT_START = re.compile(r'runtime\.(gcBgMarkWorker|bgscavenge|forcegchelper|init\.\d+)\b')
READER = re.compile(r'runtime\.(ReadTrace|readTrace0)\b')
# ... unless it waits for something that ready() ends.
WOKEN_REASONS = {'sync', 'chan receive', 'preempted'}
TRACER = re.compile(r'runtime\.(ReadTrace|readTrace0|StartTrace|StopTrace|traceAdvance\b|traceStartReadCPU'
                    r'|traceStopReadCPU|\(\*traceAdvancerState\)|\(\*wakeableSleep\)|traceReader)|runtime/trace\.')
# goyield() is traced as a preemption.
GOYIELD = re.compile(r'runtime\.(goyield|semrelease1)|sync\.runtime_Semrelease|internal/sync\.runtime_Semrelease')

REACQUIRED_NS = 600  # Go <= 1.21 only

CAUSES = ('ready', 'netpoll', 'new', 'yield', 'preempt', 'syscall exit')


class Goroutine:
    __slots__ = ('state', 'since', 'cause', 'reason', 'frames')

    def __init__(self):
        self.state = 'Undetermined'
        self.since = None    # None: the state began before the trace did
        self.cause = None
        self.reason = ''
        self.frames = ()


class Totals:
    """What a trace says; times in nanoseconds."""

    def __init__(self):
        self.latencies = collections.defaultdict(list)  # by cause
        self.waits = collections.defaultdict(list)      # by the trace's reason
        self.tracer_waits = collections.defaultdict(list)
        self.direct = 0
        self.reacquired = 0
        self.unknown_start = 0  # ran, but when it became runnable is not in the trace
        self.first_ns = None
        self.last_ns = None

    def all_latencies(self):
        return [ns for cause in self.latencies.values() for ns in cause]


def events(lines):
    """Goroutine transitions as (match, frames); frames innermost first."""
    current, frames, inside = None, [], False
    for line in lines:
        if line.startswith('M='):
            if current:
                yield current, frames
            current, frames, inside = TRANSITION.match(line), [], False
        elif line.startswith('TransitionStack='):
            inside = True
        elif not line.startswith('\t'):
            inside = False
        elif inside:
            frame = FRAME.match(line)
            if frame:
                frames.append(frame.group(1))
    if current:
        yield current, frames


def stack_matches(pattern, frames):
    return any(pattern.search(frame) for frame in frames)


def read(lines):
    totals = Totals()
    goroutines = collections.defaultdict(Goroutine)
    for match, frames in events(lines):
        _, processor, actor, time, goid, old, new, reason = match.groups()
        now = int(time)
        if totals.first_ns is None:
            totals.first_ns = now
        totals.last_ns = now
        if old == new:
            continue  # the tracer restates where each goroutine is
        goroutine = goroutines[goid]
        if new == 'Runnable':
            end_rest(totals, goroutine, old, now)
            goroutine.cause = wake_cause(goroutine, old, reason, frames, processor != '-1', actor == '-1')
        elif new == 'Running' and old == 'Runnable':
            account_start(totals, goroutine, now)
        elif new == 'Waiting' and old == 'Running':
            goroutine.reason, goroutine.frames = reason, tuple(frames)
        goroutine.state = new
        goroutine.since = None if old == 'Undetermined' else now
        if new == 'NotExist':
            del goroutines[goid]
    return totals


def end_rest(totals, goroutine, old, now):
    if old == 'Waiting' and goroutine.since is not None:
        waits = totals.tracer_waits if stack_matches(TRACER, goroutine.frames) else totals.waits
        waits[goroutine.reason].append(now - goroutine.since)


def picked_directly(goroutine, by_nobody):
    if goroutine.reason in WOKEN_REASONS:
        return False
    if not goroutine.frames:
        return goroutine.reason == '' and goroutine.since is not None and by_nobody
    return bool(DIRECT_START.search(goroutine.frames[-1])) or stack_matches(READER, goroutine.frames)


def wake_cause(goroutine, old, reason, frames, has_processor, by_nobody):
    if old == 'NotExist':
        return 'new'
    if old == 'Syscall':
        return 'reacquired?' if has_processor else 'syscall exit'
    if old == 'Running':
        if reason == 'preempted' and not stack_matches(GOYIELD, frames):
            return 'preempt'
        return 'yield'
    if picked_directly(goroutine, by_nobody):
        return 'direct'
    return 'netpoll' if goroutine.reason == 'network' else 'ready'


def account_start(totals, goroutine, now):
    if goroutine.since is None or goroutine.cause is None:
        totals.unknown_start += 1
        return
    latency, cause = now - goroutine.since, goroutine.cause
    if cause == 'direct':
        totals.direct += 1
    elif cause == 'reacquired?':
        if latency <= REACQUIRED_NS:
            totals.reacquired += 1
        else:
            totals.latencies['syscall exit'].append(latency)
    else:
        totals.latencies[cause].append(latency)


def quantile(values, q):
    """The smallest value that at least the part q of the values does not exceed."""
    ordered = sorted(values)
    if not ordered:
        return 0
    return ordered[min(len(ordered) - 1, max(0, int(q * len(ordered) + 0.999999) - 1))]
