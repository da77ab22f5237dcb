#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Proves tasks of hw/formal/tasks and prints a line for each:
#
#   prove.sh [TASK ...]        all tasks without an argument
#
# A proof is a base case (no assertion fails in the first BASE cycles after any
# power-on state and a reset) and a k-induction step (no K cycles without a
# failure can be followed by one). Both must pass; anything else is a failure,
# and the solver's last words are printed.
#
# RTL, OUT: the sources and where to work (hw/rtl, build/formal); mutants.sh
# points them at a copy. JOBS: proofs at a time.
set -u
here=$(dirname "$0")
export RTL=${RTL:-hw/rtl} OUT=${OUT:-build/formal} HERE=$here

# name, mode, base depth, induction depth, top module, parameters, cuts
prove() {
	local name=$1 mode=$2 base=$3 k=$4 top=$5 params=$6 cuts=$7 start=$SECONDS
	local work=$OUT/$name defines="-DMEA_ENV=assume -DMEA_HOLDS=assert" f step
	rm -rf "$work"
	mkdir -p "$work"
	case $mode in
	exact) defines="$defines -DMEA_FORMAL_EXACT" ;;
	top) defines="-DMEA_FORMAL_TOP -DMEA_ENV=assert" ;;
	given) defines="-DMEA_FORMAL_TOP -DMEA_ENV=assume -DMEA_HOLDS=assume" ;;
	esac
	{
		echo "read_verilog -formal $defines -Ihw/isa $RTL/*.v$([ "$top" = "${top#formal_}" ] || echo " $HERE/$top.v")"
		[ "$params" = - ] || echo "chparam $(sed 's/\([A-Z_]*\)=\([0-9]*\)/ -set \1 \2/g' \
			<<<"${params//,/ }") $top"
		echo "hierarchy -check -top $top"
		# Here the property module alone has something to prove.
		[ $mode != given ] || echo "chformal -assert -remove * formal_* %d"
		# What is cut out may answer anything at any time.
		if [ "$cuts" != - ]; then
			for f in ${cuts//,/ }; do
				case $f in
				.*) f="*/c:${f#.}" ;;
				*) f="*/t:*$f*" ;;
				esac
				echo "select -assert-min 1 $f"
				echo "delete $f"
			done
			# (The property module's own wires are tied later.)
			echo "proc; select -set rest * formal_* %d"
			echo "setundef -undriven -anyseq @rest"
		fi
		echo "prep -flatten -top $top; peepopt; opt_clean"
		[ ! -f "$HERE/$top.ys" ] || echo "script $HERE/$top.ys"
		# Sums written in two ways are found by ABC, not by z3.
		[ $mode != exact ] || echo "techmap; opt -full; abc -g AND,XOR; opt_clean; dffunmap"
		echo "opt_clean; select -assert-min 1 t:\$assert"
		echo "write_smt2 -wires $work/model.smt2"
	} >"$work/model.ys"
	if ! yosys -q -l "$work/yosys.log" "$work/model.ys" >"$work/yosys.out" 2>&1; then
		echo "FAIL  $name: yosys: $(tail -n 1 "$work/yosys.out")"
		return 1
	fi
	for step in base induction; do
		local args="-t $base"
		[ $step = base ] || args="-i -t $k"
		if ! yosys-smtbmc --noprogress --unroll -s z3 $args --dump-vcd "$work/$step.vcd" \
			"$work/model.smt2" >"$work/$step.log" 2>&1 ||
			! grep -q 'Status: PASSED' "$work/$step.log"; then
			echo "FAIL  $name: $step: $(grep -m 1 -E 'Assert failed|Error|error' \
				"$work/$step.log" || tail -n 1 "$work/$step.log")"
			return 1
		fi
	done
	echo "PASS  $name: base case to depth $base, induction over $k," \
		"$(grep -c 't:assert\|^; yosys-smt2-assert' "$work/model.smt2") properties," \
		"$((SECONDS - start)) s"
}
export -f prove

table=$(grep -v -e '^#' -e '^$' "$here/tasks")
if [ $# -gt 0 ]; then
	table=$(for t in "$@"; do
		grep -E "^$t[[:space:]]" <<<"$table" || echo "$t unknown"
	done)
fi
start=$SECONDS
result=$(mktemp)
trap 'rm -f "$result"' EXIT
xargs -P "${JOBS:-1}" -L 1 bash -c '[ $# -eq 7 ] && prove "$@" || { [ $# -eq 7 ] ||
	echo "FAIL  $1: no such task"; false; }' prove <<<"$table" | tee "$result"
failed=$(grep -vc '^PASS' "$result")
total=$(grep -c . <<<"$table")
echo "$(grep -c '^PASS' "$result") of $total proofs passed in $((SECONDS - start)) s"
[ "$failed" -eq 0 ] && [ "$(grep -c '^PASS' "$result")" -eq "$total" ]
