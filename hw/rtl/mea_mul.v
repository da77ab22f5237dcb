// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the exact product of the requantiser, int32 times 31 bits, in two
// registered steps: parts, then their sum. An FPGA multiplies 18 x 18 bits (ECP5) or
// 25 x 18 (DSP48), both signed, so the parts are cut to fit: four multipliers, or
// three of the wider ones and a product of 7 x 7 bits, small enough for LUTs.
`resetall
`default_nettype none

module mea_mul #(
	// 0: multipliers of 18 x 18 bits; 1: of 25 x 18
	parameter integer WIDE = 0
) (
	input  wire               clk,
	// a and b are there; the parts are, a cycle later
	input  wire               valid,
	input  wire               parts_valid,
	input  wire signed [31:0] a,
	input  wire [30:0]        b,
	// two cycles after a and b
	output reg signed [63:0]  product
);
	// Lower part of b.
	localparam integer CUT = WIDE != 0 ? 24 : 17;

	wire signed [17:0]  a_lo = {1'b0, a[16:0]};
	wire signed [14:0]  a_hi = a[31:17];
	wire signed [CUT:0] b_lo = {1'b0, b[CUT-1:0]};

	reg signed [CUT+17:0] ll;
	reg signed [CUT+14:0] hl;
	always @(posedge clk)
		if (valid) begin
			ll <= a_lo * b_lo;
			hl <= a_hi * b_lo;
		end

	wire [63:0] hl_at = {{(64-17-15-CUT){hl[CUT+14]}}, hl, 17'd0};
	generate
		if (WIDE != 0) begin : g_luts
			// The upper seven bits of b times all of a, in one multiplier more: its
			// sum takes in what the lower bits of a give, added by hand lest the
			// tools spend another.
			wire [13:0] x = {7'd0, a[6:0]};
			wire [13:0] low = ((b[24] ? x : 14'd0) + (b[25] ? x << 1 : 14'd0)) +
					  ((b[26] ? x << 2 : 14'd0) + (b[27] ? x << 3 : 14'd0)) +
					  ((b[28] ? x << 4 : 14'd0) + (b[29] ? x << 5 : 14'd0)) +
					  (b[30] ? x << 6 : 14'd0);
			wire signed [24:0] a_up = a[31:7];
			wire signed [7:0]  b_up = {1'b0, b[30:24]};
			wire signed [31:0] low_up = {25'd0, low[13:7]};
			reg signed [31:0] upper;
			reg [6:0] lowest;
			always @(posedge clk) begin
				if (valid) begin
					upper  <= a_up * b_up + low_up;
					lowest <= low[6:0];
				end
				if (parts_valid)
					product <= {23'd0, ll[40:0]} + hl_at +
						   {upper[31], upper, lowest, 24'd0};
			end
		end else begin : g_multipliers
			wire signed [14:0] b_hi = {1'b0, b[30:17]};
			reg signed [32:0] lh;
			reg signed [29:0] hh;
			// ll is not negative and fills what is below hh.
			always @(posedge clk) begin
				if (valid) begin
					lh <= a_lo * b_hi;
					hh <= a_hi * b_hi;
				end
				if (parts_valid)
					product <= {hh, ll[33:0]} + hl_at +
						   {{14{lh[32]}}, lh, 17'd0};
			end
		end
	endgenerate
endmodule

`resetall
