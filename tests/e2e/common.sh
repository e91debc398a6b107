# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What the end-to-end tests share; to be sourced. Every process that a test starts in the background
# is in $pids or ends with the test's own scratch folder; all are ended by their pid.

top=$(cd "$(dirname "$0")/../.." && pwd)
parkmeter=${PARKMETER:-$top/build/release/parkmeter}
passed=0 failed=0 skipped=0
pids=
scratch=$(mktemp -d)

clean_up() {
	exec 9>&- 8>&- || :
	for pid in $pids; do
		kill -KILL "$pid" 2>/dev/null || :
	done
	# shellcheck disable=SC2086 # a list; "Killed" is of no interest
	[ -z "$pids" ] || wait $pids 2>/dev/null || :
	rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

pass() { passed=$((passed + 1)); echo "  ok      $*"; }
fail() { failed=$((failed + 1)); echo "  FAILED  $*"; }
skip() { skipped=$((skipped + 1)); echo "  skipped: $*"; }

# check TEXT COMMAND...: the command's exit code decides.
check() {
	check_text=$1
	shift
	if "$@"; then pass "$check_text"; else fail "$check_text"; fi
}

# The closing line; to be the last command of a test.
finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
}

die() {
	echo "$*" >&2
	fail "$*"
	finish
	exit 1
}

build() { "$top/tests/toolchains/build.sh" "$@"; }

# within SECONDS COMMAND...: polls until the command succeeds; 1 when the time is over.
within() {
	polls=$(($1 * 50))
	shift
	until "$@"; do
		polls=$((polls - 1))
		[ "$polls" -gt 0 ] || return 1
		sleep 0.02
	done
}

contains() { grep -q -- "$2" "$1" 2>/dev/null; }
ended() { ! kill -0 "$1" 2>/dev/null || [ "$(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null)" = Z ]; }
alive() { ! ended "$1"; }

# start NAME COMMAND...: starts a workload in the background with a pipe as its input and
# $scratch/NAME.out as its output, waits for its READY; its pid in $started. Descriptor 9 keeps the
# input open: one workload at a time; `feed` writes a line to it, `release` closes it.
start() {
	start_name=$1
	shift
	rm -f "$scratch/$start_name.in"
	mkfifo "$scratch/$start_name.in"
	"$@" <"$scratch/$start_name.in" >"$scratch/$start_name.out" 2>"$scratch/$start_name.err" 8>&- 9>&- &
	started=$!
	pids="$pids $started"
	exec 9>"$scratch/$start_name.in"
	within 20 contains "$scratch/$start_name.out" READY || die "$start_name did not get ready: $(cat "$scratch/$start_name.err")"
}
feed() { echo "${1:-go}" >&9; }
release() { exec 9>&-; }

# drive_until TEXT FILE: prints a command for a capture window: feeds the workload that `start` started
# a line, and ends when the text is in the file, or with 1 when the workload has ended before.
drive_until() {
	cat <<END
echo go >&9
polls=6000
until grep -q '$1' '$2'; do
	polls=\$((polls - 1))
	[ "\$polls" -gt 0 ] || exit 1
	kill -0 $started || exit 1
	sleep 0.02
done
END
}

# A port on loopback that was free a moment ago.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# json FILE EXPRESSION: jq, as text.
json() { jq -r "$2" "$1"; }

need_root() { [ "$(id -u)" -eq 0 ] || die "needs root"; }
[ -x "$parkmeter" ] || die "$parkmeter is missing; run make"
