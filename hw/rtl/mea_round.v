// SPDX-License-Identifier: Apache-2.0
//
// Purpose: round(x / 2^shift), ties to even, saturated to 10 bits: wide enough
// that adding any int8 zero point and clamping to int8 still gives the exact
// result. shift is 0 .. WIDTH - 1.
`resetall
`default_nettype none

module mea_round #(
	parameter WIDTH = 64
) (
	input  wire signed [WIDTH-1:0] x,
	input  wire [5:0]              shift,
	output wire signed [9:0]       y
);
	wire signed [WIDTH-1:0] whole = x >>> shift;
	wire [WIDTH-1:0] mask = ~({WIDTH{1'b1}} << shift);
	wire [WIDTH-1:0] frac = x & mask;
	// For shift 0 this is 1, above any fraction, so nothing rounds up.
	wire [WIDTH-1:0] half = (mask >> 1) + 1'b1;
	wire up = frac > half || (frac == half && whole[0]);
	wire over  = !whole[WIDTH-1] && whole[WIDTH-2:9] != 0;
	wire under = whole[WIDTH-1] && whole[WIDTH-2:9] != {(WIDTH-10){1'b1}};

	assign y = over ? 10'sd511 : under ? -10'sd512 :
		   (whole[9:0] == 10'h1ff) ? 10'sd511 : whole[9:0] + {9'd0, up};
endmodule

`resetall
