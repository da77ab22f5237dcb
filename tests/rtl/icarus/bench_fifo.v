// SPDX-License-Identifier: Apache-2.0
//
// mea_fifo against a queue in the bench: order, levels, and that a push while full
// and a pop while empty change nothing.
// run: -P$.DEPTH=4
// run: -P$.DEPTH=8
// run: -P$.DEPTH=16
`default_nettype none

module bench_fifo;
	parameter DEPTH = 8;
	localparam WIDTH = 9, AW = $clog2(DEPTH);
`include "bench.vh"
	reg push, pop;
	reg [WIDTH-1:0] din;
	wire [WIDTH-1:0] dout;
	wire empty, full;
	wire [AW:0] level;

	mea_fifo #(.WIDTH(WIDTH), .DEPTH(DEPTH)) dut (
		.clk(clk), .rst(rst), .push(push), .din(din), .pop(pop), .dout(dout),
		.empty(empty), .full(full), .level(level)
	);

	// The queue: entry k of the test is line[k], taken ones before `first`.
	reg [WIDTH-1:0] line [0:65535];
	integer first, next, n, i;

	task look;
		begin
			n = next - first;
			want(level === n[AW:0], "level");
			want(empty === (n == 0), "empty");
			want(full === (n == DEPTH), "full");
			want(n == 0 || dout === line[first], "dout");
		end
	endtask

	task step(input do_push, input do_pop);
		begin
			push = do_push;
			pop = do_pop;
			din = $random(seed);
			settle;
			look;
			if (push && next - first < DEPTH) begin
				line[next] = din;
				next = next + 1;
				// Both looked at the level before.
				if (pop && next - first > 1)
					first = first + 1;
			end else if (pop && next > first) begin
				first = first + 1;
			end
			tick;
		end
	endtask

	initial begin
		first = 0;
		next = 0;
		push = 1'b0;
		pop = 1'b0;
		din = {WIDTH{1'bx}};
		reset;
		look;
		conclude("empty after reset, nothing is X but what is in it");
		step(1'b0, 1'b1);
		step(1'b0, 1'b1);
		look;
		conclude("a pop while empty changes nothing");
		for (i = 0; i < DEPTH; i = i + 1)
			step(1'b1, 1'b0);
		check(full === 1'b1 && level === DEPTH, "full after DEPTH pushes");
		step(1'b1, 1'b0);
		step(1'b1, 1'b0);
		look;
		conclude("a push while full changes nothing");
		step(1'b1, 1'b1);
		look;
		check(level === DEPTH - 1, "push and pop while full: only the pop counts");
		for (i = 0; i < DEPTH; i = i + 1)
			step(1'b0, 1'b1);
		step(1'b1, 1'b1);
		settle;
		check(level === 1, "push and pop while empty: only the push counts");
		for (i = 0; i < 20000; i = i + 1)
			// Phases that fill, drain and keep the level.
			step($random(seed) % 4 < (i / 512 % 3), $random(seed) % 4 < (2 - i / 512 % 3));
		conclude("20,000 random cycles");
		push = 1'b0;
		pop = 1'b0;
		reset;
		first = next;
		look;
		conclude("empty after a reset in the middle");
		done;
	end
endmodule
