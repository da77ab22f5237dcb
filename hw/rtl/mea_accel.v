// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the accelerator: registers, job sequencer, command fetch, the load,
// compute and store engines with their queues and tokens, the three memories,
// and the AXI master behind the guard. hw/README.md is its manual.
`resetall
`default_nettype none
`include "mea_isa.vh"

// mea_params refuses every value of a parameter that its comment does not name.
module mea_accel #(
	// array: 4, 8, 16 or 32, independent
	parameter integer ROWS = 16,
	parameter integer COLS = 16,
	// data bits of the bus: 64 or 128
	parameter integer AXI_DW = 64,
	// address bits of the bus: 32 to 64
	parameter integer AXI_AW = 40,
	// beats of the longest burst, 8, 16, 32 .. 128; 16 suits AXI3 ports
	parameter integer MAX_BURST = 16,
	// activation scratchpad, words of max(ROWS, COLS) bytes: 2 x ACT_BANKS .. 2^20, a power
	// of two like all memories' words; banks: 2, 4 .. 128
	parameter integer ACT_WORDS = 16384,
	parameter integer ACT_BANKS = 4,
	// weight memory, words of 2 x COLS bytes: 32 .. 2^20
	parameter integer WGT_WORDS = 4096,
	// output pixels of one command: 2 .. 32768
	parameter integer ACC_DEPTH = 1024,
	// stem memory, 8-byte words, ROWS copies: 2 .. 32768
	parameter integer STEM_WORDS = 512,
	// bits of a partial sum in the array, 18 + log2(ROWS) to 32
	parameter integer PSUM_W = 32,
	// depthwise unit: multipliers per lane (0: none, 1, 3 or 9) and columns of the
	// widest padded map it takes: 4, 8 .. 2048
	parameter integer DW_TAPS = 3,
	parameter integer DW_LINE = 512,
	// tables of 256 bytes for activations: 0, 2, 4 or 8; one copy per column
	parameter integer TABLES = 8,
	// 1: products of two maps, in LUTs
	parameter integer PRODUCTS = 1,
	// 0: a multiplier of at most 18 x 18 bits per product. 16, 18: for multipliers of
	// 25 x 18 (DSP48E1), 27 x 18 bits (DSP48E2): two products of the array in each
	parameter integer PACK = 0,
	// 0 or 1: made of LUTs: the depthwise unit's; the upper parts of a residual's, which need
	// a second multiplier of 18 x 18 bits (without effect with PACK)
	parameter integer DW_LUTS = PACK != 0 ? 1 : 0,
	parameter integer JOIN_LUTS = 0,
	// what CLOCK_KHZ reports, not negative
	parameter integer CLOCK_KHZ = 0
) (
	input  wire                clk,
	input  wire                rst,
	output wire                irq,

	input  wire [11:0]         s_axil_awaddr,
	input  wire                s_axil_awvalid,
	output wire                s_axil_awready,
	input  wire [31:0]         s_axil_wdata,
	input  wire [3:0]          s_axil_wstrb,
	input  wire                s_axil_wvalid,
	output wire                s_axil_wready,
	output wire [1:0]          s_axil_bresp,
	output wire                s_axil_bvalid,
	input  wire                s_axil_bready,
	input  wire [11:0]         s_axil_araddr,
	input  wire                s_axil_arvalid,
	output wire                s_axil_arready,
	output wire [31:0]         s_axil_rdata,
	output wire [1:0]          s_axil_rresp,
	output wire                s_axil_rvalid,
	input  wire                s_axil_rready,

	output wire [AXI_AW-1:0]   m_axi_araddr,
	output wire [7:0]          m_axi_arlen,
	output wire [2:0]          m_axi_arsize,
	output wire [1:0]          m_axi_arburst,
	output wire                m_axi_arvalid,
	input  wire                m_axi_arready,
	input  wire [AXI_DW-1:0]   m_axi_rdata,
	input  wire [1:0]          m_axi_rresp,
	input  wire                m_axi_rvalid,
	output wire                m_axi_rready,

	output wire [AXI_AW-1:0]   m_axi_awaddr,
	output wire [7:0]          m_axi_awlen,
	output wire [2:0]          m_axi_awsize,
	output wire [1:0]          m_axi_awburst,
	output wire                m_axi_awvalid,
	input  wire                m_axi_awready,
	output wire [AXI_DW-1:0]   m_axi_wdata,
	output wire [AXI_DW/8-1:0] m_axi_wstrb,
	output wire                m_axi_wlast,
	output wire                m_axi_wvalid,
	input  wire                m_axi_wready,
	input  wire [1:0]          m_axi_bresp,
	input  wire                m_axi_bvalid,
	output wire                m_axi_bready
);
	localparam integer LANES = ROWS > COLS ? ROWS : COLS;
	localparam integer BEAT = AXI_DW == 128 ? 16 : 8;
	localparam [2:0] BEAT_SIZE = BEAT == 8 ? 3'd3 : 3'd4;
	localparam integer SLOTS = `MEA_SLOTS;
	localparam integer ACT_AW = $clog2(ACT_WORDS);
	localparam integer ACT_BANK_AW = $clog2(ACT_BANKS);
	localparam integer WGT_AW = $clog2(WGT_WORDS);
	localparam integer ACC_AW = $clog2(ACC_DEPTH);
	localparam integer STEM_AW = $clog2(STEM_WORDS);
	localparam integer STEM_BAW = STEM_AW + 3;
	localparam integer TABLE_ALL = TABLES * `MEA_TABLE_WORDS;
	localparam integer TABLE_AW = TABLES != 0 ? $clog2(TABLE_ALL) : 1;
	localparam integer BANK_WORDS = ACT_WORDS >> ACT_BANK_AW;
	localparam integer SCRUB_A = BANK_WORDS > WGT_WORDS ? BANK_WORDS : WGT_WORDS;
	localparam integer SCRUB_B = ACC_DEPTH > STEM_WORDS ? ACC_DEPTH : STEM_WORDS;
	localparam integer SCRUB_C = SCRUB_A > SCRUB_B ? SCRUB_A : SCRUB_B;
	localparam integer SCRUB_CYCLES = SCRUB_C > TABLE_ALL ? SCRUB_C : TABLE_ALL;

	mea_params #(
		.ROWS(ROWS), .COLS(COLS), .AXI_DW(AXI_DW), .AXI_AW(AXI_AW), .MAX_BURST(MAX_BURST),
		.ACT_WORDS(ACT_WORDS), .ACT_BANKS(ACT_BANKS), .WGT_WORDS(WGT_WORDS),
		.ACC_DEPTH(ACC_DEPTH), .STEM_WORDS(STEM_WORDS), .PSUM_W(PSUM_W),
		.DW_TAPS(DW_TAPS), .DW_LINE(DW_LINE), .TABLES(TABLES), .PRODUCTS(PRODUCTS), .PACK(PACK), .DW_LUTS(DW_LUTS),
		.JOIN_LUTS(JOIN_LUTS), .CLOCK_KHZ(CLOCK_KHZ)
	) legal ();

	// --- registers and job -----------------------------------------------------
	wire reset_request, reset_done, job_ready, job_start, job_end, bus_idle, want_scrub;
	wire [31:0] job_fault, job_fault_offset, job_fault_cmd, job_cycles;
	wire [31:0] cmd_offset, cmd_count, budget, tag, rec_offset;
	// what the job's table says of the slot that a guard looks at
	localparam integer SW = $clog2(SLOTS);
	wire [SW-1:0] ar_slot, aw_slot;
	wire [51:0] ar_page, aw_page;
	wire [26:0] ar_size, aw_size;
	wire ar_right, aw_right;
`ifdef FORMAL
	wire [SLOTS*52-1:0] f_page;
	wire [SLOTS*27-1:0] f_size;
	wire [SLOTS-1:0] f_read, f_write;
`endif
	wire rec_enable;
	wire [3:0] rec_slot;

	mea_regs #(
		.ROWS(ROWS), .COLS(COLS), .BEAT(BEAT), .MAX_BURST(MAX_BURST),
		.ACT_WORDS(ACT_WORDS), .ACT_BANKS(ACT_BANKS), .WGT_WORDS(WGT_WORDS),
		.ACC_DEPTH(ACC_DEPTH), .STEM_WORDS(STEM_WORDS), .LATENCY(ROWS + 17),
		.DW_TAPS(DW_TAPS), .DW_LINE(DW_TAPS == 0 ? 0 : DW_LINE),
		.TABLES(TABLES), .PRODUCTS(PRODUCTS), .CLOCK_KHZ(CLOCK_KHZ), .SLOTS(SLOTS)
	) regs (
		.clk(clk), .rst(rst),
		.s_axil_awaddr(s_axil_awaddr), .s_axil_awvalid(s_axil_awvalid),
		.s_axil_awready(s_axil_awready), .s_axil_wdata(s_axil_wdata),
		.s_axil_wstrb(s_axil_wstrb), .s_axil_wvalid(s_axil_wvalid),
		.s_axil_wready(s_axil_wready), .s_axil_bresp(s_axil_bresp),
		.s_axil_bvalid(s_axil_bvalid), .s_axil_bready(s_axil_bready),
		.s_axil_araddr(s_axil_araddr), .s_axil_arvalid(s_axil_arvalid),
		.s_axil_arready(s_axil_arready), .s_axil_rdata(s_axil_rdata),
		.s_axil_rresp(s_axil_rresp), .s_axil_rvalid(s_axil_rvalid),
		.s_axil_rready(s_axil_rready), .irq(irq),
		.reset_request(reset_request), .reset_done(reset_done), .job_ready(job_ready),
		.job_start(job_start), .job_end(job_end), .job_fault(job_fault),
		.job_fault_offset(job_fault_offset), .job_fault_cmd(job_fault_cmd),
		.job_cycles(job_cycles), .bus_idle(bus_idle),
		.ar_slot(ar_slot), .ar_page(ar_page), .ar_size(ar_size), .ar_right(ar_right),
		.aw_slot(aw_slot), .aw_page(aw_page), .aw_size(aw_size), .aw_right(aw_right),
		.cmd_offset(cmd_offset), .cmd_count(cmd_count),
		.budget(budget), .tag(tag), .rec_enable(rec_enable), .rec_slot(rec_slot),
		.rec_offset(rec_offset), .scrub(want_scrub)
`ifdef FORMAL
		,
		.f_page(f_page), .f_size(f_size), .f_read(f_read), .f_write(f_write)
`endif
	);

	wire clear, hold, running, may_write, busy, abort, scrub, all_done, rec_start, store_idle;
	wire [19:0] scrub_addr;
	wire fault, fault_write;
	wire [7:0] fault_cause;
	wire [3:0] fault_slot;
	wire [2:0] fault_queue;
	wire [31:0] fault_offset, fault_cmd;

	mea_job #(.SCRUB_CYCLES(SCRUB_CYCLES)) job (
		.clk(clk), .rst(rst), .job_ready(job_ready), .job_start(job_start),
		.job_end(job_end), .reset_request(reset_request), .reset_done(reset_done),
		.want_scrub(want_scrub), .budget(budget), .want_record(rec_enable),
		.clear(clear), .hold(hold), .running(running), .may_write(may_write), .busy(busy),
		.abort(abort), .scrub(scrub),
		.scrub_addr(scrub_addr), .all_done(all_done), .bus_idle(bus_idle),
		.rec_start(rec_start),
		.fault(fault), .fault_cause(fault_cause), .fault_slot(fault_slot),
		.fault_write(fault_write), .fault_queue(fault_queue),
		.fault_offset(fault_offset), .fault_cmd(fault_cmd),
		.job_fault(job_fault), .job_fault_offset(job_fault_offset),
		.job_fault_cmd(job_fault_cmd), .job_cycles(job_cycles)
	);
	// Engines are held in reset while aborting; only the store engine goes on, to
	// finish a burst whose address is already on the bus.
	// (Held by a reset too, from the cycle after it on.)
	wire erst = hold;

	// --- command fetch and queues -------------------------------------------------
	wire f_req, f_ready, f_illegal, f_done, f_rvalid;
	wire [32:0] f_offset;
	wire [31:0] f_index, f_recv_index, cmd_index;
	// first: a queue shows its first command; empty: it has none
	wire [3:0] push, full, first, empty;
	localparam integer DW = DW_TAPS != 0 ? 1 : 0;
	wire [511:0] cmd;

	mea_fetch #(.BEAT(BEAT), .DW(DW)) fetch (
		.clk(clk), .rst(erst), .start(running), .cmd_offset(cmd_offset),
		.cmd_count(cmd_count), .req_valid(f_req), .req_offset(f_offset),
		.req_index(f_index), .req_ready(f_ready), .r_valid(f_rvalid),
		.r_data(m_axi_rdata), .recv_index(f_recv_index), .push(push), .cmd(cmd),
		.cmd_index(cmd_index),
		.full(full), .illegal(f_illegal), .done(f_done)
	);

	wire ld_pop, co_pop, st_pop;
	wire [255:0] ld_cmd, st_cmd;
	wire [511:0] co_cmd;
	wire [31:0] ld_index, co_index, st_index;
	/* verilator lint_off PINCONNECTEMPTY */
	mea_queue #(.WIDTH(32 + 256), .DEPTH(`MEA_QUEUE_DEPTH)) load_queue (
		.clk(clk), .rst(erst), .push(push[0]), .din({cmd_index, cmd[255:0]}), .pop(ld_pop),
		.valid(first[0]),
		.dout({ld_index, ld_cmd}), .empty(empty[0]), .full(full[0]), .level()
	);
	mea_queue #(.WIDTH(32 + 512), .DEPTH(`MEA_QUEUE_DEPTH)) compute_queue (
		.clk(clk), .rst(erst), .push(push[1]), .din({cmd_index, cmd}), .pop(co_pop),
		.valid(first[1]),
		.dout({co_index, co_cmd}), .empty(empty[1]), .full(full[1]), .level()
	);
	mea_queue #(.WIDTH(32 + 256), .DEPTH(`MEA_QUEUE_DEPTH)) store_queue (
		.clk(clk), .rst(erst), .push(push[2]), .din({cmd_index, cmd[255:0]}), .pop(st_pop),
		.valid(first[2]),
		.dout({st_index, st_cmd}), .empty(empty[2]), .full(full[2]), .level()
	);
	/* verilator lint_on PINCONNECTEMPTY */

	wire [2:0] ld_give, ld_take, ld_there, co_give, co_take, co_there, st_give, st_take, st_there;
	wire [2:0] dw_give, dw_take, dw_there;
	wire [3:0] overflow;
	reg  [3:0] overflowed;
	wire pending;
	reg  r_wrong, r_wrong_load;
	mea_tokens tokens (
		.clk(clk), .rst(erst),
		.ld_give(ld_give), .ld_take(ld_take), .ld_there(ld_there),
		.co_give(co_give), .co_take(co_take), .co_there(co_there),
		.st_give(st_give), .st_take(st_take), .st_there(st_there),
		.dw_give(dw_give), .dw_take(dw_take), .dw_there(dw_there), .overflow(overflow)
	);

	// --- engines -----------------------------------------------------------------
	wire l_req, l_ready, l_illegal, l_misaligned, load_idle, l_rready, l_rvalid;
	wire [3:0] l_slot;
	wire [32:0] l_offset;
	wire [8:0] l_beats;
	wire [31:0] l_index, ld_give_index;
	wire act_ld_wen, act_ld_ready, wgt_wen, stem_wen;
	wire [ACT_AW-1:0] act_ld_addr;
	wire [LANES*8-1:0] act_ld_data;
	wire [WGT_AW-1:0] wgt_waddr;
	wire [2*COLS*8-1:0] wgt_wdata;
	wire [STEM_AW-1:0] stem_waddr;
	wire [63:0] stem_wdata;
	wire table_wen;
	wire [TABLE_AW-1:0] table_waddr;
	wire [31:0] table_wdata;

	mea_load #(
		.BEAT(BEAT), .MAX_BURST(MAX_BURST), .LANES(LANES), .COLS(COLS), .ACT_AW(ACT_AW),
		.WGT_AW(WGT_AW), .STEM_AW(STEM_AW), .TABLES(TABLES), .TABLE_AW(TABLE_AW)
	) load (
		.clk(clk), .rst(erst), .head_valid(first[0]), .head(ld_cmd), .head_index(ld_index),
		.head_pop(ld_pop), .token_there(ld_there), .token_take(ld_take),
		.token_give(ld_give), .give_index(ld_give_index), .illegal(l_illegal),
		.misaligned(l_misaligned), .idle(load_idle), .req_valid(l_req), .req_slot(l_slot),
		.req_offset(l_offset), .req_beats(l_beats), .req_index(l_index),
		.req_ready(l_ready), .r_valid(l_rvalid), .r_data(m_axi_rdata), .r_ready(l_rready),
		.act_wen(act_ld_wen), .act_addr(act_ld_addr), .act_data(act_ld_data),
		.act_ready(act_ld_ready), .wgt_wen(wgt_wen), .wgt_addr(wgt_waddr),
		.wgt_data(wgt_wdata), .stem_wen(stem_wen), .stem_addr(stem_waddr),
		.stem_data(stem_wdata), .table_wen(table_wen), .table_addr(table_waddr),
		.table_data(table_wdata)
	);

	wire c_illegal, compute_idle, wgt_ren, in_ren, res_ren, out_wen, stem_ren;
	wire [31:0] co_give_index;
	wire [WGT_AW-1:0] wgt_raddr;
	wire [2*COLS*8-1:0] wgt_rdata;
	wire [ACT_AW-1:0] in_addr, res_addr, out_addr;
	wire [LANES*8-1:0] in_data, res_data;
	wire [LANES/COLS-1:0] out_sub;
	wire [COLS*8-1:0] out_data;
	wire [STEM_BAW-1:0] stem_base;
	wire [ROWS*STEM_BAW-1:0] stem_offset;
	wire [ROWS*8-1:0] stem_rdata;
	wire issue_mac, issue_pool, wait_weights, wait_gap, wait_bank, wait_dw, wait_slot, acc_update, requant;
	wire [2:0] wait_token;

	wire dw_valid, dw_ready, dw_par_wen, dw_out, dw_ren, dw_act_ready, dw_wgt_ren, dw_idle;
	wire dw_illegal, dw_mac;
	wire [COLS*20-1:0] dw_sum;
	wire [4:0] dw_level;
	wire [2:0] dw_par_index;
	wire [7:0] dw_mid_zero, dw_mid_lo, dw_mid_hi;
	wire dw_table_on;
	wire [2:0] dw_table_at;
	wire [ACT_AW-1:0] dw_addr, dw_out_addr;
	wire [LANES/COLS-1:0] dw_out_sub;
	wire [WGT_AW-1:0] dw_wgt_addr;
	wire [LANES*8-1:0] dw_data;
	wire [31:0] dw_index, dw_give_index;

	mea_compute #(
		.ROWS(ROWS), .COLS(COLS), .LANES(LANES), .PSUM_W(PSUM_W), .ACT_AW(ACT_AW),
		.ACT_BANK_AW(ACT_BANK_AW), .WGT_AW(WGT_AW), .ACC_DEPTH(ACC_DEPTH),
		.STEM_BAW(STEM_BAW), .DW(DW), .PACK(PACK),
		.LUTS(PACK == 0 ? JOIN_LUTS : 0), .TABLES(TABLES), .TABLE_AW(TABLE_AW),
		.PRODUCTS(PRODUCTS)
	) compute (
		.clk(clk), .rst(erst), .head_valid(first[1]), .head(co_cmd),
		.head_index(co_index), .head_pop(co_pop), .token_there(co_there),
		.token_take(co_take), .token_give(co_give), .give_index(co_give_index),
		.illegal(c_illegal), .idle(compute_idle), .wgt_ren(wgt_ren),
		.wgt_addr(wgt_raddr), .wgt_data(wgt_rdata), .in_ren(in_ren), .in_addr(in_addr),
		.in_data(in_data), .res_ren(res_ren), .res_addr(res_addr), .res_data(res_data),
		.out_wen(out_wen), .out_addr(out_addr), .out_sub(out_sub), .out_data(out_data),
		.stem_ren(stem_ren), .stem_base(stem_base), .stem_offset(stem_offset),
		.stem_data(stem_rdata), .dw_valid(dw_valid), .dw_sum(dw_sum), .dw_level(dw_level),
		.dw_ready(dw_ready), .dw_par_wen(dw_par_wen), .dw_par_index(dw_par_index),
		.dw_mid_zero(dw_mid_zero), .dw_mid_lo(dw_mid_lo), .dw_mid_hi(dw_mid_hi),
		.dw_table_on(dw_table_on), .dw_table_at(dw_table_at),
		.dw_out(dw_out), .dw_out_addr(dw_out_addr), .dw_out_sub(dw_out_sub),
		.table_wen(table_wen || scrub),
		.table_waddr(scrub ? scrub_addr[TABLE_AW-1:0] : table_waddr),
		.table_wdata(scrub ? 32'd0 : table_wdata),
		.scrub(scrub), .scrub_addr(scrub_addr[ACC_AW-1:0]),
		.issue_mac(issue_mac), .issue_pool(issue_pool), .wait_weights(wait_weights),
		.wait_gap(wait_gap), .wait_bank(wait_bank), .wait_dw(wait_dw), .wait_slot(wait_slot),
		.wait_token(wait_token), .acc_update(acc_update), .requant(requant)
	);

	generate
		if (DW != 0) begin : g_dw
			wire [511:0] dw_cmd;
			wire dw_pop;
			/* verilator lint_off PINCONNECTEMPTY */
			mea_queue #(.WIDTH(32 + 512), .DEPTH(`MEA_QUEUE_DEPTH)) depthwise_queue (
				.clk(clk), .rst(erst), .push(push[3]), .din({cmd_index, cmd}),
				.pop(dw_pop), .valid(first[3]), .dout({dw_index, dw_cmd}),
				.empty(empty[3]), .full(full[3]), .level()
			);
			/* verilator lint_on PINCONNECTEMPTY */
			mea_dw #(
				.COLS(COLS), .LANES(LANES), .TAPS(DW_TAPS), .LINE(DW_LINE),
				.LUTS(DW_LUTS),
				.ACT_AW(ACT_AW), .WGT_AW(WGT_AW), .TABLES(TABLES)
			) depthwise (
				.clk(clk), .rst(erst), .head_valid(first[3]), .head(dw_cmd),
				.head_index(dw_index), .head_pop(dw_pop), .token_there(dw_there),
				.token_take(dw_take), .token_give(dw_give),
				.give_index(dw_give_index), .illegal(dw_illegal), .idle(dw_idle),
				.wgt_ren(dw_wgt_ren), .wgt_addr(dw_wgt_addr), .wgt_ready(!wgt_ren),
				.wgt_data(wgt_rdata), .act_ren(dw_ren), .act_addr(dw_addr),
				.act_ready(dw_act_ready), .act_data(dw_data),
				.sum_valid(dw_valid), .sum(dw_sum), .sum_level(dw_level),
				.sum_ready(dw_ready),
				.par_wen(dw_par_wen), .par_index(dw_par_index),
				.mid_zero(dw_mid_zero), .mid_lo(dw_mid_lo), .mid_hi(dw_mid_hi),
				.table_on(dw_table_on), .table_at(dw_table_at),
				.out_next(dw_out), .out_addr(dw_out_addr), .out_sub(dw_out_sub),
				.busy_mac(dw_mac)
			);
		end else begin : g_no_dw
			wire unused = &{push[3], dw_there, dw_act_ready, dw_ready, dw_out, dw_data};
			assign full[3] = 1'b0;
			assign {first[3], empty[3]} = 2'b01;
			assign {dw_valid, dw_sum, dw_level, dw_par_wen, dw_par_index, dw_mid_zero, dw_mid_lo,
				dw_mid_hi, dw_table_on, dw_table_at, dw_ren, dw_addr, dw_wgt_ren, dw_wgt_addr, dw_out_addr,
				dw_out_sub, dw_illegal, dw_mac, dw_index, dw_give_index, dw_take,
				dw_give} = 0;
			assign dw_idle = 1'b1;
		end
	endgenerate

	wire s_req, s_ready, s_illegal, s_misaligned, snap, snap_final, wr_beat;
	wire [3:0] s_slot;
	wire [32:0] s_offset;
	wire [8:0] s_beats;
	wire [31:0] s_index;
	wire [15:0] snap_layer;
	wire [1023:0] record;
	wire st_ren, st_ready;
	wire [ACT_AW-1:0] st_addr;
	wire [LANES*8-1:0] st_data;

	mea_store #(.BEAT(BEAT), .MAX_BURST(MAX_BURST), .LANES(LANES), .ACT_AW(ACT_AW)) store (
		.clk(clk), .rst(rst || clear), .abort(abort), .head_valid(first[2] && running),
		.head(st_cmd), .head_index(st_index), .head_pop(st_pop), .token_there(st_there),
		.token_take(st_take), .token_give(st_give), .illegal(s_illegal),
		.misaligned(s_misaligned), .idle(store_idle), .rec_start(rec_start),
		.rec_slot(rec_slot), .rec_offset(rec_offset), .snap(snap),
		.snap_final(snap_final), .snap_layer(snap_layer), .record(record),
		.req_valid(s_req), .req_slot(s_slot), .req_offset(s_offset), .req_beats(s_beats),
		.req_index(s_index), .req_ready(s_ready), .act_ren(st_ren), .act_addr(st_addr),
		.act_ready(st_ready), .act_data(st_data), .w_valid(m_axi_wvalid),
		.w_data(m_axi_wdata), .w_strb(m_axi_wstrb), .w_last(m_axi_wlast),
		.w_ready(m_axi_wready), .b_valid(m_axi_bvalid), .beat_event(wr_beat)
	);
	assign m_axi_bready = 1'b1;

	assign all_done = f_done && overflowed == 4'd0 && !pending && !r_wrong && (&empty) && load_idle && compute_idle && store_idle &&
			  dw_idle;

	// --- memories -----------------------------------------------------------------
	mea_act_mem #(.LANES(LANES), .COLS(COLS), .WORDS(ACT_WORDS), .BANKS(ACT_BANKS)) act_mem (
		.clk(clk), .in_ren(in_ren), .in_addr(in_addr), .in_data(in_data),
		.res_ren(res_ren), .res_addr(res_addr), .res_data(res_data),
		.dw_ren(dw_ren), .dw_addr(dw_addr), .dw_ready(dw_act_ready), .dw_data(dw_data),
		.st_ren(st_ren), .st_addr(st_addr), .st_ready(st_ready), .st_data(st_data),
		.out_wen(out_wen), .out_addr(out_addr), .out_sub(out_sub), .out_data(out_data),
		.ld_wen(act_ld_wen), .ld_addr(act_ld_addr), .ld_data(act_ld_data),
		.ld_ready(act_ld_ready), .scrub(scrub), .scrub_addr(scrub_addr[ACT_AW-1:0])
	);
	mea_ram #(.WIDTH(2*COLS*8), .DEPTH(WGT_WORDS)) wgt_mem (
		.clk(clk), .wen(wgt_wen || scrub),
		.waddr(scrub ? scrub_addr[WGT_AW-1:0] : wgt_waddr),
		.wdata(scrub ? {2*COLS*8{1'b0}} : wgt_wdata),
		.ren(wgt_ren || dw_wgt_ren), .raddr(wgt_ren ? wgt_raddr : dw_wgt_addr),
		.rdata(wgt_rdata)
	);
	mea_stem #(.ROWS(ROWS), .WORDS(STEM_WORDS)) stem_mem (
		.clk(clk), .wen(stem_wen || scrub),
		.waddr(scrub ? scrub_addr[STEM_AW-1:0] : stem_waddr),
		.wdata(scrub ? 64'd0 : stem_wdata),
		.ren(stem_ren), .base(stem_base), .tap_offset(stem_offset), .data(stem_rdata)
	);

	// --- AXI master: reads ----------------------------------------------------------
	wire track_empty, track_there, track_full, track_load, ar_fault, ar_ready;
	wire [7:0] ar_cause, track_len;
	// Who asks is chosen in a cycle of its own and keeps the guard until it answers.
	reg  rd_asked, rd_fetch;
	wire rd_req = rd_asked && running;
	wire [3:0] rd_slot = rd_fetch ? 4'd0 : l_slot;
	assign ar_slot = rd_slot[SW-1:0];
	wire [32:0] rd_offset = rd_fetch ? f_offset : l_offset;
	wire [8:0] rd_beats = rd_fetch ? 9'd64 / BEAT[8:0] : l_beats;
	always @(posedge clk) begin
		rd_asked <= (rd_asked ? !ar_ready && !ar_fault : (f_req || l_req) && !track_full) &&
			    running && !rst;
		if (!rd_asked)
			rd_fetch <= f_req;
	end

	mea_guard #(.BEAT(BEAT), .AXI_AW(AXI_AW), .SLOTS(SLOTS), .WRITE(0)) read_guard (
		.clk(clk), .rst(rst), .slot_page(ar_page), .slot_size(ar_size),
		.slot_right(ar_right),
`ifdef FORMAL
		.f_pages(f_page), .f_sizes(f_size), .f_rights(f_read),
`endif
		.req_valid(rd_req), .req_slot(rd_slot),
		.req_offset(rd_offset), .req_beats(rd_beats), .req_ready(ar_ready),
		.req_fault(ar_fault), .req_cause(ar_cause), .ax_valid(m_axi_arvalid),
		.ax_addr(m_axi_araddr), .ax_len(m_axi_arlen), .ax_ready(m_axi_arready)
	);
	assign f_ready = ar_ready && rd_fetch;
	assign l_ready = ar_ready && !rd_fetch;
	assign m_axi_arsize  = BEAT_SIZE;
	assign m_axi_arburst = 2'b01;

	// Who asked for each burst that is under way; answers come in order.
	wire r_pop, r_beat;
	wire [8:0] rd_len = rd_beats - 9'd1;
	/* verilator lint_off PINCONNECTEMPTY */
	mea_queue #(.WIDTH(9), .DEPTH(16)) track (
		.clk(clk), .rst(rst), .push(ar_ready), .din({!rd_fetch, rd_len[7:0]}), .pop(r_pop),
		.valid(track_there), .dout({track_load, track_len}), .empty(track_empty), .full(track_full), .level()
	);
	/* verilator lint_on PINCONNECTEMPTY */
	reg [7:0] r_count;
	assign m_axi_rready = track_there && (!track_load || l_rready || !running);
	assign r_beat   = m_axi_rvalid && m_axi_rready;
	assign r_pop    = r_beat && r_count == track_len;
	assign f_rvalid = r_beat && !track_load && running;
	assign l_rvalid = m_axi_rvalid && track_there && track_load && running;
	always @(posedge clk)
		if (rst || r_pop)
			r_count <= 8'd0;
		else if (r_beat)
			r_count <= r_count + 8'd1;

	// --- AXI master: writes ---------------------------------------------------------
	wire aw_fault;
	wire [7:0] aw_cause;
	wire wr_req = s_req && may_write;
	assign aw_slot = s_slot[SW-1:0];
	mea_guard #(.BEAT(BEAT), .AXI_AW(AXI_AW), .SLOTS(SLOTS), .WRITE(1)) write_guard (
		.clk(clk), .rst(rst), .slot_page(aw_page), .slot_size(aw_size),
		.slot_right(aw_right),
`ifdef FORMAL
		.f_pages(f_page), .f_sizes(f_size), .f_rights(f_write),
`endif
		.req_valid(wr_req), .req_slot(s_slot),
		.req_offset(s_offset), .req_beats(s_beats), .req_ready(s_ready),
		.req_fault(aw_fault), .req_cause(aw_cause), .ax_valid(m_axi_awvalid),
		.ax_addr(m_axi_awaddr), .ax_len(m_axi_awlen), .ax_ready(m_axi_awready)
	);
	assign m_axi_awsize  = BEAT_SIZE;
	assign m_axi_awburst = 2'b01;
	assign bus_idle = track_empty && store_idle && !m_axi_arvalid && !m_axi_awvalid &&
			  !rd_req && !wr_req;

	// --- faults ---------------------------------------------------------------------
	// What hangs on the bus's answer in this cycle, an error or a token too many, becomes a
	// fault from here. The job does not end before.
	reg [31:0] l_gave, c_gave, s_gave, d_gave;
	always @(posedge clk) begin
		overflowed <= erst ? 4'd0 : overflow;
		r_wrong      <= r_beat && m_axi_rresp[1] && !erst;
		r_wrong_load <= track_load;
		{l_gave, c_gave, s_gave, d_gave} <= {ld_give_index, co_give_index, s_index, dw_give_index};
	end
	mea_fault faults (
		.clk(clk), .rst(erst), .pending(pending),
		.ar_fault(ar_fault), .ar_cause(ar_cause), .ar_load(!rd_fetch), .ar_slot(rd_slot),
		.ar_offset(rd_offset[31:0]), .ar_index(rd_fetch ? f_index : l_index),
		.aw_fault(aw_fault), .aw_cause(aw_cause), .aw_slot(s_slot),
		.aw_offset(s_offset[31:0]), .aw_index(s_index),
		.r_error(r_wrong), .r_load(r_wrong_load),
		.r_index(r_wrong_load ? l_gave : f_recv_index),
		.b_error(m_axi_bvalid && m_axi_bresp[1]),
		.f_illegal(f_illegal), .l_illegal(l_illegal), .c_illegal(c_illegal),
		.s_illegal(s_illegal), .d_illegal(dw_illegal), .l_misaligned(l_misaligned), .s_misaligned(s_misaligned),
		.f_index(cmd_index), .l_index(ld_index), .c_index(co_index), .s_index(st_index), .d_index(dw_index),
		.overflow(overflowed), .l_give_index(l_gave), .c_give_index(c_gave),
		.s_give_index(s_gave), .d_give_index(d_gave),
		.fault(fault), .cause(fault_cause), .slot(fault_slot), .is_write(fault_write),
		.queue(fault_queue), .offset(fault_offset), .cmd(fault_cmd)
	);

	// --- counters -------------------------------------------------------------------
	wire idle_run = running && !issue_mac && !issue_pool && !wait_weights && !wait_gap && !wait_bank && !wait_dw;
	wire to_token = idle_run && !wait_slot;
	wire nothing  = to_token && wait_token == 3'b000 && !co_pop;
	// Without a command of its own, compute waits for the depthwise unit as long as
	// that has one.
	wire only_dw  = nothing && !dw_idle;
	wire [10:0] class_now;
	assign class_now[`MEA_COUNT_MAC]      = running && issue_mac;
	assign class_now[`MEA_COUNT_POOL]     = running && issue_pool;
	assign class_now[`MEA_COUNT_WEIGHTS]  = running && wait_weights;
	assign class_now[`MEA_COUNT_PIPELINE] = (running && wait_gap) ||
						(idle_run && (wait_slot || co_pop));
	assign class_now[`MEA_COUNT_BANK]     = running && wait_bank;
	assign class_now[`MEA_COUNT_LOAD]     = to_token && !co_pop && wait_token[0];
	assign class_now[`MEA_COUNT_STORE]    = to_token && !co_pop && wait_token[1:0] == 2'b10;
	assign class_now[`MEA_COUNT_DEPTHWISE] = only_dw || (running && wait_dw) ||
					(to_token && !co_pop && wait_token == 3'b100);
	assign class_now[`MEA_COUNT_FETCH]    = nothing && !only_dw && !f_done;
	assign class_now[`MEA_COUNT_FINISH]   = (nothing && !only_dw && f_done) || (busy && !running && !scrub);
	assign class_now[`MEA_COUNT_SCRUB]    = scrub;

	mea_stats stats (
		.clk(clk), .clear(job_start), .class_now(class_now),
		.act_reads({dw_ren && dw_act_ready, in_ren, res_ren, st_ren && st_ready}),
		.act_writes({out_wen, act_ld_wen && act_ld_ready}), .wgt_read(wgt_ren || dw_wgt_ren), .dw_mac(dw_mac),
		.acc_update(acc_update), .requant(requant), .rd_beat(r_beat), .wr_beat(wr_beat),
		.rd_burst(ar_ready), .wr_burst(s_ready), .snap(snap), .snap_final(snap_final),
		.snap_layer(snap_layer), .tag(tag), .fault(job_fault),
		.fault_offset(job_fault_offset), .fault_cmd(job_fault_cmd), .cycles(job_cycles),
		.record(record)
	);
endmodule

`resetall
