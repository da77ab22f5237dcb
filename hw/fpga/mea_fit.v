// SPDX-License-Identifier: Apache-2.0
//
// Purpose: mea_accel with few pins, so that a device smaller in pins than in logic
// can hold it while its clock is measured. Every input comes from a register and
// every output goes to one; a scan chain moves them in and out. Nothing can be
// optimised away, since what is shifted out depends on all of it, and no path between
// a pin and the accelerator counts.
`resetall
`default_nettype none

module mea_fit (
	input  wire clk,
	// shifted into the inputs, a bit a cycle
	input  wire din,
	// 1: the outputs are taken into the chain; 0: it moves on
	input  wire take,
	output wire dout
);
	localparam integer DW = `MEA_FIT_AXI_DW, AW = 40;
	localparam integer IN = 1 + (12 + 1 + 32 + 4 + 1 + 1 + 12 + 1 + 1) + (1 + DW + 2 + 1) + (1 + 1 + 2 + 1);
	localparam integer OUT = 1 + (1 + 1 + 2 + 1 + 1 + 32 + 2 + 1) + 2 * (AW + 8 + 3 + 2 + 1) + 1 +
			 (DW + DW / 8 + 1 + 1) + 1;
	reg  [IN-1:0]  in;
	reg  [OUT-1:0] out;
	wire [OUT-1:0] now;

	always @(posedge clk) begin
		in  <= {in[IN-2:0], din};
		out <= take ? now : {1'b0, out[OUT-1:1]};
	end
	assign dout = out[0];

	wire rst, awvalid, wvalid, bready, arvalid, rready, m_arready, m_rvalid, m_awready, m_wready;
	wire m_bvalid;
	wire [11:0] awaddr, araddr;
	wire [31:0] wdata;
	wire [3:0]  wstrb;
	wire [1:0]  m_rresp, m_bresp;
	wire [DW-1:0] m_rdata;
	assign {rst, awaddr, awvalid, wdata, wstrb, wvalid, bready, araddr, arvalid, rready,
		m_arready, m_rdata, m_rresp, m_rvalid, m_awready, m_wready, m_bresp, m_bvalid} = in;

	wire irq, awready, wready, bvalid, arready, rvalid, m_arvalid, m_rready, m_awvalid, m_wlast;
	wire m_wvalid, m_bready;
	wire [1:0] bresp, rresp, m_arburst, m_awburst;
	wire [31:0] rdata;
	wire [AW-1:0] m_araddr, m_awaddr;
	wire [7:0] m_arlen, m_awlen;
	wire [2:0] m_arsize, m_awsize;
	wire [DW-1:0] m_wdata;
	wire [DW/8-1:0] m_wstrb;
	assign now = {irq, awready, wready, bresp, bvalid, arready, rdata, rresp, rvalid,
		      m_araddr, m_arlen, m_arsize, m_arburst, m_arvalid, m_rready,
		      m_awaddr, m_awlen, m_awsize, m_awburst, m_awvalid,
		      m_wdata, m_wstrb, m_wlast, m_wvalid, m_bready};

	mea_accel accel (
		.clk(clk), .rst(rst), .irq(irq),
		.s_axil_awaddr(awaddr), .s_axil_awvalid(awvalid), .s_axil_awready(awready),
		.s_axil_wdata(wdata), .s_axil_wstrb(wstrb), .s_axil_wvalid(wvalid),
		.s_axil_wready(wready), .s_axil_bresp(bresp), .s_axil_bvalid(bvalid),
		.s_axil_bready(bready), .s_axil_araddr(araddr), .s_axil_arvalid(arvalid),
		.s_axil_arready(arready), .s_axil_rdata(rdata), .s_axil_rresp(rresp),
		.s_axil_rvalid(rvalid), .s_axil_rready(rready),
		.m_axi_araddr(m_araddr), .m_axi_arlen(m_arlen), .m_axi_arsize(m_arsize),
		.m_axi_arburst(m_arburst), .m_axi_arvalid(m_arvalid), .m_axi_arready(m_arready),
		.m_axi_rdata(m_rdata), .m_axi_rresp(m_rresp), .m_axi_rvalid(m_rvalid),
		.m_axi_rready(m_rready), .m_axi_awaddr(m_awaddr), .m_axi_awlen(m_awlen),
		.m_axi_awsize(m_awsize), .m_axi_awburst(m_awburst), .m_axi_awvalid(m_awvalid),
		.m_axi_awready(m_awready), .m_axi_wdata(m_wdata), .m_axi_wstrb(m_wstrb),
		.m_axi_wlast(m_wlast), .m_axi_wvalid(m_wvalid), .m_axi_wready(m_wready),
		.m_axi_bresp(m_bresp), .m_axi_bvalid(m_bvalid), .m_axi_bready(m_bready)
	);
endmodule

`resetall
