// SPDX-License-Identifier: Apache-2.0
//
// mea_load: random commands, one behind the other, against a bus and memories that
// answer when they like. Every burst asked for and every word written is compared, in
// order, with what the command says; so are tokens and refusals.
// run: -P$.BEAT=8 -P$.LANES=4 -P$.COLS=4
// run: -P$.BEAT=8 -P$.LANES=8 -P$.COLS=8
// run: -P$.BEAT=8 -P$.LANES=16 -P$.COLS=16
// run: -P$.BEAT=16 -P$.LANES=4 -P$.COLS=4
// run: -P$.BEAT=16 -P$.LANES=16 -P$.COLS=8
// run: -P$.BEAT=16 -P$.LANES=32 -P$.COLS=32
// run: -P$.BEAT=8 -P$.LANES=8 -P$.COLS=8 -P$.TABLES=0
`default_nettype none
`include "mea_isa.vh"

module bench_load;
	parameter BEAT = 8, LANES = 16, COLS = 16, TABLES = 4;
	localparam MAX_BURST = 16, ACT_AW = 8, WGT_AW = 7, STEM_AW = 6, TABLE_AW = 8, N = 120;
	localparam DESTS = TABLES != 0 ? 4 : 3;
`include "bench.vh"
	reg head_valid, req_ready, r_valid, act_ready;
	reg [255:0] head;
	reg [31:0] head_index;
	reg [2:0] there;
	reg [BEAT*8-1:0] r_data;
	wire head_pop, illegal, misaligned, idle, req_valid, r_ready, act_wen, wgt_wen, stem_wen, table_wen;
	wire [2:0] take, give;
	wire [31:0] give_index, req_index;
	wire [3:0] req_slot;
	wire [32:0] req_offset;
	wire [8:0] req_beats;
	wire [ACT_AW-1:0] act_addr;
	wire [WGT_AW-1:0] wgt_addr;
	wire [STEM_AW-1:0] stem_addr;
	wire [LANES*8-1:0] act_data;
	wire [2*COLS*8-1:0] wgt_data;
	wire [63:0] stem_data;
	wire [TABLE_AW-1:0] table_addr;
	wire [31:0] table_data;

	mea_load #(
		.BEAT(BEAT), .MAX_BURST(MAX_BURST), .LANES(LANES), .COLS(COLS), .ACT_AW(ACT_AW),
		.WGT_AW(WGT_AW), .STEM_AW(STEM_AW), .TABLES(TABLES), .TABLE_AW(TABLE_AW)
	) dut (
		.clk(clk), .rst(rst), .head_valid(head_valid), .head(head), .head_index(head_index),
		.head_pop(head_pop), .token_there(there), .token_take(take), .token_give(give),
		.give_index(give_index), .illegal(illegal), .misaligned(misaligned), .idle(idle),
		.req_valid(req_valid), .req_slot(req_slot), .req_offset(req_offset),
		.req_beats(req_beats), .req_index(req_index), .req_ready(req_ready),
		.r_valid(r_valid), .r_data(r_data), .r_ready(r_ready), .act_wen(act_wen),
		.act_addr(act_addr), .act_data(act_data), .act_ready(act_ready),
		.wgt_wen(wgt_wen), .wgt_addr(wgt_addr), .wgt_data(wgt_data),
		.stem_wen(stem_wen), .stem_addr(stem_addr), .stem_data(stem_data),
		.table_wen(table_wen), .table_addr(table_addr), .table_data(table_data)
	);

	// The commands; next is the head's, asking and filling those of the two sides.
	reg [255:0] cmd [0:N];
	integer next, asking, filling;
	// Where the request side stands, and the bytes that the bus still owes: a ring.
	integer ask_row, ask_left;
	reg [32:0] ask_at, owed [0:1023];
	integer owed_in, owed_out;
	// Where the data side stands.
	integer row, col, size, i, j;
	// Cycles since a beat was last taken.
	integer waited;
	reg [32:0] from;
	reg [511:0] word, got;
	reg [19:0] to;
	reg wrote, taken, popped;

	function [7:0] byte_at(input [32:0] a);
		byte_at = a[7:0] * 8'd167 + a[15:8] * 8'd59 + a[23:16] * 8'd83 + a[31:24] + 8'd7;
	endfunction

	function integer word_bytes(input [1:0] dest);
		word_bytes = dest == `MEA_DEST_ACT ? LANES : dest == `MEA_DEST_WGT ? 2 * COLS :
			     dest == `MEA_DEST_STEM ? 8 : 4;
	endfunction

	function integer row_beats(input [255:0] c);
		row_beats = (c[`MEA_F_LOAD_ROW_WORDS] * word_bytes(c[`MEA_F_LOAD_DEST]) + BEAT - 1) / BEAT;
	endfunction

	task make_command(input integer k);
		reg [255:0] c;
		begin
			c = 256'd0;
			c[`MEA_F_CMD_OPCODE] = `MEA_OP_LOAD;
			c[`MEA_F_CMD_WAIT] = $random(seed);
			c[`MEA_F_CMD_SIGNAL] = $random(seed);
			c[`MEA_F_LOAD_SLOT] = $random(seed);
			c[`MEA_F_LOAD_DEST] = ($random(seed) & 255) % DESTS;
			c[`MEA_F_LOAD_OFFSET] = $random(seed) & 32'h7fff_fff0;
			c[`MEA_F_LOAD_ROW_WORDS] = 1 + ($random(seed) & (k % 8 == 0 ? 127 : 15));
			c[`MEA_F_LOAD_ROWS] = 1 + ($random(seed) & 3);
			c[`MEA_F_LOAD_DRAM_PITCH] = $random(seed) & 32'h1f_fff0;
			c[`MEA_F_LOAD_ADDR] = $random(seed);
			c[`MEA_F_LOAD_PITCH] = $random(seed);
			cmd[k] = c;
		end
	endtask

	// A burst was asked for: the next piece of the row, whole beats, in one page.
	task asked;
		begin
			want(asking < next, "a request belongs to a command");
			want(req_slot === cmd[asking][`MEA_F_LOAD_SLOT], "req_slot");
			want(req_index === asking, "req_index");
			if (ask_left == 0) begin
				ask_at = cmd[asking][`MEA_F_LOAD_OFFSET] +
					 ask_row * cmd[asking][`MEA_F_LOAD_DRAM_PITCH];
				ask_left = row_beats(cmd[asking]);
			end
			want(req_offset === ask_at, "req_offset");
			want(req_beats > 0 && req_beats <= MAX_BURST && req_beats <= ask_left, "req_beats");
			want(ask_at[31:12] == ((ask_at + req_beats * BEAT - 1) >> 12), "in one page");
			for (i = 0; i < req_beats; i = i + 1) begin
				owed[owed_in % 1024] = ask_at + i * BEAT;
				owed_in = owed_in + 1;
			end
			ask_at = ask_at + req_beats * BEAT;
			ask_left = ask_left - req_beats;
			if (ask_left == 0) begin
				ask_row = ask_row + 1;
				if (ask_row == cmd[asking][`MEA_F_LOAD_ROWS]) begin
					ask_row = 0;
					asking = asking + 1;
				end
			end
		end
	endtask

	// A word was written, to the memory that the command names, and nowhere else.
	task written;
		begin
			want(filling < asking || (filling == asking && owed_in != 0), "written too soon");
			size = word_bytes(cmd[filling][`MEA_F_LOAD_DEST]);
			from = cmd[filling][`MEA_F_LOAD_OFFSET] +
			       row * cmd[filling][`MEA_F_LOAD_DRAM_PITCH] + col * size;
			word = 512'd0;
			for (i = 0; i < size; i = i + 1)
				word[i*8 +: 8] = byte_at(from + i);
			to = cmd[filling][`MEA_F_LOAD_ADDR] + row * cmd[filling][`MEA_F_LOAD_PITCH] + col;
			case (cmd[filling][`MEA_F_LOAD_DEST])
			`MEA_DEST_ACT: want(act_wen && act_addr === to[ACT_AW-1:0] &&
					    act_data === word[LANES*8-1:0], "act word");
			`MEA_DEST_WGT: want(wgt_wen && wgt_addr === to[WGT_AW-1:0] &&
					    wgt_data === word[2*COLS*8-1:0], "wgt word");
			`MEA_DEST_TABLE: want(table_wen && table_addr === to[TABLE_AW-1:0] &&
					      table_data === word[31:0], "table word");
			default: want(stem_wen && stem_addr === to[STEM_AW-1:0] &&
				      stem_data === word[63:0], "stem word");
			endcase
			want(act_wen + wgt_wen + stem_wen + table_wen === 1, "one memory");
			col = col + 1;
			if (col == cmd[filling][`MEA_F_LOAD_ROW_WORDS]) begin
				col = 0;
				row = row + 1;
			end
			if (row == cmd[filling][`MEA_F_LOAD_ROWS]) begin
				want(give === cmd[filling][`MEA_F_CMD_SIGNAL], "tokens given at the end");
				want(give_index === filling, "give_index");
				row = 0;
				filling = filling + 1;
			end else begin
				want(give === 3'b000, "no token before the end");
			end
		end
	endtask

	task cycle;
		begin
			if (!head_valid && next < N)
				head_valid = ($random(seed) & 3) != 0;
			head = head_valid ? cmd[next] : {256{1'bx}};
			head_index = next;
			there = there | $random(seed);
			// A beat once shown stays.
			if (!r_valid && owed_out < owed_in)
				r_valid = ($random(seed) & 3) != 0;
			for (i = 0; i < BEAT; i = i + 1)
				r_data[i*8 +: 8] = r_valid ? byte_at(owed[owed_out % 1024] + i) : 8'hxx;
			act_ready = ($random(seed) & 3) != 0;
			req_ready = 1'b0;
			settle;
			want(^{head_pop, take, give, illegal, misaligned, idle, req_valid, act_wen, wgt_wen,
			       stem_wen, table_wen} !== 1'bx, "nothing is X");
			want(!r_valid || r_ready !== 1'bx, "r_ready is not X");
			want(illegal === 1'b0 && misaligned === 1'b0, "no refusal");
			want(take === (head_pop ? head[`MEA_F_CMD_WAIT] : 3'b000), "tokens taken");
			want((take & ~there) === 3'b000, "only tokens that are there");
			want(!head_pop || head_valid, "pops a head");
			want(idle === (next == filling), "idle");
			if (req_valid)
				req_ready = ($random(seed) & 3) != 0 && owed_in - owed_out < 900;
			settle;
			wrote = (act_wen && act_ready) || wgt_wen || stem_wen || table_wen;
			if (wrote)
				written;
			else
				want(give === 3'b000, "no token without a word");
			if (req_ready)
				asked;
			popped = head_pop;
			taken = r_valid && r_ready;
			waited = taken ? 0 : waited + 1;
			tick;
			if (popped) begin
				there = there & ~head[`MEA_F_CMD_WAIT];
				next = next + 1;
				head_valid = 1'b0;
			end
			if (taken) begin
				owed_out = owed_out + 1;
				r_valid = 1'b0;
			end
		end
	endtask

	// A head that must be refused: neither popped nor anything asked for.
	task refuse(input [255:0] c, input bad, input askew, input [100*8-1:0] name);
		begin
			head = c;
			head_valid = 1'b1;
			there = 3'b111;
			settle;
			want({illegal, misaligned, head_pop} === 3'b000, "a cycle to look at it");
			tick;
			want(illegal === bad && misaligned === askew, "the reason");
			want(head_pop === 1'b0 && take === 3'b000, "not taken");
			tick;
			want(req_valid === 1'b0, "nothing is asked for");
			head_valid = 1'b0;
			tick;
			conclude(name);
		end
	endtask

	task refusals;
		reg [255:0] good, c;
		begin
			make_command(N);
			good = cmd[N];
			good[`MEA_F_LOAD_ROWS] = 16'd2;
			c = good; c[`MEA_F_LOAD_ROW_WORDS] = 0;
			refuse(c, 1'b1, 1'b0, "ILLEGAL: no words");
			c = good; c[`MEA_F_LOAD_ROWS] = 0;
			refuse(c, 1'b1, 1'b0, "ILLEGAL: no rows");
			c = good; c[`MEA_F_LOAD_DEST] = `MEA_DEST_TABLE;
			if (TABLES == 0)
				refuse(c, 1'b1, 1'b0, "ILLEGAL: no such memory");
			c = good; c[`MEA_F_LOAD_OFFSET] = 32'h18;
			refuse(c, 1'b0, 1'b1, "ALIGN: the offset");
			c = good; c[`MEA_F_LOAD_DRAM_PITCH] = 32'h108;
			refuse(c, 1'b0, 1'b1, "ALIGN: the pitch");
		end
	endtask

	initial begin
		{next, asking, filling, owed_in, owed_out, row, col, ask_row, ask_left} = 0;
		{head_valid, req_ready, r_valid, act_ready, there} = 6'd0;
		head = {256{1'bx}};
		r_data = {BEAT*8{1'bx}};
		for (j = 0; j < N; j = j + 1)
			make_command(j);
		reset;
		refusals;
		waited = 0;
		while (filling < N && waited < 1000)
			cycle;
		want(filling === N && owed_out === owed_in, "all done, nothing left over");
		conclude("120 random commands, bit by bit");
		there = 3'b111;
		make_command(N);
		cmd[N][`MEA_F_LOAD_OFFSET] = 32'hffff_fff0;
		cmd[N][`MEA_F_LOAD_DEST] = `MEA_DEST_STEM;
		cmd[N][`MEA_F_LOAD_ROW_WORDS] = 20'd6;
		head = cmd[N];
		head_valid = 1'b1;
		tick;
		check(head_pop === 1'b1, "a good head is taken after a cycle");
		tick;
		head_valid = 1'b0;
		// A cycle cuts a burst, another shows it.
		tick;
		req_ready = 1'b1;
		tick;
		req_ready = 1'b0;
		tick;
		check(req_valid === 1'b1 && req_offset === 33'h1_0000_0000,
		      "a row that passes 4 GiB shows it in bit 32");
		req_ready = 1'b0;
		reset;
		check(idle === 1'b1 && req_valid === 1'b0, "a reset in the middle leaves it idle");
		done;
	end
endmodule
