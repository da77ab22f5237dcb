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
	// A shifter of six steps that keeps, beside the value, the last bit shifted
	// out (the half) and whether any before it was set: a third of the logic of
	// masking and comparing the fraction.
	reg signed [WIDTH-1:0] whole;
	reg half, rest;
	integer i;
	always @* begin
		whole = x;
		half  = 1'b0;
		rest  = 1'b0;
		for (i = 0; i < 6; i = i + 1)
			if (shift[i]) begin
				rest  = rest || half ||
					(whole & (({{(WIDTH-1){1'b0}}, 1'b1} << ((1 << i) - 1)) - 1'b1)) != 0;
				half  = whole[(1 << i) - 1];
				whole = whole >>> (1 << i);
			end
	end
	wire up = half && (rest || whole[0]);
	wire over  = !whole[WIDTH-1] && whole[WIDTH-2:9] != 0;
	wire under = whole[WIDTH-1] && whole[WIDTH-2:9] != {(WIDTH-10){1'b1}};

	assign y = over ? 10'sd511 : under ? -10'sd512 :
		   (whole[9:0] == 10'h1ff) ? 10'sd511 : whole[9:0] + {9'd0, up};
endmodule

`resetall
