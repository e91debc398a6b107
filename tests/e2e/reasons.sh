#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A capture of the workload "waits" names each reason for which its goroutines wait, and the function
# that waits; and how often, by the workload's own count.
#
#   tests/e2e/reasons.sh [GO_VERSION]
set -eu
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
need_root
version=${1:-1.26}
minor=${version#*.}

start waits "$(build "$version" waits)" -for 2s
drive_until '"waits"' "$scratch/waits.out" >"$scratch/drive"
"$parkmeter" capture --pid "$started" --json --quiet -- sh "$scratch/drive" \
	>"$scratch/summary.json" 2>"$scratch/err" || die "the capture failed: $(cat "$scratch/err")"
release
grep '"waits"' "$scratch/waits.out" >"$scratch/answer.json"

# The waits of one reason in one function: the innermost frame outside of the runtime and of sync.
waits_in() {
	jq -r --arg reason "$1" --arg function "$2" '[.releases[0].stacks[] | select(.reason == $reason)
		| select(([.frames[].function | select(test("^(runtime|sync|internal|time|os|syscall)[./]") | not)]
			| first) == $function) | .count] | add // 0' "$scratch/summary.json"
}

# named REASON FUNCTION KIND: within 1 % and 3 of what the workload counted, or with KIND empty any.
named() {
	count=$(waits_in "$1" "$2")
	if [ -z "$3" ]; then
		check "$1 in $2: $count" [ "$count" -gt 0 ]
		return
	fi
	own=$(jq -r --arg kind "$3" '.waits[$kind]' "$scratch/answer.json")
	check "$1 in $2: $count, its own count $own" [ "$count" -ge $((own - own / 100 - 3)) -a \
		"$count" -le $((own + own / 100 + 3)) ]
}

mutex=semacquire reader=semacquire group=semacquire
[ "$minor" -lt 20 ] || { mutex=sync.Mutex.Lock reader=sync.RWMutex.RLock; }
[ "$minor" -lt 24 ] || group=sync.WaitGroup.Wait

echo "Go $version"
named "$mutex" main.mutexWaiter ''
named "$reader" main.rwReader ''
named "$group" main.groupWaiter groupWaiter
named "chan receive" main.channelReceiver channelReceiver
named "chan send" main.channelSender channelSender
named select main.selecter selecter
named sync.Cond.Wait main.condWaiter condWaiter
named sleep main.sleeper sleeper
named "IO wait" main.pipeReader ''

created=$(jq .created "$scratch/answer.json")
seen=$(json "$scratch/summary.json" '.releases[0].created')
check "goroutines created: $seen, its own count $created" [ "$seen" -ge "$created" -a \
	"$seen" -le $((created + 20)) ]
spawned=$(json "$scratch/summary.json" '[.releases[0].creators[]
	| select(.creator == "main.spawner" and (.start | test("^main.spawne[dr]")))
	| .count] | add // 0')
check "main.spawner made $spawned of them" [ "$spawned" -gt $((created / 2)) ]
for cause in ready netpoll new yield preempt "syscall exit"; do
	count=$(jq -r --arg cause "$cause" '.releases[0].runnable_by_cause[] | select(.name == $cause)
		| .hist.count' "$scratch/summary.json")
	check "runnable by $cause: ${count:-0}" [ "${count:-0}" -gt 0 ]
done
cycles=$(jq .gc_cycles "$scratch/answer.json")
seen=$(json "$scratch/summary.json" '.releases[0].gc.cycles')
check "collections: $seen, its own count $cycles" [ "$seen" -ge $((cycles - 1)) -a "$seen" -le $((cycles + 1)) ]
for reason in "GC mark termination" "GC sweep termination"; do
	count=$(jq -r --arg reason "$reason" '.releases[0].stw[] | select(.name == $reason) | .hist.count' \
		"$scratch/summary.json")
	check "world stopped for $reason: ${count:-0}" [ "${count:-0}" -ge $((cycles - 1)) ]
done
[ -z "${KEEP:-}" ] || cp "$scratch/summary.json" "$KEEP"
finish
