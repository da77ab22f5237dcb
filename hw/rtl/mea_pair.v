// SPDX-License-Identifier: Apache-2.0
//
// Purpose: one activation times two weights in one multiplier. The second weight sits
// OFFSET places over the first in one factor, w_high * 2^OFFSET + w_low; in the
// product the lower OFFSET bits are then act * w_low, and the bits above it
// act * w_high less the borrow of a negative lower product, which `carry` gives back.
// The factor has OFFSET + 9 bits: 25 x 18 fits a DSP48E1, 27 x 18 a DSP48E2.
`resetall
`default_nettype none

module mea_pair #(
	// at least 16: act * w_low has 16 bits
	parameter integer OFFSET = 16
) (
	// the factor, less the copies of w_low's sign, from the two weights
	input  wire [7:0]         w_low, w_high,
	output wire [16:0]        factor,

	input  wire [16:0]        weights,
	input  wire signed [7:0]  act,
	// act * w_low, and high + carry = act * w_high
	output wire signed [15:0] low, high,
	output wire               carry
);
	wire [8:0] upper = {w_high[7], w_high} - {8'd0, w_low[7]};
	assign factor = {upper, w_low};

	wire signed [OFFSET+8:0]  whole = {weights[16:8], {(OFFSET-8){weights[7]}}, weights[7:0]};
	wire signed [OFFSET+16:0] product = whole * act;
	assign low   = product[15:0];
	assign high  = product[OFFSET +: 16];
	assign carry = product[OFFSET-1];

`ifdef FORMAL
	wire signed [15:0] f_low  = $signed(w_low) * act;
	wire signed [15:0] f_high = $signed(w_high) * act;
	always @* begin
		assume (weights == factor);
		assert (low == f_low);
		assert (high + {15'd0, carry} == f_high);
	end
`endif
endmodule

`resetall
