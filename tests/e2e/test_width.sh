#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is printed for people fits 80 columns, or as many as the terminal has; --wide has all.
. tests/e2e/lib.sh
unset COLUMNS
G=models/glyphs

# No line of the last run is longer than that.
within() {
	! awk -v most="$1" 'length($0) > most' "$T/out" | grep .
}
longest() {
	awk 'length($0) > n { n = length($0) } END { print n }' "$T/out"
}
# fits NAME ARGS...: at 80 columns, at 60 and, with all that there is, at --wide.
fits() {
	local name=$1
	shift
	ok "$name" run 0 "$@"
	ok "fits 80 columns" within 80
	COLUMNS=60 ok "$name in a narrow terminal" run 0 "$@"
	ok "fits 60 columns" within 60
	ok "$name --wide" run 0 "$@" --wide
}

fits run run $G --backend ref --limit 30
fits "run at a fixed rate" run $G --backend ref --limit 12 --period 20
fits "run, simulated" run $G --device sim --backend accel --limit 2
ok "times are the device's, at a stated clock" grep -q "ms of the accelerator at 100 MHz: [0-9.]* images/s" "$T/out"
ok "and the simulation's are named so" grep -q "^The simulation took .* s of wall time here" "$T/out"
ok "at another clock" run 0 run $G --device sim --backend accel --limit 2 --clock 250 --json
a=$("$HELPER" json "$T/out" device_ms)
ok "that clock is told" is clock_mhz 250
ok "the usual one" run 0 run $G --device sim --backend accel --limit 2 --json
b=$("$HELPER" json "$T/out" device_ms)
ok "is two and a half times as slow" awk -v a="$a" -v b="$b" 'BEGIN { exit !(b / a > 2.499 && b / a < 2.501) }'
ok "a measured time has no clock" run 0 run $G --backend ref --limit 2 --json
ok "none" is clock_mhz null

fits trace trace $G --device sim
ok "all classes of time" grep -q "mac pool weights pipeline bank load store fetch finish scrub dw$" <(tr -s ' ' <"$T/out")
fits "trace on a processor" trace $G --backend ref
fits info info $G --backend ref
fits "info of a model" info $G/main.onnx
fits "info of what is here" info
fits bench bench $G --backend ref --window 0.05 --limit 8 --sysfs "$T/none"
ok "all columns" grep -q "p50 p95 p99 cycles B up B down accelerator host radio idle sum mJ" <(tr -s ' ' <"$T/out")
fits top top -n 1 -i 0.05

# Goldens: the columns that are left at 80.
run 0 run $G --backend ref --limit 30
ok "columns of run" grep -qx "exit images share accuracy cycles MMAC utilisation ms images/s" <(tr -s ' ' <"$T/out")
run 0 trace $G --device sim
ok "columns of trace" grep -qx " layer backend MMAC cycles planned array B read" <(tr -s ' ' <"$T/out")
run 0 bench $G --backend ref --window 0.05 --limit 8 --sysfs "$T/none"
ok "columns of bench" grep -qx "path share accuracy ms accelerator host radio idle sum mJ" <(tr -s ' ' <"$T/out")
done_testing
