#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea train: Algorithm 1 from images to a bundle that runs, interruptions, wrong input.
. tests/e2e/lib.sh

D=$T/data
"$MEA" dataset glyphs --out "$D" --train 720 --test 100 >"$T/log"
# A small network, one thread: the same bits every time.
S="--data $D --batch 32 --pad 2 --no-mirror --threads 1 --seed 4"

# --- the three stages --------------------------------------------------------------------
ok "cloud" run 0 train cloud --net resnet8 $S --epochs 2 --out "$T/b" -v --log "$T/log.csv"
ok "tells of every epoch" says "epoch 2 of 2: loss"
ok "in the log too" awk -F, 'NR == 1 && $3 != "loss" || NR > 1 && ($1 != NR - 1 || $2 != 2 || NF != 8 || $3 <= 0) {
	exit 1 } END { exit NR != 3 }' "$T/log.csv"
ok "a log that is resumed goes on" run 0 train cloud --net resnet8 $S --epochs 2 --out "$T/b" --resume --log "$T/log.csv"
ok "where it ended" test "$(wc -l <"$T/log.csv")" -eq 3
ok "another format" run 0 train cloud --net resnet8 $S --epochs 1 --out "$T/jsonl" --log "$T/log.jsonl"
ok "is JSON" sh -c "jq -se 'length == 1 and .[0].epoch == 1 and .[0].loss > 0' $T/log.jsonl"
ok "which one?" fails 2 "--log x.txt: a name ends with .csv or .jsonl" train cloud --net resnet8 $S --out "$T/x" --log x.txt
ok "no folder" fails 1 "--log $T/none/x.csv: No such file" train cloud --net resnet8 $S --out "$T/x" --log "$T/none/x.csv"
# Enough of it that some held-out images are right and there is a threshold.
ok "main" run 0 train main --net resnet8-a $S --epochs 8 --batch 16 --pad 0 --rate 0.05 --out "$T/b"
ok "quiet without -v" test ! -s "$T/out"
ok "main alone is a bundle" run 0 info "$T/b"
ok "the cloud again, into the bundle" run 0 train cloud --net resnet8 $S --epochs 2 --out "$T/b" --resume
ok "edge" run 0 train edge --net resnet8-a $S --epochs 2 --out "$T/b" --hard 10
ok "info" run 0 info "$T/b"
ok "hard classes" says "36 classes, 10 of them hard"
ok "thresholds" says "complex: entropy over"
ok "quantise" run 0 quantize "$T/b" --data "$D" --limit 64
ok "run" run 0 run "$T/b" --data "$D" --backend ref --json
ok "all images answered" is images 100
# The same, asked for at once, with averaged weights.
cp -r "$T/b" "$T/q"
ok "edge, quantised" run 0 train edge --net resnet8-a $S --epochs 2 --out "$T/q" --hard 10 --quantize --average 0.9
ok "int8 networks" run 0 info "$T/q"
ok "both" sh -c "grep -q main.int8.onnx $T/q/bundle.json && grep -q extension.int8.onnx $T/q/bundle.json"
ok "they run" run 0 run "$T/q" --data "$D" --backend ref --json
ok "all images answered" is images 100
ok "as the notes say" between "$T/q/bundle.json" training.edge.average 0.89 0.91
# All of the start and none of the training: the start's answers.
cp "$T/b/cloud.onnx" "$T/start.onnx"
cp -r "$T/b" "$T/unblended"
B="train cloud --net $T/start.onnx $S --epochs 1 --rate 0.3 -v"
ok "blend" run 0 $B --out "$T/unblended" --blend 0
cp "$T/unblended/cloud.onnx" "$T/blend0.onnx"
ok "noted" between "$T/unblended/bundle.json" training.cloud.blend 0 0
for d in b unblended; do
	"$MEA" eval "$T/$d" --data "$D" | grep "cloud alone" >"$T/alone.$d"
done
ok "and is where it started" cmp "$T/alone.b" "$T/alone.unblended"
ok "half of both" run 0 $B --out "$T/unblended" --blend 0.5 --resume
ok "which is another network" sh -c "! cmp -s $T/blend0.onnx $T/unblended/cloud.onnx"
ok "the training was done" sh -c "! grep -q ^epoch $T/out"
ok "not the edge" fails 2 "--blend is for main and cloud" train edge --net resnet8-a $S --out "$T/b" --blend 0.5
ok "with what?" fails 2 "--blend: --net names no FILE.onnx" train cloud --net resnet8 $S --out "$T/x" --blend 0.5
ok "no int8 for the cloud" fails 2 "--quantize is for main and the edge" train cloud --net resnet8 $S --quantize --out "$T/q"
# With all classes hard both edges have the same images, and only main differs.
cp -r "$T/b" "$T/again"
E="train edge --net resnet8-a $S --epochs 1 --hard 36 --out $T/again"
ok "an edge" run 0 $E
ok "is done" run 0 $E --resume
ok "another main" run 0 train main --net resnet8-a $S --epochs 1 --out "$T/again"
ok "an edge's checkpoint is of one main" fails 1 "is of another training" $E --resume
ok "a pupil" run 0 train main --net resnet8-b $S --epochs 1 --out "$T/pupil" --teacher "$T/b/cloud.onnx" --type f32 --smoothing 0.1 --cutout 4 --mixup 0.2
ok "its edge" run 0 train edge --net resnet8-b $S --epochs 1 --out "$T/pupil" --join concat
cp -r "$T/pupil" "$T/taught"
X="train edge --net resnet8-b $S --epochs 1 --out $T/taught --join concat --teacher $T/b/cloud.onnx"
ok "its edge, taught" run 0 $X --views 1 --answers "$T/edge-answers"
ok "noted" between "$T/taught/bundle.json" training.edge.teacher_share 0.69 0.71
ok "is another edge than by itself" fails 1 "is of another training" train edge --net resnet8-b $S --epochs 1 --out "$T/taught" --join concat --resume
ok "not jointly" fails 2 "--teacher: is for main, edge and cloud" train joint --net resnet8-b $S --out "$T/taught" --teacher "$T/b/cloud.onnx"
ok "a control" run 0 train edge --net resnet8-b $S --epochs 1 --out "$T/pupil" --no-adaptive
cp -r "$T/b" "$T/random"
ok "hard classes at random" run 0 train edge --net resnet8-a $S --epochs 1 --out "$T/random" --hard 10 --choose random
hard_of() {
	for i in 0 1 2 3 4 5 6 7 8 9; do "$HELPER" json "$1/bundle.json" hard_classes.$i; done
}
ok "are others" test "$(hard_of "$T/random")" != "$(hard_of "$T/b")"

cp -r "$T/b" "$T/j"
ok "jointly" run 0 train joint --net resnet8-a $S --epochs 1 --out "$T/j" --hard 10 -v
ok "tells what it takes" says "maps, their gradients"
ok "a bundle again" run 0 info "$T/j"
ok "the extension's new main" sh -c "! cmp -s $T/j/main.onnx $T/b/main.onnx"

# --- memory -------------------------------------------------------------------------------------
# Counted together, in MB, of the last run with -v.
together() {
	awk '$1 == "together" { print $2 }' "$T/out"
}
cp -r "$T/b" "$T/m"
X="train edge --net resnet8-a $S --epochs 1 --out $T/m --hard 10 -v"
ok "as it is" run 0 $X
whole=$(together)
ok "a frozen main has no momenta" awk '$1 == "momenta" { m = $2 } $1 == "weights" { w = $2 } END { exit !(m > 0 && m < 0.7 * w) }' "$T/out"
ok "a limit that it keeps" run 0 $X --memory "$(awk -v m="$whole" 'BEGIN { print m + 0.01 }')"
ok "changes nothing" says "MB with batches of 32, momenta, 10 of 10 layers trained, rate 0.1"
ok "half of it" run 0 $X --memory 12
ok "takes small batches" says "MB with batches of 8, "
ok "and is what was held" awk -v m="$(together)" 'BEGIN { exit !(m > 6 && m <= 12) }'
ok "noted" between "$T/m/bundle.json" training.edge.batch 8 8
ok "goes on as it began" run 0 $X --memory 12 --resume
ok "with less, layers are fixed" run 0 $X --memory 7
ok "takes fewer layers" says "no momenta, "
ok "noted" between "$T/m/bundle.json" training.edge.fixed_layers 1 9
ok "too little" fails 1 "--memory: it takes" train edge --net resnet8-a $S --out "$T/m" --memory 3

# --- compressed gradients -----------------------------------------------------------------------
C="train main --net resnet8-a $S --epochs 1 --out $T/compressed"
ok "one rank can try it" run 0 $C --compress adacomp:conv=40,fc=400,factor=2.5 -v
ok "tells the rates" says "convolutions"
ok "an edge trains alone" fails 2 "--compress is for main and cloud" train edge --net resnet8-a $S --out "$T/b" --compress topk:0.1
for c in gzip adacomp:x adacomp:conv=0 adacomp:conv adacomp:fc=1.5 adacomp:factor=0.5 adacomp:factor=nan adacomp:speed=1 \
	topk topk:0 topk:2 topk:x none:1 auto:1; do
	ok "--compress $c" fails 2 "--compress $c: is none of adacomp" $C --compress $c
done

# --- integer weights --------------------------------------------------------------------------------
cp -r "$T/b" "$T/w"
W="train edge --net resnet8-a $S --epochs 2 --out $T/w --hard 10"
ok "int8 weights" run 0 $W --weights int8 -v
ok "are of 8 bits" says "integer weights of 8.00 bits in the mean"
ok "and less to hold" awk '$1 == "weights" { w = $2 } $1 == "gradients" { g = $2 } END { exit !(g < w) }' "$T/out"
ok "noted" sh -c "jq -e '.training.edge | .weights == \"int8\" and .rounding == \"stochastic\" and .bits == 8' $T/w/bundle.json"
cp "$T/w/extension.int8.onnx" "$T/int8.onnx"
ok "the int8 network runs" run 0 run "$T/w" --data "$D" --backend ref --json
ok "all images answered" is images 100
ok "the same again" run 0 $W --weights int8
ok "the same bytes" cmp "$T/w/extension.int8.onnx" "$T/int8.onnx"
ok "no second run of what is done" run 0 $W --weights int8 --resume -v
ok "the same bytes" cmp "$T/w/extension.int8.onnx" "$T/int8.onnx"
ok "nearest" run 0 $W --weights int8 --rounding nearest
ok "is another network" sh -c "! cmp -s $T/w/extension.int8.onnx $T/int8.onnx"
ok "another training" fails 1 "is of another training" $W --weights int8 --resume
ok "widths that change, without momenta" run 0 $W --weights auto:10 --momentum 0
ok "new images" run 0 train edge --net resnet8-a $S --data "$D" --keep "$D" --epochs 1 --out "$T/w" --weights int16
for w in int4 auto:7 auto:17 auto:x auto: int8:9; do
	ok "--weights $w" fails 2 "--weights $w: is none of float, int8, int16 or auto:MAX" $W --weights $w
done
ok "not main" fails 2 "--weights is for the edge" train main --net resnet8-a $S --out "$T/x" --weights int8
ok "not averaged" fails 2 "--weights does not go with --average" $W --weights int8 --average 0.9

# --- new images ------------------------------------------------------------------------------
"$MEA" dataset glyphs --out "$T/new" --train 400 --test 10 --seed 9 >"$T/log"
cp -r "$T/b" "$T/n"
ok "goes on with new images" run 0 train edge --net resnet8-a $S --data "$T/new" --keep "$D" --epochs 1 --out "$T/n" --quantize
ok "tells of new ones" says "new,"
ok "and of old ones" says "old,"
ok "another extension" sh -c "! cmp -s $T/n/extension.onnx $T/b/extension.onnx"
ok "the same main" cmp "$T/n/main.onnx" "$T/b/main.onnx"
ok "quantised again" sh -c "! cmp -s $T/n/extension.int8.onnx $T/b/extension.int8.onnx"
ok "--keep for main" fails 2 "--keep is for the edge" train main --net resnet8-a $S --keep "$D" --out "$T/x"
ok "nothing kept there" fails 1 "$T/none" train edge --net resnet8-a $S --keep "$T/none" --out "$T/n"

# --- networks that nobody trained --------------------------------------------------------------
I="train init --net mobilenetv2-b --join concat --size 32 --classes 20"
ok "init" run 0 $I --out "$T/i"
ok "is a bundle" run 0 info "$T/i"
ok "with its classes" says "20 classes, 10 of them hard"
ok "and the paper's features" says "1x320x4x4"
ok "the same again" run 0 $I --out "$T/i2"
ok "gives the same bytes" cmp "$T/i/extension.onnx" "$T/i2/extension.onnx"
"$HELPER" png "$T/i.png" 1 1
ok "quantise it" run 0 quantize "$T/i" --data "$T/i.png"
ok "run it" run 0 run "$T/i" --data "$T/i.png" --backend ref --json
ok "ResNet18" run 0 train init --net resnet18-b --size 33 --classes 6 --hard 4 --out "$T/r18"
ok "images for init" fails 2 "leave out --data" $I --data "$D" --out "$T/x"
ok "a size below 8" fails 2 "--size" $I --size 7 --out "$T/x"
ok "more hard than there are" fails 1 "--hard" $I --hard 21 --out "$T/x"
ok "init of no network" fails 1 "no network of that name" train init --net mobile --out "$T/x"

# --- the paper's tables ---------------------------------------------------------------------
ok "eval" run 0 eval "$T/b" "$T/pupil" "$T/random" --data "$D" --threads 1
ok "table II" says "test, main among hard classes"
ok "table III" says "easy/hard detection"
ok "figure 5" says "hard as other hard"
ok "the cloud" says "edge and cloud"
ok "tables IV and V" says "pupil, no adaptive block"
ok "a random choice" says "sum, random"
ok "the paper's beside each" test "$(grep -c "the paper's  " "$T/out")" -eq 3
ok "as JSON" run 0 eval "$T/b" --data "$D" --threads 1 --json
ok "images of both splits" is bundles.0.train_images 648
ok "test images" is bundles.0.test_images 100
ok "how classes were chosen" is bundles.0.choice precision
ok "how blocks are joined" is bundles.0.join sum
ok "no figure of the paper for glyphs" is bundles.0.figures.0.paper null
ok "eval without data" fails 2 "--data DIR is missing" eval "$T/b"
ok "eval without bundle" fails 2 "which BUNDLE" eval --data "$D"
ok "eval of no bundle" fails 1 "$T/none" eval "$T/none" --data "$D"

# --- the same bits, whatever happens on the way --------------------------------------------
same() {
	cmp "$T/$1/main.onnx" "$T/$2/main.onnx"
}
M="train main --net resnet8-a $S --epochs 4"
begun=$(date +%s%N)
ok "a run" run 0 $M --out "$T/one"
took=$((($(date +%s%N) - begun) / 1000000))
ok "the same again" run 0 $M --out "$T/two"
ok "gives the same bytes" same one two
ok "another seed" run 0 $M --out "$T/three" --seed 5
ok "other bytes" sh -c "! cmp -s $T/one/main.onnx $T/three/main.onnx"

# killed: at a random moment of the time that a run takes with signal $1, then taken up, until
# it is done.
killed() {
	rm -rf "$T/k"
	for try in 1 2 3 4 5 6 7 8; do
		"$MEA" $M --out "$T/k" --resume --checkpoint-every 0 >/dev/null 2>&1 &
		pid=$!
		ms=$((took * (RANDOM % 60 + 10) / 100))
		sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
		if kill "-$1" $pid 2>/dev/null; then
			wait $pid
			stopped=$((stopped + 1))
		else
			wait $pid && break
		fi
	done
	"$MEA" $M --out "$T/k" --resume
}
for signal in KILL INT; do
	stopped=0
	ok "SIG$signal and --resume" killed $signal
	ok "it was stopped on the way" test "$stopped" -gt 0
	ok "the same bytes after SIG$signal" same one k
done

# --- a folder of images a class, a network from a file --------------------------------------
F=$T/folders
for split in train val; do
	for class in round square; do
		mkdir -p "$F/$split/$class"
		for i in 1 2 3 4 5 6 7 8; do
			"$HELPER" png "$F/$split/$class/$i.png" $((20 + i)) 2
		done
	done
done
W="--data $F --batch 4 --threads 1 --epochs 1"
ok "images in folders" run 0 train main --net resnet8-a $W --out "$T/f"
ok "their names are the classes" grep -q '"round"' "$T/f/bundle.json"
ok "eval on the val folder" run 0 eval "$T/f" --data "$F" --threads 1 --json
ok "its images" is bundles.0.test_images 16
ok "a network from a file" run 0 train main --net "$T/f/main.onnx" $W --out "$T/g"
ok "is another one afterwards" sh -c "! cmp -s $T/f/main.onnx $T/g/main.onnx"
ok "no such file" fails 1 "$T/none.onnx" train main --net "$T/none.onnx" $W --out "$T/x"
rm "$F/val/square/3.png"
echo damaged >"$F/val/square/3.png"
ok "a damaged image" fails 1 "square/3.png" eval "$T/f" --data "$F" --threads 1
rm -r "$F/train/square"
ok "one class only" fails 1 "nothing to tell apart" train main --net resnet8-a $W --out "$T/x"

# --- CIFAR-10's samples: one label, several files -----------------------------------------------
C=$T/ten
mkdir "$C"
# ten FILE FIRST N: glyphs as its samples, with labels 0 to 9 in turn.
ten() {
	for ((i = $2; i < $2 + $3; i++)); do
		printf "\\x0$((i % 10))"
		tail -c +$((i * 3074 + 3)) "$D/train.bin" | head -c 3072
	done >"$C/$1"
}
ten data_batch_1.bin 0 60
ten data_batch_2.bin 60 40
ten test_batch.bin 100 30
printf '%s\n' airplane automobile bird cat deer dog frog horse ship truck >"$C/batches.meta.txt"
W="--data $C --batch 8 --threads 1 --epochs 1 --rate 0.01"
ok "main on CIFAR-10" run 0 train main --net resnet8-a $W --out "$T/ten"
ok "edge on CIFAR-10" run 0 train edge --net resnet8-a $W --out "$T/ten"
ok "eval on CIFAR-10" run 0 eval "$T/ten" --data "$C" --threads 1 --json
ok "its classes" is bundles.0.classes 10
ok "half of them are hard" is bundles.0.hard 5
ok "images of both files" is bundles.0.train_images 90
printf '\x0b' | dd of="$C/data_batch_2.bin" bs=1 seek=$((3073 * 7)) conv=notrunc status=none
ok "a class that is none" fails 1 "data_batch_2.bin" train main --net resnet8-a $W --out "$T/x"

# --- wrong input -----------------------------------------------------------------------------
ok "no stage" fails 2 "which stage" train --net resnet8-a $S --out "$T/x"
ok "unknown stage" fails 2 "stage: 'side'" train side --net resnet8-a $S --out "$T/x"
ok "no --net" fails 2 "--net, --data and --out are needed" train main $S --out "$T/x"
ok "unknown net" fails 1 "vgg: no network of that name" train main --net vgg $S --out "$T/x"
ok "no 6n + 2" fails 1 "ResNets have 6 n + 2 layers" train main --net resnet33-a $S --out "$T/x"
ok "whole where split is needed" fails 1 "a MEANet is resnet8-a or resnet8-b" train main --net resnet8 $S --out "$T/x"
ok "split where whole is needed" fails 1 "the cloud's is whole" train cloud --net resnet8-a $S --out "$T/x"
ok "no data" fails 1 "$T/none" train main --net resnet8-a --data "$T/none" --out "$T/x"
ok "edge without main" fails 1 "bundle.json" train edge --net resnet8-a $S --out "$T/nothing"
ok "edge with another seed" fails 1 "must hold out the same images" train edge --net resnet8-a $S --out "$T/b" --seed 9
ok "edge of another net" fails 1 "its features are not those of" train edge --net resnet8-b $S --out "$T/one"
ok "too many hard classes" fails 1 "--hard: 40 of 36 classes" train edge --net resnet8-a $S --out "$T/one" --hard 40
ok "no such teacher" fails 1 "$T/none.onnx" train main --net resnet8-a $S --out "$T/x" --teacher "$T/none.onnx"
ok "answers need views" fails 2 "--answers needs --teacher and --views" train main --net resnet8-a $S --out "$T/x" --teacher "$T/b/cloud.onnx" --answers "$T/answers"
ok "answers are kept" run 0 train main --net resnet8-a $S --epochs 1 --out "$T/x" --teacher "$T/b/cloud.onnx" --views 1 --answers "$T/answers"
ok "answers of another teacher" fails 1 "holds answers of another teacher" train main --net resnet8-a $S --epochs 1 --out "$T/y" --teacher "$T/pupil/main.onnx" --views 1 --answers "$T/answers"
ok "a teacher of other classes" fails 1 "outputs for 36 classes" train main --net resnet8-a $S --out "$T/x" --teacher "$T/b/extension.onnx"
ok "a checkpoint of another recipe" fails 1 "is of another training" $M --out "$T/one" --resume --rate 0.01

mkdir "$T/cut" "$T/lone" "$T/few"
head -c 10000 "$D/train.bin" >"$T/cut/train.bin"
ok "cut data" fails 1 "$T/cut" train main --net resnet8-a --data "$T/cut" --out "$T/x"
head -c $((3074 * 10)) "$D/train.bin" >"$T/few/train.bin"
cp "$D/fine_label_names.txt" "$T/few/"
ok "classes without an image" fails 1 "has no image to train on" train main --net resnet8-a --data "$T/few" --out "$T/x" --batch 2
for i in $(seq 40); do head -c 3074 "$D/train.bin"; done >"$T/lone/train.bin"
ok "one class" fails 1 "class" train main --net resnet8-a --data "$T/lone" --out "$T/x" --batch 2
ok "a rate beyond all bounds" fails 1 "the loss is not a number" $M --rate 100 --decay 1 --out "$T/x" --type f32
ok "out is a file" fails 1 "Makefile" $M --out Makefile
for v in 0 -1 x; do
	ok "--epochs '$v'" fails 2 "--epochs: '$v'" $M --out "$T/x" --epochs=$v
done
for o in --rate --decay --momentum --smoothing --average --share --temperature --mixup; do
	ok "$o x" fails 2 "$o: 'x' is not a number" $M --out "$T/x" $o=x
done
ok "unknown choice" fails 2 "--choose: 'best'" train edge --net resnet8-a $S --out "$T/x" --choose best
ok "unknown type" fails 2 "--type: 'f16'" $M --out "$T/x" --type f16
done_testing
