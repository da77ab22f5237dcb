// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the twelve token counters that order the load, compute, store and
// depthwise queues: one per ordered pair. A queue takes tokens before it starts a command and gives
// them when the command is complete. A counter that would pass TOKEN_MAX is a
// fault of the command stream; one that is 0 makes the taker wait. So no counter
// wraps, whatever the commands are.
//
// Bit order of a queue's three partners: the other queues in the order load,
// compute, store, depthwise.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_tokens (
	input  wire       clk,
	input  wire       rst,

	input  wire [2:0] ld_give, ld_take,
	output wire [2:0] ld_there,
	input  wire [2:0] co_give, co_take,
	output wire [2:0] co_there,
	input  wire [2:0] st_give, st_take,
	output wire [2:0] st_there,
	input  wire [2:0] dw_give, dw_take,
	output wire [2:0] dw_there,

	// which giver overflowed a counter in this cycle: load, compute, store, depthwise
	output wire [3:0] overflow
);
	localparam [31:0] TOP_W = `MEA_TOKEN_MAX;
	localparam [7:0] TOP = TOP_W[7:0];

	// Counter 3 a + b is the b-th partner's of giver a: ld->co, ld->st, ld->dw,
	// co->ld, co->st, co->dw, st->ld, st->co, st->dw, dw->ld, dw->co, dw->st.
	wire [11:0] give = {dw_give, st_give, co_give, ld_give};
	wire [11:0] take = {st_take[2], co_take[2], ld_take[2],
			    dw_take[2], co_take[1], ld_take[1],
			    dw_take[1], st_take[1], ld_take[0],
			    dw_take[0], st_take[0], co_take[0]};
	wire [11:0] some, over;

	genvar g;
	generate
		for (g = 0; g < 12; g = g + 1) begin : g_pair
			// `there`: not 0, kept beside it, since what the engines do hangs on it
			reg [7:0] count;
			reg there;
			wire up   = give[g] && !take[g] && count != TOP;
			wire down = take[g] && !give[g] && there;

			assign some[g] = there;
			assign over[g] = give[g] && !take[g] && count == TOP;
			always @(posedge clk) begin
				if (up)
					count <= count + 8'd1;
				else if (down)
					count <= count - 8'd1;
				there <= up || (there && !(down && count == 8'd1));
				if (rst) begin
					count <= 8'd0;
					there <= 1'b0;
				end
			end

`ifdef FORMAL
			reg f_past;
			initial f_past = 1'b0;
			// Tokens given less those taken, in more bits than it can need.
			reg [15:0] f_given;
			wire f_lost = give[g] && !take[g] && f_given == `MEA_TOKEN_MAX;
			always @(posedge clk) begin
				f_past <= 1'b1;
				if (!f_past)
					assume (rst);
				// The engines take only what is there.
				`MEA_ENV (!take[g] || some[g] || rst);
				f_given <= rst ? 16'd0 : f_given + give[g] - take[g] - f_lost;
				if (f_past) begin
					// Neither a wrap nor a loss that is not reported.
					assert (f_given == count);
					assert (f_given <= `MEA_TOKEN_MAX);
					assert (over[g] == f_lost);
					assert (some[g] == (f_given != 0));
					cover (take[g] && f_given == 2);
				end
			end
`endif
		end
	endgenerate

	assign ld_there = {some[9], some[6], some[3]};
	assign co_there = {some[10], some[7], some[0]};
	assign st_there = {some[11], some[4], some[1]};
	assign dw_there = {some[8], some[5], some[2]};
	assign overflow = {|over[11:9], |over[8:6], |over[5:3], |over[2:0]};
endmodule

`resetall
