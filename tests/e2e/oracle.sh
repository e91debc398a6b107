#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every scheduling latency and every wait of one run, counted by parkmeter and by Go's own tracer at
# the same time, must agree: dispatches within 1 %, quantiles within a bucket or 5 %, waiting time by
# reason within 2 %.
#
#   tests/e2e/oracle.sh GO_VERSION [go build flags...]
#
# CAPTURE_OPTIONS is added to the capture's options, e.g. "--attach perf".
set -eu
[ $# -ge 1 ] || { sed -n '3,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
need_root
version=$1 seconds=4
shift

waits=$(build "$version" waits "$@")
tool=$("$top/tests/e2e/oracle/tool.sh")

start waits "$waits" -for "${seconds}s" -trace "$scratch/trace"
# The window is the life of this command: it starts the interval and sees its end.
drive_until '"waits"' "$scratch/waits.out" >"$scratch/drive"
# shellcheck disable=SC2086 # a list of options
"$parkmeter" capture --pid "$started" --lens probe ${CAPTURE_OPTIONS:-} --json --quiet -- sh "$scratch/drive" \
	>"$scratch/summary.json" 2>"$scratch/err" ||
	die "the capture failed: $(cat "$scratch/err" "$scratch/waits.err")"
release

"$tool" -d=parsed "$scratch/trace" > "$scratch/trace.txt"
echo "Go $version${*:+ $*}: $(cut -c1-160 "$scratch/waits.out" | tail -n 1)"
[ -z "${KEEP:-}" ] || cp "$scratch/trace.txt" "$scratch/summary.json" "$scratch/trace" "$KEEP"
python3 "$top/tests/e2e/oracle/oracle.py" "$scratch/trace.txt" "$scratch/summary.json"
