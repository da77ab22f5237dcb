// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the weight-stationary array, ROWS x COLS int8 multiply-accumulate
// cells. An activation is broadcast along its row, partial sums move down one
// row a cycle, so row r works r cycles after row 0 and all columns of a pixel
// leave together: the output needs no deskew. Each cell holds an active weight
// and a shadow weight; a swap tag travels down with the first pixel of a tile,
// one cycle ahead of it, so the weights change between two pixels without a
// bubble.
//
// Why one always block over packed vectors and not a module per cell: it maps
// to the same one multiplier per cell and simulates about three times faster.
`resetall
`default_nettype none

module mea_array #(
	// rows: input channels of a tile
	parameter ROWS = 16,
	// columns: output channels of a tile
	parameter COLS = 16,
	// bits of a partial sum inside the array; 16 + log2(ROWS) is enough, 32
	// simulates fastest
	parameter PSUM_W = 32
) (
	input  wire                   clk,

	// shadow weights, two rows a cycle
	input  wire                   sh_wen,
	input  wire [$clog2(ROWS)-2:0] sh_pair,
	input  wire [2*COLS*8-1:0]    sh_data,

	// a pixel enters: `swap` is one cycle ahead of its `en` and `act`
	input  wire                   swap,
	input  wire                   en,
	input  wire [ROWS*8-1:0]      act,

	// its sums, ROWS cycles after `en`
	output wire [COLS*PSUM_W-1:0] psum
);
	reg [ROWS*COLS*8-1:0] w_shadow, w_active;
	reg [ROWS*COLS*PSUM_W-1:0] sums;
	// bit r: a pixel (a swap) is at row r
	reg [ROWS-1:0] en_q, swap_q;

	wire [ROWS-1:0] en_at   = {en_q[ROWS-2:0], en};
	wire [ROWS-1:0] swap_at = {swap_q[ROWS-2:0], swap};

	always @(posedge clk) begin
		en_q   <= en_at;
		swap_q <= swap_at;
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

	integer r, c;
	always @(posedge clk) begin
		for (r = 0; r < ROWS; r = r + 1)
			if (swap_at[r])
				w_active[r*COLS*8 +: COLS*8] <= w_shadow[r*COLS*8 +: COLS*8];
		for (r = 0; r < ROWS / 2; r = r + 1)
			if (sh_wen && sh_pair == r[$clog2(ROWS)-2:0])
				w_shadow[r*2*COLS*8 +: 2*COLS*8] <= sh_data;
	end

	wire signed [PSUM_W-1:0] zero = {PSUM_W{1'b0}};
	always @(posedge clk) begin
		if (en_at != 0)
			for (r = 0; r < ROWS; r = r + 1)
				for (c = 0; c < COLS; c = c + 1)
					sums[(r*COLS+c)*PSUM_W +: PSUM_W] <=
						(r == 0 ? zero :
						 $signed(sums[((r == 0 ? 0 : r-1)*COLS+c)*PSUM_W +: PSUM_W])) +
						$signed(act_at[r*8 +: 8]) *
						$signed(w_active[(r*COLS+c)*8 +: 8]);
	end

	assign psum = sums[(ROWS-1)*COLS*PSUM_W +: COLS*PSUM_W];
endmodule

`resetall
