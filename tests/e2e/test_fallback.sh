#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The accelerator fails, hangs or vanishes during 500 images: each is answered, with the class
# that it has without the failure, and says who answered and why.
. tests/e2e/lib.sh

G=models/glyphs
IMAGES=500
"$MEA" info --backend accel,opencl --device sim --json >"$T/out" 2>/dev/null
for i in 0 1; do
	if [ "$(json backends.$i.available)" != true ]; then
		skip "fallback" "$(json backends.$i.name): $(json backends.$i.text)"
		done_testing
		exit 0
	fi
done

# The answers, a line each.
answers() {
	grep -E '"(index|class|exit|confidence|entropy)"' "$1" | paste - - - - -
}
ok "ref" run 0 run $G --backend ref --limit $IMAGES --json --each
answers "$T/out" >"$T/ref"
ok "opencl" run 0 run $G --backend opencl --limit $IMAGES --json --each
answers "$T/out" >"$T/opencl"
ok "$IMAGES equal answers" sh -c "[ \$(wc -l <$T/opencl) -eq $IMAGES ] && cmp $T/ref $T/opencl"
ok "no reasons without a failure" is fallbacks 0

for how in fault hang vanish; do
	ok "$how" run 0 run $G --backend accel,opencl --device "sim:16x16,$how=10" --limit $IMAGES \
		--json --each
	answers "$T/out" >"$T/$how"
	ok "$how: $IMAGES images" is images $IMAGES
	ok "$how: none failed" is failed 0
	ok "$how: the same answers" cmp "$T/ref" "$T/$how"
	by_opencl=$(grep -c '"backend": "opencl"' "$T/out")
	ok "$how: most answered by opencl" [ "$by_opencl" -gt $((IMAGES - 20)) ]
	ok "$how: the first by accel" is each.0.backend accel
	ok "$how: each with its reason" [ "$(grep -c '"from": "accel"' "$T/out")" -eq "$by_opencl" ]
	ok "$how: counted" is fallbacks "$by_opencl"
	ok "$how: to whom" is each.499.fallback.to opencl
	ok "$how: why" sh -c "$HELPER json $T/out each.499.fallback.reason | grep -Eq 'fault|hung|vanished'"
	ok "$how: a note" sh -c "$HELPER json $T/out notes.0 | grep -q 'backend accel is given up: .*next try in'"
done
ok "an unknown way to break" fails 1 "burn=10: unknown" run $G --device "sim:16x16,burn=10" --backend accel,ref --limit 1
ok "says which there are" grep -q vanish "$T/err"
done_testing
