#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How a capture begins and ends: by ^C, by its command, with its target, by SIGKILL; what it covers of
# processes that start while it runs; and that what it cannot observe is said in a sentence.
set -eu
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
need_root
here=$top/tests/e2e

# begin OPTION...: a capture in the background that is armed; its pid in $capture.
begin() {
	: >"$scratch/err"
	# A shell without job control lets its background jobs ignore SIGINT.
	env --default-signal=INT "$parkmeter" capture "$@" --json >"$scratch/summary.json" 2>"$scratch/err" 9>&- &
	capture=$!
	pids="$pids $capture"
	within 20 contains "$scratch/err" '^capturing' || die "the capture did not begin: $(cat "$scratch/err")"
}

# end_of PID: waits for it and leaves its exit code in $code.
end_of() {
	within 20 ended "$1" || { fail "process $1 does not end"; kill -KILL "$1"; }
	code=0
	wait "$1" 2>/dev/null || code=$?
}

is_summary() { jq -e '.schema.name == "parkmeter.summary" and .window.duration_ns > 0' "$scratch/summary.json" >/dev/null 2>&1; }
dispatches() { json "$scratch/summary.json" '[.releases[].runnable.count] | add // 0'; }
# true EXPRESSION: of the summary
true_of() { [ "$(json "$scratch/summary.json" "$1")" = true ]; }
code_unchanged() { python3 "$here/same_code.py" "$1"; }
code_changed() { ! python3 "$here/same_code.py" "$1" >/dev/null; }

ends_by_signal() {
	start waits "$(build 1.26 waits)" -for 600s
	begin --pid "$started"
	feed go
	code_changed "$started" || fail "the capture has begun, but nothing is attached"
	kill -INT "$capture"
	end_of "$capture"
	check "^C ends a capture: exit code $code" [ "$code" -eq 0 ]
	check "with a summary of $(dispatches) dispatches" is_summary
	check "and nothing stays in the target" code_unchanged "$started"
}

survives_kill() {
	begin --pid "$started"
	code_changed "$started" || fail "the capture has begun, but nothing is attached"
	kill -KILL "$capture"
	end_of "$capture"
	check "the agent is killed: exit code $code" [ "$code" -eq 137 ]
	check "the target runs on" alive "$started"
	check "and nothing stays in it" within 5 code_unchanged "$started"
}

target_ends() {
	begin --pid "$started"
	kill -TERM "$started"
	end_of "$started"
	end_of "$capture"
	check "the target ends, and with it the capture: exit code $code" [ "$code" -eq 0 ]
	check "with a summary" is_summary
	check "that says when it ended" true_of '.releases[0].processes[0].exited_ns > 0'
	release
}

# The workload ends by itself: its input is empty.
covers_start() {
	mkdir -p "$scratch/v1"
	cp "$(build 1.26 idle)" "$scratch/v1/idle"
	"$parkmeter" capture --exec "$scratch/*/idle" --json --quiet -- sh -c "'$scratch/v1/idle' </dev/null >&2" \
		>"$scratch/summary.json" 2>"$scratch/err" || fail "the capture failed: $(cat "$scratch/err")"
	check "--exec covers a process from its first instruction" true_of '.releases[0].processes[0].exec_to_attach_ns == 0'
	check "its main goroutine's creation included" true_of '.releases[0].creators | any(.start == "runtime.main")'
	check "and its end" true_of '.releases[0].processes[0].exited_ns > 0'
}

# What a deployment puts into place is looked at when it is closed after writing, and moved directories
# when they are moved. There is no event to wait for between that and the start of the program, so the
# deployment takes a moment, as they do.
covers_later_file() {
	cat >"$scratch/deploy" <<END
mkdir '$scratch/v2'
cp '$scratch/v1/idle' '$scratch/v2/idle'
sleep 0.5
'$scratch/v2/idle' </dev/null >&2
mkdir '$scratch/aside'
cp '$scratch/v1/idle' '$scratch/aside/idle'
mv '$scratch/aside' '$scratch/v3'
sleep 0.5
'$scratch/v3/idle' </dev/null >&2
END
	"$parkmeter" capture --exec "$scratch/v[23]/idle" --json --quiet -- sh "$scratch/deploy" \
		>"$scratch/summary.json" 2>"$scratch/err" || fail "the capture failed: $(cat "$scratch/err")"
	for folder in v2 v3; do
		check "a file put there later, $folder, is covered from its first instruction" true_of \
			"[.releases[].processes[] | select(.exe | endswith(\"$folder/idle\"))] | length == 1 and .[0].exec_to_attach_ns == 0"
	done
}

passes_exit_code() {
	for want in 0 7; do
		code=0
		"$parkmeter" capture --exec "$scratch/*/idle" --json --quiet -- \
			sh -c "'$scratch/v1/idle' </dev/null >&2; exit $want" >"$scratch/summary.json" 2>"$scratch/err" || code=$?
		check "the command's exit code $want is the capture's: $code" [ "$code" -eq "$want" ]
		check "the summary has it, too" true_of ".command_status == $want"
	done
	code=0
	"$parkmeter" capture --exec "$scratch/*/idle" --quiet -- "$scratch/no such command" \
		>"$scratch/out" 2>"$scratch/err" || code=$?
	check "a command that cannot be started: $(cat "$scratch/err")" [ "$code" -eq 5 ]
}

# refuses TEXT EXIT_CODE PATTERN COMMAND...: the error is one sentence that names it.
refuses() {
	refuses_text=$1 want=$2 pattern=$3
	shift 3
	code=0
	timeout 30 "$@" >"$scratch/out" 2>"$scratch/err" || code=$?
	if [ "$code" -ne "$want" ]; then
		fail "$refuses_text: exit code $code instead of $want: $(cat "$scratch/err")"
	elif ! grep -qE -- "$pattern" "$scratch/err"; then
		fail "$refuses_text: no word of '$pattern': $(cat "$scratch/err")"
	else
		pass "$refuses_text: $(tail -n 1 "$scratch/err")"
	fi
}

refuses_targets() {
	sleep 600 &
	sleeper=$!
	pids="$pids $sleeper"
	refuses "not a Go program" 5 "not a Go program" "$parkmeter" capture --pid "$sleeper" --for 1s
	start idle "$(build 1.15 idle)"
	refuses "Go 1.15" 5 "go1\.15.*(newer|1\.17)" "$parkmeter" capture --pid "$started" --for 1s
	refuses "no such process" 5 "no process 4194304" "$parkmeter" capture --pid 4194304 --for 1s
	refuses "a thread of the kernel" 5 "kernel" "$parkmeter" capture --pid 2 --for 1s
	refuses "no process means any" 4 "nothing was measured" "$parkmeter" capture --exe "$scratch/none" --for 100ms
	refuses "no selector" 2 "--pid" "$parkmeter" capture --for 1s
	refuses "a lens that is none" 2 "--lens" "$parkmeter" capture --pid "$started" --lens microscope
	refuses "an unknown option" 2 "--such" "$parkmeter" capture --such
	for capability in bpf perfmon; do
		name=$(echo "$capability" | tr '[:lower:]' '[:upper:]')
		refuses "without CAP_$name" 5 "CAP_$name" capsh --drop="cap_$capability,cap_sys_admin" -- \
			-c "'$parkmeter' capture --pid $started --for 1s"
	done
	refuses "without CAP_SYS_PTRACE" 5 "CAP_SYS_PTRACE" capsh --drop=cap_sys_ptrace -- \
		-c "'$parkmeter' capture --pid $started --for 1s"
	check "none of them harmed the process" alive "$started"
	release
}

ends_by_signal
survives_kill
target_ends
covers_start
covers_later_file
passes_exit_code
refuses_targets
finish
