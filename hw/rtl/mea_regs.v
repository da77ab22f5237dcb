// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the AXI4-Lite slave: identification, control, interrupt and the two
// job banks. A bank belongs to software while EMPTY and to the hardware from
// START to DONE; writes to a bank that is not EMPTY change nothing, so the slot
// table of a running job cannot move under it. Banks run in the order of START.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_regs #(
	parameter integer ROWS = 16,
	parameter integer COLS = 16,
	parameter integer BEAT = 8,
	parameter integer MAX_BURST = 16,
	parameter integer ACT_WORDS = 16384,
	parameter integer ACT_BANKS = 4,
	parameter integer WGT_WORDS = 4096,
	parameter integer ACC_DEPTH = 1024,
	parameter integer STEM_WORDS = 512,
	parameter integer LATENCY = 29,
	parameter integer DW_TAPS = 3,
	parameter integer DW_LINE = 128,
	parameter integer TABLES = 8,
	parameter integer PRODUCTS = 1,
	parameter integer CLOCK_KHZ = 0,
	parameter integer SLOTS = `MEA_SLOTS
) (
	input  wire              clk,
	input  wire              rst,

	input  wire [11:0]       s_axil_awaddr,
	input  wire              s_axil_awvalid,
	output wire              s_axil_awready,
	input  wire [31:0]       s_axil_wdata,
	input  wire [3:0]        s_axil_wstrb,
	input  wire              s_axil_wvalid,
	output wire              s_axil_wready,
	output wire [1:0]        s_axil_bresp,
	output reg               s_axil_bvalid,
	input  wire              s_axil_bready,
	input  wire [11:0]       s_axil_araddr,
	input  wire              s_axil_arvalid,
	output wire              s_axil_arready,
	output reg  [31:0]       s_axil_rdata,
	output wire [1:0]        s_axil_rresp,
	output reg               s_axil_rvalid,
	input  wire              s_axil_rready,

	output wire              irq,

	// to the job sequencer
	output reg               reset_request,
	input  wire              reset_done,
	output wire              job_ready,
	input  wire              job_start,
	input  wire              job_end,
	input  wire [31:0]       job_fault,
	input  wire [31:0]       job_fault_offset,
	input  wire [31:0]       job_fault_cmd,
	input  wire [31:0]       job_cycles,
	input  wire              bus_idle,

	// the bank of the job that runs, or would run next
	input  wire [$clog2(SLOTS)-1:0] ar_slot,
	output wire [51:0]       ar_page,
	output wire [26:0]       ar_size,
	output wire              ar_right,
	input  wire [$clog2(SLOTS)-1:0] aw_slot,
	output wire [51:0]       aw_page,
	output wire [26:0]       aw_size,
	output wire              aw_right,
	output wire [31:0]       cmd_offset,
	output wire [31:0]       cmd_count,
	output wire [31:0]       budget,
	output wire [31:0]       tag,
	output wire              rec_enable,
	output wire [3:0]        rec_slot,
	output wire [31:0]       rec_offset,
	output wire              scrub
`ifdef FORMAL
	,
	// all of its table
	output wire [SLOTS*52-1:0] f_page,
	output wire [SLOTS*27-1:0] f_size,
	output wire [SLOTS-1:0]  f_read,
	output wire [SLOTS-1:0]  f_write
`endif
);
	// (mea_params lets no value pass that its field could not hold.)
	localparam [31:0] CONFIG0 = MAX_BURST << 24 | BEAT << 16 | COLS << 8 | ROWS;
	localparam [31:0] CONFIG3 = STEM_WORDS << 16 | ACC_DEPTH;
	localparam [31:0] CONFIG5 = PRODUCTS << 8 | TABLES;
	localparam [31:0] CONFIG4 = DW_LINE << 20 | DW_TAPS << 16 | ACT_BANKS << 8 | LATENCY;

	// --- AXI4-Lite: one transfer of each kind at a time -----------------------
	// What the bus says is taken into registers. A write is done in the cycle after that
	// and answered in the next; a read has a cycle to look into the banks (rd), and one
	// to choose (rd_choose).
	reg        wr, wr_all, rd, rd_choose;
	reg [11:0] wa, ra;
	reg [31:0] wd;
	wire wr_take = s_axil_awvalid && s_axil_wvalid && s_axil_awready;
	wire rd_take = s_axil_arvalid && s_axil_arready;
	always @(posedge clk) begin
		wr        <= wr_take && !rst;
		// Registers are written whole; a partial write is ignored.
		wr_all    <= wr_take && s_axil_wstrb == 4'hf && !rst;
		rd        <= rd_take && !rst;
		rd_choose <= rd && !rst;
		if (wr_take) begin
			wa <= {s_axil_awaddr[11:2], 2'b00};
			wd <= s_axil_wdata;
		end
		if (rd_take)
			ra <= {s_axil_araddr[11:2], 2'b00};
	end

	assign s_axil_awready = s_axil_awvalid && s_axil_wvalid && !wr && !s_axil_bvalid;
	assign s_axil_wready  = s_axil_awready;
	assign s_axil_bresp   = 2'b00;
	assign s_axil_arready = !rd && !rd_choose && !s_axil_rvalid;
	assign s_axil_rresp   = 2'b00;

	// --- job banks ----------------------------------------------------------------
	reg  [1:0] state0, state1, irq_status, irq_enable;
	reg        run;         // bank that runs, or runs next
	wire [1:0] state_run = run ? state1 : state0;
	wire       wr_bank0 = wr_all && wa[11:8] == 4'd1;
	wire       wr_bank1 = wr_all && wa[11:8] == 4'd2;
	wire [7:0] wb = wa[7:0];

	wire go0 = wr_bank0 && wb == `MEA_BANK_START && wd[0] && state0 == `MEA_STATE_EMPTY;
	wire go1 = wr_bank1 && wb == `MEA_BANK_START && wd[0] && state1 == `MEA_STATE_EMPTY;
	wire ack0 = wr_bank0 && wb == `MEA_BANK_ACK && state0 == `MEA_STATE_DONE;
	wire ack1 = wr_bank1 && wb == `MEA_BANK_ACK && state1 == `MEA_STATE_DONE;

	assign job_ready = state_run == `MEA_STATE_READY;
	assign irq = (irq_status & irq_enable) != 2'b00;

	wire [31:0] read0, read1, read_slot;
	localparam integer FW = 1 + 5*32 + 5;
	wire [FW-1:0] other0, other1;

	wire wen0 = wr_bank0 && state0 == `MEA_STATE_EMPTY;
	wire wen1 = wr_bank1 && state1 == `MEA_STATE_EMPTY;
	localparam [31:0] SLOT_END = SLOTS;
	localparam integer SW = $clog2(SLOTS);
	mea_slots #(.SLOTS(SLOTS)) slots (
		.clk(clk), .rst(rst),
		.wen((wen0 || wen1) && {28'd0, wb[7:4]} < SLOT_END), .wbank(wr_bank1),
		.wslot(wb[4 +: SW]), .wreg(wb[3:0]), .wdata(wd),
		.rbank(ra[9]), .rslot(ra[4 +: SW]), .rreg(ra[3:0]), .rdata(read_slot),
		.run(run), .ar_slot(ar_slot), .ar_page(ar_page), .ar_size(ar_size),
		.ar_right(ar_right), .aw_slot(aw_slot), .aw_page(aw_page), .aw_size(aw_size),
		.aw_right(aw_right)
`ifdef FORMAL
		,
		.f_page({page1, page0}), .f_size({size1, size0}), .f_read({r1, r0}),
		.f_write({w1, w0})
`endif
	);
`ifdef FORMAL
	wire [SLOTS*52-1:0] page0, page1;
	wire [SLOTS*27-1:0] size0, size1;
	wire [SLOTS-1:0] r0, r1, w0, w1;
	assign f_page  = run ? page1 : page0;
	assign f_size  = run ? size1 : size0;
	assign f_read  = run ? r1 : r0;
	assign f_write = run ? w1 : w0;
`endif

	mea_bank bank0 (
		.clk(clk), .wen(wen0), .waddr(wb),
		.wdata(wd), .raddr(ra[7:0]), .rdata(read0), .state(state0),
		.save(job_end && !run), .fault(job_fault), .fault_offset(job_fault_offset),
		.fault_cmd(job_fault_cmd), .cycles(job_cycles),
		.scrub(other0[FW-1]), .cmd_offset(other0[FW-2 -: 32]),
		.cmd_count(other0[FW-34 -: 32]), .budget(other0[FW-66 -: 32]),
		.rec_enable(other0[FW-98]), .rec_slot(other0[FW-99 -: 4]),
		.rec_offset(other0[63:32]), .tag(other0[31:0])
	);
	mea_bank bank1 (
		.clk(clk), .wen(wen1), .waddr(wb),
		.wdata(wd), .raddr(ra[7:0]), .rdata(read1), .state(state1),
		.save(job_end && run), .fault(job_fault), .fault_offset(job_fault_offset),
		.fault_cmd(job_fault_cmd), .cycles(job_cycles),
		.scrub(other1[FW-1]), .cmd_offset(other1[FW-2 -: 32]),
		.cmd_count(other1[FW-34 -: 32]), .budget(other1[FW-66 -: 32]),
		.rec_enable(other1[FW-98]), .rec_slot(other1[FW-99 -: 4]),
		.rec_offset(other1[63:32]), .tag(other1[31:0])
	);
	assign {scrub, cmd_offset, cmd_count, budget, rec_enable, rec_slot, rec_offset, tag} =
		run ? other1 : other0;

	always @(posedge clk) begin
		if (go0)
			state0 <= `MEA_STATE_READY;
		if (go1)
			state1 <= `MEA_STATE_READY;
		// Order of START: the first of two waiting banks is next.
		if (go0 && state1 != `MEA_STATE_READY && state1 != `MEA_STATE_RUNNING)
			run <= 1'b0;
		if (go1 && state0 != `MEA_STATE_READY && state0 != `MEA_STATE_RUNNING)
			run <= 1'b1;
		if (job_start && !run)
			state0 <= `MEA_STATE_RUNNING;
		if (job_start && run)
			state1 <= `MEA_STATE_RUNNING;
		if (ack0)
			state0 <= `MEA_STATE_EMPTY;
		if (ack1)
			state1 <= `MEA_STATE_EMPTY;
		if (wr_all && wa == `MEA_REG_IRQ_STATUS)
			irq_status <= irq_status & ~wd[1:0];
		if (wr_all && wa == `MEA_REG_IRQ_ENABLE)
			irq_enable <= wd[1:0];
		if (job_end) begin
			if (run)
				state1 <= `MEA_STATE_DONE;
			else
				state0 <= `MEA_STATE_DONE;
			// A job that a reset stops ends in silence.
			// (Not irq_status[run]: Yosys 0.23 cannot read that beside the reset.)
			if (run && !reset_request)
				irq_status[1] <= 1'b1;
			else if (!reset_request)
				irq_status[0] <= 1'b1;
			run <= !run;
		end
		if (wr_all && wa == `MEA_REG_CONTROL && wd[0])
			reset_request <= 1'b1;
		if (reset_done) begin
			reset_request <= 1'b0;
			state0 <= `MEA_STATE_EMPTY;
			state1 <= `MEA_STATE_EMPTY;
			irq_status <= 2'b00;
		end
		if (rst) begin
			{state0, state1, irq_status, irq_enable} <= 8'd0;
			run <= 1'b0;
			reset_request <= 1'b0;
		end
	end

	// --- reads --------------------------------------------------------------------
	reg [31:0] value, slot_word;
	always @(posedge clk)
		slot_word <= read_slot;
	wire of_slot = {28'd0, ra[7:4]} < SLOT_END;
	always @* begin
		case (ra)
		`MEA_REG_ID:         value = `MEA_ID_VALUE;
		`MEA_REG_VERSION:    value = `MEA_VERSION_VALUE;
		`MEA_REG_CONFIG0:    value = CONFIG0;
		`MEA_REG_CONFIG1:    value = ACT_WORDS;
		`MEA_REG_CONFIG2:    value = WGT_WORDS;
		`MEA_REG_CONFIG3:    value = CONFIG3;
		`MEA_REG_CONFIG4:    value = CONFIG4;
		`MEA_REG_CONFIG5:    value = CONFIG5;
		`MEA_REG_CLOCK_KHZ:  value = CLOCK_KHZ;
		`MEA_REG_STATUS:     value = {20'd0, state1, state0, 5'd0, reset_request, bus_idle,
					      state_run == `MEA_STATE_RUNNING};
		`MEA_REG_IRQ_STATUS: value = {30'd0, irq_status};
		`MEA_REG_IRQ_ENABLE: value = {30'd0, irq_enable};
		default:             value = ra[11:8] != 4'd1 && ra[11:8] != 4'd2 ? 32'd0 :
					     of_slot ? slot_word : ra[9] ? read1 : read0;
		endcase
	end

	always @(posedge clk) begin
		if (wr)
			s_axil_bvalid <= 1'b1;
		else if (s_axil_bready)
			s_axil_bvalid <= 1'b0;
		if (rd_choose) begin
			s_axil_rvalid <= 1'b1;
			s_axil_rdata  <= value;
		end else if (s_axil_rready) begin
			s_axil_rvalid <= 1'b0;
		end
		if (rst) begin
			s_axil_bvalid <= 1'b0;
			s_axil_rvalid <= 1'b0;
		end
	end

`ifdef FORMAL
	reg f_past;
	initial f_past = 1'b0;
	always @(posedge clk)
		f_past <= 1'b1;
	reg f_ok; // the last cycle was no reset
	always @(posedge clk)
		f_ok <= !rst;
	initial f_ok = 1'b0;
`ifndef MEA_FORMAL_TOP
	always @(posedge clk)
		if (!f_past)
			assume (rst);
`endif
	// What the job sequencer may do.
	always @(posedge clk) begin
		`MEA_ENV (!job_start || job_ready || rst);
		`MEA_ENV (!job_end || state_run == `MEA_STATE_RUNNING || rst);
		`MEA_ENV (!reset_done || rst ||
			  (reset_request && state_run != `MEA_STATE_RUNNING));
		`MEA_ENV (!(job_start && (job_end || reset_done)) && !(job_end && reset_done));
	end

	always @(posedge clk) begin
		// A bank that is not EMPTY keeps all that software wrote.
		if (f_ok && $past(state0) != `MEA_STATE_EMPTY) begin
			assert ($stable(page0) && $stable(size0) && $stable(r0) && $stable(w0));
			assert ($stable(other0));
			assert (state0 == $past(state0) || (state0 == $past(state0) + 2'd1) ||
				($past(reset_done) && state0 == `MEA_STATE_EMPTY));
		end
		if (f_ok && $past(state1) != `MEA_STATE_EMPTY) begin
			assert ($stable(page1) && $stable(size1) && $stable(r1) && $stable(w1));
			assert ($stable(other1));
			assert (state1 == $past(state1) || (state1 == $past(state1) + 2'd1) ||
				($past(reset_done) && state1 == `MEA_STATE_EMPTY));
		end
		// ... and one that is EMPTY only starts.
		if (f_ok && $past(state0) == `MEA_STATE_EMPTY)
			assert (state0 <= `MEA_STATE_READY);
		if (f_ok && $past(state1) == `MEA_STATE_EMPTY)
			assert (state1 <= `MEA_STATE_READY);
		if (f_past && $past(rst))
			assert ({state0, state1, r0, w0, r1, w1} == 0);
	end

	// Who started first, for two that wait.
	reg f_first;
	always @(posedge clk)
		if ((go0 && state1 != `MEA_STATE_READY) || (go1 && state0 != `MEA_STATE_READY))
			f_first <= go1;
		else if (job_start)
			f_first <= !run;
	always @(posedge clk)
		if (f_past) begin
			assert (state0 != `MEA_STATE_RUNNING || !run);
			assert (state1 != `MEA_STATE_RUNNING || run);
			// A bank that waits is next, so no START is forgotten.
			if (state0 == `MEA_STATE_READY && state1 != `MEA_STATE_READY &&
			    state1 != `MEA_STATE_RUNNING)
				assert (!run);
			if (state1 == `MEA_STATE_READY && state0 != `MEA_STATE_READY &&
			    state0 != `MEA_STATE_RUNNING)
				assert (run);
			if (state0 == `MEA_STATE_READY && state1 != `MEA_STATE_READY)
				assert (!f_first);
			if (state1 == `MEA_STATE_READY && state0 != `MEA_STATE_READY)
				assert (f_first);
			if (state0 == `MEA_STATE_READY && state1 == `MEA_STATE_READY)
				assert (run == f_first);
		end

	// AXI4-Lite answers stay until taken.
	always @(posedge clk) begin
		// One transfer of each kind at a time.
		if (f_past) begin
			assert ({1'b0, rd} + {1'b0, rd_choose} + {1'b0, s_axil_rvalid} <= 2'd1);
			assert (!(wr && s_axil_bvalid) && (wr || !wr_all));
		end
		if (f_ok && $past(s_axil_bvalid) && !$past(s_axil_bready))
			assert (s_axil_bvalid);
		if (f_ok && $past(s_axil_rvalid) && !$past(s_axil_rready))
			assert (s_axil_rvalid && $stable(s_axil_rdata));
		if (f_ok && $past(job_end) && !$past(reset_request))
			assert (irq_status[$past(run)]);
		if (f_ok && $past(job_end))
			assert (state_run != `MEA_STATE_RUNNING);
		// Only the end of a job raises an interrupt, never a reset.
		if (f_ok && (irq_status & ~$past(irq_status)) != 0)
			assert ($past(job_end) && !$past(reset_request));
		if (f_ok && $past(reset_done))
			assert (irq_status == 2'b00);
	end
`endif
endmodule

`resetall
