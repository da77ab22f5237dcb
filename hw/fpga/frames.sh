#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Frames per second of the named configurations, beside others': the table of hw/README.md.
#
#   frames.sh BUILD [CONFIG ...]     all for FPGAs in hw/configs without a name
#
# Cycles come from an inference on the RTL with the configuration's own parameters, every
# output compared with the reference; the clock from hw/fpga/results, the fastest board's;
# DSPs from there or from the table of `make synth` in hw/README.md. What is not known is "-":
# a configuration that was not placed has no clock and no frames. DRAM latency is 100 cycles.
set -eu -o pipefail
here=$(dirname "$0")
B=$1
shift
T=$B/imagenet
[ $# -gt 0 ] || read -r -d '' -a names < <(awk '$2 ~ /^(ecp5|xc7|vivado)$/ && !n[$1]++ { print $1 }' "$here/../configs") || true
[ $# -eq 0 ] || names=("$@")

# network | model, made by tests/rtl/imagenet.sh where it is not among models/
nets() {
	cat <<-N
	ResNet32 A, 32 x 32|models/cifar100-resnet32-a/main.int8.onnx
	ResNet18 B, 224 x 224|$T/resnet18-b/main.int8.onnx
	MobileNetV2 B, 224 x 224|$T/mobilenetv2-b/main.int8.onnx
	N
}

# Clock in MHz, device and DSPs of a configuration.
placed() { sort -k10,10nr "$here/results" | awk -v c="$1" '$2 == c && !n++ { print $10, $1, $8 }'; }
synthesised() {
	awk -F ' *[|] *' -v c="$1" '/<!-- synth table/ { on = 1 } /<!-- end of synth/ { on = 0 }
		on && $2 == c { family = $3; dsp = $9 } END { if (dsp) print "-", family, dsp }' hw/README.md
}

row() { # name, device, clock, network, cycles, frames, MMAC, DSP, source
	awk -v name="$1" -v device="$2" -v clock="$3" -v net="$4" -v cycles="$5" -v frames="$6" \
		-v mmac="$7" -v dsp="$8" -v from="$9" 'BEGIN {
		if (frames == "-" && clock != "-" && cycles != "-")
			frames = sprintf("%.1f", clock * 1e6 / cycles)
		per = "-"
		if (dsp != "-" && cycles != "-")
			per = sprintf("%.2f", mmac * 1e6 / cycles / dsp)
		else if (dsp != "-" && clock != "-" && frames != "-")
			per = sprintf("%.2f", frames * mmac / clock / dsp)
		print "| " name " | " device " | " clock " | " net " | " cycles " | " frames " | " dsp " | " per " | " from " |" }'
}

echo "| accelerator | device | clock, MHz | network | cycles | frames a second | DSP | MAC per DSP and cycle | source |"
echo "|---|---|---|---|---|---|---|---|---|"
for name in "${names[@]}"; do
	read -r clock device dsp < <({ placed "$name"; synthesised "$name"; echo "- - -"; } | head -n 1)
	while IFS='|' read -r net model; do
		lib=build/hw/sim/libmea_sim_$name.so
		[ -f "$lib" ] && [ -f "$model" ] || {
			echo "frames.sh: $name, $net: $lib or $model is not there" >&2
			continue
		}
		said=$("$B/tests/rtl/whole_net" "sim:$name,latency=100" "$model" 2>&1) || {
			echo "frames.sh: $name, $net: $(tail -n 1 <<<"$said")" >&2
			row "mea $name" "$device" "$clock" "$net" - - - "$dsp" "refused by the planner"
			continue
		}
		read -r mmac cycles < <(sed -n 's/^# \([0-9.]*\) MMAC, \([0-9]*\) cycles.*/\1 \2/p' <<<"$said")
		row "mea $name" "$device" "$clock" "$net" "$cycles" - "$mmac" "$dsp" "RTL"
	done < <(nets)
done
while IFS='|' read -r name device clock net frames mmac dsp from; do
	row "$name" "$device" "$clock" "$net" - "$frames" "$mmac" "$dsp" "$from"
done < <(grep -v '^#' "$here/peers")
