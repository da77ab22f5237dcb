// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the image memory of the first layer. When channels are few, kernel
// taps are packed into K: each array row needs a byte from its own place in the
// image, so each row has a copy of it (ROWS memories of the same content) and
// its own tap offset. No im2col is written anywhere and no cycle is spent on it.
// The memory is a ring of bytes: a taller image streams through it in strips.
`resetall
`default_nettype none

module mea_stem #(
	parameter integer ROWS = 16,
	// 8-byte words, a power of two
	parameter integer WORDS = 512,
	parameter integer AW = $clog2(WORDS),
	// address bits of its bytes
	parameter integer BAW = AW + 3
) (
	input  wire                clk,

	input  wire                wen,
	input  wire [AW-1:0]       waddr,
	input  wire [63:0]         wdata,

	// byte address of the window's corner, and per row the tap's distance from it
	input  wire                ren,
	input  wire [BAW-1:0]      base,
	input  wire [ROWS*BAW-1:0] tap_offset,

	// a byte per row, two cycles later
	output reg  [ROWS*8-1:0]   data
);
	reg read;
	always @(posedge clk)
		read <= ren;

	genvar g;
	generate
		for (g = 0; g < ROWS; g = g + 1) begin : g_row
			wire [BAW-1:0] a = base + tap_offset[g*BAW +: BAW];
			wire [63:0] word;
			reg [2:0] lane;

			always @(posedge clk) begin
				if (ren)
					lane <= a[2:0];
				if (read)
					data[g*8 +: 8] <= word[lane*8 +: 8];
			end

			mea_ram #(.WIDTH(64), .DEPTH(WORDS)) ram (
				.clk(clk), .wen(wen), .waddr(waddr), .wdata(wdata),
				.ren(ren), .raddr(a[BAW-1:3]), .rdata(word)
			);
		end
	endgenerate
endmodule

`resetall
