#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs tests in a build that counts lines (`make COV=1 check-programs`) and prints what they reached:
# lines and branches of each folder of C, lines and toggles of each module of Verilog.
#
#   coverage.sh "CONFIG ..." TEST ...     CONFIG: simulators with counters, libmea_sim_CONFIG-cover.so
#
# Leaves build/cov/c.html, build/cov/c.txt and build/cov/rtl.txt.
set -eu
configs=$1
shift
out=build/cov
rm -rf $out/rtl
mkdir -p $out/rtl
find $out -name '*.gcda' -delete
RUN_LIMIT=600 tests/run.sh "$@" >$out/tests.log || echo "coverage: tests failed, see $out/tests.log" >&2
tail -n 1 $out/tests.log
for c in $configs; do
	MEA_COVERAGE=$out/rtl tests/run.sh "$out/tests/rtl/random_layers $c-cover 1000" \
		"$out/tests/rtl/random_layers $c-cover 60 1 large" "$out/tests/rtl/jobs $c-cover" \
		"$out/tests/rtl/guard $c-cover" "$out/tests/rtl/command_fuzz $c-cover 1000" >>$out/tests.log || {
		echo "coverage: tests of the RTL failed, see $out/tests.log" >&2
		exit 1
	}
done
gcovr --root . --filter 'runtime/' --filter 'tools/' --filter 'hw/sim/sim.c' $out \
	--html $out/c.html --json-summary $out/c.json >/dev/null
jq -r '.files[] | [.filename, .line_covered, .line_total, .branch_covered, .branch_total] | @tsv' $out/c.json | awk '
	{ split($1, p, "/"); f = p[1] "/" p[2]; l[f] += $2; n[f] += $3; b[f] += $4; m[f] += $5
	  l["all"] += $2; n["all"] += $3; b["all"] += $4; m["all"] += $5 }
	END { for (f in n) if (n[f]) printf "%-20s %6d lines %5.1f %%   %6d branches %5.1f %%\n", f, n[f],
		100 * l[f] / n[f], m[f], m[f] ? 100 * b[f] / m[f] : 100 }' | sort | tee $out/c.txt
# A point counts as reached when any configuration reached it.
verilator_coverage --write $out/rtl.dat $out/rtl/*.dat
tr '\001\002' '\t=' <$out/rtl.dat | awk -F"'" '
	/^C/ { split($2, part, "\t"); page = file = ""; for (i in part) { if (part[i] ~ /^page=/) page = part[i]
		if (part[i] ~ /^f=/) file = part[i] }
	  sub(/.*\//, "", file); sub(/^f=/, "", file); kind = page ~ /toggle/ ? "toggles" : "lines"
	  n[file, kind]++; n["all", kind]++; if ($3 > 0) { r[file, kind]++; r["all", kind]++ } files[file] = 1 }
	END { files["all"] = 1; for (f in files) printf "%-20s %6d lines %5.1f %%   %6d toggles %5.1f %%\n", f,
		n[f, "lines"], n[f, "lines"] ? 100 * r[f, "lines"] / n[f, "lines"] : 100,
		n[f, "toggles"], n[f, "toggles"] ? 100 * r[f, "toggles"] / n[f, "toggles"] : 100 }' | sort | tee $out/rtl.txt
