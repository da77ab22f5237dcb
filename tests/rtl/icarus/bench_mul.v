// SPDX-License-Identifier: Apache-2.0
//
// mea_mul against the product of 64 bits: extremes, single bits, random factors of all
// sizes; a pair of factors a cycle, as the requantiser gives them.
// run: -P$.WIDE=0
// run: -P$.WIDE=1
`default_nettype none

module bench_mul;
	parameter WIDE = 0;
`include "bench.vh"
	reg signed [31:0] a;
	reg [30:0] b;
	wire signed [63:0] product;

	mea_mul #(.WIDE(WIDE)) dut (
		.clk(clk), .valid(1'b1), .parts_valid(1'b1), .a(a), .b(b), .product(product));

	// The products that are on their way.
	reg signed [63:0] one, two;
	integer i, j;

	task try(input signed [31:0] x, input [30:0] y);
		begin
			a = x;
			b = y;
			tick;
			two = one;
			one = x * $signed({33'd0, y});
			want(two === product || two === 64'bx, "product");
		end
	endtask

	initial begin
		one = 64'bx;
		for (i = 0; i < 32; i = i + 1)
			for (j = 0; j < 31; j = j + 1) begin
				try(32'd1 << i, 31'd1 << j);
				try(-(32'd1 << i), 31'd1 << j);
				try((32'd1 << i) - 1, (31'd1 << j) - 1);
				try(-(32'd1 << i), ~(31'd1 << j));
			end
		conclude("single bits and runs of bits, both signs");
		for (i = 0; i < 8; i = i + 1)
			try({i[0], {31{i[1]}}}, {31{i[2]}});
		conclude("the extremes");
		for (i = 0; i < 200000; i = i + 1)
			try($random(seed) >>> ($random(seed) & 31), {$random(seed)} >> ($random(seed) & 31));
		conclude("200,000 random products");
		done;
	end
endmodule
