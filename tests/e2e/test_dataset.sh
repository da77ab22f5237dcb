#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mea dataset glyphs.
. tests/e2e/lib.sh

size() {
	[ "$(wc -c <"$1")" -eq "$2" ]
}

ok "writes" run 0 dataset glyphs --out "$T/a" --train 100 --test 40
ok "tells what" says "100 training and 40 test images of 36 classes, seed 1"
ok "train.bin" size "$T/a/train.bin" $((100 * 3074))
ok "test.bin" size "$T/a/test.bin" $((40 * 3074))
ok "36 names" sh -c "[ \$(wc -l <$T/a/fine_label_names.txt) -eq 36 ]"
ok "nothing else" sh -c "[ \$(ls $T/a | wc -l) -eq 4 ]"
ok "again" run 0 dataset glyphs --out "$T/b" --train 100 --test 40 --seed 1
ok "same bytes" diff -r "$T/a" "$T/b"
ok "another seed" run 0 dataset glyphs --out "$T/b" --train 100 --test 40 --seed 2
ok "other bytes" sh -c "! cmp -s $T/a/train.bin $T/b/train.bin"
ok "fewer images are a prefix" sh -c "$MEA dataset glyphs --out $T/c --train 7 --test 1 &&
	head -c $((7 * 3074)) $T/a/train.bin | cmp - $T/c/train.bin"
ok "test is not train" sh -c "! head -c 3074 $T/a/train.bin | cmp -s - $T/c/test.bin"
ok "run reads it" run 0 run models/glyphs --data "$T/a" --backend ref --json
ok "all of it" is images 40
ok "empty splits are written" run 0 dataset glyphs --out "$T/e" --train 0 --test 0
ok "and refused by run" fails 1 "test.bin" run models/glyphs --data "$T/e"

ok "which set" fails 2 "There is: glyphs" dataset --out "$T/x"
ok "unknown set" fails 2 "There is: glyphs" dataset digits --out "$T/x"
ok "two sets" fails 2 "one data set at a time" dataset glyphs glyphs --out "$T/x"
ok "no --out" fails 2 "--out DIR is missing" dataset glyphs
for v in -1 x "" 1x 1.5 99999999999999999999; do
	ok "--train '$v'" fails 2 "--train: '$v'" dataset glyphs --out "$T/x" --train="$v"
	ok "--test '$v'" fails 2 "--test: '$v'" dataset glyphs --out "$T/x" --test="$v"
	ok "--seed '$v'" fails 2 "--seed: '$v'" dataset glyphs --out "$T/x" --seed="$v"
done
ok "no parent folder" fails 1 "$T/no/where" dataset glyphs --out "$T/no/where"
ok "out is a file" fails 1 "Makefile" dataset glyphs --out Makefile
done_testing
