// SPDX-License-Identifier: Apache-2.0
//
// mea_acc against sums in the bench: passes over random pixels, the same pixel one, two
// and more cycles later, overwriting by the first pass, pooling, scrub. The
// memory starts as X, and nothing that a first pass or a scrub began may be X.
// run: -P$.COLS=4 -P$.PSUM_W=32
// run: -P$.COLS=4 -P$.PSUM_W=20
// run: -P$.COLS=4 -P$.PSUM_W=32 -DMEA_RAM_COLLIDE
`default_nettype none

module bench_acc;
	parameter COLS = 4, PSUM_W = 32;
	localparam DEPTH = 16, AW = 4;
`include "bench.vh"
	reg rd_valid, valid, next_first, final_pass, pool, max, scrub;
	reg [AW-1:0] rd_addr, addr, scrub_addr;
	reg [COLS*PSUM_W-1:0] psum;
	reg [COLS*8-1:0] pool_act;
	wire [COLS*32-1:0] result;

	mea_acc #(.COLS(COLS), .PSUM_W(PSUM_W), .DEPTH(DEPTH)) dut (
		.clk(clk), .rd_valid(rd_valid), .rd_addr(rd_addr),
		.next_first(next_first), .next_max(max), .valid(valid), .addr(addr),
		.final_pass(final_pass), .pool(pool), .psum(psum),
		.pool_act(pool_act), .result(result), .scrub(scrub), .scrub_addr(scrub_addr)
	);

	// The sums; open: begun and not yet left by a final pass.
	reg [COLS*32-1:0] sum [0:DEPTH-1];
	reg [DEPTH-1:0] open;
	reg [COLS*32-1:0] expected;
	reg signed [31:0] operand, old;
	reg begun;
	integer i, c, next;

	// Pixel a in this cycle, the read of pixel b for the one after the next; begins: the
	// next is the first of its block.
	task step(input go, input [AW-1:0] a, input is_first, input is_final, input ahead,
		  input [AW-1:0] b, input begins);
		begin
			valid = go;
			addr = go ? a : {AW{1'bx}};
			next_first = begins;
			final_pass = is_final;
			rd_valid = ahead;
			rd_addr = b;
			psum = {$random(seed), $random(seed), $random(seed), $random(seed)};
			pool_act = $random(seed);
			expected = sum[a];
			for (c = 0; c < COLS; c = c + 1) begin
				operand = pool ? $signed(pool_act[c*8 +: 8])
					       : $signed(psum[c*PSUM_W +: PSUM_W]);
				old = sum[a][c*32 +: 32];
				if (is_first || (max && operand > old))
					expected[c*32 +: 32] = operand;
				else if (!max)
					expected[c*32 +: 32] = old + operand;
			end
			if (go)
				sum[a] = expected;
			tick;
			want(!go || result === expected, "result");
		end
	endtask

	// n pixels in a range of 2^spread words, with pauses; the kind is fixed because
	// a command does not mix them.
	task run(input integer n, input [AW-1:0] mask, input integer pause);
		integer at, after, f;
		begin
			open = {DEPTH{1'b0}};
			at = $random(seed) & mask;
			next = $random(seed) & mask;
			step(1'b0, 4'd0, 1'b0, 1'b0, 1'b1, at, 1'b0);
			step(1'b0, 4'd0, 1'b0, 1'b0, 1'b1, next, 1'b1);
			for (i = 0; i < n; i = i + 1) begin
				after = $random(seed) & mask;
				f = $random(seed) % 4 == 0;
				if (($random(seed) & 15) < pause) begin
					step(1'b0, 4'd0, 1'b0, 1'b0, 1'b1, after, !open[next]);
				end else begin
					begun = open[at];
					open[at] = !f;
					step(1'b1, at, !begun, f, 1'b1, after, !open[next]);
				end
				at = next;
				next = after;
			end
			step(1'b0, 4'd0, 1'b0, 1'b0, 1'b0, 4'd0, 1'b0);
		end
	endtask

	initial begin
		{valid, rd_valid, next_first, final_pass, pool, max, scrub} = 7'd0;
		tick;
		run(40, 4'd0, 0);
		conclude("one pixel, cycle after cycle: the newest sum each time");
		run(4000, 4'd1, 0);
		conclude("two pixels in turn");
		run(4000, 4'hf, 4);
		conclude("4,000 random pixels with pauses");
		pool = 1'b1;
		run(4000, 4'd3, 2);
		conclude("pooling: sums");
		max = 1'b1;
		run(4000, 4'd3, 2);
		conclude("pooling: maxima");
		pool = 1'b0;
		max = 1'b0;
		for (i = 0; i < DEPTH; i = i + 1) begin
			scrub = 1'b1;
			scrub_addr = i;
			sum[i] = {COLS*32{1'b0}};
			tick;
		end
		scrub = 1'b0;
		open = {DEPTH{1'b1}};
		step(1'b0, 4'd0, 1'b0, 1'b0, 1'b1, 4'd0, 1'b0);
		step(1'b0, 4'd0, 1'b0, 1'b0, 1'b1, 4'd1, 1'b0);
		for (next = 0; next < DEPTH; next = next + 1)
			step(1'b1, next, 1'b0, 1'b0, 1'b1, next + 2, 1'b0);
		conclude("after a scrub every word is zero");
		step(1'b0, 4'd0, 1'b0, 1'b0, 1'b1, 4'd5, 1'b0);
		step(1'b0, 4'd0, 1'b0, 1'b0, 1'b0, 4'd0, 1'b0);
		step(1'b1, 4'd5, 1'b0, 1'b1, 1'b0, 4'd0, 1'b0);
		step(1'b0, 4'd0, 1'b0, 1'b0, 1'b1, 4'd6, 1'b0);
		check(result === sum[5], "the last result stays until the next pixel");
		done;
	end
endmodule
