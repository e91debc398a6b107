#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A small order service gets a new release while it is under load. The deployment says that all is well;
# parkmeter, which watched, says what changed. Everything runs on this machine, on loopback, and is
# stopped again at the end. Takes a minute, and the time of building the service the first time.
#
#   tests/e2e/demo.sh [BINARY]
set -eu
[ $# -eq 0 ] || PARKMETER=$(realpath "$1")
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
need_root
old=v2.2.0 new=v2.3.0 rate=300 soak_s=12

for command in curl jq prometheus-pushgateway go; do
	command -v $command >/dev/null || die "$command is missing; run packaging/deps.sh check"
done
[ -d /usr/share/gocode/src/github.com/mattn/go-sqlite3 ] ||
	die "golang-github-mattn-go-sqlite3-dev is missing; run packaging/deps.sh check"

heading() { printf '\n== %s\n\n' "$*"; }

stop_all() {
	for release in $old $new; do
		[ -e "$scratch/srv/$release/pid" ] || continue
		shop_pid=$(cat "$scratch/srv/$release/pid")
		kill -TERM "$shop_pid" 2>/dev/null || continue
		within 3 ended "$shop_pid" || kill -KILL "$shop_pid" 2>/dev/null || :
	done
	clean_up
}
trap stop_all EXIT

heading "Building an order service in two releases, and a load generator"
echo "$old asks the database with a timeout, over a pool of 20 connections."
echo "$new lost that timeout, and its pool shrank to 5. Both pass their tests."
old_binary=$(build system shop -ldflags "-X main.version=$old")
new_binary=$(build system shop -ldflags "-X main.version=$new")
loadgen=$(build system loadgen)

heading "Starting a Pushgateway on loopback, and $rate requests per second that wait for nobody"
gateway=127.0.0.1:$(free_port)
prometheus-pushgateway --persistence.file= --web.listen-address="$gateway" >"$scratch/gateway.log" 2>&1 &
pids="$pids $!"
gateway_ready() { curl -fsS -o /dev/null --max-time 1 "http://$gateway/-/ready" 2>/dev/null; }
within 10 gateway_ready || die "the Pushgateway does not answer: $(cat "$scratch/gateway.log")"
mkdir "$scratch/srv"
mkfifo "$scratch/load.in"
"$loadgen" -target "$scratch/srv/target" -rate "$rate" <"$scratch/load.in" >"$scratch/load.out" 2>&1 &
load_pid=$!
pids="$pids $load_pid"
exec 9>"$scratch/load.in"
echo "Pushgateway: http://$gateway"

heading "Deploying both releases, with a capture around the deployment"
cat <<END
parkmeter capture --service orders --env demo --exec '$scratch/srv/*/shop' \\
    --push http://$gateway --push-job deployment -- ./deploy.sh

END
"$parkmeter" capture --service orders --env demo --exec "$scratch/srv/*/shop" --quiet \
	--push "http://$gateway" --push-job deployment -o "$scratch/summary.json" -- \
	"$top/tests/e2e/demo_deploy.sh" "$scratch/srv" "$soak_s" "$old=$old_binary" "$new=$new_binary" \
	>"$scratch/report" 2>"$scratch/err" 9>&- &
capture=$!
# What the deployment says, as it says it; the report comes below.
shown=0
show_news() {
	lines=$(grep -c . "$scratch/report" || :)
	sed -n "$((shown + 1)),${lines}s/^\[deploy\]/  &/p" "$scratch/report"
	shown=$lines
}
until ended "$capture"; do
	show_news
	sleep 0.2
done
show_news
wait "$capture" || die "the capture failed: $(cat "$scratch/err")"
release
within 20 ended "$load_pid" || die "the load does not end"
tail -n 1 "$scratch/load.out" >"$scratch/load.json"

heading "What the customers saw"
# seen RELEASE EXPRESSION
seen() { jq -r --arg a "$(sed -n 's/^READY //p' "$scratch/srv/$1/out")" ".[\$a] | $2" "$scratch/load.json"; }
for release in $old $new; do
	printf '  %s: ' "$release"
	seen "$release" '"\(.answers) answers, \(.errors) errors, p50 \(.p50_seconds * 1000 | round) ms, p95 \(.p95_seconds * 1000 | round) ms"'
done

heading "What parkmeter saw"
grep -v '^\[deploy\]' "$scratch/report"

heading "What the Pushgateway has of it now (a selection)"
curl -fsS "http://$gateway/metrics" >"$scratch/metrics"
grep -E '^parkmeter_(build_info|go_waiting_stack_seconds|go_runnable_seconds_count|go_goroutines|capture_duration_seconds)' \
	"$scratch/metrics" | sed -E 's/(env|instance|job|service|node|pipeline)="[^"]*",?//g; s/,\}/}/; s/\{\}//' |
	grep -E 'build_info|duration|database/sql|cause="(new|ready|netpoll)"' | head -n 16 || :
echo "  ... $(grep -c '^parkmeter_' "$scratch/metrics") series in $(grep -c '^# TYPE parkmeter_' "$scratch/metrics") families"

# Told apart means: the new release waits for connections, the old one does not, and the deployment
# itself noticed nothing.
# waited RELEASE: seconds in which goroutines waited for a connection, those that still wait included.
waited() {
	jq --arg version "$1" '[.releases[] | select(.version == $version) | .stacks[]
		| select(any(.frames[]; .function == "database/sql.(*DB).conn"))
		| .sum_ns + .still_waiting_ns] | add // 0 | . / 1e9 | round' "$scratch/summary.json"
}
heading "Told apart?"
old_s=$(waited $old) new_s=$(waited $new)
check "requests of $old waited for a connection for $old_s s in all, those of $new for $new_s s" \
	[ "$new_s" -ge 100 -a "$new_s" -ge $((10 * (old_s + 1))) ]
check "p95 as the customers saw it: $old below 100 ms, $new above 1 s" \
	[ "$(seen $old '.p95_seconds < 0.1')" = true -a "$(seen $new '.p95_seconds > 1')" = true ]
check "not one request failed" [ "$(seen $old .errors)" -eq 0 -a "$(seen $new .errors)" -eq 0 ]
check "the Pushgateway has both releases" \
	[ "$(grep '^parkmeter_build_info' "$scratch/metrics" | grep -cE "version=\"($old|$new)\"")" -eq 2 ]
echo
finish
