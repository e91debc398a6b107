#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# /init of the emulated machine of run.sh. What it does depends on the boot parameter scenario=...;
# each step ends with a line "STEP name exit-code" on the console, and what it printed goes over the
# second serial line as "FILE name", base64, "END".
set -u
bb=/bin/busybox

$bb mkdir -p /etc /run
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs dev /dev
$bb mount -t securityfs security /sys/kernel/security
$bb --install -s /bin
export PATH=/bin HOME=/tmp LC_ALL=C
ip link set lo up
scenario=$(sed -nE 's/.*scenario=([a-z]+).*/\1/p' /proc/cmdline)
echo "GUEST $(uname -r) $scenario, up since $(cut -d' ' -f1 /proc/uptime) s"

# send NAME: the file /tmp/NAME.
send() {
	{
		echo "FILE $1"
		base64 "/tmp/$1"
		echo END
	} > /dev/ttyS1
}

# step NAME COMMAND...: its stdout, stderr and exit code.
step() {
	step=$1
	shift
	"$@" > "/tmp/$step.out" 2> "/tmp/$step.err"
	echo "STEP $step $?"
	send "$step.out"
	send "$step.err"
}

# The service runs from here on; its pid is $service. It waits for a line on its standard input.
start_service() {
	mkfifo /tmp/in
	GOMAXPROCS=2 waits -for 60s < /tmp/in > /tmp/service.out 2> /tmp/service.err &
	service=$!
	exec 3> /tmp/in
	deadline=$(($(cut -d. -f1 /proc/uptime) + 30))
	until grep -q READY /tmp/service.out; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt "$deadline" ] || break
		usleep 20000
	done
	echo go >&3
}

alive() {
	kill -0 "$service" && grep -q '^State:.[RSD]' "/proc/$service/status"
}

step doctor parkmeter doctor
case $scenario in
capture)
	start_service
	step capture parkmeter capture --pid "$service" --for 4s --json
	step perf parkmeter capture --pid "$service" --for 2s --attach perf --json
	step kernel parkmeter capture --pid "$service" --for 2s --lens kernel --json
	step ps parkmeter ps --json
	step alive alive
	;;
refuse)
	start_service
	mount -t tmpfs none /sys/kernel/btf
	step nobtf parkmeter capture --pid "$service" --for 1s --json
	umount /sys/kernel/btf
	mount -t tmpfs none /sys/bus/event_source/devices
	step nouprobe parkmeter capture --pid "$service" --for 1s --attach perf --json
	umount /sys/bus/event_source/devices
	step alive alive
	;;
lockdown)
	start_service
	step lockdown cat /sys/kernel/security/lockdown
	step locked parkmeter capture --pid "$service" --for 1s --json
	step alive alive
	;;
esac
echo "GUEST done"
poweroff -f
