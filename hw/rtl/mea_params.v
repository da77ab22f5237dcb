// SPDX-License-Identifier: Apache-2.0
//
// Purpose: refuses parameters of mea_accel that the design is not made for. Verilog-2001
// has no error of its own for that, so each rule that is broken asks for a module that
// does not exist and whose name is the rule; every tool stops there and prints the name.
//
// Where the limits come from: addresses in commands have 20 bits; MAX_BURST, ACT_BANKS,
// ACC_DEPTH, STEM_WORDS and DW_LINE are powers of two that a field of CONFIG holds.
`resetall
`default_nettype none

module mea_params #(
	// those of mea_accel, which says what they are
	parameter integer ROWS = 16,
	parameter integer COLS = 16,
	parameter integer AXI_DW = 64,
	parameter integer AXI_AW = 40,
	parameter integer MAX_BURST = 16,
	parameter integer ACT_WORDS = 16384,
	parameter integer ACT_BANKS = 4,
	parameter integer WGT_WORDS = 4096,
	parameter integer ACC_DEPTH = 1024,
	parameter integer STEM_WORDS = 512,
	parameter integer PSUM_W = 32,
	parameter integer DW_TAPS = 3,
	parameter integer DW_LINE = 512,
	parameter integer TABLES = 8,
	parameter integer PRODUCTS = 1,
	parameter integer PACK = 0,
	parameter integer DW_LUTS = 0,
	parameter integer JOIN_LUTS = 0,
	parameter integer CLOCK_KHZ = 0
) ();
	// n is a power of two, at least `least` and at most `most`
	function power(input integer n, input integer least, input integer most);
		power = n >= least && n <= most && (n & (n - 1)) == 0;
	endfunction

	generate
		if (!power(ROWS, 4, 32)) begin : g_rows
			ROWS_must_be_4_8_16_or_32 refused ();
		end else if (PSUM_W < 18 + $clog2(ROWS) || PSUM_W > 32) begin : g_psum_w
			PSUM_W_must_be_18_plus_log2_of_ROWS_to_32 refused ();
		end
		if (!power(COLS, 4, 32)) begin : g_cols
			COLS_must_be_4_8_16_or_32 refused ();
		end
		if (AXI_DW != 64 && AXI_DW != 128) begin : g_axi_dw
			AXI_DW_must_be_64_or_128 refused ();
		end
		if (AXI_AW < 32 || AXI_AW > 64) begin : g_axi_aw
			AXI_AW_must_be_32_to_64 refused ();
		end
		// A command, which is fetched whole, is eight beats of the narrow bus.
		if (!power(MAX_BURST, 8, 128)) begin : g_max_burst
			MAX_BURST_must_be_a_power_of_two_from_8_to_128 refused ();
		end
		if (!power(ACT_BANKS, 2, 128)) begin : g_act_banks
			ACT_BANKS_must_be_a_power_of_two_from_2_to_128 refused ();
		end else if (!power(ACT_WORDS, 2 * ACT_BANKS, 1 << 20)) begin : g_act_words
			ACT_WORDS_must_be_a_power_of_two_from_2_x_ACT_BANKS_to_1048576 refused ();
		end
		// A tile of 32 rows and its parameters are 21 words.
		if (!power(WGT_WORDS, 32, 1 << 20)) begin : g_wgt_words
			WGT_WORDS_must_be_a_power_of_two_from_32_to_1048576 refused ();
		end
		if (!power(ACC_DEPTH, 2, 32768)) begin : g_acc_depth
			ACC_DEPTH_must_be_a_power_of_two_from_2_to_32768 refused ();
		end
		if (!power(STEM_WORDS, 2, 32768)) begin : g_stem_words
			STEM_WORDS_must_be_a_power_of_two_from_2_to_32768 refused ();
		end
		if (DW_TAPS != 0 && DW_TAPS != 1 && DW_TAPS != 3 && DW_TAPS != 9) begin : g_dw_taps
			DW_TAPS_must_be_0_1_3_or_9 refused ();
		end
		if (!power(DW_LINE, 4, 2048)) begin : g_dw_line
			DW_LINE_must_be_a_power_of_two_from_4_to_2048 refused ();
		end
		if (TABLES != 0 && !power(TABLES, 2, 8)) begin : g_tables
			TABLES_must_be_0_2_4_or_8 refused ();
		end
		if (PRODUCTS != 0 && PRODUCTS != 1) begin : g_products
			PRODUCTS_must_be_0_or_1 refused ();
		end
		if (PACK != 0 && PACK != 16 && PACK != 18) begin : g_pack
			PACK_must_be_0_16_or_18 refused ();
		end
		if (DW_LUTS != 0 && DW_LUTS != 1) begin : g_dw_luts
			DW_LUTS_must_be_0_or_1 refused ();
		end
		if (JOIN_LUTS != 0 && JOIN_LUTS != 1) begin : g_join_luts
			JOIN_LUTS_must_be_0_or_1 refused ();
		end
		if (CLOCK_KHZ < 0) begin : g_clock_khz
			CLOCK_KHZ_must_not_be_negative refused ();
		end
	endgenerate
endmodule

`resetall
