#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gcc -fanalyzer over the agent (make analyze); every warning is a failure. It understands cleanup
# attributes, so its leaks are real. A false one is suppressed at the spot by #pragma GCC diagnostic
# with the reason beside it. A clean answer is remembered in build/lint, as tidy.sh does.
#
#   PROJECT_CFLAGS=... tests/lint/analyze.sh [FILE...]
set -u
cache=build/lint/analyze

analyze() {
	file=$1
	eval "set -- $PROJECT_CFLAGS -O1 -Werror -fanalyzer"
	depends=$("${CC:-gcc}" "$@" -MM "$file" | sed -e 's/^[^:]*: *//' -e 's/\\$//') || return 1
	# shellcheck disable=SC2086 # a list of paths without spaces
	digest=$({
		"${CC:-gcc}" --version
		printf '%s\n' "$@"
		cat $depends
	} | sha256sum | cut -c -32)
	[ ! -e "$cache/$digest" ] || return 0
	"${CC:-gcc}" "$@" -c -o /dev/null "$file" || return 1
	mkdir -p "$cache"
	: > "$cache/$digest"
}

if [ "${1:-}" = --one ]; then
	analyze "$2"
	exit
fi
[ $# -gt 0 ] || set -- agent/*.c agent/*/*.c
# One line of result a file, so that two run side by side.
# shellcheck disable=SC2016 # the inner shell expands
results=$(printf '%s\n' "$@" | xargs -P 2 -I '{}' sh -c '
	if text=$("$0" --one "$1" 2>&1); then echo ok; else printf "%s\n" "$text" >&2; echo bad; fi
' "$0" '{}')
passed=$(printf '%s\n' "$results" | grep -cx ok)
failed=$(printf '%s\n' "$results" | grep -cx bad)
echo "analyze: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
