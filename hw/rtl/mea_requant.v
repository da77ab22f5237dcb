// SPDX-License-Identifier: Apache-2.0
//
// Purpose: int32 accumulators to int8 outputs, one word of COLS lanes a cycle:
//
//   mid = clamp(RNE((acc + bias) * mult >> shift) + mid_zero, mid_lo, mid_hi)
//   out = clamp(RNE(((mid - mid_zero) * ma + (r - res_zero) * mb) >> add_shift)
//               + out_zero, lo, hi)                       with a residual word r
//   out = mid, or mid's entry in a table of 256           without
//
// with the exact 64-bit product and round half to even: qnet.h has the same
// formulas and runtime/backend/ref is their definition. Eleven stages, no stall.
//
// Two sets of parameters stand side by side, chosen by the command set of each
// pixel, so the parameters of the next command load while this one drains; a third
// is the depthwise unit's, which has no residual.
`resetall
`default_nettype none

module mea_requant #(
	parameter integer COLS = 16,
	// 1: a third set of parameters, for the depthwise unit
	parameter integer DW = 1,
	// as in mea_mul
	parameter integer WIDE = 0,
	// as in mea_join
	parameter integer LUTS = 0,
	// tables that the table memory holds, a power of two; 0: there is none
	parameter integer TABLES = 8,
	// address bits of its words
	parameter integer TABLE_AW = 9
) (
	input  wire               clk,
	input  wire               rst,

	// bias, mult (two words each) and shift (one) of a command set
	input  wire               par_wen,
	input  wire               par_set,
	input  wire [2:0]         par_index,
	input  wire [2*COLS*8-1:0] par_data,
	// the same for the depthwise unit
	input  wire               dw_par_wen,
	input  wire [2:0]         dw_par_index,

	// fields of the commands in flight, set 0 in the lowest part, the depthwise
	// unit's in the highest
	input  wire [3*8-1:0]     mid_zero, mid_lo, mid_hi,
	input  wire [2*8-1:0]     res_zero, out_zero, lo, hi,
	input  wire [2*24-1:0]    ma, mb,
	input  wire [2*6-1:0]     add_shift,
	input  wire [1:0]         residual,
	// whether mid is looked up, and in which table
	input  wire [2:0]         table_on,
	input  wire [3*3-1:0]     table_at,

	// table memory: word i of a table holds what becomes of the bytes 4 i to 4 i + 3
	input  wire               table_wen,
	input  wire [TABLE_AW-1:0] table_waddr,
	input  wire [31:0]        table_wdata,

	// a cycle before stage 0: whose word that will be, if it has one
	input  wire               next_dw,
	input  wire               next_set,

	// stage 0: an accumulator word and its command set, or a word of the depthwise unit
	input  wire               valid,
	input  wire               dw,
	input  wire               cmd_set,
	input  wire [COLS*32-1:0] acc,
	input  wire [COLS*20-1:0] dw_sum,

	// stage 6 takes the residual word
	output wire               res_pop,
	input  wire [COLS*8-1:0]  res_word,

	// stage 10: whose word comes next
	output wire               out_next,
	output wire               out_next_dw,
	output wire               out_next_set,

	// stage 11: the output word
	output wire               out_valid,
	output reg  [COLS*8-1:0]  out_word
);
	// A RAM for each word of parameters, its place the set.
	(* ram_style = "distributed" *) reg [COLS*16-1:0] bias_low [0:3];
	(* ram_style = "distributed" *) reg [COLS*16-1:0] bias_high [0:3];
	(* ram_style = "distributed" *) reg [COLS*16-1:0] mult_low [0:3];
	(* ram_style = "distributed" *) reg [COLS*16-1:0] mult_high [0:3];
	(* ram_style = "distributed" *) reg [COLS*6-1:0]  shifts [0:3];
	wire w_dw = DW != 0 && dw_par_wen;
	wire w_en = par_wen || w_dw;
	wire [1:0] w_set = {w_dw, par_set && !w_dw};
	wire [2:0] w_index = w_dw ? dw_par_index : par_index;
	reg [COLS*6-1:0] w_shift;
	integer i;
	always @* begin
		w_shift = {COLS*6{1'b0}};
		for (i = 0; i < COLS; i = i + 1)
			w_shift[i*6 +: 6] = par_data[i*8 +: 6];
	end
	always @(posedge clk) begin
		if (w_en && w_index == 3'd0)
			bias_low[w_set] <= par_data;
		if (w_en && w_index == 3'd1)
			bias_high[w_set] <= par_data;
		if (w_en && w_index == 3'd2)
			mult_low[w_set] <= par_data;
		if (w_en && w_index == 3'd3)
			mult_high[w_set] <= par_data;
		if (w_en && w_index == 3'd4)
			shifts[w_set] <= w_shift;
	end

	// bit s: stage s holds a pixel, of which set, and of the depthwise unit
	reg [11:1] v;
	reg [10:1] b, d;
	always @(posedge clk) begin
		v <= rst ? 11'd0 : {v[10:1], valid};
		b <= {b[9:1], cmd_set};
		d <= {d[9:1], DW != 0 && dw};
	end
	assign out_next      = v[10];
	assign out_next_set = b[10];
	assign out_next_dw   = d[10];
	assign out_valid     = v[11];
	assign res_pop       = v[5] && !d[5] && residual[b[5]];

	// What the stages need of their commands, chosen a stage before; of what mea_clamp
	// needs, the bounds' distances from zero are made then, too.
	wire [7:0] zero4 = d[4] ? mid_zero[23:16] : b[4] ? mid_zero[15:8] : mid_zero[7:0];
	wire [7:0] lo4   = d[4] ? mid_lo[23:16] : b[4] ? mid_lo[15:8] : mid_lo[7:0];
	wire [7:0] hi4   = d[4] ? mid_hi[23:16] : b[4] ? mid_hi[15:8] : mid_hi[7:0];
	wire [7:0] zero9 = b[9] ? out_zero[15:8] : out_zero[7:0];
	wire [7:0] lo9   = b[9] ? lo[15:8] : lo[7:0];
	wire [7:0] hi9   = b[9] ? hi[15:8] : hi[7:0];
	function signed [9:0] less(input [7:0] a, input [7:0] c);
		less = $signed({{2{a[7]}}, a}) - $signed({{2{c[7]}}, c});
	endfunction
	reg signed [9:0] d_lo5, d_hi5, m_lo5, m_hi5, m_lo10, m_hi10;
	reg [7:0]  zero5, lo5, hi5, zr5, zero10, lo10, hi10;
	reg [23:0] ma6, mb6;
	reg [5:0]  add_shift8;
	reg        both10;
	always @(posedge clk) begin
		{zero5, lo5, hi5} <= {zero4, lo4, hi4};
		d_lo5  <= less(lo4, zero4);
		d_hi5  <= less(hi4, zero4);
		m_lo5  <= less(zero4, lo4);
		m_hi5  <= less(zero4, hi4) - 10'sd1;
		zr5    <= b[4] ? res_zero[15:8] : res_zero[7:0];
		ma6    <= b[5] ? ma[47:24] : ma[23:0];
		mb6    <= b[5] ? mb[47:24] : mb[23:0];
		add_shift8 <= b[7] ? add_shift[11:6] : add_shift[5:0];
		{zero10, lo10, hi10} <= {zero9, lo9, hi9};
		m_lo10 <= less(zero9, lo9);
		m_hi10 <= less(zero9, hi9) - 10'sd1;
		both10 <= !d[9] && residual[b[9]];
	end

	// Parameters are read a stage before they are used, too.
	reg [COLS*32-1:0] biases0, mults1;
	reg [COLS*6-1:0]  shifts3;
	wire [1:0] set0 = {DW != 0 && next_dw, next_set && !(DW != 0 && next_dw)};
	wire [1:0] set1 = {DW != 0 && dw, cmd_set && !(DW != 0 && dw)};
	wire [1:0] set3 = {d[2], b[2] && !d[2]};
	always @(posedge clk) begin
		biases0 <= {bias_high[set0], bias_low[set0]};
		mults1  <= {mult_high[set1], mult_low[set1]};
		shifts3 <= shifts[set3];
	end

	// A table's entry takes the place of mid on the way past the residual's stages. on6: mid6
	// is looked up, in table at6.
	reg on6, on7;
	reg [2:0] at6;
	always @(posedge clk) begin
		on6 <= TABLES != 0 && (d[5] ? table_on[2] : b[5] ? table_on[1] : table_on[0]);
		at6 <= d[5] ? table_at[8:6] : b[5] ? table_at[5:3] : table_at[2:0];
		on7 <= on6;
	end

	genvar g;
	generate
		for (g = 0; g < COLS; g = g + 1) begin : g_lane
			wire [31:0] bias0 = biases0[g*32 +: 32];
			wire [31:0] mult1 = mults1[g*32 +: 32];
			wire [5:0]  shift3 = shifts3[g*6 +: 6];
			wire [7:0]  rw5 = res_word[g*8 +: 8];

			reg signed [31:0] s1;
			wire signed [63:0] s3;
			wire signed [9:0]  s5, s10;
			wire up5, up10;
			wire [7:0] mid5, out10;
			wire signed [9:0] delta5;
			reg [7:0] mid6, mid7, mid8, mid9, mid10;
			reg signed [8:0] dm6, dr6;
			wire signed [33:0] s8;

			// Each lane has a memory of its own, as all look up at the same time.
			wire [7:0] entry7;
			if (TABLES != 0) begin : g_table
				wire [31:0] word7;
				wire [8:0] word6 = {at6, mid6[7:2]};
				mea_ram #(.WIDTH(32), .DEPTH(1 << TABLE_AW)) entries (
					.clk(clk), .wen(table_wen), .waddr(table_waddr),
					.wdata(table_wdata), .ren(v[6] && on6),
					.raddr(word6[TABLE_AW-1:0]), .rdata(word7));
				mea_part #(.WORD(4), .PART(1)) pick (
					.word(word7), .sub({2'd0, mid7[1:0]}), .part(entry7));
			end else begin : g_no_table
				assign entry7 = mid7;
			end

			mea_mul #(.WIDE(WIDE)) multiply (
				.clk(clk), .valid(v[1]), .parts_valid(v[2]), .a(s1), .b(mult1[30:0]),
				.product(s3));
			mea_round #(.WIDTH(64)) round_product (
				.clk(clk), .valid(v[3]), .half_way(v[4]), .x(s3), .shift(shift3),
				.y(s5), .up(up5));
			mea_clamp clamp_mid (
				.x(s5), .up(up5), .zero(zero5), .lo(lo5), .hi(hi5),
				.d_lo(d_lo5), .d_hi(d_hi5), .m_lo(m_lo5), .m_hi(m_hi5), .y(mid5), .delta(delta5));
			mea_join #(.LUTS(LUTS)) join_residual (
				.clk(clk), .valid(v[6]), .products_valid(v[7]), .x(dm6), .y(dr6),
				.mx(ma6), .my(mb6), .sum(s8));
			mea_round #(.WIDTH(34)) round_sum (
				.clk(clk), .valid(v[8]), .half_way(v[9]), .x(s8),
				.shift(add_shift8), .y(s10), .up(up10));
			/* verilator lint_off PINCONNECTEMPTY */
			mea_clamp clamp_out (
				.x(s10), .up(up10), .zero(zero10), .lo(lo10), .hi(hi10),
				.d_lo(10'sd0), .d_hi(10'sd0), .m_lo(m_lo10), .m_hi(m_hi10),
				.y(out10), .delta());
			/* verilator lint_on PINCONNECTEMPTY */

			always @(posedge clk) begin
				s1 <= (DW != 0 && dw ? {{12{dw_sum[g*20+19]}}, dw_sum[g*20 +: 20]} :
				      acc[g*32 +: 32]) + bias0;
				if (v[5]) begin
					mid6 <= mid5;
					dm6 <= delta5[8:0];
					dr6 <= $signed({rw5[7], rw5}) - $signed({zr5[7], zr5});
				end
				{mid7, mid9, mid10} <= {mid6, mid8, mid9};
				mid8 <= on7 ? entry7 : mid7;
				if (v[10])
					out_word[g*8 +: 8] <= both10 ? out10 : mid10;
			end
		end
	endgenerate
endmodule

`resetall
