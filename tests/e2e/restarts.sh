#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Processes that come and go within one window: one that executes its successor under its own pid,
# many that live for milliseconds, and more at a time than can be watched.
set -eu
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
need_root

summary=$scratch/summary.json
# true_of EXPRESSION: of the summary
true_of() { [ "$(json "$summary" "$1")" = true ]; }

# capture OPTION... -- COMMAND...: its summary, or the end of the test.
capture() {
	"$parkmeter" capture --json --quiet "$@" >"$summary" 2>"$scratch/err" ||
		die "the capture failed: $(cat "$scratch/err")"
}

deploy() {
	mkdir -p "$scratch/bin"
	for release in v1 v2; do
		cp "$(build 1.26 successor -ldflags "-X main.release=$release")" "$scratch/bin/$release"
	done
}

# release NAME: the part of the summary that belongs to the release whose file that is
release() { echo "(.releases[] | select(any(.processes[]; .exe | endswith(\"/$1\"))))"; }

# workers NAME: how many of its goroutines the capture saw being created
workers() { json "$summary" "[$(release "$1").creators[] | select(.start | startswith(\"main.worker\") or startswith(\"main.main.gowrap\")) | .count] | add // 0"; }

succeeds_itself() {
	capture --exec "$scratch/bin/*" -- "$scratch/bin/v1" 300 "$scratch/bin/v2" 70
	for want in v1:300 v2:70; do
		name=${want%:*} count=${want#*:}
		check "$name, which shares its pid with another release, has its own goroutines: $(workers "$name")" \
			[ "$(workers "$name")" -eq "$count" ]
		check "$name has its own waits" true_of "[$(release "$name").stacks[] | select(.reason == \"sleep\") | .count] | add == $count"
		check "$name has its own dispatches" true_of "$(release "$name").runnable.count >= $count"
	done
	check "the processes are one pid" true_of '[.releases[].processes[].pid] | length == 2 and .[0] == .[1]'
	check "the second begins where the first ends" true_of \
		"$(release v1).processes[0].exited_ns == $(release v2).processes[0].started_ns"
}

becomes_foreign() {
	capture --exec "$scratch/bin/*" -- "$scratch/bin/v1" 10 /bin/sleep 1
	check "what a process does as another program is not its release's" true_of \
		'[.releases[0].syscalls[]? | select(.name == "clock_nanosleep")] | length == 0'
	check "and it has left the release then" true_of '.releases[0].processes[0].exited_ns < .window.closed_ns - 900000000'
}

lives_shortly() {
	cat >"$scratch/hundred" <<END
for i in \$(seq 100); do '$scratch/bin/v1' 3 2>/dev/null; done
END
	capture --exec "$scratch/bin/*" -- sh "$scratch/hundred"
	check "a hundred short runs are a hundred processes" true_of '[.releases[].processes[]] | length == 100'
	check "of one release" true_of '.releases | length == 1'
	check "each with its goroutines: $(workers v1)" [ "$(workers v1)" -eq 300 ]
	check "none runs any more" true_of 'all(.releases[].processes[]; .exited_ns > 0)'
}

# A file that is put into place and run at once: its first processes may be over before it is
# analysed, and every one of them is either there or counted.
starts_at_once() {
	mkdir "$scratch/new"
	cat >"$scratch/rush" <<END
for i in \$(seq 20); do cp '$scratch/bin/v1' '$scratch/new/v'\$i; '$scratch/new/v'\$i 1 2>/dev/null; done
END
	capture --exec "$scratch/new/*" -- sh "$scratch/rush"
	missed=$(json "$summary" '[.quality.notes[] | capture("^(?<n>[0-9]+) process(es)? that should") | .n | tonumber] | add // 0')
	check "of twenty hasty processes $((20 - missed)) are measured and $missed are missed" true_of \
		"([.releases[].processes[]] | length) + $missed == 20"
	check "the longest gap is under 50 ms" true_of '.quality.exec_to_attach_max_ns < 50000000'
	check "the probes' share of the time can be true" true_of '.quality.overhead_ratio == null or .quality.overhead_ratio < 1'
}

deploy
succeeds_itself
becomes_foreign
lives_shortly
starts_at_once
finish
