// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the promise of the accelerator's bus master, stated on its ports and the
// registers alone: every address on AR or AW lies, with its whole burst, inside an
// open slot of the bank that is RUNNING, with the right for that direction.
//
// The registers, the job sequencer, the guards and the read tracker are real. The
// engines are cut out by prove.sh, so they may ask for anything at any time; the
// proof knows nothing of commands. Wires named f_* are tied to registers inside the
// design by formal_bus.ys.
`resetall
`default_nettype none
`include "mea_isa.vh"

module formal_bus #(
	parameter integer AXI_DW = 64,
	parameter integer AXI_AW = 40,
	// 1: the store engine is real too
	parameter integer STORE = 0
) (
	input wire clk,
	input wire rst,
	input wire [11:0] awaddr, araddr,
	input wire awvalid, wvalid, bready, arvalid, rready,
	input wire [31:0] wdata,
	input wire [3:0] wstrb,
	input wire m_arready, m_rvalid, m_awready, m_wready, m_bvalid,
	input wire [AXI_DW-1:0] m_rdata,
	input wire [1:0] m_rresp, m_bresp
);
	localparam integer SLOTS = `MEA_SLOTS;
	localparam integer BEAT = AXI_DW / 8;
	// as in mea_job
	localparam [3:0] IDLE = 4'b0100, ABORT = 4'b0101, RUN = 4'b1000, RECORDING = 4'b0010;

	wire ar, aw, w, w_last;
	wire [AXI_AW-1:0] ar_addr, aw_addr;
	wire [7:0] ar_len, aw_len;
	wire [2:0] ar_size, aw_size;
	wire [1:0] ar_burst, aw_burst;
	wire [AXI_DW-1:0] w_data;
	wire [BEAT-1:0] w_strb;
	wire b_ready;

	mea_accel #(.ROWS(4), .COLS(4), .AXI_DW(AXI_DW), .AXI_AW(AXI_AW)) dut (
		.clk(clk), .rst(rst), .irq(),
		.s_axil_awaddr(awaddr), .s_axil_awvalid(awvalid), .s_axil_awready(),
		.s_axil_wdata(wdata), .s_axil_wstrb(wstrb), .s_axil_wvalid(wvalid),
		.s_axil_wready(), .s_axil_bresp(), .s_axil_bvalid(), .s_axil_bready(bready),
		.s_axil_araddr(araddr), .s_axil_arvalid(arvalid), .s_axil_arready(),
		.s_axil_rdata(), .s_axil_rresp(), .s_axil_rvalid(), .s_axil_rready(rready),
		.m_axi_araddr(ar_addr), .m_axi_arlen(ar_len), .m_axi_arsize(ar_size),
		.m_axi_arburst(ar_burst), .m_axi_arvalid(ar), .m_axi_arready(m_arready),
		.m_axi_rdata(m_rdata), .m_axi_rresp(m_rresp), .m_axi_rvalid(m_rvalid),
		.m_axi_rready(), .m_axi_awaddr(aw_addr), .m_axi_awlen(aw_len),
		.m_axi_awsize(aw_size), .m_axi_awburst(aw_burst), .m_axi_awvalid(aw),
		.m_axi_awready(m_awready), .m_axi_wdata(w_data), .m_axi_wstrb(w_strb),
		.m_axi_wlast(w_last), .m_axi_wvalid(w), .m_axi_wready(m_wready),
		.m_axi_bresp(m_bresp), .m_axi_bvalid(m_bvalid), .m_axi_bready(b_ready)
	);

	// Tied by formal_bus.ys.
	(* keep *) wire [1:0] f_state0, f_state1;
	(* keep *) wire [SLOTS*52-1:0] f_page0, f_page1;
	(* keep *) wire [SLOTS*27-1:0] f_size0, f_size1;
	(* keep *) wire [SLOTS-1:0] f_read0, f_read1, f_write0, f_write1;
	(* keep *) wire [3:0] f_job;
	(* keep *) wire f_run, f_track_empty, f_store_idle;

	// One reset, at power-on: a later one starts from a state that the first covers.
	reg f_past;
	initial f_past = 1'b0;
	always @(posedge clk) begin
		f_past <= 1'b1;
		assume (rst == !f_past);
	end

	// Does slot s of a bank hold the burst? In more bits than any sum needs.
	wire [79:0] r_from = {{(80-AXI_AW){1'b0}}, ar_addr};
	wire [79:0] r_to   = r_from + ({72'd0, ar_len} + 80'd1) * BEAT;
	wire [79:0] w_from = {{(80-AXI_AW){1'b0}}, aw_addr};
	wire [79:0] w_to   = w_from + ({72'd0, aw_len} + 80'd1) * BEAT;
	wire [2*SLOTS-1:0] r_in, w_in;
	genvar g;
	generate
		for (g = 0; g < SLOTS; g = g + 1) begin : g_slot
			wire [79:0] lo0 = {16'd0, f_page0[g*52 +: 52], 12'd0};
			wire [79:0] lo1 = {16'd0, f_page1[g*52 +: 52], 12'd0};
			wire [79:0] hi0 = lo0 + {47'd0, f_size0[g*27 +: 27], 6'd0};
			wire [79:0] hi1 = lo1 + {47'd0, f_size1[g*27 +: 27], 6'd0};
			wire run0 = f_state0 == `MEA_STATE_RUNNING;
			wire run1 = f_state1 == `MEA_STATE_RUNNING;

			assign r_in[g] = run0 && f_read0[g] && r_from >= lo0 && r_to <= hi0;
			assign r_in[SLOTS+g] = run1 && f_read1[g] && r_from >= lo1 && r_to <= hi1;
			assign w_in[g] = run0 && f_write0[g] && w_from >= lo0 && w_to <= hi0;
			assign w_in[SLOTS+g] = run1 && f_write1[g] && w_from >= lo1 && w_to <= hi1;
		end
	endgenerate

	wire [1:0] state_run   = f_run ? f_state1 : f_state0;
	wire [1:0] state_other = f_run ? f_state0 : f_state1;
	always @(posedge clk)
		if (f_past) begin
`ifdef MEA_HOLDS
			// The promise. What each guard holds is given here, proved in the
			// guard-* tasks from what the bus-* tasks prove.
			assert (!ar || r_in != 0);
			assert (!aw || w_in != 0);
			assert (!ar || r_from[79:12] == ((r_to - 80'd1) >> 12));
			assert (!aw || w_from[79:12] == ((w_to - 80'd1) >> 12));
`else
			assert (ar_burst == 2'b01 && aw_burst == 2'b01);
			assert ((80'd1 << ar_size) == BEAT && (80'd1 << aw_size) == BEAT);
			assert (b_ready);
`endif
			// What the bus-* tasks prove of it: a bank is RUNNING exactly while the
			// sequencer has a job, and outside these states nothing is shown.
			`MEA_ENV ((f_job != IDLE) == (state_run == `MEA_STATE_RUNNING));
			`MEA_ENV (state_other != `MEA_STATE_RUNNING);
			`MEA_ENV (!ar || f_job == RUN || f_job == ABORT);
			`MEA_ENV (!aw || f_job == RUN || f_job == ABORT || f_job == RECORDING);
			`MEA_ENV (f_track_empty || f_job == RUN || f_job == ABORT);
			// The store engine is idle whenever it is cleared or asked for
			// a record.
			if (STORE)
				`MEA_ENV (f_store_idle || f_job == RUN || f_job == ABORT ||
					  f_job == RECORDING);
		end

	// All of that is about something.
	always @(posedge clk)
		if (f_past) begin
			cover (ar && f_run);
			cover (aw && f_job == RECORDING);
			cover (ar && f_job == ABORT);
		end
endmodule

`resetall
