// SPDX-License-Identifier: Apache-2.0
//
// mea_dw with its multipliers against sums in the bench: random maps, strides, padding,
// rings of rows that wrap, parts of a word, two commands overlapping, while scratchpad,
// weight memory and requantiser make it wait at random. The memories hold X where no
// command may read.
// run: -P$.TAPS=1
// run: -P$.TAPS=3
// run: -P$.TAPS=9
// run: -P$.TAPS=3 -P$.LUTS=1
// run: -P$.TAPS=3 -DMEA_RAM_COLLIDE
`default_nettype none
`include "mea_isa.vh"

module bench_dw;
	parameter TAPS = 3, LUTS = 0;
	localparam COLS = 4, LANES = 8, LINE = 16, ACT_AW = 8, WGT_AW = 7, COMMANDS = 150;
	localparam MANY = 1 << 13;
`include "bench.vh"
	reg head_valid;
	reg [511:0] head;
	reg [31:0] head_index;
	reg [2:0] token_there;
	wire head_pop, illegal, idle, wgt_ren, act_ren, sum_valid, par_wen, busy_mac;
	wire [2:0] token_take, token_give, par_index;
	wire [31:0] give_index;
	wire [WGT_AW-1:0] wgt_addr;
	wire [ACT_AW-1:0] act_addr, out_addr;
	wire [COLS*20-1:0] sum;
	wire [4:0] sum_level;
	wire [7:0] mid_zero, mid_lo, mid_hi;
	wire [1:0] out_sub;
	reg [2*COLS*8-1:0] wgt_data;
	reg [LANES*8-1:0] act_data;
	reg act_ready, wgt_ready, allow;
	reg [10:0] leaving;
	wire sum_ready = sum_valid && allow;
	wire out_next = leaving[9];

	mea_dw #(.COLS(COLS), .LANES(LANES), .TAPS(TAPS), .LUTS(LUTS), .LINE(LINE), .ACT_AW(ACT_AW),
		 .WGT_AW(WGT_AW)) dut (
		.clk(clk), .rst(rst), .head_valid(head_valid), .head(head),
		.head_index(head_index), .head_pop(head_pop), .token_there(token_there),
		.token_take(token_take), .token_give(token_give), .give_index(give_index),
		.illegal(illegal), .idle(idle), .wgt_ren(wgt_ren), .wgt_addr(wgt_addr),
		.wgt_ready(wgt_ready), .wgt_data(wgt_data), .act_ren(act_ren),
		.act_addr(act_addr), .act_ready(act_ready), .act_data(act_data),
		.sum_valid(sum_valid), .sum(sum), .sum_level(sum_level), .sum_ready(sum_ready),
		.par_wen(par_wen), .par_index(par_index), .mid_zero(mid_zero), .mid_lo(mid_lo),
		.mid_hi(mid_hi), .out_next(out_next), .out_addr(out_addr), .out_sub(out_sub),
		.busy_mac(busy_mac)
	);

	reg [LANES*8-1:0] act [0:(1<<ACT_AW)-1];
	reg [2*COLS*8-1:0] wgt [0:(1<<WGT_AW)-1];

	// What is to come: a sum, its command; and of a command where its parameters, its
	// results and its first sum are.
	reg [COLS*20-1:0] x_sum [0:MANY-1];
	integer x_of [0:MANY-1];
	integer c_par [0:COMMANDS-1], c_out [0:COMMANDS-1], c_sub [0:COMMANDS-1];
	integer c_first [0:COMMANDS-1], c_signal [0:COMMANDS-1], c_zero [0:COMMANDS-1];
	integer due, got, out_n, out_of, pars, gives, n, words_read;

	// Surroundings, and all that is compared.
	always @(posedge clk) begin
		leaving <= rst ? 11'd0 : {leaving[9:0], sum_ready};
		if (act_ren && act_ready) begin
			act_data <= act[act_addr];
			words_read = words_read + 1;
		end else begin
			act_data <= {LANES*8{1'bx}};
		end
		wgt_data <= wgt_ren && wgt_ready ? wgt[wgt_addr] : {2*COLS*8{1'bx}};
		if (!rst && par_wen) begin
			want(par_index === pars % 5, "order of the parameters");
			want(wgt_data === wgt[c_par[pars / 5] + pars % 5], "a parameter");
			want(got === c_first[pars / 5], "parameters come between two commands");
			pars = pars + 1;
		end
		if (!rst && sum_ready) begin
			want(got < due && sum === x_sum[got], "a sum");
			want(pars === 5 * x_of[got] + 5, "its parameters are there");
			want(mid_zero === c_zero[x_of[got]], "its zero point");
			got = got + 1;
		end
		if (!rst && out_next) begin
			out_of = x_of[out_n];
			want(out_addr === ((c_out[out_of] + out_n - c_first[out_of]) & 8'hff),
			     "where a result goes");
			want(out_sub === 2'd1 << c_sub[out_of], "its part of the word");
			out_n = out_n + 1;
		end
		if (!rst && token_give !== 3'd0) begin
			want(token_give === c_signal[gives] && give_index === gives, "tokens given");
			// The last of its results is written, and none of the next.
			want(out_n === (gives + 1 < n ? c_first[gives + 1] : due), "when");
			gives = gives + 1;
		end
	end
	integer pause;
	always @(negedge clk) begin
		act_ready = ($random(seed) & 15) >= pause;
		wgt_ready = ($random(seed) & 15) >= pause;
		allow = ($random(seed) & 15) >= pause;
	end

	integer ow, oh, sx, sy, pl, pt, iw, ih, row, ring, back, base, sub, wa, i, c, y, x, ky, kx, at;
	reg [COLS*20-1:0] total;
	reg signed [7:0] pixel, weight, pad;
	reg signed [19:0] acc;

	// The pixel of lane c at (y, x) of the map.
	task look(input integer yy, input integer xx, input integer lane);
		begin
			at = base + yy * row + xx - (ring != 0 && yy >= ring ? back : 0);
			pixel = yy < 0 || yy >= ih || xx < 0 || xx >= iw ? pad :
				act[at & 8'hff] >> ((sub * COLS + lane) * 8);
		end
	endtask

	task expect_all;
		for (y = 0; y < oh; y = y + 1)
			for (x = 0; x < ow; x = x + 1) begin
				for (c = 0; c < COLS; c = c + 1) begin
					acc = 20'sd0;
					for (ky = 0; ky < 3; ky = ky + 1)
						for (kx = 0; kx < 3; kx = kx + 1) begin
							look(y * sy + ky - pt, x * sx + kx - pl, c);
							weight = wgt[wa + 2 * kx + ky / 2] >>
								 ((ky % 2 * COLS + c) * 8);
							acc = acc + pixel * weight;
						end
					total[c*20 +: 20] = acc;
				end
				x_sum[due] = total;
				x_of[due] = n;
				due = due + 1;
			end
	endtask

	function integer pick(input integer lo, input integer hi);
		pick = lo + ($random(seed) & 16'hffff) % (hi - lo + 1);
	endfunction

	// A random command; wait_for: it sets GAP.
	task command(input integer wait_for);
		begin
			sx = pick(1, 3);
			sy = pick(1, 3);
			ow = pick(1, 5);
			oh = pick(1, 5);
			while ((ow - 1) * sx + 3 > LINE)
				ow = ow - 1;
			iw = pick(1, 12);
			ih = pick(1, 12);
			pl = pick(0, 2);
			pt = pick(0, 2);
			row = iw + pick(0, 2);
			base = pick(0, 255);
			ring = pick(0, 1) * pick(1, 12);
			back = pick(0, 255);
			sub = pick(0, 1);
			pad = $random(seed);
			wa = n % 8 * 16;
			head = 512'd0;
			head[`MEA_F_CMD_OPCODE] = `MEA_OP_DEPTHWISE;
			head[`MEA_F_CMD_WAIT] = $random(seed);
			head[`MEA_F_CMD_SIGNAL] = n % 7 + 1;
			head[`MEA_F_CONV_OUT_W] = ow;
			head[`MEA_F_CONV_OUT_H] = oh;
			head[`MEA_F_CONV_STRIDE_X] = sx;
			head[`MEA_F_CONV_STRIDE_Y] = sy;
			head[`MEA_F_CONV_IN_W] = iw;
			head[`MEA_F_CONV_IN_H] = ih;
			head[`MEA_F_CONV_PAD_L] = pl;
			head[`MEA_F_CONV_PAD_T] = pt;
			head[`MEA_F_CONV_IN_ROW] = row;
			head[`MEA_F_CONV_IN_BASE] = base;
			head[`MEA_F_CONV_IN_PLANE] = back;
			head[`MEA_F_CONV_WRAP_ROWS] = ring;
			head[`MEA_F_CONV_IN_SUB] = sub;
			head[`MEA_F_CONV_PAD_VALUE] = pad;
			head[`MEA_F_CONV_GAP] = wait_for;
			head[`MEA_F_CONV_WGT_ADDR] = wa;
			head[`MEA_F_CONV_PAR_ADDR] = wa + 6;
			head[`MEA_F_CONV_OUT_BASE] = pick(0, 255);
			head[`MEA_F_CONV_OUT_SUB] = pick(0, 1);
			head[`MEA_F_CONV_MID_ZERO] = n;
			c_par[n] = wa + 6;
			c_out[n] = head[`MEA_F_CONV_OUT_BASE];
			c_sub[n] = head[`MEA_F_CONV_OUT_SUB];
			c_first[n] = due;
			c_signal[n] = head[`MEA_F_CMD_SIGNAL];
			c_zero[n] = n;
			head_index = n;
			expect_all;
			n = n + 1;
			head_valid = 1'b1;
			token_there = 3'd0;
			settle;
			want(head_pop === 1'b0 || head[`MEA_F_CMD_WAIT] == 3'd0, "starts without its tokens");
			while (head_valid) begin
				token_there = token_there | $random(seed);
				settle;
				if (head_pop) begin
					want((head[`MEA_F_CMD_WAIT] & ~token_there) === 3'd0 &&
					     token_take === head[`MEA_F_CMD_WAIT], "tokens taken");
					want(wait_for == 0 || gives == n - 1, "GAP: the one before is complete");
				end
				at = head_pop;
				tick;
				if (at)
					head_valid = 1'b0;
			end
		end
	endtask

	task drain;
		begin
			i = 0;
			while (!idle && i < 20000) begin
				tick;
				i = i + 1;
			end
			want(idle === 1'b1 && got == due && out_n == due && gives == n, "all is done");
		end
	endtask

	initial begin
		{due, got, out_n, pars, gives, n, words_read, pause} = 0;
		{head_valid, leaving} = 10'd0;
		token_there = 3'd0;
		for (i = 0; i < 1 << ACT_AW; i = i + 1)
			act[i] = {$random(seed), $random(seed)};
		for (i = 0; i < 1 << WGT_AW; i = i + 1)
			wgt[i] = i % 16 < 11 ? {$random(seed), $random(seed)} : {2*COLS*8{1'bx}};
		reset;
		while (n < 50)
			command(0);
		drain;
		conclude("50 commands that follow each other at once");
		pause = 5;
		while (n < 100)
			command($random(seed) & 1);
		drain;
		conclude("50 that must wait for memories, requantiser and each other");
		pause = 13;
		while (n < COMMANDS)
			command(0);
		drain;
		conclude("50 with little but waiting");
		head[`MEA_F_CONV_OUT_W] = 12'd0;
		head_valid = 1'b1;
		tick;
		check(illegal === 1'b1 && head_pop === 1'b0, "no columns: illegal, and not begun");
		done;
	end
endmodule
