// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the six token counters that order the load, compute and store queues:
// one per ordered pair. A queue takes tokens before it starts a command and gives
// them when the command is complete. A counter that would pass TOKEN_MAX is a
// fault of the command stream; one that is 0 makes the taker wait. So no counter
// wraps, whatever the commands are.
//
// Bit order of a queue's two partners: the other queues in the order load,
// compute, store.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_tokens (
	input  wire       clk,
	input  wire       rst,

	input  wire [1:0] ld_give, ld_take,
	output wire [1:0] ld_there,
	input  wire [1:0] co_give, co_take,
	output wire [1:0] co_there,
	input  wire [1:0] st_give, st_take,
	output wire [1:0] st_there,

	// which giver overflowed a counter in this cycle: load, compute, store
	output wire [2:0] overflow
);
	localparam [31:0] TOP_W = `MEA_TOKEN_MAX;
	localparam [7:0] TOP = TOP_W[7:0];

	// from: ld->co, ld->st, co->ld, co->st, st->ld, st->co
	wire [5:0] give = {st_give[1], st_give[0], co_give[1], co_give[0], ld_give[1], ld_give[0]};
	wire [5:0] take = {co_take[1], ld_take[1], st_take[1], ld_take[0], st_take[0], co_take[0]};
	wire [5:0] some, over;

	genvar g;
	generate
		for (g = 0; g < 6; g = g + 1) begin : g_pair
			reg [7:0] count;

			assign some[g] = count != 8'd0;
			assign over[g] = give[g] && !take[g] && count == TOP;
			always @(posedge clk) begin
				if (give[g] && !take[g] && count != TOP)
					count <= count + 8'd1;
				else if (take[g] && !give[g] && count != 8'd0)
					count <= count - 8'd1;
				if (rst)
					count <= 8'd0;
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

	assign ld_there = {some[4], some[2]};
	assign co_there = {some[5], some[0]};
	assign st_there = {some[3], some[1]};
	assign overflow = {over[5] || over[4], over[3] || over[2], over[1] || over[0]};
endmodule

`resetall
