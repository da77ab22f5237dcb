// SPDX-License-Identifier: Apache-2.0
//
// Purpose: reads the job's commands from slot 0, through the guard like any other
// access, and hands each to its queue in program order. It asks only for what it
// has room for, so its data never blocks the read channel for the load engine.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_fetch #(
	parameter integer BEAT = 8,
	// 0: there is no depthwise queue
	parameter integer DW = 1
) (
	input  wire           clk,
	input  wire           rst,

	// the job: constant from start to the end
	input  wire           start,
	input  wire [31:0]    cmd_offset,
	input  wire [31:0]    cmd_count,

	// burst requests of one command each
	output wire           req_valid,
	output wire [32:0]    req_offset,
	output wire [31:0]    req_index,
	input  wire           req_ready,

	// its beats; always accepted
	input  wire           r_valid,
	input  wire [BEAT*8-1:0] r_data,
	// the command that the beats of the cycle before belonged to
	output wire [31:0]    recv_index,

	// to the queues: load, compute, store, depthwise
	output wire [3:0]     push,
	output wire [511:0]   cmd,
	output wire [31:0]    cmd_index,
	input  wire [3:0]     full,

	output wire           illegal,
	// every command is in a queue
	output wire           done
);
	localparam ROOM = 4;
	localparam integer BEATS = 64 / BEAT;
	localparam integer BEAT_LAST = BEATS - 1;
	localparam integer BW = $clog2(BEATS);

	// more: not all are asked for; all_sent: all are in a queue
	reg         active, more, all_sent;
	reg [31:0]  asked, received, sent, ask_left, send_left;
	reg [2:0]   in_flight;
	reg [BW-1:0] beat;
	reg [511:0] word;
	wire [2:0]  level;
	wire        there, none, buffer_full;
	// all of `word` is a command
	reg         whole;

	wire pop   = |push;
	wire [511:0] word_next = {r_data, word[511:BEAT*8]};

	assign req_valid  = more && {1'b0, in_flight} + {1'b0, level} < ROOM;
	assign req_offset = {1'b0, cmd_offset} + {asked[26:0], 6'd0};
	assign req_index  = asked;
	assign recv_index = received;
	assign done       = all_sent;

	mea_queue #(.WIDTH(512), .DEPTH(ROOM)) commands (
		.clk(clk), .rst(rst), .push(whole), .din(word),
		.pop(pop), .valid(there), .dout(cmd), .empty(none), .full(buffer_full),
		.level(level)
	);
	wire unused = &{none, buffer_full};

	wire [3:0] op = cmd[`MEA_F_CMD_OPCODE];
	wire [3:0] to = {DW != 0 && op == `MEA_OP_DEPTHWISE, op == `MEA_OP_STORE || op == `MEA_OP_SNAP,
			 op == `MEA_OP_CONV || op == `MEA_OP_POOL, op == `MEA_OP_LOAD};
	assign push      = there ? to & ~full : 4'b0000;
	assign illegal   = there && to == 4'b0000;
	assign cmd_index = sent;

	always @(posedge clk) begin
		if (start)
			active <= 1'b1;
		if (!active) begin
			ask_left  <= cmd_count;
			send_left <= cmd_count;
			more      <= start && cmd_count != 32'd0;
			all_sent  <= start && cmd_count == 32'd0;
		end
		if (req_ready) begin
			asked    <= asked + 32'd1;
			ask_left <= ask_left - 32'd1;
			more     <= ask_left != 32'd1;
		end
		if (pop) begin
			sent      <= sent + 32'd1;
			send_left <= send_left - 32'd1;
			all_sent  <= send_left == 32'd1;
		end
		in_flight <= in_flight + {2'd0, req_ready} - {2'd0, whole};
		whole     <= r_valid && beat == BEAT_LAST[BW-1:0];
		received  <= received + {31'd0, whole};
		if (r_valid) begin
			word <= word_next;
			beat <= beat + 1'b1;
		end
		if (rst) begin
			{active, more, all_sent, whole} <= 4'b0000;
			asked  <= 32'd0;
			received <= 32'd0;
			sent   <= 32'd0;
			in_flight <= 3'd0;
			beat   <= 0;
		end
	end
endmodule

`resetall
