// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the accumulators, one COLS x 32 bit word per output pixel, updated by
// read-modify-write each cycle. The first pass of a block overwrites, so nothing
// needs clearing; the final pass goes out to requantisation. Pooling shares the
// path: its operand is an activation word and its operation may be a maximum.
//
// A word is read one cycle before its operand arrives and written one cycle
// after the read, so only a pixel that follows at once on the same address would
// see old content; it takes the sum from the result register instead.
`resetall
`default_nettype none

module mea_acc #(
	parameter COLS = 16,
	parameter PSUM_W = 32,
	// pixels, a power of two
	parameter DEPTH = 1024,
	parameter AW = $clog2(DEPTH)
) (
	input  wire                   clk,

	// one cycle ahead of the operand
	input  wire                   rd_valid,
	input  wire [AW-1:0]          rd_addr,

	// with the operand
	input  wire                   valid,
	input  wire [AW-1:0]          addr,
	input  wire                   first,
	input  wire                   final_pass,
	input  wire                   pool,
	input  wire                   max,
	input  wire [COLS*PSUM_W-1:0] psum,
	input  wire [COLS*8-1:0]      pool_act,

	// one cycle later
	output reg  [COLS*32-1:0]     result,

	// zeroing between jobs
	input  wire                   scrub,
	input  wire [AW-1:0]          scrub_addr
);
	wire [COLS*32-1:0] stored;
	reg  [COLS*32-1:0] sum;
	reg                last_valid;
	reg  [AW-1:0]      last_addr;

	wire forward = last_valid && last_addr == addr;
	wire [COLS*32-1:0] base = forward ? result : stored;

	// One adder does all: the first pass adds to nothing, and a maximum adds nothing
	// to the larger one (both are int8 there).
	integer c;
	reg signed [31:0] operand, old;
	reg larger;
	always @* begin
		sum = {COLS*32{1'b0}};
		operand = 32'sd0;
		old = 32'sd0;
		larger = 1'b0;
		for (c = 0; c < COLS; c = c + 1) begin
			operand = pool ? {{24{pool_act[c*8+7]}}, pool_act[c*8 +: 8]}
				       : {{(33-PSUM_W){psum[c*PSUM_W+PSUM_W-1]}},
					  psum[c*PSUM_W +: PSUM_W-1]};
			old = base[c*32 +: 32];
			larger = $signed(operand[7:0]) > $signed(old[7:0]);
			sum[c*32 +: 32] = (first || (max && larger) ? 32'sd0 : old) +
					  (!first && max && !larger ? 32'sd0 : operand);
		end
	end

	always @(posedge clk) begin
		last_valid <= valid;
		last_addr  <= addr;
		if (valid)
			result <= sum;
	end

	mea_ram #(.WIDTH(COLS*32), .DEPTH(DEPTH)) ram (
		.clk(clk),
		.wen((valid && !final_pass) || scrub),
		.waddr(scrub ? scrub_addr : addr),
		.wdata(scrub ? {COLS*32{1'b0}} : sum),
		.ren(rd_valid),
		.raddr(rd_addr),
		.rdata(stored)
	);
endmodule

`resetall
