#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes models/cifar100-resnet32-a from a folder with main.onnx, extension.onnx (in
# cifar100-resnet32-a/) and result.json, as a PyTorch training left them, and CIFAR-100 in the
# binary version. About seven minutes on one core, most of them for the check.
#
#   models/import-reference.sh REFERENCE-FOLDER CIFAR-100-FOLDER
set -eu

[ $# -eq 2 ] || { echo "usage: $0 REFERENCE-FOLDER CIFAR-100-FOLDER" >&2; exit 2; }
reference=$1 data=$2
mea=${MEA:-build/mea}
out=models/cifar100-resnet32-a

# One line without blanks, from which single values are easy to take.
result=$(tr -d ' \n' <"$reference/result.json")
value() {
	echo "$result" | sed "s/.*\"$1\":\([0-9.]*\).*/\1/"
}
hard=$(echo "$result" | sed 's/.*"hard":\[\([0-9,]*\)\].*/\1/')

"$mea" bundle "$out" \
	--main "$reference/cifar100-resnet32-a/main.onnx" \
	--extension "$reference/cifar100-resnet32-a/extension.onnx" \
	--classes "$data/fine_label_names.txt" --hard "$hard" \
	--mean 0.5071,0.4865,0.4409 --std 0.2673,0.2564,0.2762 \
	--mu-correct "$(value mu_c)" --mu-wrong "$(value mu_w)" \
	--name cifar100-resnet32-a \
	--description "ResNet32 model A of the MEANet paper, trained on CIFAR-100" \
	--licence "Apache-2.0 (weights; the training images are CIFAR-100's and not included)" \
	--made "PyTorch 1.13, 30 + 30 epochs, SGD one-cycle, 45,000 training images; models/import-reference.sh"
"$mea" quantize "$out" --data "$data" --check 10000
