// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the weight-stationary array, ROWS x COLS int8 multiply-accumulate
// cells. An activation is broadcast along its row, partial sums move down one
// row a cycle, so row r works r cycles after row 0 and all columns of a pixel
// leave together: the output needs no deskew. Each cell holds an active weight
// and a shadow weight; a swap tag travels down with the first pixel of a tile,
// one cycle ahead of it, so the weights change between two pixels without a
// bubble. A product rests in a register on its way to the sum, which an FPGA's
// multiplier has inside.
//
// Why one always block over packed vectors and not a module per cell: it maps
// to the same one multiplier per cell and simulates about three times faster.
`resetall
`default_nettype none

module mea_array #(
	// rows: input channels of a tile
	parameter integer ROWS = 16,
	// columns: output channels of a tile
	parameter integer COLS = 16,
	// bits of a partial sum inside the array; 16 + log2(ROWS) is enough, 32
	// simulates fastest
	parameter integer PSUM_W = 32,
	// two products in one multiplier: the place of the second, 16 (DSP48E1) or 18
	// (DSP48E2); 0: a multiplier for each
	parameter integer PACK = 0
) (
	input  wire                   clk,

	// shadow weights, two rows a cycle
	input  wire                   sh_wen,
	input  wire [$clog2(ROWS)-2:0] sh_pair,
	input  wire [2*COLS*8-1:0]    sh_data,

	// a pixel enters: `swap` and `next_en` are one cycle ahead of its `en` and `act`
	input  wire                   swap,
	input  wire                   next_en,
	input  wire                   en,
	input  wire [ROWS*8-1:0]      act,

	// its sums, ROWS + 1 cycles after `en`
	output wire [COLS*PSUM_W-1:0] psum
);
	reg [ROWS*COLS*8-1:0] w_shadow;
	reg [ROWS*COLS*PSUM_W-1:0] sums;
	// bit r: a pixel (a swap) is at row r
	reg [ROWS-1:0] en_q, swap_q;

	wire [ROWS-1:0] en_at   = {en_q[ROWS-2:0], en};
	wire [ROWS-1:0] swap_at = {swap_q[ROWS-2:0], swap};

	always @(posedge clk) begin
		en_q   <= en_at;
		swap_q <= swap_at;
	end
	// Some row multiplies (en_at is not 0); some row adds.
	reg multiply, add;
	always @(posedge clk) begin
		multiply <= next_en || en_at[ROWS-2:0] != 0;
		add <= multiply;
	end

	// Row r sees its activation r cycles late.
	wire [ROWS*8-1:0] act_at;
	assign act_at[7:0] = act[7:0];

	genvar g;
	generate
		for (g = 1; g < ROWS; g = g + 1) begin : g_skew
			reg [g*8-1:0] line;
			if (g == 1) begin : g_one
				always @(posedge clk)
					line <= act[g*8 +: 8];
			end else begin : g_many
				always @(posedge clk)
					line <= {line[g*8-9:0], act[g*8 +: 8]};
			end
			assign act_at[g*8 +: 8] = line[g*8-1 -: 8];
		end
	endgenerate

	integer s;
	always @(posedge clk)
		for (s = 0; s < ROWS / 2; s = s + 1)
			if (sh_wen && sh_pair == s[$clog2(ROWS)-2:0])
				w_shadow[s*2*COLS*8 +: 2*COLS*8] <= sh_data;

	integer r, c;
	generate
		if (PACK == 0) begin : g_plain
			reg [ROWS*COLS*8-1:0] w_active;
			reg [ROWS*COLS*16-1:0] products;
			always @(posedge clk)
				for (r = 0; r < ROWS; r = r + 1)
					if (swap_at[r])
						w_active[r*COLS*8 +: COLS*8] <=
							w_shadow[r*COLS*8 +: COLS*8];
			always @(posedge clk)
				if (multiply)
					for (r = 0; r < ROWS; r = r + 1)
						for (c = 0; c < COLS; c = c + 1)
							products[(r*COLS+c)*16 +: 16] <=
								$signed(act_at[r*8 +: 8]) *
								$signed(w_active[(r*COLS+c)*8 +: 8]);
			always @(posedge clk)
				if (add)
					for (r = 0; r < ROWS; r = r + 1)
						for (c = 0; c < COLS; c = c + 1)
							sums[(r*COLS+c)*PSUM_W +: PSUM_W] <=
								(r == 0 ? {PSUM_W{1'b0}} : sums[
								 ((r == 0 ? 0 : r-1)*COLS+c)*PSUM_W +: PSUM_W]) +
								{{(PSUM_W-16){products[(r*COLS+c)*16+15]}},
								 products[(r*COLS+c)*16 +: 16]};
		end else begin : g_packed
			for (g = 0; g < ROWS * COLS / 2; g = g + 1) begin : g_pair
				localparam integer R = 2 * g / COLS;
				localparam integer AT = 2 * g * PSUM_W;
				reg  [16:0] weights;
				wire [16:0] factor;
				wire signed [15:0] low, high;
				wire carry;
				reg  [32:0] products;

				mea_pair #(.OFFSET(PACK)) pair (
					.w_low(w_shadow[2*g*8 +: 8]), .w_high(w_shadow[2*g*8+8 +: 8]),
					.factor(factor), .weights(weights),
					.act(act_at[R*8 +: 8]), .low(low), .high(high), .carry(carry)
				);
				// The sums of the row above; the carry goes in one place below.
				wire [2*PSUM_W-1:0] above;
				if (R == 0) begin : g_top
					assign above = {2*PSUM_W{1'b0}};
				end else begin : g_below
					assign above = sums[AT-COLS*PSUM_W +: 2*PSUM_W];
				end
				wire [PSUM_W:0] upper = {above[PSUM_W +: PSUM_W], 1'b1} +
						{{(PSUM_W-16){products[32]}}, products[32:16]};
				always @(posedge clk) begin
					if (swap_at[R])
						weights <= factor;
					if (multiply)
						products <= {high, carry, low};
					if (add)
						sums[AT +: 2*PSUM_W] <= {upper[PSUM_W:1],
							above[PSUM_W-1:0] +
							{{(PSUM_W-16){products[15]}}, products[15:0]}};
				end
			end
		end
	endgenerate

	assign psum = sums[(ROWS-1)*COLS*PSUM_W +: COLS*PSUM_W];
endmodule

`resetall
