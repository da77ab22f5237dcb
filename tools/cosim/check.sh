#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs test programs in guests with the driver loaded, and sums up.
#
#   tools/cosim/check.sh [--tap] [-j GUESTS] "KERNEL ..." PROGRAM ...
#
# KERNEL: fast, debug, stock, iommu (see run.sh), or platform, which is debug with a device of
# the platform bus and runs only what needs no more of the device. A word may be a program with
# arguments. In each kernel the scripts share a guest with a 16x16 array, which runs networks; the programs share
# two with 8x8s; but for those with "unplug" in their name: each of these has a guest of its
# own, because it takes the device away. Every guest is one test more: that it came up and
# down, and that its kernel and the device had nothing to complain of.
#
# Prints what tests/run.sh does, the time of each guest, and the sums last; with --tap the
# tests one by one instead. -j: guests at a time (1). MODULE: the driver, instead of
# build/cosim/KERNEL/mea/mea.ko. COSIM_RUN: more options for run.sh.
set -um
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tap='' at_a_time=1
[ "${1-}" != --tap ] || { tap=1; shift; }
[ "${1-}" != -j ] || { at_a_time=$2; shift 2; }
[ $# -ge 2 ] || { sed -n '3,17s/^# \{0,1\}//p' "$0" >&2; exit 2; }
read -r -a kernels <<<"$1"
shift
limit=${COSIM_LIMIT:-1500}
logs=$top/build/cosim/logs
passed=0 failed=0 skipped=0
cd "$top" || exit 1

# The folder under build/cosim with what a kernel needs.
folder_of()
{
	case $1 in
	platform) echo debug ;;
	stock | iommu) echo qemu ;;
	*) echo "$1" ;;
	esac
}

# guest KERNEL NAME OPTIONS PROGRAMS...: leaves its report and sums in the folder of its logs
guest()
{
	local kernel=$1 name=$2 start=$SECONDS out=$logs/$1/$2 built=${1/platform/debug} module rc result=ok
	local folder
	local -a options sums

	folder=build/cosim/$(folder_of "$kernel")
	read -r -a options <<<"$3 ${COSIM_RUN-}"
	shift 3
	[ "$kernel" != platform ] || options+=(-m "$folder/bridge/mea_bridge.ko")
	# A slow clock, so that waits of seconds are few cycles. QEMU has the host's clock.
	[ "$folder" = build/cosim/qemu ] || options=(--cosim "--clock 1" "${options[@]}")
	# In real time the simulator decides how long a job takes.
	module=${MODULE:-$folder/mea/mea.ko timeout_ms=10000}
	tools/cosim/run.sh -k "$built" "${options[@]}" -m "$module" -t "$limit" -o "$out" \
		-e "TAP_LOG=/run/out/tap" -e "JUNIT=/run/out/junit.xml" -e "TEST_LIMIT=$limit" -e "COSIM_FOLDER=$folder" \
		-- tests/run.sh "$@" >"$out/output" 2>"$out/errors"
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
	fi >"$out/report"
	if [ "$result" = ok ]; then sums[0]=$((sums[0] + 1)); else sums[1]=$((sums[1] + 1)); fi
	echo "${sums[@]}" >"$out/sums"
}

# Whether guests run here at all. A kernel of User-Mode Linux says its version, or nothing.
can_run()
{
	local built=${1/platform/debug}

	[ "$(uname -m)" = x86_64 ] || { echo "the guests are x86_64, as User-Mode Linux is"; return 1; }
	[ "$(folder_of "$1")" != qemu ] || return 0
	mkdir -p "$logs/probe"
	tools/cosim/run.sh -k "$built" -c none -t 60 -o "$logs/probe" -- true >/dev/null 2>&1 &&
		return
	grep -q 'Linux version' "$logs/probe/log" 2>/dev/null && return
	[ -x "build/cosim/$built/linux" ] || return 0
	echo "User-Mode Linux does not start: $(grep . "$logs/probe/log" | tail -n 1)"
	return 1
}
reason=$(can_run "${kernels[0]}") || {
	echo "ok 1 - driver # SKIP $reason"
	[ -n "$tap" ] || printf '\n0 passed, 0 failed, 1 skipped\n'
	exit 0
}

declare -A running=()
# A guest that is left behind would go on with the device.
trap 'for pid in "${!running[@]}"; do kill -TERM -- "-$pid"; done; wait; exit 130' INT TERM

# Waits for one guest, shows it, and adds up.
reap()
{
	local pid out p f s

	wait -n -p pid "${!running[@]}"
	out=${running[$pid]}
	unset "running[$pid]"
	cat "$out/report"
	read -r p f s <"$out/sums"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# start KERNEL NAME OPTIONS PROGRAMS...
start()
{
	local out=$logs/$1/$2

	[ ${#running[@]} -lt "$at_a_time" ] || reap
	rm -rf "$out"
	mkdir -p "$out"
	echo "0 1 0" >"$out/sums"
	echo "not ok - guest $2 of the $1 kernel has no result" >"$out/report"
	guest "$@" </dev/null &
	running[$!]=$out
}

scripts=() programs=() core=() alone=()
for program in "$@"; do
	case ${program%% *} in
	*unplug*) alone+=("$program") ;;
	*.sh) scripts+=("$program") ;;
	*/test_uapi | */test_bo | */test_sync | */test_faults) core+=("$program") ;;
	*) programs+=("$program") ;;
	esac
done
# The longest first.
for kernel in "${kernels[@]}"; do
	[ "$kernel" = platform ] || [ ${#programs[@]} -eq 0 ] ||
		start "$kernel" programs "-c 8x8s" "${programs[@]}"
	[ ${#core[@]} -eq 0 ] || start "$kernel" core "-c 8x8s" "${core[@]}"
done
for kernel in "${kernels[@]/platform/}"; do
	[ -n "$kernel" ] || continue
	[ ${#scripts[@]} -eq 0 ] || start "$kernel" scripts "" "${scripts[@]}"
	for program in ${alone[@]+"${alone[@]}"}; do
		start "$kernel" "$(basename "${program%% *}")" --unplug "$program"
	done
done
while [ ${#running[@]} -gt 0 ]; do
	reap
done
[ -n "$tap" ] || printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
