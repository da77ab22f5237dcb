// SPDX-License-Identifier: Apache-2.0
//
// mea_pool: random words, with pauses, against what an operand is: the activation, or its
// product with the other factor, both without their zero points, ROWS + 1 cycles later.
// run: -P$.ROWS=4 -P$.PRODUCTS=1
// run: -P$.ROWS=8 -P$.PRODUCTS=1
// run: -P$.ROWS=32 -P$.PRODUCTS=1
// run: -P$.ROWS=4 -P$.PRODUCTS=0
// run: -P$.ROWS=16 -P$.PRODUCTS=0
`default_nettype none

module bench_pool;
	parameter ROWS = 8, PRODUCTS = 1;
	localparam COLS = 4, W = PRODUCTS ? 18 : 8, N = 3000, LATE = ROWS + 1;
`include "bench.vh"
	reg valid, product;
	reg [COLS*8-1:0] act, factor;
	reg [7:0] zero, factor_zero;
	wire [COLS*W-1:0] operand;
	// What is due, by the cycle.
	reg [COLS*W-1:0] due [0:N+LATE];
	reg there [0:N+LATE];
	reg signed [W-1:0] lane;
	integer i, k, a, b;

	mea_pool #(.ROWS(ROWS), .COLS(COLS), .PRODUCTS(PRODUCTS)) dut (
		.clk(clk), .rst(rst), .valid(valid), .act(act), .product(product),
		.factor(factor), .zero(zero), .factor_zero(factor_zero), .operand(operand)
	);

	// A byte, now and then an extreme.
	function [7:0] byte(input integer r);
		byte = r[10:8] == 0 ? 8'h80 : r[10:8] == 1 ? 8'h7f : r[7:0];
	endfunction

	task shows(input integer k);
		if (there[k])
			want(operand === due[k], "an operand");
	endtask

	initial begin
		valid = 1'b0;
		{product, act, factor, zero, factor_zero} = 0;
		for (i = 0; i <= N + LATE; i = i + 1)
			there[i] = 1'b0;
		reset;
		for (k = 0; k < N; k = k + 1) begin
			valid = ($random(seed) & 3) != 0;
			product = PRODUCTS != 0 && ($random(seed) & 1);
			zero = byte($random(seed));
			factor_zero = byte($random(seed));
			for (i = 0; i < COLS; i = i + 1) begin
				act[i*8 +: 8] = valid ? byte($random(seed)) : 8'hxx;
				factor[i*8 +: 8] = product ? byte($random(seed)) : 8'hxx;
				a = $signed(act[i*8 +: 8]);
				b = product ? $signed(factor[i*8 +: 8]) - $signed(factor_zero) : 1;
				lane = (a - (product ? $signed(zero) : 0)) * b;
				due[k + LATE][i*W +: W] = lane;
			end
			there[k + LATE] = valid;
			shows(k);
			tick;
		end
		valid = 1'b0;
		for (k = N; k < N + LATE; k = k + 1) begin
			shows(k);
			tick;
		end
		conclude("3000 random words");
		done;
	end
endmodule
