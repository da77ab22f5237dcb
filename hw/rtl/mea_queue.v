// SPDX-License-Identifier: Apache-2.0
//
// Purpose: a command queue: a FIFO whose first entry lies in a register, because much
// is decided by it in the cycle in which it is looked at. It holds DEPTH + 1 entries.
`resetall
`default_nettype none

module mea_queue #(
	// bits of an entry
	parameter integer WIDTH = 8,
	// entries behind the first, a power of two
	parameter integer DEPTH = 8
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
	// no place is left behind the first
	output wire             full,
	// entries behind the first
	output wire [$clog2(DEPTH):0] level
);
	wire [WIDTH-1:0] next;
	wire none;
	wire move = !none && (!valid || pop);

	mea_fifo #(.WIDTH(WIDTH), .DEPTH(DEPTH)) behind (
		.clk(clk), .rst(rst), .push(push), .din(din), .pop(move), .dout(next),
		.empty(none), .full(full), .level(level)
	);
	assign empty = none && !valid;

	always @(posedge clk) begin
		if (move)
			dout <= next;
		valid <= !rst && (move || (valid && !pop));
	end

// Not inside another proof, where the FIFO may be cut out and no f_ wire is tied.
`ifdef FORMAL
`ifdef MEA_FORMAL_QUEUE
	localparam integer AW = $clog2(DEPTH);
	reg f_past;
	initial f_past = 1'b0;
	always @(posedge clk) begin
		f_past <= 1'b1;
		if (!f_past)
			assume (rst);
	end
	// The place that mea_fifo watches, what went in there, and its pointers: tied by
	// mea_queue.ys.
	(* keep *) wire [AW:0] f_at, f_wp, f_rp;
	(* keep *) wire [WIDTH-1:0] f_value;
	// Any one entry in the order: what goes in comes out, in its turn.
	reg [AW:0] f_in, f_out;
	reg [WIDTH-1:0] f_said;
	wire [AW:0] f_held = f_in - f_out;
	wire f_put = push && !full, f_got = pop && valid;
	always @(posedge clk) begin
		f_in  <= rst ? {AW+1{1'b0}} : f_in + f_put;
		f_out <= rst ? {AW+1{1'b0}} : f_out + f_got;
		if (f_put && f_in == f_at)
			f_said <= din;
	end
	always @(posedge clk)
		if (f_past) begin
			assert (f_held <= DEPTH + 1 && f_held == level + valid);
			assert (empty == (f_held == 0));
			if (valid && f_out == f_at)
				assert (dout == f_said);
			if (f_at - f_out < f_held && !(valid && f_out == f_at))
				assert (f_value == f_said);
			assert (f_in == f_wp && f_out + valid == f_rp);
			// Never more than a cycle behind what is there.
			if (!$past(rst) && !$past(empty) && !$past(pop))
				assert (valid);
			if (!$past(rst) && $past(valid) && !$past(pop))
				assert (valid && $stable(dout));
			cover (full && valid && f_out != 0);
		end
`endif
`endif
endmodule

`resetall
