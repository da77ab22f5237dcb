// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the exact sum of a residual join, x * mx + y * my, in two registered steps:
// products, then their sum. A factor of 24 bits is more than an 18 x 18 multiplier takes;
// its upper seven bits either cost a second multiplier, or LUTs.
`resetall
`default_nettype none

module mea_join #(
	// 1: the products with the upper seven bits of mx and my are made of LUTs
	parameter integer LUTS = 0
) (
	input  wire               clk,
	// x, y, mx, my are there; the products are, a cycle later
	input  wire               valid,
	input  wire               products_valid,
	input  wire signed [8:0]  x, y,
	input  wire [23:0]        mx, my,
	// two cycles after x and y
	output reg signed [33:0]  sum
);
	generate
		if (LUTS != 0) begin : g_luts
			// Added by hand, lest the tools spend a multiplier; three and four bits
			// apart, so that the adders are shared out over the two steps.
			function signed [12:0] times(input signed [8:0] a, input [3:0] b);
				reg signed [12:0] wide;
				begin
					wide = {{4{a[8]}}, a};
					times = ((b[0] ? wide : 13'sd0) + (b[1] ? wide <<< 1 : 13'sd0)) +
						((b[2] ? wide <<< 2 : 13'sd0) + (b[3] ? wide <<< 3 : 13'sd0));
				end
			endfunction
			wire signed [17:0] mx_low = {1'b0, mx[16:0]};
			wire signed [17:0] my_low = {1'b0, my[16:0]};
			reg signed [26:0] lx, ly;
			reg signed [12:0] ux, uy, tx, ty;
			wire signed [27:0] low = lx + ly;
			wire signed [13:0] up = ux + uy;
			wire signed [13:0] top = tx + ty;
			always @(posedge clk) begin
				if (valid) begin
					lx <= x * mx_low;
					ly <= y * my_low;
					ux <= times(x, {1'b0, mx[19:17]});
					uy <= times(y, {1'b0, my[19:17]});
					tx <= times(x, mx[23:20]);
					ty <= times(y, my[23:20]);
				end
				if (products_valid)
					sum <= {{6{low[27]}}, low} + {{3{up[13]}}, up, 17'd0} +
					       {top, 20'd0};
			end
		end else begin : g_multipliers
			wire signed [24:0] mx_all = {1'b0, mx};
			wire signed [24:0] my_all = {1'b0, my};
			reg signed [33:0] px, py;
			always @(posedge clk) begin
				if (valid) begin
					px <= x * mx_all;
					py <= y * my_all;
				end
				if (products_valid)
					sum <= px + py;
			end
		end
	endgenerate
endmodule

`resetall
