#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The committed headers and tables are what isa.def says, and what C and Verilog
# make of the headers is the same: names, values, and the bits that fields select.
set -u
gen=build/hw/isa/gen
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
n=0 bad=0
ok() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@"; then echo "ok $n - $name"; else echo "not ok $n - $name"; bad=1; fi
}
same() {
	"$gen" "$1" | diff -q - "$2" >/dev/null
}
tables() {
	"$gen" md >"$t/md"
	sed -n '/<!-- isa tables -->/,/<!-- end of isa tables -->/p' hw/README.md | sed '1d;$d' |
		diff -q - "$t/md" >/dev/null
}
agree() {
	"$gen" ctest >"$t/test.c" && "$gen" vtest >"$t/test.v" &&
		gcc -std=c11 -Wall -Wextra -Werror -Ihw/isa -o "$t/c" "$t/test.c" &&
		iverilog -g2001 -Ihw/isa -o "$t/v" "$t/test.v" &&
		"$t/c" >"$t/c.txt" && vvp -n "$t/v" >"$t/v.txt" &&
		[ "$(wc -l <"$t/c.txt")" -gt 100 ] && diff "$t/c.txt" "$t/v.txt" >&2
}
ok "mea_isa.h is what isa.def says" same c hw/isa/mea_isa.h
ok "mea_isa.vh is what isa.def says" same v hw/isa/mea_isa.vh
ok "the manual's tables are what isa.def says" tables
ok "C and Verilog agree on every name" agree
exit $bad
