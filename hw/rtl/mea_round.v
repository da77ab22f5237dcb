// SPDX-License-Identifier: Apache-2.0
//
// Purpose: round(x / 2^shift), ties to even, saturated to 10 bits: wide enough
// that adding any int8 zero point and clamping to int8 still gives the exact
// result. shift is 0 .. WIDTH - 1. Two registered steps. What rounding adds stays
// apart: it goes into the sum with the zero point as a carry.
`resetall
`default_nettype none

module mea_round #(
	parameter integer WIDTH = 64
) (
	input  wire                    clk,
	// x is there; it is half way
	input  wire                    valid,
	input  wire                    half_way,
	input  wire signed [WIDTH-1:0] x,
	input  wire [5:0]              shift,
	// two cycles after x: the result is y + up, at most 512
	output reg signed [9:0]        y,
	output reg                     up
);
	// A shifter of six steps, the widest first. It keeps, beside the value, the last
	// bit shifted out (the half) and whether any before it was set. After the step
	// of 2^i at most 2^i - 1 places are left to go, so a value that needs more than
	// 9 + 2^i bits will not fit in 10 at the end: the bits above go no further, which
	// leaves a third of a plain shifter. After the first three steps 17 bits are left.
	localparam REST_W = 17;
	reg signed [WIDTH-1:0] whole, above;
	reg half, rest, out;
	integer i;
	always @* begin
		whole = x;
		half  = 1'b0;
		rest  = 1'b0;
		out   = 1'b0;
		for (i = 5; i >= 3; i = i - 1) begin
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

	reg signed [REST_W-1:0] whole_q;
	reg half_q, rest_q, out_q, minus_q;
	reg [2:0] shift_q;
	always @(posedge clk)
		if (valid) begin
			whole_q <= whole[REST_W-1:0];
			{half_q, rest_q, out_q} <= {half, rest, out};
			minus_q <= x[WIDTH-1];
			shift_q <= shift[2:0];
		end

	reg signed [REST_W-1:0] part, top;
	reg part_half, part_rest, part_out;
	integer j;
	always @* begin
		part = whole_q;
		part_half = half_q;
		part_rest = rest_q;
		part_out  = out_q;
		for (j = 2; j >= 0; j = j - 1) begin
			if (shift_q[j]) begin
				part_rest = part_rest || part_half ||
					    (part & (({{(REST_W-1){1'b0}}, 1'b1} << ((1 << j) - 1)) - 1'b1)) != 0;
				part_half = part[(1 << j) - 1];
				part = part >>> (1 << j);
			end
			top = part >>> (8 + (1 << j));
			part_out = part_out || (top != 0 && top != -1);
			part = (part <<< (REST_W - 9 - (1 << j))) >>> (REST_W - 9 - (1 << j));
		end
	end

	always @(posedge clk)
		if (half_way) begin
			y  <= part_out ? (minus_q ? -10'sd512 : 10'sd511) : part[9:0];
			up <= !part_out && part_half && (part_rest || part[0]);
		end
endmodule

`resetall
