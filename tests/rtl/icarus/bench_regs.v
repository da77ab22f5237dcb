// SPDX-License-Identifier: Apache-2.0
//
// mea_regs and its banks as software sees them: every register's reset value, bits and
// access rule, and the AXI4-Lite handshake.
// run:
`default_nettype none
`include "mea_isa.vh"

module bench_regs;
`include "bench.vh"
`include "regs.vh"

	task after_reset;
		begin
			want(irq === 1'b0 && job_ready === 1'b0 && reset_request === 1'b0, "outputs");
			want(bvalid === 1'b0 && rvalid === 1'b0, "no answers");
			for (s = 0; s < SLOTS; s = s + 1) begin
				ar_slot = s;
				aw_slot = s;
				settle;
				want(ar_right === 1'b0 && aw_right === 1'b0, "no rights");
			end
			conclude("after reset nothing is ready, raised or open, and none of it is X");
			reads(`MEA_REG_ID, `MEA_ID_VALUE, "ID");
			reads(`MEA_REG_VERSION, `MEA_VERSION_VALUE, "VERSION");
			reads(`MEA_REG_CONFIG0, {8'd32, 8'd16, 8'd16, 8'd8}, "CONFIG0");
			reads(`MEA_REG_CONFIG1, 32'd4096, "CONFIG1");
			reads(`MEA_REG_CONFIG2, 32'd2048, "CONFIG2");
			reads(`MEA_REG_CONFIG3, {16'd256, 16'd512}, "CONFIG3");
			reads(`MEA_REG_CONFIG4, {12'd64, 4'd9, 8'd2, 8'd21}, "CONFIG4");
			reads(`MEA_REG_CONFIG5, {16'd0, 8'd1, 8'd4}, "CONFIG5");
			reads(`MEA_REG_CLOCK_KHZ, 32'd150000, "CLOCK_KHZ");
			conclude("ID, VERSION, CONFIG and CLOCK_KHZ say how it was built");
			reads(`MEA_REG_STATUS, 32'd2, "STATUS");
			reads(`MEA_REG_IRQ_STATUS, 32'd0, "IRQ_STATUS");
			reads(`MEA_REG_IRQ_ENABLE, 32'd0, "IRQ_ENABLE");
			bus_idle = 1'b0;
			reads(`MEA_REG_STATUS, 32'd0, "STATUS without BUS_IDLE");
			bus_idle = 1'b1;
			for (b = 0; b < 2; b = b + 1) begin
				state_is(b, `MEA_STATE_EMPTY);
				for (s = 0; s < SLOTS; s = s + 1)
					reads(reg_of(b, 16 * s + `MEA_BANK_SLOT_FLAGS), 32'd0, "rights");
			end
			conclude("reset values");
			for (i = 0; i < 1024; i = i + 1)
				if (!readable(4 * i))
					reads(4 * i, 32'd0, "zero");
			conclude("what is no register, or write-only, reads as zero");
		end
	endtask

	task banks;
		begin
			for (s = 0; s < 4; s = s + 1) begin
				fill(0, 1'b1);
				fill(1, 1'b1);
				compare(0);
				compare(1);
				shown(0);
			end
			conclude("both banks' registers, each with the bits that exist");
			write(reg_of(0, `MEA_BANK_SLOT_SIZE), 32'hffff_ffff);
			reads(reg_of(0, `MEA_BANK_SLOT_SIZE), `MEA_SLOT_MAX_UNITS, "the largest");
			write(reg_of(0, `MEA_BANK_SLOT_SIZE), `MEA_SLOT_MAX_UNITS);
			reads(reg_of(0, `MEA_BANK_SLOT_SIZE), `MEA_SLOT_MAX_UNITS, "as it is");
			conclude("a size over 4 GiB becomes 4 GiB");
			write(reg_of(0, `MEA_BANK_SLOT_SIZE), model[2]);
			for (i = 0; i < 15; i = i + 1)
				write_bytes(reg_of(0, `MEA_BANK_TAG), ~model[37], i);
			compare(0);
			conclude("a write of some bytes is ignored");
			for (i = 0; i < 8; i = i + 1)
				write(4 * i, 32'hffff_ffff);
			write(`MEA_REG_STATUS, 32'hffff_ffff);
			for (i = 38; i < 64; i = i + 1)
				if (4 * i != `MEA_BANK_START)
					write(reg_of(1, 4 * i), 32'hffff_ffff);
			write(12'h300, 32'hffff_ffff);
			write(12'hffc, 32'hffff_ffff);
			reads(`MEA_REG_ID, `MEA_ID_VALUE, "ID");
			reads(`MEA_REG_CONFIG1, 32'd4096, "CONFIG1");
			compare(0);
			compare(1);
			state_is(1, `MEA_STATE_EMPTY);
			conclude("writes to what is read-only change nothing");
		end
	endtask

	task handshakes;
		begin
			awaddr = reg_of(0, `MEA_BANK_TAG);
			wdata = 32'h1234_5678;
			wstrb = 4'hf;
			bready = 1'b0;
			awvalid = 1'b1;
			tick;
			want(awready === 1'b0 && bvalid === 1'b0, "an address waits for its data");
			awvalid = 1'b0;
			wvalid = 1'b1;
			tick;
			want(wready === 1'b0 && bvalid === 1'b0, "data wait for their address");
			awvalid = 1'b1;
			tick;
			wdata = 32'h0bad_0bad;
			want(awready === 1'b0 && wready === 1'b0, "not while one is done");
			tick;
			for (i = 0; i < 4; i = i + 1) begin
				want(bvalid === 1'b1 && awready === 1'b0 && wready === 1'b0, "one at a time");
				tick;
			end
			awvalid = 1'b0;
			wvalid = 1'b0;
			bready = 1'b1;
			tick;
			want(bvalid === 1'b0, "answered");
			reads(reg_of(0, `MEA_BANK_TAG), 32'h1234_5678, "what came with the first");
			araddr = reg_of(0, `MEA_BANK_TAG);
			arvalid = 1'b1;
			rready = 1'b0;
			tick;
			araddr = `MEA_REG_ID;
			want(arready === 1'b0, "a read at a time");
			tick;
			want(arready === 1'b0, "a read at a time");
			tick;
			for (i = 0; i < 4; i = i + 1) begin
				settle;
				want(rvalid === 1'b1 && rdata === 32'h1234_5678 && arready === 1'b0,
				     "an answer stays");
				tick;
			end
			arvalid = 1'b0;
			rready = 1'b1;
			tick;
			want(rvalid === 1'b0, "answered");
			conclude("AXI4-Lite: answers stay until they are taken");
		end
	endtask

	initial begin
		power_on;
		after_reset;
		banks;
		handshakes;
		done;
	end
endmodule
