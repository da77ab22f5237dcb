#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The simulated accelerator: the same answers as ref, with cycles; mea trace.
. tests/e2e/lib.sh

G=models/glyphs
if ! "$MEA" info --backend accel --device sim --json >"$T/out" || [ "$(json backends.0.available)" != true ]; then
	skip "accelerator" "no simulator built (make sim)"
	done_testing
	exit 0
fi

ok "run" run 0 run $G --device sim --limit 24 --json --each
ok "accel answers" is backend accel
ok "cycles" sh -c "[ \$($HELPER json $T/out exits.0.cycles) -gt 1000 ]"
ok "utilisation" sh -c "$HELPER json $T/out exits.0.utilisation | grep -q '^0\\.[5-9]'"
cp "$T/out" "$T/accel"
ok "ref" run 0 run $G --backend ref --limit 24 --json --each
cp "$T/out" "$T/ref"
answers() {
	grep -E '"(index|class|exit|confidence|entropy)"' "$1" | paste - - - - -
}
answers "$T/accel" >"$T/1"
answers "$T/ref" >"$T/2"
ok "24 answers" sh -c "[ \$(wc -l <$T/1) -eq 24 ]"
ok "the same to the last digit" diff "$T/1" "$T/2"
ok "table" run 0 run $G --backend accel:sim --limit 4
ok "percent" grep -Eq "^main .*[0-9]%" "$T/out"

ok "trace" run 0 trace $G
ok "sums" grep -Eq "The classes sum to ([0-9]+) of \1 cycles" "$T/out"
ok "trace --json" run 0 trace $G --device sim --json
ok "two networks" is networks 2
for i in 0 1; do
	ok "network $i: classes sum to the cycles" sh -c "
		c=\$($HELPER json $T/out networks.$i.cycles) s=0
		for k in mac pool weights pipeline bank load store fetch finish scrub; do
			s=\$((s + \$($HELPER json $T/out networks.$i.classes.\$k)))
		done
		[ \$c -eq \$s ]"
	ok "network $i: the planner's cycles, within 10 % on this bus" sh -c "
		c=\$($HELPER json $T/out networks.$i.cycles) p=\$($HELPER json $T/out networks.$i.planned)
		[ \$((p * 10)) -gt \$((c * 9)) ] && [ \$((p * 10)) -lt \$((c * 11)) ]"
	ok "network $i: layers sum to the whole" sh -c "
		n=\$($HELPER json $T/out networks.$i.layers) s=\$($HELPER json $T/out networks.$i.end.cycles) k=0
		while [ \$k -lt \$n ]; do
			s=\$((s + \$($HELPER json $T/out networks.$i.layers.\$k.cycles))) k=\$((k + 1))
		done
		[ \$s -eq \$($HELPER json $T/out networks.$i.with_records.cycles) ]"
done
ok "trace on ref" run 0 trace $G --backend ref
ok "no cycles there" grep -q "whole network .* - " "$T/out"
ok "info places the layers" run 0 info $G --device sim --json
ok "on accel" is main.layers.0.backend accel
ok "info of ref" run 0 info $G --backend ref --json
ok "on ref" is main.layers.0.backend ref
done_testing
