#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Proves tasks of hw/formal/tasks and prints a line for each:
#
#   prove.sh [TASK ...]        all tasks without an argument
#
# A proof is a base case (no assertion fails in the first BASE cycles after any
# power-on state and a reset) and a k-induction step (no K cycles without a
# failure can be followed by one), and, lest it says nothing, all its cover
# statements must be reached within REACH cycles. Anything else is a failure, and
# the solver's last words are printed.
#
# RTL, OUT: the sources and where to work (hw/rtl, build/formal); mutants.sh
# points them at a copy. JOBS: proofs at a time.
set -u
here=$(dirname "$0")
export RTL=${RTL:-hw/rtl} OUT=${OUT:-build/formal} HERE=$here

# name, mode, base depth, induction depth, depth of covers, top module, parameters, cuts
prove() {
	local name=$1 mode=$2 base=$3 k=$4 reach=$5 top=$6 params=$7 cuts=$8 start=$SECONDS
	local work=$OUT/$name defines="-DMEA_ENV=assume -DMEA_HOLDS=assert" f step covers
	rm -rf "$work"
	mkdir -p "$work"
	case $mode in
	exact) defines="$defines -DMEA_FORMAL_EXACT" ;;
	closed) defines="-DMEA_ENV=assert -DMEA_HOLDS=assert" ;;
	top | wires) defines="-DMEA_FORMAL_TOP -DMEA_ENV=assert" ;;
	given) defines="-DMEA_FORMAL_TOP -DMEA_ENV=assume -DMEA_HOLDS=assume" ;;
	esac
	{
		[ "$top" != mea_queue ] || defines="$defines -DMEA_FORMAL_QUEUE"
		echo "read_verilog -formal $defines -Ihw/isa $RTL/*.v$([ "$top" = "${top#formal_}" ] || echo " $HERE/$top.v")"
		[ "$params" = - ] || echo "chparam $(sed 's/\([A-Z_]*\)=\([0-9]*\)/ -set \1 \2/g' \
			<<<"${params//,/ }") $top"
		echo "hierarchy -check -top $top"
		# Here the property module, or mea_tokens, alone has something to prove.
		[ $mode != given ] || echo "chformal -assert -cover -remove * formal_* %d"
		[ $mode != wires ] || echo "chformal -assert -assume -cover -remove * mea_tokens %d"
		for f in ${cuts//,/ }; do
			[ "$f" = "${f#+}" ] || echo "chformal -assert -remove *${f#+}*"
		done
		# What is cut out may answer anything at any time.
		if [ "$cuts" != - ]; then
			for f in ${cuts//,/ }; do
				case $f in
				+*) continue ;;
				# an instance inside another one
				.*/*) f="*/c:${f#.}" f="${f%/*} %M */c:${f##*/} %i" ;;
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
	covers=$(grep -c '^; yosys-smt2-cover' "$work/model.smt2")
	for step in base induction reach; do
		local args="-t $base"
		case $step in
		induction) args="-i -t $k" ;;
		reach)
			[ "$reach" != - ] || { covers=no; continue; }
			[ "$covers" -gt 0 ] || { echo "FAIL  $name: nothing to cover"; return 1; }
			args="-c -t $reach"
			;;
		esac
		if ! yosys-smtbmc --noprogress --unroll -s z3 $args --dump-vcd "$work/$step.vcd" \
			"$work/model.smt2" >"$work/$step.log" 2>&1 ||
			! grep -q 'Status: PASSED' "$work/$step.log"; then
			echo "FAIL  $name: $step: $(grep -m 1 -E 'Assert failed|Unreached|Error|error' \
				"$work/$step.log" || tail -n 1 "$work/$step.log")"
			return 1
		fi
	done
	echo "PASS  $name: base case to depth $base, induction over $k," \
		"$(grep -c '^; yosys-smt2-assert' "$work/model.smt2") properties," \
		"$covers covers, $((SECONDS - start)) s"
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
xargs -P "${JOBS:-1}" -L 1 bash -c '[ $# -eq 8 ] && prove "$@" || { [ $# -eq 8 ] ||
	echo "FAIL  $1: no such task"; false; }' prove <<<"$table" | tee "$result"
failed=$(grep -vc '^PASS' "$result")
total=$(grep -c . <<<"$table")
echo "$(grep -c '^PASS' "$result") of $total proofs passed in $((SECONDS - start)) s"
[ "$failed" -eq 0 ] && [ "$(grep -c '^PASS' "$result")" -eq "$total" ]
