#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures mea serve: what client and server add to the model's time, beside nginx in the same run;
# then 1,000 connections, 80 % of the measured capacity for SECONDS_AT_80 (60), and bad neighbours.
#
#   tests/bench/cloud.sh BUILD
set -eu
B=$1 seconds=${SECONDS_AT_80:-60}
T=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null; wait $pids 2>/dev/null; rm -rf "$T"' EXIT
ulimit -n "$(ulimit -Hn)"

# A static file as long as the answer's body (the answer to a raw request for 36 logits).
port=$((20000 + RANDOM % 20000))
head -c 286 /dev/zero >"$T/answer"
cat >"$T/nginx.conf" <<END
daemon off;
master_process off;
pid $T/nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	keepalive_requests 1000000;
	server {
		listen 127.0.0.1:$port;
		root $T;
	}
}
END
nginx -e stderr -c "$T/nginx.conf" -p "$T" 2>"$T/nginx.log" &
pids="$pids $!"
sleep 0.5
echo "overhead on loopback, one request at a time:"
"$B/tests/bench/cloud_overhead" "http://127.0.0.1:$port/answer" "${REQUESTS:-5000}"

"$B/mea" serve models/glyphs --listen 127.0.0.1:0 --queue 2000 >"$T/serve" &
server=$!
pids="$pids $server"
until url=$(grep -o 'http.*' "$T/serve"); do sleep 0.1; done
infer=$url/v2/models/glyphs/infer
echo "1,000 connections, each with the next request as soon as the last is answered, 20 s:"
"$B/tests/bench/cloud_load" "$infer" 1000 20 0 $server | tee "$T/full"
rate=$(jq '.per_s * 0.8' "$T/full")
echo "80 % of that, $rate requests/s, over 1,000 connections, $seconds s:"
"$B/tests/bench/cloud_load" "$infer" 1000 "$seconds" "$rate" $server
curl -s "$url/metrics" | grep -E '^mea_(http_(connections_cut|errors)|inference_request_(fail|succ))'
echo "a good client beside neighbours that take all they can:"
"$B/tests/bench/cloud_neighbours" "${url##*:}" glyphs $server 10
