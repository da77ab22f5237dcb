#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints hw/fpga/results as the table that stands in hw/README.md.
set -eu
here=$(dirname "$0")
echo "| board | name | device, grade | LUT4 | flip-flops | MULT18X18D | DP16KD | MHz | seed | critical path, from and to |"
echo "|---|---|---|---|---|---|---|---|---|---|"
while read -r board config device speed seed lut ff dsp ram fmax from to; do
	echo "| $board | $config | $device -$speed | $lut | $ff | $dsp | $ram | $fmax | $seed | \`$from\`, \`${to%.mem*}\` |"
done <"$here/results"
