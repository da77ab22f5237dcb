#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What of a slow link's capacity becomes answers in time, at loads below and above it.
#
#   tests/bench/link.sh BUILD
#
# Edge and server run in network namespaces, with tests/cloud/link between them. The capacity is
# what eight requests at a time get answered on the same link without a deadline; "best" is what
# a schedule that knows the link answers in the same time: all that is offered, or that capacity.
# Needs the right to make namespaces. SECONDS_EACH (20), DEADLINE (2000), RATES, LOADS, CLIENTS.
set -eu
BUILD=$1
if [ -z "${MEA_IN_NAMESPACE:-}" ]; then
	MEA_IN_NAMESPACE=1 exec unshare --net --mount "$0" "$@"
fi
unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
seconds=${SECONDS_EACH:-20}
deadline=${DEADLINE:-2000}
T=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -r "$T"' EXIT
mount -t tmpfs tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; }
ip netns add cloud
echo "10 0 0" >"$T/quality"
"$BUILD/tests/cloud/link" cloud "$T/quality" >"$T/link" &
link=$!
for _ in $(seq 50); do [ ! -s "$T/link" ] || break; sleep 0.1; done
ip addr add 10.77.0.1/24 dev edge0
ip link set edge0 up
ip link set lo up
ip -n cloud addr add 10.77.0.2/24 dev cloud0
ip -n cloud link set cloud0 up
ip -n cloud link set lo up
ip netns exec cloud "$BUILD/mea" serve models/glyphs --listen 10.77.0.2:8000 >"$T/serve" 2>&1 &
for _ in $(seq 100); do ! grep -q http "$T/serve" || break; sleep 0.1; done

load() # RATE DEADLINE CLIENTS SECONDS
{
	"$BUILD/tests/bench/link_load" http://10.77.0.2:8000 glyphs "$1" "$4" "$2" "$3" >"$T/out"
}
field() { jq ".$1" "$T/out"; }

printf '%8s %7s %8s %9s %8s %6s %6s %8s %6s\n' kbit/s clients load offered/s answered best share refused late
for rate in ${RATES:-64 256 1000}; do
	echo "10 0 $rate" >"$T/quality"
	kill -HUP $link
	load 0 60000 1 "$seconds"
	capacity=$(jq -n "$(field answered) / $seconds")
	for clients in ${CLIENTS:-1}; do
		for times in ${LOADS:-0.5 1 2 5 10 50}; do
			load "$(jq -n "$capacity * $times")" "$deadline" "$clients" "$seconds"
			best=$(jq -n "[$(field offered), $capacity * $seconds] | min")
			printf '%8s %7s %8s %9.1f %8d %6.0f %5.0f%% %8d %6d\n' "$rate" "$clients" "$times" \
				"$(jq -n "$(field offered) / $seconds")" "$(field answered)" "$best" \
				"$(jq -n "100 * $(field answered) / $best")" "$(field refused)" "$(field late)"
			[ "$clients" = 1 ] || echo "         the client with the fewest answers: $(field least)"
		done
	done
done
