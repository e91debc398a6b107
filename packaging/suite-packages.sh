#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Unpacks packages of another Debian suite into a folder, without installing anything: the mirror and
# the keyring are the system's own (apt sources), the apt state is private, dpkg -x does the rest.
#
#   packaging/suite-packages.sh SUITE FOLDER PACKAGE...
#
# A PACKAGE with a * in it is the newest one of that pattern: 'linux-image-6.1.*-cloud-amd64'.
#
# Exit codes: 0 unpacked, 1 the suite or a package is not to be had, 2 usage.
set -eu

[ $# -ge 3 ] || { sed -n '3,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
suite=$1 folder=$2
shift 2

# shellcheck disable=SC2016 # apt's own variable
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
	grep -v security | sort -u | head -n 1)
[ -n "$mirror" ] || { echo "no Debian mirror in the system's apt sources; add one and run apt-get update" >&2; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

state=${PARKMETER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parkmeter}/apt/$suite
mkdir -p "$state/lists/partial" "$state/archives/partial" "$folder"
echo "deb [signed-by=$keyring] $mirror $suite main" > "$state/sources.list"

in_state() {
	command=$1
	shift
	"$command" -q -q -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$state/lists" -o Dir::Cache="$state" \
		-o APT::Sandbox::User=root -o APT::Get::List-Cleanup=0 "$@"
}

apt_get() {
	in_state apt-get "$@"
}

# The package's name; of a pattern the newest that the suite has, by version number.
resolve() {
	case $1 in
	*\**) in_state apt-cache -o Dir::State::status=/dev/null pkgnames "${1%%\**}" |
		while IFS= read -r name; do
			# shellcheck disable=SC2254 # a pattern on purpose
			case $name in $1) echo "$name" ;; esac
		done | sort -V | tail -n 1 ;;
	*) echo "$1" ;;
	esac
}

# A stamp of our own: apt gives its lists the mirror's times.
if [ -z "$(find "$state/updated" -mtime -1 2>/dev/null)" ]; then
	apt_get update || { echo "cannot read the suite $suite of $mirror" >&2; exit 1; }
	touch "$state/updated"
fi
downloads=$(mktemp -d)
trap 'rm -rf "$downloads"' EXIT
for pattern in "$@"; do
	package=$(resolve "$pattern")
	[ -n "$package" ] || { echo "$suite has no package $pattern" >&2; exit 1; }
	(cd "$downloads" && apt_get download "$package/$suite") ||
		(cd "$downloads" && apt_get download "$package") ||
		{ echo "$suite has no package $package" >&2; exit 1; }
done
for archive in "$downloads"/*.deb; do
	dpkg -x "$archive" "$folder"
done
