// SPDX-License-Identifier: Apache-2.0
//
// Purpose: a memory word out of bus beats. A word of several beats is the beats
// held so far with the current one on top; a word smaller than a beat is the
// part-th piece of it.
`resetall
`default_nettype none

module mea_word #(
	parameter integer BEAT = 8,
	parameter integer WORD = 16
) (
	input  wire [BEAT*8-1:0] beat,
	input  wire [5:0]        part,
	input  wire [511:0]      held,
	output wire [WORD*8-1:0] word
);
	generate
		if (WORD > BEAT) begin : g_join
			assign word = {beat, held[(WORD-BEAT)*8-1:0]};
		end else if (WORD == BEAT) begin : g_same
			assign word = beat;
		end else begin : g_split
			mea_part #(.WORD(BEAT), .PART(WORD)) piece (
				.word(beat), .sub(part[3:0]), .part(word));
		end
	endgenerate
endmodule

`resetall
