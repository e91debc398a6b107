#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a dispatch costs in traps, on an HTTP server with its clients: at most 2.1 without wait reasons
# and 3.0 with them.
#
#   tests/e2e/traps.sh [GO_VERSION]
set -eu
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
need_root
version=${1:-1.26}

start httpd "$(build "$version" httpd)" -requests 20000

# traps TEXT MOST OPTION...
traps() {
	traps_text=$1 most=$2
	shift 2
	: >"$scratch/httpd.out"
	drive_until REQUESTS "$scratch/httpd.out" >"$scratch/drive"
	"$parkmeter" capture --pid "$started" --lens probe --json --quiet "$@" -- sh "$scratch/drive" \
		>"$scratch/summary.json" 2>"$scratch/err" || die "the capture failed: $(cat "$scratch/err")"
	# shellcheck disable=SC2016 # $hits is jq's
	ratio=$(json "$scratch/summary.json" '[.quality.hits[]] as $hits | ($hits | add) / .quality.hits.execute
		| . * 100 | round / 100')
	dispatches=$(json "$scratch/summary.json" .quality.hits.execute)
	check "Go $version, $traps_text: $ratio traps a dispatch, at most $most ($dispatches dispatches)" \
		[ "$(jq -n "$ratio <= $most and $dispatches > 20000")" = true ]
}

traps "without wait reasons" 2.1 --no-reasons
traps "with wait reasons" 3.0
release
finish
