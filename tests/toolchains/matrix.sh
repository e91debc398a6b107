#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the small program probee with every Go toolchain, in the variants that a deployment meets,
# into ${PARKMETER_CACHE:-~/.cache/parkmeter}/matrix/VERSION-VARIANT, and prints the paths, one a
# line. What is there and newer than its source is kept.
#
#   tests/toolchains/matrix.sh [VERSION ...]        default: every version that fetch.sh knows
#   VARIANTS="plain pie" tests/toolchains/matrix.sh ...              only these
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${PARKMETER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parkmeter}
matrix=$cache/matrix
[ $# -gt 0 ] || set -- 1.15 1.19 1.21 1.22 1.23 1.24 1.26 1.27
mkdir -p "$matrix"

build() { # name, CGO_ENABLED, go build's arguments
	name=$1 cgo=$2
	shift 2
	case " ${VARIANTS:-$name} " in *" $name "*) ;; *) return 0 ;; esac
	goal=$matrix/$version-$name
	if [ -z "$(find "$goal" -newer "$here/probee/main.go" -newer "$here/probee/cgo.go" \
		2>/dev/null)" ]; then
		(cd "$source" && CGO_ENABLED=$cgo "$goroot/bin/go" build -o "$goal.tmp" "$@" .) >&2
		mv "$goal.tmp" "$goal"
	fi
	echo "$goal"
}

for version in "$@"; do
	goroot=$("$here/fetch.sh" "$version")
	source=$(mktemp -d)
	cp "$here"/probee/*.go "$source/"
	printf 'module example.org/probee\n\ngo %s\n' "$version" >"$source/go.mod"
	export GOROOT="$goroot" GOTOOLCHAIN=local GOFLAGS=-mod=mod GOPROXY=off GOPATH="$source/gopath"
	export GOCACHE="$cache/gocache-$version" GO111MODULE=on
	build plain 0 -ldflags '-X main.version=v1.2.3'
	build stripped 0 -ldflags '-s -w -X main.version=v1.2.3'
	build trimpath 0 -trimpath -ldflags '-X main.version=v1.2.3'
	build pie 0 -buildmode=pie
	build pie-stripped 0 -buildmode=pie -ldflags '-s -w'
	build cgo 1
	build cgo-pie 1 -buildmode=pie
	build cgo-pie-stripped 1 -buildmode=pie -ldflags '-s -w'
	build cgo-relr 1 -buildmode=pie -ldflags '-extldflags=-Wl,-z,pack-relative-relocs'
	build debug 0 -gcflags 'all=-N -l'
	rm -rf "$source"
done
