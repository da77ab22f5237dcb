#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Pictures as users have them, through the commands that take --data.
. tests/e2e/lib.sh

G=models/glyphs
ref="--backend ref"

# Glyphs 0 to 5 are 6, 3, 0, X, 2, I, and the bundle knows them all.
names=(6 3 0 X 2 I)
for i in 0 1 2 3 4 5; do
	mkdir -p "$T/val/${names[$i]}"
	"$HELPER" png "$T/val/${names[$i]}/$i.png" $i 3
done

ok "a picture behind the bundle" run 0 run $G "$T/val/X/3.png" $ref --json --each
ok "its class" is each.0.name X
ok "no label" is each.0.label null
ok "two of them" run 0 run $G "$T/val/X/3.png" "$T/val/I/5.png" $ref --json
ok "both" is images 2
ok "a picture on stdin" sh -c "$MEA run $G - $ref --json --each <$T/val/X/3.png >$T/out"
ok "its class" is each.0.name X
ok "it is called so" is each.0.image stdin
ok "nothing on stdin" sh -c "! $MEA run $G - $ref </dev/null 2>$T/err"
ok "says so" err_says "stdin: is empty"
ok "no picture on stdin" sh -c "! echo text | $MEA run $G - $ref 2>$T/err"
ok "says so" err_says "stdin: neither a PNG nor a JPEG file"

# A folder for each class.
ok "folders of classes" run 0 run $G --data "$T/val" $ref --json --each
ok "six images" is images 6
ok "labels are the bundle's" is correct 6
cp "$T/val/X/3.png" "$T/val/I/is-x.png"
ok "one of them in another" run 0 run $G --data "$T/val" $ref --json
ok "seven images" is images 7
ok "six right" is correct 6
mkdir -p "$T/set/train" "$T/other/cat"
cp -r "$T/val" "$T/set/val"
cp -r "$T/val/." "$T/set/train"
ok "splits" run 0 run $G --data "$T/set" $ref --json
ok "that of tests" is images 7
cp "$T/val/X/3.png" "$T/other/cat"
ok "a folder of no class" fails 1 "'cat' is no class" run $G --data "$T/other" $ref
printf 'RIFF\044\0\0\0WEBPVP8 ' >"$T/val/X/a.webp"
ok "a kind that is not read" run 1 run $G --data "$T/val" $ref --json
ok "costs itself alone" is images 7
ok "is named" err_says "a.webp: is a WebP file; mea reads PNG and JPEG"

# A list.
printf 'file,class\nval/X/3.png,X\nval/I/5.png,I\nval/6/0.png,3\n' >"$T/labels.csv"
ok "a list of labels" run 0 run $G --data "$T/labels.csv" $ref --json
ok "three images" is images 3
ok "two right" is correct 2

# The other commands.
ok "quantize" run 0 quantize $G --data "$T/set" --out "$T/q"
ok "eval" run 0 eval $G --data "$T/set" --json
ok "train" run 0 train main --net resnet8-a --data "$T/set" --epochs 1 --batch 2 --size 40 --out "$T/t"
ok "at that size" sh -c "$MEA info $T/t | grep -q 'images: 40 x 40 RGB; 6 classes'"
ok "the edge too" run 0 train edge --net resnet8-a --data "$T/set" --epochs 1 --batch 2 --hard 3 --out "$T/t"
ok "as main" sh -c "$MEA info $T/t | grep -q 'images: 40 x 40 RGB; 6 classes, 3 of them hard'"
ok "another size" fails 1 "--size: $T/t takes images of 40 x 40" train edge --net resnet8-a --data "$T/set" --size 32 --out "$T/t"

# How a picture gets the network's size.
cp -r $G "$T/b"
input() { jq -e ".input.resize | $1" "$T/b/bundle.json"; }
ok "--preset torchvision" run 0 bundle "$T/b" --preset torchvision
ok "side" input '.mode == "crop" and .side == 37 and .filter == "bilinear"'
ok "info says it" sh -c "$MEA info $T/b | grep -q 'resized: crop, shorter side to 37, bilinear'"
ok "--preset keras-tf" run 0 bundle "$T/b" --preset keras-tf
ok "stretched" input '.mode == "stretch" and .side == null and .filter == "nearest"'
ok "--resize letterbox" run 0 bundle "$T/b" --resize letterbox --filter bicubic
ok "letterbox" input '.mode == "letterbox" and .filter == "bicubic"'
ok "--side with it" fails 1 "input.resize.side: must be" bundle "$T/b" --side 40
ok "--side and --resize stretch" fails 2 "--side: goes with --resize crop" bundle "$T/b" --resize stretch --side 40
ok "--preset and --resize" fails 2 "--preset: says what" bundle "$T/b" --preset keras-tf --resize crop
ok "--resize fit" fails 2 "--resize: 'fit'" bundle "$T/b" --resize fit
# A glyph in the middle of a wide picture: cut out, it is seen; stretched, it is not itself.
cp $G/bundle.json "$T/b/bundle.json"
jq '.input.resize = {mode: "squeeze"}' $G/bundle.json >"$T/b/bundle.json"
ok "a mode that is none" fails 1 "$T/b/bundle.json: input.resize.mode: must be crop" run "$T/b" $ref --limit 1

done_testing
