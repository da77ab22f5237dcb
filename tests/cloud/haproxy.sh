#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Three servers behind HAProxy, one of them killed while images come: the cloud answers every one.
. tests/e2e/lib.sh
. tests/e2e/serve_lib.sh
if ! command -v haproxy >/dev/null; then
	skip "three servers behind HAProxy" "no haproxy (make check-cloud installs it)"
	done_testing
	exit 0
fi
G=models/glyphs

list=
for i in 1 2 3; do
	ok "server $i" serve $G --threads 1
	list="$list	server s$i ${url#http://} check inter 100ms fall 1 rise 1
"
	first=${first:-$server}
done
port=$((20000 + RANDOM % 20000))
cat >"$T/haproxy" <<END
defaults
	mode http
	timeout connect 1s
	timeout client 30s
	timeout server 30s
	option http-buffer-request
	option redispatch 1
	retries 2
	retry-on conn-failure empty-response response-timeout 503
listen cloud
	bind 127.0.0.1:$port
	balance leastconn
	option httpchk GET /v2/health/ready
$list
END
haproxy -f "$T/haproxy" >"$T/haproxy.log" 2>&1 &
servers="$servers $!"
for _ in $(seq 50); do
	curl -sf "http://127.0.0.1:$port/v2/health/ready" && break
	sleep 0.1
done
(
	sleep 0.7
	kill -9 "$first"
) &
ok "a run" run 0 run $G --backend ref --limit 1500 --threshold 0 --deadline 2000 --json --each \
	--cloud "http://127.0.0.1:$port"
ok "a server was killed meanwhile" sh -c "! kill -0 $first 2>/dev/null"
ok "all images" is images 1500
ok "the cloud answered each" is exits.2.images 1500
done_testing
