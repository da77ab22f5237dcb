#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The cloud fails in every way, in a network of the test's own: the edge in one namespace, the
# server in another, a bad link (link.c) between them. No image may be lost, and each must be
# answered within its deadline and GRACE_MS (20) more. QUICK=1 leaves out the faults that come and go
# in the midst of a run.
GRACE_MS=${GRACE_MS:-20}
DEADLINE=100
if [ -z "${MEA_IN_NAMESPACE:-}" ]; then
	if ! unshare --net --mount sh -c 'mount -t tmpfs tmpfs /run/netns || { mkdir -p /run/netns &&
		mount -t tmpfs tmpfs /run/netns; }; ip netns add probe && ip tuntap add probe0 mode tun' >/dev/null 2>&1; then
		echo "1..1"
		echo "ok 1 - faults # SKIP no right to make network namespaces and devices in them"
		exit 0
	fi
	MEA_IN_NAMESPACE=1 exec unshare --net --mount "$0" "$@"
fi
. tests/e2e/lib.sh
. tests/e2e/serve_lib.sh
# In this network is no proxy.
unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
FAULTY=${FAULTY:-$(dirname "$MEA")/tests/cloud/faulty_server}
G=models/glyphs
edge=10.77.0.1 cloud=10.77.0.2

LINK=${LINK:-$(dirname "$MEA")/tests/cloud/link}

# --- the network -----------------------------------------------------------------------------
mount -t tmpfs tmpfs /run/netns
ip netns add cloud
echo "0 0 0" >"$T/quality"
"$LINK" cloud "$T/quality" >"$T/link" &
carrier=$!
servers=$carrier
for _ in $(seq 50); do
	[ -s "$T/link" ] && break
	sleep 0.1
done
ip addr add $edge/24 dev edge0
ip link set edge0 up
ip link set lo up
ip -n cloud addr add $cloud/24 dev cloud0
ip -n cloud link set cloud0 up
ip -n cloud link set lo up

# link DELAY LOSS RATE: ms and percent each way, kbit/s (0: no limit).
link() {
	echo "$1 $2 $3" >"$T/quality"
	kill -HUP $carrier
}

# there ARGS...: mea serve in the cloud's namespace, at port 8000; sets server.
there() {
	ip netns exec cloud "$MEA" serve $G --listen $cloud:8000 "$@" >"$T/serve" 2>>"$T/serve.err" &
	server=$!
	servers="$servers $server"
	for _ in $(seq 100); do
		grep -q http "$T/serve" && return 0
		sleep 0.05
	done
	return 1
}

# stop: ends the server there, whoever started it.
stop() {
	kill $server
	while kill -0 $server 2>/dev/null; do
		sleep 0.05
	done
}

# --- runs ------------------------------------------------------------------------------------
# edge N OPTION...: N images with half of them complex; results in $T/out.
edge() {
	images=$1
	shift
	run 0 run $G --backend ref --threshold 0.2 --deadline $DEADLINE --limit "$images" --json --each "$@"
}

# all_in_time: no image is lost, none is late.
all_in_time() {
	worst=$(jq '[.each[].cloud_ms // 0] | max' "$T/out")
	jq -e --argjson n "$images" '.images == $n and .failed == 0 and .unreadable == 0' "$T/out" >/dev/null || {
		echo "images are missing"
		return 1
	}
	echo "# $1: worst $(printf %.1f "$worst") ms of $DEADLINE, $(jq '.exits[2].images' "$T/out") at the cloud," \
		"$(jq '[.exits[].fallbacks] | add' "$T/out") in its stead" >>"$T/worst"
	# Where the time of those that are late went: the cloud client's part, the extension's, the rest.
	jq -r --arg what "$1" --argjson limit $((DEADLINE + GRACE_MS)) '.each[] | select((.cloud_ms // 0) > $limit) |
		"# late (\($what)): image \(.index) after \(.cloud_ms * 10 | round / 10) ms; cloud" +
		" \(.ms.cloud // 0 | . * 10 | round / 10) (\(.cloud_missed // "answered")), extension" +
		" \(.ms.extension // 0 | . * 10 | round / 10), main \(.ms.main // 0 | . * 10 | round / 10)"' "$T/out" >"$T/late"
	[ ! -s "$T/late" ] || sed "s|\$| (load $(cut -d' ' -f1 /proc/loadavg))|" "$T/late" | head -5 >>"$T/worst"
	[ ! -s "$T/late" ] || {
		echo "$(wc -l <"$T/late") answers were late, the worst after $worst ms"
		return 1
	}
}
cloud_had() {
	jq -e ".exits[2].images $1" "$T/out" >/dev/null
}
fell_back() {
	jq -e "[.exits[].fallbacks] | add $1" "$T/out" >/dev/null
}
missed() {
	jq -e --arg w "$1" '[.each[] | select(.cloud_missed == $w)] | length > 0' "$T/out" >/dev/null
}

U=http://$cloud:8000
there
ok "good link" edge 1000 --cloud $U
ok "in time" all_in_time "good link"
ok "the cloud answers" cloud_had "> 100"

if [ -z "${QUICK:-}" ]; then
	(
		sleep 0.4
		kill -9 $server
	) &
	ok "server killed" edge 2000 --cloud $U
	ok "in time" all_in_time "server killed"
	ok "the edge answers" fell_back "> 0"
	(
		sleep 0.5
		there
		echo $server >"$T/pid"
	) &
	ok "server restarted" edge 6000 --cloud $U
	ok "in time" all_in_time "server restarted"
	ok "found again" cloud_had "> 0"
	wait $!
	server=$(cat "$T/pid")
	servers="$servers $server"

	link 0 0 4000
	(
		sleep 0.7
		ip link set edge0 down
		sleep 1
		ip link set edge0 up
	) &
	ok "link cut mid-body" edge 2000 --cloud $U
	ok "in time" all_in_time "link cut mid-body"
	ok "the cloud answers before" cloud_had "> 0"
	ok "the edge answers" fell_back "> 0"
	sleep 1
	ip link set edge0 up

	link 100 0 0
	ok "200 ms round trip" edge 500 --cloud $U
	ok "in time" all_in_time "200 ms round trip"
	ok "too far" cloud_had "== 0"
	DEADLINE=600
	ok "with time for it" edge 500 --cloud $U
	ok "in time" all_in_time "200 ms round trip, 600 ms"
	ok "the cloud answers" cloud_had "> 0"
	DEADLINE=100

	link 0 10 0
	ok "10 % loss" edge 1000 --cloud $U
	ok "in time" all_in_time "10 % loss"
	link 0 0 64
	ok "64 kbit/s" edge 500 --cloud $U
	ok "in time" all_in_time "64 kbit/s"
	link 0 0 0
	(
		sleep 0.5
		link 0 100 0
		sleep 1
		link 0 0 0
	) &
	ok "half-open connections" edge 3000 --cloud $U
	ok "in time" all_in_time "half-open connections"
	wait $!

	(
		sleep 0.4
		kill -STOP $server
		sleep 1
		kill -CONT $server
	) &
	ok "a server that stands still" edge 3000 --cloud $U
	ok "in time" all_in_time "a server that stands still"
	wait $!
fi

# A name server that never answers, and none at all.
echo "nameserver $cloud" >"$T/resolv"
mount --bind "$T/resolv" /etc/resolv.conf
ok "name server silent" edge 300 --cloud http://cloud.test:8000
ok "in time" all_in_time "name server silent"
ok "not reachable" missed "not reachable"
echo "nameserver 127.0.0.1" >"$T/resolv"
ok "no name server" edge 300 --cloud http://cloud.test:8000
ok "in time" all_in_time "no name server"
ok "not reachable" missed "not reachable"
umount /etc/resolv.conf

stop
# Each request waits 200 ms for company that does not come.
there --max-delay 200000 --max-batch 64
ok "slow server" edge 500 --cloud $U
ok "in time" all_in_time "slow server"
ok "the edge answers" fell_back "> 0"
stop
certificate far IP:$cloud >/dev/null 2>&1
certificate stranger DNS:elsewhere >/dev/null 2>&1
there --cert "$T/far.pem" --key "$T/far.key"
ok "TLS" edge 500 --cloud https://$cloud:8000 --cloud-ca "$T/ca.pem"
ok "in time" all_in_time TLS
ok "the cloud answers" cloud_had "> 0"
stop
there --cert "$T/stranger.pem" --key "$T/stranger.key"
ok "certificate of another host" edge 500 --cloud https://$cloud:8000 --cloud-ca "$T/ca.pem"
ok "in time" all_in_time "certificate of another host"
ok "not asked" cloud_had "== 0"
stop
mkdir "$T/ca" && touch "$T/ca/index" && echo 01 >"$T/ca/serial"
cat >"$T/ca/conf" <<END
[ca]
default_ca = own
[own]
database = $T/ca/index
serial = $T/ca/serial
new_certs_dir = $T/ca
default_md = sha256
policy = any
[any]
commonName = supplied
END
openssl ca -batch -config "$T/ca/conf" -in "$T/far.csr" -cert "$T/ca.pem" -keyfile "$T/ca.key" \
	-extfile "$T/far.ext" -startdate 20200101000000Z -enddate 20200201000000Z -out "$T/old.pem" >/dev/null 2>&1
ok "an expired certificate" openssl x509 -in "$T/old.pem" -noout
there --cert "$T/old.pem" --key "$T/far.key"
ok "certificate expired" edge 500 --cloud https://$cloud:8000 --cloud-ca "$T/ca.pem"
ok "in time" all_in_time "certificate expired"
ok "not asked" cloud_had "== 0"
stop

for fault in garbage truncated shape nojson 503 500 close silent; do
	ip netns exec cloud "$FAULTY" $fault >"$T/port" &
	server=$!
	servers="$servers $server"
	for _ in $(seq 50); do
		[ -s "$T/port" ] && break
		sleep 0.05
	done
	ok "$fault" edge 500 --cloud "http://$cloud:$(cat "$T/port")"
	ok "in time" all_in_time "$fault"
	ok "the edge answers" fell_back "> 100"
	stop
	: >"$T/port"
done
sed 's/^# /# count: /' "$T/worst"
done_testing
