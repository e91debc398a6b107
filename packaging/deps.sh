#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what building and testing parkmeter takes on Debian 12 or later.
#
#   packaging/deps.sh build    compiler, libraries, bpftool; libbpf >= 1.3 into build/deps when the
#                              system's is older and its backports have one (1.1 works, too)
#   packaging/deps.sh check    what the tests and the demo need on top: Go, servers, linters
#   packaging/deps.sh vm       what `make vm` needs on top of that: an emulator
#
# Asks apt only for what is missing, so that a second run takes no time and no network.
set -eu
cd "$(dirname "$0")/.."

build="make gcc libc6-dev clang llvm bpftool pkg-config libbpf-dev libelf-dev libdw-dev libcapstone-dev
	libjansson-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev"
check="libcmocka-dev golang-go golang-github-mattn-go-sqlite3-dev prometheus-pushgateway prometheus
	curl jq openssl libcap2-bin shellcheck clang-format clang-tidy libclang-rt-dev binutils procps
	python3 util-linux"
vm="qemu-system-x86 seabios busybox-static cpio"

install_missing() {
	missing=
	for package in "$@"; do
		dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
			missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	[ "$(id -u)" -eq 0 ] || { echo "run as root to install:$missing" >&2; exit 1; }
	echo "installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	hold_services
	apt-get -qq update
	# shellcheck disable=SC2086 # a list of package names
	apt-get -qq install -y --no-install-recommends $missing >/dev/null
}

# The tests start servers themselves, on ports of their own: what is installed here for them must not
# start as a service. (invoke-rc.d(8): 101 is "forbidden by policy".)
hold_services() {
	policy=/usr/sbin/policy-rc.d
	[ ! -e $policy ] || return 0
	trap 'rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' > $policy
	chmod +x $policy
}

libbpf_is_new() {
	pkg-config --atleast-version=1.3 libbpf 2>/dev/null
}

new_libbpf() {
	libbpf_is_new && return 0
	[ -e build/deps/usr/include/bpf/libbpf.h ] && return 0
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	if packaging/suite-packages.sh "$codename-backports" build/deps libbpf-dev libbpf1; then
		echo "libbpf of $codename-backports is in build/deps"
	else
		echo "no libbpf >= 1.3 to be had: building with $(pkg-config --modversion libbpf)"
	fi
}

case ${1:-} in
build)
	# shellcheck disable=SC2086
	install_missing $build
	new_libbpf
	;;
check)
	# shellcheck disable=SC2086
	install_missing $build $check
	new_libbpf
	;;
vm)
	# shellcheck disable=SC2086
	install_missing $build $check $vm
	new_libbpf
	;;
*)
	sed -n '3,12s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
