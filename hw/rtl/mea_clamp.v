// SPDX-License-Identifier: Apache-2.0
//
// Purpose: y = min(max(x + zero, lo), hi) in int8, and y - zero beside it, so that who
// needs that does not wait for y.
`resetall
`default_nettype none

module mea_clamp (
	input  wire signed [9:0] x,
	input  wire signed [7:0] zero, lo, hi,
	output wire [7:0]        y,
	// at most 9 bits when lo and hi are int8
	output wire signed [9:0] delta
);
	wire signed [10:0] t = {x[9], x} + {{3{zero[7]}}, zero};
	wire below = t < $signed({{3{lo[7]}}, lo});
	wire above = t > $signed({{3{hi[7]}}, hi});

	wire signed [9:0] z = {{2{zero[7]}}, zero};

	assign y = below ? lo : above ? hi : t[7:0];
	assign delta = below ? {{2{lo[7]}}, lo} - z : above ? {{2{hi[7]}}, hi} - z : x;
endmodule

`resetall
