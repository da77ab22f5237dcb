// SPDX-License-Identifier: Apache-2.0
//
// Purpose: of all faults that a cycle may bring, the one that ends the job, and
// everything that software is told about it. One chain of priorities decides the
// cause and all that goes with it, so the report never mixes two faults. Its lower part,
// what ends no job by itself, has a cycle of its own.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_fault (
	input  wire        clk,
	// the engines are held in reset
	input  wire        rst,

	// refused by a guard; ar_load: the load engine asked, else the fetch
	input  wire        ar_fault,
	input  wire [7:0]  ar_cause,
	input  wire        ar_load,
	input  wire [3:0]  ar_slot,
	input  wire [31:0] ar_offset,
	input  wire [31:0] ar_index,
	input  wire        aw_fault,
	input  wire [7:0]  aw_cause,
	input  wire [3:0]  aw_slot,
	input  wire [31:0] aw_offset,
	input  wire [31:0] aw_index,

	// answered with an error by the bus
	input  wire        r_error,
	input  wire        r_load,
	input  wire [31:0] r_index,
	input  wire        b_error,

	// commands that the engines refuse, and their indices
	input  wire        f_illegal,
	input  wire        l_illegal,
	input  wire        c_illegal,
	input  wire        s_illegal,
	input  wire        d_illegal,
	input  wire        l_misaligned,
	input  wire        s_misaligned,
	input  wire [31:0] f_index,
	input  wire [31:0] l_index,
	input  wire [31:0] c_index,
	input  wire [31:0] s_index,
	input  wire [31:0] d_index,

	// givers of a token too many: load, compute, store, depthwise
	input  wire [3:0]  overflow,
	input  wire [31:0] l_give_index,
	input  wire [31:0] c_give_index,
	input  wire [31:0] s_give_index,
	input  wire [31:0] d_give_index,

	// of what the engines refuse and of tokens, one is on its way
	output reg         pending,

	// a cycle later, two for what was pending
	output reg         fault,
	output reg  [7:0]  cause,
	output reg  [3:0]  slot,
	output reg         is_write,
	output reg  [2:0]  queue,
	output reg  [31:0] offset,
	// without a fault: the next command that the fetch hands out
	output reg  [31:0] cmd
);
	localparam [2:0] FETCH = 3'd0, LOAD = 3'd1, COMPUTE = 3'd2, STORE = 3'd3, DEPTHWISE = 3'd4;

	wire misaligned = l_misaligned || s_misaligned;
	wire illegal = f_illegal || l_illegal || c_illegal || s_illegal || d_illegal;
	reg  [7:0]  p_cause;
	reg  [2:0]  p_queue;
	reg  [31:0] p_cmd;
	always @(posedge clk) begin
		pending <= (misaligned || illegal || overflow != 4'd0) && !rst;
		p_cause <= misaligned ? `MEA_FAULT_ALIGN : illegal ? `MEA_FAULT_ILLEGAL : `MEA_FAULT_TOKEN;
		if (misaligned)
			{p_queue, p_cmd} <= l_misaligned ? {LOAD, l_index} : {STORE, s_index};
		else if (illegal)
			{p_queue, p_cmd} <= f_illegal ? {FETCH, f_index} :
					    l_illegal ? {LOAD, l_index} :
					    c_illegal ? {COMPUTE, c_index} :
					    s_illegal ? {STORE, s_index} : {DEPTHWISE, d_index};
		else
			{p_queue, p_cmd} <= overflow[0] ? {LOAD, l_give_index} :
					    overflow[1] ? {COMPUTE, c_give_index} :
					    overflow[2] ? {STORE, s_give_index} :
							  {DEPTHWISE, d_give_index};
	end

	reg        fault_now, is_write_now;
	reg [7:0]  cause_now;
	reg [3:0]  slot_now;
	reg [2:0]  queue_now;
	reg [31:0] offset_now, cmd_now;
	always @(posedge clk)
		{fault, cause, slot, is_write, queue, offset, cmd} <=
			{fault_now, cause_now, slot_now, is_write_now, queue_now, offset_now, cmd_now};

	always @* begin
		fault_now    = 1'b1;
		cause_now    = `MEA_FAULT_NONE;
		slot_now     = 4'd0;
		is_write_now = 1'b0;
		queue_now    = FETCH;
		offset_now   = 32'd0;
		cmd_now      = f_index;
		if (ar_fault) begin
			cause_now  = ar_cause;
			slot_now   = ar_slot;
			queue_now  = ar_load ? LOAD : FETCH;
			offset_now = ar_offset;
			cmd_now    = ar_index;
		end else if (aw_fault) begin
			cause_now    = aw_cause;
			slot_now     = aw_slot;
			is_write_now = 1'b1;
			queue_now    = STORE;
			offset_now   = aw_offset;
			cmd_now      = aw_index;
		end else if (r_error) begin
			cause_now = `MEA_FAULT_BUS;
			queue_now = r_load ? LOAD : FETCH;
			cmd_now   = r_index;
		end else if (b_error) begin
			cause_now    = `MEA_FAULT_BUS;
			is_write_now = 1'b1;
			queue_now    = STORE;
			cmd_now      = aw_index;
		end else if (pending) begin
			cause_now = p_cause;
			queue_now = p_queue;
			cmd_now   = p_cmd;
		end else begin
			fault_now = 1'b0;
		end
	end
endmodule

`resetall
