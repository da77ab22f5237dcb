// SPDX-License-Identifier: Apache-2.0
//
// Purpose: a small first-word-fall-through FIFO in distributed RAM. Pushing
// while full and popping while empty are ignored, so no control error can
// corrupt the order of what is inside.
`resetall
`default_nettype none

module mea_fifo #(
	// bits of an entry
	parameter WIDTH = 8,
	// entries, a power of two
	parameter DEPTH = 8,
	parameter AW = $clog2(DEPTH)
) (
	input  wire             clk,
	input  wire             rst,
	input  wire             push,
	input  wire [WIDTH-1:0] din,
	input  wire             pop,
	output wire [WIDTH-1:0] dout,
	output wire             empty,
	output wire             full,
	output wire [AW:0]      level
);
	reg [WIDTH-1:0] mem [0:DEPTH-1];
	reg [AW:0] wp, rp;

	assign level = wp - rp;
	assign empty = wp == rp;
	assign full  = level[AW];
	assign dout  = mem[rp[AW-1:0]];

	always @(posedge clk) begin
		if (push && !full) begin
			mem[wp[AW-1:0]] <= din;
			wp <= wp + 1'b1;
		end
		if (pop && !empty)
			rp <= rp + 1'b1;
		if (rst) begin
			wp <= 0;
			rp <= 0;
		end
	end
endmodule

`resetall
