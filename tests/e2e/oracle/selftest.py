#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The oracle on traces and summaries whose answers are known, and on such that it must refuse. Prints
"N passed, N failed".
"""
import contextlib
import copy
import io
import json
import os
import sys
import tempfile

import gotrace
import oracle

passed = failed = 0


def check(good, text):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f'  {"ok    " if good else "FAILED"}  {text}')


def transition(time, goid, change, reason='', stack=(), machine=7, processor=0, actor=None):
    actor = goid if actor is None else actor
    lines = [f'M={machine} P={processor} G={actor} StateTransition Time={time} GoID={goid} '
             f'{change} Reason="{reason}"\n']
    if stack:
        lines.append('TransitionStack=\n')
        for function in stack:
            lines += [f'\t{function} @ 0x401000\n', '\t\t/src/file.go:1\n']
        lines.append('\n')
    return lines


def totals_of(*transitions):
    return gotrace.read(line for lines in transitions for line in lines)


def test_causes():
    totals = totals_of(
        transition(100, 1, 'NotExist->Runnable', actor=9),
        transition(150, 1, 'Runnable->Running', actor=-1),
        transition(200, 1, 'Running->Runnable', 'runtime.Gosched', ['runtime.Gosched', 'main.f']),
        transition(260, 1, 'Runnable->Running', actor=-1),
        transition(300, 1, 'Running->Runnable', 'preempted', ['main.f']),
        transition(370, 1, 'Runnable->Running', actor=-1),
        transition(400, 1, 'Running->Runnable', 'preempted', ['sync.runtime_Semrelease', 'main.f']),
        transition(480, 1, 'Runnable->Running', actor=-1),
        transition(500, 1, 'Running->Waiting', 'sleep', ['time.Sleep', 'main.f']),
        transition(1500, 1, 'Waiting->Runnable', actor=-1),
        transition(1590, 1, 'Runnable->Running', actor=-1),
        transition(1600, 1, 'Running->Waiting', 'network', ['internal/poll.(*FD).Read', 'main.f']),
        transition(1700, 1, 'Waiting->Runnable', actor=-1),
        transition(1800, 1, 'Runnable->Running', actor=-1))
    expected = {'new': [50], 'yield': [60, 80], 'preempt': [70], 'ready': [90], 'netpoll': [100]}
    check(dict(totals.latencies) == expected, 'each cause and its latency')
    check(dict(totals.waits) == {'sleep': [1000], 'network': [100]}, 'each wait and its time')


def test_system_calls():
    def call(processor, latency):
        return totals_of(
            transition(0, 1, 'Undetermined->Running', actor=-1),
            transition(10, 1, 'Running->Syscall'),
            transition(100, 1, 'Syscall->Runnable', processor=processor),
            transition(100 + latency, 1, 'Runnable->Running', actor=-1))
    check(dict(call(-1, 70).latencies) == {'syscall exit': [70]}, 'a system call that lost its processor')
    check(call(3, 64).reacquired == 1 and not call(3, 64).latencies, 'one that found a processor by itself')
    check(dict(call(3, 5000).latencies) == {'syscall exit': [5000]}, 'one that waited for one (Go 1.21)')


def test_direct():
    def waker(stack, reason, actor=-1):
        return totals_of(
            transition(0, 5, 'Undetermined->Running', actor=-1),
            transition(10, 5, 'Running->Waiting', reason, stack),
            transition(100, 5, 'Waiting->Runnable', actor=actor),
            transition(101, 5, 'Runnable->Running', actor=-1))
    worker = ['runtime.gcBgMarkWorker']
    check(waker(worker, 'system goroutine wait').direct == 1, 'a GC worker is picked directly')
    check(waker(worker, 'sync').direct == 0, 'unless it waited for a lock')
    check(waker([], '').direct == 1, 'a GC worker of Go 1.21')
    check(waker([], '', actor=3).direct == 0, 'but not what somebody woke')
    check(waker(['main.f'], 'chan receive').direct == 0, 'nor what a service waits for')
    reader = waker(['runtime.ReadTrace', 'runtime/trace.Start.func1'], 'system goroutine wait')
    check(reader.direct == 1 and not reader.waits and reader.tracer_waits, "the trace reader is the tracer's own")


def test_begin():
    totals = totals_of(
        transition(0, 1, 'Undetermined->Runnable', actor=-1),
        transition(10, 1, 'Runnable->Running', actor=-1),
        transition(20, 2, 'Undetermined->Waiting', actor=-1),
        transition(25, 2, 'Waiting->Waiting', actor=-1),
        transition(30, 2, 'Waiting->Runnable', actor=1),
        transition(40, 2, 'Runnable->Running', actor=-1))
    check(totals.unknown_start == 1 and len(totals.all_latencies()) == 1, 'what began before the trace is not counted')
    check(not totals.waits, 'nor is its waiting')


def hist(values):
    return {'count': len(values), 'sum_ns': sum(values),
            **{f'{key}_ns': gotrace.quantile(values, q) for key, q in oracle.QUANTILES}}


def sample():
    """A trace of 12,000 sleeps with growing latencies, and the summary that says the same."""
    lines, latencies, waits, now = [], [], [], 0
    lines += transition(now, 1, 'Undetermined->Running', actor=-1)
    for i in range(12000):
        wait, latency = 1000000 + i, 2000 + 7 * i
        lines += transition(now + 100, 1, 'Running->Waiting', 'sleep', ['time.Sleep', 'main.f'])
        lines += transition(now + 100 + wait, 1, 'Waiting->Runnable', actor=-1)
        now += 100 + wait + latency
        lines += transition(now, 1, 'Runnable->Running', actor=-1)
        latencies.append(latency)
        waits.append(wait)
    summary = {'attach': 'perf', 'releases': [{
        'runnable': hist(latencies),
        'runnable_by_cause': [{'name': 'ready', 'hist': hist(latencies)}],
        'waiting': [{'name': 'sleep', 'hist': {'count': len(waits), 'sum_ns': sum(waits)}}],
        'stacks': [],
    }], 'quality': {'direct': 0, 'losses': {'unmatched_wake': 3, 'busy': 0}}}
    return ''.join(lines), summary


def verdict(folder, summary):
    path = os.path.join(folder, 'summary.json')
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(summary, file)
    with contextlib.redirect_stdout(io.StringIO()):
        return oracle.main([os.path.join(folder, 'trace.txt'), path])


def test_verdicts():
    def wrong(change):
        changed = copy.deepcopy(summary)
        change(changed['releases'][0], changed['quality'])
        return verdict(folder, changed) == 1

    text, summary = sample()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'trace.txt'), 'w', encoding='utf-8') as file:
            file.write(text)
        check(verdict(folder, summary) == 0, 'a summary that says the same passes')
        check(wrong(lambda r, q: r['runnable'].update(count=11800)), 'dispatches 1.7 % short: refused')
        check(wrong(lambda r, q: r['runnable'].update(p99_ns=r['runnable']['p99_ns'] * 1.15)), 'p99 15 % off: refused')
        check(wrong(lambda r, q: r['runnable'].update(p50_ns=r['runnable']['p50_ns'] * 0.85)), 'p50 15 % off: refused')
        check(wrong(lambda r, q: r['runnable_by_cause'][0].update(name='new')), 'a wrong cause: refused')
        check(wrong(lambda r, q: r['waiting'][0]['hist'].update(
            sum_ns=r['waiting'][0]['hist']['sum_ns'] * 1.03)), 'waiting time 3 % off: refused')
        check(wrong(lambda r, q: r['waiting'][0].update(name='select')), 'a wrong reason: refused')
        check(wrong(lambda r, q: q['losses'].update(busy=500)), 'lost samples: refused')
        check(verdict(folder, {**summary, 'releases': []}) == 1, 'no release: refused')


for test in (test_causes, test_system_calls, test_direct, test_begin, test_verdicts):
    test()
print(f'{passed} passed, {failed} failed')
sys.exit(1 if failed else 0)
