#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea run MODEL.onnx: one network on tensors from .npy files.
. tests/e2e/lib.sh

M=models/glyphs/main.int8.onnx

# npy DESCR SHAPE FILE: a file of NumPy's format whose data are stdin.
npy() {
	local header="{'descr': '$1', 'fortran_order': ${ORDER:-False}, 'shape': $2, }"
	local size=$(((10 + ${#header} + 64) / 64 * 64 - 10))

	{
		printf '\x93NUMPY\x01\x00'
		printf "\\x$(printf %02x $((size % 256)))\\x$(printf %02x $((size / 256)))"
		printf "%-$((size - 1))s\n" "$header"
		cat
	} >"$3"
}
# int8 FILE: what stands behind the header, as numbers.
int8() {
	tail -c +129 "$1" | od -An -v -td1 -w1
}

# shellcheck disable=SC2059 # the format is the bytes
printf "$(seq 0 3071 | awk '{ printf "\\x%02x", ($1 * 37) % 256 }')" >"$T/raw"
ok "the input" test "$(wc -c <"$T/raw")" -eq 3072
npy '|i1' '(1, 3, 32, 32)' "$T/x.npy" <"$T/raw"
for b in ref opencl accel; do
	ok "$b" run 0 run $M --backend $b --input "$T/x.npy" --output "$T/$b.npy"
	ok "$b says so" grep -q "backend $b" "$T/out"
done
ok "36 logits" test "$(int8 "$T/ref.npy" | wc -l)" -eq 36
ok "which are not all alike" test "$(int8 "$T/ref.npy" | sort -u | wc -l)" -gt 5
ok "opencl gives the same bits" cmp "$T/ref.npy" "$T/opencl.npy"
ok "accel gives the same bits" cmp "$T/ref.npy" "$T/accel.npy"
ok "in each period" run 0 run $M --backend ref --input "$T/x.npy" --output "$T/again.npy" --json \
	--period 20 --periods 12
ok "the last answer is the first one" cmp "$T/ref.npy" "$T/again.npy"
ok "twelve times" jq -e '.period | .answered == 12 and (.worst | length) == 10 and .worst[0].ms == .max_ms and .worst[0].exit == null' "$T/out"
ok "as text" run 0 run $M --backend ref --input "$T/x.npy" --period 20 --periods 3
ok "which counts periods" grep -Eq '^ *period +ms exit' "$T/out"
"$MEA" run $M --backend ref --input "$T/x.npy" --json --period 20 --periods 100000 >"$T/out" 2>"$T/err" &
pid=$!
# Until it catches the signal, which is bit 1 of the mask.
for _ in $(seq 1200); do
	grep -qs '^SigCgt:.*[2367abef]$' /proc/$pid/status && break
	sleep 0.05
done
kill -INT $pid
wait $pid
ok "SIGINT of periods is status 130" test $? -eq 130
ok "with those so far" jq -e '.period | .answered >= 1 and .answered < 100000' "$T/out"
ok "accel again" run 0 run $M --backend accel --input "$T/x.npy" --output "$T/accel.npy"
ok "cycles" grep -q ' cycles, .* % of the array; .* ms at 100 MHz' "$T/out"

npy '|i1' '(3, 32, 32)' "$T/y.npy" <"$T/raw"
ok "ones in front may be missing" run 0 run $M --backend ref --input "image=$T/y.npy" --output "$T/o.npy" --json
ok "the same" cmp "$T/ref.npy" "$T/o.npy"
ok "as JSON" sh -c "jq -e '.backend == \"ref\" and .outputs[0].shape == [36, 1, 1] and .outputs[1].file == null and
	.cycles == null and .macs > 8000000' $T/out"
ok "another output" run 0 run $M --backend ref --input "$T/x.npy" --output "group2.0.relu2=$T/f.npy"
ok "of its size" test "$(int8 "$T/f.npy" | wc -l)" -eq 8192

# Real values: zeros are the zero point, and outputs are real.
head -c 12288 /dev/zero | npy '<f4' '(1, 3, 32, 32)' "$T/zero.npy"
ok "float32" run 0 run $M --backend ref --input "$T/zero.npy" --output "$T/real.npy"
ok "36 of float32" test "$(wc -c <"$T/real.npy")" -eq $((128 + 36 * 4))
ok "says its type" grep -aq "'descr': '<f4'" "$T/real.npy"
head -c 3072 /dev/zero | npy '|u1' '(3, 32, 32)' "$T/zero8.npy"
ok "uint8" run 0 run $M --backend ref --input "$T/zero8.npy" --output "$T/real8.npy"
ok "holds real values too" cmp "$T/real.npy" "$T/real8.npy"

# What is wrong is named.
ok "no input" fails 1 "input image (3 x 32 x 32) has no file" run $M --backend ref
ok "no file" fails 1 "none.npy: No such file" run $M --backend ref --input "$T/none.npy"
ok "unknown name" fails 1 "the model has no such tensor" run $M --backend ref --input "x=$T/x.npy"
ok "twice" fails 1 "has a file already" run $M --backend ref --input "image=$T/x.npy" --input "image=$T/x.npy"
ok "one too many" fails 1 "no such tensor" run $M --backend ref --input "$T/x.npy" --input "$T/y.npy"
head -c 3072 "$T/raw" | npy '|i1' '(1, 3, 48, 32)' "$T/short.npy"
ok "short" fails 1 "short.npy: does not hold the 4608 bytes" run $M --backend ref --input "$T/short.npy"
npy '|i1' '(1, 32, 32, 3)' "$T/nhwc.npy" <"$T/raw"
ok "another shape" fails 1 "another shape than 1x3x32x32 of input image" run $M --backend ref --input "$T/nhwc.npy"
ORDER=True npy '|i1' '(1, 3, 32, 32)' "$T/fortran.npy" <"$T/raw"
ok "Fortran's order" fails 1 "not in C order" run $M --backend ref --input "$T/fortran.npy"
npy '>f4' '(1, 3, 32, 32)' "$T/big.npy" <"$T/raw"
ok "another byte order" fails 1 "elements are not int8" run $M --backend ref --input "$T/big.npy"
npy '|i1' '(99999999999999999999, 9)' "$T/huge.npy" <"$T/raw"
ok "a huge shape" fails 1 "too large" run $M --backend ref --input "$T/huge.npy"
npy '|i1' '(1, -3)' "$T/minus.npy" <"$T/raw"
ok "a wrong shape" fails 1 "shape cannot be read" run $M --backend ref --input "$T/minus.npy"
ok "no .npy file" fails 1 "raw: is no .npy file" run $M --backend ref --input "$T/raw"
ok "no output folder" fails 1 "No such file" run $M --backend ref --input "$T/x.npy" --output "$T/no/y.npy"
ok "a float model" fails 1 "main.onnx" run models/glyphs/main.onnx --backend ref --input "$T/x.npy"
ok "a bundle" fails 2 "--input: models/glyphs is no MODEL.onnx" run models/glyphs --input "$T/x.npy"
echo "1..$n"
