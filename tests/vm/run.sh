#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The agent on other kernels (make vm): each is booted in an emulated machine (no KVM needed, about 3
# seconds) with an initramfs that holds busybox, the agent with its libraries and a Go service;
# guest.sh captures that service there, and answers.py judges what it sent back.
#
#   tests/vm/run.sh BINARY [KERNEL...]     5.10 6.1 6.12 newest (default: all)
#
# Kernels are Debian's cloud kernels, kept in ${PARKMETER_CACHE:-~/.cache/parkmeter}/vm/KERNEL; remove
# that folder to fetch it again. Consoles and answers stay in build/vm/KERNEL. V=1 shows the console.
set -eu
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] || { sed -n '3,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
binary=$1
shift
[ $# -gt 0 ] || set -- 5.10 6.1 6.12 newest
cache=${PARKMETER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parkmeter}/vm
boot_limit_s=240

# Prints the kernel image of that version, fetched when it is not there yet.
kernel_image() {
	folder=$cache/$1
	case $1 in
	5.10) suite=bullseye pattern='linux-image-5.10*-cloud-amd64' ;;
	6.1) suite=bookworm pattern='linux-image-6.1.*-cloud-amd64' ;;
	6.12) suite=bookworm-backports pattern='linux-image-6.12*-cloud-amd64' ;;
	newest) suite=sid pattern='linux-binary-*-cloud-amd64' ;;
	*) echo "no Debian suite is known to have a kernel $1; known: 5.10 6.1 6.12 newest" >&2; return 1 ;;
	esac
	if [ ! -e "$folder/vmlinuz" ]; then
		mkdir -p "$folder"
		packaging/suite-packages.sh "$suite" "$folder/package" "$pattern" >&2 || return 1
		# /boot/vmlinuz-VERSION, or /usr/lib/modules/VERSION/vmlinuz
		find "$folder/package" -name 'vmlinuz*' -type f -exec cp '{}' "$folder/vmlinuz.new" ';'
		rm -rf "$folder/package"
		mv "$folder/vmlinuz.new" "$folder/vmlinuz"
	fi
	echo "$folder/vmlinuz"
}

# Copies a program to the same place in the initramfs, with the libraries that it loads.
add_program() {
	install -D -m 0755 "$1" "$root$2"
	{ ldd "$1" 2>/dev/null || :; } | grep -oE '/[^ ]+' | while IFS= read -r library; do
		[ -e "$root$library" ] || install -D -m 0755 "$(readlink -f "$library")" "$root$library"
	done
}

make_initramfs() {
	root=$scratch/root
	mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp"
	install -m 0755 "$(command -v busybox)" "$root/bin/busybox"
	install -m 0755 tests/vm/guest.sh "$root/init"
	add_program "$binary" /bin/parkmeter
	workload=$(CGO_ENABLED=0 tests/toolchains/build.sh 1.22 waits)
	add_program "$workload" /bin/waits
	(cd "$root" && find . | cpio -o -H newc 2>/dev/null) > "$scratch/initramfs"
}

# emulate KERNEL PARAMETERS: one machine from start to end. The agent's JSON comes over the second
# serial line, apart from what the kernel says. Without cmpxchg16b: QEMU 7.2 emulates it wrongly, and
# one boot in four ends in kmem_cache_alloc() with its flags overwritten.
# One thread for both processors: with one each, QEMU 7.2 lets a processor run an int3 that the kernel
# has already patched out again (6.12, where tracepoints are switched on: "Oops: int3").
emulate() {
	rm -rf "$answers"
	mkdir -p "$answers"
	timeout "$boot_limit_s" qemu-system-x86_64 -accel tcg,thread=single -cpu max,cx16=off -smp 2 \
		-m 1024 -nodefaults -display none -no-reboot -kernel "$(kernel_image "$1")" \
		-initrd "$scratch/initramfs" -serial "file:$answers/console" \
		-serial "file:$answers/files" -append "console=ttyS0 quiet panic=-1 $2" </dev/null ||
		echo "the machine did not switch itself off within $boot_limit_s s" >> "$answers/console"
}

# True when the emulator broke down, not the agent: the machine never came as far as guest.sh, or the
# kernel met a breakpoint of its own in the middle of patching its code, which QEMU 7.2 sometimes
# still runs on the other CPU when it is gone from memory.
emulator_failed() {
	! grep -q '^GUEST' "$answers/console" || grep -q 'Oops: int3' "$answers/console"
}

# boot KERNEL SCENARIO [BOOT PARAMETER...]: a machine, judged.
boot() {
	kernel=$1 scenario=$2
	shift 2
	answers=build/vm/$kernel-$scenario
	began_s=$(cut -d. -f1 /proc/uptime)
	emulate "$kernel" "scenario=$scenario $*"
	if emulator_failed; then
		echo "kernel $kernel, $scenario: the emulator broke down, once more"
		emulate "$kernel" "scenario=$scenario $*"
	fi
	[ -z "${V:-}" ] || cat "$answers/console"
	echo "kernel $kernel, $scenario ($(($(cut -d. -f1 /proc/uptime) - began_s)) s):"
	python3 tests/vm/answers.py "$scenario" "$answers" > "$scratch/judged" 2>&1 || :
	cat "$scratch/judged"
	ok=$(grep -c '^  ok ' "$scratch/judged") || :
	bad=$(grep -c '^  FAILED ' "$scratch/judged") || :
	[ $((ok + bad)) -gt 0 ] || bad=1
	[ "$bad" -eq 0 ] || [ -n "${V:-}" ] || tail -n 30 "$answers/console"
	passed=$((passed + ok)) failed=$((failed + bad))
}

passed=0 failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
make_initramfs
for kernel in "$@"; do
	if ! kernel_image "$kernel" >/dev/null; then
		echo "  FAILED  kernel $kernel is not to be had"
		failed=$((failed + 1))
		continue
	fi
	boot "$kernel" capture
	boot "$kernel" refuse
	[ "$kernel" = 5.10 ] || boot "$kernel" lockdown lockdown=confidentiality
done
echo "vm: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
