#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `mea run` through the kernel driver gives the answers of the simulator in the process.
. tests/e2e/lib.sh

answers() { grep -E '"(index|class|exit|why|confidence|entropy)"' "$1" | paste - - - - - -; }

# same WHAT IMAGES ARGS...: both devices, and what they answered, to the last digit.
same()
{
	local what=$1 images=$2
	shift 2
	ok "$what on sim" run 0 run "$@" --backend accel --device sim --limit "$images" --json --each
	answers "$T/out" >"$T/sim"
	ok "$what on drm" run 0 run "$@" --backend accel --device drm --limit "$images" --json --each
	answers "$T/out" >"$T/drm"
	ok "$what: $images answers" test "$(wc -l <"$T/drm")" -eq "$images"
	ok "$what: the same to the last digit" cmp "$T/sim" "$T/drm"
	ok "$what: both exits were taken" eval \
		'grep -q "\"main\"" "$T/drm" && grep -q "\"extension\"" "$T/drm"'
	ok "$what: no other backend had to help" is fallbacks 0
}

ok "auto finds the driver" run 0 info --backend accel --device auto
ok "and says so" grep -q 'drm:/dev/accel/accel0' "$T/out"
same glyphs 6 models/glyphs
cifar=${MEA_DATA_GIVEN:-../shared/data/cifar-100-binary}
if [ -r "$cifar/test.bin" ]; then
	same cifar 3 models/cifar100-resnet32-a --data "$cifar"
else
	skip cifar "no CIFAR-100"
fi
# What mea top shows of a session and of the driver's client, while images are computed.
"$MEA" run models/glyphs --backend accel --device drm --limit 100000 >"$T/run" 2>&1 &
session=$!
for _ in $(seq 100); do
	"$MEA" top -n 1 -i 0.1 >"$T/out"
	# On a busy host the first image takes a while.
	awk -v pid=$session '$1 == pid && $3 == "glyphs" && $7 > 0 { n++ } END { exit n != 1 }' "$T/out" && break
	sleep 0.1
done
ok "top" run 0 top -n 1 -i 1
ok "top: the session's images" awk -v pid=$session '$1 == pid && $3 == "glyphs" && $7 > 0 { n++ } END { exit n != 1 }' "$T/out"
ok "top: the client's jobs, the array's time" awk -v pid=$session '$1 == pid && $3 == "/dev/accel/accel0" && $4 + 0 > 50 && $4 + 0 <= 100 && $6 > 0 { n++ } END { exit n != 1 }' "$T/out"
kill $session
wait $session 2>/dev/null
ok "no other node" fails 1 "/dev/null: not a mea accelerator" run models/glyphs --backend accel \
	--device drm:/dev/null --limit 1
done_testing
