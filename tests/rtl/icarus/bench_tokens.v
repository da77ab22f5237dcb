// SPDX-License-Identifier: Apache-2.0
//
// mea_tokens against twelve counters in the bench: which pair each bit means, waiting at
// zero, the fault at the top and whom it names.
// run:
`default_nettype none
`include "mea_isa.vh"

module bench_tokens;
`include "bench.vh"
	localparam LD = 0, CO = 1, ST = 2, DW = 3;
	// No queue is its own partner.
	localparam [15:0] PAIRS = 16'b0111_1011_1101_1110;
	reg [2:0] ld_give, ld_take, co_give, co_take, st_give, st_take, dw_give, dw_take;
	wire [2:0] ld_there, co_there, st_there, dw_there;
	wire [3:0] overflow;

	mea_tokens dut (
		.clk(clk), .rst(rst),
		.ld_give(ld_give), .ld_take(ld_take), .ld_there(ld_there),
		.co_give(co_give), .co_take(co_take), .co_there(co_there),
		.st_give(st_give), .st_take(st_take), .st_there(st_there),
		.dw_give(dw_give), .dw_take(dw_take), .dw_there(dw_there), .overflow(overflow)
	);

	// count[4 * from + to]; give and take have a bit for each.
	integer count [0:15];
	reg [15:0] give, take, there;
	reg [3:0] over;
	integer from, to, i, rising;

	// The bit of a queue's three partners, in the order load, compute, store, depthwise.
	function integer bit_of(input integer queue, input integer partner);
		bit_of = partner < queue ? partner : partner - 1;
	endfunction

	// The three bits of a queue's partners out of a vector of pairs, as giver, as taker.
	function [2:0] gives_of(input integer queue, input [15:0] pairs);
		integer k;
		for (k = 0; k < 4; k = k + 1)
			if (k != queue)
				gives_of[bit_of(queue, k)] = pairs[4*queue + k];
	endfunction
	function [2:0] takes_of(input integer queue, input [15:0] pairs);
		integer k;
		for (k = 0; k < 4; k = k + 1)
			if (k != queue)
				takes_of[bit_of(queue, k)] = pairs[4*k + queue];
	endfunction

	task drive;
		begin
			ld_give = gives_of(LD, give);
			co_give = gives_of(CO, give);
			st_give = gives_of(ST, give);
			dw_give = gives_of(DW, give);
			ld_take = takes_of(LD, take);
			co_take = takes_of(CO, take);
			st_take = takes_of(ST, take);
			dw_take = takes_of(DW, take);
		end
	endtask

	task look;
		begin
			there = 16'd0;
			over = 4'd0;
			for (i = 0; i < 16; i = i + 1) begin
				there[i] = count[i] > 0;
				if (give[i] && !take[i] && count[i] == `MEA_TOKEN_MAX)
					over[i / 4] = 1'b1;
			end
			want(ld_there === takes_of(LD, there), "ld_there");
			want(co_there === takes_of(CO, there), "co_there");
			want(st_there === takes_of(ST, there), "st_there");
			want(dw_there === takes_of(DW, there), "dw_there");
			want(overflow === over, "overflow");
		end
	endtask

	// One cycle: of `takes`, only those of tokens that are there.
	task step(input [15:0] gives, input [15:0] takes);
		begin
			give = gives & PAIRS;
			take = takes & PAIRS;
			for (i = 0; i < 16; i = i + 1)
				take[i] = take[i] && count[i] > 0;
			drive;
			settle;
			look;
			for (i = 0; i < 16; i = i + 1)
				if (!(give[i] && !take[i] && count[i] == `MEA_TOKEN_MAX))
					count[i] = count[i] + give[i] - take[i];
			tick;
		end
	endtask

	initial begin
		for (i = 0; i < 16; i = i + 1)
			count[i] = 0;
		give = 16'd0;
		take = 16'd0;
		drive;
		reset;
		look;
		conclude("no tokens after reset, nothing is X");
		for (from = 0; from < 4; from = from + 1)
			for (to = 0; to < 4; to = to + 1)
				if (from != to) begin
					step(16'd1 << (4 * from + to), 16'd0);
					step(16'd0, 16'd0);
					want((to == LD ? ld_there : to == CO ? co_there :
					      to == ST ? st_there : dw_there) ===
					     3'b001 << bit_of(to, from), "the partner's bit");
					step(16'd0, 16'hffff);
					step(16'd0, 16'd0);
				end
		conclude("each giver's token is there for its taker alone");
		for (from = 0; from < 4; from = from + 1)
			for (to = 0; to < 4; to = to + 1)
				if (from != to) begin
					for (rising = 0; rising < `MEA_TOKEN_MAX; rising = rising + 1)
						step(16'd1 << (4 * from + to), 16'd0);
					step(16'd1 << (4 * from + to), 16'd1 << (4 * from + to));
					step(16'd1 << (4 * from + to), 16'd0);
					step(16'd0, 16'd0);
				end
		conclude("one more than TOKEN_MAX is the giver's fault, and does not wrap");
		for (rising = 0; rising < `MEA_TOKEN_MAX; rising = rising + 1)
			step(16'd0, 16'hffff);
		step(16'd0, 16'hffff);
		want({ld_there, co_there, st_there, dw_there} === 12'd0, "none is left");
		conclude("as many come out as went in");
		for (rising = 0; rising < 20000; rising = rising + 1)
			step($random(seed), $random(seed));
		conclude("20,000 random cycles");
		give = 16'd0;
		take = 16'd0;
		drive;
		reset;
		check({ld_there, co_there, st_there, dw_there} === 12'd0, "a reset takes all away");
		done;
	end
endmodule
