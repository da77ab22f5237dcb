#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints a picture, drawn from today's data of the repository.
#
#   draw.sh flow|stack|figure7|utilisation
set -eu -o pipefail
cd "$(dirname "$0")/../.."
here=docs/pictures
draw() { LC_ALL=C awk -f $here/svg.awk -f "$here/$1.awk" "${@:2}"; }

case ${1:-} in
flow)
	jq -r '
	[.bundle, .images, .threshold, .clock_mhz, .accelerator_model, .radio_model],
	(.paths[] | [.name, .share // 1, .accuracy, .accelerator_ms // 0, .radio_ms // 0, .mj]),
	(.totals.edge_cloud | ["all", 1, .accuracy, 0, 0, .mj]) | @tsv' $here/flow.json | draw flow ;;
stack) draw stack </dev/null ;;
figure7)
	jq -r '.sweeps[] | select(.data == "CIFAR-100") | .network[-1:] as $net |
		.points[] | ["paper", $net, .threshold, 100 * .sent, 100 * .accuracy] | @tsv' \
		models/meanet-paper.json | draw figure7 - docs/measurements.md ;;
utilisation) draw utilisation hw/fpga/peers docs/measurements-hw.md ;;
*)
	echo "usage: $0 flow|stack|figure7|utilisation" >&2
	exit 2 ;;
esac
