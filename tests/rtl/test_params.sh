#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What values mea_accel takes and what it refuses, in Icarus, Verilator and Yosys: the rules
# of mea_params at their borders, each rule once through the whole design, and what has to
# pass. A tool that is not there is skipped. Prints TAP. RTL: another folder with the modules.
set -u
rtl=${RTL:-hw/rtl}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0 bad=0

# parameter | its rule | what is refused, a value that the whole design elaborates with first |
# what passes; with mea_accel's own value of the others, ROWS = 16 and ACT_BANKS = 4
rules() {
	cat <<'T'
ROWS|must_be_4_8_16_or_32|12 0 1 2 3 64 -4|4 8 16 32
COLS|must_be_4_8_16_or_32|12 0 1 2 3 64 -4|4 8 16 32
AXI_DW|must_be_64_or_128|32 0 8 63 65 96 256 512 -64|64 128
AXI_AW|must_be_32_to_64|28 0 31 65 -40|32 33 64
MAX_BURST|must_be_a_power_of_two_from_8_to_128|24 0 1 4 256 512 -8|8 16 32 64 128
ACT_BANKS|must_be_a_power_of_two_from_2_to_128|3 0 1 256 -2|2 4 128
ACT_WORDS|must_be_a_power_of_two_from_2_x_ACT_BANKS_to_1048576|3000 0 1 4 2097152 -8|8 16384 1048576
WGT_WORDS|must_be_a_power_of_two_from_32_to_1048576|1000 0 1 16 2097152 -32|32 4096 1048576
ACC_DEPTH|must_be_a_power_of_two_from_2_to_32768|1000 0 1 65536 -2|2 1024 32768
STEM_WORDS|must_be_a_power_of_two_from_2_to_32768|100 0 1 65536 -2|2 512 32768
PSUM_W|must_be_18_plus_log2_of_ROWS_to_32|16 0 21 33 40 -32|22 32
DW_TAPS|must_be_0_1_3_or_9|2 4 8 10 -1|0 1 3 9
DW_LINE|must_be_a_power_of_two_from_4_to_2048|100 0 1 2 4096 -4|4 512 2048
TABLES|must_be_0_2_4_or_8|3 1 6 16 -2|0 2 4 8
PRODUCTS|must_be_0_or_1|2 -1|0 1
PACK|must_be_0_16_or_18|17 1 15 19 32 -16|0 16 18
DW_LUTS|must_be_0_or_1|2 -1|0 1
JOIN_LUTS|must_be_0_or_1|2 -1|0 1
CLOCK_KHZ|must_not_be_negative|-1|0 1 300000 2147483647
T
}

ok() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/why" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		head -n 10 "$work/why" | sed 's/^/# /'
		bad=1
	fi
}

# elaborate TOOL MODULE PARAMETERS: the module inside another one; the output is in $work/said
elaborate() {
	cat >"$work/around.v" <<-V
		module around;
		/* verilator lint_off PINMISSING */
		$2 #($3) dut ();
		endmodule
	V
	case $1 in
	icarus)
		iverilog -g2001 -Ihw/isa -y "$rtl" -s around -o "$work/vvp" "$work/around.v" ;;
	verilator)
		verilator --lint-only "$rtl/waivers.vlt" -Ihw/isa -y "$rtl" --top-module around \
			"$work/around.v" ;;
	yosys)
		local files="$rtl/*.v"
		[ "$2" = mea_accel ] || files=$rtl/$2.v
		yosys -q -p "read_verilog -defer -Ihw/isa $files $work/around.v
			hierarchy -check -top around" ;;
	esac >"$work/said" 2>&1
}

# refused TOOL MODULE NAME RULE VALUE: its rule stops the tool, and no other rule is named
refused() {
	! elaborate "$1" "$2" ".$3($5)" || { echo "$3=$5 passes"; return 1; }
	[ "$(grep -o '[A-Z_]*_must_[A-Za-z0-9_]*' "$work/said" | sort -u)" = "$3_$4" ] ||
		{ echo "$3=$5:"; cat "$work/said"; return 1; }
}

passes() {
	# (Lines that begin with a dash are Verilator's report of its time.)
	elaborate "$@" && ! grep -v '^- ' "$work/said" || { echo "$3:"; cat "$work/said"; return 1; }
}

each_refused() {
	local v
	for v in $5; do refused "$1" "$2" "$3" "$4" "$v" || return 1; done
}

each_passes() {
	local v
	for v in $3; do passes "$1" mea_params ".$2($v)" || return 1; done
}

typed() {
	! grep -nE '^\s*(parameter|localparam)\b' "$rtl"/*.v |
		grep -vE '(parameter|localparam) (integer|\[[^]]*\]) |localparam [A-Z_]+ = [0-9]+;'
}

# The parameters of a module, one a line, in order.
parameters() {
	sed -nE '/^\) \(/q; s/^\tparameter integer ([A-Z_]+).*/\1/p' "$rtl/$1.v"
}

all_ruled() {
	rules | cut -d'|' -f1 | sort >"$work/ruled"
	parameters mea_accel | sort | diff "$work/ruled" - &&
		parameters mea_params | sort | diff "$work/ruled" -
}

ok "every parameter and what is computed of one has a type" typed
ok "every parameter of mea_accel has a rule" all_ruled

least=".ROWS(4), .COLS(4), .AXI_AW(32), .MAX_BURST(8), .ACT_BANKS(2), .ACT_WORDS(4), .WGT_WORDS(32),
	.ACC_DEPTH(2), .STEM_WORDS(2), .PSUM_W(20), .DW_TAPS(0), .DW_LINE(4), .TABLES(0),
	.PRODUCTS(0)"
most=".ROWS(8), .COLS(32), .AXI_DW(128), .AXI_AW(64), .MAX_BURST(128), .ACT_BANKS(128),
	.ACT_WORDS(1048576), .WGT_WORDS(1048576), .ACC_DEPTH(32768), .STEM_WORDS(32768), .DW_TAPS(9),
	.DW_LINE(2048), .PACK(18)"
sized=".ROWS(3'd4), .COLS(3'd4), .AXI_DW(7'd64), .AXI_AW(6'd40), .ACT_WORDS(14'd8192),
	.WGT_WORDS(12'd2048), .ACC_DEPTH(11'd1024), .PSUM_W(5'd20), .CLOCK_KHZ(17'd75000)"
for tool in icarus verilator yosys; do
	program=${tool/icarus/iverilog}
	if ! command -v "$program" >/dev/null; then
		n=$((n + 1))
		echo "ok $n - $tool # SKIP no $program"
		continue
	fi
	while IFS='|' read -r name rule wrong right; do
		ok "$tool: $name is not $wrong" each_refused $tool mea_params "$name" "$rule" "$wrong"
		ok "$tool: $name may be $right" each_passes $tool "$name" "$right"
		ok "$tool: the whole design does not take $name=${wrong%% *}" \
			refused $tool mea_accel "$name" "$rule" "${wrong%% *}"
	done < <(rules)
	ok "$tool: the least of all passes without a warning" passes $tool mea_accel "$least"
	ok "$tool: the most of all does" passes $tool mea_accel "$most"
	ok "$tool: literals no wider than their values do" passes $tool mea_accel "$sized"
done
echo "1..$n"
exit $bad
