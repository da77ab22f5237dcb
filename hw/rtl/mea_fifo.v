// SPDX-License-Identifier: Apache-2.0
//
// Purpose: a small first-word-fall-through FIFO in distributed RAM. Pushing
// while full and popping while empty are ignored, so no control error can
// corrupt the order of what is inside.
`resetall
`default_nettype none

module mea_fifo #(
	// bits of an entry
	parameter integer WIDTH = 8,
	// entries, a power of two
	parameter integer DEPTH = 8,
	parameter integer AW = $clog2(DEPTH)
) (
	input  wire             clk,
	input  wire             rst,
	input  wire             push,
	input  wire [WIDTH-1:0] din,
	input  wire             pop,
	output wire [WIDTH-1:0] dout,
	output reg              empty,
	output reg              full,
	output reg  [AW:0]      level
);
	localparam integer ALMOST = DEPTH - 1;
	reg [WIDTH-1:0] mem [0:DEPTH-1];
	reg [AW:0] wp, rp;
	wire put = push && !full;
	wire got = pop && !empty;

	assign dout = mem[rp[AW-1:0]];

	always @(posedge clk) begin
		if (put)
			mem[wp[AW-1:0]] <= din;
		wp <= wp + {{AW{1'b0}}, put};
		rp <= rp + {{AW{1'b0}}, got};
		// What the pointers say, kept beside them: much is decided by it.
		level <= level + {{AW{1'b0}}, put} - {{AW{1'b0}}, got};
		empty <= !put && (empty || (got && level == 1));
		full  <= !got && (full || (put && level == ALMOST[AW:0]));
		if (rst) begin
			{wp, rp, level} <= 0;
			{empty, full} <= 2'b10;
		end
	end

`ifdef FORMAL
	reg f_past;
	initial f_past = 1'b0;
	always @(posedge clk)
		f_past <= 1'b1;
`ifndef MEA_FORMAL_TOP
	always @(posedge clk)
		if (!f_past)
			assume (rst);
`endif
	// Any one place in the order: what goes in there comes out there.
	(* anyconst *) reg [AW:0] f_at;
	reg [WIDTH-1:0] f_value;
	always @(posedge clk)
		if (push && !full && wp == f_at)
			f_value <= din;
	wire [AW:0] f_ahead = f_at - rp;
	always @(posedge clk) begin
		if (f_past) begin
			assert (level <= DEPTH && level == wp - rp);
			assert (empty == (level == 0));
			assert (full == (level == DEPTH));
			if (f_ahead < level)
				assert (mem[f_at[AW-1:0]] == f_value);
			if (!empty && rp == f_at)
				assert (dout == f_value);
		end
		if (f_past && !$past(rst))
			assert (level == $past(level) + ($past(push) && !$past(full)) -
				($past(pop) && !$past(empty)));
		if (f_past && $past(rst))
			assert (empty);
		if (f_past)
			cover (full && rp != 0);
	end
`endif
endmodule

`resetall
