#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy on one source of the agent. A clean answer is remembered in build/lint under a digest of
# all that it depends on: the source, the project's headers it includes, flags, checks and version.
#
#   PROJECT_CFLAGS=... tests/lint/tidy.sh agent/base/buf.c
set -eu
file=$1
cache=build/lint/tidy
eval "set -- $PROJECT_CFLAGS"
# -MM leaves out the system's headers, which come and go with the packages.
depends=$("${CC:-gcc}" "$@" -MM "$file" | sed -e 's/^[^:]*: *//' -e 's/\\$//')
# shellcheck disable=SC2086 # a list of paths without spaces
digest=$({
	clang-tidy --version
	printf '%s\n' "$@"
	cat .clang-tidy $depends
} | sha256sum | cut -c -32)
[ ! -e "$cache/$digest" ] || exit 0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! clang-tidy --quiet "$file" -- "$@" >"$log" 2>&1; then
	grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter' "$log" || :
	exit 1
fi
mkdir -p "$cache"
: > "$cache/$digest"
