// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the depthwise queue's engine: 3x3 convolution of each channel by itself,
// COLS channels at a time, beside the array. It walks the padded map row by row;
// a line buffer of two rows turns each pixel into a column of three, and the
// columns of rows that produce output go to mea_dw_mac. So each input word is read
// once, whatever DW_TAPS is, and reads may wait: the scratchpad serves the array
// first. Sums leave through the requantiser of the array, when that has none of
// its own.
//
// Two commands overlap: while the last sums of one drain, the next walks its first
// two rows, which produce nothing, and fetches its weights. Its parameters come when
// the one before has left the requantiser.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_dw #(
	parameter integer COLS = 16,
	parameter integer LANES = 16,
	// multipliers per lane: 1, 3 (a column of the kernel a cycle) or 9
	parameter integer TAPS = 3,
	// as in mea_dw_mac
	parameter integer LUTS = 0,
	// columns of the widest padded map, a power of two
	parameter integer LINE = 128,
	parameter integer ACT_AW = 14,
	parameter integer WGT_AW = 12,
	// 0: there is no table memory
	parameter integer TABLES = 8,
	parameter integer OSUBS = LANES / COLS
) (
	input  wire                clk,
	input  wire                rst,

	// head of the depthwise queue
	input  wire                head_valid,
	input  wire [511:0]        head,
	input  wire [31:0]         head_index,
	output wire                head_pop,

	// tokens: bits 0 to 2 load, compute, store queue
	input  wire [2:0]          token_there,
	output wire [2:0]          token_take,
	output wire [2:0]          token_give,
	output wire [31:0]         give_index,

	output wire                illegal,
	output wire                idle,

	// weight memory, when the weight loader leaves it free; data a cycle later
	output wire                wgt_ren,
	output wire [WGT_AW-1:0]   wgt_addr,
	input  wire                wgt_ready,
	input  wire [2*COLS*8-1:0] wgt_data,

	// activation scratchpad
	output wire                act_ren,
	output wire [ACT_AW-1:0]   act_addr,
	input  wire                act_ready,
	input  wire [LANES*8-1:0]  act_data,

	// to the requantiser: sums, parameters with wgt_data, fields of the command
	output wire                sum_valid,
	output wire [COLS*20-1:0]  sum,
	// how many wait
	output wire [4:0]          sum_level,
	input  wire                sum_ready,
	output reg                 par_wen,
	output reg  [2:0]          par_index,
	output reg  [7:0]          mid_zero, mid_lo, mid_hi,
	output reg                 table_on,
	output reg  [2:0]          table_at,

	// a word of it leaves the requantiser in the next cycle, and where it goes then
	input  wire                out_next,
	output wire [ACT_AW-1:0]   out_addr,
	output wire [OSUBS-1:0]    out_sub,

	// the multipliers worked
	output wire                busy_mac
);
	localparam integer LW = $clog2(LINE);
	localparam DEPTH = 4;
	localparam integer CW = 3*COLS*8 + 5;

	// --- the command that walks ------------------------------------------------
	reg        walking;
	reg [7:0]  pad_value;
	reg [3:0]  in_sub, sx1, sy1;
	reg [11:0] ow1, oh1, in_w, in_h;
	// address steps from row to row, and from the ring's last row to its first
	reg [ACT_AW-1:0] in_row, row_back;
	reg        wbank;

	reg        s1, loading, retiring;
	wire [2:0] need = head[`MEA_F_CMD_WAIT];
	wire [7:0] gap = head[`MEA_F_CONV_GAP];
	wire refused = head[`MEA_F_CONV_OUT_W] == 0 || head[`MEA_F_CONV_OUT_H] == 0 ||
		       (TABLES == 0 && head[`MEA_F_CONV_TABLE]);
	wire seen, ready;
	reg  wrong, alone;
	always @(posedge clk) begin
		wrong <= refused;
		alone      <= gap != 8'd0;
	end
	mea_head decode (
		.clk(clk), .rst(rst), .valid(head_valid), .taken(head_pop), .wrong(refused),
		.need(need), .there(token_there), .seen(seen), .ready(ready)
	);
	wire accept = ready && !walking && !s1 && !loading && !(alone && retiring);

	assign illegal    = seen && wrong;
	assign head_pop   = accept;
	assign token_take = accept ? need : 3'b000;

	// --- the walk ----------------------------------------------------------------
	// m0: an output starts at this column; m1, m2: one started one, two columns ago.
	// The same for rows: a row that is the third of an output's has results.
	reg [3:0]  xph, yph;
	reg [11:0] xs, ys;          // outputs started in the row, rows started
	reg        m1, m2, l1, l2, r1, r2, e1, e2;
	reg [LW-1:0] px;
	reg [12:0] ix, iy, ix_start; // two's complement
	reg [ACT_AW-1:0] addr, row_addr;
	wire m0 = xph == 0 && xs <= ow1;
	wire l0 = m0 && xs == ow1;
	wire r0 = yph == 0 && ys <= oh1;
	wire e0 = r0 && ys == oh1;

	// Made with the coordinates: whether a step may be taken hangs on it.
	reg in_x, in_y, in_x_start;
	wire in_map = in_x && in_y;
	wire [12:0] ix_next = ix + 13'd1, iy_next = iy + 13'd1;
	wire [2:0] level;
	// A column that is read now arrives behind the one that arrives now, and behind one
	// that was read when this was decided.
	reg  room;
	always @(posedge clk)
		room <= {1'b0, level} + {3'd0, s1} + 4'd1 < DEPTH;
	wire space  = !r2 || room;
	wire step   = walking && space && (!in_map || act_ready);

	assign act_ren  = walking && space && in_map;
	assign act_addr = addr;

	// The ring of rows ends with this one; the one before that does.
	reg wrap;
	reg [12:0] wrap_row;
	wire [ACT_AW-1:0] row_next = row_addr + (wrap ? row_back : in_row);

	wire [19:0] head_row  = head[`MEA_F_CONV_IN_ROW];
	wire [19:0] head_ring = head[`MEA_F_CONV_IN_PLANE];
	wire [19:0] head_base = head[`MEA_F_CONV_IN_BASE];
	wire [7:0]  head_l = head[`MEA_F_CONV_PAD_L];
	wire [7:0]  head_t = head[`MEA_F_CONV_PAD_T];
	wire [3:0]  head_sx = head[`MEA_F_CONV_STRIDE_X];
	wire [3:0]  head_sy = head[`MEA_F_CONV_STRIDE_Y];

	reg s1_push, s1_pad, s1_last;
	reg [2:0] s1_mask;
	reg [LW-1:0] s1_px;
	always @(posedge clk) begin
		s1 <= step && !rst;
		s1_push <= r2;
		s1_pad  <= !in_map;
		s1_last <= l2 && e2;
		s1_mask <= {m2, m1, m0};
		s1_px   <= px;

		if (accept) begin
			walking   <= 1'b1;
			pad_value <= head[`MEA_F_CONV_PAD_VALUE];
			in_sub    <= head[`MEA_F_CONV_IN_SUB];
			sx1       <= head_sx - 4'd1;
			sy1       <= head_sy - 4'd1;
			ow1       <= head[`MEA_F_CONV_OUT_W] - 12'd1;
			oh1       <= head[`MEA_F_CONV_OUT_H] - 12'd1;
			in_w      <= head[`MEA_F_CONV_IN_W];
			in_h      <= head[`MEA_F_CONV_IN_H];
			in_row    <= head_row[ACT_AW-1:0];
			row_back  <= head_row[ACT_AW-1:0] - head_ring[ACT_AW-1:0];
			wbank     <= !wbank;
			addr      <= head_base[ACT_AW-1:0];
			row_addr  <= head_base[ACT_AW-1:0];
			ix        <= -{5'd0, head_l};
			ix_start  <= -{5'd0, head_l};
			iy        <= -{5'd0, head_t};
			in_x      <= head_l == 8'd0 && head[`MEA_F_CONV_IN_W] != 0;
			in_x_start <= head_l == 8'd0 && head[`MEA_F_CONV_IN_W] != 0;
			in_y      <= head_t == 8'd0 && head[`MEA_F_CONV_IN_H] != 0;
			wrap_row  <= {1'b0, head[`MEA_F_CONV_WRAP_ROWS]} - 13'd2;
			wrap      <= 13'd1 - {5'd0, head_t} == {1'b0, head[`MEA_F_CONV_WRAP_ROWS]};
			{xph, yph, xs, ys} <= 0;
			{m1, m2, l1, l2, r1, r2, e1, e2} <= 0;
			px        <= 0;
		end else if (step) begin
			px  <= px + 1'b1;
			ix  <= ix_next;
			in_x <= ix_next < {1'b0, in_w};
			xph <= xph == sx1 ? 4'd0 : xph + 4'd1;
			{m1, m2, l1, l2} <= {m0, m1, l0, l1};
			if (m0)
				xs <= xs + 12'd1;
			if (in_x)
				addr <= addr + 1'b1;
			if (l2) begin
				px  <= 0;
				ix  <= ix_start;
				in_x <= in_x_start;
				xph <= 4'd0;
				xs  <= 12'd0;
				{m1, m2, l1, l2} <= 0;
				iy  <= iy_next;
				in_y <= iy_next < {1'b0, in_h};
				wrap <= iy == wrap_row;
				yph <= yph == sy1 ? 4'd0 : yph + 4'd1;
				{r1, r2, e1, e2} <= {r0, r1, e0, e1};
				if (r0)
					ys <= ys + 12'd1;
				addr <= in_y ? row_next : row_addr;
				if (in_y)
					row_addr <= row_next;
				if (e2)
					walking <= 1'b0;
			end
		end
		if (rst) begin
			walking <= 1'b0;
			wbank   <= 1'b0;
		end
	end
	// --- pixel to column ---------------------------------------------------------
	// The line buffer needs no scrubbing: a column is used only in rows before which
	// this command has written two.
	wire [COLS*8-1:0] in_cols, above1, above2;
	mea_part #(.WORD(LANES), .PART(COLS)) in_part (
		.word(act_data), .sub(in_sub), .part(in_cols));
	wire [COLS*8-1:0] pixel = s1_pad ? {COLS{pad_value}} : in_cols;

	wire [2*COLS*8-1:0] line_in = {pixel, above1};
	mea_ram #(.WIDTH(2*COLS*8), .DEPTH(LINE)) lines (
		.clk(clk), .wen(s1), .waddr(s1_px), .wdata(line_in),
		.ren(step), .raddr(px), .rdata({above1, above2})
	);

	wire column_there, columns_empty, columns_full, column_pop;
	wire [CW-1:0] column;
	mea_queue #(.WIDTH(CW), .DEPTH(DEPTH)) columns (
		.clk(clk), .rst(rst), .push(s1 && s1_push),
		.din({s1_last, wbank, s1_mask, pixel, above1, above2}), .pop(column_pop),
		.valid(column_there), .dout(column), .empty(columns_empty), .full(columns_full),
		.level(level)
	);
	wire unused = &{columns_empty, columns_full};

	// --- weights and parameters -----------------------------------------------------
	// Weights are six words, two of each kernel column: rows 0 and 1, row 2. Then
	// five words of parameters, when the command before has retired.
	reg [3:0]  word;
	reg [WGT_AW-1:0] w_addr, p_addr;
	reg [1:0]  w_ok;
	reg        w_wen, w_bank;
	reg [2:0]  w_index;
	wire [19:0] head_wgt = head[`MEA_F_CONV_WGT_ADDR];
	wire [19:0] head_par = head[`MEA_F_CONV_PAR_ADDR];
	wire        pars = word >= 4'd6;

	// What the requantiser needs of the command whose sums it takes.
	reg [7:0]  n_zero, n_lo, n_hi;
	reg        n_table;
	reg [2:0]  n_table_at;
	reg [2:0]  n_signal, signal;
	reg [31:0] n_index, index;
	reg [ACT_AW-1:0] n_out, out_at;
	reg [3:0]  n_sub, sub;
	reg        active;          // its sums may pass
	wire       sum_last;
	wire       retire;

	assign wgt_ren  = loading && (!pars || !retiring);
	assign wgt_addr = pars ? p_addr : w_addr;
	wire   got      = wgt_ren && wgt_ready;
	wire [19:0] head_out = head[`MEA_F_CONV_OUT_BASE];

	always @(posedge clk) begin
		w_wen     <= got && !pars && !rst;
		w_index   <= word[2:0];
		par_wen   <= got && pars && !rst;
		par_index <= word[2:0] - 3'd6;
		if (w_wen && w_index == 3'd5)
			w_ok <= w_ok | {w_bank, !w_bank};
		if (got) begin
			word <= word + 4'd1;
			if (pars)
				p_addr <= p_addr + 1'b1;
			else
				w_addr <= w_addr + 1'b1;
			if (word == 4'd10) begin
				loading  <= 1'b0;
				retiring <= 1'b1;
				active   <= 1'b1;
				{mid_zero, mid_lo, mid_hi} <= {n_zero, n_lo, n_hi};
				{table_on, table_at} <= {n_table, n_table_at};
				{signal, index, sub} <= {n_signal, n_index, n_sub};
				out_at <= n_out;
			end
		end
		if (accept) begin
			loading <= 1'b1;
			word    <= 4'd0;
			w_addr  <= head_wgt[WGT_AW-1:0];
			p_addr  <= head_par[WGT_AW-1:0];
			w_bank  <= !wbank;
			w_ok    <= w_ok & {wbank, !wbank};
			n_zero  <= head[`MEA_F_CONV_MID_ZERO];
			n_lo    <= head[`MEA_F_CONV_MID_LO];
			n_hi    <= head[`MEA_F_CONV_MID_HI];
			n_table <= head[`MEA_F_CONV_TABLE];
			n_table_at <= head[`MEA_F_CONV_TABLE_AT];
			n_signal <= head[`MEA_F_CMD_SIGNAL];
			n_index <= head_index;
			n_out   <= head_out[ACT_AW-1:0];
			n_sub   <= head[`MEA_F_CONV_OUT_SUB];
		end
		if (sum_ready && sum_last)
			active <= 1'b0;
		if (out_next)
			out_at <= out_at + 1'b1;
		if (retire)
			retiring <= 1'b0;
		if (rst) begin
			{loading, active, retiring} <= 3'b000;
			w_ok  <= 2'b00;
		end
	end

	// The last sum is in the scratchpad eleven stages after it was taken.
	reg [10:0] last_q;
	always @(posedge clk)
		last_q <= rst ? 11'd0 : {last_q[9:0], sum_ready && sum_last};
	assign retire     = last_q[10];
	assign token_give = retire ? signal : 3'b000;
	assign give_index = index;
	assign out_addr   = out_at;
	wire [15:0] sub_onehot = 16'd1 << sub;
	assign out_sub    = sub_onehot[OSUBS-1:0];
	assign idle       = !walking && !loading && !retiring;

	wire mac_valid;
	mea_dw_mac #(.COLS(COLS), .TAPS(TAPS), .LUTS(LUTS)) mac (
		.clk(clk), .rst(rst), .w_wen(w_wen), .w_bank(w_bank), .w_index(w_index),
		.w_data(wgt_data),
		.valid(column_there && w_ok[column[CW-2]]), .column(column[3*COLS*8-1:0]),
		.mask(column[CW-3 -: 3]), .bank(column[CW-2]), .last(column[CW-1]),
		.pop(column_pop), .sum_valid(mac_valid), .sum(sum), .sum_level(sum_level),
		.sum_last(sum_last),
		.sum_ready(sum_ready), .busy(busy_mac)
	);
	assign sum_valid = mac_valid && active;

`ifdef FORMAL
	reg f_past;
	initial f_past = 1'b0;
	// Only tokens that are there are taken, and for a command that starts.
	always @(posedge clk) begin
		if (f_past)
			assert ((token_take & ~token_there) == 3'b000);
		assert (token_take == 3'b000 || head_pop);
		if (f_past)
			assert (!head_pop || (head_valid && !illegal));
	end

	// Rows of the command that are in the line buffer, two and more alike.
	reg [1:0] f_rows;
	always @(posedge clk) begin
		f_past <= 1'b1;
		if (accept)
			f_rows <= 2'd0;
		else if (step && l2 && !f_rows[1])
			f_rows <= f_rows + 2'd1;
	end
`ifndef MEA_FORMAL_TOP
	always @(posedge clk)
		if (!f_past)
			assume (rst);
`endif
	// Where the walk is, counted from the outside: columns and rows of the padded map.
	reg [12:0] f_col, f_row, f_left, f_top;
	always @(posedge clk)
		if (accept) begin
			f_col  <= 13'd0;
			f_row  <= 13'd0;
			f_left <= -{5'd0, head_l};
			f_top  <= -{5'd0, head_t};
		end else if (step) begin
			f_col <= l2 ? 13'd0 : f_col + 13'd1;
			f_row <= f_row + {12'd0, l2};
		end
	// Any one column of the line buffer: the pixels that came there last and before, and
	// what the RAM, of which this is assumed alone, holds there.
	(* anyconst *) reg [LW-1:0] f_px;
	reg [COLS*8-1:0] f_above1, f_above2;
	reg [2*COLS*8-1:0] f_word;
	wire f_here = s1 && s1_px == f_px;
	always @(posedge clk)
		if (f_here) begin
			f_above1 <= pixel;
			f_above2 <= f_above1;
			f_word   <= line_in;
		end
	always @(posedge clk) begin
		if (!f_past)
			assume (f_word == {f_above1, f_above2});
		if (f_here)
			assume ({above1, above2} == f_word);
		// Software sees to it that a row fits.
		assume (!walking || f_col < LINE);
	end
	// The requantiser takes only what is shown.
	always @(posedge clk)
		`MEA_ENV (!sum_ready || sum_valid || rst);
	always @(posedge clk)
		if (f_past) begin
			// No column is lost, however long the multipliers take.
			assert ({1'b0, level} + {3'd0, s1 && s1_push} <= DEPTH);
			assert (!room || {1'b0, level} + {3'd0, s1} < DEPTH);
			// Columns are made of rows of this command only.
			if (walking && r1)
				assert (f_rows >= 2'd1);
			if (walking && r2)
				assert (f_rows[1]);
			// No more outputs begin than there are, in a row and in all.
			if (walking)
				assert (xs <= {1'b0, ow1} + 13'd1 && ys <= {1'b0, oh1} + 13'd1);
			// A command begins behind the last read of the one before.
			assert (!accept || (!walking && !s1));
			// Parameters change only while no sum needs them.
			assert (!(wgt_ren && pars) || (!retiring && !active));
			if (active)
				assert (retiring && last_q == 11'd0);
			if (last_q != 11'd0)
				assert (retiring && !active && (last_q & (last_q - 11'd1)) == 11'd0);
			// The walk goes over the padded map in order, from its corner on.
			if (walking) begin
				assert (px == f_col[LW-1:0] && ix == f_left + f_col && iy == f_top + f_row);
				assert (ix_start == f_left);
				assert (in_x == (ix < {1'b0, in_w}) && in_x_start == (ix_start < {1'b0, in_w}));
				assert (in_y == (iy < {1'b0, in_h}) && wrap == (iy == wrap_row + 13'd1));
				assert (xph <= sx1 && yph <= sy1);
				assert (ow1 != 12'hfff && oh1 != 12'hfff);
			end
			// A row ends with the last column of its last output, a map with the
			// last row of its last ones. (The sums are for strides of 1 and 2.)
			if (walking && xs <= ow1)
				assert (!l1 && !l2);
			if (walking && xs > ow1)
				assert (l1 != l2 && f_col > {12'd0, l2});
			if (walking && ys <= oh1)
				assert (!e1 && !e2);
			if (walking && ys > oh1)
				assert (e1 != e2);
			if (walking && sx1 <= 4'd1)
				assert (f_col == (xs <= ow1 ? ({1'b0, xs} << sx1) - xph
							    : ({1'b0, ow1} << sx1) + 13'd1 + l2));
			if (walking && sy1 <= 4'd1)
				assert (f_row == (ys <= oh1 ? ({1'b0, ys} << sy1) - yph
							    : ({1'b0, oh1} << sy1) + 13'd1 + e2));
			// A pixel meets those of the two rows above it, and no word of the line
			// buffer is read while it is written.
			if (f_here)
				assert (above1 == f_above1 && above2 == f_above2);
			assert (f_word == {f_above1, f_above2});
			assert (!(step && s1) || px != s1_px);
			if (walking && s1)
				assert (px == s1_px + 1'b1 || (px == 0 && s1_px != 0));
			cover (walking && r2 && level == DEPTH);
			cover (f_here && s1_push && s1_px != 0);
		end
`endif
endmodule

`resetall
