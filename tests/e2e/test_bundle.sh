#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mea bundle and mea info BUNDLE; broken bundles.
. tests/e2e/lib.sh

G=models/glyphs
hard=0,1,2,4,7,10,11,13,16,18,20,24,25,26,27,28,29,32
"$MEA" dataset glyphs --out "$T/d" --train 64 --test 20 >/dev/null
common="--main $G/main.onnx --classes $T/d/fine_label_names.txt --mean 0.5,0.5,0.5 --std 0.25,0.25,0.25 --name t"

ok "main and extension" run 0 bundle "$T/b" $common --extension $G/extension.onnx --hard $hard \
	--mu-correct 0.35 --mu-wrong 2.27 --licence Apache-2.0
ok "tells" says "t, 36 classes, 18 of them hard, images of 32 x 32"
ok "info" run 0 info "$T/b" --json
ok "name" is name t
ok "threshold between" is thresholds.entropy 1.31
ok "file intact" is files.0.intact true
ok "macs" is main.macs 8859776
ok "run asks for int8" fails 1 "mea quantize" run "$T/b"
ok "trace asks for int8" fails 1 "mea quantize" trace "$T/b"
ok "amend" run 0 bundle "$T/b" --threshold 0.5 --description "two words"
ok "info" run 0 info "$T/b"
ok "amended" says "entropy over 0.5 nats (main's mean: 0.35 right, 2.27 wrong)"
ok "described" says "description: two words"
ok "main alone" run 0 bundle "$T/m" $common
ok "none hard" says "36 classes, 0 of them hard"
ok "quantise main alone" run 0 quantize "$T/m" --limit 32
ok "run main alone" run 0 run "$T/m" --backend ref --limit 30 --json
ok "all at main" is exits.0.images 30
ok "info of it" run 0 info "$T/m"

ok "hard without extension" fails 1 "both or neither" bundle "$T/x" $common --hard 1,2
ok "extension without hard" fails 1 "both or neither" bundle "$T/x" $common --extension $G/extension.onnx
ok "too few hard classes" fails 1 "bundle needs float32 1x2" bundle "$T/x" $common \
	--extension $G/extension.onnx --hard 1,2
ok "hard twice" fails 1 "hard_classes[1]: class 1 stands there twice" bundle "$T/x" $common --hard 1,1
ok "hard too large" fails 1 "hard_classes[0]" bundle "$T/x" $common --hard 99
ok "hard no list" fails 1 "--hard: 'a,b'" bundle "$T/x" $common --hard a,b
ok "not written" sh -c "[ ! -e $T/x/bundle.json ]"
# Class names as a Windows editor saves them.
{ printf '\357\273\277'; sed 's/$/\r/' "$T/d/fine_label_names.txt"; } >"$T/windows.txt"
ok "a mark of UTF-8 and CR LF" run 0 bundle "$T/w" --main $G/main.onnx --classes "$T/windows.txt" --mean 0.5,0.5,0.5 --std 0.25,0.25,0.25 --name w
ok "are no part of a name" test "$(jq -c .classes "$T/w/bundle.json")" = "$(jq -c .classes $G/bundle.json)"
ok "no such file of classes" fails 1 "$T/none.txt: No such file" bundle "$T/y" --main $G/main.onnx --classes "$T/none.txt" --name y
ok "no name" fails 1 "name: must" bundle "$T/x" --main $G/main.onnx --classes "$T/d/fine_label_names.txt"
ok "no classes" fails 1 "classes: must" bundle "$T/x" --main $G/main.onnx --name t
ok "no mean" fails 1 "input.mean" bundle "$T/x" --main $G/main.onnx --name t --classes "$T/d/fine_label_names.txt"
ok "no such class file" fails 1 "$T/none" bundle "$T/x" --classes "$T/none"
ok "no such model" fails 1 "$T/none" bundle "$T/x" --main "$T/none"
ok "no ONNX" fails 1 "test.bin" bundle "$T/x" $common --main "$T/d/test.bin"
ok "wrong number of classes" sh -c "head -5 $T/d/fine_label_names.txt >$T/five
	! $MEA bundle $T/x $common --classes $T/five 2>$T/err; grep -q 'logits is float32 1x36; the bundle needs float32 1x5' $T/err"
ok "extension as main" fails 1 "it needs 1 and 1" bundle "$T/x" $common --main $G/extension.onnx
for v in x 1,2 1,2,3,4 1,2,x ,, 1,,2 nan,0,0 inf,0,0; do
	ok "--mean '$v'" fails 2 "--mean: '$v'" bundle "$T/x" --mean "$v"
done
ok "a mean of 0 to 255" fails 1 "--mean: 123.675 is over 1; mean and deviation are of pixel / 255" bundle "$T/x" $common --mean 123.675,116.28,103.53
ok "a mean of 0 to 255, without a bundle" fails 1 "--mean: 116.28 is over 1" quantize $G/main.onnx --out "$T/x.onnx" --mean 0.5,116.28,0.5 --std 0.25,0.25,0.25
ok "--preset keras-caffe" run 0 bundle "$T/caffe" --main $G/main.onnx --classes "$T/d/fine_label_names.txt" --name c --preset keras-caffe
ok "its order and mean" jq -e '.input.order == "bgr" and (.input.mean[0] * 255 - 103.939 | fabs) < 0.001' "$T/caffe/bundle.json"
ok "--preset torchvision" run 0 bundle "$T/caffe" --preset torchvision
ok "its order and deviation" jq -e '.input.order == "rgb" and (.input.std[1] - 0.224 | fabs) < 1e-6' "$T/caffe/bundle.json"
ok "--preset and --mean" fails 2 "--preset: says what" bundle "$T/caffe" --preset keras-tf --mean 0,0,0
ok "no such preset" fails 2 "--preset: 'caffe'" bundle "$T/caffe" --preset caffe
ok "--std 0" fails 2 "--std: '1,0,1'" bundle "$T/x" --std 1,0,1
ok "--threshold" fails 2 "--threshold: '-1'" bundle "$T/x" --threshold=-1
ok "one mu" fails 2 "go together" bundle "$T/x" --mu-correct 1
ok "no parent" fails 1 "$T/no/x" bundle "$T/no/x"

# A refused command leaves the bundle as it was, to the last byte.
printf '\062\001x' | cat $G/main.onnx - >"$T/other.onnx" # the same network with a doc_string
cp -r $G "$T/kept"
tar -C "$T/kept" -cf "$T/kept.tar" --sort=name --mtime=@0 .
refused() {
	"$MEA" bundle "$T/kept" "$@" 2>"$T/err" && return 1
	cat "$T/err"
	tar -C "$T/kept" -cf - --sort=name --mtime=@0 . | cmp - "$T/kept.tar"
}
ok "refused: cloud as main" refused --main $G/cloud.onnx
ok "refused: a second file missing" refused --main "$T/other.onnx" --cloud "$T/none"
ok "refused: hard classes" refused --main "$T/other.onnx" --hard 1,2,99
ok "refused: no classes" refused --main "$T/other.onnx" --classes /dev/null
ok "refused: main as cloud" refused --cloud $G/main.onnx
ok "refused: no ONNX" refused --extension "$T/d/test.bin"
ok "the other main is taken" run 0 bundle "$T/kept" --main "$T/other.onnx"
ok "and is there" cmp "$T/other.onnx" "$T/kept/main.onnx"
ok "nothing lies beside" sh -c "! ls $T/kept | grep -v '^bundle.json$\|onnx$'"

# Several at once: each is told of the others or waits for them, and the bundle is whole after all.
for i in 1 2 3 4; do
	"$MEA" quantize "$T/kept" --limit $((8 * i)) >"$T/q$i" 2>&1 &
	"$MEA" bundle "$T/kept" --description "by $i" >"$T/d$i" 2>&1 &
done
wait
ok "all described it" sh -c "[ \$(grep -l '36 classes' $T/d? | wc -l) = 4 ]"
ok "all quantised it" sh -c "[ \$(grep -l 'quantised with' $T/q? | wc -l) = 4 ]"
ok "every file is what bundle.json says" sh -c "
	$MEA info $T/kept --json | jq -e '[.files[].intact] | length == 5 and all' >/dev/null"
ok "it runs" run 0 run "$T/kept" --backend ref --limit 5
"$MEA" quantize "$T/kept" --data "$T/d" --limit 64 >"$T/q1" 2>&1 &
"$MEA" bundle "$T/kept" --main $G/main.onnx >/dev/null
wait
ok "main changed meanwhile: told, or before it" sh -c "
	grep -q 'has changed network main meanwhile' $T/q1 || grep -q 'quantised with' $T/q1"
ok "and the bundle is whole" run 0 info "$T/kept"

# Broken bundles: every command says what is wrong with which file.
broken() {
	rm -rf "$T/k"
	cp -r $G "$T/k"
	chmod -R u+w "$T/k"
}
each_fails() {
	for cmd in "run --backend ref" info "trace --backend ref"; do
		ok "$1: $cmd" fails 1 "$2" $cmd "$T/k"
	done
}
broken; rm "$T/k/bundle.json"
each_fails "no description" "bundle.json: No such file"
broken; echo "{" >"$T/k/bundle.json"
each_fails "no JSON" "bundle.json: line "
broken; sed -i 's/"version": 1/"version": 9/' "$T/k/bundle.json"
each_fails "from the future" "version: is 9"
broken; sed -i 's/"main.int8.onnx"/"..\/main.int8.onnx"/' "$T/k/bundle.json"
each_fails "reaches outside" "files.main.int8.file"
broken; rm "$T/k/main.int8.onnx"
each_fails "missing file" "main.int8.onnx: No such file"
broken; printf x >>"$T/k/extension.int8.onnx"
each_fails "changed file" "extension.int8.onnx: its SHA-256"
broken; head -c 1000 $G/main.int8.onnx >"$T/k/main.int8.onnx"
sha=$(sha256sum <"$T/k/main.int8.onnx" | cut -d' ' -f1)
old=$(sha256sum <$G/main.int8.onnx | cut -d' ' -f1)
sed -i "s/$old/$sha/" "$T/k/bundle.json"
each_fails "truncated model with the right SHA-256" "main.int8.onnx: "
broken; cp $G/extension.int8.onnx "$T/k/main.int8.onnx"
new=$(sha256sum <$G/extension.int8.onnx | cut -d' ' -f1)
sed -i "s/$old/$new/" "$T/k/bundle.json"
each_fails "extension in main's place" "main: has 2 inputs; it needs 1"
broken; sed -i 's/"width": 32/"width": 31/' "$T/k/bundle.json"
each_fails "another image size" "the bundle's images are 3 x 32 x 31"
broken; sed -i 's/"0\.25,\|0\.25/0.0/' "$T/k/bundle.json"
each_fails "no deviation" "input.std"
done_testing
