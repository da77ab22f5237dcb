#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a new operation costs: sample_op/ adds one in float, and its int8 form, to a copy of the
# sources. The files that it touches are counted, compiled, and the operation is run. TAP.
#
#   test_sample_op.sh BUILD
set -u
build=$(realpath "${1:-build}")
here=$PWD/tests/house/sample_op
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
export XDG_CACHE_HOME=$t/cache
n=0 bad=0
ok() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$t/why" 2>&1; then
		echo "ok $n - $name"
		grep '^# ' "$t/why"
	else
		echo "not ok $n - $name"
		head -n 20 "$t/why" | sed 's/^/# /'
		bad=1
	fi
}
add() { (cd "$t/tree" && awk -f "$here/insert.awk" "$here/$1.txt") >"$t/$1"; }
# at_most N FILE: FILE names no more than N files, each as often as it likes.
at_most() {
	sort -u "$2"
	[ "$(sort -u "$2" | wc -l)" -le "$1" ]
}
compile() {
	cd "$t/tree" || return
	# ops.c and plan.c are as they were, but hold tables as long as the lists of operations.
	for c in $(sort -u "$t/float" "$t/int8" | grep '\.c$') runtime/graph/ops.c \
		runtime/plan/plan.c runtime/backend/opencl/source.c; do
		${CC:-gcc} -std=c11 -D_GNU_SOURCE -O0 -Wall -Wextra -Werror -fPIC -I"$build" -Ihw -Ihw/isa \
			-Iruntime -Iruntime/include -c -o "${c//\//_}.o" "$c" || return
	done
	${CC:-gcc} -std=c11 -D_GNU_SOURCE -I"$build" -Iruntime -Iruntime/include -o use "$here/use.c" ./*.o \
		"$build/libmea.a" $SAMPLE_LIBS
}

SAMPLE_LIBS=$(sed -n 's/^RUNTIME_LIBS := //p' runtime/rules.mk)
mkdir "$t/tree"
git ls-files runtime hw/isa hw/sim kmod/uapi | tar c -T - | tar x -C "$t/tree"
ok "a float operation goes in" add float
ok "it touches at most three files" at_most 3 "$t/float"
ok "its int8 form goes in" add int8
ok "it touches at most nine files" at_most 9 "$t/int8"
ok "the touched files compile" compile
ok "the operation computes, in float and in int8" "$t/tree/use"
echo "1..$n"
exit $bad
