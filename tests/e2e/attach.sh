#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Attaching and detaching, again and again, while the observed program works at full load and checks
# everything that it computes: it gets no wrong answer and does not crash, its code is as before, and
# the process that does it keeps no descriptor and no memory.
#
#   tests/e2e/attach.sh [CYCLES [GO_VERSION]]    100 cycles, Go 1.26
set -eu
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
need_root
cycles=${1:-100} version=${2:-1.26}

driver=build/release/tests/e2e/attach_cycles
(cd "$top" && env -u SANITIZE -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s "$driver" >"$scratch/make" 2>&1) ||
	die "cannot build $driver: $(tail -n 3 "$scratch/make")"

start churn "$(build "$version" churn)"
# The driver goes first, or half of the time it waits for the program that fills every processor.
if nice -n -10 "$top/$driver" "$started" "$cycles" >"$scratch/driver.out" 2>&1; then
	pass "Go $version: $(cat "$scratch/driver.out")"
else
	fail "Go $version: $(cat "$scratch/driver.out")"
fi
check "the program still runs" alive "$started"
check "its code is as in its file" python3 "$top/tests/e2e/same_code.py" "$started"
release
within 30 ended "$started" || die "the program does not end"
check "it computed rightly: $(tail -n 1 "$scratch/churn.out")" contains "$scratch/churn.out" '^OK rounds='
check "and wrote nothing on its standard error" [ ! -s "$scratch/churn.err" ]
finish
