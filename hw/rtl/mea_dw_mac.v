// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the multipliers of the depthwise unit. A column of three pixels meets
// each kernel column that has an output there, the last one first: it ends the
// output that began two columns ago, carries on the one of a column ago, begins a
// new one. So two partial sums per lane are enough, and no column is worked on
// longer than it has outputs: OUT_W outputs of a row cost 3 x OUT_W / (TAPS / 3)
// cycles for any stride.
`resetall
`default_nettype none

module mea_dw_mac #(
	parameter integer COLS = 16,
	// multipliers per lane: 1, 3 or 9
	parameter integer TAPS = 3,
	// 1: made of LUTs
	parameter integer LUTS = 0
) (
	input  wire                clk,
	input  wire                rst,

	// weights of a bank: word 2 kx holds rows 0 and 1 of kernel column kx, word
	// 2 kx + 1 row 2
	input  wire                w_wen,
	input  wire                w_bank,
	input  wire [2:0]          w_index,
	input  wire [2*COLS*8-1:0] w_data,

	// a column, its upper row in the low bytes; bit kx of mask: an output has it as
	// kernel column kx
	input  wire                valid,
	input  wire [3*COLS*8-1:0] column,
	input  wire [2:0]          mask,
	input  wire                bank,
	input  wire                last,
	output wire                pop,

	output wire                sum_valid,
	// 20 bits per lane: nine products of int8 fit
	output wire [COLS*20-1:0]  sum,
	output wire [4:0]          sum_level,
	output wire                sum_last,
	input  wire                sum_ready,

	output wire                busy
);
	localparam DEPTH = 16;
	// kernel columns and rows that work in one cycle
	localparam integer NX = TAPS == 9 ? 3 : 1;
	localparam integer NY = TAPS == 1 ? 1 : 3;
	localparam SW = 20;

	// --- which kernel columns, which rows -------------------------------------
	reg [2:0] done;
	reg [1:0] ky;
	wire [2:0] pending = mask & ~done;
	wire [1:0] kx = pending[2] ? 2'd2 : pending[1] ? 2'd1 : 2'd0;
	wire [2:0] now = NX == 3 ? pending : pending[2] ? 3'b100 : pending[1] ? 3'b010 : pending & 3'b001;
	wire ky_last = NY == 3 || ky == 2'd2;
	wire [4:0] level;
	// Five stages may each be about to end an output, and one more since it was decided.
	reg  room;
	always @(posedge clk)
		room <= level < DEPTH - 7;
	wire go   = valid && room && pending != 3'b000;
	wire end_column = (pending & ~now) == 3'b000 && ky_last;

	assign pop  = valid && (pending == 3'b000 || (go && end_column));
	assign busy = go;
	always @(posedge clk) begin
		if (go && NY == 1)
			ky <= ky_last ? 2'd0 : ky + 2'd1;
		if (go && ky_last)
			done <= done | now;
		if (pop)
			done <= 3'b000;
		if (rst) begin
			done <= 3'b000;
			ky   <= 2'd0;
		end
	end

	// --- operands ----------------------------------------------------------------
	// A RAM per kernel row, its words bank and kernel column; with nine multipliers
	// one for each kernel column that works at once.
	wire [COLS*8-1:0] low = w_data[COLS*8-1:0], high = w_data[2*COLS*8-1:COLS*8];
	wire [3*COLS*8-1:0] in_row = {low, high, low};
	wire [2:0] row_wen = {w_wen && w_index[0], w_wen && !w_index[0], w_wen && !w_index[0]};

	reg [NX*3*COLS*8-1:0] w_now;
	reg [3*COLS*8-1:0] c_now;
	reg [2:0] a_now;
	reg       a_valid, a_last, a_first, a_end;
	reg [1:0] a_ky;
	genvar x, y;
	generate
		for (x = 0; x < NX; x = x + 1) begin : g_x
			for (y = 0; y < 3; y = y + 1) begin : g_y
				reg [COLS*8-1:0] mem [0:7];
				wire [1:0] at = NX == 3 ? x : kx;
				always @(posedge clk) begin
					if (row_wen[y])
						mem[{w_bank, w_index[2:1]}] <= in_row[y*COLS*8 +: COLS*8];
					if (go)
						w_now[(x*3+y)*COLS*8 +: COLS*8] <= mem[{bank, at}];
				end
			end
		end
	endgenerate
	always @(posedge clk) begin
		a_valid <= go && !rst;
		if (go) begin
			c_now   <= column;
			a_now   <= now;
			a_ky    <= ky;
			a_first <= NY == 3 || ky == 2'd0;
			a_end   <= ky_last;
			// The output that ends here is the command's last one.
			a_last  <= last && now[2];
		end
	end

	// --- products, and sums of what works in one cycle -----------------------------
	// a times four bits of b, of which the highest may be a sign; added by hand, lest the
	// tools spend a multiplier.
	function signed [11:0] times(input signed [7:0] a, input [3:0] b, input sign);
		reg signed [11:0] wide, top;
		begin
			wide  = {{4{a[7]}}, a};
			top   = b[3] ? wide <<< 3 : 12'sd0;
			times = ((b[0] ? wide : 12'sd0) + (b[1] ? wide <<< 1 : 12'sd0)) +
				((b[2] ? wide <<< 2 : 12'sd0) + (sign ? -top : top));
		end
	endfunction

	function signed [SW-1:0] ext(input [15:0] product);
		ext = {{(SW-16){product[15]}}, product};
	endfunction

	// With one multiplier per lane: the row whose turn it is.
	wire [COLS*8-1:0] c_row = c_now[a_ky*COLS*8 +: COLS*8];
	wire [COLS*8-1:0] w_row = w_now[a_ky*COLS*8 +: COLS*8];
	// The factors of product (j*NY + k)*COLS + i: of kernel column j, row k, lane i.
	localparam integer PRODUCTS = NX*NY*COLS;
	reg [PRODUCTS*8-1:0] c_of, w_of;
	integer i, j, k;
	always @*
		for (i = 0; i < COLS; i = i + 1)
			for (j = 0; j < NX; j = j + 1)
				for (k = 0; k < NY; k = k + 1) begin
					c_of[((j*NY+k)*COLS+i)*8 +: 8] = NY == 3 ?
						c_now[(k*COLS+i)*8 +: 8] : c_row[i*8 +: 8];
					w_of[((j*NY+k)*COLS+i)*8 +: 8] = NY == 3 ?
						w_now[((j*3+k)*COLS+i)*8 +: 8] : w_row[i*8 +: 8];
				end

	// Two steps to a product: of LUTs, its halves and their sum; in a multiplier of the
	// device, its own registers.
	reg [PRODUCTS*16-1:0] m;
	reg [NX*COLS*SW-1:0] p;
	reg [2:0] h_now, m_now, b_now;
	reg       h_valid, h_last, h_first, h_end;
	reg       m_valid, m_last, m_first, m_end, b_valid, b_last, b_first, b_end;
	integer n;
	generate
		if (LUTS != 0) begin : g_luts
			reg [PRODUCTS*12-1:0] low_half, high_half;
			always @(posedge clk)
				for (n = 0; n < PRODUCTS; n = n + 1) begin
					if (a_valid) begin
						low_half[n*12 +: 12]  <= times(c_of[n*8 +: 8],
							w_of[n*8 +: 4], 1'b0);
						high_half[n*12 +: 12] <= times(c_of[n*8 +: 8],
							w_of[n*8+4 +: 4], 1'b1);
					end
					if (h_valid)
						m[n*16 +: 16] <= {high_half[n*12 +: 12], 4'd0} +
							{{4{low_half[n*12+11]}}, low_half[n*12 +: 12]};
				end
		end else begin : g_multipliers
			reg [PRODUCTS*16-1:0] product;
			always @(posedge clk) begin
				if (a_valid)
					for (n = 0; n < PRODUCTS; n = n + 1)
						product[n*16 +: 16] <= $signed(c_of[n*8 +: 8]) *
							$signed(w_of[n*8 +: 8]);
				if (h_valid)
					m <= product;
			end
		end
	endgenerate
	always @(posedge clk) begin
		h_valid <= a_valid && !rst;
		{h_now, h_last, h_first, h_end} <= {a_now, a_last, a_first, a_end};
		m_valid <= h_valid && !rst;
		{m_now, m_last, m_first, m_end} <= {h_now, h_last, h_first, h_end};
		b_valid <= m_valid && !rst;
		{b_now, b_last, b_first, b_end} <= {m_now, m_last, m_first, m_end};
		if (m_valid)
			for (i = 0; i < COLS; i = i + 1)
				for (j = 0; j < NX; j = j + 1)
					p[(j*COLS+i)*SW +: SW] <= NY == 3 ?
						ext(m[(j*NY*COLS+i)*16 +: 16]) +
						ext(m[((j*NY+NY/2)*COLS+i)*16 +: 16]) +
						ext(m[((j*NY+NY-1)*COLS+i)*16 +: 16]) :
						ext(m[i*16 +: 16]);
	end

	// --- partial sums ------------------------------------------------------------
	// one, two: the outputs that have one, two kernel columns; row: the one that is
	// being worked on, where a kernel column takes three cycles.
	reg [COLS*SW-1:0] one, two, row, out;
	reg out_valid, out_last;
	localparam integer P1 = (NX == 3 ? 1 : 0) * COLS * SW, P2 = (NX - 1) * COLS * SW;
	integer c;
	always @(posedge clk) begin
		out_valid <= b_valid && b_now[2] && b_end && !rst;
		out_last  <= b_last;
		if (b_valid)
			for (c = 0; c < COLS; c = c + 1) begin
				if (NY == 1)
					row[c*SW +: SW] <= p[c*SW +: SW] +
						(!b_first ? row[c*SW +: SW] : b_now[2] ? two[c*SW +: SW] :
						 b_now[1] ? one[c*SW +: SW] : {SW{1'b0}});
				if (b_end && b_now[2])
					out[c*SW +: SW] <= p[P2+c*SW +: SW] +
						(b_first ? two[c*SW +: SW] : row[c*SW +: SW]);
				if (b_end && b_now[1])
					two[c*SW +: SW] <= p[P1+c*SW +: SW] +
						(b_first ? one[c*SW +: SW] : row[c*SW +: SW]);
				if (b_end && b_now[0])
					one[c*SW +: SW] <= p[c*SW +: SW] +
						(b_first ? {SW{1'b0}} : row[c*SW +: SW]);
			end
	end

	wire sums_empty, sums_full;
	mea_queue #(.WIDTH(COLS*SW + 1), .DEPTH(DEPTH)) sums (
		.clk(clk), .rst(rst), .push(out_valid), .din({out_last, out}), .pop(sum_ready),
		.valid(sum_valid), .dout({sum_last, sum}), .empty(sums_empty), .full(sums_full),
		.level(level)
	);
	wire unused = &{sums_empty, sums_full, c_row, w_row};

`ifdef FORMAL
	reg f_past;
	initial f_past = 1'b0;
	always @(posedge clk)
		f_past <= 1'b1;
`ifndef MEA_FORMAL_TOP
	always @(posedge clk)
		if (!f_past)
			assume (rst);
`endif
	always @(posedge clk)
		if (f_past) begin
			// There is a place for whatever is on its way, so no sum is lost.
			assert (level + {4'd0, a_valid} + {4'd0, h_valid} + {4'd0, m_valid} +
				{4'd0, b_valid} + {4'd0, out_valid} < DEPTH);
			assert (!(out_valid && sums_full));
			assert (!room || level < DEPTH - 6);
			// Each kernel column works once on a column of pixels, the last first.
			assert ((now & ~pending) == 3'b000);
			assert (!go || now != 3'b000);
			assert (!(pop && valid && mask != 3'b000) || (done | now) == (done | mask));
			cover (level == DEPTH - 6);
		end
`endif
	assign sum_level = level + {4'd0, sum_valid};
endmodule

`resetall
