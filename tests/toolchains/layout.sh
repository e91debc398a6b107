#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Derives the layout of the runtime's structs and the names of its reasons again from every real
# toolchain, by Go's own debug/dwarf and go/parser, and compares with the tables and with libdw.
#
#   tests/toolchains/layout.sh [VERSION ...]
set -eu
cd "$(dirname "$0")/../.."
. tests/toolchains/common.sh
[ $# -gt 0 ] || set -- 1.19 1.21 1.22 1.23 1.24 1.26 1.27

prepare
for version in "$@"; do
	minor=${version#1.}
	plain=$(VARIANTS=plain tests/toolchains/matrix.sh "$version")
	goroot=$(tests/toolchains/fetch.sh "$version")
	"$oracle" layout "$plain" >"$scratch/oracle"
	same "Go $version: table of offsets" "$scratch/oracle" "$dump" table "$minor"
	same "Go $version: offsets by libdw" "$scratch/oracle" "$dump" dwarf "$plain"
	"$oracle" reasons "$goroot" >"$scratch/oracle"
	same "Go $version: names of reasons" "$scratch/oracle" "$dump" reasons "$minor"
done
closing layout
