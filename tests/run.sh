#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs test programs one after the other and sums up their TAP.
#
#   tests/run.sh PROGRAM ...
#
# A word may be a program with arguments ("build/x 16x16 100"). Criterion programs
# (tests/unit, tests/kmod) are asked for TAP on standard error; others print it themselves.
# Shows what failed, why what was skipped was, and, last, the sums. Every program
# has a time limit (TEST_LIMIT seconds, 900). TAP_LOG: a file that gets the TAP of all. JUNIT: a
# file that is written as JUnit's XML, for a CI server.
# Exit status: 0 if nothing failed.
set -u
# Programs of tests look for simulators beside themselves, where none are.
export MEA_SIM_DIR=${MEA_SIM_DIR:-build/hw/sim}
passed=0 failed=0 skipped=0
limit=${TEST_LIMIT:-900}
out=$(mktemp -d)
: >"$out/suites"
# A test that runs this script itself is not meant.
junit=${JUNIT-}
unset JUNIT
trap 'rm -rf "$out"' EXIT

for program in "$@"; do
	read -r -a words <<<"$program"
	start=$SECONDS
	case ${words[0]} in
	*/unit/*)
		timeout "$limit" "${words[@]}" --tap="$out/tap" -j1 >"$out/log" 2>&1 </dev/null ;;
	*)
		timeout "$limit" "${words[@]}" >"$out/tap" 2>"$out/log" </dev/null ;;
	esac
	rc=$?
	touch "$out/tap"
	skip=$(grep -cE '^ok.*# SKIP' "$out/tap")
	ok=$(($(grep -cE '^ok' "$out/tap") - skip))
	bad=$(grep -cE '^not ok' "$out/tap")
	if [ "$rc" -eq 124 ]; then
		echo "not ok - $program ran over its limit of $limit s" >>"$out/tap"
		bad=$((bad + 1))
	elif [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; then
		echo "not ok - $program ended with status $rc" >>"$out/tap"
		bad=$((bad + 1))
	elif [ $((ok + bad + skip)) -eq 0 ]; then
		echo "not ok - $program ran no test" >>"$out/tap"
		bad=1
	fi
	printf '%-58s %4d passed %3d failed %3d skipped %5d s\n' "$program" "$ok" "$bad" "$skip" \
		$((SECONDS - start))
	grep -E '# SKIP' "$out/tap" | sed 's/.*# SKIP *//' | sort | uniq -c |
		sed 's/^ *\([0-9]*\) /    skipped, \1: /'
	# Counts and figures that a test prints for the reader.
	grep -hE '^ok 1 - random|^# count' "$out/tap" "$out/log" | sed 's/^/    /'
	if [ "$bad" -gt 0 ]; then
		grep -vE '^ok' "$out/tap" | head -60
		tail -n 40 "$out/log"
	fi
	[ -z "$junit" ] || LC_ALL=C awk -v suite="$program" -v seconds=$((SECONDS - start)) \
		-f "$(dirname "$0")/junit.awk" "$out/tap" "$out/log" >>"$out/suites"
	[ -z "${TAP_LOG-}" ] || cat "$out/tap" >>"$TAP_LOG"
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	rm -f "$out/tap" "$out/log"
done
if [ -n "$junit" ]; then
	{
		echo '<?xml version="1.0" encoding="UTF-8"?>'
		echo '<testsuites>'
		# What is no UTF-8 has no place in it.
		iconv -c -f UTF-8 -t UTF-8 "$out/suites"
		echo '</testsuites>'
	} >"$junit.tmp" && mv "$junit.tmp" "$junit" || failed=$((failed + 1))
fi
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
