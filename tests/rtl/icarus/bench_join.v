// SPDX-License-Identifier: Apache-2.0
//
// mea_join against products of 64 bits: the extremes, every deviation with factors of single
// bits, random ones of all sizes; a set of factors a cycle, as the requantiser gives them.
// run: -P$.LUTS=0
// run: -P$.LUTS=1
`default_nettype none

module bench_join;
	parameter LUTS = 0;
`include "bench.vh"
	reg signed [8:0] x, y;
	reg [23:0] mx, my;
	wire signed [33:0] sum;

	mea_join #(.LUTS(LUTS)) dut (
		.clk(clk), .valid(1'b1), .products_valid(1'b1), .x(x), .y(y), .mx(mx), .my(my),
		.sum(sum));

	// The sums that are on their way.
	reg signed [63:0] one, two;
	integer i, j;

	task try(input signed [8:0] a, input [23:0] ma, input signed [8:0] b, input [23:0] mb);
		begin
			{x, mx, y, my} = {a, ma, b, mb};
			tick;
			two = one;
			one = a * $signed({40'd0, ma}) + b * $signed({40'd0, mb});
			want(two === {{30{sum[33]}}, sum} || two === 64'bx, "sum");
		end
	endtask

	initial begin
		one = 64'bx;
		for (i = -256; i < 256; i = i + 1)
			for (j = 0; j < 24; j = j + 1) begin
				try(i[8:0], 24'd1 << j, 9'd1, 24'd1);
				try(-9'sd1, 24'd1, i[8:0], 24'd1 << j);
			end
		conclude("every deviation, single bits");
		for (i = 0; i < 16; i = i + 1)
			try({i[0], {8{!i[0]}}}, {24{i[1]}}, {i[2], {8{!i[2]}}}, {24{i[3]}});
		conclude("the extremes");
		for (i = 0; i < 100000; i = i + 1)
			try($random(seed), {$random(seed)} >> (8 + ({$random(seed)} % 24)),
			    $random(seed), {$random(seed)} >> (8 + ({$random(seed)} % 24)));
		conclude("100,000 random sums");
		done;
	end
endmodule
