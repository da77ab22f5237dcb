#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs test programs in guests with the driver loaded, and sums up.
#
#   tools/cosim/check.sh [--tap] [--platform] KERNEL PROGRAM ...
#
# A word may be a program with arguments. All share one guest, but for those with
# "unplug" in their name: each of these has a guest of its own, because it takes the
# device away. Every guest is one test more: that it came up and down, and that its
# kernel and the device had nothing to complain of.
#
# Prints what tests/run.sh does, the time of each part, and the sums last; with --tap the
# tests one by one instead; with --platform the device is one of the platform bus. MODULE: the driver, instead of build/cosim/KERNEL/mea/mea.ko.
# COSIM_RUN: more options for run.sh.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tap='' platform=''
[ "${1-}" != --tap ] || { tap=1; shift; }
[ "${1-}" != --platform ] || { platform=1; shift; }
[ $# -ge 2 ] || { sed -n '3,17s/^# \{0,1\}//p' "$0" >&2; exit 2; }
kernel=$1
shift
# The simulator decides how long a job takes, and the host how long the simulator waits.
module=${MODULE:-$top/build/cosim/$kernel/mea/mea.ko timeout_ms=10000}
limit=${COSIM_LIMIT:-1500}
logs=$top/build/cosim/logs/$kernel${platform:+-platform}
bridge=$top/build/cosim/$kernel/bridge/mea_bridge.ko
passed=0 failed=0 skipped=0
cd "$top" || exit 1
rm -rf "$logs"
mkdir -p "$logs"

# guest NAME OPTIONS PROGRAMS...
guest()
{
	local name=$1 start=$SECONDS out=$logs/$1 rc result=ok
	local -a options sums
	read -r -a options <<<"$2 ${COSIM_RUN-}"
	shift 2
	mkdir -p "$out"
	tools/cosim/run.sh -k "$kernel" ${platform:+-m "$bridge"} -m "$module" -t "$limit" -o "$out" \
		-e "TAP_LOG=/run/out/tap" -e "TEST_LIMIT=$limit" -e "COSIM_KERNEL=$kernel" \
		${options[@]+"${options[@]}"} -- tests/run.sh "$@" >"$out/output" 2>"$out/errors"
	rc=$?
	# tests/run.sh ends with status 1 when a test failed, which it has counted.
	[ "$rc" -le 1 ] || result='not ok'
	read -r -a sums < <(sed -n '$s/[^0-9]\+/ /gp' "$out/output")
	[ ${#sums[@]} -eq 3 ] || { sums=(0 0 0); result='not ok'; }
	if [ -n "$tap" ]; then
		cat "$out/tap" 2>/dev/null
		echo "$result - guest $name of the $kernel kernel"
		[ "$result" = ok ] || cat "$out/errors" >&2
	else
		sed '$d' "$out/output" | sed '$d'
		printf '%-58s %s, %d s\n' "guest $name, $kernel kernel" "$result" $((SECONDS - start))
		cat "$out/errors"
	fi
	passed=$((passed + sums[0])) failed=$((failed + sums[1])) skipped=$((skipped + sums[2]))
	if [ "$result" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# Whether User-Mode Linux runs here at all: its kernel says its version, or nothing.
can_run()
{
	[ "$(uname -m)" = x86_64 ] || { echo "User-Mode Linux is for x86_64"; return 1; }
	mkdir -p "$logs/probe"
	tools/cosim/run.sh -k "$kernel" -c none -t 60 -o "$logs/probe" -- true >/dev/null 2>&1 &&
		return
	grep -q 'Linux version' "$logs/probe/log" 2>/dev/null && return
	[ -x "build/cosim/$kernel/linux" ] || return 0
	echo "User-Mode Linux does not start: $(grep . "$logs/probe/log" | tail -n 1)"
	return 1
}
reason=$(can_run) || {
	echo "ok 1 - driver # SKIP $reason"
	[ -n "$tap" ] || printf '\n0 passed, 0 failed, 1 skipped\n'
	exit 0
}

shared=() alone=()
for program in "$@"; do
	case ${program%% *} in
	*unplug*) alone+=("$program") ;;
	*) shared+=("$program") ;;
	esac
done
[ ${#shared[@]} -eq 0 ] || guest "${platform:+platform-}all" "" "${shared[@]}"
for program in ${alone[@]+"${alone[@]}"}; do
	guest "$(basename "${program%% *}")" --unplug "$program"
done
[ -n "$tap" ] || printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
