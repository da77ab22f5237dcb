// SPDX-License-Identifier: Apache-2.0
//
// mea_burst against its definition: as many beats as are left, but no more than
// MAX_BURST and none past the end of the 4 KiB page.
// run: -P$.BEAT=8 -P$.MAX_BURST=16
// run: -P$.BEAT=16 -P$.MAX_BURST=16
// run: -P$.BEAT=8 -P$.MAX_BURST=256
// run: -P$.BEAT=16 -P$.MAX_BURST=8
`default_nettype none

module bench_burst;
	parameter BEAT = 8, MAX_BURST = 16;
`include "bench.vh"
	reg [31:0] offset;
	reg [25:0] left;
	wire [8:0] beats;

	mea_burst #(.BEAT(BEAT), .MAX_BURST(MAX_BURST)) dut (
		.offset(offset), .beats_left(left), .beats(beats)
	);

	integer i, page, expected;

	task try(input [31:0] at, input [25:0] n);
		begin
			offset = at - at % BEAT;
			left = n;
			page = (4096 - offset % 4096) / BEAT;
			expected = MAX_BURST;
			if (page < expected)
				expected = page;
			if (left < expected)
				expected = left;
			settle;
			want(beats === expected, "beats");
		end
	endtask

	initial begin
		for (i = 0; i < 8192; i = i + BEAT)
			try(i, 26'h3ffffff);
		conclude("every place of a page, with much left");
		for (i = 0; i < 600; i = i + 1)
			try(32'hffff_f000, i);
		conclude("the last beats of a row");
		for (i = 0; i < 20000; i = i + 1)
			try($random(seed), $random(seed) & ($random(seed) % 2 ? 26'h3ffffff : 26'h1ff));
		conclude("20,000 random rows");
		done;
	end
endmodule
