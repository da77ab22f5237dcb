#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea run while its device goes away: every image has its answer, from the next backend.
. tests/e2e/lib.sh
images=40
driver=/sys/bus/pci/drivers/mea
device=$(basename "$driver"/0000:*)

answers() { grep -E '"(index|class|exit|confidence|entropy)"' "$1" | paste - - - - -; }
count() { grep -c "\"backend\": \"$1\"" "$T/out"; }

# Runs COMMAND when a few images are through, and waits for the end.
interrupted()
{
	local from rc

	from=$(build/mea-cosim --ctl pci counters | grep -o 'jobs=[0-9]*')
	"$MEA" run models/glyphs --device drm --backend accel,ref --limit $images --json --each \
		>"$T/out" 2>"$T/err" &
	for ((i = 0; i < 600; i++)); do
		now=$(build/mea-cosim --ctl pci counters | grep -o 'jobs=[0-9]*')
		[ "${now#jobs=}" -lt $((${from#jobs=} + 10)) ] || break
		kill -0 $! 2>/dev/null || break
		sleep 0.02
	done
	"$@"
	timeout 120 tail --pid=$! -f /dev/null
	wait $!
	rc=$?
	[ $rc -eq 0 ] || echo "exit status $rc"
	return $rc
}
unbind() { echo $device >$driver/unbind; }
bind() { echo $device >$driver/bind; }

ok "what ref answers" run 0 run models/glyphs --backend ref --limit $images --json --each
answers "$T/out" >"$T/ref"

ok "unbind in the middle" interrupted unbind
answers "$T/out" >"$T/answers"
ok "every image is answered" cmp "$T/ref" "$T/answers"
ok "some by the accelerator" test "$(count accel)" -ge 5
ok "the rest by ref" test "$(count ref)" -ge 5
ok "and it says so" test "$(json fallbacks)" -gt 0
ok "no device is an error that says so" fails 1 "no mea accelerator" run models/glyphs \
	--backend accel --device drm --limit 1
ok "bind" bind
ok "the next run is on the device again" run 0 run models/glyphs --backend accel --device drm \
	--limit 3 --json
ok "the device is killed in the middle" interrupted build/mea-cosim --ctl pci kill 1
answers "$T/out" >"$T/answers"
ok "every image is answered" cmp "$T/ref" "$T/answers"
ok "the rest by ref" test "$(count ref)" -ge 5
done_testing
