#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the unit bench of one module in Icarus Verilog and prints TAP.
#
#   run.sh MODULE        bench_MODULE.v
#
# Every line "// run: OPTIONS" of the bench is one run; "$" in it stands for the
# bench's name. What the compiler warns of is a failure, and so is a bench that does
# not end by itself. RTL: another folder with the modules.
set -u
here=$(dirname "$0")
bench=bench_$1
rtl=${RTL:-hw/rtl}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

while IFS= read -r options; do
	# shellcheck disable=SC2086
	iverilog -g2001 -Wall -Ihw/isa -I"$here" -y "$rtl" -s "$bench" ${options//\$/$bench} \
		-o "$work/vvp" "$here/$bench.v" >"$work/said" 2>&1
	rc=$?
	if [ $rc -ne 0 ] || [ -s "$work/said" ]; then
		echo "not ok 1 - $1 compiles without a warning"
		sed 's/^/# /' "$work/said"
		echo "1..1"
	else
		timeout 60 vvp -n "$work/vvp"
	fi | awk -v with="${options//\$./}" '
		/^(not )?ok / { n++ }
		/^1\.\./ { plan = substr($0, 4); next }
		/^(not )?ok / && with { $0 = $0 " (" with ")" }
		{ print }
		END { if (plan == "" || plan != n) print "not ok 0 - ended early (" with ")" }'
done < <(sed -n 's,^// run: *,,p' "$here/$bench.v") >"$work/tap"
[ -s "$work/tap" ] || echo "not ok 0 - $bench.v has no run" >"$work/tap"

# One numbering over all runs.
awk '/^(not )?ok / { n++; sub(/ok [0-9]+/, "ok " n) } { print } END { print "1.." n }' "$work/tap"
! grep -q '^not ok' "$work/tap"
