// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the operands of POOL commands, on a way as long as the array's, so that results
// keep their order: activations, or their products with the words at RES_BASE, both
// without their zero points. Multipliers are what FPGAs are short of, so these are LUTs.
`resetall
`default_nettype none

module mea_pool #(
	parameter integer ROWS = 16,
	parameter integer COLS = 16,
	// 1: products too
	parameter integer PRODUCTS = 1,
	// bits of an operand
	parameter integer W = PRODUCTS != 0 ? 18 : 8
) (
	input  wire              clk,
	input  wire              rst,

	// an activation word; with product the other factor, and both zero points
	input  wire              valid,
	input  wire [COLS*8-1:0] act,
	input  wire              product,
	input  wire [COLS*8-1:0] factor,
	input  wire [7:0]        zero, factor_zero,

	// ROWS + 1 cycles later
	output reg  [COLS*W-1:0] operand
);
	// Bits of an entry's lane: two factors of nine bits, of which the second is 1 where there
	// is no product.
	localparam integer E = PRODUCTS != 0 ? 18 : 8;
	reg [COLS*E-1:0] entry;
	generate
		if (PRODUCTS != 0) begin : g_factors
			function signed [8:0] less(input [7:0] a, input [7:0] b);
				less = $signed({a[7], a}) - $signed({b[7], b});
			endfunction
			integer i;
			always @*
				for (i = 0; i < COLS; i = i + 1)
					entry[i*18 +: 18] = {
						product ? less(factor[i*8 +: 8], factor_zero) : 9'sd1,
						less(act[i*8 +: 8], product ? zero : 8'd0)};
		end else begin : g_acts
			wire unused = &{product, factor, zero, factor_zero};
			always @*
				entry = act;
		end
	endgenerate

	// A ring: what is written now is read ROWS - 2 cycles later.
	reg [COLS*E-1:0] line [0:ROWS-1];
	reg [COLS*E-1:0] taken;
	reg [$clog2(ROWS)-1:0] at;
	reg [ROWS-3:0] there;
	localparam integer AHEAD = 2;
	wire [$clog2(ROWS)-1:0] from = at + AHEAD[$clog2(ROWS)-1:0];
	always @(posedge clk) begin
		at    <= rst ? {$clog2(ROWS){1'b0}} : at + 1'b1;
		there <= rst ? {(ROWS-2){1'b0}} : {there[ROWS-4:0], valid};
		if (valid)
			line[at] <= entry;
		if (there[ROWS-3])
			taken <= line[from];
	end

	// Two more steps: of a product, its parts and their sum.
	generate
		if (PRODUCTS != 0) begin : g_products
			// a times four bits; added by hand, lest the tools spend a multiplier
			function signed [13:0] times(input signed [8:0] a, input [3:0] b);
				reg signed [13:0] wide;
				begin
					wide  = {{5{a[8]}}, a};
					times = ((b[0] ? wide : 14'sd0) + (b[1] ? wide <<< 1 : 14'sd0)) +
						((b[2] ? wide <<< 2 : 14'sd0) + (b[3] ? wide <<< 3 : 14'sd0));
				end
			endfunction
			reg [COLS*14-1:0] low, high;
			reg [COLS*9-1:0] top;
			integer n;
			always @(posedge clk)
				for (n = 0; n < COLS; n = n + 1) begin
					low[n*14 +: 14]  <= times(taken[n*18 +: 9], taken[n*18+9 +: 4]);
					high[n*14 +: 14] <= times(taken[n*18 +: 9], taken[n*18+13 +: 4]);
					// The sign's place, 2^8.
					top[n*9 +: 9]    <= taken[n*18+17] ? taken[n*18 +: 9] : 9'd0;
					operand[n*18 +: 18] <= {{4{low[n*14+13]}}, low[n*14 +: 14]} +
							       {high[n*14 +: 14], 4'd0} -
							       {{1{top[n*9+8]}}, top[n*9 +: 9], 8'd0};
				end
		end else begin : g_pass
			reg [COLS*E-1:0] taken_q;
			always @(posedge clk) begin
				taken_q <= taken;
				operand <= taken_q;
			end
		end
	endgenerate
endmodule

`resetall
