// SPDX-License-Identifier: Apache-2.0
//
// The whole accelerator for what Verilator cannot show: X. All memories and every
// register that no reset touches start as X, and the bus drives X wherever it says
// nothing. One job loads, convolves and stores; nothing that the accelerator shows as
// valid may have an X in it, and what it stores must be the convolution.
//
// SIZED: parameters as literals no wider than their value, which is how LiteX writes
// them. LEAST, MOST: the smallest and the largest that mea_params lets pass.
// run:
// run: -DSIZED
// run: -DSIZED -DPACK=5'd16
// run: -DLEAST
// run: -DMOST
`default_nettype none
`include "mea_isa.vh"

module bench_accel;
`include "bench.vh"
`ifdef LEAST
	localparam PIXELS = 2, AW = 32, ACT_WORDS = 4, BANKS = 2, WGT_WORDS = 32, ACC_DEPTH = 2;
	localparam STEM_WORDS = 2, BURST = 8, TAPS = 1, LINE = 4, PSUM_W = 20;
`elsif MOST
	localparam PIXELS = 6, AW = 64, ACT_WORDS = 1 << 20, BANKS = 128, WGT_WORDS = 1 << 20;
	localparam ACC_DEPTH = 32768, STEM_WORDS = 32768, BURST = 128, TAPS = 9, LINE = 2048;
	localparam PSUM_W = 32;
`else
	localparam PIXELS = 6, AW = 40, ACT_WORDS = 64, BANKS = 4, WGT_WORDS = 32, ACC_DEPTH = 16;
	localparam STEM_WORDS = 16, BURST = 16, TAPS = 3, LINE = 64, PSUM_W = 20;
`endif
`ifndef PACK
`define PACK 1'd0
`endif
	// Words in the memories: the end of each.
	localparam OUT_AT = ACT_WORDS - PIXELS, WGT_AT = WGT_WORDS - 7;
	localparam BASE = 32'h10000;
	localparam IN = 32'h1000, WEIGHTS = 32'h1100, OUT = 32'h2000, RECORD = 32'h3000;
	reg [11:0] awaddr, araddr;
	reg awvalid, wvalid, arvalid;
	reg [31:0] wdata;
	wire awready, wready, bvalid, arready, rvalid, irq;
	wire [1:0] bresp, rresp;
	wire [31:0] rdata;
	wire [AW-1:0] m_araddr, m_awaddr;
	wire [7:0] m_arlen, m_awlen, m_wstrb;
	wire [2:0] m_arsize, m_awsize;
	wire [1:0] m_arburst, m_awburst;
	wire m_arvalid, m_rready, m_awvalid, m_wvalid, m_wlast, m_bready;
	wire [63:0] m_wdata;
	reg m_arready, m_rvalid, m_awready, m_wready, m_bvalid;
	reg [63:0] m_rdata;

	mea_accel #(
`ifdef SIZED
		.ROWS(3'd4), .COLS(3'd4), .AXI_DW(7'd64), .AXI_AW(6'd40), .ACT_WORDS(7'd64),
		.ACT_BANKS(3'd4), .WGT_WORDS(6'd32), .ACC_DEPTH(5'd16), .STEM_WORDS(5'd16),
		.PSUM_W(5'd20), .MAX_BURST(5'd16), .DW_TAPS(2'd3), .DW_LINE(7'd64), .TABLES(2'd2), .PACK(`PACK),
		.DW_LUTS(1'd1), .JOIN_LUTS(1'd1), .CLOCK_KHZ(10'd1000)
`else
		.ROWS(4), .COLS(4), .AXI_DW(64), .AXI_AW(AW), .ACT_WORDS(ACT_WORDS),
		.ACT_BANKS(BANKS), .WGT_WORDS(WGT_WORDS), .ACC_DEPTH(ACC_DEPTH),
		.STEM_WORDS(STEM_WORDS), .PSUM_W(PSUM_W), .MAX_BURST(BURST), .DW_TAPS(TAPS),
		.DW_LINE(LINE), .TABLES(2), .CLOCK_KHZ(1000)
`endif
	) dut (
		.clk(clk), .rst(rst), .irq(irq), .s_axil_awaddr(awaddr), .s_axil_awvalid(awvalid),
		.s_axil_awready(awready), .s_axil_wdata(wdata), .s_axil_wstrb(4'hf),
		.s_axil_wvalid(wvalid), .s_axil_wready(wready), .s_axil_bresp(bresp),
		.s_axil_bvalid(bvalid), .s_axil_bready(1'b1), .s_axil_araddr(araddr),
		.s_axil_arvalid(arvalid), .s_axil_arready(arready), .s_axil_rdata(rdata),
		.s_axil_rresp(rresp), .s_axil_rvalid(rvalid), .s_axil_rready(1'b1),
		.m_axi_araddr(m_araddr), .m_axi_arlen(m_arlen), .m_axi_arsize(m_arsize),
		.m_axi_arburst(m_arburst), .m_axi_arvalid(m_arvalid), .m_axi_arready(m_arready),
		.m_axi_rdata(m_rdata), .m_axi_rresp(m_rvalid ? 2'b00 : 2'bxx),
		.m_axi_rvalid(m_rvalid), .m_axi_rready(m_rready), .m_axi_awaddr(m_awaddr),
		.m_axi_awlen(m_awlen), .m_axi_awsize(m_awsize), .m_axi_awburst(m_awburst),
		.m_axi_awvalid(m_awvalid), .m_axi_awready(m_awready), .m_axi_wdata(m_wdata),
		.m_axi_wstrb(m_wstrb), .m_axi_wlast(m_wlast), .m_axi_wvalid(m_wvalid),
		.m_axi_wready(m_wready), .m_axi_bresp(m_bvalid ? 2'b00 : 2'bxx),
		.m_axi_bvalid(m_bvalid), .m_axi_bready(m_bready)
	);

	// --- the memory on the bus: a burst of each direction at a time ------------------
	reg [7:0] mem [0:16383];
	integer read_at, read_left, write_at, write_left, i, c, r, cycles, sum;
	reg took_ar, took_r, took_aw, took_w, took_last;

	// One cycle: looks at what is shown, then lets the edge take it.
	task cycle;
		begin
			m_arready = read_left == 0 && ($random(seed) & 3) != 0;
			m_rvalid = m_rvalid || (read_left != 0 && ($random(seed) & 3) != 0);
			for (i = 0; i < 8; i = i + 1)
				m_rdata[i*8 +: 8] = m_rvalid ? mem[read_at + i] : 8'hxx;
			m_awready = write_left == 0 && ($random(seed) & 3) != 0;
			m_wready = write_left != 0 && ($random(seed) & 3) != 0;
			settle;
			want(^{m_arvalid, m_rready, m_awvalid, m_wvalid, m_bready, irq, awready, wready,
			       bvalid, arready, rvalid} !== 1'bx, "a handshake is X");
			want(!m_arvalid || ^{m_araddr, m_arlen, m_arsize, m_arburst} !== 1'bx, "AR is X");
			want(!m_awvalid || ^{m_awaddr, m_awlen, m_awsize, m_awburst} !== 1'bx, "AW is X");
			want(!m_wvalid || ^{m_wstrb, m_wlast} !== 1'bx, "W is X");
			for (i = 0; i < 8; i = i + 1)
				want(!m_wvalid || !m_wstrb[i] || ^m_wdata[i*8 +: 8] !== 1'bx,
				     "a byte to be written is X");
			took_ar = m_arvalid && m_arready;
			took_r = m_rvalid && m_rready;
			took_aw = m_awvalid && m_awready;
			took_w = m_wvalid && m_wready;
			took_last = took_w && m_wlast;
			if (took_w)
				for (i = 0; i < 8; i = i + 1)
					if (m_wstrb[i])
						mem[write_at + i] = m_wdata[i*8 +: 8];
			if (took_ar) begin
				read_at = m_araddr - BASE;
				read_left = m_arlen + 1;
			end
			if (took_aw) begin
				write_at = m_awaddr - BASE;
				write_left = m_awlen + 1;
			end
			tick;
			if (took_r) begin
				m_rvalid = 1'b0;
				read_at = read_at + 8;
				read_left = read_left - 1;
			end
			if (took_w) begin
				write_at = write_at + 8;
				write_left = write_left - 1;
				want(took_last === (write_left == 0), "last");
			end
			m_bvalid = took_last;
		end
	endtask

	// --- software ------------------------------------------------------------------
	task write(input [11:0] a, input [31:0] v);
		begin
			awaddr = a;
			wdata = v;
			awvalid = 1'b1;
			wvalid = 1'b1;
			cycle;
			awvalid = 1'b0;
			wvalid = 1'b0;
			awaddr = 12'hxxx;
			wdata = 32'hxxxxxxxx;
			// done, answered
			cycle;
			cycle;
		end
	endtask

	task read(input [11:0] a);
		begin
			araddr = a;
			arvalid = 1'b1;
			cycle;
			arvalid = 1'b0;
			araddr = 12'hxxx;
			cycle;
			cycle;
			want(rvalid === 1'b1, "a read is answered");
			cycle;
		end
	endtask

	task reads(input [11:0] a, input [31:0] v);
		begin
			read(a);
			want(rdata === v, "a register");
		end
	endtask

	// What the accelerator says of itself.
	task configuration;
		begin
			reads(`MEA_REG_CONFIG0, BURST << 24 | 8 << 16 | 4 << 8 | 4);
			reads(`MEA_REG_CONFIG1, ACT_WORDS);
			reads(`MEA_REG_CONFIG2, WGT_WORDS);
			reads(`MEA_REG_CONFIG3, STEM_WORDS << 16 | ACC_DEPTH);
			reads(`MEA_REG_CONFIG4, LINE << 20 | TAPS << 16 | BANKS << 8 | 4 + 17);
			reads(`MEA_REG_CONFIG5, 1 << 8 | 2);
			reads(`MEA_REG_CLOCK_KHZ, 1000);
		end
	endtask

	task bank(input [7:0] r_bank, input [31:0] v);
		write(`MEA_JOB_BANK0 + r_bank, v);
	endtask

	reg [511:0] cmd;
	task put_command(input integer k);
		for (i = 0; i < 64; i = i + 1)
			mem[64 * k + i] = cmd[i*8 +: 8];
	endtask

	task move(input [3:0] op, input [3:0] slot, input [1:0] waits, input [1:0] signals,
		  input [31:0] offset, input [19:0] words, input [19:0] at);
		begin
			cmd = 512'd0;
			cmd[`MEA_F_CMD_OPCODE] = op;
			cmd[`MEA_F_CMD_WAIT] = waits;
			cmd[`MEA_F_CMD_SIGNAL] = signals;
			cmd[`MEA_F_LOAD_SLOT] = slot;
			cmd[`MEA_F_LOAD_OFFSET] = offset;
			cmd[`MEA_F_LOAD_ROW_WORDS] = words;
			cmd[`MEA_F_LOAD_ROWS] = 16'd1;
			cmd[`MEA_F_LOAD_ADDR] = at;
		end
	endtask

	// Pixels of four channels through a 1x1 convolution to four: sums, saturated.
	task program;
		begin
			move(`MEA_OP_LOAD, 4'd1, 2'b00, 2'b00, 32'd0, PIXELS, 20'd0);
			put_command(0);
			move(`MEA_OP_LOAD, 4'd1, 2'b00, 2'b01, WEIGHTS - IN, 20'd7, WGT_AT);
			cmd[`MEA_F_LOAD_DEST] = `MEA_DEST_WGT;
			put_command(1);
			cmd = 512'd0;
			cmd[`MEA_F_CMD_OPCODE] = `MEA_OP_CONV;
			cmd[`MEA_F_CMD_WAIT] = 2'b01;
			cmd[`MEA_F_CMD_SIGNAL] = 2'b10;
			cmd[`MEA_F_CONV_FIRST] = 1'b1;
			cmd[`MEA_F_CONV_FINAL] = 1'b1;
			cmd[`MEA_F_CONV_GAP] = 8'd17;
			cmd[`MEA_F_CONV_X_STEP] = 12'd1;
			cmd[`MEA_F_CONV_K_BLOCKS] = 12'd1;
			cmd[`MEA_F_CONV_IN_ROW] = PIXELS;
			cmd[`MEA_F_CONV_IN_W] = PIXELS;
			cmd[`MEA_F_CONV_IN_H] = 12'd1;
			cmd[`MEA_F_CONV_STRIDE_X] = 4'd1;
			cmd[`MEA_F_CONV_STRIDE_Y] = 4'd1;
			cmd[`MEA_F_CONV_OUT_W] = PIXELS;
			cmd[`MEA_F_CONV_OUT_H] = 12'd1;
			cmd[`MEA_F_CONV_KW] = 8'd1;
			cmd[`MEA_F_CONV_KH] = 8'd1;
			cmd[`MEA_F_CONV_OUT_BASE] = OUT_AT;
			cmd[`MEA_F_CONV_WGT_ADDR] = WGT_AT;
			cmd[`MEA_F_CONV_PAR_ADDR] = WGT_AT + 2;
			cmd[`MEA_F_CONV_MID_LO] = 8'h80;
			cmd[`MEA_F_CONV_MID_HI] = 8'h7f;
			put_command(2);
			move(`MEA_OP_STORE, 4'd2, 2'b10, 2'b00, 32'd0, PIXELS, OUT_AT);
			put_command(3);
			for (i = 0; i < 4 * PIXELS; i = i + 1)
				mem[IN + i] = $random(seed);
			// Four rows of weights, no bias, multiplier 1, shift 0.
			for (i = 0; i < 56; i = i + 1)
				mem[WEIGHTS + i] = i < 16 ? $random(seed) % 4 : i >= 32 && i < 48 && i % 4 == 0;
		end
	endtask

	task job;
		begin
			for (c = 0; c < 8; c = c + 1) begin
				bank(16 * c + `MEA_BANK_SLOT_BASE_LO, BASE + 32'h1000 * (c & 3));
				bank(16 * c + `MEA_BANK_SLOT_BASE_HI, 32'd0);
				bank(16 * c + `MEA_BANK_SLOT_SIZE, c < 4 ? 32'd64 : 32'd0);
				bank(16 * c + `MEA_BANK_SLOT_FLAGS, c < 2 ? 32'd1 : 32'd2);
			end
			bank(`MEA_BANK_CMD_OFFSET, 32'd0);
			bank(`MEA_BANK_CMD_COUNT, 32'd4);
			bank(`MEA_BANK_BUDGET, 32'd5000);
			bank(`MEA_BANK_RECORD, 32'h8000_0003);
			bank(`MEA_BANK_RECORD_OFFSET, 32'd0);
			bank(`MEA_BANK_TAG, 32'd42);
			write(`MEA_REG_IRQ_ENABLE, 32'd1);
			bank(`MEA_BANK_START, 32'd1);
			for (cycles = 0; irq !== 1'b1 && cycles < 6000; cycles = cycles + 1)
				cycle;
		end
	endtask

	task compare;
		reg signed [7:0] a, w;
		for (r = 0; r < PIXELS; r = r + 1)
			for (c = 0; c < 4; c = c + 1) begin
				sum = 0;
				for (i = 0; i < 4; i = i + 1) begin
					a = mem[IN + 4 * r + i];
					w = mem[WEIGHTS + 4 * i + c];
					sum = sum + a * w;
				end
				sum = sum > 127 ? 127 : sum < -128 ? -128 : sum;
				want(mem[OUT + 4 * r + c] === sum[7:0], "an output");
			end
	endtask

	initial begin
		{awvalid, wvalid, arvalid, m_arready, m_rvalid, m_awready, m_wready, m_bvalid} = 8'd0;
		{awaddr, araddr, wdata} = {56{1'bx}};
		{read_left, write_left, read_at, write_at} = 0;
		program;
		reset;
		for (c = 0; c < 50; c = c + 1)
			cycle;
		want(m_arvalid === 1'b0 && m_awvalid === 1'b0 && m_wvalid === 1'b0, "silent");
		conclude("silent after reset");
		configuration;
		conclude("the registers hold the parameters");
		job;
		check(irq === 1'b1, "the job ends");
		conclude("nothing valid is X on its way");
		read(`MEA_JOB_BANK0 + `MEA_BANK_FAULT);
		check(rdata === 32'd0, "without a fault");
		compare;
		conclude("the convolution is stored");
		for (i = 0; i < 128; i = i + 1)
			want(^mem[RECORD + i] !== 1'bx, "a byte of the record");
		check({mem[RECORD + 7], mem[RECORD + 6], mem[RECORD + 5], mem[RECORD + 4]} === 32'd42,
		      "the record has the tag");
		conclude("and nothing that is X");
		done;
	end
endmodule
