#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What probes cost an HTTP server that does nothing but answer, on this machine: traps per dispatch, and
# requests per second without probes, with the probes where parkmeter puts them, without wait reasons,
# and with the same probes at the entries of the same functions. Absolute figures depend on the machine
# and on what else it does; the variants take turns in every round, so that their ratios do not.
#
#   tests/bench/run.sh [BINARY [GO_VERSION [ROUNDS]]]
set -eu
[ $# -eq 0 ] || PARKMETER=$(realpath "$1")
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/../e2e/common.sh"
need_root
version=${2:-1.26} rounds=${3:-7} requests=20000

start httpd "$(build "$version" httpd)" -requests "$requests"

# one_round VARIANT: appends its rate to $scratch/VARIANT and leaves the summary, if there is one.
one_round() {
	: >"$scratch/httpd.out"
	drive_until REQUESTS "$scratch/httpd.out" >"$scratch/drive"
	case $1 in
	none) sh "$scratch/drive" ;;
	*) capture_round "$1" "$scratch/drive" ;;
	esac
	sed -nE 's/.* RATE ([0-9]+)$/\1/p' "$scratch/httpd.out" >>"$scratch/$1"
}

# capture_round VARIANT DRIVE
capture_round() {
	variant=$1 drive=$2 sites=chosen
	case $variant in
	probes) set -- --lens probe ;;
	no-reasons) set -- --lens probe --no-reasons ;;
	both) set -- --lens probe,kernel ;;
	entry) set -- --lens probe && sites=entry ;;
	esac
	PARKMETER_TEST_SITES=$sites "$parkmeter" capture --pid "$started" "$@" --json --quiet -- sh "$drive" \
		>"$scratch/$variant.json" 2>"$scratch/err" || die "the capture failed: $(cat "$scratch/err")"
}

median() { sort -n "$1" | awk '{ value[NR] = $1 } END { print (NR % 2) ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'; }
spread() { sort -n "$1" | awk 'NR == 1 { low = $1 } { high = $1 } END { printf "%d-%d", low, high }'; }
traps_of() { jq -r '([.quality.hits[]] | add) / .quality.hits.execute | . * 100 | round / 100' "$scratch/$1.json"; }
percent() { awk -v part="$1" -v whole="$2" 'BEGIN { printf "%.0f %%", 100 * part / whole }'; }

round=0
while [ $round -lt "$rounds" ]; do
	for variant in none probes no-reasons both entry; do
		one_round $variant
	done
	round=$((round + 1))
done
release

echo "Go $version, $(nproc) CPUs, $rounds rounds of $requests requests each, medians"
echo
whole=$(median "$scratch/none")
printf '%-44s %10s %8s %8s  %s\n' "" "requests/s" "of none" "traps" "lowest-highest"
row() {
	traps=-
	[ ! -e "$scratch/$1.json" ] || traps=$(traps_of "$1")
	printf '%-44s %10.0f %8s %8s  %s\n' "$2" "$(median "$scratch/$1")" \
		"$(percent "$(median "$scratch/$1")" "$whole")" "$traps" "$(spread "$scratch/$1")"
}
row none "no probes"
row no-reasons "probes, without wait reasons"
row probes "probes, with wait reasons"
row both "probes with wait reasons, and the kernel lens"
row entry "the same probes at function entries"
echo
hit_ns=$(json "$scratch/probes.json" '.quality.hit_cost_ns | round')
echo "one hit costs $hit_ns ns here; traps are per dispatch (execute)"
echo "chosen sites keep $(percent "$(median "$scratch/probes")" "$(median "$scratch/entry")") of the throughput at function entries"

# Besides the figures: what must hold on any machine.
check "without wait reasons at most 2.1 traps a dispatch" [ "$(jq -n "$(traps_of no-reasons) <= 2.1")" = true ]
check "with wait reasons at most 3.0 traps a dispatch" [ "$(jq -n "$(traps_of probes) <= 3.0")" = true ]
for program in "$top"/build/release/tests/bench/bench_*; do
	case $program in
	*.o | *.d) ;;
	*) [ ! -x "$program" ] || { echo; echo "-- ${program##*/}"; "$program"; } ;;
	esac
done
finish
