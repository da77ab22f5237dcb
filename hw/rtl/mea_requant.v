// SPDX-License-Identifier: Apache-2.0
//
// Purpose: int32 accumulators to int8 outputs, one word of COLS lanes a cycle:
//
//   mid = clamp(RNE((acc + bias) * mult >> shift) + mid_zero, mid_lo, mid_hi)
//   out = clamp(RNE(((mid - mid_zero) * ma + (r - res_zero) * mb) >> add_shift)
//               + out_zero, lo, hi)                       with a residual word r
//   out = mid                                             without
//
// with the exact 64-bit product and round half to even: qnet.h has the same
// formulas and runtime/backend/ref is their definition. Eleven stages, no stall.
//
// Two sets of parameters stand side by side, chosen by the command bank of each
// pixel, so the parameters of the next command load while this one drains; a third
// is the depthwise unit's, which has no residual.
`resetall
`default_nettype none

module mea_requant #(
	parameter COLS = 16,
	// 1: a third set of parameters, for the depthwise unit
	parameter DW = 1,
	// as in mea_mul
	parameter WIDE = 0,
	// as in mea_join
	parameter LUTS = 0
) (
	input  wire               clk,
	input  wire               rst,

	// bias, mult (two words each) and shift (one) of a command bank
	input  wire               par_wen,
	input  wire               par_bank,
	input  wire [2:0]         par_index,
	input  wire [2*COLS*8-1:0] par_data,
	// the same for the depthwise unit
	input  wire               dw_par_wen,
	input  wire [2:0]         dw_par_index,

	// fields of the commands in flight, bank 0 in the lowest part, the depthwise
	// unit's in the highest
	input  wire [3*8-1:0]     mid_zero, mid_lo, mid_hi,
	input  wire [2*8-1:0]     res_zero, out_zero, lo, hi,
	input  wire [2*24-1:0]    ma, mb,
	input  wire [2*6-1:0]     add_shift,
	input  wire [1:0]         residual,

	// stage 0: an accumulator word and its bank, or a word of the depthwise unit
	input  wire               valid,
	input  wire               dw,
	input  wire               bank,
	input  wire [COLS*32-1:0] acc,
	input  wire [COLS*20-1:0] dw_sum,

	// stage 6 takes the residual word
	output wire               res_pop,
	input  wire [COLS*8-1:0]  res_word,

	// stage 11: the output word
	output wire               out_valid,
	output wire               out_dw,
	output wire               out_bank,
	output reg  [COLS*8-1:0]  out_word
);
	reg [2*COLS*32-1:0] bias, mult;
	reg [2*COLS*6-1:0]  shift;

	// A loop with constant places: a part-select at a variable one becomes a
	// shifter over the whole register, and at a multiple of 6 or 24 a multiplier.
	integer h, i;
	always @(posedge clk)
		if (par_wen) begin
			for (h = 0; h < 4; h = h + 1)
				if ({par_bank, par_index[0]} == h[1:0]) begin
					if (par_index < 3'd2)
						bias[h*COLS*16 +: COLS*16] <= par_data;
					else if (par_index < 3'd4)
						mult[h*COLS*16 +: COLS*16] <= par_data;
				end
			for (i = 0; i < 2*COLS; i = i + 1)
				if (par_index == 3'd4 && par_bank == (i >= COLS))
					shift[i*6 +: 6] <= par_data[(i % COLS)*8 +: 6];
		end

	wire [COLS*32-1:0] dw_bias, dw_mult;
	wire [COLS*6-1:0]  dw_shift;
	generate
		if (DW != 0) begin : g_dw
			reg [COLS*32-1:0] dw_bias_q, dw_mult_q;
			reg [COLS*6-1:0]  dw_shift_q;
			integer k;
			always @(posedge clk)
				if (dw_par_wen) begin
					if (dw_par_index == 3'd0)
						dw_bias_q[COLS*16-1:0] <= par_data;
					if (dw_par_index == 3'd1)
						dw_bias_q[COLS*32-1:COLS*16] <= par_data;
					if (dw_par_index == 3'd2)
						dw_mult_q[COLS*16-1:0] <= par_data;
					if (dw_par_index == 3'd3)
						dw_mult_q[COLS*32-1:COLS*16] <= par_data;
					if (dw_par_index == 3'd4)
						for (k = 0; k < COLS; k = k + 1)
							dw_shift_q[k*6 +: 6] <= par_data[k*8 +: 6];
				end
			assign {dw_bias, dw_mult, dw_shift} = {dw_bias_q, dw_mult_q, dw_shift_q};
		end else begin : g_none
			wire unused = &{dw_par_wen, dw_par_index};
			assign {dw_bias, dw_mult, dw_shift} = 0;
		end
	endgenerate

	// bit s: stage s holds a pixel, of which bank, and of the depthwise unit
	reg [11:1] v, b, d;
	always @(posedge clk) begin
		v <= rst ? 11'd0 : {v[10:1], valid};
		b <= {b[10:1], bank};
		d <= {d[10:1], DW != 0 && dw};
	end
	assign out_valid = v[11];
	assign out_bank  = b[11];
	assign out_dw    = d[11];
	assign res_pop   = v[5] && !d[5] && residual[b[5]];

	// What the stages need of their commands.
	wire [7:0] zero5 = d[5] ? mid_zero[23:16] : b[5] ? mid_zero[15:8] : mid_zero[7:0];
	wire [7:0] lo5   = d[5] ? mid_lo[23:16] : b[5] ? mid_lo[15:8] : mid_lo[7:0];
	wire [7:0] hi5   = d[5] ? mid_hi[23:16] : b[5] ? mid_hi[15:8] : mid_hi[7:0];
	wire [7:0] zr5   = b[5] ? res_zero[15:8] : res_zero[7:0];
	wire [23:0] ma6 = b[6] ? ma[47:24] : ma[23:0];
	wire [23:0] mb6 = b[6] ? mb[47:24] : mb[23:0];
	wire [5:0] add_shift8 = b[8] ? add_shift[11:6] : add_shift[5:0];
	wire [7:0] zero10 = b[10] ? out_zero[15:8] : out_zero[7:0];
	wire [7:0] lo10   = b[10] ? lo[15:8] : lo[7:0];
	wire [7:0] hi10   = b[10] ? hi[15:8] : hi[7:0];
	wire       both10 = !d[10] && residual[b[10]];

	genvar g;
	generate
		for (g = 0; g < COLS; g = g + 1) begin : g_lane
			wire [31:0] bias0  = DW != 0 && dw ? dw_bias[g*32 +: 32] :
					     bank ? bias[(COLS + g)*32 +: 32] : bias[g*32 +: 32];
			wire [31:0] mult1  = d[1] ? dw_mult[g*32 +: 32] :
					     b[1] ? mult[(COLS + g)*32 +: 32] : mult[g*32 +: 32];
			wire [5:0]  shift3 = d[3] ? dw_shift[g*6 +: 6] :
					     b[3] ? shift[(COLS + g)*6 +: 6] : shift[g*6 +: 6];
			wire [7:0]  rw5 = res_word[g*8 +: 8];

			reg signed [31:0] s1;
			wire signed [63:0] s3;
			wire signed [9:0]  s5, s10;
			wire [7:0] mid5, out10;
			wire signed [9:0] delta5;
			reg [7:0] mid6, mid7, mid8, mid9, mid10;
			reg signed [8:0] dm6, dr6;
			wire signed [33:0] s8;

			mea_mul #(.WIDE(WIDE)) multiply (
				.clk(clk), .valid(v[1]), .parts_valid(v[2]), .a(s1), .b(mult1[30:0]),
				.product(s3));
			mea_round #(.WIDTH(64)) round_product (
				.clk(clk), .valid(v[3]), .half_way(v[4]), .x(s3), .shift(shift3),
				.y(s5));
			mea_clamp clamp_mid (
				.x(s5), .zero(zero5), .lo(lo5), .hi(hi5), .y(mid5), .delta(delta5));
			mea_join #(.LUTS(LUTS)) join_residual (
				.clk(clk), .valid(v[6]), .products_valid(v[7]), .x(dm6), .y(dr6),
				.mx(ma6), .my(mb6), .sum(s8));
			mea_round #(.WIDTH(34)) round_sum (
				.clk(clk), .valid(v[8]), .half_way(v[9]), .x(s8),
				.shift(add_shift8), .y(s10));
			/* verilator lint_off PINCONNECTEMPTY */
			mea_clamp clamp_out (
				.x(s10), .zero(zero10), .lo(lo10), .hi(hi10), .y(out10), .delta());
			/* verilator lint_on PINCONNECTEMPTY */

			always @(posedge clk) begin
				if (valid)
					s1 <= (DW != 0 && dw ? {{12{dw_sum[g*20+19]}}, dw_sum[g*20 +: 20]} :
					      acc[g*32 +: 32]) + bias0;
				if (v[5]) begin
					mid6 <= mid5;
					dm6 <= delta5[8:0];
					dr6 <= $signed({rw5[7], rw5}) - $signed({zr5[7], zr5});
				end
				{mid7, mid8, mid9, mid10} <= {mid6, mid7, mid8, mid9};
				if (v[10])
					out_word[g*8 +: 8] <= both10 ? out10 : mid10;
			end
		end
	endgenerate
endmodule

`resetall
