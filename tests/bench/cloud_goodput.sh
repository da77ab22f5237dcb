#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Answers in time of mea serve at loads of 0.5 to 50 times of what it can compute, deadline 100 ms,
# 64 connections; then with eight of them asking ten times as often as the others.
#
#   tests/bench/cloud_goodput.sh BUILD
#
# One thread computes, so that on two processors the other is left to HTTP and to the clients. The
# capacity is that of the pace that the thread had in the very run, since other work on the machine
# changes it from one run to the next: items over seconds of computing, of the server's metrics.
set -eu
B=$1 seconds=${SECONDS_AT_LOAD:-10} model=${MODEL:-cifar100-resnet32-a} timeout=${TIMEOUT_MS:-100}
T=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null; wait $pids 2>/dev/null; rm -rf "$T"' EXIT

"$B/mea" serve "models/$model" --listen 127.0.0.1:0 --threads 1 >"$T/serve" 2>"$T/err" &
pids=$!
until port=$(grep -o "[0-9]*$" "$T/serve"); do kill -0 $pids && sleep 0.1; done
goodput() {
	"$B/tests/bench/cloud_goodput" "$port" "$model" "$@"
}
# Items, and seconds of computing, since the start.
counts() {
	curl -s "127.0.0.1:$port/metrics" | awk '/^mea_inference_count_total/ { n = $2 }
		/^mea_inference_compute_seconds_total/ { s = $2 } END { print n, s }'
}
row() {
	local load=$1 before after
	before=$(counts)
	goodput 64 "$seconds" "$(awk "BEGIN { print $capacity * $load }")" "$timeout" ${2:-} >"$T/out"
	after=$(counts)
	jq -r '[.sent_per_s, .good_per_s, .late, .least, .most, .p99_ms] | @tsv' "$T/out" |
		awk -v load="$load" -v counts="$before $after" '{
			split(counts, n, " ")
			pace = (n[3] - n[1]) / (n[4] - n[2])
			can = load < 1 && pace > $1 ? $1 : pace
			printf "%4g  %10.1f  %7.1f  %9.1f  %5.2f  %4d  %6.1f  %5d  %4d\n", load, pace, $1, $2,
				$2 / can, $3, $6, $4, $5
		}'
}
goodput 4 2 0 0 >/dev/null
capacity=$(goodput 4 5 0 0 | jq .good_per_s)
echo "without deadlines: $capacity answers/s; deadline of $timeout ms:"
echo "load  capacity/s  asked/s  in time/s  share  late  p99/ms  least  most of a connection"
for load in 0.5 1 2 5 10 50; do row $load; done
echo "eight of 64 connections ask ten times as often:"
row 10 10
