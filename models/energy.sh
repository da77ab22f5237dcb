#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Table VII and figures 7 and 8 of the MEANet paper for a bundle, the paper's figures beside: tables
# on stdout, plots and a CSV in OUT. The bundle's own cloud model, if it has one, is served on
# loopback. Options after OUT go to mea bench, such as --limit 1000 or --accelerator fpga-28nm.
#
#   models/energy.sh BUNDLE CIFAR-100-FOLDER OUT [OPTION...]
set -eu
[ $# -ge 3 ] || { echo "usage: $0 BUNDLE CIFAR-100-FOLDER OUT [OPTION...]" >&2; exit 2; }
bundle=$1 data=$2 out=$3
shift 3
mea=${MEA:-build/mea}
cloud=()
if jq -e .files.cloud "$bundle/bundle.json" >/dev/null; then
	said=$(mktemp)
	"$mea" serve "$bundle" --listen 127.0.0.1:0 >"$said" &
	server=$!
	trap 'kill $server; wait $server || true; rm -f "$said"' EXIT
	until url=$(grep -o 'http.*' "$said"); do
		kill -0 $server
		sleep 0.1
	done
	cloud=(--cloud "$url" --deadline 20000 --thresholds 0,0.5,0.8,0.85,1,1.2,1.5,3)
fi
mkdir -p "$out"
# Every backend gives the same bits; cycles and events of the accelerator do not depend on the image. One
# thread: whether a second one is awake in time for layers of microseconds differs from process to process. Windows
# of four seconds: a virtual machine's processor drifts by a few percent in that time, which the interval has to show.
"$mea" bench "$bundle" --backend opencl:threads=1,ref --window 4 --data "$data" "${cloud[@]}" \
	--beside models/meanet-paper.json --plot "$out" --csv "$out/bench.csv" "$@"
