#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Trains the CIFAR-100 MEANets: ResNet32 model a or b with their cloud model, or MobileNetV2 b.
#
#   models/train-cifar100.sh a|b|mobilenetv2 CIFAR-100-FOLDER WORK
#
# WORK gets cloud/ to cloud4/ and resnet32-a/, resnet32-b/ or mobilenetv2-b/, a bundle. Stopped at any time, the same
# command goes on from the last checkpoint; a stage that is done takes no time. MEA: the command (build/mea);
# THREADS: 1, which gives the same weights every time on one kind of machine.
set -eu
model=$1 data=$2 work=$3
mea=${MEA:-build/mea} threads=${THREADS:-1}
case $model in
a) net=resnet32-a main_epochs=60 join=sum name="ResNet32 model A" ;;
b) net=resnet32-b main_epochs=80 join=concat name="ResNet32 model B" ;;
mobilenetv2) net=mobilenetv2-b main_epochs=20 join=concat name="MobileNetV2 model B" ;;
*) echo "train-cifar100.sh: model '$model' is not a, b or mobilenetv2" >&2; exit 2 ;;
esac
out=$work/$net

train() {
	stage=$1
	shift
	"$mea" train "$stage" --data "$data" --seed 1 --type bf16 --threads "$threads" --resume -v "$@"
}

mkdir -p "$work"
if [ "$model" = mobilenetv2 ]; then
	# Small batches: maps of 32 x 32 with six times the channels stay in the cache.
	train main --net $net --out "$out" --epochs $main_epochs --batch 64 --rate 0.1
	train edge --net $net --out "$out" --epochs 16 --batch 64 --rate 0.05 --join $join
else
	# The same three rounds for both models: the second one finds them done. Each network teaches the
	# next. The bundles' has the third one's weights and the second one's, mixed: of 0.35, 0.5 and
	# 0.65, held-out images liked 0.35 best.
	first=$work/cloud/cloud.onnx second=$work/cloud2/cloud.onnx third=$work/cloud3/cloud.onnx
	train cloud --net resnet9 --out "$work/cloud" --epochs 24 --rate 0.1 --smoothing 0.1 --cutout 8
	train cloud --net "$first" --out "$work/cloud2" --epochs 16 --rate 0.1 --cutout 8 \
		--teacher "$first" --share 0.8 --temperature 3 --average 0.999
	third_round() {
		train cloud --net "$second" --epochs 16 --rate 0.15 --cutout 8 --mixup 0.5 \
			--teacher "$second" --share 0.5 --temperature 2 --average 0.999 "$@"
	}
	third_round --out "$work/cloud3"
	[ -d "$work/cloud4" ] || cp -r "$work/cloud3" "$work/cloud4"
	third_round --out "$work/cloud4" --blend 0.35
	train main --net $net --out "$out" --epochs $main_epochs --rate 0.2 \
		--teacher "$first" --share 0.7 --temperature 4 --views 16 \
		--answers "$work/cloud/cloud.answers"
	if [ "$model" = a ]; then
		train edge --net $net --out "$out" --epochs 40 --rate 0.1 --join $join --average 0.999 \
			--teacher "$third" --share 0.9 --temperature 4 --views 16
	else
		train edge --net $net --out "$out" --epochs 40 --rate 0.1 --join $join \
			--teacher "$first" --share 0.7 --temperature 4 --views 16
	fi
	"$mea" bundle "$out" --cloud "$work/cloud4/cloud.onnx"
fi
"$mea" bundle "$out" --name "cifar100-$net" \
	--description "$name of the MEANet paper, trained on CIFAR-100" \
	--licence "Apache-2.0 (weights; the training images are CIFAR-100's and not included)" \
	--made "models/train-cifar100.sh $model; field training has the recipe"
"$mea" quantize "$out" --data "$data" --check 10000
"$mea" eval "$out" --data "$data"
