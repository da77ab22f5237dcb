// SPDX-License-Identifier: Apache-2.0
//
// Purpose: brings weight tiles from the weight memory into the array's shadow
// registers, ahead of the streamer and across command borders, and the five
// parameter words (bias, multiplier, shift) of a command into the requantiser.
//
// The shadow row pair j may be overwritten once the swap wavefront has passed it
// (row r swaps r cycles after row 0) and must be there before the next wavefront
// comes. Loading two rows a cycle, the earliest start is ROWS / 2 cycles after
// the swap was issued, which makes a tile of one pixel (a fully connected layer)
// cost ROWS / 2 + 1 cycles.
//
// For STEM commands it also computes, per array row, the byte offset of that
// row's tap: K runs over kernel row, kernel column, channel, and in the image a
// kernel row is STEM_KC bytes that follow each other.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_wload #(
	parameter integer ROWS = 16,
	parameter integer COLS = 16,
	// address bits of the weight memory
	parameter integer WGT_AW = 12,
	// address bits of the stem memory's bytes
	parameter integer STEM_BAW = 12
) (
	input  wire                    clk,
	input  wire                    rst,

	input  wire                    cmd_valid,
	input  wire [511:0]            cmd,
	input  wire                    cmd_set,
	output wire                    cmd_done,

	// weight memory
	output wire                    ren,
	output wire [WGT_AW-1:0]       raddr,

	// to the array and the requantiser, with the memory's data a cycle later
	output reg                     sh_wen,
	output reg  [$clog2(ROWS)-2:0] sh_pair,
	output reg                     par_wen,
	output reg                     par_set,
	output reg  [2:0]              par_index,

	// stem tap offsets, valid from tile_take on
	output reg  [ROWS*STEM_BAW-1:0] tap_offset,

	output reg                     tile_ready,
	input  wire                    tile_take
);
	localparam integer HALF = ROWS / 2;
	localparam integer LAST_FULL = ROWS - 1;
	localparam integer LAST_HALF = HALF - 1;
	localparam integer CW = $clog2(ROWS);
	localparam [2:0] GET = 3'd0, COUNT = 3'd1, COUNT2 = 3'd2, CHOOSE = 3'd3, TILE = 3'd4,
			 PARAM = 3'd5;
	reg [2:0]  state;

	reg        is_stem, is_pool, need_par;
	reg [15:0] taps;
	reg [27:0] tiles;
	reg [11:0] kb;
	reg [WGT_AW-1:0] addr, par_addr;
	reg [CW:0] cnt;
	reg [7:0]  swap_age;

	reg [ROWS*STEM_BAW-1:0] tap_shadow;
	reg [STEM_BAW-1:0] tap, row_skip;
	reg [11:0] rem, kc1;

	wire may_load = !tile_ready && swap_age >= HALF[7:0];
	wire par_now  = need_par && tiles[27:1] == 0;
	wire last_rd  = cnt == (is_stem ? LAST_FULL[CW:0] : LAST_HALF[CW:0]);

	assign ren   = (state == TILE && cnt < HALF[CW:0]) || state == PARAM;
	assign raddr = state == PARAM ? par_addr : addr;
	assign cmd_done = state == CHOOSE && !par_now && tiles == 0;

	wire [19:0] cmd_wgt = cmd[`MEA_F_CONV_WGT_ADDR];
	wire [19:0] cmd_par = cmd[`MEA_F_CONV_PAR_ADDR];
	wire [19:0] cmd_row = cmd[`MEA_F_CONV_IN_ROW];
	wire [11:0] cmd_kc  = cmd[`MEA_F_CONV_STEM_KC];
	wire [19:0] kc_wide = {8'd0, cmd_kc};

	integer i;
	always @(posedge clk) begin
		sh_wen    <= state == TILE && cnt < HALF[CW:0];
		sh_pair   <= cnt[CW-2:0];
		par_wen   <= state == PARAM;
		par_index <= cnt[2:0];

		if (tile_take) begin
			tile_ready <= 1'b0;
			tap_offset <= tap_shadow;
			swap_age   <= 8'd1;
		end else if (swap_age != 8'hff) begin
			swap_age <= swap_age + 8'd1;
		end

		case (state)
		GET: if (cmd_valid) begin
			state    <= COUNT;
			is_stem  <= cmd[`MEA_F_CONV_STEM];
			is_pool  <= cmd[`MEA_F_CMD_OPCODE] == `MEA_OP_POOL;
			need_par <= cmd[`MEA_F_CONV_FINAL];
			par_set <= cmd_set;
			taps     <= cmd[`MEA_F_CONV_KW] * cmd[`MEA_F_CONV_KH];
			kb       <= cmd[`MEA_F_CONV_K_BLOCKS];
			addr     <= cmd_wgt[WGT_AW-1:0];
			par_addr <= cmd_par[WGT_AW-1:0];
			kc1      <= cmd_kc - 12'd1;
			row_skip <= cmd_row[STEM_BAW-1:0] - kc_wide[STEM_BAW-1:0] + 1'b1;
			rem      <= 12'd0;
			tap      <= {STEM_BAW{1'b0}};
		end
		COUNT: begin
			tiles <= is_pool ? 28'd0 : taps * kb;
			state <= COUNT2;
		end
		// A cycle for the product's second register on an FPGA.
		COUNT2: state <= CHOOSE;
		CHOOSE: begin
			cnt <= 0;
			if (par_now) begin
				state <= PARAM;
			end else if (tiles == 0) begin
				state <= GET;
			end else if (may_load) begin
				state <= TILE;
				// The shadow rows fill faster than the wavefront goes
				// down, so the streamer may start with the first pair.
				tile_ready <= !is_stem;
			end
		end
		PARAM: begin
			cnt <= cnt + 1'b1;
			par_addr <= par_addr + 1'b1;
			if (cnt == 4) begin
				need_par <= 1'b0;
				state <= CHOOSE;
			end
		end
		default: begin
			cnt <= cnt + 1'b1;
			if (ren)
				addr <= addr + 1'b1;
			if (is_stem) begin
				for (i = 0; i < ROWS; i = i + 1)
					if (cnt[CW-1:0] == i[CW-1:0])
						tap_shadow[i*STEM_BAW +: STEM_BAW] <= tap;
				rem <= rem == kc1 ? 12'd0 : rem + 12'd1;
				tap <= tap + (rem == kc1 ? row_skip : {{(STEM_BAW-1){1'b0}}, 1'b1});
			end
			if (last_rd) begin
				tiles <= tiles - 28'd1;
				state <= CHOOSE;
				if (is_stem)
					tile_ready <= 1'b1;
			end
		end
		endcase

		if (rst) begin
			state      <= GET;
			tile_ready <= 1'b0;
			swap_age   <= 8'hff;
			sh_wen     <= 1'b0;
			par_wen    <= 1'b0;
		end
	end
endmodule

`resetall
