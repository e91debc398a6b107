#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Holds what gobin reads out of real executables against Go's debug/gosym, nm and objdump: every
# toolchain, every variant of matrix.sh, and a large file for the time and memory that it takes.
#
#   tests/toolchains/gobin.sh [VERSION ...]
set -eu
cd "$(dirname "$0")/../.."
. tests/toolchains/common.sh
[ $# -gt 0 ] || set -- 1.15 1.19 1.21 1.22 1.23 1.24 1.26 1.27

large_mib=120 large_ms=1000 large_memory_kib=65536
small_ms=30 # of a program of some 15 MiB: it starts while its probes are prepared

# info NAME FILE KEY=VALUE...
info() {
	what=$1 file=$2
	shift 2
	"$dump" info "$file" >"$scratch/info" || { bad "$what: info"; return; }
	for fact in "$@"; do
		if grep -qx "$fact" "$scratch/info"; then
			ok "$what: $fact"
		else
			bad "$what: not $fact: $(grep "^${fact%%=*}=" "$scratch/info")"
		fi
	done
}

# All functions with their lines as debug/gosym has them; it does not find the table without a
# section of its own, which GNU ld merges away in a PIE before Go 1.26.
check_functions() {
	case $1 in *cgo*stripped) return ;; esac # nothing tells the oracle where Go's text begins
	if "$oracle" funcs "$2" >"$scratch/oracle" 2>/dev/null; then
		cut -d' ' -f1 "$scratch/oracle" >"$scratch/addresses"
		same "$1: $(wc -l <"$scratch/oracle") functions and lines" "$scratch/oracle" \
			from_addresses "$2"
	elif nm "$2" 2>/dev/null | awk '$2 ~ /^[tT]$/ && $3 ~ /^(runtime|main|sync|os)\.[A-Za-z(*]/ &&
		$3 !~ /\.abi0$|\[|^runtime\.(text|etext)$/ { sub("^0*", "", $1); print $1, $3 }' |
		sort >"$scratch/oracle" && [ -s "$scratch/oracle" ]; then
		cut -d' ' -f1 "$scratch/oracle" >"$scratch/addresses"
		same "$1: $(wc -l <"$scratch/oracle") symbols" "$scratch/oracle" \
			from_addresses_names "$2"
	fi
}

from_addresses() {
	"$dump" funcs "$1" <"$scratch/addresses"
}

from_addresses_names() {
	from_addresses "$1" | cut -d' ' -f1,3
}

# objdump's own decoding of what stands before a site: only comparisons, the stack check and the
# frame's address in %r12 leave arguments and stack pointer alone.
entry_is_sound() {
	objdump -d --no-show-raw-insn --start-address="0x$2" --stop-address=$((0x$3 + 16)) "$1" |
		awk -F'\t' -v site="$3" '
		$1 ~ /^ +[0-9a-f]+:/ {
			address = $1
			gsub(/[ :]/, "", address)
			if (address == site) {
				found = $2 ~ /^(push +%r|j[a-z]+ |nop$|xchg +%ax,%ax)/
				exit
			}
			if ($2 !~ /^(cmp|test|jbe|lea +-0x[0-9a-f]+\(%rsp\),%r12)/)
				exit
		}
		END { exit !found }'
}

call_is_sound() {
	objdump -d --no-show-raw-insn --start-address="0x$2" --stop-address=$((0x$2 + 256)) "$1" |
		awk -F'\t' -v site="$3" '
		{ address = $1; gsub(/[ :]/, "", address) }
		address == site { found = $2 ~ /^call/ && carried; exit }
		$2 ~ /newproc1>/ { produced = 1; carried = 0; next }
		produced && $2 ~ /^mov +%rax,%rbx|^mov +0x[0-9a-f]+\(%rsp\),%rbx/ { carried = 1; next }
		$2 ~ /,%[re]?bx/ { carried = 0 }
		END { exit !found }'
}

check_sites() {
	if ! "$dump" sites "$2" >"$scratch/sites"; then
		bad "$1: sites"
		return
	fi
	while read -r kind usable address _ function text; do
		entry=$(echo "$function" | "$dump" names "$2" | cut -d' ' -f1)
		if [ "$usable" != 1 ]; then
			bad "$1: $function: $text"
		elif [ "$kind" = 3 ]; then
			# Without symbols objdump does not say what is called.
			if grep -qx symtab=0 "$scratch/info" || call_is_sound "$2" "$entry" "$address"; then
				ok "$1: $function"
			else
				bad "$1: $function at $address: $text"
			fi
		elif entry_is_sound "$2" "$entry" "$address"; then
			ok "$1: $function"
		else
			bad "$1: $function at $address: $text"
		fi
	done <"$scratch/sites"
}

check_file() { # VERSION VARIANT FILE
	title="Go $1 $2"
	pie=0 cgo=0 symtab=1 release=-
	case $2 in *pie* | *relr*) pie=1 ;; esac
	case $2 in *cgo*) cgo=1 ;; esac
	case $2 in *stripped*) symtab=0 ;; esac
	case $2 in plain | stripped) release=v1.2.3 ;; esac
	info "$title" "$3" "minor=${1#1.}" "pie=$pie" "cgo=$cgo" "symtab=$symtab" "dwarf=$symtab" \
		"version=$release" "module=example.org/probee"
	check_functions "$title" "$3"
	check_sites "$title" "$3"
}

# no_headers FILE: a copy that says that it has no section headers
no_headers() {
	cp "$1" "$scratch/no-headers"
	printf '\0\0\0\0\0\0\0\0' | dd of="$scratch/no-headers" bs=1 seek=40 conv=notrunc status=none
	printf '\0\0\0\0' | dd of="$scratch/no-headers" bs=1 seek=60 conv=notrunc status=none
}

# The same sites without symbols, and without section headers.
check_stripped() { # VERSION
	matrix=$cache/matrix
	for pair in plain:stripped pie:pie-stripped cgo-pie:cgo-pie-stripped; do
		"$dump" sites "$matrix/$1-${pair%:*}" >"$scratch/oracle" || :
		case $1-$pair in *cgo*) ;; *)
			same "Go $1: sites of ${pair#*:} as of ${pair%:*}" "$scratch/oracle" \
				"$dump" sites "$matrix/$1-${pair#*:}" ;;
		esac
		"$dump" sites "$matrix/$1-${pair#*:}" >"$scratch/oracle"
		no_headers "$matrix/$1-${pair#*:}"
		same "Go $1: sites of ${pair#*:} without section headers" "$scratch/oracle" \
			"$dump" sites "$scratch/no-headers"
	done
}

# refused NAME FILE TEXT
refused() {
	if "$dump" sites "$2" >/dev/null 2>"$scratch/error"; then
		bad "$1: was not refused"
	elif grep -q "$3" "$scratch/error"; then
		ok "$1: refused"
	else
		bad "$1: $(cat "$scratch/error")"
	fi
}

at_most() { # NAME VALUE LIMIT
	if [ "${2%.*}" -le "$3" ]; then
		ok "$1: $2 <= $3"
	else
		bad "$1: $2 > $3"
	fi
}

# The least of three runs; "load MS sites MS memory KIB size BYTES"
check_cost() { # NAME FILE MS MEMORY_KIB
	for _ in 1 2 3; do
		"$dump" cost "$2"
	done | awk '{ ms = $2 + $4; if (NR == 1 || ms < least) least = ms; if ($6 > kib) kib = $6 }
		END { print int(least + 1), kib + 0, int($8 / 1048576) }' >"$scratch/cost"
	read -r ms kib mib <"$scratch/cost"
	echo "  $1, $mib MiB: loaded with its sites in $ms ms and $kib KiB"
	at_most "$1: ms" "$ms" "$3"
	at_most "$1: KiB" "$kib" "$4"
}

check_costs() {
	make -s build/release/tests/toolchains/goelflarge >&2
	build/release/tests/toolchains/goelflarge "$scratch/large"
	check_cost "large executable" "$scratch/large" "$large_ms" "$large_memory_kib"
	at_most "large executable: MiB" "$large_mib" "$mib"
	check_cost "the go command" "$(tests/toolchains/fetch.sh 1.27)/bin/go" "$small_ms" \
		"$large_memory_kib"
}

prepare
check_costs
for version in "$@"; do
	tests/toolchains/matrix.sh "$version" >"$scratch/files"
	while read -r file; do
		variant=${file##*/}
		variant=${variant#"$version"-}
		if [ "$version" = 1.15 ]; then
			refused "Go 1.15 $variant" "$file" "built by go1.15"
		else
			check_file "$version" "$variant" "$file"
		fi
	done <"$scratch/files"
	[ "$version" = 1.15 ] || check_stripped "$version"
done
closing gobin
