#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzzer that `make fuzz` built for some minutes, on its corpus and what it found before.
#
#   tests/fuzz/run.sh [MINUTES [NAME...]]     default: 5 minutes each, all of build/fuzz
#
# New inputs go to build/fuzz/found/NAME; one that breaks the parser is build/fuzz/crash-NAME-*:
# mend the parser, then put the input into tests/fuzz/corpus/NAME, where the unit tests replay it.
set -u
cd "$(dirname "$0")/../.." || exit 1
minutes=${1:-5}
[ $# -eq 0 ] || shift
if [ $# -eq 0 ]; then
	for source in tests/fuzz/fuzz_*.c; do
		name=${source##*/}
		set -- "$@" "${name%.c}"
	done
fi
passed=0 failed=0
for name in "$@"; do
	corpus=tests/fuzz/corpus/${name#fuzz_}
	mkdir -p "build/fuzz/found/$name"
	[ -d "$corpus" ] || { echo "  FAILED  $name: no corpus in $corpus"; failed=$((failed + 1)); continue; }
	if "build/fuzz/$name" -max_total_time=$((minutes * 60)) -rss_limit_mb=1024 -timeout=10 \
		-print_final_stats=1 -verbosity=0 -artifact_prefix="build/fuzz/crash-$name-" \
		"build/fuzz/found/$name" "$corpus" >"build/fuzz/$name.log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log")
		echo "  ok      $name ($runs runs in $minutes min)"
		passed=$((passed + 1))
	else
		tail -n 40 "build/fuzz/$name.log"
		echo "  FAILED  $name"
		failed=$((failed + 1))
	fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
