// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the load queue's engine: DRAM rows into the activation scratchpad, the
// weight memory, the stem memory or the table memory. The request side runs up to a few commands
// ahead of the data side, so the bus stays busy across commands whatever its
// latency. A row starts at a beat; what is left of its last beat is dropped.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_load #(
	parameter integer BEAT = 8,
	parameter integer MAX_BURST = 16,
	parameter integer LANES = 16,
	parameter integer COLS = 16,
	parameter integer ACT_AW = 14,
	parameter integer WGT_AW = 12,
	parameter integer STEM_AW = 9,
	// 0: there is no table memory
	parameter integer TABLES = 8,
	parameter integer TABLE_AW = 9
) (
	input  wire                clk,
	input  wire                rst,

	input  wire                head_valid,
	input  wire [255:0]        head,
	input  wire [31:0]         head_index,
	output wire                head_pop,

	// tokens: bits 0 to 2 compute, store, depthwise queue
	input  wire [2:0]          token_there,
	output wire [2:0]          token_take,
	output wire [2:0]          token_give,
	output wire [31:0]         give_index,

	output wire                illegal,
	output wire                misaligned,
	output wire                idle,

	output wire                req_valid,
	output wire [3:0]          req_slot,
	output wire [32:0]         req_offset,
	output wire [8:0]          req_beats,
	output wire [31:0]         req_index,
	input  wire                req_ready,

	input  wire                r_valid,
	input  wire [BEAT*8-1:0]   r_data,
	output wire                r_ready,

	output wire                act_wen,
	output wire [ACT_AW-1:0]   act_addr,
	output wire [LANES*8-1:0]  act_data,
	input  wire                act_ready,
	output wire                wgt_wen,
	output wire [WGT_AW-1:0]   wgt_addr,
	output wire [2*COLS*8-1:0] wgt_data,
	output wire                stem_wen,
	output wire [STEM_AW-1:0]  stem_addr,
	output wire [63:0]         stem_data,
	output wire                table_wen,
	output wire [TABLE_AW-1:0]  table_addr,
	output wire [31:0]         table_data
);
	localparam integer BEAT_LOG = $clog2(BEAT);
	localparam integer BEAT_UP = BEAT - 1;
	localparam integer ACT_LOG = $clog2(LANES);
	localparam integer WGT_LOG = $clog2(2*COLS);
	localparam [31:0] ACT = `MEA_DEST_ACT, WGT = `MEA_DEST_WGT, STEM = `MEA_DEST_STEM,
			  TABLE = `MEA_DEST_TABLE;

	// --- request side -----------------------------------------------------
	wire [2:0]  need   = head[`MEA_F_CMD_WAIT];
	wire [1:0]  dest_f = head[`MEA_F_LOAD_DEST];
	wire [31:0] dest   = {30'd0, dest_f};
	wire [19:0] words  = head[`MEA_F_LOAD_ROW_WORDS];
	wire [15:0] rows   = head[`MEA_F_LOAD_ROWS];
	wire [31:0] offset = head[`MEA_F_LOAD_OFFSET];
	wire [31:0] pitch  = head[`MEA_F_LOAD_DRAM_PITCH];
	wire [26:0] bytes  = {7'd0, words} << (dest == ACT ? ACT_LOG : dest == WGT ? WGT_LOG :
						    dest == STEM ? 3 : 2);
	wire [26:0] beats  = (bytes + BEAT_UP[26:0]) >> BEAT_LOG;

	wire no_count = (TABLES == 0 && dest == TABLE) || words == 0 || rows == 0;
	wire no_align = offset[3:0] != 0 || (rows != 16'd1 && pitch[3:0] != 0);
	wire seen, ready;
	reg  bad_count, bad_align;
	always @(posedge clk)
		{bad_count, bad_align} <= {no_count, no_align};
	mea_head decode (
		.clk(clk), .rst(rst), .valid(head_valid), .taken(head_pop),
		.wrong(no_count || no_align), .need(need), .there(token_there),
		.seen(seen), .ready(ready)
	);

	wire busy, pending_full, pending_empty;
	wire accept = ready && !busy && !pending_full;

	assign illegal    = seen && bad_count;
	assign misaligned = seen && !bad_count && bad_align;
	assign head_pop   = accept;
	assign token_take = accept ? need : 3'b000;

	reg [3:0]  slot_q;
	reg [31:0] index_q;
	always @(posedge clk)
		if (accept) begin
			slot_q  <= head[`MEA_F_LOAD_SLOT];
			index_q <= head_index;
		end
	assign req_slot  = slot_q;
	assign req_index = index_q;

	mea_rows #(.BEAT(BEAT), .MAX_BURST(MAX_BURST)) requests (
		.clk(clk), .rst(rst), .start(accept), .offset(offset), .pitch(pitch),
		.row_beats(beats[25:0]), .rows(rows), .busy(busy),
		.req_valid(req_valid), .req_offset(req_offset), .req_beats(req_beats),
		.req_ready(req_ready)
	);

	// --- data side -----------------------------------------------------------
	// What the data side needs to know of a command, in the order of the requests; the
	// one that it works on lies in registers, counted down.
	localparam integer PENDING_W = 32 + 3 + 20 + 20 + 16 + 20 + 2;
	wire [19:0] words1 = words - 20'd1;
	wire [15:0] rows1 = rows - 16'd1;
	wire [PENDING_W-1:0] pending_in = {head_index, head[`MEA_F_CMD_SIGNAL], head[`MEA_F_LOAD_PITCH],
				       head[`MEA_F_LOAD_ADDR], rows1, words1, dest_f};
	wire [PENDING_W-1:0] pending;
	wire load_end, load_take;
	/* verilator lint_off PINCONNECTEMPTY */
	mea_fifo #(.WIDTH(PENDING_W), .DEPTH(4)) pending_loads (
		.clk(clk), .rst(rst), .push(accept), .din(pending_in), .pop(load_take),
		.dout(pending), .empty(pending_empty), .full(pending_full), .level()
	);
	/* verilator lint_on PINCONNECTEMPTY */
	reg        load_valid;
	reg [31:0] load_index;
	reg [2:0]  load_signal;
	reg [1:0]  load_dest_q;
	reg [19:0] load_words, load_pitch, words_left, to, row_to;
	reg [15:0] rows_left;
	reg        last_word, last_row, one_word;
	wire [19:0] row_next = row_to + load_pitch;
	wire [31:0] load_dest = {30'd0, load_dest_q};
	assign load_take     = !pending_empty && (!load_valid || load_end);
	assign give_index    = load_index;
	assign token_give    = load_end ? load_signal : 3'b000;
	assign idle          = pending_empty && !busy && !load_valid;

	reg [5:0]  part;
	reg [511:0] held;

	// A word of several beats waits for its last one; a beat of several words
	// is taken with its last one.
	wire wide_act  = LANES >= BEAT;
	wire wide_wgt  = 2*COLS >= BEAT;
	wire wide_stem = BEAT <= 8;
	wire wide = load_dest == ACT ? wide_act : load_dest == WGT ? wide_wgt :
		    load_dest == STEM && wide_stem;
	localparam integer ACT_LAST  = LANES >= BEAT ? LANES / BEAT - 1 : BEAT / LANES - 1;
	localparam integer WGT_LAST  = 2*COLS >= BEAT ? 2*COLS / BEAT - 1 : BEAT / (2*COLS) - 1;
	localparam integer STEM_LAST = BEAT / 8 - 1;
	localparam integer TABLE_LAST = BEAT / 4 - 1;
	wire [5:0] part_last = load_dest == ACT ? ACT_LAST[5:0] : load_dest == WGT ? WGT_LAST[5:0] :
			       load_dest == STEM ? STEM_LAST[5:0] : TABLE_LAST[5:0];

	wire last_part = part == part_last;
	wire have_word = r_valid && load_valid && (last_part || !wide);
	wire blocked   = load_dest == ACT && !act_ready;
	wire put_word  = have_word && !blocked;

	assign r_ready = load_valid && (wide ? !last_part || !blocked
					: !blocked && (last_part || last_word));
	assign load_end = put_word && last_word && last_row;

	assign act_wen   = have_word && load_dest == ACT;
	assign act_addr  = to[ACT_AW-1:0];
	assign wgt_wen   = put_word && load_dest == WGT;
	assign wgt_addr  = to[WGT_AW-1:0];
	assign stem_wen  = put_word && load_dest == STEM;
	assign stem_addr = to[STEM_AW-1:0];
	assign table_wen  = put_word && load_dest == TABLE;
	assign table_addr = to[TABLE_AW-1:0];

	mea_word #(.BEAT(BEAT), .WORD(LANES)) act_word (
		.beat(r_data), .part(part), .held(held), .word(act_data));
	mea_word #(.BEAT(BEAT), .WORD(2*COLS)) wgt_word (
		.beat(r_data), .part(part), .held(held), .word(wgt_data));
	mea_word #(.BEAT(BEAT), .WORD(8)) stem_word (
		.beat(r_data), .part(part), .held(held), .word(stem_data));
	mea_word #(.BEAT(BEAT), .WORD(4)) table_word (
		.beat(r_data), .part(part), .held(held), .word(table_data));

	integer p;
	always @(posedge clk) begin
		if (r_valid && r_ready && wide && !last_part) begin
			for (p = 0; p < 64 / BEAT; p = p + 1)
				if (part == p[5:0])
					held[p*BEAT*8 +: BEAT*8] <= r_data;
			part <= part + 6'd1;
		end
		if (put_word) begin
			part <= wide || last_part || last_word ? 6'd0 : part + 6'd1;
			to   <= last_word ? row_next : to + 20'd1;
			words_left <= last_word ? load_words : words_left - 20'd1;
			last_word  <= last_word ? one_word : words_left == 20'd1;
			if (last_word) begin
				row_to    <= row_next;
				rows_left <= rows_left - 16'd1;
				last_row  <= rows_left == 16'd1;
			end
		end
		if (load_take) begin
			{load_index, load_signal, load_pitch, to, rows_left, words_left,
			 load_dest_q} <= pending;
			row_to     <= pending[57:38];
			load_words <= pending[21:2];
			one_word   <= pending[21:2] == 20'd0;
			last_word  <= pending[21:2] == 20'd0;
			last_row   <= pending[37:22] == 16'd0;
		end
		load_valid <= load_take || (load_valid && !load_end);
		if (rst) begin
			load_valid <= 1'b0;
			part <= 6'd0;
		end
	end

`ifdef FORMAL
	reg f_past;
	initial f_past = 1'b0;
	always @(posedge clk)
		f_past <= 1'b1;
	// Only tokens that are there are taken, and for a command that starts.
	always @(posedge clk) begin
		if (f_past)
			assert ((token_take & ~token_there) == 3'b000);
		assert (token_take == 3'b000 || head_pop);
		if (f_past)
			assert (!head_pop || (head_valid && !illegal && !misaligned));
	end
`endif
endmodule

`resetall
