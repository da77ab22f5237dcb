// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the accumulators, one COLS x 32 bit word per output pixel, updated by
// read-modify-write each cycle. The first pass of a block overwrites, so nothing
// needs clearing; the final pass goes out to requantisation. Pooling shares the
// path: its operand is an activation word and its operation may be a maximum.
//
// A word is read two cycles before its operand arrives, rests in a register for one
// (the path from a block RAM through the adder would be the design's longest), and
// is written in the operand's cycle. So a pixel that comes one or two cycles after
// another of the same address would see old content; it takes the newer sum from the
// result register on the way.
`resetall
`default_nettype none

module mea_acc #(
	parameter integer COLS = 16,
	parameter integer PSUM_W = 32,
	// bits of an operand of POOL, 8 or more
	parameter integer POOL_W = 8,
	// pixels, a power of two
	parameter integer DEPTH = 1024,
	parameter integer AW = $clog2(DEPTH)
) (
	input  wire                   clk,

	// two cycles ahead of the operand
	input  wire                   rd_valid,
	input  wire [AW-1:0]          rd_addr,

	// one cycle ahead
	input  wire                   next_first,
	input  wire                   next_max,

	// with the operand
	input  wire                   valid,
	input  wire [AW-1:0]          addr,
	input  wire                   final_pass,
	input  wire                   pool,
	input  wire [COLS*PSUM_W-1:0] psum,
	input  wire [COLS*POOL_W-1:0] pool_act,

	// one cycle later
	output reg  [COLS*32-1:0]     result,

	// zeroing between jobs
	input  wire                   scrub,
	input  wire [AW-1:0]          scrub_addr
);
	wire [COLS*32-1:0] stored;
	reg  [COLS*32-1:0] sum, stored_q;
	reg                early_valid, early, forward, greatest;
	reg  [AW-1:0]      early_addr;
	always @(posedge clk) begin
		early_valid <= rd_valid;
		early_addr  <= rd_addr;
		// The pixel that is being summed is two, or one, before this one. The first
		// of a block has none before it: its old content is 0.
		early    <= valid && addr == rd_addr;
		forward  <= valid && addr == early_addr && !next_first;
		greatest <= next_max && !next_first;
		if (early_valid)
			stored_q <= next_first ? {COLS*32{1'b0}} : early ? result : stored;
	end

	// Sum and maximum side by side; of the maximum only the low byte is compared, since
	// both its operands are int8.
	integer c;
	reg signed [31:0] operand, old, added;
	reg signed [7:0]  act;
	reg above;
	always @* begin
		sum = {COLS*32{1'b0}};
		operand = 32'sd0;
		old = 32'sd0;
		added = 32'sd0;
		act = 8'sd0;
		above = 1'b0;
		for (c = 0; c < COLS; c = c + 1) begin
			operand = pool ? {{(32-POOL_W){pool_act[c*POOL_W+POOL_W-1]}},
					  pool_act[c*POOL_W +: POOL_W]}
				       : {{(33-PSUM_W){psum[c*PSUM_W+PSUM_W-1]}},
					  psum[c*PSUM_W +: PSUM_W-1]};
			old = forward ? result[c*32 +: 32] : stored_q[c*32 +: 32];
			added = old + operand;
			// (Compared with what `old` is chosen from, so as not to wait for it.)
			act = pool_act[c*POOL_W +: 8];
			above = forward ? act > $signed(result[c*32 +: 8])
					: act > $signed(stored_q[c*32 +: 8]);
			sum[c*32 +: 8]   = !greatest ? added[7:0] : above ? act : old[7:0];
			sum[c*32+8 +: 24] = !greatest ? added[31:8] :
					   {24{above ? act[7] : old[31]}};
		end
	end

	always @(posedge clk)
		if (valid)
			result <= sum;

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
