// SPDX-License-Identifier: Apache-2.0
//
// Purpose: y = min(max(x + up + zero, lo), hi) in int8, and y - zero beside it, so that
// who needs that does not wait for y. The bounds come with their distances from zero: x is
// compared with these, not the sum.
`resetall
`default_nettype none

module mea_clamp (
	input  wire signed [9:0] x,
	input  wire              up,
	input  wire signed [7:0] zero, lo, hi,
	// lo - zero, hi - zero, zero - lo, zero - hi - 1
	input  wire signed [9:0] d_lo, d_hi, m_lo, m_hi,
	output wire [7:0]        y,
	// at most 9 bits when lo and hi are int8
	output wire signed [9:0] delta
);
	wire signed [10:0] t = {x[9], x} + {{3{zero[7]}}, zero} + {10'd0, up};
	wire signed [10:0] over_lo = {x[9], x} + {m_lo[9], m_lo} + {10'd0, up};
	wire signed [10:0] over_hi = {x[9], x} + {m_hi[9], m_hi} + {10'd0, up};
	wire below = over_lo[10];
	wire above = !over_hi[10];

	assign y = below ? lo : above ? hi : t[7:0];
	assign delta = below ? d_lo : above ? d_hi : x + {9'd0, up};
endmodule

`resetall
