// SPDX-License-Identifier: Apache-2.0
//
// mea_guard: every cause of refusal by hand, among them a burst over a page border,
// which no command can ask for because the engines split there; the address channel's
// handshake; and random requests against the rules in wide arithmetic.
// run: -P$.BEAT=8 -P$.AXI_AW=40
// run: -P$.BEAT=16 -P$.AXI_AW=32
// run: -P$.BEAT=8 -P$.AXI_AW=64
`default_nettype none
`include "mea_isa.vh"

module bench_guard;
	parameter BEAT = 8, AXI_AW = 40;
	localparam SLOTS = 8;
`include "bench.vh"
	reg [SLOTS*52-1:0] pages;
	reg [SLOTS*27-1:0] sizes;
	reg [SLOTS-1:0] rights;
	reg req, ax_ready;
	reg [3:0] slot;
	reg [32:0] offset;
	reg [8:0] beats;
	wire ready, fault, ax_valid;
	wire [7:0] cause, ax_len;
	wire [AXI_AW-1:0] ax_addr;

	mea_guard #(.BEAT(BEAT), .AXI_AW(AXI_AW), .SLOTS(SLOTS)) dut (
		.clk(clk), .rst(rst), .slot_page(pages[slot[2:0]*52 +: 52]),
		.slot_size(sizes[slot[2:0]*27 +: 27]), .slot_right(rights[slot[2:0]]),
		.req_valid(req), .req_slot(slot), .req_offset(offset), .req_beats(beats),
		.req_ready(ready), .req_fault(fault), .req_cause(cause), .ax_valid(ax_valid),
		.ax_addr(ax_addr), .ax_len(ax_len), .ax_ready(ax_ready)
	);

	// The rules, in more bits than any sum needs.
	reg [99:0] base, size, from, to, top;
	reg [7:0] expected;
	integer i, accepted, refused;

	task judge;
		begin
			top = 100'd1 << AXI_AW;
			base = {pages[slot[2:0]*52 +: 52], 12'd0};
			size = {sizes[slot[2:0]*27 +: 27], 6'd0};
			from = base + offset;
			to = from + beats * BEAT;
			if (slot > 7 || size == 0 || base >= top)
				expected = `MEA_FAULT_SLOT_CLOSED;
			else if (!rights[slot[2:0]])
				expected = `MEA_FAULT_DIRECTION;
			else if (beats == 0 || beats > 256 || to > base + size || to > top)
				expected = `MEA_FAULT_BOUNDS;
			else if (from[99:12] != ((to - 1) >> 12))
				expected = `MEA_FAULT_PAGE;
			else
				expected = `MEA_FAULT_NONE;
		end
	endtask

	// One request on a free channel: what comes of it, on the channel too.
	task try(input [3:0] s, input [32:0] at, input [8:0] n);
		begin
			req = 1'b1;
			ax_ready = 1'b1;
			slot = s;
			offset = at;
			beats = n;
			judge;
			settle;
			want(ready === 1'b0 && fault === 1'b0, "nothing before it was looked up");
			tick;
			want(ready === 1'b0 && fault === 1'b0, "nothing before it was judged");
			tick;
			want(ready === (expected == `MEA_FAULT_NONE), "ready");
			want(fault === (expected != `MEA_FAULT_NONE), "fault");
			want(expected == `MEA_FAULT_NONE || cause === expected, "cause");
			tick;
			req = 1'b0;
			if (expected == `MEA_FAULT_NONE) begin
				accepted = accepted + 1;
				want(ax_valid === 1'b1, "valid");
				want(ax_addr === from[AXI_AW-1:0], "address");
				want({1'b0, ax_len} === n - 9'd1, "length");
			end else begin
				refused = refused + 1;
				want(ax_valid === 1'b0, "nothing is issued");
			end
		end
	endtask

	task cause_is(input [3:0] s, input [32:0] at, input [8:0] n, input [7:0] c,
		      input [100*8-1:0] name);
		begin
			try(s, at, n);
			want(expected === c, "the bench's own idea");
			conclude(name);
		end
	endtask

	task open(input integer s, input [63:0] where, input [32:0] bytes, input right);
		begin
			pages[s*52 +: 52] = where[63:12];
			sizes[s*27 +: 27] = bytes[32:6];
			rights[s] = right;
		end
	endtask

	// Slots 0 to 5; 6 and 7 are random.
	task table_of_slots;
		begin
			open(0, 64'h1000, 33'h2040, 1'b1);
			open(1, 64'h8000, 33'h1000, 1'b0);
			open(2, 64'h10000, 33'd0, 1'b1);
			// The end of what the bus can say, and one that runs over it.
			open(3, (65'd1 << AXI_AW) - 65'h2000, 33'h2000, 1'b1);
			open(4, (65'd1 << AXI_AW) - 65'h1000, 33'h1_0000_0000, 1'b1);
			open(5, 64'd0, 33'h1_0000_0000, 1'b1);
		end
	endtask

	task by_hand;
		begin
			cause_is(0, 33'd0, 16, `MEA_FAULT_NONE, "a slot's first burst");
			cause_is(0, 33'h2040 - BEAT, 1, `MEA_FAULT_NONE, "a slot's last beat");
			cause_is(0, 33'h2040, 1, `MEA_FAULT_BOUNDS, "BOUNDS: a beat behind it");
			cause_is(0, 33'h2040 - BEAT, 2, `MEA_FAULT_BOUNDS, "BOUNDS: half behind it");
			cause_is(0, 33'h1_0000_0000, 1, `MEA_FAULT_BOUNDS, "BOUNDS: offset of 4 GiB");
			cause_is(5, 33'hffff_ffff - BEAT + 1, 2, `MEA_FAULT_BOUNDS,
				 "BOUNDS: the end passes 4 GiB");
			cause_is(0, 33'h1_ffff_fff0, 9'd16, `MEA_FAULT_BOUNDS,
				 "BOUNDS: the end passes 8 GiB, back into the slot");
			cause_is(3, 33'h2000 - BEAT, 1, `MEA_FAULT_NONE, "the bus's last beat");
			cause_is(4, 33'h1000, 1, `MEA_FAULT_BOUNDS, "BOUNDS: the address wraps");
			cause_is(0, 33'd0, 0, `MEA_FAULT_BOUNDS, "BOUNDS: no beats");
			cause_is(5, 33'd0, 257, `MEA_FAULT_BOUNDS, "BOUNDS: 257 beats");
			cause_is(0, 33'h1000 - BEAT, 2, `MEA_FAULT_PAGE, "PAGE: two beats over a border");
			cause_is(5, 33'h1_0001 - BEAT, 1, `MEA_FAULT_PAGE, "PAGE: a byte over a border");
			cause_is(5, 33'h1_0000, 256, `MEA_FAULT_NONE, "256 beats");
			cause_is(5, 33'h2_0000 - 255 * BEAT, 256, `MEA_FAULT_PAGE,
				 "PAGE: the last of 256 beats over a border");
			cause_is(1, 33'd0, 1, `MEA_FAULT_DIRECTION, "DIRECTION: no right");
			cause_is(2, 33'd0, 1, `MEA_FAULT_SLOT_CLOSED, "SLOT_CLOSED: size 0");
			cause_is(8, 33'd0, 1, `MEA_FAULT_SLOT_CLOSED, "SLOT_CLOSED: there is no slot 8");
			cause_is(15, 33'd0, 1, `MEA_FAULT_SLOT_CLOSED, "SLOT_CLOSED: nor a slot 15");
			cause_is(1, 33'h1_0000_0000, 1, `MEA_FAULT_DIRECTION, "DIRECTION goes before BOUNDS");
			cause_is(0, 33'h2fff, 400, `MEA_FAULT_BOUNDS, "BOUNDS goes before PAGE");
			if (AXI_AW < 64) begin
				open(7, 65'd1 << AXI_AW, 33'h1000, 1'b1);
				cause_is(7, 33'd0, 1, `MEA_FAULT_SLOT_CLOSED,
					 "SLOT_CLOSED: a base beyond the bus");
			end
		end
	endtask

	// The channel is taken: what is on it stays, and the next request waits.
	task handshake;
		begin
			try(0, 33'h40, 4);
			ax_ready = 1'b0;
			req = 1'b1;
			offset = 33'h80;
			beats = 9'd1;
			for (i = 0; i < 10; i = i + 1) begin
				settle;
				want(ready === 1'b0 && fault === 1'b0, "neither taken nor refused");
				tick;
				want(ax_valid === 1'b1 && ax_addr === 'h1040 && ax_len === 8'd3, "stays");
			end
			conclude("a request that the bus does not take stays; the next waits");
			ax_ready = 1'b1;
			settle;
			want(ready === 1'b1, "taken");
			tick;
			want(ax_valid === 1'b1 && ax_addr === 'h1080 && ax_len === 8'd0, "the next");
			req = 1'b0;
			tick;
			want(ax_valid === 1'b0, "gone");
			conclude("then one follows the other at once");
		end
	endtask

	// A request that is changed or withdrawn before its answer.
	task fickle;
		begin
			ax_ready = 1'b1;
			req = 1'b1;
			slot = 4'd0;
			offset = 33'h100;
			beats = 9'd2;
			tick;
			tick;
			slot = 4'd1;
			offset = 33'h1_0000_0000;
			beats = 9'd0;
			settle;
			want(ready === 1'b1, "taken");
			tick;
			req = 1'b0;
			want(ax_valid === 1'b1 && ax_addr === 'h1100 && ax_len === 8'd1,
			     "what was looked up is issued");
			conclude("a request that changes is issued as it was checked");
			tick;
			req = 1'b1;
			slot = 4'd5;
			offset = 33'h200;
			beats = 9'd1;
			tick;
			tick;
			req = 1'b0;
			settle;
			want(ready === 1'b0 && fault === 1'b0, "no answer");
			tick;
			want(ax_valid === 1'b0, "not issued");
			try(0, 33'h40, 4);
			conclude("one that is withdrawn leaves nothing behind");
		end
	endtask

	function [32:0] near(input [32:0] place);
		near = place + ($random(seed) & 33'h7f) * BEAT - 33'h40 * BEAT;
	endfunction

	task random;
		reg [32:0] place;
		begin
			open(6, {$random(seed), $random(seed)} >> ($random(seed) & 63),
			     {$random(seed), 6'd0} >> ($random(seed) & 31), $random(seed));
			open(7, {$random(seed), $random(seed)} >> (64 - AXI_AW),
			     {$random(seed), 6'd0} >> ($random(seed) & 31), 1'b1);
			slot = $random(seed) & 15;
			if ($random(seed) & 7)
				slot[3] = 1'b0;
			place = sizes[slot[2:0]*27 +: 27] * 64;
			case ($random(seed) & 3)
			0: offset = near(place);
			1: offset = {$random(seed), $random(seed)};
			2: offset = near($random(seed) & 33'h1_ffff_f000);
			3: offset = near(($random(seed) & 33'hffff_ffff) % (place + 1));
			endcase
			try(slot, offset, ($random(seed) & 3) ? $random(seed) & 31 : $random(seed));
		end
	endtask

	initial begin
		accepted = 0;
		refused = 0;
		pages = {SLOTS*52{1'bx}};
		sizes = {SLOTS*27{1'bx}};
		rights = {SLOTS{1'b0}};
		req = 1'b0;
		ax_ready = 1'bx;
		{slot, offset, beats} = {46{1'bx}};
		ax_ready = 1'b0;
		reset;
		for (i = 0; i < 4; i = i + 1) begin
			want(ready === 1'b0 && fault === 1'b0 && ax_valid === 1'b0, "idle");
			tick;
		end
		conclude("without a request nothing is issued, whatever else is X");
		req = 1'b1;
		slot = 4'd3;
		offset = 33'd0;
		beats = 9'd1;
		tick;
		tick;
		want(ready === 1'b0 && fault === 1'b1, "refused");
		tick;
		want(ax_valid === 1'b0, "nothing is issued");
		conclude("a slot that nobody wrote since power-on gives nothing");
		pages = {SLOTS*52{1'b0}};
		sizes = {SLOTS*27{1'b0}};
		table_of_slots;
		by_hand;
		handshake;
		fickle;
		for (i = 0; i < 20000; i = i + 1)
			random;
		want(accepted > 2000 && refused > 2000, "both happen");
		conclude("20,000 random requests");
		done;
	end
endmodule
