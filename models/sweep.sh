#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Accuracy and share sent over the threshold, beside figure 7 of the MEANet paper (ResNet32 A on
# CIFAR-100). The bundle's own cloud model is served on loopback.
#
#   models/sweep.sh BUNDLE CIFAR-100-FOLDER [IMAGES]
set -eu
[ $# -ge 2 ] || { echo "usage: $0 BUNDLE CIFAR-100-FOLDER [IMAGES]" >&2; exit 2; }
bundle=$1 data=$2 images=${3:-10000}
mea=${MEA:-build/mea}
T=$(mktemp -d)
"$mea" serve "$bundle" --listen 127.0.0.1:0 >"$T/serve" &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$T"' EXIT
until url=$(grep -o 'http.*' "$T/serve"); do
	kill -0 $server
	sleep 0.1
done

echo "| threshold | sent | accuracy | at main | edge in the cloud's stead | kB up per image | paper: sent | paper: accuracy |"
echo "|---|---|---|---|---|---|---|---|"
while read -r threshold sent accuracy; do
	"$mea" run "$bundle" --backend ref --data "$data" --limit "$images" --cloud "$url" \
		--threshold "$threshold" --deadline 5000 --json >"$T/out"
	jq -r --arg t "$threshold" --arg s "$sent" --arg a "$accuracy" '
		def percent: . * 10000 | round / 100 | tostring + " %";
		"| \($t) | \(.exits[2].share | percent) | \(.accuracy | percent) | \(.exits[0].share | percent) | " +
		"\([.exits[].fallbacks] | add) | " +
		"\([.exits[] | .images * (.bytes_up // 0)] | add / 10 / '"$images"' | round / 100) | \($s) % | \($a) % |"' "$T/out"
done <<END
0 100 70.71
0.5 53.67 70.55
0.8 40.3 69.21
1.0 32.02 68.26
1.2 24.47 67.22
1.5 14.86 65.81
3 0 63.51
END
