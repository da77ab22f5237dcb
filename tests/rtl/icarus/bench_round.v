// SPDX-License-Identifier: Apache-2.0
//
// mea_round and mea_clamp, a value a cycle or with pauses, against the definition in 64-bit arithmetic: divide by
// 2^shift, nearest, ties to even, then add the zero point and clamp.
// run: -P$.WIDTH=64
// run: -P$.WIDTH=34
`default_nettype none

module bench_round;
	parameter WIDTH = 64;
`include "bench.vh"
	reg signed [WIDTH-1:0] x;
	reg [5:0] shift;
	reg signed [7:0] zero, lo, hi;
	wire signed [9:0] y;
	wire up;
	wire signed [9:0] delta;
	wire signed [9:0] d_lo = lo - zero, d_hi = hi - zero, m_lo = zero - lo, m_hi = zero - hi - 1;
	wire [7:0] z;
	reg valid, half_way;

	mea_round #(.WIDTH(WIDTH)) dut (
		.clk(clk), .valid(valid), .half_way(half_way), .x(x), .shift(shift), .y(y), .up(up));
	mea_clamp clamp (.x(y), .up(up), .zero(zero), .lo(lo), .hi(hi),
		.d_lo(d_lo), .d_hi(d_hi), .m_lo(m_lo), .m_hi(m_hi), .y(z), .delta(delta));

	reg signed [63:0] value, floor;
	reg [63:0] rest, half;
	reg signed [63:0] whole;
	integer i, s, rounded, result, sum;

	task try(input signed [63:0] v, input [5:0] by);
		begin
			x = v;
			shift = by;
			value = x;
			floor = value >>> by;
			whole = floor;
			rest = value - (floor << by);
			half = 64'd1 << (by - 1);
			if (by != 0 && (rest > half || (rest == half && floor[0])))
				floor = floor + 1;
			// What does not fit saturates before it is rounded.
			rounded = whole > 511 ? 511 : whole < -512 ? -512 : floor;
			result = rounded + zero;
			if (result > hi)
				result = hi;
			if (result < lo)
				result = lo;
			valid = 1'b1;
			half_way = 1'b0;
			tick;
			valid = 1'b0;
			half_way = 1'b1;
			x = {WIDTH{1'bx}};
			shift = 6'bx;
			tick;
			half_way = 1'b0;
			settle;
			sum = y + $signed({1'b0, up});
			want(sum === rounded, "round");
			want(z === result[7:0], "clamp");
			want(delta === result - zero, "distance from the zero point");
		end
	endtask

	task bounds(input signed [7:0] a, input signed [7:0] b, input signed [7:0] c);
		begin
			zero = a;
			lo = b < c ? b : c;
			hi = b < c ? c : b;
		end
	endtask

	// Around k half steps of 2^s: ties and their neighbours.
	task ties(input integer k, input [5:0] by);
		begin
			value = k;
			value = by == 0 ? value : value <<< (by - 1);
			try(value, by);
			value = k;
			value = by == 0 ? value : value <<< (by - 1);
			try(value - 1, by);
			value = k;
			value = by == 0 ? value : value <<< (by - 1);
			try(value + 1, by);
		end
	endtask

	initial begin
		bounds(8'sd0, -8'sd128, 8'sd127);
		for (s = 0; s < WIDTH - 10; s = s + 1)
			for (i = -24; i <= 24; i = i + 1)
				ties(i, s);
		conclude("ties to even and their neighbours, every shift");
		for (s = 0; s < WIDTH - 12; s = s + 1)
			for (i = 1018; i <= 1030; i = i + 1) begin
				ties(i, s);
				ties(-i, s);
			end
		conclude("the bounds of saturation, every shift");
		for (s = 0; s < WIDTH; s = s + 1) begin
			try(64'd0, s);
			try(-64'd1, s);
			try({{(65-WIDTH){1'b0}}, {(WIDTH-1){1'b1}}}, s);
			try(-64'd1 << (WIDTH-1), s);
		end
		conclude("zero, minus one and the extremes, every shift");
		for (i = 0; i < 65536; i = i + 3) begin
			bounds(i[7:0], $random(seed), $random(seed));
			try(i[15:8] * 4 - 512 + i % 4, 6'd0);
		end
		conclude("clamp: every zero point, random bounds");
		for (i = 0; i < 20000; i = i + 1) begin
			bounds($random(seed), $random(seed), $random(seed));
			value = {$random(seed), $random(seed)};
			s = $random(seed) & 63;
			// All sizes alike.
			value = value >>> ($random(seed) & 63);
			try(value, s % WIDTH);
		end
		conclude("20,000 random values");
		done;
	end
endmodule
