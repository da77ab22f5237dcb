#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Synthesises configurations of hw/configs with Yosys and prints a table:
#
#   synth.sh [NAME-FAMILY ...]     all without an argument, e.g. nano-ecp5
#
# Fails when a latch is inferred, when a memory maps neither to block RAM nor to
# distributed RAM, when a net has no driver or two, or when the logic has a loop.
# OUT: where to work (build/synth). The table's last words name Yosys' version.
set -u
here=$(dirname "$0")
out=${OUT:-build/synth}
rtl=hw/rtl

# Cells of a kind in a statistics file; 0 when there is none.
count() { awk -v re="^($2)\$" '$1 ~ re { n += $2 } END { print n + 0 }' "$1"; }

# synthesise NAME FAMILY PARAMETERS: prints a row, or what failed
synthesise() {
	local name=$1-$2 family=$2 params=$3 start=$SECONDS flow after
	local work=$out/$name
	mkdir -p "$work"
	case $family in
	# Wide multiplexers cost ECP5 more LUTs than they save here (by 15 %).
	ecp5) flow="synth_ecp5 -nowidelut -top mea_accel -run" after=map_ffram ;;
	xc7) flow="synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -top mea_accel -run" after=map_ffram ;;
	*) echo "synth.sh: $name: $family: unknown family" >&2; return 1 ;;
	esac
	cat >"$work/synth.ys" <<-EOF
		read_verilog -Ihw/isa $rtl/*.v
		chparam -set $(sed 's/=/ /g; s/,/ -set /g' <<<"$params") mea_accel
		$flow begin:$after
		select -assert-none t:\$dlatch t:\$adlatch t:\$dlatchsr
		# Behind this step a memory that is left becomes flip-flops.
		select -assert-none t:\$mem t:\$mem_v2
		$flow $after:check
		hierarchy -check
		check -assert
		tee -o $work/stat stat
	EOF
	if ! yosys -q -l "$work/log" "$work/synth.ys" >"$work/out" 2>&1; then
		echo "synth.sh: $name: $(grep -m 1 ERROR "$work/log"), see $work/log" >&2
		return 1
	fi
	local s=$work/stat lut ff carry dsp bram ram
	sed -i '/=== design hierarchy/q' "$s"
	case $family in
	ecp5)
		lut=$(count "$s" LUT4) carry=$(count "$s" CCU2C) ff=$(count "$s" TRELLIS_FF)
		ram=$(count "$s" TRELLIS_DPR16X4) dsp=$(count "$s" MULT18X18D) bram=$(count "$s" DP16KD)
		;;
	xc7)
		lut=$(count "$s" 'LUT[1-6]') carry=$(count "$s" CARRY4) ff=$(count "$s" 'FD[RSCP]E')
		ram=$(count "$s" 'RAM(32M|64M|32X1D|64X1D|128X1D)') dsp=$(count "$s" DSP48E1)
		# Two RAMB18 make a RAMB36.
		bram=$(awk -v a="$(count "$s" RAMB36E1)" -v b="$(count "$s" RAMB18E1)" 'BEGIN { print a + b / 2 }')
		;;
	esac
	[ "$dsp" != 0 ] && [ "$bram" != 0 ] && [ "$ff" != 0 ] || {
		echo "synth.sh: $name: no multipliers, block RAM or flip-flops in $s" >&2
		return 1
	}
	echo "| $1 | $family | $(sed 's/ROWS=\([0-9]*\),COLS=\([0-9]*\).*/\1x\2/' <<<"$params") |" \
		"$lut | $carry | $ff | $ram | $dsp | $bram |"
	echo "synth.sh: $name: $((SECONDS - start)) s" >&2
}

table=$(awk '$2 == "ecp5" || $2 == "xc7"' "$here/../configs")
if [ $# -gt 0 ]; then
	table=$(for t in "$@"; do
		grep -E "^${t%-*} +${t##*-} " <<<"$table" || echo "$t unknown none"
	done)
fi
echo "| configuration | family | array | LUT | carry | flip-flops | distributed RAM | DSP | block RAM |"
echo "|---|---|---|---|---|---|---|---|---|"
failed=0
while read -r name family params; do
	synthesise "$name" "$family" "$params" || failed=1
done <<<"$table"
echo
echo "$(yosys -V | sed 's/ (.*//'), \`make synth\`. LUT: LUT4 on ECP5, LUT1 to LUT6 on xc7; carry: CCU2C (two LUT4 places each) and CARRY4;"
echo "distributed RAM: 16x4 cells, and RAM32M and its like; DSP: MULT18X18D, DSP48E1; block RAM: DP16KD of 18 Kbit,"
echo "RAMB36 of 36 Kbit."
exit "$failed"
