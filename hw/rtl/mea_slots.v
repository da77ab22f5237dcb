// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the slot tables of the two job banks. Bases and sizes lie in small RAMs, of
// which the tools make a copy for each reader: the two guards, who look into the table of
// the job that runs, and the registers. Rights are flip-flops: without them, what a RAM
// happens to hold at power-on opens nothing.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_slots #(
	// slots of a table
	parameter integer SLOTS = 8,
	parameter integer SW = $clog2(SLOTS)
) (
	input  wire          clk,
	input  wire          rst,

	// software writes register wreg of a slot; wen only while the bank is EMPTY
	input  wire          wen,
	input  wire          wbank,
	input  wire [SW-1:0] wslot,
	input  wire [3:0]    wreg,
	input  wire [31:0]   wdata,

	// ... and reads it, in the same cycle
	input  wire          rbank,
	input  wire [SW-1:0] rslot,
	input  wire [3:0]    rreg,
	output reg  [31:0]   rdata,

	// the bank of the job that runs
	input  wire          run,
	// what its table says of a slot: base in pages, size in 64-byte units (0: closed),
	// the right to read, or to write
	input  wire [SW-1:0] ar_slot,
	output wire [51:0]   ar_page,
	output wire [26:0]   ar_size,
	output wire          ar_right,
	input  wire [SW-1:0] aw_slot,
	output wire [51:0]   aw_page,
	output wire [26:0]   aw_size,
	output wire          aw_right
`ifdef FORMAL
	,
	// all of both tables, bank 0 in the low half
	output wire [2*SLOTS*52-1:0] f_page,
	output wire [2*SLOTS*27-1:0] f_size,
	output wire [2*SLOTS-1:0]    f_read,
	output wire [2*SLOTS-1:0]    f_write
`endif
);
`ifdef FORMAL
	(* mem2reg *) reg [19:0] low [0:2*SLOTS-1];
	(* mem2reg *) reg [31:0] high [0:2*SLOTS-1];
	(* mem2reg *) reg [26:0] size [0:2*SLOTS-1];
`else
	reg [19:0] low [0:2*SLOTS-1];
	reg [31:0] high [0:2*SLOTS-1];
	reg [26:0] size [0:2*SLOTS-1];
`endif
	reg [2*SLOTS-1:0] may_read, may_write;

	wire [SW:0] w = {wbank, wslot}, r = {rbank, rslot}, ar = {run, ar_slot}, aw = {run, aw_slot};
	wire [7:0] wfield = {4'd0, wreg}, rfield = {4'd0, rreg};

	integer i;
	always @(posedge clk) begin
		if (wen && wfield == `MEA_BANK_SLOT_BASE_LO)
			low[w] <= wdata[31:12];
		if (wen && wfield == `MEA_BANK_SLOT_BASE_HI)
			high[w] <= wdata;
		// An offset has 32 bits, so nothing is lost by stopping at 4 GiB.
		if (wen && wfield == `MEA_BANK_SLOT_SIZE)
			size[w] <= wdata > 32'h0400_0000 ? 27'h400_0000 : wdata[26:0];
		for (i = 0; i < 2*SLOTS; i = i + 1)
			if (wen && wfield == `MEA_BANK_SLOT_FLAGS && w == i[SW:0])
				{may_write[i], may_read[i]} <= wdata[1:0];
		if (rst)
			{may_write, may_read} <= {4*SLOTS{1'b0}};
	end

	assign ar_page  = {high[ar], low[ar]};
	assign ar_size  = size[ar];
	assign ar_right = may_read[ar];
	assign aw_page  = {high[aw], low[aw]};
	assign aw_size  = size[aw];
	assign aw_right = may_write[aw];

	wire [51:0] r_page = {high[r], low[r]};
	wire [26:0] r_size = size[r];
	always @*
		case (rfield)
		`MEA_BANK_SLOT_BASE_LO: rdata = {r_page[19:0], 12'd0};
		`MEA_BANK_SLOT_BASE_HI: rdata = r_page[51:20];
		`MEA_BANK_SLOT_SIZE:    rdata = {5'd0, r_size};
		default:                rdata = {30'd0, may_write[r], may_read[r]};
		endcase

`ifdef FORMAL
	genvar g;
	generate
		for (g = 0; g < 2*SLOTS; g = g + 1) begin : g_all
			assign f_page[g*52 +: 52] = {high[g], low[g]};
			assign f_size[g*27 +: 27] = size[g];
		end
	endgenerate
	assign f_read  = may_read;
	assign f_write = may_write;
`endif
endmodule

`resetall
