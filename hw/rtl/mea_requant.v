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
// formulas and runtime/backend/ref is their definition. Nine stages, no stall.
//
// Two sets of parameters stand side by side, chosen by the command bank of each
// pixel, so the parameters of the next command load while this one drains; a third
// is the depthwise unit's, which has no residual.
`resetall
`default_nettype none

module mea_requant #(
	parameter COLS = 16,
	// 1: a third set of parameters, for the depthwise unit
	parameter DW = 1
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

	// stage 9: the output word
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
	reg [9:1] v, b, d;
	always @(posedge clk) begin
		v <= rst ? 9'd0 : {v[8:1], valid};
		b <= {b[8:1], bank};
		d <= {d[8:1], DW != 0 && dw};
	end
	assign out_valid = v[9];
	assign out_bank  = b[9];
	assign out_dw    = d[9];
	assign res_pop   = v[6] && !d[6] && residual[b[6]];

	wire [7:0] zero4 = d[4] ? mid_zero[23:16] : b[4] ? mid_zero[15:8] : mid_zero[7:0];
	wire [7:0] lo4   = d[4] ? mid_lo[23:16] : b[4] ? mid_lo[15:8] : mid_lo[7:0];
	wire [7:0] hi4   = d[4] ? mid_hi[23:16] : b[4] ? mid_hi[15:8] : mid_hi[7:0];

	genvar g;
	generate
		for (g = 0; g < COLS; g = g + 1) begin : g_lane
			wire [31:0] bias_b  = DW != 0 && dw ? dw_bias[g*32 +: 32] :
					      bank ? bias[(COLS + g)*32 +: 32] : bias[g*32 +: 32];
			wire [31:0] mult_b  = d[1] ? dw_mult[g*32 +: 32] :
					      b[1] ? mult[(COLS + g)*32 +: 32] : mult[g*32 +: 32];
			wire [5:0]  shift_b = d[3] ? dw_shift[g*6 +: 6] :
					      b[3] ? shift[(COLS + g)*6 +: 6] : shift[g*6 +: 6];
			wire [5:0]  add_shift_b = b[7] ? add_shift[11:6] : add_shift[5:0];
			wire [23:0] ma_b = b[5] ? ma[47:24] : ma[23:0];
			wire [23:0] mb_b = b[6] ? mb[47:24] : mb[23:0];
			wire [7:0]  mid_w, out_w;

			reg signed [31:0] s1;
			reg signed [63:0] s2, s3;
			reg signed [9:0]  s4;
			reg [7:0] s5, s6_mid, s7_mid, s8_mid;
			reg signed [33:0] s6, s7;
			reg signed [9:0]  s8;
			wire signed [9:0] r4, r8;

			mea_round #(.WIDTH(64)) round_product (.x(s3), .shift(shift_b), .y(r4));
			mea_round #(.WIDTH(34)) round_sum (.x(s7), .shift(add_shift_b), .y(r8));
			mea_clamp clamp_mid (.x(s4), .zero(zero4), .lo(lo4), .hi(hi4), .y(mid_w));
			mea_clamp clamp_out (.x(s8), .zero(out_zero[b[8]*8 +: 8]),
					     .lo(lo[b[8]*8 +: 8]), .hi(hi[b[8]*8 +: 8]),
					     .y(out_w));

			wire [7:0] zm = b[5] ? mid_zero[15:8] : mid_zero[7:0];
			wire [7:0] zr = res_zero[b[6]*8 +: 8];
			wire [7:0] rw = res_word[g*8 +: 8];
			wire signed [8:0] dm = $signed({s5[7], s5}) - $signed({zm[7], zm});
			wire signed [8:0] dr = $signed({rw[7], rw}) - $signed({zr[7], zr});

			always @(posedge clk) begin
				if (valid)
					s1 <= (DW != 0 && dw ? {{12{dw_sum[g*20+19]}}, dw_sum[g*20 +: 20]} :
					      acc[g*32 +: 32]) + bias_b;
				if (v[1])
					s2 <= s1 * $signed({1'b0, mult_b[30:0]});
				if (v[2])
					s3 <= s2;
				if (v[3])
					s4 <= r4;
				if (v[4])
					s5 <= mid_w;
				if (v[5]) begin
					s6 <= dm * $signed({1'b0, ma_b});
					s6_mid <= s5;
				end
				if (v[6]) begin
					s7 <= s6 + dr * $signed({1'b0, mb_b});
					s7_mid <= s6_mid;
				end
				if (v[7]) begin
					s8 <= r8;
					s8_mid <= s7_mid;
				end
				if (v[8])
					out_word[g*8 +: 8] <= !d[8] && residual[b[8]] ? out_w : s8_mid;
			end
		end
	endgenerate
endmodule

`resetall
