// SPDX-License-Identifier: Apache-2.0
//
// mea_tokens against six counters in the bench: which pair each bit means, waiting at
// zero, the fault at the top and whom it names.
// run:
`default_nettype none
`include "mea_isa.vh"

module bench_tokens;
`include "bench.vh"
	localparam LD = 0, CO = 1, ST = 2;
	reg [1:0] ld_give, ld_take, co_give, co_take, st_give, st_take;
	wire [1:0] ld_there, co_there, st_there;
	wire [2:0] overflow;

	mea_tokens dut (
		.clk(clk), .rst(rst),
		.ld_give(ld_give), .ld_take(ld_take), .ld_there(ld_there),
		.co_give(co_give), .co_take(co_take), .co_there(co_there),
		.st_give(st_give), .st_take(st_take), .st_there(st_there), .overflow(overflow)
	);

	// count[3 * from + to]; give and take have a bit for each.
	integer count [0:8];
	reg [8:0] give, take, there;
	reg [2:0] over;
	integer from, to, i, rising;

	// The bit of a queue's two partners, in the order load, compute, store.
	function bit_of(input integer queue, input integer partner);
		bit_of = queue == LD ? partner == ST : queue == CO ? partner == ST : partner == CO;
	endfunction

	task drive;
		begin
			ld_give = {give[3*LD + ST], give[3*LD + CO]};
			co_give = {give[3*CO + ST], give[3*CO + LD]};
			st_give = {give[3*ST + CO], give[3*ST + LD]};
			ld_take = {take[3*ST + LD], take[3*CO + LD]};
			co_take = {take[3*ST + CO], take[3*LD + CO]};
			st_take = {take[3*CO + ST], take[3*LD + ST]};
		end
	endtask

	task look;
		begin
			there = 9'd0;
			over = 3'd0;
			for (i = 0; i < 9; i = i + 1) begin
				there[i] = count[i] > 0;
				if (give[i] && !take[i] && count[i] == `MEA_TOKEN_MAX)
					over[i / 3] = 1'b1;
			end
			want(ld_there === {there[3*ST + LD], there[3*CO + LD]}, "ld_there");
			want(co_there === {there[3*ST + CO], there[3*LD + CO]}, "co_there");
			want(st_there === {there[3*CO + ST], there[3*LD + ST]}, "st_there");
			want(overflow === over, "overflow");
		end
	endtask

	// One cycle: of `takes`, only those of tokens that are there.
	task step(input [8:0] gives, input [8:0] takes);
		begin
			give = gives & 9'b011_101_110;
			take = takes & 9'b011_101_110;
			for (i = 0; i < 9; i = i + 1)
				take[i] = take[i] && count[i] > 0;
			drive;
			settle;
			look;
			for (i = 0; i < 9; i = i + 1)
				if (!(give[i] && !take[i] && count[i] == `MEA_TOKEN_MAX))
					count[i] = count[i] + give[i] - take[i];
			tick;
		end
	endtask

	initial begin
		for (i = 0; i < 9; i = i + 1)
			count[i] = 0;
		give = 9'd0;
		take = 9'd0;
		drive;
		reset;
		look;
		conclude("no tokens after reset, nothing is X");
		for (from = 0; from < 3; from = from + 1)
			for (to = 0; to < 3; to = to + 1)
				if (from != to) begin
					step(9'd1 << (3 * from + to), 9'd0);
					step(9'd0, 9'd0);
					want((to == LD ? ld_there : to == CO ? co_there : st_there) ===
					     2'b01 << bit_of(to, from), "the partner's bit");
					step(9'd0, 9'h1ff);
					step(9'd0, 9'd0);
				end
		conclude("each giver's token is there for its taker alone");
		for (from = 0; from < 3; from = from + 1)
			for (to = 0; to < 3; to = to + 1)
				if (from != to) begin
					for (rising = 0; rising < `MEA_TOKEN_MAX; rising = rising + 1)
						step(9'd1 << (3 * from + to), 9'd0);
					step(9'd1 << (3 * from + to), 9'd1 << (3 * from + to));
					step(9'd1 << (3 * from + to), 9'd0);
					step(9'd0, 9'd0);
				end
		conclude("one more than TOKEN_MAX is the giver's fault, and does not wrap");
		for (rising = 0; rising < `MEA_TOKEN_MAX; rising = rising + 1)
			step(9'd0, 9'h1ff);
		step(9'd0, 9'h1ff);
		want({ld_there, co_there, st_there} === 6'd0, "none is left");
		conclude("as many come out as went in");
		for (rising = 0; rising < 20000; rising = rising + 1)
			step($random(seed), $random(seed));
		conclude("20,000 random cycles");
		give = 9'd0;
		take = 9'd0;
		drive;
		reset;
		check({ld_there, co_there, st_there} === 6'd0, "a reset takes all away");
		done;
	end
endmodule
