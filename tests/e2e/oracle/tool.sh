#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the path of Go's own trace tool of Go 1.26, which reads every trace format from Go 1.11 on.
# Debian's package has its source only: it is built once, in build/workloads.
set -eu
top=$(cd "$(dirname "$0")/../../.." && pwd)
version=1.26
tool=$top/build/workloads/$version/go-tool-trace
if [ ! -x "$tool" ]; then
	GOROOT=$("$top/tests/toolchains/fetch.sh" "$version")
	GOCACHE=${PARKMETER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parkmeter}/gocache-$version
	export GOROOT GOCACHE GOTOOLCHAIN=local GOPROXY=off GOFLAGS=
	mkdir -p "${tool%/*}"
	(cd "$GOROOT/src/cmd/trace" && "$GOROOT/bin/go" build -o "$tool.$$" cmd/trace) >&2
	mv "$tool.$$" "$tool"
fi
echo "$tool"
