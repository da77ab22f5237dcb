// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the registers of one job bank: slot table, command range, budget,
// record, and the results that the hardware leaves there.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_bank #(
	parameter SLOTS = 8
) (
	input  wire                clk,
	input  wire                rst,

	// software's side; wen only while the bank is EMPTY
	input  wire                wen,
	input  wire [7:0]          waddr,
	input  wire [31:0]         wdata,
	input  wire [7:0]          raddr,
	output reg  [31:0]         rdata,
	input  wire [1:0]          state,

	// results of a job
	input  wire                save,
	input  wire [31:0]         fault,
	input  wire [31:0]         fault_offset,
	input  wire [31:0]         fault_cmd,
	input  wire [31:0]         cycles,

	output wire [SLOTS*52-1:0] slot_page,
	output wire [SLOTS*27-1:0] slot_size,
	output wire [SLOTS-1:0]    slot_read,
	output wire [SLOTS-1:0]    slot_write,
	// scrub, command offset and count, budget, record enable, slot and offset, tag
	output wire                scrub,
	output wire [31:0]         cmd_offset,
	output wire [31:0]         cmd_count,
	output reg  [31:0]         budget,
	output reg                 rec_enable,
	output reg  [3:0]          rec_slot,
	output wire [31:0]         rec_offset,
	output reg  [31:0]         tag
);
	reg        scrub_q;
	reg [25:0] cmd_page;
	reg [31:0] count;
	reg [24:0] rec_page;
	reg [31:0] r_fault, r_offset, r_cmd, r_cycles;

	assign scrub      = scrub_q;
	assign cmd_offset = {cmd_page, 6'd0};
	assign cmd_count  = count;
	assign rec_offset = {rec_page, 7'd0};

	localparam SLOT_END_W = SLOTS * 16;
	localparam [7:0] SLOT_END = SLOT_END_W[7:0];
	wire [2:0] rs = raddr[6:4];

	// A register per slot with its own enable: a part-select at a variable place
	// would become a shifter over the whole table.
	genvar g;
	generate
		for (g = 0; g < SLOTS; g = g + 1) begin : g_slot
			localparam [31:0] G = g;
			reg [51:0] page;
			reg [26:0] size;
			reg        may_read, may_write;
			wire       here = wen && waddr[7:4] == G[3:0];

			assign slot_page[g*52 +: 52] = page;
			assign slot_size[g*27 +: 27] = size;
			assign slot_read[g]  = may_read;
			assign slot_write[g] = may_write;

			always @(posedge clk) begin
				if (here)
					case ({4'd0, waddr[3:0]})
					`MEA_BANK_SLOT_BASE_LO: page[19:0] <= wdata[31:12];
					`MEA_BANK_SLOT_BASE_HI: page[51:20] <= wdata;
					// An offset has 32 bits, so nothing is lost by
					// stopping at 4 GiB.
					`MEA_BANK_SLOT_SIZE: size <= wdata > 32'h0400_0000 ?
						27'h400_0000 : wdata[26:0];
					default: {may_write, may_read} <= wdata[1:0];
					endcase
				// Without rights, what the table happens to hold at
				// power-on opens nothing.
				if (rst)
					{may_write, may_read} <= 2'b00;
			end
		end
	endgenerate

	always @(posedge clk) begin
		if (wen) begin
			case (waddr)
			`MEA_BANK_CMD_OFFSET: cmd_page <= wdata[31:6];
			`MEA_BANK_CMD_COUNT:  count <= wdata;
			`MEA_BANK_BUDGET:     budget <= wdata;
			`MEA_BANK_RECORD: begin
				rec_slot   <= wdata[3:0];
				rec_enable <= wdata[31];
			end
			`MEA_BANK_RECORD_OFFSET: rec_page <= wdata[31:7];
			`MEA_BANK_TAG:        tag <= wdata;
			`MEA_BANK_START:      scrub_q <= wdata[1];
			default: ;
			endcase
		end
		if (save)
			{r_fault, r_offset, r_cmd, r_cycles} <= {fault, fault_offset, fault_cmd, cycles};
	end

	reg [51:0] page_s;
	reg [26:0] size_s;
	integer i;
	always @* begin
		page_s = slot_page[51:0];
		size_s = slot_size[26:0];
		for (i = 1; i < SLOTS; i = i + 1)
			if (rs == i[2:0]) begin
				page_s = slot_page[i*52 +: 52];
				size_s = slot_size[i*27 +: 27];
			end
	end

	always @* begin
		rdata = 32'd0;
		if (raddr < SLOT_END) begin
			case ({4'd0, raddr[3:0]})
			`MEA_BANK_SLOT_BASE_LO: rdata = {page_s[19:0], 12'd0};
			`MEA_BANK_SLOT_BASE_HI: rdata = page_s[51:20];
			`MEA_BANK_SLOT_SIZE:    rdata = {5'd0, size_s};
			default:                rdata = {30'd0, slot_write[rs], slot_read[rs]};
			endcase
		end else begin
			case (raddr)
			`MEA_BANK_CMD_OFFSET:    rdata = cmd_offset;
			`MEA_BANK_CMD_COUNT:     rdata = count;
			`MEA_BANK_BUDGET:        rdata = budget;
			`MEA_BANK_RECORD:        rdata = {rec_enable, 27'd0, rec_slot};
			`MEA_BANK_RECORD_OFFSET: rdata = rec_offset;
			`MEA_BANK_TAG:           rdata = tag;
			`MEA_BANK_STATE:         rdata = {30'd0, state};
			`MEA_BANK_FAULT:         rdata = r_fault;
			`MEA_BANK_FAULT_OFFSET:  rdata = r_offset;
			`MEA_BANK_FAULT_CMD:     rdata = r_cmd;
			`MEA_BANK_CYCLES:        rdata = r_cycles;
			default:                 rdata = 32'd0;
			endcase
		end
	end
endmodule

`resetall
