#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mea info says where mea run computes: on generated networks, for lists of backends and devices.
. tests/e2e/lib.sh

G=models/glyphs
"$MEA" dataset glyphs --out "$T/d" --train 64 --test 40 >/dev/null
common="--classes $T/d/fine_label_names.txt --std 0.25,0.25,0.25 --mean 0.5,0.5,0.5 --name t"

# compare NAME LIST [OPTION...]: the backend that info names is the one that answers, and each layer is on a
# part of it, on the first part that does not refuse it unless it stands among refused ones.
compare() {
	what="$1 on $2"
	list=$2
	shift 2
	ok "$what: info" run 0 info "$T/b" --backend "$list" "$@" --json
	cp "$T/out" "$T/info"
	ok "$what: run" run 0 run "$T/b" --data "$T/d" --limit 2 --backend "$list" "$@" --json
	ok "$what: the same" [ "$(jq -r .backend "$T/out")" = "$(jq -r .main.backend "$T/info")" ]
	ok "$what: its layers" jq -e '.main | (.backend | split("+")) as $parts |
		([.layers[].backend] | unique) - $parts == [] and
		([.layers[] | select(.backend == $parts[0] and .refused_by[$parts[0]])] == [])' "$T/info"
}

lists="accel,opencl,ref opencl,ref ref"
"$MEA" info --backend accel --device sim --json | jq -e '.backends[0].available' >/dev/null || lists="opencl,ref ref"
for op in HardSwish Mish 'x*Sigmoid' none; do
	cp $G/main.onnx "$T/f.onnx"
	[ $op = none ] || ok "$op: written" "$HELPER" activate "$T/f.onnx" "$op"
	rm -rf "$T/b"
	ok "$op: a bundle" run 0 bundle "$T/b" --main "$T/f.onnx" $common
	ok "$op: quantised" run 0 quantize "$T/b" --data "$T/d" --limit 16
	for list in $lists; do
		case $list in
		accel*) compare "$op" "$list" --device sim:8x8 ;;
		*) compare "$op" "$list" ;;
		esac
	done
done
case $lists in
accel*)
	# The manual's list of operations and limits is that of the code.
	if "$MEA" info --backend opencl --json | jq -e '.backends[0].available' >/dev/null; then
		ok "operations" run 0 info --operations --device sim:16x16
		ok "docs/operations.md is what mea info --operations prints" cmp docs/operations.md "$T/out"
	else
		skip "operations" "no OpenCL"
	fi
	# A device that is away: told, and the next backend answers.
	ok "no device: info" run 0 info "$T/b" --backend accel,opencl,ref --device drm --json
	ok "no device: why" jq -e '.main.refused_by.accel | length > 0' "$T/out"
	;;
esac
done_testing
