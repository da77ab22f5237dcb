#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Models as other programs write them, from file to answer: the same as of mea's own file.
. tests/e2e/lib.sh

G=models/glyphs
FOREIGN=$(dirname "$HELPER")/foreign
"$MEA" dataset glyphs --out "$T/d" --train 64 --test 40 >/dev/null
norm="--std 0.25,0.25,0.25 --mean 0.5,0.5,0.5"
common="--classes $T/d/fine_label_names.txt $norm --name t"
data="--data $T/d"

# answers BUNDLE: class and confidence of each image, into $T/answers.
answers() {
	run 0 run "$1" $data --backend ref --limit 40 --each --json || return 1
	jq -c '.each[] | [.class, .confidence]' "$T/out" >"$T/answers"
	[ "$(wc -l <"$T/answers")" = 40 ]
}

ok "mea's own file" run 0 bundle "$T/own" --main $G/main.onnx $common
ok "quantised" run 0 quantize "$T/own" $data
ok "answers" answers "$T/own"
mv "$T/answers" "$T/want"

# same KIND [OPTION...]: a bundle around main written so, quantised, gives the same answers.
same() {
	kind=$1
	shift
	"$FOREIGN" "$kind" $G/main.onnx "$T/f.onnx" || echo "# foreign: $kind"
	ok "$kind: a bundle" run 0 bundle "$T/$kind" --main "$T/f.onnx" $common "$@"
	ok "$kind: quantised" run 0 quantize "$T/$kind" $data
	ok "$kind: answers" answers "$T/$kind"
	ok "$kind: the same" cmp "$T/answers" "$T/want"
}

same external
ok "external: one file in the bundle" sh -c "[ \"\$(ls $T/external)\" = \"\$(ls $T/own)\" ]"
rm "$T/f.onnx.data"
ok "external: nothing is missing later" run 0 quantize "$T/external" $data --out "$T/again"
ok "external: its SHA-256" sh -c "$MEA info $T/external --json | jq -e '[.files[].intact] | all' >/dev/null"
ok "external: a missing file" fails 1 "f.onnx.data: No such file" bundle "$T/x" --main "$T/f.onnx" $common
ok "external: tensor and model" grep -Eq "f.onnx: tensor [^ ]+: external_data: " "$T/err"
cp "$T/f.onnx" "$T/own/main.onnx"
sha=$(sha256sum <"$T/f.onnx" | cut -d' ' -f1)
sed -i "s/$(sha256sum <$G/main.onnx | cut -d' ' -f1)/$sha/" "$T/own/bundle.json"
ok "external: not in a bundle" fails 1 "must be in one file" quantize "$T/own" $data

for op in Softmax LogSoftmax Sigmoid; do
	same $op
	ok "$op: told" run 0 bundle "$T/$op" --main "$T/f.onnx" $common
	ok "$op: told" says "f.onnx: without the $op at its end; confidence is the softmax of the logits"
	ok "$op: as a lone model" run 0 quantize "$T/f.onnx" --out "$T/alone.onnx" $norm $data
	ok "$op: is told too" says "without the $op"
	ok "$op: has its int8 form" run 0 info "$T/alone.onnx"
done
"$FOREIGN" Softmax $G/cloud.onnx "$T/f.onnx"
ok "Softmax: a cloud model" run 0 bundle "$T/own" --cloud "$T/f.onnx" --main $G/main.onnx
ok "Softmax: without it" says "f.onnx: without the Softmax"
"$FOREIGN" Tanh $G/main.onnx "$T/f.onnx"
ok "another end stays" run 0 bundle "$T/own" --main "$T/f.onnx"
ok "as the file is" cmp "$T/f.onnx" "$T/own/main.onnx"

same nhwc
same map
same free --input 3x32x32
ok "free: no size" fails 1 "dimension 2 (height) has no value" bundle "$T/x" --main "$T/f.onnx" $common
ok "free: is told how" err_says "input image: dimension 2 (height) has no value; \`mea bundle\` and \`mea quantize\` take --input"
for v in 3x32 3x32x32x1 x 0x1x1 3x32x5000 3x-1x1 '3x32x32 '; do
	ok "--input '$v'" fails 2 "--input: '$v'" bundle "$T/x" --input "$v" --main "$T/f.onnx" $common
done
ok "another size" fails 1 "dimension 1 is 3 in the file, not 1" bundle "$T/x" --main "$T/f.onnx" $common --input 1x32x32
ok "--input on a bundle" fails 1 "--input: the bundle says" quantize "$T/own" --input 3x32x32
ok "free: a lone model" run 0 quantize "$T/f.onnx" --out "$T/alone.onnx" $norm $data --input 3x32x32
ok "free: has its int8 form" run 0 info "$T/alone.onnx"

# Pixels go in as they are: mean and deviation of the bundle only turn pixel / 255 back.
"$FOREIGN" uint8 $G/main.onnx "$T/f.onnx"
ok "uint8: mean and deviation" fails 1 "f.onnx takes pixels of 0 to 255 as they are" bundle "$T/x" --main "$T/f.onnx" $common
ok "uint8: a bundle" run 0 bundle "$T/uint8" --main "$T/f.onnx" --classes "$T/d/fine_label_names.txt" --name t
ok "uint8: its mean and deviation" sh -c "jq -e '.input | .mean == [0,0,0] and (.std[0] * 255 - 1 | fabs) < 1e-6' $T/uint8/bundle.json"
ok "uint8: quantised" run 0 quantize "$T/uint8" $data
ok "uint8: runs" run 0 run "$T/uint8" $data --backend ref --limit 4

# A file that is quantised already is its own int8 network.
ok "int8: a bundle" run 0 bundle "$T/int8" --main "$T/own/main.int8.onnx" $common
ok "int8: told" says "main.int8.onnx: is quantised already; \`mea run\` takes it as it is"
ok "int8: answers" answers "$T/int8"
ok "int8: the same" cmp "$T/answers" "$T/want"
ok "int8: not quantised twice" fails 1 "the file is quantised already" quantize "$T/int8" $data
ok "float end" "$FOREIGN" float "$T/own/main.int8.onnx" "$T/f.onnx"
ok "float end: a bundle" run 0 bundle "$T/end" --main "$T/f.onnx" $common
ok "float end: answers" answers "$T/end"
# agree FILE: 38 of 40 classes are those of the file whose logits are quantised.
agree() {
	[ "$(paste -d' ' "$T/answers" "$1" | tr -d '[]' | tr , ' ' | awk '$1 == $3 { n++ } END { print n + 0 }')" -ge 38 ]
}
ok "float end: the classes" agree "$T/want"
ok "float end: other confidences" sh -c "! cmp -s $T/answers $T/want"
mv "$T/answers" "$T/ends"
ok "float end: on opencl" run 0 run "$T/end" $data --backend opencl,ref --limit 40 --each --json
ok "float end: the same there" sh -c "jq -c '.each[] | [.class, .confidence]' $T/out | cmp - $T/ends"
ok "float end: told by info" sh -c "$MEA info $T/end --json | jq -e '.main.layers[-1].backend == \"float\"'"

ok "gray" "$FOREIGN" gray $G/main.onnx "$T/f.onnx"
ok "gray: not in a bundle" fails 1 "f.onnx: its image has 1 channels; those of a bundle are RGB" \
	bundle "$T/x" --main "$T/f.onnx" $common
ok "gray: a lone model" run 0 quantize "$T/f.onnx" --out "$T/alone.onnx" $norm $data
ok "gray: has its int8 form" run 0 info "$T/alone.onnx"
done_testing
