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
			assert (level <= DEPTH);
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
