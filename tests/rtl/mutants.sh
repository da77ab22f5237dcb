#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Mutation check: plants one fault at a time in a copy of the RTL, builds a 4x4
# simulator of it, and expects the random networks, the job tests, the guard tests or
# a module's bench to fail. Prints TAP; a mutant that survives is a failure of the tests.
#
#   tests/rtl/mutants.sh BUILD-FOLDER
set -u
b=$(cd "${1:-build}" && pwd)
top=$(pwd)
work=$top/build/mutants
n=0 survived=0

# name | file | what is there (a fixed string) | what is planted
mutants() {
	cat <<'M'
rounding: half up instead of half even|mea_round.v|part_half && (part_rest \|\| part[0])|part_half
padding: zero instead of the zero point|mea_compute.v|a_pad ? {ROWS{a_pad_value}}|a_pad ? {ROWS{8'd0}}
token order: the partners of compute swapped|mea_tokens.v|assign co_there = {some[10], some[7], some[0]};|assign co_there = {some[10], some[0], some[7]};
swap tag: a cycle late|mea_compute.v|.swap(a_swap),|.swap(b_swap),
accumulators: the first pass adds|mea_compute.v|.next_first(at_next[2])|.next_first(1'b0)
accumulators: nothing from the pixel before|mea_acc.v|forward  <= valid && addr == early_addr && !next_first;|forward  <= 1'b0;
accumulators: nothing from the one before that|mea_acc.v|early    <= valid && addr == rd_addr;|early    <= 1'b0;
multiplication: a part without its sign|mea_mul.v|{{(64-17-15-CUT){hl[CUT+14]}}, hl, 17'd0}|{{(64-17-15-CUT){1'b0}}, hl, 17'd0}
guard: the carry of offset plus length lost|mea_guard.v|wire outside = last > {1'b0, size|wire outside = {2'd0, last[31:0]} > {1'b0, size
guard: direction not checked|mea_guard.v|wrong   <= !slot_right;|wrong   <= 1'b0;
residual: the upper part of a factor a place short|mea_join.v|{{3{up[13]}}, up, 17'd0}|{{4{up[13]}}, up, 16'd0}
residual: wrong zero point|mea_requant.v|zr5    <= b[4] ? res_zero[15:8] : res_zero[7:0];|zr5    <= b[4] ? mid_zero[15:8] : mid_zero[7:0];
table: the depthwise unit's is not looked up|mea_requant.v|(d[5] ? table_on[2] :|(d[5] ? 1'b0 :
table: that of the other command|mea_requant.v|b[5] ? table_at[5:3] : table_at[2:0];|b[5] ? table_at[2:0] : table_at[5:3];
table: the byte before is looked up|mea_requant.v|.sub({2'd0, mid7[1:0]})|.sub({2'd0, mid8[1:0]})
table: looked up for the result behind|mea_requant.v|on7 <= on6;|on7 <= TABLES != 0 \&\& (d[5] ? table_on[2] : b[5] ? table_on[1] : table_on[0]);
table: loaded to where the one before is|mea_load.v|assign table_addr = to[TABLE_AW-1:0];|assign table_addr = {1'b0, to[TABLE_AW-2:0]};
product: the zero point of the map|mea_compute.v|b_zero        <= a_pad_value;|b_zero        <= 8'd0;
product: the sign of a factor|mea_pool.v|taken[n*18+17] ? taken[n*18 +: 9] : 9'd0|9'd0
product: the other factor a pixel early|mea_compute.v|.factor(b_factor)|.factor(res_cols)
product: a pixel's factor for all of them steps|mea_stream.v|!res_still|1'b1
scrub: the tables left out|mea_accel.v|.table_wen(table_wen \|\| scrub),|.table_wen(table_wen),
maximum: minimum|mea_acc.v|act > $signed(stored_q[c*32 +: 8])|act < $signed(stored_q[c*32 +: 8])
stem: row skip one short|mea_wload.v|- kc_wide[STEM_BAW-1:0] + 1'b1;|- kc_wide[STEM_BAW-1:0];
load: row pitch ignored|mea_load.v|row_to + load_pitch|row_to
scrub: the scratchpad left out|mea_act_mem.v|.wen(scrub \|\| (out_here && out_sub[s]) \|\| ld_here)|.wen((out_here && out_sub[s]) \|\| ld_here)
watchdog: never|mea_job.v|timeout <= (state|timeout <= 1'b0 \&\& (state
depthwise: padding reads what is there|mea_dw.v|s1_pad ? {COLS{pad_value}} : in_cols|in_cols
depthwise: starts before its weights|mea_dw.v|.valid(column_there && w_ok[column[CW-2]])|.valid(column_there)
depthwise: parameters too early|mea_dw.v|loading && (!pars \|\| !retiring)|loading
depthwise: reads a bank that serves the array|mea_dw.v|(!in_map \|\| act_ready)|1'b1
depthwise: the ring of rows does not wrap|mea_dw.v|wrap ? row_back : in_row|in_row
depthwise: the ring ends a row late|mea_dw.v|wrap <= iy == wrap_row;|wrap <= iy == wrap_row + 13'd1;
depthwise: the next one does not wait|mea_dw.v|!(alone && retiring)|1'b1
gap: ignored|mea_stream.v|{1'b0, since_issue} + 9'd1 >= {1'b0, gap};|1'b1;
guard: page borders not checked|mea_guard.v|page_end > 15'd4096;|1'b0;
queue: a push while it is full overwrites|mea_fifo.v|put = push && !full;|put = push;
tokens: the fault one token early|mea_tokens.v|&& count == TOP;|\&\& count >= TOP - 8'd1;
M
}

caught_by() {
	local dir=$1
	export MEA_SIM_DIR=$dir
	timeout 120 "$b/tests/rtl/random_layers" 4x4 2000 1 >/dev/null 2>&1 || { echo "random layers"; return; }
	timeout 120 "$b/tests/rtl/random_layers" 4x4 300 1 large >/dev/null 2>&1 ||
		{ echo "random large layers"; return; }
	timeout 60 "$b/tests/rtl/guard" 4x4 >/dev/null 2>&1 || { echo "guard"; return; }
	timeout 60 "$b/tests/rtl/jobs" 4x4 >/dev/null 2>&1 || { echo "jobs"; return; }
	local bench
	for bench in guard fifo tokens acc pool dw; do
		RTL=$work/rtl tests/rtl/icarus/run.sh $bench >/dev/null 2>&1 ||
			{ echo "the bench of mea_$bench"; return; }
	done
}

while IFS= read -r line; do
	# Fields are split at bars that no backslash stands before.
	IFS=$'\x01' read -r name file from to < <(sed 's/\\|/\x02/g; s/|/\x01/g; s/\x02/|/g' <<<"$line")
	n=$((n + 1))
	rm -rf "$work"
	mkdir -p "$work/rtl" "$work/sim"
	cp hw/rtl/*.v hw/rtl/waivers.vlt "$work/rtl/"
	FROM=$from TO=$to perl -0pi -e '$c = s/\Q$ENV{FROM}\E/$ENV{TO} =~ s{\\&}{&}gr/e; END { exit !$c }' \
		"$work/rtl/$file" || { echo "not ok $n - $name: $file has no such place"; survived=1; continue; }
	# A register that a mutant may need: the swap tag one stage later.
	sed -i 's/^\treg b_conv, b_pool;/\treg b_conv, b_pool, b_swap;\n\talways @(posedge clk) b_swap <= a_swap;/' \
		"$work/rtl/mea_compute.v"
	if ! make -s RTL_DIR="$work/rtl" SIM_DIR="$work/sim" SIM_LINT= sim CONFIG=4x4 >"$work/log" 2>&1; then
		echo "not ok $n - $name: does not build"
		tail -5 "$work/log" | sed 's/^/# /'
		survived=1
		continue
	fi
	by=$(caught_by "$work/sim")
	if [ -n "$by" ]; then
		echo "ok $n - $name: caught by $by"
	else
		echo "not ok $n - $name: survived"
		survived=1
	fi
done < <(mutants)
exit $survived
