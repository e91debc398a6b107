#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's own Prometheus and Pushgateway, as packaged: stripped, without DWARF, with cgo. Both are
# captured while Prometheus scrapes both, and go on afterwards.
set -eu
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
need_root
for server in prometheus prometheus-pushgateway; do
	command -v $server >/dev/null || die "$server is missing; run packaging/deps.sh check"
	sections=$(readelf -SW "$(command -v $server)")
	case $sections in
	*.symtab* | *.debug_info*) die "$server is not stripped: this test proves nothing" ;;
	esac
	pass "$server has neither symbols nor DWARF"
done

prometheus_port=$(free_port) gateway_port=$(free_port)
prometheus=127.0.0.1:$prometheus_port gateway=127.0.0.1:$gateway_port
cat > "$scratch/prometheus.yml" <<END
global: {scrape_interval: 100ms, scrape_timeout: 100ms}
scrape_configs:
- job_name: both
  static_configs: [{targets: ["$prometheus", "$gateway"]}]
END
prometheus-pushgateway --persistence.file= --web.listen-address="$gateway" >"$scratch/gateway.log" 2>&1 &
gateway_pid=$!
pids="$pids $gateway_pid"
prometheus --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/tsdb" \
	--web.listen-address="$prometheus" >"$scratch/prometheus.log" 2>&1 &
prometheus_pid=$!
pids="$pids $prometheus_pid"

answers() { curl -fsS -o /dev/null --max-time 2 "http://$1" 2>/dev/null; }
within 20 answers "$prometheus/-/ready" || die "Prometheus does not answer: $(tail -n 3 "$scratch/prometheus.log")"
within 20 answers "$gateway/-/ready" || die "the Pushgateway does not answer: $(tail -n 3 "$scratch/gateway.log")"

# The window lasts for 30 queries to each, besides the scrapes.
cat > "$scratch/drive" <<END
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
	curl -fsS -o /dev/null "http://$prometheus/api/v1/query?query=up" || exit 1
	echo "orders \$i" | curl -fsS --data-binary @- "http://$gateway/metrics/job/debian" || exit 1
	curl -fsS -o /dev/null "http://$gateway/metrics" || exit 1
done
END
"$parkmeter" capture --pid "$prometheus_pid" --pid "$gateway_pid" --json --quiet -- sh "$scratch/drive" \
	>"$scratch/summary.json" 2>"$scratch/err" || die "the capture failed: $(cat "$scratch/err")"

check "two releases" [ "$(json "$scratch/summary.json" '.releases | length')" -eq 2 ]
for pid in "$prometheus_pid" "$gateway_pid"; do
	jq --argjson pid "$pid" '.releases[] | select(any(.processes[]; .pid == $pid))' \
		"$scratch/summary.json" >"$scratch/release.json"
	name=$(basename "$(json "$scratch/release.json" '.processes[0].exe')")
	check "$name is probed" [ "$(json "$scratch/release.json" '.processes[0].probed')" = true ]
	check "$name: Go $(json "$scratch/release.json" .go_version)" \
		[ "$(json "$scratch/release.json" '.go_version | startswith("go1.")')" = true ]
	count=$(json "$scratch/release.json" .runnable.count)
	check "$name: $count dispatches" [ "$count" -gt 100 ]
	count=$(json "$scratch/release.json" '[.stacks[].frames[].function | select(startswith("net/http."))] | length')
	check "$name: $count frames of net/http among its waits" [ "$count" -gt 0 ]
	count=$(json "$scratch/release.json" '[.waiting[] | select(.name == "IO wait") | .hist.count] | add // 0')
	check "$name: $count waits for the network" [ "$count" -gt 0 ]
	count=$(json "$scratch/release.json" '.syscalls | length')
	check "$name: $count kinds of system calls" [ "$count" -gt 0 ]
done
losses=$(json "$scratch/summary.json" '[.quality.losses | to_entries[] | select(.key | test("^unmatched|^stack_truncated") | not) | .value] | add')
check "nothing lost" [ "$losses" -eq 0 ]
check "Prometheus goes on" answers "$prometheus/-/healthy"
check "the Pushgateway goes on" answers "$gateway/-/healthy"
finish
