// SPDX-License-Identifier: Apache-2.0
//
// Purpose: cuts rows of beats into bursts that neither exceed MAX_BURST nor cross
// a 4 KiB page. Slot bases are page aligned, so the offset's low bits are the
// address's.
`resetall
`default_nettype none

module mea_burst #(
	parameter BEAT = 8,
	parameter MAX_BURST = 16
) (
	input  wire [31:0] offset,
	input  wire [25:0] beats_left,
	output wire [8:0]  beats
);
	localparam BEAT_LOG = $clog2(BEAT);
	localparam PAGE_BEATS = 4096 / BEAT;

	wire [12:0] to_page = PAGE_BEATS[12:0] - {{(BEAT_LOG+1){1'b0}}, offset[11:BEAT_LOG]};
	wire [12:0] cap = to_page < MAX_BURST[12:0] ? to_page : MAX_BURST[12:0];

	assign beats = beats_left < {13'd0, cap} ? beats_left[8:0] : cap[8:0];
endmodule

`resetall
