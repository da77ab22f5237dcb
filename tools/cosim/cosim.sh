#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make cosim`: builds, runs the tests in each kernel, and says how long what took.
#
#   tools/cosim/cosim.sh MAKE "KERNEL ..." PROGRAM ...
set -u -o pipefail
make=$1 kernels=$2
shift 2
part() { printf '%-58s %5d s\n' "$1" $((SECONDS - start)); }

start=$SECONDS
"$make" -s cosim-kernel || exit 1
part "kernels"
start=$SECONDS
"$make" -s cosim-programs || exit 1
part "driver, device and tests"
start=$SECONDS
# Guests sleep a third of their time.
tools/cosim/check.sh -j 4 "$kernels" "$@" | tee build/cosim/output
rc=$?
part "tests in the guests"
tail -n 1 build/cosim/output
exit $rc
