#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The deployment of the demo: rolls out the shop's releases one after the other, moves the load to each
# as soon as it is healthy, stops the one before, and lets each soak for a while.
#
#   demo_deploy.sh FOLDER SOAK_SECONDS RELEASE=BINARY...
#
# In FOLDER: `target` names the server that gets the load, RELEASE/pid is the pid of each.
set -eu
folder=$1 soak_s=$2
shift 2

say() { echo "[deploy] $*"; }

healthy() { curl -fsS -o /dev/null --max-time 1 "http://$1/healthz" 2>/dev/null; }

# roll_out RELEASE BINARY
roll_out() {
	say "$1: installing"
	mkdir -p "$folder/$1"
	cp "$2" "$folder/$1/shop"
	sleep 0.5 # stands for what a deployment does between copying and starting
	"$folder/$1/shop" -database "$folder/shop.db" >"$folder/$1/out" 2>&1 </dev/null &
	echo $! >"$folder/$1/pid"
	tries=0
	until address=$(sed -n 's/^READY //p' "$folder/$1/out") && [ -n "$address" ] && healthy "$address"; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { say "$1 does not get healthy: $(cat "$folder/$1/out")"; exit 1; }
		sleep 0.05
	done
	echo "$address" >"$folder/target.new"
	mv "$folder/target.new" "$folder/target"
	say "$1: healthy, and gets the load now"
}

before=
for release in "$@"; do
	name=${release%%=*}
	roll_out "$name" "${release#*=}"
	if [ -n "$before" ]; then
		kill -TERM "$(cat "$folder/$before/pid")"
		say "$before: told to stop"
	fi
	say "$name: soaking for $soak_s s"
	sleep "$soak_s"
	before=$name
done
say "done: no errors"
