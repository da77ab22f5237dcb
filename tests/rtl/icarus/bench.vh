// SPDX-License-Identifier: Apache-2.0
//
// What every bench has: a clock, a reset, random numbers, TAP lines and a limit.
// A bench drives inputs and looks at outputs around the falling edge; what is to be
// 1 is compared with ===, so X is a failure like 0.
	localparam LIMIT = 20000000;
	reg clk, rst;
	integer tests, wrong, seed;

	initial begin
		tests = 0;
		wrong = 0;
		seed = 1;
		clk = 1'b0;
		rst = 1'b1;
		forever #5 clk = !clk;
	end
	initial begin
		#(LIMIT);
		$display("Bail out! over the limit of %0d time units", LIMIT);
		$finish;
	end

	// To the middle of the next cycle; settle lets what follows an input follow it.
	task tick;
		@(negedge clk);
	endtask
	task settle;
		#1;
	endtask
	task reset;
		begin
			rst = 1'b1;
			tick;
			tick;
			rst = 1'b0;
			settle;
		end
	endtask

	// A test of its own.
	task check(input ok, input [100*8-1:0] name);
		begin
			tests = tests + 1;
			$display("%0s %0d - %0s", ok === 1'b1 ? "ok" : "not ok", tests, name);
		end
	endtask
	// One of many comparisons of a test: the first that fails is told, and
	// `conclude` gives the test's line.
	task want(input ok, input [100*8-1:0] what);
		begin
			if (ok !== 1'b1 && wrong == 0)
				$display("# %0s: wrong at time %0t", what, $time);
			if (ok !== 1'b1)
				wrong = wrong + 1;
		end
	endtask
	task conclude(input [100*8-1:0] name);
		begin
			check(wrong == 0, name);
			wrong = 0;
		end
	endtask
	task done;
		begin
			$display("1..%0d", tests);
			$finish;
		end
	endtask
