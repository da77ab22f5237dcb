#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ResNet18 B and MobileNetV2 B at 224 x 224, main and extension, on the RTL: outputs bit for
# bit, utilisation, the planner's cycles, simulation time. About ten minutes. The extension of
# MobileNetV2 has no expansion: nine multipliers a lane of the depthwise unit help it.
#
#   imagenet.sh BUILD
#
# The networks are made here, with random weights: what is measured does not depend on them.
set -eu -o pipefail
B=$1
T=$B/imagenet
ORDINARY=sim:16x16,latency=100
WIDE=sim:16x16w,latency=100
NINE=sim:16x16w9,latency=100

mkdir -p "$T/images"
for i in 1 2 3 4; do
	"$B/tests/e2e/helper" png "$T/images/$i.png" "$i" 7
done
for net in resnet18-b mobilenetv2-b; do
	test -f "$T/$net/extension.int8.onnx" && continue
	"$B/mea" train init --net $net --join concat --out "$T/$net"
	"$B/mea" quantize "$T/$net" --data "$T/images" >/dev/null
done

# network, part, least utilisation at 16 bytes a cycle, and with nine multipliers a lane (-: not
# run), most seconds
while read -r net part least nine seconds; do
	"$B/tests/rtl/whole_net" $WIDE "$T/$net/$part.int8.onnx" "$least" 3 "$seconds" || true
	"$B/tests/rtl/whole_net" $ORDINARY "$T/$net/$part.int8.onnx" 0 3 "$seconds" || true
	[ "$nine" = - ] ||
		"$B/tests/rtl/whole_net" $NINE "$T/$net/$part.int8.onnx" "$nine" 3 "$seconds" || true
done <<END | awk '
	/^(not )?ok / { n++; sub(/ok [0-9]+/, "ok " n) }
	/^not ok|^Bail/ { bad = 1 }
	/^1\.\./ { next }
	{ print; fflush() }
	END { print "1.." n; exit bad }'
mobilenetv2-b main 90 92 20
mobilenetv2-b extension 78 84 20
resnet18-b main 96 - 60
resnet18-b extension 96 - 60
END
