# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034
# What layout.sh and gobin.sh share; read with the root of the tree as current directory.
passed=0 failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cache=${PARKMETER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parkmeter}
dump=build/release/tests/toolchains/gobindump
oracle=$cache/matrix/oracle

# Builds both sides: ours in C, the oracle with the newest toolchain.
prepare() {
	make -s "$dump" >&2
	mkdir -p "$cache/matrix"
	goroot=$(tests/toolchains/fetch.sh 1.27)
	if [ -z "$(find "$oracle" -newer tests/toolchains/oracle/main.go 2>/dev/null)" ]; then
		(
			export GOROOT="$goroot" GOTOOLCHAIN=local GOFLAGS=-mod=mod GOPROXY=off
			export GOCACHE="$cache/gocache-1.27" GOPATH="$scratch/gopath" CGO_ENABLED=0
			"$goroot/bin/go" build -o "$oracle" tests/toolchains/oracle/main.go
		) >&2
	fi
}

ok() {
	passed=$((passed + 1))
	[ -z "${V:-}" ] || echo "  ok      $1"
}

bad() {
	failed=$((failed + 1))
	echo "  FAILED  $1"
}

# same NAME EXPECTED COMMAND...: its output is the file's, and there is some
same() {
	name=$1 expected=$2
	shift 2
	if "$@" >"$scratch/got" && [ -s "$scratch/got" ] &&
		diff "$expected" "$scratch/got" >"$scratch/diff"; then
		ok "$name"
	else
		head -n 20 "$scratch/diff"
		bad "$name"
	fi
}

closing() {
	echo "$1: $passed passed, $failed failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
