#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Shows that the proofs can fail: plants one fault at a time in a copy of the RTL
# and expects the proof named with it to fail, by an assertion. Prints TAP.
#
#   mutants.sh
set -u
here=$(dirname "$0")
rtl=${RTL:-hw/rtl}
work=${OUT:-build/formal}/mutants

# what is planted | proof | file | what is there (a fixed string) | what comes instead
mutants() {
	cat <<'M'
guard: the carry of offset plus length is lost|guard-read|mea_guard.v|wire outside = last > {1'b0, size|wire outside = {2'd0, last[31:0]} > {1'b0, size
guard: the carry of base plus length is lost|guard-64bit|mea_guard.v|addr_end > TOP|{2'd0, addr_end[W-3:0]} > TOP
guard: the direction is not checked|guard-write|mea_guard.v|!slot_right;|1'b0;
guard: the slot's number is not checked|guard-read|mea_guard.v|{28'd0, req_slot} >= SLOTS;|1'b0;
guard: page borders are not checked|guard-32bit|mea_guard.v|page_end > 15'd4096;|1'b0;
guard: valid drops before ready|guard-write|mea_guard.v|else if (ax_ready) begin|else begin
guard: the address moves while it is shown|guard-read|mea_guard.v|if (req_ready) begin|ax_len <= len[7:0]; if (req_ready) begin
guard: refuses the slot's last beat|guard-exact-8|mea_guard.v|last > {1'b0, size,|last >= {1'b0, size,
guard: refuses for the wrong cause|guard-exact-16|mea_guard.v|closed ? `MEA_FAULT_SLOT_CLOSED : wrong|closed \&\& !wrong ? `MEA_FAULT_SLOT_CLOSED : wrong
master: the write guard sees the rights to read|bus-64|mea_accel.v|.slot_right(aw_right)|.slot_right(aw_right \| ar_right)
master: the read guard sees the other bank's slots|bus-128|mea_slots.v|ar = {run, ar_slot}|ar = {!run, ar_slot}
master: writes go on after the job|bus-64|mea_accel.v|wire wr_req = s_req && may_write;|wire wr_req = s_req;
master: the bus counts as idle with a read under way|bus-128|mea_accel.v|bus_idle = track_empty && store_idle|bus_idle = (track_empty \|\| track_load) && store_idle
registers: a RUNNING bank can be written|bus-64|mea_regs.v|wire wen1 = wr_bank1 && state1 == `MEA_STATE_EMPTY;|wire wen1 = wr_bank1;
registers: a second START overtakes|bus-64|mea_regs.v|state0 != `MEA_STATE_READY && state0 != `MEA_STATE_RUNNING)|state0 != `MEA_STATE_RUNNING)
registers: a reset raises the interrupt|bus-64|mea_regs.v|if (run && !reset_request)|if (run)
sequencer: an abort does not wait for the bus|bus-store|mea_job.v|ABORT: if (bus_idle)|ABORT:
sequencer: no watchdog|job|mea_job.v|timeout <= (state|timeout <= 1'b0 \&\& (state
sequencer: a second fault hides the first|job|mea_job.v|if (cause == `MEA_FAULT_NONE) begin|begin
store: valid drops before ready|store-equal|mea_store.v|else if (w_ready) begin|else begin
store: an abort withdraws the beat that is shown|store-gather|mea_store.v|else if (w_ready) begin|else if (w_ready \|\| abort) begin
store: an abort forgets the burst|store-128|mea_store.v|if (rst) begin|if (rst \|\| abort) begin
store: last comes a beat early|store-split|mea_store.v|w_last  <= beats_left == 9'd1;|w_last  <= beats_left <= 9'd2;
store: beats that an abort owes are written|store-equal|mea_store.v|w_strb  <= abort ? {BEAT{1'b0}} : record_mode|w_strb  <= record_mode
tokens: no limit at the top|tokens|mea_tokens.v|!take[g] && count != TOP;|!take[g];
tokens: no limit at zero|tokens|mea_tokens.v|some[g] = there;|some[g] = 1'b1;
tokens: the partners of compute are swapped|tokens-wires|mea_tokens.v|co_there = {some[10], some[7], some[0]};|co_there = {some[10], some[0], some[7]};
tokens: store takes without asking|tokens-wires|mea_accel.v|.token_there(st_there)|.token_there(3'b111)
load: takes a token that is not there|load|mea_head.v|!wrong && (need & ~there) == 3'b000;|!wrong;
load: begins while rows of the one before are left|load|mea_load.v|ready && !busy && !pending_full|ready \&\& !pending_full
depthwise: takes a token that is not there|depthwise|mea_head.v|!wrong && (need & ~there) == 3'b000;|!wrong;
depthwise: a column more than there is room for|depthwise|mea_dw.v|+ {3'd0, s1} + 4'd1 < DEPTH|+ {3'd0, s1} < DEPTH
depthwise: the line buffer keeps the older row|depthwise|mea_dw.v|line_in = {pixel, above1}|line_in = {pixel, above2}
depthwise: a row ends a column early|depthwise|mea_dw.v|if (l2) begin|if (l1) begin
depthwise: a row begins where the one before ended|depthwise|mea_dw.v|ix  <= ix_start;|ix  <= ix;
depthwise: parameters change under a sum|depthwise|mea_dw.v|wgt_ren  = loading && (!pars \|\| !retiring)|wgt_ren  = loading
depthwise: a command begins before the last pixel|depthwise|mea_dw.v|!walking && !s1 && !loading|!walking \&\& !loading
multipliers: a sum more than there is room for|depthwise-3|mea_dw_mac.v|level < DEPTH - 7|level < DEPTH - 5
multipliers: a kernel column works twice|depthwise-1|mea_dw_mac.v|: pending[2] ? 3'b100|: mask[2] ? 3'b100
rows: one too many|rows-64|mea_rows.v|rows_left == 16'd1|rows_left == 16'd0
rows: the next is where this one began|rows-64|mea_rows.v|at        <= row_next;|at        <= row_at;
rows: a burst crosses a page|rows-128|mea_burst.v|near = &offset[11:BEAT_LOG+MAX_LOG];|near = 1'b0;
compute: takes a token that is not there|compute|mea_head.v|!wrong && (need & ~there) == 3'b000;|!wrong;
pair: the borrow is not given back|pair-16|mea_pair.v|assign carry = product[OFFSET-1];|assign carry = 1'b0;
queue: the first entry is lost to the next|queue|mea_queue.v|wire move = !none && (!valid \|\| pop);|wire move = !none;
queue: empty while the first is still there|queue|mea_queue.v|assign empty = none && !valid;|assign empty = none;
queue: a push while it is full overwrites|fifo-4|mea_fifo.v|put = push && !full;|put = push;
queue: a pop while it is empty counts|fifo-8|mea_fifo.v|got = pop && !empty;|got = pop;
queue: full one entry late|fifo-16|mea_fifo.v|level == ALMOST[AW:0]|level == DEPTH
M
}

n=0 failed=0
no() {
	echo "not ok $n - $1"
	failed=1
}
while IFS= read -r line; do
	# Fields are split at bars that no backslash stands before.
	IFS=$'\x01' read -r name proof file from to < <(sed 's/\\|/\x02/g; s/|/\x01/g; s/\x02/|/g' <<<"$line")
	n=$((n + 1))
	rm -rf "$work"
	mkdir -p "$work"
	cp -r "$rtl" "$work/rtl"
	FROM=$from TO=$to perl -0pi -e '$c = s/\Q$ENV{FROM}\E/$ENV{TO} =~ s{\\&}{&}gr/e; END { exit !$c }' \
		"$work/rtl/$file" || { no "$name: $file has no such place"; continue; }
	said=$(RTL=$work/rtl OUT=$work "$here/prove.sh" "$proof" | head -n 1)
	case $said in
	"FAIL  $proof: base: "*"Assert failed"*) echo "ok $n - $name: $proof finds the way from reset" ;;
	"FAIL  $proof: induction: "*"Assert failed"*) echo "ok $n - $name: $proof does not hold" ;;
	PASS*) no "$name: $proof still passes" ;;
	*) no "$name: $said" ;;
	esac
done < <(mutants)
echo "1..$n"
exit $failed
