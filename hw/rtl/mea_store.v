// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the store queue's engine: scratchpad rows to DRAM, and records of the
// counters (SNAP, and the completion record of a job). One burst is on its way at
// a time; its data follow its address. On abort a burst that has its address on
// the bus is finished with all strobes off, as AXI demands.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_store #(
	parameter integer BEAT = 8,
	parameter integer MAX_BURST = 16,
	parameter integer LANES = 16,
	parameter integer ACT_AW = 14
) (
	input  wire               clk,
	input  wire               rst,
	input  wire               abort,

	input  wire               head_valid,
	input  wire [255:0]       head,
	input  wire [31:0]        head_index,
	output wire               head_pop,

	// tokens: bits 0 to 2 load, compute, depthwise queue
	input  wire [2:0]         token_there,
	output wire [2:0]         token_take,
	output wire [2:0]         token_give,

	output wire               illegal,
	output wire               misaligned,
	output wire               idle,

	// the job's completion record
	input  wire               rec_start,
	input  wire [3:0]         rec_slot,
	input  wire [31:0]        rec_offset,

	// contents of a record; snap pulses when they are to be held
	output wire               snap,
	output wire               snap_final,
	output wire [15:0]        snap_layer,
	input  wire [1023:0]      record,

	output wire               req_valid,
	output wire [3:0]         req_slot,
	output wire [32:0]        req_offset,
	output wire [8:0]         req_beats,
	output wire [31:0]        req_index,
	input  wire               req_ready,

	output wire               act_ren,
	output wire [ACT_AW-1:0]  act_addr,
	input  wire               act_ready,
	input  wire [LANES*8-1:0] act_data,

	output reg                w_valid,
	output reg  [BEAT*8-1:0]  w_data,
	output reg  [BEAT-1:0]    w_strb,
	output reg                w_last,
	input  wire               w_ready,
	input  wire               b_valid,

	output wire               beat_event
);
	localparam integer BEAT_LOG = $clog2(BEAT);
	localparam integer BEAT_UP = BEAT - 1;
	localparam integer LANE_LOG = $clog2(LANES);
	localparam integer REC_BEATS = `MEA_RECORD_BYTES / BEAT;
	// words per beat, or beats per word
	localparam integer PART_LAST = LANES < BEAT ? BEAT / LANES - 1 : LANES / BEAT - 1;

	// --- command ------------------------------------------------------------
	wire [2:0]  need  = head[`MEA_F_CMD_WAIT];
	wire        is_snap = head[`MEA_F_CMD_OPCODE] == `MEA_OP_SNAP;
	wire [19:0] words = head[`MEA_F_STORE_ROW_WORDS];
	wire [15:0] rows  = head[`MEA_F_STORE_ROWS];
	wire [31:0] offset = head[`MEA_F_STORE_OFFSET];
	wire [31:0] pitch = head[`MEA_F_STORE_DRAM_PITCH];
	wire [19:0] head_addr = head[`MEA_F_STORE_ADDR];
	wire [26:0] bytes = {7'd0, words} << LANE_LOG;
	wire [26:0] beats = (bytes + BEAT_UP[26:0]) >> BEAT_LOG;
	wire no_count = !is_snap && (words == 0 || rows == 0);
	wire no_align = is_snap ? offset[6:0] != 0
				: offset[3:0] != 0 || (rows != 16'd1 && pitch[3:0] != 0);
	wire seen, ready;
	reg  bad_count, bad_align;
	always @(posedge clk)
		{bad_count, bad_align} <= {no_count, no_align};
	mea_head decode (
		.clk(clk), .rst(rst), .valid(head_valid), .taken(head_pop),
		.wrong(no_count || no_align), .need(need), .there(token_there),
		.seen(seen), .ready(ready)
	);

	reg         active, record_mode, record_final;
	reg [2:0]   signal;
	reg [3:0]   slot;
	reg [31:0]  index;
	wire accept = ready && !active && !abort;
	wire start = accept || rec_start;

	assign illegal    = seen && !active && bad_count;
	assign misaligned = seen && !active && !bad_count && bad_align;
	assign head_pop   = accept;
	assign token_take = accept ? need : 3'b000;
	assign snap       = rec_start || (accept && is_snap);
	assign snap_final = rec_start;
	assign snap_layer = head[`MEA_F_CMD_LAYER];
	assign req_slot   = slot;
	assign req_index  = index;
	assign idle       = !active;

	// --- bursts ----------------------------------------------------------------
	reg        sending;
	reg [8:0]  beats_left;
	// bursts that the bus has not answered, and whether there may be no more
	reg [7:0]  answers;
	reg        many;
	wire rows_busy, rows_req, finished;
	wire have_beat, send;

	mea_rows #(.BEAT(BEAT), .MAX_BURST(MAX_BURST)) requests (
		.clk(clk), .rst(rst || abort), .start(start),
		.offset(rec_start ? rec_offset : offset), .pitch(pitch),
		.row_beats(rec_start || is_snap ? REC_BEATS[25:0] : beats[25:0]),
		.rows(rec_start || is_snap ? 16'd1 : rows),
		.busy(rows_busy), .req_valid(rows_req), .req_offset(req_offset),
		.req_beats(req_beats), .req_ready(req_ready)
	);
	// (Who sees to it that an aborted engine's request is not heard is the accelerator.)
	assign req_valid = rows_req && !sending && !many;
	assign finished  = active && !rows_busy && !sending && answers == 8'd0;
	assign token_give = finished && !abort && !record_final ? signal : 3'b000;

	always @(posedge clk) begin
		if (start) begin
			active      <= 1'b1;
			record_mode <= rec_start || is_snap;
			record_final <= rec_start;
			signal      <= head[`MEA_F_CMD_SIGNAL];
			slot        <= rec_start ? rec_slot : head[`MEA_F_STORE_SLOT];
			index       <= head_index;
		end else if (finished) begin
			active <= 1'b0;
		end
		if (req_ready) begin
			sending    <= 1'b1;
			beats_left <= req_beats;
		end else if (send) begin
			beats_left <= beats_left - 9'd1;
			if (beats_left == 9'd1)
				sending <= 1'b0;
		end
		answers <= answers + {7'd0, req_ready} - {7'd0, b_valid};
		many    <= answers >= 8'hfe;
		if (rst) begin
			active  <= 1'b0;
			sending <= 1'b0;
			answers <= 8'd0;
		end
	end

	// --- words from the scratchpad, a few ahead --------------------------------
	reg        reading;
	// words and rows that are left, this one not counted
	reg [19:0] rd_cols, rd_words1, rd_at, rd_row, rd_pitch;
	reg [15:0] rd_rows;
	reg        rd_last;
	reg        arriving, arriving_end;
	wire [2:0] level;
	wire       words_empty, words_full, word_pop;
	wire [19:0] rd_row_next = rd_row + rd_pitch;
	wire [19:0] words1 = words - 20'd1;
	wire [LANES*8:0] word_out;

	assign act_ren  = reading && {1'b0, level} + {3'd0, arriving} < 4'd3;
	assign act_addr = rd_at[ACT_AW-1:0];
	wire   got = act_ren && act_ready;

	always @(posedge clk) begin
		arriving     <= got;
		arriving_end <= rd_last;
		if (start) begin
			reading  <= !(rec_start || is_snap);
			rd_cols  <= words1;
			rd_words1 <= words1;
			rd_last  <= words1 == 20'd0;
			rd_rows  <= rows - 16'd1;
			rd_pitch <= head[`MEA_F_STORE_PITCH];
			rd_at    <= head_addr;
			rd_row   <= head_addr;
		end else if (got) begin
			rd_cols <= rd_last ? rd_words1 : rd_cols - 20'd1;
			rd_last <= rd_last ? rd_words1 == 20'd0 : rd_cols == 20'd1;
			rd_at   <= rd_last ? rd_row_next : rd_at + 20'd1;
			if (rd_last) begin
				rd_row  <= rd_row_next;
				rd_rows <= rd_rows - 16'd1;
				if (rd_rows == 16'd0)
					reading <= 1'b0;
			end
		end
		if (rst || abort) begin
			reading  <= 1'b0;
			arriving <= 1'b0;
		end
	end

	mea_fifo #(.WIDTH(LANES*8 + 1), .DEPTH(4)) ahead (
		.clk(clk), .rst(rst || start), .push(arriving), .din({arriving_end, act_data}),
		.pop(word_pop), .dout(word_out), .empty(words_empty), .full(words_full),
		.level(level)
	);
	wire unused = words_full;

	// --- beats -------------------------------------------------------------------
	reg [6:0] part;
	wire [BEAT*8-1:0] beat_data;
	wire [BEAT-1:0]   beat_strb;
	wire beat_there;
	wire row_end = word_out[LANES*8];

	generate
		if (LANES < BEAT) begin : g_gather
			// Words gather in a beat until it is full or the row ends.
			reg [BEAT*8-1:0] held;
			reg [BEAT-1:0]   strb;
			wire last = part == PART_LAST[6:0] || row_end;
			wire [BEAT*8-1:0] shifted = {{(BEAT-LANES)*8{1'b0}}, word_out[LANES*8-1:0]}
						    << (part*LANES*8);
			wire [BEAT-1:0] lanes = {{(BEAT-LANES){1'b0}}, {LANES{1'b1}}} << (part*LANES);

			assign beat_there = !words_empty && last;
			assign beat_data  = held | shifted;
			assign beat_strb  = strb | lanes;
			assign word_pop   = !words_empty && !record_mode &&
					    (last ? send : 1'b1);
			always @(posedge clk)
				if (start || rst) begin
					held <= 0;
					strb <= 0;
				end else if (word_pop) begin
					held <= last ? {BEAT*8{1'b0}} : beat_data;
					strb <= last ? {BEAT{1'b0}} : beat_strb;
				end
		end else begin : g_split
			assign beat_there = !words_empty;
			mea_part #(.WORD(LANES), .PART(BEAT)) beat (
				.word(word_out[LANES*8-1:0]), .sub(part[3:0]), .part(beat_data));
			assign beat_strb  = {BEAT{1'b1}};
			assign word_pop   = send && !record_mode && part == PART_LAST[6:0];
		end
	endgenerate

	always @(posedge clk)
		if (start || rst)
			part <= 7'd0;
		else if (record_mode)
			part <= part + {6'd0, send};
		else if (word_pop)
			part <= LANES < BEAT && part != PART_LAST[6:0] && !row_end ? part + 7'd1 : 7'd0;
		else if (send && LANES >= BEAT)
			part <= part + 7'd1;

	// While aborting, beats that are owed go out with no byte enabled; one that
	// is already shown stays as it is.
	assign have_beat = sending && (abort || record_mode || beat_there);
	assign send = have_beat && (!w_valid || w_ready);
	assign beat_event = send && !record_mode;

	always @(posedge clk) begin
		if (send) begin
			w_valid <= 1'b1;
			w_data  <= record_mode ? record[part*BEAT*8 +: BEAT*8] : beat_data;
			w_strb  <= abort ? {BEAT{1'b0}} : record_mode ? {BEAT{1'b1}} : beat_strb;
			w_last  <= beats_left == 9'd1;
		end else if (w_ready) begin
			w_valid <= 1'b0;
		end
		if (rst)
			w_valid <= 1'b0;
	end

`ifdef FORMAL
	reg f_past, f_ok; // f_ok: the last cycle was no reset
	initial {f_past, f_ok} = 2'b00;
	always @(posedge clk)
		{f_past, f_ok} <= {1'b1, !rst};
`ifndef MEA_FORMAL_TOP
	always @(posedge clk)
		if (!f_past)
			assume (rst);
`endif
	// Bursts that the guard has taken and whose last beat the bus has not: two at
	// most, the older in f_len0. f_seen of its beats are through. The end is found
	// by the length asked for, never by w_last.
	reg [1:0] f_open;
	reg [8:0] f_len0, f_len1, f_seen, f_answers;
	wire f_w   = w_valid && w_ready;
	wire f_end = f_w && f_seen + 9'd1 == f_len0;
	always @(posedge clk)
		if (rst) begin
			f_open <= 2'd0;
			{f_seen, f_answers} <= 18'd0;
		end else begin
			f_open <= f_open + req_ready - f_end;
			if (f_end)
				f_len0 <= f_len1;
			if (req_ready && f_open - f_end == 2'd0)
				f_len0 <= req_beats;
			if (req_ready && f_open - f_end != 2'd0)
				f_len1 <= req_beats;
			if (f_w)
				f_seen <= f_end ? 9'd0 : f_seen + 9'd1;
			f_answers <= f_answers + f_end - b_valid;
		end

	always @(posedge clk) begin
		// The surroundings: the guard answers requests; the sequencer asks for a
		// record of an idle engine, and resets one that owes nothing.
		`MEA_ENV (!req_ready || (req_valid && req_beats != 0 && req_beats <= 9'd256));
		`MEA_ENV (!rec_start || rst || (idle && !head_valid && !abort));
		`MEA_ENV (!f_past || !rst || idle);
		// The bus answers a burst after its last beat.
		assume (!b_valid || rst || f_answers != 0);
	end

	always @(posedge clk)
		if (f_past) begin
			// No beat without a burst that the guard took, and as many as it
			// was asked for, with `last` at the last, whenever abort comes.
			if (w_valid) begin
				assert (f_open != 0);
				assert (w_last == (f_seen + 9'd1 == f_len0));
			end
			// An idle engine owes the bus nothing.
			if (idle)
				assert (!w_valid && !rows_busy && f_open == 0 && f_answers == 0);
			// What makes it inductive.
			assert (f_open == sending + (w_valid && w_last));
			assert (answers == f_open + f_answers && f_answers < 9'd256);
			assert (many || answers <= 8'hfe);
			assert (!sending || (beats_left != 0 && beats_left <= 9'd256));
			if (w_valid && !w_last)
				assert (sending && f_seen + 9'd1 + beats_left == f_len0);
			if (!w_valid && sending)
				assert (f_seen + beats_left == f_len0);
			if (w_valid && w_last && sending)
				assert (f_len1 == beats_left);
			if (!w_valid && !sending)
				assert (f_seen == 0);
			assert (f_len0 <= 9'd256 || f_open == 0);
			assert (f_seen < f_len0 || f_open == 0);
		end

	always @(posedge clk) begin
		// AXI: a beat once shown stays, unchanged, until it is taken.
		if (f_ok && !rst && $past(w_valid) && !$past(w_ready)) begin
			assert (w_valid);
			assert ($stable(w_data) && $stable(w_strb) && $stable(w_last));
		end
		// Beats that go out only because they are owed change no memory.
		if (f_ok && !rst && $past(send) && $past(abort))
			assert (w_strb == 0);
`ifndef MEA_FORMAL_TOP
		// Only tokens that are there are taken, and for a command that starts.
		if (f_past) begin
			assert ((token_take & ~token_there) == 3'b000);
			assert (!head_pop || (!illegal && !misaligned));
		end
`endif
		assert (token_take == 3'b000 || head_pop);
		assert (!head_pop || (head_valid && !abort));
		// Only as a command ends, with all its answers, are tokens given.
		if (f_past && token_give != 3'b000)
			assert (finished && f_answers == 0 && f_open == 0);
	end
`endif
endmodule

`resetall
