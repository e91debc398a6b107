#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The agent stays below 32 MB while it watches 10,000 goroutines that wait and are woken.
set -eu
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
need_root
most_kb=32768

start park10k "$(build 1.26 park10k)"
# The kernel's own account of the agent's largest resident set, taken when the agent is reaped.
cat > "$scratch/account.py" <<'END'
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
END
python3 "$scratch/account.py" "$parkmeter" capture --pid "$started" --for 5s --json --quiet \
	>"$scratch/summary.json" 2>"$scratch/err" || die "the capture failed: $(cat "$scratch/err")"
release
used_kb=$(tail -n 1 "$scratch/err")
goroutines=$(json "$scratch/summary.json" '[.releases[0].stacks[].still_waiting] | add')
dispatches=$(json "$scratch/summary.json" .releases[0].runnable.count)
stacks=$(json "$scratch/summary.json" '[.releases[0].stacks[] | select(.frames[0:9] | any(.function == "main.parked"))] | length')
check "largest resident set: $((used_kb / 1024)) MB, at most $((most_kb / 1024))" [ "$used_kb" -lt "$most_kb" ]
check "$dispatches dispatches" [ "$dispatches" -gt 20000 ]
check "$goroutines goroutines known to wait" [ "$goroutines" -gt 9000 ]
check "at $stacks stacks" [ "$stacks" -ge 16 ]
finish
