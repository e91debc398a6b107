#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every end-to-end test against one binary, and one closing line over all of them. Each also runs by
# itself, with PARKMETER=BINARY where it is not build/release/parkmeter.
#
#   tests/e2e/run.sh [BINARY]
set -u
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 0 ] || PARKMETER=$(realpath "$1")
[ $# -eq 0 ] || export PARKMETER

passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The number before a word of the test's closing line.
counted() { tail -n 1 "$log" | sed -nE "s/(.*[^0-9])?([0-9]+) $1.*/\\2/p"; }

# run TEST [ARGUMENT...]
run() {
	program=$1
	shift
	echo "-- $program${1:+ $*}"
	"$here/$program" "$@" </dev/null >"$log" 2>&1
	code=$?
	grep -vE '^[0-9]+ passed, ' "$log"
	ok=$(counted passed) bad=$(counted failed) left=$(counted skipped)
	passed=$((passed + ${ok:-0})) failed=$((failed + ${bad:-0})) skipped=$((skipped + ${left:-0}))
	if [ $code -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then
		echo "  FAILED  exit code $code"
		failed=$((failed + 1))
	fi
}

run lifecycle.sh
run restarts.sh
run commandline.sh
run oracle/selftest.py
run oracle.sh 1.22
run oracle.sh 1.26
export CAPTURE_OPTIONS="--attach perf" # as on kernels before 6.6
run oracle.sh 1.24
export CAPTURE_OPTIONS="--lens probe,kernel"
run oracle.sh 1.27 -buildmode=pie "-ldflags=-s -w"
unset CAPTURE_OPTIONS
run reasons.sh 1.19
run reasons.sh 1.26
run debian.sh
run traps.sh 1.26
run memory.sh
run attach.sh 100
run pushgateway.sh

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
