#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The lint checks over the tree in the current directory (make lint), with a closing line over all.
#
#   tests/lint/run.sh [CHECK...]     all of them, or these:
#
#   edges headers names sizes banned format tidy shell traces spdx selftest
#
# The compiler flags come from the Makefile: PROJECT_CFLAGS, PROJECT_BPF_CFLAGS. A tool that is
# missing is a failure, not a skip: packaging/deps.sh check installs it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONDONTWRITEBYTECODE=1
: "${PROJECT_CFLAGS:=-std=gnu17 -D_GNU_SOURCE -Iagent -Iinclude -Ibuild/gen}"
: "${PROJECT_BPF_CFLAGS:=-target bpf -D__TARGET_ARCH_x86 -Ibpf -Iinclude}"
export PROJECT_CFLAGS PROJECT_BPF_CFLAGS

# Every file of the project that exists, one a line.
files() {
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -co --exclude-standard
	else
		find . -type f -not -path './build/*' | sed 's,^\./,,'
	fi | while IFS= read -r path; do
		[ -f "$path" ] && printf '%s\n' "$path"
	done
}

c_files() {
	files | grep -E '^(agent|bpf|include|tests)/.*\.[ch]$'
}

scripts() {
	files | while IFS= read -r path; do
		case $path in
		*.sh) printf '%s\n' "$path" ;;
		*) head -c 64 "$path" | head -n 1 | grep -aqE '^#! ?/(usr/)?bin/(env )?(ba|da)?sh' &&
			printf '%s\n' "$path" ;;
		esac
	done
}

sources() {
	files | tr '\n' '\0' | xargs -0 python3 "$here/checks.py" "$1"
}

# Each header compiles alone, twice in one unit, by the compiler that will see it.
headers() {
	bad=0
	for header in $(c_files | grep '\.h$' | grep -v '^tests/'); do
		printf '#include "%s"\n#include "%s"\n' "$PWD/$header" "$PWD/$header" > "$scratch/unit.c"
		case $header in
		bpf/*) eval "set -- clang $PROJECT_BPF_CFLAGS -Wno-unused-function" ;;
		*) eval "set -- ${CC:-gcc} $PROJECT_CFLAGS" ;;
		esac
		"$@" -Werror -fsyntax-only "$scratch/unit.c" || bad=1
	done
	return $bad
}

format() {
	c_files | xargs clang-format --dry-run -Werror
}

tidy() {
	files | grep -E '^agent/.*\.c$' | xargs -P 2 -n 1 "$here/tidy.sh"
}

shell() {
	scripts | xargs shellcheck -x -P SCRIPTDIR:.
}

run_check() {
	case $1 in
	edges | names | sizes | banned | traces | spdx) sources "$1" ;;
	headers | format | tidy | shell) "$1" ;;
	selftest) "$here/selftest.sh" ;;
	*) echo "no such check: $1"; return 2 ;;
	esac
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
[ $# -gt 0 ] || set -- edges headers names sizes banned spdx traces shell format selftest tidy
passed=0 failed=0
for check in "$@"; do
	if run_check "$check" >"$scratch/log" 2>&1; then
		echo "  ok      $check"
		passed=$((passed + 1))
	else
		cat "$scratch/log"
		echo "  FAILED  $check"
		failed=$((failed + 1))
	fi
done
echo "lint: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
