#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Everything that must hold (make check), stage by stage with its time, and one closing line over all
# of them. Needs root, because the agent does.
#
#   tests/check.sh           under 20 minutes on two cores
#   tests/check.sh --all     and what takes longer: every Go version, 1,000 attach cycles, other
#                            kernels, the analyzer, fuzzing (FUZZ_MINUTES for each fuzzer, default 5)
#
# Every stage ends with a line "N passed, N failed[, N skipped]"; one that does not start, does not
# end in time or says nothing is a failure. With CI=true a skipped test is one, too, unless its
# reason lies in the machine: "skipped: this kernel ...".
set -eu
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKELEVEL # what is started here has job slots of its own

all=
case $# in
0) ;;
*) [ "$*" = --all ] || { sed -n '3,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }; all=yes ;;
esac

passed=0 failed=0 skipped=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
now_s() { cut -d. -f1 /proc/uptime; }
began_s=$(now_s)

# How many a stage's closing line counts: passed, failed or skipped.
counted() {
	grep -E '[0-9]+ passed, [0-9]+ failed' "$scratch/log" | tail -n 1 |
		sed -nE "s/(.*[^0-9])?([0-9]+) $1.*/\\2/p"
}

# Skips that do not count against the machine-independent ones in CI.
excused() {
	grep -cE 'skipped: this (kernel|machine)' "$scratch/log" || :
}

# stage NAME LIMIT_S COMMAND...
stage() {
	name=$1 limit_s=$2
	shift 2
	echo "== $name: $*"
	stage_began_s=$(now_s)
	{
		timeout "$limit_s" "$@" </dev/null && status=0 || status=$?
		echo "$status" > "$scratch/status"
	} 2>&1 | tee "$scratch/log"
	status=$(cat "$scratch/status")
	ok=$(counted passed) bad=$(counted failed) left=$(counted skipped)
	[ "$name" != build ] || { ok=1 bad=0; }
	ok=${ok:-0} bad=${bad:-0} left=${left:-0}
	why=
	if [ "$status" -eq 124 ]; then
		why="not done after $limit_s s"
	elif [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		why="exit code $status"
	elif [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ]; then
		why="nothing was tested"
	elif [ "${CI:-}" = true ] && [ "$left" -gt "$(excused)" ]; then
		why="skipped what must run here"
	fi
	[ -z "$why" ] || bad=$((bad + 1))
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + left))
	printf '== %s: %s passed, %s failed, %s skipped in %s s%s\n' "$name" "$ok" "$bad" "$left" \
		"$(($(now_s) - stage_began_s))" "${why:+: $why}"
	printf '  %-16s %5s passed %3s failed %3s skipped %5s s  %s\n' "$name" "$ok" "$bad" "$left" \
		"$(($(now_s) - stage_began_s))" "$why" >> "$scratch/table"
}

parallel=-j${JOBS:-$(nproc)}
sanitized=SANITIZE=address,undefined

stage build 300 make "$parallel" all
stage lint 300 make "$parallel" lint
stage unit 300 make "$parallel" unit
stage unit-sanitized 600 make "$parallel" "$sanitized" unit
stage layout 600 tests/toolchains/layout.sh
stage gobin 600 tests/toolchains/gobin.sh
stage bpf 300 make "$parallel" bpf-tests
stage bpf-sanitized 600 make "$parallel" "$sanitized" bpf-tests
stage e2e 900 make e2e
if [ -n "$all" ]; then
	stage analyze 600 make analyze
	for version in 1.19 1.22 1.24 1.26 1.27; do
		stage "oracle-$version" 300 tests/e2e/oracle.sh "$version"
	done
	stage attach-cycles 1800 tests/e2e/attach.sh 1000
	stage vm 1200 make vm
	stage fuzz 7200 make fuzz-run
fi

echo
cat "$scratch/table"
echo "$passed passed, $failed failed, $skipped skipped in $(($(now_s) - began_s)) s"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
