#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pushes to Debian's own prometheus-pushgateway: what it accepts, refuses and serves; passwords, TLS,
# a server that is late or is none; and what promtool says about the metrics. Neither root nor BPF.
set -u
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY

for tool in prometheus-pushgateway promtool openssl curl python3; do
	command -v "$tool" >/dev/null || { skip "no $tool; run make check-deps"; finish; exit; }
done
variant=$(basename "$(dirname "$parkmeter")")
sample=$top/build/$variant/tests/e2e/push_sample
(unset MAKEFLAGS MFLAGS MAKELEVEL
	case $variant in release) sanitize= ;; *) sanitize=$(echo "$variant" | tr - ,) ;; esac
	make -s -C "$top" SANITIZE="$sanitize" "build/$variant/tests/e2e/push_sample") 2>"$scratch/make.log" ||
	{ cat "$scratch/make.log"; die "push_sample does not build"; }

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# gateway PORT ARGUMENT...: starts one and waits until it answers, whatever its answer is.
gateway() {
	gateway_port=$1
	shift
	# Debian's keeps what it was sent in /var/lib, for itself and the next test, unless told not to.
	prometheus-pushgateway --web.listen-address="127.0.0.1:$gateway_port" --persistence.file= "$@" \
		>>"$scratch/gateway.log" 2>&1 &
	gateway_pid=$!
	pids="$pids $gateway_pid"
	within 20 answers "$gateway_port" || die "the Pushgateway does not start: $(cat "$scratch/gateway.log")"
}
answers() { curl -s -o "$scratch/ready" "http://127.0.0.1:$1/-/ready"; }

# push URL KEY=VALUE...: the outcome is in $scratch/out, its sentence in $scratch/err.
push() { "$sample" push "$@" >"$scratch/out" 2>"$scratch/err"; }
said() { grep -qF -- "$1" "$scratch/err" || { cat "$scratch/err"; return 1; }; }
came_to() { grep -qxF -- "$1" "$scratch/out" || { cat "$scratch/out" "$scratch/err"; return 1; }; }
shows_not() { [ -s "$scratch/err" ] && ! grep -qF -- "$1" "$scratch/err"; }
refused() { ! push "$@"; }
lints_clean() {
	promtool check metrics <"$scratch/sent" >"$scratch/lint" 2>&1 || echo "exit code $?" >>"$scratch/lint"
	[ ! -s "$scratch/lint" ] || { cat "$scratch/lint"; return 1; }
}

serves() { curl -s "http://127.0.0.1:$port/metrics" | grep -q -- "$1"; }
serves_not() { ! serves "$1"; }
groups_named() { curl -s "http://127.0.0.1:$port/api/v1/metrics" | jq --arg service "$1" \
	'[.data[] | select(.labels.service == $service)] | length'; }
has_groups() { [ "$(groups_named "$1")" = "$2" ]; }
served_whole() {
	curl -s "http://127.0.0.1:$port/metrics" >"$scratch/served"
	python3 "$top/tests/e2e/pushgateway.py" "$scratch/sent" "$scratch/served" job=parkmeter \
		service="$1" env=staging pipeline=shop/orders node=built-in
}
put() { printf '%b' "$2" | curl -sf -X PUT --data-binary @- "$1"; }

# ---- the metrics themselves ----

"$sample" metrics >"$scratch/sent"
check "promtool finds nothing to say about the metrics" \
	lints_clean

# ---- a Pushgateway as it comes ----

port=$(free_port)
url=http://127.0.0.1:$port
gateway "$port"

check "a push is accepted" push "$url"
check "at the first attempt" came_to "attempts=1 status=200 deleted=0"
check "every series comes back as it was sent" served_whole orders

put "$url/metrics/job/parkmeter/service/replaced/env/staging/pipeline@base64/c2hvcC9vcmRlcnM/node/built-in" \
	'# TYPE parkmeter_of_an_older_release gauge\nparkmeter_of_an_older_release 1\n'
check "a group holds what was pushed before" serves parkmeter_of_an_older_release
check "a push to it is accepted" push "$url/" service=replaced
check "and replaces all that was in it" serves_not parkmeter_of_an_older_release
check "with what was sent" served_whole replaced

# shellcheck disable=SC1003 # a backslash at the end is what is meant
for service in 'a b%c+d?e#f&g' 'a/b//c/' '..' 'Größe €' '"\' '' '~'; do
	check "a service may be called '$service'" push "$url" service="$service"
	check "and is called '$service' there" has_groups "$service" 1
done

# ---- refusals ----

port=$(free_port)
url=http://127.0.0.1:$port
gateway "$port"
put "$("$sample" url "$url" service=older)" '# TYPE kept gauge\nkept 1\n'
put "$url/metrics/job/other" '# TYPE parkmeter_build_info counter\nparkmeter_build_info 1\n'

check "metrics that contradict another job's are refused" refused "$url" service=new
check "for good, and the group that this made is gone" came_to "attempts=1 status=400 deleted=1"
check "the error has the Pushgateway's own sentence" said "parkmeter_build_info"
check "and a remedy" said "compare them with its /metrics"
check "no empty group stays behind" within 5 has_groups new 0
check "the same in a group that was there before" refused "$url" service=older
check "does not delete it" came_to "attempts=1 status=400 deleted=0"
check "nor what it holds" serves '^kept{'
check "a wrong path is refused" refused "$url/no/such/prefix"
check "and named as that" said "this address is no Pushgateway's"

# ---- a server that is late, or is none ----

port=$(free_port)
url=http://127.0.0.1:$port
check "without a server a push fails" refused "http://bob:pa55-for-bob@127.0.0.1:$port" attempts=2
check "after the attempts it was given" came_to "attempts=2 status=0 deleted=0"
check "with a remedy" said "nothing listens at $url/"
check "and without the password" shows_not pa55

"$sample" push "$url" attempts=20 backoff_ms=100 >"$scratch/out" 2>"$scratch/err" &
late=$!
pids="$pids $late"
gateway "$port"
check "a push outlasts a server that starts late" wait "$late"
check "and has arrived" served_whole orders

# ---- passwords and TLS ----

# user bob, password pa55-for-bob; bcrypt of cost 4
cat >"$scratch/auth.yml" <<'YAML'
basic_auth_users:
  bob: $2a$04$parkmeterparkmeterpar.yYwDB.pzdwdlVYAfOKdINolUtDvySj2
YAML
printf 'bob:pa55-for-bob\n' >"$scratch/right"
printf 'bob:pa55-of-eve\n' >"$scratch/wrong"
printf 'a-token\n' >"$scratch/token"
port=$(free_port)
url=http://127.0.0.1:$port
gateway "$port" --web.config.file="$scratch/auth.yml"
check "a password in a file is accepted" push "$url" user="$scratch/right"
check "a wrong one is not" refused "$url" user="$scratch/wrong"
check "for good" came_to "attempts=1 status=401 deleted=0"
check "with a remedy" said "give credentials with --push-user-file"
check "and is not shown" shows_not pa55
check "a token that it does not know is refused" refused "$url" token="$scratch/token"
check "nor shown" shows_not a-token

certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-addext "subjectAltName=$2" -keyout "$scratch/$1.key" -out "$scratch/$1.pem" \
		2>>"$scratch/openssl.log"
}
certificate server IP:127.0.0.1
certificate elsewhere DNS:elsewhere.example
cat >"$scratch/tls.yml" <<YAML
tls_server_config:
  cert_file: $scratch/server.pem
  key_file: $scratch/server.key
YAML
port=$(free_port)
url=https://127.0.0.1:$port
gateway "$port" --web.config.file="$scratch/tls.yml"
check "TLS with a CA of one's own works" push "$url" ca="$scratch/server.pem"
check "and without it is refused" refused "$url"
check "at once" came_to "attempts=1 status=0 deleted=0"
check "with a remedy" said "name the CA that signed it"
check "another CA is refused, too" refused "$url" ca="$scratch/elsewhere.pem"
check "a file that is no certificate is named" refused "$url" ca="$scratch/token"
check "with its path" said "$scratch/token is not a readable file of CA certificates"
check "http:// to it is refused" refused "http://127.0.0.1:$port"
# Its sentence on that may or may not outrun the reset of the connection.
check "with a remedy" said "http"

finish
