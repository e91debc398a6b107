#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What people type, and where the answer goes: wrong options, empty values, output that cannot be
# written, readers that go away, signals before there is a window.
set -eu
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
need_root

# says TEXT EXIT_CODE PATTERN ARGUMENT...: exit code, and one line on standard error with the pattern.
says() {
	says_text=$1 want=$2 pattern=$3
	shift 3
	code=0
	timeout 30 "$parkmeter" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
	if [ "$code" -ne "$want" ]; then
		fail "$says_text: exit code $code instead of $want: $(cat "$scratch/err")"
	elif [ "$(wc -l <"$scratch/err")" -ne 1 ] || ! grep -qE -- "$pattern" "$scratch/err"; then
		fail "$says_text: not one line with '$pattern': $(cat "$scratch/err")"
	else
		pass "$says_text: $(cat "$scratch/err")"
	fi
}

wrong_usage() {
	says "no such command" 2 "captur; did you mean capture" captur
	says "no command at all" 2 "no command ''" ""
	says "help for no command" 2 "no command 'nope'" help nope
	says "an empty duration" 2 "'' is no duration" capture --pid 1 --for ''
	says "an empty process id" 2 "'' is no process id" capture --pid ''
	says "-- and nothing" 2 "no command behind --" capture --pid 1 --
	says "a command without --" 2 "behind --" capture --pid 1 true
	says "two kinds of window" 2 "one or the other" capture --pid 1 --for 1s -- true
	says "an abbreviation of several options" 2 "several options" capture --p 1
	says "a value too many" 2 "--json takes no value" capture --json=5
	says "a value too few" 2 "--pid takes a value" ps --pid
	says "an unknown letter" 2 "no option -x" capture -x
	for command in ps doctor schema; do
		says "an unknown option of $command" 2 "no option --such; see parkmeter $command --help" "$command" --such
	done
	says "output into a directory" 2 "is a directory" capture --pid 1 -o "$scratch"
	says "output into a folder that is not there" 2 "No such file" capture --pid 1 -o "$scratch/none/x"
	says "output into nothing" 2 "empty" capture --pid 1 -o ''
	check "help COMMAND is COMMAND --help" [ "$("$parkmeter" help capture)" = "$("$parkmeter" capture --help)" ]
}

is_json() { jq -e '.schema.name == "parkmeter.summary"' >/dev/null 2>&1; }

# A name of its own: others may run programs, too.
relative_names() {
	name=orders$$
	mkdir "$scratch/srv"
	cp "$(build 1.26 idle)" "$scratch/srv/$name"
	start idle "$scratch/srv/$name"
	for glob in "./$name" "$name" "./*$$" "../srv/$name"; do
		check "--exe $glob" sh -c "cd '$scratch/srv' && '$parkmeter' ps --exe '$glob' --json 2>/dev/null | jq -e 'map(.pid) == [$started]' >/dev/null"
	done
}

outputs() {
	code=0
	"$parkmeter" capture --pid "$started" --quiet >&- 2>"$scratch/err" -- true || code=$?
	check "closed standard output does not change the command's exit code: $code" [ "$code" -eq 0 ]
	check "and is said: $(head -n 1 "$scratch/err")" contains "$scratch/err" "cannot write standard output: "
	code=0
	"$parkmeter" capture --pid "$started" --quiet --for 50ms >/dev/full 2>"$scratch/err" || code=$?
	check "a full disk is an error, with its cause: $code, $(head -n 1 "$scratch/err")" contains "$scratch/err" "No space left"
	check "of exit code 5" [ "$code" -eq 5 ]
	# The reader is gone before anything is written.
	mkfifo "$scratch/pipe"
	: <"$scratch/pipe" &
	code=0
	"$parkmeter" capture --pid "$started" --json --quiet -o "$scratch/kept.json" -- sh -c 'exit 7' >"$scratch/pipe" 2>"$scratch/err" || code=$?
	check "a reader that goes away does not change the command's exit code: $code" [ "$code" -eq 7 ]
	check "costs nobody the file" is_json <"$scratch/kept.json"
	check "and is no error" [ ! -s "$scratch/err" ]
	check "-o - is standard output, once" [ "$("$parkmeter" capture --pid "$started" --quiet --for 50ms -o - 2>"$scratch/err" | wc -l)" -eq 1 ]
	check "no temporary file is left" [ -z "$(find "$scratch" -name 'kept.json.*')" ]
}

# A signal waits while the probes are attached; the window that nobody wants any more never opens, and
# the deployment does not start.
interrupted() {
	env --default-signal=INT "$parkmeter" capture --pid "$started" --quiet -- touch "$scratch/deployed" 2>"$scratch/err" 9>&- &
	capture=$!
	pids="$pids $capture"
	within 10 grep -qE "^SigBlk:.*[2367abef]$" "/proc/$capture/status" || :
	kill -INT "$capture"
	code=0
	wait "$capture" || code=$?
	if [ -e "$scratch/deployed" ]; then
		skip "the window opened before the signal came"
	else
		check "^C while probes are attached: $(cat "$scratch/err")" contains "$scratch/err" "interrupted.*not started"
		check "is exit code 5: $code" [ "$code" -eq 5 ]
	fi
	release
}

# Limits and rights that do not suffice: the cause and its remedy.
means() {
	code=0
	prlimit --nofile=16:16 "$parkmeter" capture --pid "$started" --for 50ms >"$scratch/out" 2>"$scratch/err" || code=$?
	check "16 open files: $code, $(cat "$scratch/err")" contains "$scratch/err" "ulimit -n"
	code=0
	capsh --drop=cap_sys_ptrace -- -c "'$parkmeter' capture --exe '/*/$name' --for 50ms" >"$scratch/out" 2>"$scratch/err" || code=$?
	check "processes that could not be read are not nobody: $code" contains "$scratch/out" "could not be read"
	check "and the exit code says that nothing was measured" [ "$code" -eq 4 ]
}

wrong_usage
relative_names
outputs
means
interrupted
finish
