// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the one memory shape of the design, a synchronous RAM with one write
// and one read port, written so that Yosys and the vendor tools infer block or
// distributed RAM. What a read of the word being written returns is undefined
// (no_rw_check): to return the old content, Yosys would add a register per bit of
// the word to every block RAM of ECP5. MEA_RAM_COLLIDE makes such a read wrong on
// purpose; the random tests pass with it, so nothing depends on one.
`resetall
`default_nettype none

module mea_ram #(
	// bits of a word
	parameter integer WIDTH = 8,
	// number of words, a power of two
	parameter integer DEPTH = 16,
	parameter integer AW = $clog2(DEPTH)
) (
	input  wire             clk,
	input  wire             wen,
	input  wire [AW-1:0]    waddr,
	input  wire [WIDTH-1:0] wdata,
	input  wire             ren,
	input  wire [AW-1:0]    raddr,
	output reg  [WIDTH-1:0] rdata
);
	(* no_rw_check *)
	reg [WIDTH-1:0] mem [0:DEPTH-1];

`ifdef MEA_RAM_COLLIDE
	wire [WIDTH-1:0] wrong = {WIDTH{wen && waddr == raddr}};
`else
	wire [WIDTH-1:0] wrong = {WIDTH{1'b0}};
`endif

	always @(posedge clk) begin
		if (wen)
			mem[waddr] <= wdata;
		if (ren)
			rdata <= mem[raddr] ^ wrong;
	end
endmodule

`resetall
