#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All three exits on one machine: the cloud is `mea serve` on loopback, the edge is the simulated
# accelerator.
#
#   tools/demo.sh MEA IMAGES
set -eu
mea=$1 images=$2
said=$(mktemp)
"$mea" serve models/glyphs --listen 127.0.0.1:0 >"$said" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -f "$said"' EXIT
tries=100
until url=$(grep -o 'http://.*' "$said"); do
	tries=$((tries - 1))
	if [ $tries -eq 0 ] || ! kill -0 $server 2>/dev/null; then
		echo "demo: the server did not start" >&2
		exit 1
	fi
	sleep 0.1
done
echo "$images glyphs: main and extension on the accelerator's RTL, simulated by Verilator;"
echo "what main is unsure of goes to mea serve at $url:"
"$mea" run models/glyphs --device sim --backend accel --limit "$images" --cloud "$url"
