// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the exact product of the requantiser, int32 times 31 bits, in two
// registered steps: parts, then their sum. An FPGA multiplies 18 x 18 bits (ECP5) or
// 25 x 18 (DSP48), both signed, so the parts are cut to fit: four multipliers, or
// with the wider ones two and a product by 7 bits, small enough for LUTs.
`resetall
`default_nettype none

module mea_mul #(
	// 0: multipliers of 18 x 18 bits; 1: of 25 x 18
	parameter WIDE = 0
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
	localparam CUT = WIDE != 0 ? 24 : 17;

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
			// Added by hand: as a product it would take multipliers.
			wire signed [38:0] x = {{7{a[31]}}, a};
			wire signed [38:0] t0 = (b[24] ? x : 39'sd0) + (b[25] ? x <<< 1 : 39'sd0);
			wire signed [38:0] t1 = (b[26] ? x : 39'sd0) + (b[27] ? x <<< 1 : 39'sd0);
			wire signed [38:0] t2 = (b[28] ? x : 39'sd0) + (b[29] ? x <<< 1 : 39'sd0);
			wire signed [38:0] t3 = b[30] ? x : 39'sd0;
			reg signed [38:0] upper;
			always @(posedge clk) begin
				if (valid)
					upper <= (t0 + (t1 <<< 2)) + ((t2 <<< 4) + (t3 <<< 6));
				if (parts_valid)
					product <= {23'd0, ll[40:0]} + hl_at +
						   {upper[38], upper, 24'd0};
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
