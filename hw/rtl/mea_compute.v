// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the compute queue's engine. Two commands are in flight, one per
// command set: while the streamer issues one, the weight loader works ahead on
// the next, and the last pixels of the one before may still be draining. A set
// is free again when its last pixel has been written, which is also when the
// command's tokens are given.
//
// A pixel issued in cycle t: memory address t + 1, data t + 3, array row r in
// t + 4 + r, accumulator t + ROWS + 5, scratchpad write t + ROWS + 17.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_compute #(
	parameter integer ROWS = 16,
	parameter integer COLS = 16,
	parameter integer LANES = 16,
	parameter integer PSUM_W = 32,
	parameter integer ACT_AW = 14,
	parameter integer ACT_BANK_AW = 2,
	parameter integer WGT_AW = 12,
	parameter integer ACC_DEPTH = 1024,
	parameter integer STEM_BAW = 12,
	// 1: the depthwise unit's sums go through the requantiser too
	parameter integer DW = 1,
	// as in mea_array; anything but 0 also suits the requantiser to such multipliers
	parameter integer PACK = 0,
	// as in mea_join
	parameter integer LUTS = 0,
	// as in mea_requant
	parameter integer TABLES = 8,
	parameter integer TABLE_AW = 9,
	// as in mea_pool
	parameter integer PRODUCTS = 1,
	parameter integer ACC_AW = $clog2(ACC_DEPTH),
	parameter integer OSUBS = LANES / COLS
) (
	input  wire                clk,
	input  wire                rst,

	// head of the compute queue
	input  wire                head_valid,
	input  wire [511:0]        head,
	input  wire [31:0]         head_index,
	output wire                head_pop,

	// tokens: bits 0 to 2 load, store, depthwise queue
	input  wire [2:0]          token_there,
	output wire [2:0]          token_take,
	output wire [2:0]          token_give,
	output wire [31:0]         give_index,

	output wire                illegal,
	output wire                idle,

	// weight memory
	output wire                wgt_ren,
	output wire [WGT_AW-1:0]   wgt_addr,
	input  wire [2*COLS*8-1:0] wgt_data,

	// activation scratchpad
	output wire                in_ren,
	output wire [ACT_AW-1:0]   in_addr,
	input  wire [LANES*8-1:0]  in_data,
	output wire                res_ren,
	output wire [ACT_AW-1:0]   res_addr,
	input  wire [LANES*8-1:0]  res_data,
	output wire                out_wen,
	output wire [ACT_AW-1:0]   out_addr,
	output wire [OSUBS-1:0]    out_sub,
	output wire [COLS*8-1:0]   out_data,

	// stem memory
	output wire                stem_ren,
	output wire [STEM_BAW-1:0] stem_base,
	output wire [ROWS*STEM_BAW-1:0] stem_offset,
	input  wire [ROWS*8-1:0]   stem_data,

	// depthwise unit: sums when the array has none to requantise, parameters and
	// fields of its command
	input  wire                dw_valid,
	input  wire [COLS*20-1:0]  dw_sum,
	input  wire [4:0]          dw_level,
	output wire                dw_ready,
	input  wire                dw_par_wen,
	input  wire [2:0]          dw_par_index,
	input  wire [7:0]          dw_mid_zero, dw_mid_lo, dw_mid_hi,
	input  wire                dw_table_on,
	input  wire [2:0]          dw_table_at,
	output wire                dw_out,
	input  wire [ACT_AW-1:0]   dw_out_addr,
	input  wire [OSUBS-1:0]    dw_out_sub,

	// table memory
	input  wire                table_wen,
	input  wire [TABLE_AW-1:0] table_waddr,
	input  wire [31:0]         table_wdata,

	input  wire                scrub,
	input  wire [ACC_AW-1:0]   scrub_addr,

	// what this cycle did or waited for
	output wire                issue_mac,
	output wire                issue_pool,
	output wire                wait_weights,
	output wire                wait_gap,
	output wire                wait_bank,
	output wire                wait_dw,
	output wire                wait_slot,
	output wire [2:0]          wait_token,
	output wire                acc_update,
	output wire                requant
);
	localparam IN_AW = 20;

	// --- two command sets -------------------------------------------------
	reg [511:0] cmd0, cmd1;
	reg [31:0]  index0, index1;
	reg [1:0]   busy, loaded, streamed;
	reg         dec_at, load_at, stream_at, retire_at;

	wire [2:0] need = head[`MEA_F_CMD_WAIT];
	wire refused = head[`MEA_F_CONV_KW] == 0 || head[`MEA_F_CONV_KH] == 0 ||
		       head[`MEA_F_CONV_K_BLOCKS] == 0 || head[`MEA_F_CONV_OUT_W] == 0 ||
		       head[`MEA_F_CONV_OUT_H] == 0 || (TABLES == 0 && head[`MEA_F_CONV_TABLE]) ||
		       (PRODUCTS == 0 && head[`MEA_F_CONV_PRODUCT]);
	wire seen, ready;
	reg  wrong;
	always @(posedge clk)
		wrong <= refused;
	mea_head decode (
		.clk(clk), .rst(rst), .valid(head_valid), .taken(head_pop), .wrong(refused),
		.need(need), .there(token_there), .seen(seen), .ready(ready)
	);
	wire slot_free = !busy[dec_at];
	wire accept = ready && slot_free;

	assign illegal    = seen && wrong;
	assign head_pop   = accept;
	assign token_take = accept ? need : 3'b000;
	assign wait_token = seen && slot_free ? need & ~token_there : 3'b000;
	assign wait_slot  = head_valid && !accept && wait_token == 3'b000;

	wire retire, load_done, stream_done;
	// Which set each concerns. (A bit at a variable place that is written would become
	// a shifter.)
	wire [1:0] at_dec    = {dec_at, !dec_at} & {2{accept}};
	wire [1:0] at_load   = {load_at, !load_at} & {2{load_done}};
	wire [1:0] at_stream = {stream_at, !stream_at} & {2{stream_done}};
	wire [1:0] at_retire = {retire_at, !retire_at} & {2{retire}};
	always @(posedge clk) begin
		dec_at    <= dec_at ^ accept;
		load_at   <= load_at ^ load_done;
		stream_at <= stream_at ^ stream_done;
		retire_at <= retire_at ^ retire;
		busy      <= (busy | at_dec) & ~at_retire;
		loaded    <= (loaded | at_load) & ~at_dec;
		streamed  <= (streamed | at_stream) & ~at_dec;
		if (at_dec[0])
			{index0, cmd0} <= {head_index, head};
		if (at_dec[1])
			{index1, cmd1} <= {head_index, head};
		if (rst) begin
			busy <= 2'b00;
			{dec_at, load_at, stream_at, retire_at} <= 4'b0000;
		end
	end
	wire [511:0] retire_cmd = retire_at ? cmd1 : cmd0;
	assign token_give = retire ? retire_cmd[`MEA_F_CMD_SIGNAL] : 3'b000;
	assign give_index = retire_at ? index1 : index0;
	assign idle = busy == 2'b00;

	// --- weight loader and streamer -----------------------------------------
	wire tile_ready, tile_take;
	wire sh_wen, par_wen, par_set;
	wire [$clog2(ROWS)-2:0] sh_pair;
	wire [2:0] par_index;

	mea_wload #(.ROWS(ROWS), .COLS(COLS), .WGT_AW(WGT_AW), .STEM_BAW(STEM_BAW)) wload (
		.clk(clk), .rst(rst),
		.cmd_valid(busy[load_at] && !loaded[load_at]),
		.cmd(load_at ? cmd1 : cmd0), .cmd_set(load_at), .cmd_done(load_done),
		.ren(wgt_ren), .raddr(wgt_addr),
		.sh_wen(sh_wen), .sh_pair(sh_pair),
		.par_wen(par_wen), .par_set(par_set), .par_index(par_index),
		.tap_offset(stem_offset), .tile_ready(tile_ready), .tile_take(tile_take)
	);

	wire dw_want;
	wire q_valid, q_read, q_pool, q_stem, q_swap, q_pad, q_first, q_final, q_last, q_max, q_set, q_res;
	wire [IN_AW-1:0] q_addr;
	wire [3:0] q_sub;
	wire [7:0] q_pad_value;
	wire [ACC_AW-1:0] q_acc;

	mea_stream #(.ROWS(ROWS), .LANES(LANES), .ACT_AW(ACT_AW), .BANK_AW(ACT_BANK_AW),
		     .ACC_AW(ACC_AW), .IN_AW(IN_AW)) stream (
		.clk(clk), .rst(rst),
		.cmd_valid(busy[stream_at] && !streamed[stream_at]),
		.cmd(stream_at ? cmd1 : cmd0), .cmd_set(stream_at), .cmd_done(stream_done),
		.tile_ready(tile_ready), .par_ready(loaded[stream_at]), .tile_take(tile_take),
		.dw_want(dw_want),
		.wait_weights(wait_weights), .wait_gap(wait_gap), .wait_bank(wait_bank),
		.wait_dw(wait_dw), .issue_mac(issue_mac), .issue_pool(issue_pool),
		.q_valid(q_valid), .q_read(q_read), .q_pool(q_pool), .q_stem(q_stem), .q_swap(q_swap),
		.q_pad(q_pad), .q_first(q_first), .q_final(q_final), .q_last(q_last),
		.q_max(q_max), .q_set(q_set), .q_addr(q_addr), .q_sub(q_sub),
		.q_pad_value(q_pad_value), .q_acc(q_acc), .q_res(q_res), .q_res_addr(res_addr)
	);

	// --- operand fetch ---------------------------------------------------------
	assign in_ren    = q_read;
	assign in_addr   = q_addr[ACT_AW-1:0];
	assign res_ren   = q_res;
	assign stem_ren  = q_valid && q_stem;
	assign stem_base = q_addr[STEM_BAW-1:0];

	// m_: the memory is read; a_: its data are there.
	localparam integer AW_ALL = 7 + 4 + 8;
	reg [AW_ALL-1:0] m_all, a_all;
	always @(posedge clk) begin
		m_all <= {q_valid && !rst, q_swap && !rst, q_res && !rst, q_pool, q_stem, q_pad, q_set,
			  q_sub, q_pad_value};
		a_all <= {m_all[AW_ALL-1 -: 3] & {3{!rst}}, m_all[AW_ALL-4:0]};
	end
	wire a_valid, a_swap, a_res, a_pool, a_stem, a_pad, a_set;
	wire [3:0] a_sub;
	wire [7:0] a_pad_value;
	assign {a_valid, a_swap, a_res, a_pool, a_stem, a_pad, a_set, a_sub, a_pad_value} = a_all;

	wire [ROWS*8-1:0] in_rows;
	wire [COLS*8-1:0] in_cols;
	mea_part #(.WORD(LANES), .PART(ROWS)) conv_part (
		.word(in_data), .sub(a_sub), .part(in_rows));
	mea_part #(.WORD(LANES), .PART(COLS)) pool_part (
		.word(in_data), .sub(a_sub), .part(in_cols));

	wire next_conv = a_valid && !a_pool && !rst;
	reg b_conv, b_pool;
	reg [ROWS*8-1:0] b_act;
	reg [COLS*8-1:0] b_pool_act;
	always @(posedge clk) begin
		b_conv <= next_conv;
		b_pool <= a_valid && a_pool && !rst;
		if (a_valid && !a_pool)
			b_act <= a_stem ? stem_data : a_pad ? {ROWS{a_pad_value}} : in_rows;
		if (a_valid && a_pool)
			b_pool_act <= a_pad ? {COLS{a_pad_value}} : in_cols;
	end

	// --- array ------------------------------------------------------------------
	// Weights take as many cycles from their memory as activations, so that the
	// loader's distance from the swap stays what it is.
	reg m_wen;
	reg [$clog2(ROWS)-2:0] m_pair;
	reg [2*COLS*8-1:0] m_weights;
	always @(posedge clk) begin
		m_wen  <= sh_wen;
		m_pair <= sh_pair;
		if (sh_wen)
			m_weights <= wgt_data;
	end

	wire [COLS*PSUM_W-1:0] psum;
	mea_array #(.ROWS(ROWS), .COLS(COLS), .PSUM_W(PSUM_W), .PACK(PACK)) array (
		.clk(clk), .sh_wen(m_wen), .sh_pair(m_pair), .sh_data(m_weights),
		.swap(a_swap), .next_en(next_conv), .en(b_conv), .act(b_act), .psum(psum)
	);

	// The other factor of a product is read in the cycle of the first or, from the same bank,
	// in the one before, and stays until the next one.
	localparam integer POOL_W = PRODUCTS != 0 ? 18 : 8;
	wire [COLS*POOL_W-1:0] pool_act;
	wire [COLS*8-1:0] res_cols;
	reg  [COLS*8-1:0] b_factor;
	reg  [7:0] b_zero, b_factor_zero;
	reg  b_product;
	always @(posedge clk) begin
		if (a_res)
			b_factor <= res_cols;
		b_product     <= a_set ? cmd1[`MEA_F_CONV_PRODUCT] : cmd0[`MEA_F_CONV_PRODUCT];
		b_zero        <= a_pad_value;
		b_factor_zero <= a_set ? cmd1[`MEA_F_CONV_RES_ZERO] : cmd0[`MEA_F_CONV_RES_ZERO];
	end
	mea_pool #(.ROWS(ROWS), .COLS(COLS), .PRODUCTS(PRODUCTS)) pool (
		.clk(clk), .rst(rst), .valid(b_pool), .act(b_pool_act), .product(b_product),
		.factor(b_factor), .zero(b_zero), .factor_zero(b_factor_zero), .operand(pool_act)
	);

	// --- what each later stage knows of its pixel ---------------------------------
	localparam integer IW = ACC_AW + 7;
	localparam integer STAGES = ROWS + 5;
	reg  [STAGES*IW-1:0] info;
	wire [IW-1:0] info_in = {q_acc, q_max, q_set, q_last, q_final, q_first, q_pool, q_valid};
	always @(posedge clk)
		info <= rst ? {STAGES*IW{1'b0}} : {info[(STAGES-1)*IW-1:0], info_in};

	// info stage k holds what was issued k + 2 cycles ago
	wire [IW-1:0] at_read = info[(ROWS+1)*IW +: IW];
	wire [IW-1:0] at_next = info[(ROWS+2)*IW +: IW];
	wire [IW-1:0] at_acc  = info[(ROWS+3)*IW +: IW];
	wire [IW-1:0] at_rq   = info[(ROWS+4)*IW +: IW];
	wire [COLS*32-1:0] acc;

	mea_acc #(.COLS(COLS), .PSUM_W(PSUM_W), .POOL_W(POOL_W), .DEPTH(ACC_DEPTH)) accumulators (
		.clk(clk),
		.rd_valid(at_read[0]), .rd_addr(at_read[IW-1 -: ACC_AW]),
		.next_first(at_next[2]), .next_max(at_next[6]),
		.valid(at_acc[0]), .addr(at_acc[IW-1 -: ACC_AW]),
		.final_pass(at_acc[3]), .pool(at_acc[1]),
		.psum(psum), .pool_act(pool_act), .result(acc),
		.scrub(scrub), .scrub_addr(scrub_addr)
	);
	assign acc_update = at_acc[0];

	// --- requantisation -----------------------------------------------------------
	wire [3:0] res_sub = a_set ? cmd1[`MEA_F_CONV_RES_SUB] : cmd0[`MEA_F_CONV_RES_SUB];
	wire a_residual = a_set ? cmd1[`MEA_F_CONV_RESIDUAL] : cmd0[`MEA_F_CONV_RESIDUAL];
	wire [COLS*8-1:0] res_word;
	mea_part #(.WORD(LANES), .PART(COLS)) res_part (
		.word(res_data), .sub(res_sub), .part(res_cols));
	wire res_pop;
	/* verilator lint_off PINCONNECTEMPTY */
	mea_fifo #(.WIDTH(COLS*8), .DEPTH(ROWS > 16 ? 64 : 32)) residuals (
		.clk(clk), .rst(rst),
		.push(a_res && a_residual), .din(res_cols),
		.pop(res_pop), .dout(res_word), .empty(), .full(), .level()
	);
	/* verilator lint_on PINCONNECTEMPTY */

	// Places that the streamer left free for the depthwise unit and that are on their
	// way: it asks for no more than it has sums.
	reg [ROWS+5:0] freed;
	reg [4:0] n_freed;
	reg want;
	assign dw_want = want;
	always @(posedge clk) begin
		want    <= dw_valid && (wait_dw ? dw_level > n_freed + 5'd1 : dw_level > n_freed);
		freed   <= rst ? {(ROWS+6){1'b0}} : {freed[ROWS+4:0], wait_dw};
		n_freed <= rst ? 5'd0 : n_freed + {4'd0, wait_dw} - {4'd0, freed[ROWS+5]};
	end

	// The requantiser is the array's in this cycle; whatever else there may be is the
	// depthwise unit's.
	wire final_next = at_acc[0] && at_acc[3];
	reg  final_px;
	always @(posedge clk)
		final_px <= final_next && !rst;
	wire out_next, out_next_dw, out_next_set;
	assign dw_ready = dw_valid && !final_px;
	assign requant  = final_px || dw_ready;
	mea_requant #(.COLS(COLS), .DW(DW), .WIDE(PACK != 0 ? 1 : 0),
		.LUTS(LUTS), .TABLES(TABLES), .TABLE_AW(TABLE_AW)) requantise (
		.clk(clk),
		.dw_par_wen(dw_par_wen), .dw_par_index(dw_par_index),
		.next_dw(!final_next), .next_set(at_acc[5]), .dw(!final_px),
		.par_wen(par_wen), .par_set(par_set), .par_index(par_index), .par_data(wgt_data),
		.mid_zero({dw_mid_zero, cmd1[`MEA_F_CONV_MID_ZERO], cmd0[`MEA_F_CONV_MID_ZERO]}),
		.mid_lo({dw_mid_lo, cmd1[`MEA_F_CONV_MID_LO], cmd0[`MEA_F_CONV_MID_LO]}),
		.mid_hi({dw_mid_hi, cmd1[`MEA_F_CONV_MID_HI], cmd0[`MEA_F_CONV_MID_HI]}),
		.res_zero({cmd1[`MEA_F_CONV_RES_ZERO], cmd0[`MEA_F_CONV_RES_ZERO]}),
		.out_zero({cmd1[`MEA_F_CONV_OUT_ZERO], cmd0[`MEA_F_CONV_OUT_ZERO]}),
		.lo({cmd1[`MEA_F_CONV_LO], cmd0[`MEA_F_CONV_LO]}),
		.hi({cmd1[`MEA_F_CONV_HI], cmd0[`MEA_F_CONV_HI]}),
		.ma({cmd1[`MEA_F_CONV_ADD_MA], cmd0[`MEA_F_CONV_ADD_MA]}),
		.mb({cmd1[`MEA_F_CONV_ADD_MB], cmd0[`MEA_F_CONV_ADD_MB]}),
		.add_shift({cmd1[`MEA_F_CONV_ADD_SHIFT], cmd0[`MEA_F_CONV_ADD_SHIFT]}),
		.residual({cmd1[`MEA_F_CONV_RESIDUAL], cmd0[`MEA_F_CONV_RESIDUAL]}),
		.table_wen(table_wen), .table_waddr(table_waddr), .table_wdata(table_wdata),
		.table_on({dw_table_on, cmd1[`MEA_F_CONV_TABLE], cmd0[`MEA_F_CONV_TABLE]}),
		.table_at({dw_table_at, cmd1[`MEA_F_CONV_TABLE_AT], cmd0[`MEA_F_CONV_TABLE_AT]}),
		.valid(requant), .cmd_set(at_rq[5]), .acc(acc), .dw_sum(dw_sum),
		.res_pop(res_pop), .res_word(res_word),
		.rst(rst), .out_next(out_next), .out_next_dw(out_next_dw),
		.out_next_set(out_next_set), .out_valid(out_wen), .out_word(out_data)
	);

	// --- results -------------------------------------------------------------------
	// A word's place is made while it takes the last stage of the requantiser.
	reg [ACT_AW-1:0] out_at0, out_at1, out_at;
	reg [OSUBS-1:0]  out_sub_q;
	reg [10:0] last_q;
	wire last_px = at_rq[0] && at_rq[4];
	wire [19:0] head_out = head[`MEA_F_CONV_OUT_BASE];
	wire [3:0] sub = out_next_set ? cmd1[`MEA_F_CONV_OUT_SUB] : cmd0[`MEA_F_CONV_OUT_SUB];
	wire [15:0] sub_onehot = 16'd1 << sub;
	always @(posedge clk) begin
		if (accept && !dec_at)
			out_at0 <= head_out[ACT_AW-1:0];
		else if (out_next && !out_next_dw && !out_next_set)
			out_at0 <= out_at0 + 1'b1;
		if (accept && dec_at)
			out_at1 <= head_out[ACT_AW-1:0];
		else if (out_next && !out_next_dw && out_next_set)
			out_at1 <= out_at1 + 1'b1;
		out_at    <= out_next_dw ? dw_out_addr : out_next_set ? out_at1 : out_at0;
		out_sub_q <= out_next_dw ? dw_out_sub : sub_onehot[OSUBS-1:0];
		last_q <= rst ? 11'd0 : {last_q[9:0], last_px};
	end
	assign dw_out   = out_next && out_next_dw;
	assign out_addr = out_at;
	assign out_sub  = out_sub_q;
	assign retire   = last_q[10];

`ifdef FORMAL
	reg f_past;
	initial f_past = 1'b0;
	always @(posedge clk)
		f_past <= 1'b1;
	// Only tokens that are there are taken, and for a command that starts.
	always @(posedge clk) begin
		if (f_past)
			assert ((token_take & ~token_there) == 3'b000);
		assert (token_take == 3'b000 || head_pop);
		if (f_past)
			assert (!head_pop || (head_valid && !illegal));
	end
`endif
endmodule

`resetall
