// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the DRAM side of a LOAD or STORE: walks its rows and proposes one
// burst after the other. It knows nothing of the data, so it may run ahead. The length
// of a burst is made in a cycle of its own, between the one before and its request.
`resetall
`default_nettype none

module mea_rows #(
	parameter integer BEAT = 8,
	parameter integer MAX_BURST = 16
) (
	input  wire        clk,
	input  wire        rst,

	input  wire        start,
	input  wire [31:0] offset,
	input  wire [31:0] pitch,
	input  wire [25:0] row_beats,
	input  wire [15:0] rows,

	output wire        busy,
	output wire        req_valid,
	output wire [32:0] req_offset,
	output wire [8:0]  req_beats,
	input  wire        req_ready
);
	localparam integer BEAT_LOG = $clog2(BEAT);

	reg        active, cut, row_end;
	reg [8:0]  beats_q;
	reg [32:0] at, row_at;
	reg [31:0] pitch_q;
	reg [25:0] left, row_beats_q;
	reg [15:0] rows_left;

	assign busy       = active;
	assign req_valid  = cut;
	assign req_offset = at;
	assign req_beats  = beats_q;

	wire [8:0] beats;
	wire last;
	mea_burst #(.BEAT(BEAT), .MAX_BURST(MAX_BURST)) burst (
		.offset(at[31:0]), .beats_left(left), .beats(beats), .last(last)
	);

	wire [32:0] row_next = row_at + {1'b0, pitch_q};

	always @(posedge clk) begin
		cut <= active && !(cut && req_ready);
		if (!cut) begin
			beats_q <= beats;
			row_end <= last;
		end
		if (start) begin
			active    <= 1'b1;
			at        <= {1'b0, offset};
			row_at    <= {1'b0, offset};
			pitch_q   <= pitch;
			left      <= row_beats;
			row_beats_q <= row_beats;
			rows_left <= rows;
		end else if (cut && req_ready) begin
			if (!row_end) begin
				at   <= at + ({24'd0, req_beats} << BEAT_LOG);
				left <= left - {17'd0, req_beats};
			end else begin
				at        <= row_next;
				row_at    <= row_next;
				left      <= row_beats_q;
				rows_left <= rows_left - 16'd1;
				if (rows_left == 16'd1)
					active <= 1'b0;
			end
		end
		if (rst)
			{active, cut} <= 2'b00;
	end

`ifdef FORMAL
	reg f_past;
	initial f_past = 1'b0;
	always @(posedge clk)
		f_past <= 1'b1;
`ifndef MEA_FORMAL_TOP
	always @(posedge clk)
		if (!f_past)
			assume (rst);
`endif
	// What it asks of the engines: a command at a time, with something to move, at a beat.
	localparam [31:0] BEAT_MASK = BEAT - 1;
	always @(posedge clk)
		`MEA_ENV (!start || rst || (!active && row_beats != 0 && rows != 0 &&
					    (offset & BEAT_MASK) == 0 &&
					    (rows == 16'd1 || (pitch & BEAT_MASK) == 0)));
	// The command as it came, and what the bursts so far were, counted from the outside:
	// whole rows, and beats of the row that is under way, which begins at f_row.
	reg [31:0] f_pitch;
	reg [25:0] f_row_beats, f_beats;
	reg [15:0] f_rows, f_done;
	reg [32:0] f_row;
	wire [26:0] f_beats_next = {1'b0, f_beats} + {18'd0, req_beats};
	always @(posedge clk) begin
		if (start) begin
			{f_pitch, f_row_beats, f_rows} <= {pitch, row_beats, rows};
			f_row   <= {1'b0, offset};
			f_beats <= 26'd0;
			f_done  <= 16'd0;
		end else if (req_valid && req_ready) begin
			f_beats <= f_beats_next[25:0];
			if (f_beats_next == {1'b0, f_row_beats}) begin
				f_beats <= 26'd0;
				f_done  <= f_done + 16'd1;
				f_row   <= f_row + {1'b0, f_pitch};
			end
		end
	end
	wire [12:0] f_page = {1'b0, req_offset[11:0]} + ({4'd0, req_beats} << BEAT_LOG);
	always @(posedge clk)
		if (f_past) begin
			// Every beat of every row once and in order, and nothing else.
			if (req_valid) begin
				assert (req_beats != 0 && req_beats <= MAX_BURST);
				assert (f_page <= 13'd4096);
				assert (f_done < f_rows);
				assert (f_beats_next <= {1'b0, f_row_beats});
				assert (req_offset == f_row + ({7'd0, f_beats} << BEAT_LOG));
			end
			// It ends with the last beat of the last row, and not before.
			if (!$past(rst) && !$past(start) && $past(active))
				assert (active == (f_done != f_rows));
			// A request stays until it is taken.
			if (!$past(rst) && $past(req_valid) && !$past(req_ready) && !$past(start))
				assert (req_valid && $stable(req_offset) && $stable(req_beats));
			// What induction has to know.
			if (active) begin
				assert (f_done < f_rows && f_beats < f_row_beats);
				assert (rows_left == f_rows - f_done && rows_left != 0);
				assert (left == f_row_beats - f_beats && left != 0);
				assert (at == f_row + ({7'd0, f_beats} << BEAT_LOG) && row_at == f_row);
				assert (pitch_q == f_pitch && row_beats_q == f_row_beats);
				assert ((at[31:0] & BEAT_MASK) == 0);
				assert (rows_left == 16'd1 || (pitch_q & BEAT_MASK) == 0);
			end
			if (cut)
				assert (active && beats_q == beats && row_end == (left == {17'd0, beats}));
			cover (req_valid && f_done != 0 && f_beats != 0);
		end
`endif
endmodule

`resetall
