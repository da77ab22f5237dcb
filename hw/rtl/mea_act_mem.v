// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the activation scratchpad: BANKS banks of one read and one write port
// each, split by the upper address bits so that software decides what lies apart.
// Reads: input and residual never wait (the streamer keeps them out of one
// bank), the depthwise unit takes what is left, then the store engine. Writes: results never wait, the
// load engine does; neither writes while the memories are scrubbed.
//
// Input and residual come two cycles after their address: behind the choice of the
// bank stands a register, since what comes out of a block RAM comes late in a cycle.
// The other two readers have short ways to go and get theirs after one cycle.
`resetall
`default_nettype none

module mea_act_mem #(
	// bytes of a word
	parameter integer LANES = 16,
	// array columns: the part of a word that one result covers
	parameter integer COLS = 16,
	// words in all, a power of two
	parameter integer WORDS = 16384,
	// banks, a power of two of at least 2
	parameter integer BANKS = 4,
	parameter integer AW = $clog2(WORDS),
	parameter integer SUBS = LANES / COLS
) (
	input  wire               clk,

	input  wire               in_ren,
	input  wire [AW-1:0]      in_addr,
	output reg  [LANES*8-1:0] in_data,

	input  wire               res_ren,
	input  wire [AW-1:0]      res_addr,
	output reg  [LANES*8-1:0] res_data,

	input  wire               dw_ren,
	input  wire [AW-1:0]      dw_addr,
	output wire               dw_ready,
	output wire [LANES*8-1:0] dw_data,

	input  wire               st_ren,
	input  wire [AW-1:0]      st_addr,
	output wire               st_ready,
	output wire [LANES*8-1:0] st_data,

	input  wire               out_wen,
	input  wire [AW-1:0]      out_addr,
	input  wire [SUBS-1:0]    out_sub,
	input  wire [COLS*8-1:0]  out_data,

	input  wire               ld_wen,
	input  wire [AW-1:0]      ld_addr,
	input  wire [LANES*8-1:0] ld_data,
	output wire               ld_ready,

	input  wire               scrub,
	input  wire [AW-1:0]      scrub_addr
);
	localparam integer BW = $clog2(BANKS);
	localparam integer LOW = AW - BW;

	wire [BW-1:0] in_bank  = in_addr[AW-1 -: BW];
	wire [BW-1:0] res_bank = res_addr[AW-1 -: BW];
	wire [BW-1:0] dw_bank  = dw_addr[AW-1 -: BW];
	wire [BW-1:0] st_bank  = st_addr[AW-1 -: BW];
	wire [BW-1:0] out_bank = out_addr[AW-1 -: BW];
	wire [BW-1:0] ld_bank  = ld_addr[AW-1 -: BW];

	assign dw_ready = !(in_ren && in_bank == dw_bank) && !(res_ren && res_bank == dw_bank);
	assign st_ready = !(in_ren && in_bank == st_bank) && !(res_ren && res_bank == st_bank) &&
			  !(dw_ren && dw_bank == st_bank);
	assign ld_ready = !(out_wen && out_bank == ld_bank);

	reg [BW-1:0] in_sel, res_sel, dw_sel, st_sel;
	reg in_read, res_read;
	wire [BANKS*LANES*8-1:0] all;
	always @(posedge clk) begin
		in_read  <= in_ren;
		res_read <= res_ren;
		if (in_read)
			in_data <= all[in_sel*LANES*8 +: LANES*8];
		if (res_read)
			res_data <= all[res_sel*LANES*8 +: LANES*8];
		if (in_ren)
			in_sel <= in_bank;
		if (res_ren)
			res_sel <= res_bank;
		if (dw_ren)
			dw_sel <= dw_bank;
		if (st_ren)
			st_sel <= st_bank;
	end

	assign dw_data  = all[dw_sel*LANES*8 +: LANES*8];
	assign st_data  = all[st_sel*LANES*8 +: LANES*8];

	genvar b, s;
	generate
		for (b = 0; b < BANKS; b = b + 1) begin : g_bank
			wire in_here  = in_ren && in_bank == b;
			wire res_here = res_ren && res_bank == b;
			wire dw_here  = dw_ren && dw_ready && dw_bank == b;
			wire st_here  = st_ren && st_ready && st_bank == b;
			wire out_here = out_wen && out_bank == b;
			wire ld_here  = ld_wen && ld_ready && ld_bank == b;
			wire [LOW-1:0] ra = in_here ? in_addr[LOW-1:0] :
					    res_here ? res_addr[LOW-1:0] :
					    dw_here ? dw_addr[LOW-1:0] : st_addr[LOW-1:0];
			wire [LOW-1:0] wa = scrub ? scrub_addr[LOW-1:0] :
					    out_here ? out_addr[LOW-1:0] : ld_addr[LOW-1:0];

			for (s = 0; s < SUBS; s = s + 1) begin : g_sub
				mea_ram #(.WIDTH(COLS*8), .DEPTH(WORDS / BANKS)) ram (
					.clk(clk),
					.wen(scrub || (out_here && out_sub[s]) || ld_here),
					.waddr(wa),
					.wdata(scrub ? {COLS*8{1'b0}} : out_here ? out_data :
					       ld_data[s*COLS*8 +: COLS*8]),
					.ren(in_here || res_here || dw_here || st_here),
					.raddr(ra),
					.rdata(all[(b*LANES + s*COLS)*8 +: COLS*8])
				);
			end
		end
	endgenerate
endmodule

`resetall
