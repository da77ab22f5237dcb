// SPDX-License-Identifier: Apache-2.0
//
// The two banks of mea_regs: the states and what moves them, what the engines are shown,
// the order of START, interrupts and reset.
// run:
`default_nettype none
`include "mea_isa.vh"

module bench_banks;
`include "bench.vh"
`include "regs.vh"

	// The life of one bank; nothing that software does but START and ACK moves it.
	task life(input integer bank);
		begin
			fill(bank, 1'b1);
			write(reg_of(bank, `MEA_BANK_START), 32'd2);
			ack(bank);
			state_is(bank, `MEA_STATE_EMPTY);
			conclude("EMPTY: neither ACK nor START without GO moves it");
			write(reg_of(bank, `MEA_BANK_START), 32'd3);
			state_is(bank, `MEA_STATE_READY);
			want(job_ready === 1'b1 && scrub === 1'b1, "ready, with scrub");
			shown(bank);
			fill(bank, 1'b0);
			ack(bank);
			compare(bank);
			shown(bank);
			state_is(bank, `MEA_STATE_READY);
			conclude("READY: shown to the engines; writes and ACK change nothing");
			start;
			state_is(bank, `MEA_STATE_RUNNING);
			read(`MEA_REG_STATUS);
			want(got[`MEA_STATUS_RUNNING] === 1'b1, "RUNNING");
			fill(bank, 1'b0);
			go(bank);
			ack(bank);
			compare(bank);
			shown(bank);
			state_is(bank, `MEA_STATE_RUNNING);
			want(scrub === 1'b1 && job_ready === 1'b0, "as it was started");
			conclude("RUNNING: writes, START and ACK change nothing");
			fill(!bank, 1'b1);
			compare(!bank);
			shown(bank);
			conclude("the other bank is software's meanwhile");
			finish;
			state_is(bank, `MEA_STATE_DONE);
			reads(reg_of(bank, `MEA_BANK_FAULT), fault, "FAULT");
			reads(reg_of(bank, `MEA_BANK_FAULT_OFFSET), fault_offset, "FAULT_OFFSET");
			reads(reg_of(bank, `MEA_BANK_FAULT_CMD), fault_cmd, "FAULT_CMD");
			reads(reg_of(bank, `MEA_BANK_CYCLES), cycles, "CYCLES");
			go(bank);
			fill(bank, 1'b0);
			compare(bank);
			state_is(bank, `MEA_STATE_DONE);
			conclude("DONE: results; writes and START change nothing");
			ack(!bank);
			state_is(bank, `MEA_STATE_DONE);
			ack(bank);
			state_is(bank, `MEA_STATE_EMPTY);
			write(reg_of(bank, `MEA_BANK_START), 32'd0);
			write(`MEA_REG_IRQ_STATUS, 32'd3);
			conclude("ACK of this bank alone makes it EMPTY");
		end
	endtask

	// Banks run in the order of START, whichever ran before.
	task order(input integer first);
		begin
			go(first);
			go(!first);
			shown(first);
			start;
			state_is(first, `MEA_STATE_RUNNING);
			state_is(!first, `MEA_STATE_READY);
			finish;
			shown(!first);
			start;
			ack(first);
			go(first);
			state_is(!first, `MEA_STATE_RUNNING);
			finish;
			shown(first);
			start;
			finish;
			ack(0);
			ack(1);
			state_is(0, `MEA_STATE_EMPTY);
			state_is(1, `MEA_STATE_EMPTY);
			conclude("banks run in the order of START");
		end
	endtask

	task interrupts(input integer bank);
		begin
			write(`MEA_REG_IRQ_STATUS, 32'd3);
			write(`MEA_REG_IRQ_ENABLE, 32'd0);
			go(bank);
			start;
			finish;
			want(irq === 1'b0, "masked");
			reads(`MEA_REG_IRQ_STATUS, 1 << bank, "names the bank");
			write(`MEA_REG_IRQ_ENABLE, 1 << !bank);
			want(irq === 1'b0, "the other's enable");
			write(`MEA_REG_IRQ_ENABLE, 1 << bank);
			want(irq === 1'b1, "enabled");
			reads(`MEA_REG_IRQ_ENABLE, 1 << bank, "reads back");
			ack(bank);
			want(irq === 1'b1, "ACK clears nothing");
			write(`MEA_REG_IRQ_STATUS, 1 << !bank);
			want(irq === 1'b1, "the other's bit clears nothing");
			write(`MEA_REG_IRQ_STATUS, 1 << bank);
			want(irq === 1'b0, "its own clears it");
			conclude("an interrupt is raised, masked and cleared for its own bank");
		end
	endtask

	task resets(input integer bank);
		begin
			write(`MEA_REG_IRQ_ENABLE, 32'd3);
			write(`MEA_REG_CONTROL, 32'd2);
			want(reset_request === 1'b0, "bit 0 alone asks");
			go(bank);
			start;
			go(!bank);
			irq_rose = 1'b0;
			write(`MEA_REG_CONTROL, 32'd1);
			want(reset_request === 1'b1, "asked");
			read(`MEA_REG_STATUS);
			want(got[`MEA_STATUS_RESETTING] === 1'b1, "RESETTING");
			finish;
			tick;
			reset_done = 1'b1;
			tick;
			reset_done = 1'b0;
			tick;
			want(!irq_rose, "no interrupt");
			reads(`MEA_REG_IRQ_STATUS, 32'd0, "IRQ_STATUS");
			reads(`MEA_REG_STATUS, 32'd2, "not RESETTING, both banks EMPTY");
			want(job_ready === 1'b0, "nothing ready");
			conclude("a reset in a job: both banks EMPTY, and no interrupt");
			go(bank);
			shown(bank);
			start;
			finish;
			want(irq === 1'b1, "an interrupt of its own");
			ack(bank);
			write(`MEA_REG_IRQ_STATUS, 32'd3);
			conclude("the next job is like any other");
		end
	endtask

	initial begin
		power_on;
		fill(0, 1'b1);
		fill(1, 1'b1);
		life(0);
		life(1);
		order(0);
		order(1);
		order(1);
		interrupts(0);
		interrupts(1);
		resets(0);
		resets(1);
		done;
	end
endmodule
