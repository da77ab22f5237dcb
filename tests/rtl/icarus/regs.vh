// SPDX-License-Identifier: Apache-2.0
//
// What the benches of the registers share: mea_regs, a bus master that also checks the
// handshake, what the two banks should hold, and the job sequencer's part.
	localparam SLOTS = `MEA_SLOTS;
	reg [11:0] awaddr, araddr;
	reg awvalid, wvalid, bready, arvalid, rready;
	reg [31:0] wdata;
	reg [3:0] wstrb;
	wire awready, wready, bvalid, arready, rvalid, irq;
	wire [1:0] bresp, rresp;
	wire [31:0] rdata;
	wire reset_request, job_ready, rec_enable, scrub;
	reg reset_done, job_start, job_end, bus_idle;
	reg [31:0] fault, fault_offset, fault_cmd, cycles;
	reg [2:0] ar_slot, aw_slot;
	wire [51:0] ar_page, aw_page;
	wire [26:0] ar_size, aw_size;
	wire ar_right, aw_right;
	wire [31:0] cmd_offset, cmd_count, budget, tag, rec_offset;
	wire [3:0] rec_slot;

	mea_regs #(
		.ROWS(8), .COLS(16), .BEAT(16), .MAX_BURST(32), .ACT_WORDS(4096), .ACT_BANKS(2),
		.WGT_WORDS(2048), .ACC_DEPTH(512), .STEM_WORDS(256), .LATENCY(21), .DW_TAPS(9), .DW_LINE(64),
		.TABLES(4), .CLOCK_KHZ(150000)
	) dut (
		.clk(clk), .rst(rst), .s_axil_awaddr(awaddr), .s_axil_awvalid(awvalid),
		.s_axil_awready(awready), .s_axil_wdata(wdata), .s_axil_wstrb(wstrb),
		.s_axil_wvalid(wvalid), .s_axil_wready(wready), .s_axil_bresp(bresp),
		.s_axil_bvalid(bvalid), .s_axil_bready(bready), .s_axil_araddr(araddr),
		.s_axil_arvalid(arvalid), .s_axil_arready(arready), .s_axil_rdata(rdata),
		.s_axil_rresp(rresp), .s_axil_rvalid(rvalid), .s_axil_rready(rready), .irq(irq),
		.reset_request(reset_request), .reset_done(reset_done), .job_ready(job_ready),
		.job_start(job_start), .job_end(job_end), .job_fault(fault),
		.job_fault_offset(fault_offset), .job_fault_cmd(fault_cmd), .job_cycles(cycles),
		.bus_idle(bus_idle), .ar_slot(ar_slot), .ar_page(ar_page), .ar_size(ar_size),
		.ar_right(ar_right), .aw_slot(aw_slot), .aw_page(aw_page), .aw_size(aw_size),
		.aw_right(aw_right), .cmd_offset(cmd_offset),
		.cmd_count(cmd_count), .budget(budget), .tag(tag), .rec_enable(rec_enable),
		.rec_slot(rec_slot), .rec_offset(rec_offset), .scrub(scrub)
	);

	// What the registers of the two banks hold, 64 words each.
	reg [31:0] got, model [0:127];
	reg irq_rose;
	integer i, b, s;
	always @(posedge irq)
		irq_rose = 1'b1;

	// --- the bus -------------------------------------------------------------------
	task write_bytes(input [11:0] a, input [31:0] v, input [3:0] strobes);
		begin
			awaddr = a;
			wdata = v;
			wstrb = strobes;
			awvalid = 1'b1;
			wvalid = 1'b1;
			bready = 1'b1;
			settle;
			want(awready === 1'b1 && wready === 1'b1, "a write is taken at once");
			tick;
			awvalid = 1'b0;
			wvalid = 1'b0;
			awaddr = 12'hxxx;
			wdata = 32'hxxxxxxxx;
			want(bvalid === 1'b0, "not before it is done");
			tick;
			want(bvalid === 1'b1 && bresp === 2'b00, "and answered a cycle later");
			tick;
			want(bvalid === 1'b0, "once");
		end
	endtask

	task write(input [11:0] a, input [31:0] v);
		write_bytes(a, v, 4'hf);
	endtask

	task read(input [11:0] a);
		begin
			araddr = a;
			arvalid = 1'b1;
			rready = 1'b1;
			settle;
			want(arready === 1'b1, "a read is taken at once");
			tick;
			arvalid = 1'b0;
			araddr = 12'hxxx;
			want(rvalid === 1'b0, "not before it is read");
			tick;
			tick;
			want(rvalid === 1'b1 && rresp === 2'b00, "and answered two cycles later");
			got = rdata;
			tick;
			want(rvalid === 1'b0, "once");
		end
	endtask

	task reads(input [11:0] a, input [31:0] v, input [100*8-1:0] what);
		begin
			read(a);
			want(got === v, what);
		end
	endtask

	function [11:0] reg_of(input integer bank, input [7:0] r);
		reg_of = `MEA_JOB_BANK0 + bank * `MEA_JOB_BANK_STRIDE + r;
	endfunction

	task state_is(input integer bank, input [1:0] state);
		begin
			reads(reg_of(bank, `MEA_BANK_STATE), state, "the bank's state");
			read(`MEA_REG_STATUS);
			want((bank ? got[`MEA_STATUS_BANK1] : got[`MEA_STATUS_BANK0]) === state,
			     "the state in STATUS");
		end
	endtask

	// --- the bits of a bank ----------------------------------------------------------
	// Which bits of the register at r can be written; 0: none, or no register.
	function [31:0] bits(input [7:0] r);
		if (r < 8'h80)
			case (r[3:0])
			4'h0: bits = 32'hffff_f000;
			4'h4: bits = 32'hffff_ffff;
			4'h8: bits = 32'h07ff_ffff;
			default: bits = 32'd3;
			endcase
		else
			case (r)
			`MEA_BANK_CMD_OFFSET: bits = 32'hffff_ffc0;
			`MEA_BANK_CMD_COUNT, `MEA_BANK_BUDGET, `MEA_BANK_TAG: bits = 32'hffff_ffff;
			`MEA_BANK_RECORD: bits = 32'h8000_000f;
			`MEA_BANK_RECORD_OFFSET: bits = 32'hffff_ff80;
			default: bits = 32'd0;
			endcase
	endfunction

	function readable(input [11:0] a);
		if (a < `MEA_JOB_BANK0)
			readable = a <= `MEA_REG_CONFIG5 && a != `MEA_REG_CONTROL;
		else
			readable = a[11:8] <= 2 && a[7:0] <= `MEA_BANK_CYCLES && a[7:0] != `MEA_BANK_ACK &&
				   a[7:0] != `MEA_BANK_START;
	endfunction

	// Writes random values to all of a bank's registers; keep: they are what it holds.
	task fill(input integer bank, input keep);
		reg [31:0] v;
		for (i = 0; i < 38; i = i + 1) begin
			v = $random(seed);
			if (bits(4 * i) == 32'h07ff_ffff)
				v = v & 32'h03ff_ffff;
			write(reg_of(bank, 4 * i), v);
			if (keep)
				model[64*bank + i] = v & bits(4 * i);
		end
	endtask

	task compare(input integer bank);
		for (i = 0; i < 38; i = i + 1)
			if (bits(4 * i) != 0)
				reads(reg_of(bank, 4 * i), model[64*bank + i], "a bank's register");
	endtask

	function [51:0] page_of(input integer bank, input integer slot);
		page_of = {model[64*bank + 4*slot + 1], model[64*bank + 4*slot][31:12]};
	endfunction

	// What the engines are shown is the bank's.
	task shown(input integer bank);
		begin
			settle;
			for (s = 0; s < SLOTS; s = s + 1) begin
				ar_slot = s;
				aw_slot = SLOTS - 1 - s;
				#0;
				want(ar_page === page_of(bank, s) && aw_page === page_of(bank, SLOTS - 1 - s),
				     "page");
				want(ar_size === model[64*bank + 4*s + 2][26:0] &&
				     aw_size === model[64*bank + 4*(SLOTS - 1 - s) + 2][26:0], "size");
				want(ar_right === model[64*bank + 4*s + 3][0], "read");
				want(aw_right === model[64*bank + 4*(SLOTS - 1 - s) + 3][1], "write");
			end
			want(cmd_offset === model[64*bank + 32], "cmd_offset");
			want(cmd_count === model[64*bank + 33], "cmd_count");
			want(budget === model[64*bank + 34], "budget");
			want({rec_enable, 27'd0, rec_slot} === model[64*bank + 35], "record");
			want(rec_offset === model[64*bank + 36], "rec_offset");
			want(tag === model[64*bank + 37], "tag");
		end
	endtask

	// --- the job sequencer -------------------------------------------------------------
	task start;
		begin
			settle;
			want(job_ready === 1'b1, "a job is ready");
			job_start = 1'b1;
			tick;
			job_start = 1'b0;
		end
	endtask

	task finish;
		begin
			fault = $random(seed) & 32'h0003_1fff;
			fault_offset = $random(seed);
			fault_cmd = $random(seed);
			cycles = $random(seed);
			job_end = 1'b1;
			tick;
			job_end = 1'b0;
		end
	endtask

	task go(input integer bank);
		write(reg_of(bank, `MEA_BANK_START), 32'd1);
	endtask

	task ack(input integer bank);
		write(reg_of(bank, `MEA_BANK_ACK), 32'd1);
	endtask

	// Everything as it is after power-on, then a reset.
	task power_on;
		begin
			{awvalid, wvalid, bready, arvalid, rready} = 5'd0;
			{awaddr, araddr, wdata, wstrb} = {60{1'bx}};
			{reset_done, job_start, job_end, bus_idle} = 4'b0001;
			{fault, fault_offset, fault_cmd, cycles} = {128{1'bx}};
			reset;
		end
	endtask
