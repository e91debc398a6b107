#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches Go toolchains of several Debian suites for the tests, and prints their GOROOT, one a line.
# Nothing is installed; they are kept in ${PARKMETER_CACHE:-~/.cache/parkmeter}/go.
#
#   tests/toolchains/fetch.sh 1.22 1.26 ...
#
# Known: 1.15 1.19 1.21 1.22 1.23 1.24 1.26 1.27. (No suite has 1.25.)
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
cache=${PARKMETER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parkmeter}/go

suite_of() {
	case $1 in
	1.15) echo bullseye ;;
	1.19) echo bookworm ;;
	1.21 | 1.22 | 1.23) echo bookworm-backports ;;
	1.24) echo trixie ;;
	1.26 | 1.27) echo sid ;;
	*) echo "no Debian suite is known to have Go $1" >&2; exit 2 ;;
	esac
}

[ $# -ge 1 ] || { sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
for version in "$@"; do
	root=$cache/$version/usr/lib/go-$version
	if [ ! -e "$cache/$version/complete" ]; then
		rm -rf "${cache:?}/$version"
		"$here/packaging/suite-packages.sh" "$(suite_of "$version")" "$cache/$version" \
			"golang-$version-go" "golang-$version-src" >&2
		# The packages link GOROOT/{src,test,api,misc} to /usr/share/go-X.YY by absolute path.
		for link in src test api misc; do
			[ -d "$cache/$version/usr/share/go-$version/$link" ] || continue
			ln -sfn "../../share/go-$version/$link" "$root/$link"
		done
		for link in "$root"/*; do
			[ -L "$link" ] || continue
			goal=$(readlink "$link")
			case $goal in
			/usr/*) ln -sfn "$cache/$version$goal" "$link" ;;
			esac
		done
		"$root/bin/go" version >/dev/null
		touch "$cache/$version/complete"
	fi
	echo "$root"
done
