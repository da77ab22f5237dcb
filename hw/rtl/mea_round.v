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
	// A shifter of six steps, the widest first. It keeps, beside the value, the last
	// bit shifted out (the half) and whether any before it was set. After the step
	// of 2^i at most 2^i - 1 places are left to go, so a value that needs more than
	// 9 + 2^i bits will not fit in 10 at the end: the bits above go no further, which
	// leaves a third of a plain shifter.
	reg signed [WIDTH-1:0] whole, above;
	reg half, rest, out;
	integer i;
	always @* begin
		whole = x;
		half  = 1'b0;
		rest  = 1'b0;
		out   = 1'b0;
		for (i = 5; i >= 0; i = i - 1) begin
			if (shift[i]) begin
				rest  = rest || half ||
					(whole & (({{(WIDTH-1){1'b0}}, 1'b1} << ((1 << i) - 1)) - 1'b1)) != 0;
				half  = whole[(1 << i) - 1];
				whole = whole >>> (1 << i);
			end
			if (9 + (1 << i) < WIDTH) begin
				above = whole >>> (8 + (1 << i));
				out   = out || (above != 0 && above != -1);
				whole = (whole <<< (WIDTH - 9 - (1 << i))) >>> (WIDTH - 9 - (1 << i));
			end
		end
	end
	wire up = half && (rest || whole[0]);

	assign y = out ? (x[WIDTH-1] ? -10'sd512 : 10'sd511) :
		   whole[9:0] == 10'h1ff ? 10'sd511 : whole[9:0] + {9'd0, up};
endmodule

`resetall
