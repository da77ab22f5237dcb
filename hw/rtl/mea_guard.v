// SPDX-License-Identifier: Apache-2.0
//
// Purpose: one address channel of the AXI master, and the only place where an
// address comes to be. A request names a slot and an offset; the slot table of
// the running job turns it into an address after checking, for the whole burst,
// that the slot is open, that the direction is allowed, that no byte lies outside
// the slot, that no sum wraps and that no 4 KiB page border is crossed. A burst
// that fails is not issued: the fault is reported and the job ends.
//
// A request takes three cycles: its slot is looked up, the rules are put to it,
// the answer is given. All use the request as it was in the first, so what is issued is
// what was checked, whatever the asker does meanwhile; one that wants an answer for its
// request keeps it until then.
//
// The table is stable while a job runs (mea_regs refuses writes to its bank). The
// properties under FORMAL are proved by k-induction, see hw/formal.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_guard #(
	// bytes of a beat
	parameter integer BEAT = 8,
	// address bits of the bus, 32 to 64
	parameter integer AXI_AW = 40,
	// slots
	parameter integer SLOTS = 8,
	// 1: this channel writes
	parameter integer WRITE = 0
) (
	input  wire               clk,
	input  wire               rst,

	// what the table says of the slot in the lower bits of req_slot: base in pages, size
	// in 64-byte units (0: closed), right
	input  wire [51:0]        slot_page,
	input  wire [26:0]        slot_size,
	input  wire               slot_right,
`ifdef FORMAL
	// the whole table
	input  wire [SLOTS*52-1:0] f_pages,
	input  wire [SLOTS*27-1:0] f_sizes,
	input  wire [SLOTS-1:0]   f_rights,
`endif

	// request: stays until it is taken in a cycle with ready or refused in one with
	// fault
	input  wire               req_valid,
	input  wire [3:0]         req_slot,
	// bit 32: the engine's own sum passed 4 GiB
	input  wire [32:0]        req_offset,
	input  wire [8:0]         req_beats,
	output wire               req_ready,
	output wire               req_fault,
	output wire [7:0]         req_cause,

	// AXI address channel
	output reg                ax_valid,
	output reg  [AXI_AW-1:0]  ax_addr,
	output reg  [7:0]         ax_len,
	input  wire               ax_ready
);
	localparam integer BEAT_LOG = $clog2(BEAT);
	localparam integer W = (AXI_AW < 33 ? 33 : AXI_AW) + 2;

	wire [13:0]       bytes = {5'd0, req_beats} << BEAT_LOG;

	// --- first cycle: what the table says, and the end of the burst ----------------
	reg               looked, judged;
	reg [51:0]        page;
	reg [26:0]        size;
	reg               no_slot, wrong;
	reg [32:0]        offset;
	reg [8:0]         beats;
	reg [13:0]        bytes_q;
	// One bit more than the operands, so that no sum can wrap.
	reg [33:0]        last;
	always @(posedge clk)
		if (!looked) begin
			page    <= slot_page;
			size    <= slot_size;
			no_slot <= {28'd0, req_slot} >= SLOTS;
			wrong   <= !slot_right;
			offset  <= req_offset;
			beats   <= req_beats;
			bytes_q <= bytes;
			last    <= {1'b0, req_offset} + {20'd0, bytes};
		end

	// --- second cycle: the rules ------------------------------------------------------
	wire high_base;
	generate
		if (AXI_AW < 64) begin : g_high
			assign high_base = page[51:AXI_AW-12] != 0;
		end else begin : g_full
			assign high_base = 1'b0;
		end
	endgenerate
	wire closed = no_slot || size == 0 || high_base;
	wire [W-1:0] start = {{(W-AXI_AW){1'b0}}, page[AXI_AW-13:0], 12'd0};
	wire [W-1:0] addr_w = start + {{(W-33){1'b0}}, offset};
	wire [W-1:0] addr_end = start + {{(W-34){1'b0}}, last};
	// (A base is page aligned.)
	wire [14:0]  page_end = {3'd0, offset[11:0]} + {1'b0, bytes_q};
	// addr_end may be 2^AXI_AW exactly: the slot that ends the address space.
	localparam [W-1:0] TOP = {{(W-1){1'b0}}, 1'b1} << AXI_AW;
	wire outside = last > {1'b0, size, 6'd0} || addr_end > TOP || beats == 0 || beats > 9'd256;
	wire crosses = page_end > 15'd4096;

	reg [AXI_AW-1:0] addr;
	reg [7:0]        cause;
	reg              refuse;
	always @(posedge clk)
		if (!judged) begin
			addr   <= addr_w[AXI_AW-1:0];
			refuse <= closed || wrong || outside || crosses;
			cause  <= closed ? `MEA_FAULT_SLOT_CLOSED : wrong ? `MEA_FAULT_DIRECTION :
				  outside ? `MEA_FAULT_BOUNDS : `MEA_FAULT_PAGE;
		end

	// --- third cycle: the answer ----------------------------------------------------
	wire answer = judged && req_valid && (!ax_valid || ax_ready);
	assign req_ready = answer && !refuse && !rst;
	assign req_fault = answer && refuse && !rst;
	assign req_cause = cause;
	always @(posedge clk) begin
		looked <= req_valid && !answer && !rst;
		judged <= looked && req_valid && !answer && !rst;
	end

	wire [8:0] len = beats - 9'd1;
	always @(posedge clk) begin
		if (req_ready) begin
			ax_valid <= 1'b1;
			ax_addr  <= addr;
			ax_len   <= len[7:0];
		end else if (ax_ready) begin
			ax_valid <= 1'b0;
		end
		if (rst)
			ax_valid <= 1'b0;
	end

`ifdef FORMAL
	// MEA_ENV is `assume` when this module is proved alone and `assert` where the
	// whole master is; MEA_HOLDS is `assert` here, not there, and `assume` where
	// what it says is put to use (hw/formal/README.md).
	reg f_past;
	initial f_past = 1'b0;
	always @(posedge clk)
		f_past <= 1'b1;
`ifndef MEA_FORMAL_TOP
	always @(posedge clk)
		if (!f_past)
			assume (rst);
`endif
	// The job's table does not change from a request to the end of its burst.
	always @(posedge clk)
		if (f_past && !$past(rst) && ($past(ax_valid) || $past(req_valid))) begin
			`MEA_ENV ($stable(f_pages));
			`MEA_ENV ($stable(f_sizes));
			`MEA_ENV ($stable(f_rights));
		end
	// And what is said of a slot stands there.
	localparam integer SW = $clog2(SLOTS);
	wire [SW-1:0] f_s = req_slot[SW-1:0];
	always @(posedge clk)
		`MEA_ENV (slot_page == f_pages[f_s*52 +: 52] && slot_size == f_sizes[f_s*27 +: 27] &&
			  slot_right == f_rights[f_s]);

	// The request that is looked at, and which slot the burst on the channel belongs to,
	// kept beside the logic.
	reg [3:0] f_asked, f_slot;
	reg       f_kept;
	always @(posedge clk) begin
		if (!looked)
			f_asked <= req_slot;
		if (req_ready)
			f_slot <= f_asked;
		f_kept <= req_valid && !rst && !answer;
	end
	wire [51:0] f_page_s = f_pages[f_asked[SW-1:0]*52 +: 52];
	wire [26:0] f_size_s = f_sizes[f_asked[SW-1:0]*27 +: 27];
	// What each cycle left is what the table says.
	always @(posedge clk)
		if (f_past) begin
			assert (!judged || looked);
			if (looked) begin
				assert (f_kept);
				assert (closed == (f_asked >= SLOTS || f_size_s == 0 || (AXI_AW < 64 &&
						   {12'd0, f_page_s} >> (AXI_AW - 12) != 0)));
				assert (size == f_size_s && wrong == !f_rights[f_asked[SW-1:0]]);
				assert (no_slot == (f_asked >= SLOTS) && page == f_page_s);
				assert (bytes_q == {5'd0, beats} * BEAT);
				assert (last == {1'b0, offset} + bytes_q);
			end
			if (judged) begin
				assert (refuse == (closed || wrong || outside || crosses));
				assert (addr == addr_w[AXI_AW-1:0]);
				assert (cause == (closed ? `MEA_FAULT_SLOT_CLOSED :
					wrong ? `MEA_FAULT_DIRECTION :
					outside ? `MEA_FAULT_BOUNDS : `MEA_FAULT_PAGE));
			end
		end
	wire [63:0] f_base = {f_pages[f_slot[SW-1:0]*52 +: 52], 12'd0};
	wire [32:0] f_size = {f_sizes[f_slot[SW-1:0]*27 +: 27], 6'd0};
	// Plain unbounded arithmetic, deliberately not the expressions above.
	wire [79:0] f_first = {16'd0, {(64-AXI_AW){1'b0}}, ax_addr};
	wire [79:0] f_end = f_first + (({72'd0, ax_len} + 80'd1) * BEAT);
	wire [79:0] f_lo = {16'd0, f_base};
	wire [79:0] f_hi = f_lo + {47'd0, f_size};
`ifndef MEA_FORMAL_EXACT
	always @(posedge clk) begin
`ifdef MEA_HOLDS
		if (f_past && ax_valid) begin
			`MEA_HOLDS (f_slot < SLOTS);
			`MEA_HOLDS (f_first >= f_lo);
			`MEA_HOLDS (f_end <= f_hi);
			`MEA_HOLDS (f_rights[f_slot[SW-1:0]]);
			`MEA_HOLDS (f_first[79:12] == ((f_end - 80'd1) >> 12));
		end
`endif
		// AXI: nothing is shown after a reset, and a request once shown stays,
		// unchanged, until it is taken.
		if (f_past && $past(rst))
			assert (!ax_valid);
		if (f_past && !$past(rst) && $past(ax_valid) && !$past(ax_ready)) begin
			assert (ax_valid);
			assert ($stable(ax_addr));
			assert ($stable(ax_len));
		end
	end
`else
	// Neither more nor less is refused than what must be, for the right cause.
	wire [79:0] g_base = {16'd0, f_page_s, 12'd0};
	wire [79:0] g_size = {47'd0, f_size_s, 6'd0};
	wire [79:0] g_to   = {47'd0, offset} + {71'd0, beats} * BEAT;
	wire [79:0] g_top  = 80'd1 << AXI_AW;
	wire g_open  = f_asked < SLOTS && g_size != 0 && g_base < g_top;
	wire g_in    = g_to <= g_size && g_base + g_to <= g_top && beats != 0 &&
		       beats <= 256;
	wire g_page  = offset[32:12] == ((g_to - 80'd1) >> 12);
	wire g_right = f_rights[f_asked[SW-1:0]];
	always @(posedge clk)
		if (f_past && judged && req_valid && !rst && (!ax_valid || ax_ready)) begin
			assert (req_ready != req_fault);
			assert (req_ready == (g_open && g_right && g_in && g_page));
			if (req_fault) begin
				assert ((req_cause == `MEA_FAULT_SLOT_CLOSED) == !g_open);
				assert ((req_cause == `MEA_FAULT_DIRECTION) == (g_open && !g_right));
				assert ((req_cause == `MEA_FAULT_BOUNDS) ==
					(g_open && g_right && !g_in));
				assert ((req_cause == `MEA_FAULT_PAGE) ==
					(g_open && g_right && g_in && !g_page));
			end
		end else begin
			assert (!req_ready && !req_fault);
		end
`endif
	always @(posedge clk)
		if (f_past) begin
			cover (ax_valid && ax_len == 8'd15);
			cover (ax_valid && f_end == 80'd1 << AXI_AW);
			cover (req_fault && req_cause == `MEA_FAULT_PAGE);
			cover (req_fault && req_cause == `MEA_FAULT_BOUNDS && offset[32]);
		end
`endif
endmodule

`resetall
