// SPDX-License-Identifier: Apache-2.0
//
// Purpose: cuts rows of beats into bursts that neither exceed MAX_BURST nor cross
// a 4 KiB page. Slot bases are page aligned, so the offset's low bits are the
// address's; MAX_BURST is a power of two, so only the last MAX_BURST beats of a page
// are near its end.
`resetall
`default_nettype none

module mea_burst #(
	parameter integer BEAT = 8,
	parameter integer MAX_BURST = 16
) (
	input  wire [31:0] offset,
	input  wire [25:0] beats_left,
	output wire [8:0]  beats,
	// it is the last one of the row
	output wire        last
);
	localparam integer BEAT_LOG = $clog2(BEAT);
	localparam integer MAX_LOG = $clog2(MAX_BURST);

	wire near;
	generate
		if (BEAT_LOG + MAX_LOG < 12) begin : g_far
			assign near = &offset[11:BEAT_LOG+MAX_LOG];
		end else begin : g_page
			assign near = 1'b1;
		end
	endgenerate
	// beats_left is compared with what may be sent on both assumptions, near and not.
	wire [8:0] past = {{(9-MAX_LOG){1'b0}}, offset[BEAT_LOG +: MAX_LOG]};
	wire [9:0] sum  = {1'b0, beats_left[8:0]} + {1'b0, past};
	wire few = beats_left[25:9] == 0;

	assign last  = few && (near ? sum <= MAX_BURST[9:0] : beats_left[8:0] <= MAX_BURST[8:0]);
	assign beats = last ? beats_left[8:0] : near ? MAX_BURST[8:0] - past : MAX_BURST[8:0];
endmodule

`resetall
