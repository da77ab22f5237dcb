// SPDX-License-Identifier: Apache-2.0
//
// mea_ram against a memory in the bench. What a read of the word being written
// returns is nobody's business (the design never looks at it).
// run: -P$.WIDTH=8 -P$.DEPTH=16
// run: -P$.WIDTH=72 -P$.DEPTH=64
`default_nettype none

module bench_ram;
	parameter WIDTH = 8, DEPTH = 16;
	localparam AW = $clog2(DEPTH);
`include "bench.vh"
	reg wen, ren;
	reg [AW-1:0] waddr, raddr;
	reg [WIDTH-1:0] wdata;
	wire [WIDTH-1:0] rdata;

	mea_ram #(.WIDTH(WIDTH), .DEPTH(DEPTH)) dut (
		.clk(clk), .wen(wen), .waddr(waddr), .wdata(wdata), .ren(ren), .raddr(raddr),
		.rdata(rdata)
	);

	reg [WIDTH-1:0] mem [0:DEPTH-1];
	reg [WIDTH-1:0] held;
	reg known;
	integer i;

	task step(input w, input [AW-1:0] wa, input r, input [AW-1:0] ra);
		begin
			wen = w;
			waddr = wa;
			wdata = {$random(seed), $random(seed), $random(seed)};
			ren = r;
			raddr = ra;
			if (r) begin
				held = mem[ra];
				known = !(w && wa == ra);
			end
			if (w)
				mem[wa] = wdata;
			tick;
			want(!known || rdata === held, "rdata");
		end
	endtask

	initial begin
		known = 1'b0;
		ren = 1'b0;
		wen = 1'b0;
		tick;
		for (i = 0; i < DEPTH; i = i + 1)
			step(1'b1, i[AW-1:0], 1'b0, {AW{1'bx}});
		for (i = 0; i < DEPTH; i = i + 1)
			step(1'b0, {AW{1'bx}}, 1'b1, i[AW-1:0]);
		conclude("every word is read back, a cycle later");
		step(1'b1, {AW{1'b1}}, 1'b0, {AW{1'b1}});
		step(1'b0, {AW{1'b0}}, 1'b0, {AW{1'b0}});
		conclude("without a read the last word stays");
		step(1'b0, {AW{1'b0}}, 1'b1, {AW{1'b0}});
		conclude("without a write nothing is written");
		for (i = 0; i < 20000; i = i + 1)
			step($random(seed), $random(seed), $random(seed), $random(seed));
		conclude("20,000 random cycles");
		done;
	end
endmodule
