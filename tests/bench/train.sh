#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Training throughput, here and with PyTorch, in strictly alternating runs; the ratio of medians.
#
#   tests/bench/train.sh [NET [ROUNDS [THREADS [STEPS]]]]
#
# PyTorch is Debian's python3-torch. Its bf16 is autocast, once as it comes and once channels-last.
set -eu
net=${1:-resnet32-b} rounds=${2:-5} threads=${3:-2} steps=${4:-10}
speed=${TRAIN_SPEED:-build/tests/bench/train_speed}
python=${TRAIN_PYTHON:-/usr/bin/python3}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

once() {
	"${@:2}" | tee -a "$out/$1" | sed "s/^/$1: /"
}
for ((i = 0; i < rounds; i++)); do
	for type in f32 bf16; do
		once "mea-$type" "$speed" "$net" $type 128 "$threads" "$steps"
		once "torch-$type" "$python" tests/bench/train_torch.py "$net" $type 128 "$threads" "$steps"
	done
	once torch-bf16-nhwc "$python" tests/bench/train_torch.py "$net" bf16-nhwc 128 "$threads" "$steps"
done

median() {
	cut -d' ' -f"$2" "$out/$1" | sort -n | sed -n "$((rounds / 2 + 1))p"
}
for by in 1 2; do
	echo "--- median of $rounds runs, images per second of $([ $by = 1 ] && echo wall || echo CPU) time, $threads threads"
	for k in mea-f32 torch-f32 mea-bf16 torch-bf16 torch-bf16-nhwc; do
		printf '%-16s %6s   %s x PyTorch f32\n' $k "$(median $k $by)" \
			"$(echo "scale=2; $(median $k $by) / $(median torch-f32 $by)" | bc)"
	done
done
