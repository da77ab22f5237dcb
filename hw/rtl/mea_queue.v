// SPDX-License-Identifier: Apache-2.0
//
// Purpose: a command queue: a FIFO whose first entry lies in a register, because much
// is decided by it in the cycle in which it is looked at. It holds DEPTH + 1 entries.
`resetall
`default_nettype none

module mea_queue #(
	// bits of an entry
	parameter WIDTH = 8,
	// entries behind the first, a power of two
	parameter DEPTH = 8
) (
	input  wire             clk,
	input  wire             rst,
	input  wire             push,
	input  wire [WIDTH-1:0] din,
	// takes the first entry; ignored without one
	input  wire             pop,
	// the first entry is there
	output reg              valid,
	output reg  [WIDTH-1:0] dout,
	// nothing is in the queue, on its way to the register either
	output wire             empty,
	output wire             full
);
	wire [WIDTH-1:0] next;
	wire none;
	wire move = !none && (!valid || pop);

	/* verilator lint_off PINCONNECTEMPTY */
	mea_fifo #(.WIDTH(WIDTH), .DEPTH(DEPTH)) behind (
		.clk(clk), .rst(rst), .push(push), .din(din), .pop(move), .dout(next),
		.empty(none), .full(full), .level()
	);
	/* verilator lint_on PINCONNECTEMPTY */
	assign empty = none && !valid;

	always @(posedge clk) begin
		if (move)
			dout <= next;
		valid <= !rst && (move || (valid && !pop));
	end
endmodule

`resetall
