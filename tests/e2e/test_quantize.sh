#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mea quantize.
. tests/e2e/lib.sh

G=models/glyphs

ok "to another folder" run 0 quantize $G --out "$T/q" --limit 64
ok "tells" says "$T/q: quantised with 64 images of glyphs"
ok "the bundle is whole" sh -c "[ \"\$(ls $T/q)\" = \"\$(ls $G)\" ]"
ok "the old one is untouched" sh -c "git diff --quiet -- $G 2>/dev/null || true; cmp $G/main.onnx $T/q/main.onnx"
ok "run" run 0 run "$T/q" --backend ref --limit 200 --json
ok "accurate" sh -c "[ \$($HELPER json $T/out correct) -ge 170 ]"
ok "in place, again" run 0 quantize "$T/q" --limit 64
ok "same bytes" run 0 quantize "$T/q" --limit 64 --out "$T/q2"
ok "same bytes" cmp "$T/q/main.int8.onnx" "$T/q2/main.int8.onnx"
for m in mse percentile minmax; do
	ok "--method $m --check" run 0 quantize $G --out "$T/$m" --limit 64 --method $m --check 100
	ok "$m: table" says "main + extension, all images"
	ok "$m: agreement" grep -Eq "same in float and int8 for (9[0-9]|100)" "$T/out"
	ok "$m: info" run 0 info "$T/$m" --json
	ok "$m: noted" is accuracy.int8.images 100
done
ok "data folder" sh -c "$MEA dataset glyphs --out $T/d --train 40 --test 10 >/dev/null"
ok "uses the training split" run 0 quantize $G --out "$T/q" --data "$T/d"
ok "all 40" says "quantised with 40 images"
"$HELPER" png "$T/a.png" 3 2
ok "one picture" run 0 quantize $G --out "$T/q" --data "$T/a.png"
ok "check on pictures without labels" run 0 quantize $G --out "$T/q" --data "$T/a.png" --check 5
ok "agreement only" sh -c "grep -q '1 test images' $T/out && ! grep -q accuracy $T/out"

norm="--mean 0.5,0.5,0.5 --std 0.25,0.25,0.25"
ok "a lone model" run 0 quantize $G/main.onnx $norm --limit 32 --out "$T/m.onnx"
ok "info" run 0 info "$T/m.onnx" --json
ok "is int8" is type int8
ok "float info" run 0 info $G/main.onnx --json
ok "is float" is type float
ok "no --out" fails 1 "needs --out, --mean and --std" quantize $G/main.onnx $norm
ok "no --mean" fails 1 "needs --out, --mean and --std" quantize $G/main.onnx --out "$T/m.onnx" --std 1,1,1
ok "two inputs" fails 1 "needs one float32 input" quantize $G/extension.onnx $norm --out "$T/m.onnx"
ok "int8 already" run 1 quantize $G/main.int8.onnx $norm --out "$T/m2.onnx"
ok "--check on a model" fails 1 "--check: needs a bundle" quantize $G/main.onnx $norm --out "$T/m.onnx" --check 3
ok "--mean on a bundle" fails 1 "--mean, --std" quantize $G --out "$T/q" $norm
ok "no such method" fails 2 "--method: 'best'" quantize $G --method best
ok "--check 0" fails 2 "--check: '0'" quantize $G --check 0
ok "two models" fails 2 "one model at a time" quantize $G $G
ok "unwritable" fails 1 "/dev/null" quantize $G --out /dev/null
ok "unwritable file" fails 1 "$T/no/m.onnx" quantize $G/main.onnx $norm --limit 8 --out "$T/no/m.onnx"
ok "no such data" fails 1 "$T/none" quantize $G --out "$T/q" --data "$T/none"
ok "no float file" sh -c "sed 's/\"float\"/\"none\"/' $T/q/bundle.json >$T/x && cp $T/x $T/q/bundle.json
	! $MEA quantize $T/q 2>$T/err; grep -q 'files.main.float: the bundle has none' $T/err"

# Activations become tables. An accelerator without tables refuses them, so a later backend computes them.
"$MEA" dataset glyphs --out "$T/names" --train 4 --test 4 >/dev/null
places="--backend accel,opencl,ref --device sim:8x8p"
for op in HardSwish 'x*Sigmoid'; do
	cp $G/main.onnx "$T/act.onnx"
	relus=$("$HELPER" activate "$T/act.onnx" "$op")
	ok "$op: a bundle" run 0 bundle "$T/act" --name act --main "$T/act.onnx" --classes "$T/names/fine_label_names.txt" \
		--mean 0.5,0.5,0.5 --std 0.25,0.25,0.25
	ok "$op: quantised" run 0 quantize "$T/act" --limit 32
	ok "$op: info" run 0 info "$T/act" $places --json
	tables=$(grep -c '"op": "table"' "$T/out")
	ok "$op: a table for each Relu" [ "$tables" -eq "$relus" ]
	ok "$op: not on an accelerator without tables" \
		[ "$(grep -c '"accel": "table of an activation (the device has no memory for it)"' "$T/out")" -eq "$tables" ]
	ok "$op: info on one with tables" run 0 info "$T/act" --backend accel --device sim:8x8 --json
	ok "$op: it refuses nothing" sh -c "! grep -q '\"accel\": \"' $T/out"
	for on in ref accel:sim:8x8 accel:sim:8x8p,opencl,ref; do
		ok "$op: run on $on" run 0 run "$T/act" --backend "$on" --limit 16 --json
		echo "$("$HELPER" json "$T/out" correct) $("$HELPER" json "$T/out" exits.0.macs)" >>"$T/answers"
	done
	ok "$op: the same answers" [ "$(sort -u "$T/answers" | wc -l)" -eq 1 ]
	rm "$T/answers"
	rm -r "$T/act"
done
# A device is not replaced by a file.
mkfifo "$T/pipe"
ok "an output that is no file" fails 1 "$T/pipe: is no regular file" quantize $G/main.onnx --mean 0.5,0.5,0.5 --std 0.25,0.25,0.25 --limit 4 --out "$T/pipe"
ok "stays what it is" test -p "$T/pipe"
done_testing
