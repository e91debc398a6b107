#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Holds a summary of parkmeter against what Go's own execution tracer saw of the same run.

  oracle.py TRACE_TEXT SUMMARY_JSON    TRACE_TEXT: `go tool trace -d=parsed` of Go 1.26, or - for stdin

The summary's window must enclose the traced interval, and the program must rest outside of it. Each
comparison is one line; the last one is "N passed, N failed". Exit codes: 0 all passed, 1 not, 2 usage.
"""
import collections
import json
import sys

import gotrace
import reasons

COUNT_RATIO = 0.01      # dispatches
WAITING_RATIO = 0.02    # waiting time by reason
QUANTILE_RATIO = 0.05   # or one bucket
QUANTILES = (('p50', 0.50), ('p90', 0.90), ('p99', 0.99))
# What the program does outside of the traced interval (it reads a line, reads statistics, starts
# and stops the tracer, prints a line), and what one lost wake-up more or less is.
EDGE_COUNT = 25
EDGE_WAITING_NS = 5e6
CAUSE_SAMPLES_MIN = 500 # below, quantiles of one cause are not compared
# Where the tracer and the probe take the time is up to one trap apart; it shows in latencies of less
# than some microseconds, which are compared for single causes only.
STAMP_NS = 1500
# Far out, where few values are far apart, some values more or less move a quantile by more than a
# bucket: it may also be the tracer's quantile of a rank this much lower or higher.
RANK_SLACK = 0.0005
CAUSE_RANK_SLACK = 0.002
DISPATCHES_MIN = 10000  # a trace with less proves nothing


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, good, text):
        if good:
            self.passed += 1
        else:
            self.failed += 1
        print(f'  {"ok    " if good else "FAILED"}  {text}')

    @staticmethod
    def note(text):
        print(f'          {text}')


def bucket(ns):
    """Number of the bucket of include/parkmeter/buckets.h: 16 an octave from 64 ns on."""
    if ns < 64:
        return 0
    octave = int(ns).bit_length() - 1
    return 1 + (octave - 6) * 16 + ((int(ns) >> (octave - 4)) & 15)


def close(measured, expected, ratio, edge):
    return abs(measured - expected) <= max(ratio * expected, edge)


def change(measured, expected):
    if expected == 0:
        return 'new' if measured else 'equal'
    return f'{100 * (measured / expected - 1):+.2f} %'


def human(ns):
    for unit, size in (('s', 1e9), ('ms', 1e6), ('µs', 1e3)):
        if ns >= size:
            return f'{ns / size:.4g} {unit}'
    return f'{ns:.0f} ns'


def compare_quantiles(report, name, values, hist, rank_slack, slack_ns):
    for key, q in QUANTILES:
        expected, measured = gotrace.quantile(values, q), hist[f'{key}_ns']
        good = (abs(bucket(measured) - bucket(expected)) <= 1
                or close(measured, expected, QUANTILE_RATIO, slack_ns)
                or gotrace.quantile(values, q - rank_slack) <= measured
                <= gotrace.quantile(values, q + rank_slack))
        report.check(good, f'{name} {key}: {human(measured)}, tracer {human(expected)} '
                           f'({change(measured, expected)})')


def compare_counts(report, totals, release):
    expected = sum(len(values) for values in totals.latencies.values())
    measured = release['runnable']['count']
    report.check(expected >= DISPATCHES_MIN, f'{expected} dispatches in the trace')
    report.check(close(measured, expected, COUNT_RATIO, 0),
                 f'dispatches: {measured}, tracer {expected} ({change(measured, expected)})')


def compare_causes(report, totals, release):
    measured = {named['name']: named['hist'] for named in release['runnable_by_cause']}
    for cause in gotrace.CAUSES:
        values = totals.latencies.get(cause, [])
        hist = measured.get(cause)
        count = hist['count'] if hist else 0
        report.check(close(count, len(values), COUNT_RATIO, EDGE_COUNT),
                     f'{cause}: {count}, tracer {len(values)} ({change(count, len(values))})')
        if hist and len(values) >= CAUSE_SAMPLES_MIN:
            compare_quantiles(report, cause, values, hist, CAUSE_RANK_SLACK, STAMP_NS)


def summary_waits(release):
    """(count, time) by the trace's reason, without the tracer's own goroutines."""
    waits = collections.defaultdict(lambda: [0, 0])
    for named in release['waiting']:
        entry = waits[reasons.in_trace(named['name'])]
        entry[0] += named['hist']['count']
        entry[1] += named['hist']['sum_ns']
    for stack in release['stacks']:
        functions = [frame['function'] for frame in stack['frames']]
        if gotrace.stack_matches(gotrace.TRACER, functions):
            entry = waits[reasons.in_trace(stack['reason'])]
            entry[0] -= stack['count']
            entry[1] -= stack['sum_ns']
    return waits


def compare_waits(report, totals, release):
    measured = summary_waits(release)
    for reason in sorted(set(totals.waits) | set(measured)):
        values = totals.waits.get(reason, [])
        count, sum_ns = measured.get(reason, (0, 0))
        text = (f'waiting "{reason}": {human(sum_ns)} in {count}, tracer {human(sum(values))} '
                f'in {len(values)} ({change(sum_ns, sum(values))})')
        if reason in reasons.OF_THE_RUNTIME:
            report.note(text + ', not compared: of the runtime')
            continue
        good = close(count, len(values), COUNT_RATIO, EDGE_COUNT)
        if reason in reasons.ENDS_LATE:
            text += ', only counts compared'
        else:
            good = good and close(sum_ns, sum(values), WAITING_RATIO, EDGE_WAITING_NS)
        report.check(good, text)


def compare_losses(report, summary):
    lost = {name: count for name, count in summary['quality']['losses'].items()
            if count and not name.startswith('unmatched') and name != 'stack_truncated'}
    dispatches = sum(release['runnable']['count'] for release in summary['releases'])
    report.check(sum(lost.values()) <= COUNT_RATIO * dispatches, f'losses: {lost or "none"}')


def main(arguments):
    if len(arguments) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    trace, summary_path = arguments
    with open(summary_path, encoding='utf-8') as file:
        summary = json.load(file)
    if trace == '-':
        totals = gotrace.read(sys.stdin)
    else:
        with open(trace, encoding='utf-8', errors='replace') as file:
            totals = gotrace.read(file)
    report = Report()
    report.check(len(summary['releases']) == 1, 'one release was observed')
    if report.failed or not totals.latencies:
        report.check(bool(totals.latencies), 'the trace holds dispatches')
        print(f'{report.passed} passed, {report.failed} failed')
        return 1
    release = summary['releases'][0]
    report.note(f'tracer: {totals.direct} direct, {totals.reacquired} reacquired, '
                f'{totals.unknown_start} of unknown begin; summary: {summary["quality"]["direct"]} direct, '
                f'attached by {summary["attach"]}')
    compare_counts(report, totals, release)
    compare_quantiles(report, 'all', totals.all_latencies(), release['runnable'], RANK_SLACK, 0)
    compare_causes(report, totals, release)
    compare_waits(report, totals, release)
    compare_losses(report, summary)
    print(f'{report.passed} passed, {report.failed} failed')
    return 0 if report.failed == 0 else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
