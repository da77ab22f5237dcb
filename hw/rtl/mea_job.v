// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the life of a job: start, optional scrub, run, and then either the
// completion record or, after a fault, abort: the engines stop, what is on the
// bus drains, all state is cleared, and the record says what happened. The next
// job starts clean in every case. A watchdog bounds every job by its budget.
//
// A job ends, and its slot table goes, only while the bus is idle, whatever the
// engines say: hw/formal proves the guard's promise with nothing known of them.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_job #(
	// cycles that zeroing the largest memory takes
	parameter integer SCRUB_CYCLES = 4096
) (
	input  wire        clk,
	input  wire        rst,

	input  wire        job_ready,
	output wire        job_start,
	output wire        job_end,
	input  wire        reset_request,
	output wire        reset_done,
	input  wire        want_scrub,
	input  wire [31:0] budget,
	input  wire        want_record,

	// engines
	// they forget all: between jobs, and between a fault and its record
	output wire        clear,
	// they stand still: then, and while what a fault left on the bus drains
	output wire        hold,
	output wire        running,
	// commands or a record may write
	output wire        may_write,
	// a cycle that the job is charged for
	output wire        busy,
	output wire        abort,
	// zeroes the memories, a cycle behind the state: much hangs on it
	output reg         scrub,
	output reg  [19:0] scrub_addr,
	input  wire        all_done,
	// nothing is on the AXI master and the store engine owes nothing
	input  wire        bus_idle,
	output wire        rec_start,

	// faults, most urgent first
	input  wire        fault,
	input  wire [7:0]  fault_cause,
	input  wire [3:0]  fault_slot,
	input  wire        fault_write,
	input  wire [2:0]  fault_queue,
	input  wire [31:0] fault_offset,
	input  wire [31:0] fault_cmd,

	output wire [31:0] job_fault,
	output reg  [31:0] job_fault_offset,
	output reg  [31:0] job_fault_cmd,
	output reg  [31:0] job_cycles
);
	localparam integer SCRUB_LAST = SCRUB_CYCLES - 1;
	// Bit 3 is `running`, bit 2 `hold`: the whole design hangs on these two.
	localparam [3:0] IDLE = 4'b0100, SCRUB = 4'b0000, RUN = 4'b1000, ABORT = 4'b0101,
			 CLEAR = 4'b0110, RECORD = 4'b0001, RECORDING = 4'b0010, END = 4'b0011;
	reg [3:0]  state;
	reg [19:0] count;
	reg [7:0]  cause;
	reg [3:0]  slot;
	reg        is_write;
	reg [2:0]  queue;
	reg        rec_tried;

	// The cycle before the one in which job_cycles reaches the budget, so that the
	// comparison, 32 bits wide, may take a cycle.
	reg [31:0] limit;
	reg        longest, timeout;
	always @(posedge clk) begin
		limit   <= budget - 32'd1;
		longest <= budget == 32'd0;
		scrub      <= state == SCRUB;
		scrub_addr <= count;
		timeout <= (state == SCRUB || state == RUN) &&
			   (longest ? job_cycles[31:1] == 31'h7fff_ffff : job_cycles >= limit);
	end

	assign job_start  = state == IDLE && job_ready && !reset_request;
	assign job_end    = state == END;
	assign reset_done = state == IDLE && reset_request;
	// (Nothing else has bit 2.)
	assign clear      = state[2] && !state[0];
	assign abort      = state[2] && state[0];
	assign hold       = state[2];
	assign running    = state[3];
	assign may_write  = state == RUN || state == RECORDING;
	assign busy       = state != IDLE && state != END;
	assign rec_start  = state == RECORD;
	assign job_fault  = {13'd0, queue, 3'd0, is_write, slot, cause};

	always @(posedge clk) begin
		if (busy)
			job_cycles <= job_cycles + 32'd1;
		case (state)
		IDLE: if (job_start) begin
			state      <= want_scrub ? SCRUB : RUN;
			count      <= 20'd0;
			job_cycles <= 32'd0;
			rec_tried  <= 1'b0;
			cause      <= `MEA_FAULT_NONE;
			{slot, is_write, queue} <= 8'd0;
			job_fault_offset <= 32'd0;
			job_fault_cmd    <= 32'd0;
		end
		SCRUB: begin
			count <= count + 20'd1;
			if (count == SCRUB_LAST[19:0])
				state <= RUN;
		end
		RUN: if (fault || timeout || reset_request) begin
			state <= ABORT;
			cause <= fault ? fault_cause : timeout ? `MEA_FAULT_WATCHDOG
							       : `MEA_FAULT_RESET;
			if (fault) begin
				{slot, is_write, queue} <= {fault_slot, fault_write, fault_queue};
				job_fault_offset <= fault_offset;
			end
			job_fault_cmd <= fault_cmd;
		end else if (all_done && bus_idle) begin
			state <= want_record ? RECORD : END;
		end
		ABORT: if (bus_idle)
			state <= CLEAR;
		// A reset asks for silence, so it leaves no record.
		CLEAR: state <= want_record && !rec_tried && !reset_request ? RECORD : END;
		RECORD: begin
			state     <= RECORDING;
			rec_tried <= 1'b1;
		end
		RECORDING: if (fault) begin
			// The record itself was refused: a fault of the job unless it
			// had one already.
			state <= ABORT;
			if (cause == `MEA_FAULT_NONE) begin
				cause <= fault_cause;
				{slot, is_write, queue} <= {fault_slot, fault_write, fault_queue};
				job_fault_offset <= fault_offset;
				job_fault_cmd    <= 32'hffff_ffff;
			end
		end else if (bus_idle) begin
			state <= END;
		end
		default: state <= IDLE;
		endcase
		if (rst) begin
			state <= IDLE;
			job_cycles <= 32'd0;
		end
	end

`ifdef FORMAL
	reg f_past, f_ok; // f_ok: the last cycle was no reset
	initial {f_past, f_ok} = 2'b00;
	always @(posedge clk)
		{f_past, f_ok} <= {1'b1, !rst};
`ifndef MEA_FORMAL_TOP
	always @(posedge clk)
		if (!f_past)
			assume (rst);
`endif
	always @(posedge clk) begin
		// What mea_regs relies on.
		if (f_past)
			assert (state == IDLE || state == SCRUB || state == RUN || state == ABORT ||
				state == CLEAR || state == RECORD || state == RECORDING || state == END);
		if (f_past)
			assert (running == (state == RUN) && abort == (state == ABORT) &&
				clear == (state == CLEAR || state == IDLE));
		assert (!job_start || job_ready);
		assert (!job_end || state == END);
		assert (!reset_done || (reset_request && state == IDLE));
		assert (!(job_start && (job_end || reset_done)) && !(job_end && reset_done));
		// A job has its table until nothing of it is on the bus; the engines
		// are cleared between a fault and the record, and before a job.
		if (f_ok && (state == END || state == CLEAR) && $past(state) != CLEAR)
			assert ($past(bus_idle));
		if (f_ok && state == RECORD)
			assert ($past(bus_idle) || $past(clear));
		if (f_ok && $past(state) == IDLE && state != IDLE)
			assert ($past(clear) && job_cycles == 0 && cause == `MEA_FAULT_NONE);
		if (f_past && (state == SCRUB || state == RUN))
			assert (cause == `MEA_FAULT_NONE);
		// The first fault is the one reported.
		if (f_ok && $past(cause) != `MEA_FAULT_NONE && $past(state) != IDLE)
			assert ($stable(job_fault) && $stable(job_fault_offset) &&
				$stable(job_fault_cmd));
		if (f_ok && $past(running) && $past(fault))
			assert (state == ABORT && cause == $past(fault_cause));
		// The bank of a job that runs keeps what software wrote.
		`MEA_ENV (!f_ok || state == IDLE || $past(state) == END || $stable(budget));
`ifndef MEA_FORMAL_TOP
		// The watchdog: no job runs on past its budget.
		if (f_ok && state != IDLE && $past(state) != END)
			assert (limit == budget - 32'd1 && longest == (budget == 0));
		if (f_ok && running && !timeout)
			assert (job_cycles <= (longest ? 32'hffff_fffe : limit));
		if (f_ok && running && $past(running) && $past(budget) != 0)
			assert ($past(job_cycles) < $past(budget));
`endif
		if (f_past && $past(rst))
			assert (state == IDLE);
		if (f_past) begin
			cover (job_end && cause == `MEA_FAULT_WATCHDOG && rec_tried);
			cover (job_end && cause == `MEA_FAULT_NONE && rec_tried);
			cover (reset_done);
		end
	end
`endif
endmodule

`resetall
