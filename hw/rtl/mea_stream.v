// SPDX-License-Identifier: Apache-2.0
//
// Purpose: walks one CONV or POOL command: k block > kernel row > kernel column >
// output row > output column, one pixel a cycle. It makes the scratchpad address
// (implicit im2col: address arithmetic instead of copies), finds padded
// positions, and issues each pixel with all the later stages need to know. After
// issue nothing stalls, so every later stage works at a fixed distance.
//
// What may delay an issue: the weight tile is not in the shadow registers, GAP
// since the command before, input and residual in one scratchpad bank, which
// costs a second cycle, or in a final pass the depthwise unit, whose results take the
// place that is left free.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_stream #(
	parameter integer ROWS = 16,
	parameter integer LANES = 16,
	// address bits of the activation scratchpad and how many of them choose the bank
	parameter integer ACT_AW = 14,
	parameter integer BANK_AW = 2,
	// address bits of the accumulators
	parameter integer ACC_AW = 10,
	// address bits of any input: the scratchpad's words or the stem's bytes
	parameter integer IN_AW = 20
) (
	input  wire               clk,
	input  wire               rst,

	// the command in set cmd_set; taken when done pulses
	input  wire               cmd_valid,
	input  wire [511:0]       cmd,
	input  wire               cmd_set,
	output wire               cmd_done,

	// the weight loader's hand-over
	input  wire               tile_ready,
	// POOL has no tiles to wait for; it waits until its parameters are there
	input  wire               par_ready,
	output wire               tile_take,

	// the depthwise unit wants a place among the results
	input  wire               dw_want,

	// what an idle cycle waits for
	output wire               wait_weights,
	output wire               wait_gap,
	output wire               wait_bank,
	output wire               wait_dw,
	output wire               issue_mac,
	output wire               issue_pool,

	// issue, registered
	output reg                q_valid,
	// a word of the scratchpad is read
	output reg                q_read,
	output reg                q_pool,
	output reg                q_stem,
	output reg                q_swap,
	output reg                q_pad,
	output reg                q_first,
	output reg                q_final,
	output reg                q_last,
	output reg                q_max,
	output reg                q_set,
	output reg  [IN_AW-1:0]   q_addr,
	output reg  [3:0]         q_sub,
	output reg  [7:0]         q_pad_value,
	output reg  [ACC_AW-1:0]  q_acc,
	output reg                q_res,
	output reg  [ACT_AW-1:0]  q_res_addr
);
	localparam integer SUB_LAST = LANES / ROWS - 1;

	// --- the command's registers ---------------------------------------
	localparam [1:0] IDLE = 2'd0, SETUP = 2'd1, RUN = 2'd2;
	reg [1:0] state;

	reg        is_pool, is_stem, is_max, has_res, res_still, is_first, is_final, set_q, yields;
	reg [7:0]  pad_value, gap, kw1, kh1;
	reg [11:0] kb1, ow1, oh1, in_w, in_h, x_step;
	reg [3:0]  sx, sy, in_sub;
	reg [IN_AW-1:0] in_row, in_plane, sy_row, in_base, above;
	reg [ACT_AW-1:0] res_base;
	reg signed [12:0] ix_start, iy_start;
	// Loops of one turn, whose first is the last.
	reg        one_x, one_y, one_kx, one_ky;

	// --- the loop's registers --------------------------------------------
	reg [11:0] ox, oy, kb;
	reg [7:0]  kx, ky;
	reg [3:0]  sub;
	reg [IN_AW-1:0] addr, row_addr, tap_base, ky_base, kb_base;
	reg signed [12:0] ix, iy, ix0, iy0;
	reg [ACC_AW-1:0] px;
	reg [ACT_AW-1:0] res_addr;
	reg        tile_first, tile_start, res_done;
	reg [7:0]  since_issue;
	// since_issue is GAP or more, made a cycle ahead; only asked before the first issue
	reg        gap_over;
	// What the counters say, made with them: whether a pixel may be issued hangs on it.
	reg        last_x, last_y, last_kx, last_ky, last_kb, in_x, in_y;

	// final_split, final_yield: of the final pass's tile, a residual may share a bank with
	// the input; the depthwise unit may take the place
	reg        last_tile, final_split, final_yield, par_ok;
	wire next_last_kx = last_kx ? one_kx : kx + 8'd1 == kw1;
	wire next_last_ky = !last_kx ? last_ky : last_ky ? one_ky : ky + 8'd1 == kh1;
	wire next_last_kb = last_kx && last_ky ? kb + 12'd1 == kb1 : last_kb;

	wire next_last_tile = next_last_kx && next_last_ky && next_last_kb;

	wire last_px = last_x && last_y;
	wire final_px = is_final && last_tile;
	wire in_map  = in_x && in_y;

	wire want_res  = final_px && has_res;
	wire same_bank = addr[ACT_AW-1 -: BANK_AW] == res_addr[ACT_AW-1 -: BANK_AW];

	// --- may this cycle issue? -----------------------------------------------
	wire running   = state == RUN;
	wire gap_ok    = !(tile_first && tile_start) || gap_over;
	wire weight_ok = is_pool ? par_ok : !tile_start || tile_ready;
	wire split     = final_split && in_map && same_bank && !res_done;
	wire yield     = final_yield && dw_want;
	wire go        = running && gap_ok && weight_ok && !split && !yield;

	assign tile_take    = go && tile_start && !is_pool;
	assign cmd_done     = go && last_px && last_tile;
	assign issue_mac    = go && !is_pool;
	assign issue_pool   = go && is_pool;
	assign wait_gap     = (state == IDLE && cmd_valid) || state == SETUP || (running && !gap_ok);
	assign wait_weights = running && gap_ok && !weight_ok;
	assign wait_bank    = running && gap_ok && weight_ok && split;
	assign wait_dw      = running && gap_ok && weight_ok && !split && yield;

	// --- the next tap -----------------------------------------------------------
	wire last_sub = sub == SUB_LAST[3:0];
	wire [IN_AW-1:0] ky_next = ky_base + in_row;
	wire [IN_AW-1:0] kb_next = is_stem || !last_sub ? kb_base : kb_base + in_plane;
	wire [IN_AW-1:0] tap_next = !last_kx ? tap_base + 1'b1 : !last_ky ? ky_next : kb_next;
	wire signed [12:0] ix0_next = !last_kx ? ix0 + 13'sd1 : ix_start;
	wire signed [12:0] iy0_next = !last_kx ? iy0 : !last_ky ? iy0 + 13'sd1 : iy_start;
	// Coordinates of the next pixel.
	wire signed [12:0] ix_next = !last_x ? ix + $signed({9'd0, sx}) : !last_y ? ix0 : ix0_next;
	wire signed [12:0] iy_next = !last_x ? iy : !last_y ? iy + $signed({9'd0, sy}) : iy0_next;

	// The pixel left of and above the map may have no word; the address then wraps
	// and `in_map` keeps it unread.
	wire [IN_AW-1:0] corner = in_base - above;
	wire [19:0] cmd_res = cmd[`MEA_F_CONV_RES_BASE];
	wire [IN_AW-1:0] cmd_in_row = cmd[`MEA_F_CONV_IN_ROW];
	wire [7:0] cmd_pad_l = cmd[`MEA_F_CONV_PAD_L];
	wire [7:0] cmd_pad_t = cmd[`MEA_F_CONV_PAD_T];

	always @(posedge clk) begin
		case (state)
		IDLE: if (cmd_valid) begin
			state     <= SETUP;
			is_pool   <= cmd[`MEA_F_CMD_OPCODE] == `MEA_OP_POOL;
			is_stem   <= cmd[`MEA_F_CONV_STEM];
			is_max    <= cmd[`MEA_F_CONV_MAX];
			has_res   <= cmd[`MEA_F_CONV_RESIDUAL] || cmd[`MEA_F_CONV_PRODUCT];
			res_still <= cmd[`MEA_F_CONV_RES_STILL];
			is_first  <= cmd[`MEA_F_CONV_FIRST];
			is_final  <= cmd[`MEA_F_CONV_FINAL];
			set_q    <= cmd_set;
			yields    <= cmd[`MEA_F_CONV_YIELD];
			pad_value <= cmd[`MEA_F_CONV_PAD_VALUE];
			gap       <= cmd[`MEA_F_CONV_GAP];
			kw1       <= cmd[`MEA_F_CONV_KW] - 8'd1;
			kh1       <= cmd[`MEA_F_CONV_KH] - 8'd1;
			kb1       <= cmd[`MEA_F_CONV_K_BLOCKS] - 12'd1;
			ow1       <= cmd[`MEA_F_CONV_OUT_W] - 12'd1;
			oh1       <= cmd[`MEA_F_CONV_OUT_H] - 12'd1;
			in_w      <= cmd[`MEA_F_CONV_IN_W];
			in_h      <= cmd[`MEA_F_CONV_IN_H];
			x_step    <= cmd[`MEA_F_CONV_X_STEP];
			sx        <= cmd[`MEA_F_CONV_STRIDE_X];
			sy        <= cmd[`MEA_F_CONV_STRIDE_Y];
			in_sub    <= cmd[`MEA_F_CONV_IN_SUB];
			in_row    <= cmd_in_row;
			in_plane  <= cmd[`MEA_F_CONV_IN_PLANE];
			res_base  <= cmd_res[ACT_AW-1:0];
			ix_start  <= -$signed({5'd0, cmd_pad_l});
			iy_start  <= -$signed({5'd0, cmd_pad_t});
			sy_row    <= cmd_in_row * cmd[`MEA_F_CONV_STRIDE_Y];
			in_base   <= cmd[`MEA_F_CONV_IN_BASE] - {{(IN_AW-8){1'b0}}, cmd_pad_l};
			above     <= cmd_in_row * cmd_pad_t;
		end
		SETUP: begin
			state    <= RUN;
			{ox, oy, kb, kx, ky, sub} <= 0;
			{one_x, last_x}   <= {2{ow1 == 12'd0}};
			{one_y, last_y}   <= {2{oh1 == 12'd0}};
			{one_kx, last_kx} <= {2{kw1 == 8'd0}};
			{one_ky, last_ky} <= {2{kh1 == 8'd0}};
			last_kb  <= kb1 == 12'd0;
			last_tile <= kw1 == 8'd0 && kh1 == 8'd0 && kb1 == 12'd0;
			final_split <= is_final && has_res && !is_stem &&
				       kw1 == 8'd0 && kh1 == 8'd0 && kb1 == 12'd0;
			final_yield <= is_final && yields &&
				       kw1 == 8'd0 && kh1 == 8'd0 && kb1 == 12'd0;
			in_x     <= $unsigned(ix_start) < {1'b0, in_w};
			in_y     <= $unsigned(iy_start) < {1'b0, in_h};
			res_addr <= res_base;
			px       <= 0;
			addr     <= corner;
			row_addr <= corner;
			tap_base <= corner;
			ky_base  <= corner;
			kb_base  <= corner;
			{ix, ix0} <= {ix_start, ix_start};
			{iy, iy0} <= {iy_start, iy_start};
			tile_first <= 1'b1;
			tile_start <= 1'b1;
			res_done <= 1'b0;
		end
		default: if (go) begin
			res_done <= 1'b0;
			tile_start <= last_px;
			px <= last_px ? {ACC_AW{1'b0}} : px + 1'b1;
			res_addr <= last_px ? res_base : res_addr + {{(ACT_AW-1){1'b0}}, !res_still};
			ix   <= ix_next;
			iy   <= iy_next;
			in_x <= $unsigned(ix_next) < {1'b0, in_w};
			in_y <= $unsigned(iy_next) < {1'b0, in_h};
			ox   <= last_x ? 12'd0 : ox + 12'd1;
			last_x <= last_x ? one_x : ox + 12'd1 == ow1;
			if (!last_x) begin
				addr <= addr + {{(IN_AW-12){1'b0}}, x_step};
			end else if (!last_y) begin
				oy   <= oy + 12'd1;
				last_y <= oy + 12'd1 == oh1;
				addr <= row_addr + sy_row;
				row_addr <= row_addr + sy_row;
			end else begin
				oy   <= 12'd0;
				last_y <= one_y;
				tile_first <= 1'b0;
				kx   <= last_kx ? 8'd0 : kx + 8'd1;
				last_kx <= next_last_kx;
				last_tile   <= next_last_tile;
				final_split <= next_last_tile && is_final && has_res && !is_stem;
				final_yield <= next_last_tile && is_final && yields;
				tap_base <= tap_next;
				addr     <= tap_next;
				row_addr <= tap_next;
				ix0 <= ix0_next;
				iy0 <= iy0_next;
				if (last_kx) begin
					ky <= last_ky ? 8'd0 : ky + 8'd1;
					last_ky <= next_last_ky;
					ky_base <= last_ky ? kb_next : ky_next;
				end
				if (last_kx && last_ky) begin
					kb  <= kb + 12'd1;
					last_kb <= next_last_kb;
					sub <= last_sub ? 4'd0 : sub + 4'd1;
					kb_base <= kb_next;
				end
				if (last_tile)
					state <= IDLE;
			end
		end else if (wait_bank) begin
			res_done <= 1'b1;
		end
		endcase

		par_ok   <= par_ready;
		gap_over <= {1'b0, since_issue} + 9'd1 >= {1'b0, gap};
		if (go)
			since_issue <= 8'd1;
		else if (since_issue != 8'hff)
			since_issue <= since_issue + 8'd1;

		if (rst) begin
			state <= IDLE;
			since_issue <= 8'hff;
		end
	end

	always @(posedge clk) begin
		q_valid <= go && !rst;
		q_read  <= go && in_map && !is_stem && !rst;
		q_res   <= (go && want_res && !res_done) || wait_bank;
		q_res_addr <= res_addr;
		q_set  <= set_q;
		if (go) begin
			q_pool  <= is_pool;
			q_stem  <= is_stem;
			q_swap  <= tile_take;
			q_pad   <= !in_map && !is_stem;
			q_first <= is_first && tile_first;
			q_final <= final_px;
			q_last  <= last_px && last_tile;
			q_max   <= is_max;
			q_addr  <= addr;
			q_sub   <= is_pool ? in_sub : sub;
			q_pad_value <= pad_value;
			q_acc   <= px;
		end else begin
			q_swap <= 1'b0;
			q_last <= 1'b0;
		end
	end
endmodule

`resetall
