#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make arm64` built answers as this machine's does. In qemu-user, which shows the program and
# not a board. TAP.
#
#   arm64.sh MEA FOLDER      from the repository's root
MEA=$1
folder=$2
. tests/e2e/lib.sh
root=$PWD/$folder/root
G=models/glyphs

if ! command -v qemu-aarch64-static >/dev/null; then
	skip "arm64" "no qemu-aarch64-static (Debian: qemu-user-static)"
	done_testing
	exit
fi
# arm STATUS ARGS...: as run, on arm64; the simulators are those of the build.
arm() {
	MEA=$T/mea MEA_SIM_DIR=$PWD/$folder/hw/sim run "$@"
}
printf '#!/bin/sh\nexec qemu-aarch64-static -L "%s" "%s" "$@"\n' "$root" "$PWD/$folder/mea" >"$T/mea"
chmod +x "$T/mea"
# both WHAT FILTER ARGS...: both give the same, by a filter of jq.
both() {
	local what=$1 filter=$2
	shift 2
	ok "$what, here" run 0 "$@"
	jq -cS "$filter" "$T/out" >"$T/here"
	ok "$what, arm64" arm 0 "$@"
	jq -cS "$filter" "$T/out" >"$T/there"
	ok "$what: the same" cmp "$T/here" "$T/there"
	ok "$what: some" grep -q '[0-9]' "$T/here"
}

ok "no object of another machine" sh -c "[ \$(find $folder -name '*.o' -exec aarch64-linux-gnu-readelf -h {} + |
	grep Machine: | sort -u | wc -l) = 1 ]"
ok "nor a library" sh -c "readelf -h $folder/libmea.so $folder/mea $folder/hw/sim/*.so | grep Machine: | grep -vq AArch64; [ \$? = 1 ]"
ok "--version" arm 0 --version
ok "that of this tree" grep -qx "$("$MEA" --version)" "$T/out"
ok "drawn images, here" run 0 dataset glyphs --out "$T/here.d" --train 72 --test 72
ok "drawn images, arm64" arm 0 dataset glyphs --out "$T/there.d" --train 72 --test 72
ok "bit for bit" diff -r "$T/here.d" "$T/there.d"
# Confidences and entropies go through exp() and log() of another libm.
both "answers" '[.accuracy, .complex, (.exits[] | .images, .accuracy),
	(.each[] | [.class, .exit, .why, (.entropy * 1e4 | round)])]' \
	run $G --backend ref --limit 200 --json --each
both "the simulated accelerator" '[(.exits[] | .images, .cycles, .utilisation), (.each[] | [.class, .exit])]' \
	run $G --backend accel --device sim --limit 4 --json --each
both "cycles of each layer" '[.networks[] | .cycles, .classes, .layers]' trace $G --device sim --json
both "layers" '.' info $G --backend ref --json
"$HELPER" png "$T/one.png" 3 1
both "depthwise layers" '[.each[] | [.class, .exit, (.entropy * 1e4 | round)]]' \
	run models/cifar100-mobilenetv2-b --backend ref --data "$T/one.png" --json --each

# A program that has nothing but the library and its header.
mkdir "$T/lib"
cp "$folder/libmea.so" "$T/lib/libmea.so.0"
ok "a program with libmea.so" aarch64-linux-gnu-gcc --sysroot="$root" -Iruntime/include -o "$T/classify" \
	examples/classify/classify.c "$T/lib/libmea.so.0" -Wl,--allow-shlib-undefined
"$HELPER" ppm "$T/one.ppm" 3 1
ok "answers" sh -c "qemu-aarch64-static -L '$root' -E LD_LIBRARY_PATH='$T/lib' '$T/classify' $G '$T/one.ppm' >'$T/out' 2>'$T/err'"
ok "as the command does, here" run 0 run $G --backend ref --data "$T/one.png" --json --each
answer=$(json each.0.name)
ok "the class" sh -c "qemu-aarch64-static -L '$root' -E LD_LIBRARY_PATH='$T/lib' '$T/classify' $G '$T/one.ppm' | grep -F 'one.ppm: $answer,'"
done_testing
