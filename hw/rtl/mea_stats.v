// SPDX-License-Identifier: Apache-2.0
//
// Purpose: the counters of a job and the record made of them, all a cycle behind what
// they count, since that comes from everywhere. Each cycle of a
// job belongs to exactly one class, so the classes sum to the cycles; the other
// counters are the events that energy is computed from. A job is bounded by a
// 32-bit cycle budget and no event counts more than four times a cycle, of which the
// engines reach one on average, so 32 bits do not wrap in any real program.
`resetall
`default_nettype none
`include "mea_isa.vh"

module mea_stats (
	input  wire          clk,
	input  wire          clear,

	// the class of this cycle, one bit set, or none outside a job
	input  wire [10:0]   class_now,

	input  wire [3:0]    act_reads,   // one bit per port
	input  wire [1:0]    act_writes,
	input  wire          wgt_read,
	input  wire          acc_update,
	input  wire          requant,
	input  wire          dw_mac,
	input  wire          rd_beat, wr_beat, rd_burst, wr_burst,

	input  wire          snap,
	input  wire          snap_final,
	input  wire [15:0]   snap_layer,
	input  wire [31:0]   tag,
	input  wire [31:0]   fault, fault_offset, fault_cmd, cycles,
	output reg  [1023:0] record
);
	reg [10:0] class_q;
	reg [9:0]  once;
	reg [2:0]  reads;
	reg [1:0]  writes;
	reg        clear_q, snap_q, final_q;
	reg [15:0] layer;
	reg [31:0] cycles_q;
	always @(posedge clk) begin
		class_q <= class_now;
		once    <= {dw_mac, wr_burst, rd_burst, wr_beat, rd_beat, requant, acc_update, wgt_read,
			    2'b00};
		reads   <= {2'd0, act_reads[0]} + {2'd0, act_reads[1]} + {2'd0, act_reads[2]} +
			   {2'd0, act_reads[3]};
		writes  <= {1'b0, act_writes[0]} + {1'b0, act_writes[1]};
		{clear_q, snap_q, final_q} <= {clear, snap, snap_final};
		layer    <= snap_layer;
		cycles_q <= cycles;
	end
	wire [21*32-1:0] all;

	genvar g;
	generate
		for (g = 0; g < 21; g = g + 1) begin : g_count
			reg [31:0] n;

			assign all[g*32 +: 32] = n;
			if (g < 11) begin : g_class
				always @(posedge clk)
					if (clear_q)
						n <= 32'd0;
					else if (class_q[g])
						n <= n + 32'd1;
			end else if (g == 11) begin : g_reads
				always @(posedge clk)
					if (clear_q)
						n <= 32'd0;
					else if (reads != 3'd0)
						n <= n + {29'd0, reads};
			end else if (g == 12) begin : g_writes
				always @(posedge clk)
					if (clear_q)
						n <= 32'd0;
					else if (writes != 2'd0)
						n <= n + {30'd0, writes};
			end else begin : g_once
				always @(posedge clk)
					if (clear_q)
						n <= 32'd0;
					else if (once[g-11])
						n <= n + 32'd1;
			end
		end
	endgenerate

	always @(posedge clk)
		if (snap_q)
			record <= {160'd0, all, cycles_q,
				   final_q ? fault_cmd : 32'd0,
				   final_q ? fault_offset : 32'd0,
				   final_q ? fault : 32'd0,
				   final_q ? tag : {16'd0, layer},
				   final_q ? 32'h4d454152 : 32'h4d454153};
endmodule

`resetall
