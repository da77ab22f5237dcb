// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the sub-th part of a word. Bits of `sub` that no part needs are not
// looked at: a selection that may run out of the word costs a shifter over all
// of it, even where word and part are the same.
`resetall
`default_nettype none

module mea_part #(
	// bytes of the word, PART times a power of two
	parameter integer WORD = 16,
	parameter integer PART = 8
) (
	input  wire [WORD*8-1:0] word,
	input  wire [3:0]        sub,
	output wire [PART*8-1:0] part
);
	generate
		if (WORD == PART) begin : g_whole
			wire unused = &sub;
			assign part = word;
		end else begin : g_pick
			localparam integer SW = $clog2(WORD / PART);
			assign part = word[sub[SW-1:0]*PART*8 +: PART*8];
		end
	endgenerate
endmodule

`resetall
