// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the DRAM side of a LOAD or STORE: walks its rows and proposes one
// burst after the other. It knows nothing of the data, so it may run ahead.
`resetall
`default_nettype none

module mea_rows #(
	parameter BEAT = 8,
	parameter MAX_BURST = 16
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
	localparam BEAT_LOG = $clog2(BEAT);

	reg        active;
	reg [32:0] at, row_at;
	reg [31:0] pitch_q;
	reg [25:0] left, row_beats_q;
	reg [15:0] rows_left;

	assign busy       = active;
	assign req_valid  = active;
	assign req_offset = at;

	mea_burst #(.BEAT(BEAT), .MAX_BURST(MAX_BURST)) burst (
		.offset(at[31:0]), .beats_left(left), .beats(req_beats)
	);

	wire row_end = left == {17'd0, req_beats};
	wire [32:0] row_next = row_at + {1'b0, pitch_q};

	always @(posedge clk) begin
		if (start) begin
			active    <= 1'b1;
			at        <= {1'b0, offset};
			row_at    <= {1'b0, offset};
			pitch_q   <= pitch;
			left      <= row_beats;
			row_beats_q <= row_beats;
			rows_left <= rows;
		end else if (active && req_ready) begin
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
			active <= 1'b0;
	end
endmodule

`resetall
