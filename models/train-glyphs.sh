#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Trains a MEANet for the demo on drawn digits and letters: main, edge and cloud, in ten minutes of a core.
#
#   models/train-glyphs.sh WORK
#
# WORK gets data/glyphs/, the images, and glyphs/, a bundle. Stopped at any time, the same command goes on from the
# last checkpoint. Nothing is chosen on test images. MEA: the command (build/mea); THREADS: 1
# gives the same weights as the shipped ones.
set -eu
work=$1
mea=${MEA:-build/mea} threads=${THREADS:-1}
out=$work/glyphs

train() {
	stage=$1
	shift
	"$mea" train "$stage" --data "$work/data/glyphs" --out "$out" --pad 2 --no-mirror --seed 1 --type bf16 \
		--threads "$threads" --resume -v "$@"
}

mkdir -p "$work"
[ -f "$work/data/glyphs/test.bin" ] || "$mea" dataset glyphs --out "$work/data/glyphs" --train 40000 --test 5000 --seed 1
# Main learns for a short time only: a demo wants images that it is not sure of.
train main --net resnet8-a --epochs 3 --rate 0.1
train edge --net resnet8-a --epochs 20 --rate 0.1 --join sum
train cloud --net resnet14 --epochs 14 --rate 0.2
"$mea" bundle "$out" --name glyphs --description "Digits and letters drawn by mea dataset glyphs; a small MEANet for the demo" \
	--licence "Apache-2.0" --made "models/train-glyphs.sh; field training has the recipe"
"$mea" quantize "$out" --data "$work/data/glyphs" --check 5000
"$mea" eval "$out" --data "$work/data/glyphs"
