#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds one of tests/workloads with one Go toolchain and prints the path of the binary.
#
#   tests/toolchains/build.sh VERSION WORKLOAD [go build flags...]
#
# VERSION is one that fetch.sh knows, or "system": Debian's own Go with the libraries of
# /usr/share/gocode, for workloads without a go.mod. Binaries are kept in
# build/workloads/VERSION/WORKLOAD[-FLAGS]/ and built again when a source is newer.
set -eu

[ $# -ge 2 ] || { sed -n '3,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
top=$(cd "$(dirname "$0")/../.." && pwd)
version=$1 workload=$2
shift 2
source=$top/tests/workloads/$workload
[ -d "$source" ] || { echo "there is no workload $workload in tests/workloads" >&2; exit 2; }

variant=
[ $# -eq 0 ] || variant=-$(printf '%s\n' "$@" | cksum | cut -d' ' -f1)
folder=$top/build/workloads/$version/$workload$variant
binary=$folder/$workload
if [ -x "$binary" ] && [ -z "$(find "$source" -type f -newer "$binary")" ]; then
	echo "$binary"
	exit 0
fi

if [ "$version" = system ]; then
	go=$(command -v go) || { echo "Go is missing; run packaging/deps.sh check" >&2; exit 1; }
	export GO111MODULE=off GOPATH="$folder/gopath:/usr/share/gocode"
else
	GOROOT=$("$top/tests/toolchains/fetch.sh" "$version")
	go=$GOROOT/bin/go
	export GOROOT GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local
fi
GOCACHE=${PARKMETER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parkmeter}/gocache-$version
export GOCACHE

# Go 1.18 and later would ask git about the tree around the workload.
case $version in
1.15 | 1.16 | 1.17) ;;
*) set -- -buildvcs=false "$@" ;;
esac
mkdir -p "$folder"
# A name of its own while it is being built: tests may build the same one side by side.
(cd "$source" && "$go" build "$@" -o "$binary.$$" .) >&2
mv "$binary.$$" "$binary"
echo "$binary"
