#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Models as other programs write them, from file to answer: the same as of mea's own file.
. tests/e2e/lib.sh

G=models/glyphs
FOREIGN=$(dirname "$HELPER")/foreign
"$MEA" dataset glyphs --out "$T/d" --train 64 --test 40 >/dev/null
common="--classes $T/d/fine_label_names.txt --std 0.25,0.25,0.25 --mean 0.5,0.5,0.5 --name t"
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

# same KIND: a bundle around main written so, quantised, gives the same answers.
same() {
	"$FOREIGN" "$1" $G/main.onnx "$T/f.onnx" || echo "# foreign: $1"
	ok "$1: a bundle" run 0 bundle "$T/$1" --main "$T/f.onnx" $common
	ok "$1: quantised" run 0 quantize "$T/$1" $data
	ok "$1: answers" answers "$T/$1"
	ok "$1: the same" cmp "$T/answers" "$T/want"
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
done_testing
