#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Trains the CIFAR-100 MEANets with their cloud model: network a or b.
#
#   models/train-cifar100.sh a|b CIFAR-100-FOLDER WORK
#
# WORK gets cloud/ and resnet32-a/ or resnet32-b/, a bundle. Stopped at any time, the same command goes on
# from the last checkpoint; a stage that is done takes no time. Nothing is chosen on test images.
# MEA: the command (build/mea); THREADS: 1 gives the same weights as the shipped ones.
set -eu
model=$1 data=$2 work=$3
mea=${MEA:-build/mea} threads=${THREADS:-1}
case $model in
a) main_epochs=60 join=sum ;;
b) main_epochs=80 join=concat ;;
*) echo "train-cifar100.sh: model '$model' is neither a nor b" >&2; exit 2 ;;
esac
out=$work/resnet32-$model

train() {
	stage=$1
	shift
	"$mea" train "$stage" --data "$data" --seed 1 --type bf16 --threads "$threads" --resume -v "$@"
}

mkdir -p "$work"
# The same recipe for both models: the second finds it done.
train cloud --net resnet9 --out "$work/cloud" --epochs 24 --rate 0.1 --smoothing 0.1 --cutout 8
train main --net "resnet32-$model" --out "$out" --epochs $main_epochs --rate 0.2 \
	--teacher "$work/cloud/cloud.onnx" --share 0.7 --temperature 4 --views 16
train edge --net "resnet32-$model" --out "$out" --epochs 40 --rate 0.1 --join $join
"$mea" bundle "$out" --cloud "$work/cloud/cloud.onnx" --name "cifar100-resnet32-$model" \
	--description "ResNet32 model ${model^^} of the MEANet paper, trained on CIFAR-100" \
	--licence "Apache-2.0 (weights; the training images are CIFAR-100's and not included)" \
	--made "models/train-cifar100.sh $model; field training has the recipe"
"$mea" quantize "$out" --data "$data" --check 10000
"$mea" eval "$out" --data "$data"
