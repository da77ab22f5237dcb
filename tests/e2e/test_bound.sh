#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea bound: what an exit takes at most. tests/rtl/bound.c compares the bound itself with the RTL.
. tests/e2e/lib.sh

G=models/glyphs
sim="--device sim:16x16"

ok "a bundle" run 0 bound $G $sim
ok "both exits" grep -Eq "^extension +[0-9]+ +[0-9.]+ +- " "$T/out"
ok "the bus" sh -c "tr -s ' \n' ' ' <$T/out | grep -q '100 cycles of latency and 0 % stalls'"
ok "what is not in it" says "unknown here"
ok "--json" run 0 bound $G $sim --json --bus-latency 40 --period 2
ok "is JSON" json
ok "the host is unknown" is host_ms null
ok "a client before costs the scrub, a word a cycle" is scrub_cycles 4096
main=$("$HELPER" json "$T/out" exits.0.cycles)
extension=$("$HELPER" json "$T/out" exits.1.cycles)
ok "slack" sh -c "jq -e '.exits[1] | (2 - .cycles / 100000 - .slack_ms | fabs) < 1e-9' $T/out"
ok "what the device takes" run 0 run $G --backend accel --device sim:16x16,latency=40 --limit 8 --json
ok "main is within" test "$("$HELPER" json "$T/out" exits.0.cycles | cut -d. -f1)" -le "$main"
ok "the extension is within" test "$("$HELPER" json "$T/out" exits.1.cycles | cut -d. -f1)" -le "$extension"
ok "a slower bus" run 0 bound $G $sim --json --bus-latency 300 --bus-stall 40
ok "takes longer" test "$("$HELPER" json "$T/out" exits.0.cycles)" -gt "$main"
ok "a model" run 0 bound $G/main.int8.onnx $sim --clock 200
ok "its clock" says "at 200 MHz"
ok "another array" run 0 bound $G --device sim:8x8
ok "is named" says "8x8 array"

ok "a period that is long enough" run 0 bound $G $sim --period 1
ok "one that is not" run 1 bound $G $sim --period 0.5
ok "says which exit" err_says "exit extension may take"
ok "and prints the table" says "extension"

ok "a float model" fails 1 "main.onnx" bound $G/main.onnx $sim
ok "no such bundle" fails 1 "$T/none" bound "$T/none" $sim
ok "no such device" fails 1 "nodevice" bound $G --device nodevice
for v in -1 70000 x; do
	ok "--bus-latency $v" fails 2 "--bus-latency: '$v'" bound $G $sim --bus-latency="$v"
done
ok "--bus-stall 91" fails 2 "--bus-stall: '91'" bound $G $sim --bus-stall 91
ok "--period 0" fails 2 "--period: '0'" bound $G $sim --period 0
ok "--clock 0" fails 2 "--clock: '0'" bound $G $sim --clock 0
done_testing
