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
# At a fixed rate. In the device's clock the host takes nearly nothing, so an answer comes within the
# bound of its exit: the first job behind another client's scrub, all others without.
number() { build/tests/e2e/helper json "$T/out" "$1"; }
if grep -q time-travel /sys/devices/system/clocksource/clocksource0/current_clocksource; then
	"$MEA" bound models/glyphs --device drm --clock 1 --json >"$T/out"
	bound=$(number exits.1.ms) scrub=$(number scrub_cycles)
	ok "an image every 100 ms" run 0 run models/glyphs --backend accel --device drm --json \
		--period 100 --periods 20
	ok "20 answers" is period.answered 20
	ok "none missed" is period.missed 0
	ok "within the bound of $bound ms, the scrub, and 0.1 for the driver" awk -v longest="$(number period.max_ms)" \
		-v bound="$bound" -v scrub="$scrub" \
		'BEGIN { print longest; exit !(longest > 0 && longest <= bound + scrub / 1000 + 0.1) }'
	ok "and but for the first without it" awk -v longest="$(number period.worst.1.ms)" -v bound="$bound" \
		'BEGIN { print longest; exit !(longest > 0 && longest <= bound + 0.1) }'
else
	skip "an image every 100 ms" "the guest's clock is the host's"
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
