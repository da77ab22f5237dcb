// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the registers of one job bank but for its slot table: command range, budget,
// record, and the results that the hardware leaves there.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_bank (
	input  wire                clk,

	// software's side; wen only while the bank is EMPTY
	input  wire                wen,
	input  wire [7:0]          waddr,
	input  wire [31:0]         wdata,
	input  wire [7:0]          raddr,
	// a cycle later
	output reg  [31:0]         rdata,
	input  wire [1:0]          state,

	// results of a job
	input  wire                save,
	input  wire [31:0]         fault,
	input  wire [31:0]         fault_offset,
	input  wire [31:0]         fault_cmd,
	input  wire [31:0]         cycles,

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

	always @(posedge clk)
		case (raddr)
		`MEA_BANK_CMD_OFFSET:    rdata <= cmd_offset;
		`MEA_BANK_CMD_COUNT:     rdata <= count;
		`MEA_BANK_BUDGET:        rdata <= budget;
		`MEA_BANK_RECORD:        rdata <= {rec_enable, 27'd0, rec_slot};
		`MEA_BANK_RECORD_OFFSET: rdata <= rec_offset;
		`MEA_BANK_TAG:           rdata <= tag;
		`MEA_BANK_STATE:         rdata <= {30'd0, state};
		`MEA_BANK_FAULT:         rdata <= r_fault;
		`MEA_BANK_FAULT_OFFSET:  rdata <= r_offset;
		`MEA_BANK_FAULT_CMD:     rdata <= r_cmd;
		`MEA_BANK_CYCLES:        rdata <= r_cycles;
		default:                 rdata <= 32'd0;
		endcase
endmodule

`resetall
