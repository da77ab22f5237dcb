// SPDX-License-Identifier: Apache-2.0
//
// Purpose: decodes the first command of a queue for its engine, in a cycle of its own:
// what is wrong with it, and whether the tokens that it waits for are there, hang on many
// bits. Tokens that are there stay, since only this queue takes them.
`resetall
`default_nettype none

module mea_head (
	input  wire       clk,
	input  wire       rst,

	// the command is there and stays until it is taken
	input  wire       valid,
	input  wire       taken,
	// it can not be done, whatever the reason
	input  wire       wrong,
	// tokens that it waits for, and those that are there
	input  wire [2:0] need,
	input  wire [2:0] there,

	// it has been decoded
	output wire       seen,
	// nothing is wrong with it and its tokens are there
	output wire       ready
);
	reg seen_q, ready_q;
	always @(posedge clk) begin
		seen_q  <= valid && !taken && !rst;
		ready_q <= valid && !taken && !rst && !wrong && (need & ~there) == 3'b000;
	end
	assign seen  = valid && seen_q;
	assign ready = valid && ready_q;

// In the whole design, mea_queue and mea_tokens are what is assumed here.
`ifdef FORMAL
`ifndef MEA_FORMAL_TOP
	reg f_past;
	initial f_past = 1'b0;
	always @(posedge clk) begin
		f_past <= 1'b1;
		if (!f_past)
			assume (rst);
		if (f_past && !$past(rst) && $past(valid) && !$past(taken)) begin
			assume (!valid || ($stable(need) && $stable(wrong)));
			assume (($past(there) & ~there) == 3'b000);
		end
		if (f_past)
			assert (!ready || (seen && !wrong && (need & ~there) == 3'b000));
	end
`endif
`endif
endmodule

`resetall
