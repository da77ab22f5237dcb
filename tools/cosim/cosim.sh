#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make cosim`: builds, runs the tests in each kernel, and says how long what took.
#
#   tools/cosim/cosim.sh MAKE "KERNEL ..." PROGRAM ...
set -u
make=$1 kernels=$2
shift 2
passed=0 failed=0 skipped=0
out=build/cosim/output
add()
{
	local p f s

	read -r p f s < <(sed -n '$s/[^0-9]\+/ /gp' "$out")
	passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1})) skipped=$((skipped + ${s:-0}))
}
part() { printf '%-58s %5d s\n' "$1" $((SECONDS - start)); }

start=$SECONDS
"$make" -s cosim-kernel || exit 1
part "kernels"
start=$SECONDS
"$make" -s cosim-programs || exit 1
part "driver, device and tests"
for kernel in $kernels; do
	start=$SECONDS
	tools/cosim/check.sh "$kernel" "$@" | tee "$out"
	part "tests in the $kernel kernel"
	add
done
# The platform glue: the tests of one kernel that need no more than the device.
core=()
for program in "$@"; do
	case $program in
	*/test_uapi | */test_bo | */test_sync | */test_faults) core+=("$program") ;;
	esac
done
start=$SECONDS
tools/cosim/check.sh --platform "${kernels##* }" "${core[@]}" | tee "$out"
part "tests on the platform bus"
add
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
