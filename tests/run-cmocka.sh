#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs cmocka test programs one after the other and closes with one line over all of them. A program
# that fails, crashes or runs no test makes the whole fail.
set -u
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in "$@"; do
	if ! "$program" >"$log" 2>&1; then
		cat "$log"
		echo "FAILED: $program"
		failed=$((failed + 1))
		[ -z "${FAIL_FAST:-}" ] || exit 1
		continue
	fi
	ran=$(sed -nE 's/^\[  PASSED  \] ([0-9]+) test.*/\1/p' "$log" | tail -n 1)
	left=$(sed -nE 's/^\[  SKIPPED \] ([0-9]+) test.*/\1/p' "$log" | tail -n 1)
	left=${left:-0}
	ran=${ran:-0}
	if [ $((ran + left)) -eq 0 ]; then
		cat "$log"
		echo "FAILED: $program ran no test"
		failed=$((failed + 1))
		continue
	fi
	[ "$left" -eq 0 ] || grep 'skipped:' "$log"
	passed=$((passed + ran))
	skipped=$((skipped + left))
	printf '  ok      %s (%s)\n' "${program#build/*/tests/}" "$ran"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
