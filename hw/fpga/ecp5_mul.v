// SPDX-License-Identifier: Apache-2.0
//
// Purpose: products on the MULT18X18D of an ECP5 with their factors at the upper end. Yosys puts
// narrow ones at the lower end, where the sign goes to every pin above: 20 more for int8 times
// int8, in an array of which the wires around the multipliers were what did not route. Zeros
// below cost no wire: a pin is tied to one inside the block.
//
// A techmap file (place.sh): not simulated, not for other families.
(* techmap_celltype = "$mul" *)
module mea_ecp5_mul (A, B, Y);
	parameter A_SIGNED = 0, B_SIGNED = 0, A_WIDTH = 1, B_WIDTH = 1, Y_WIDTH = 1;
	input  [A_WIDTH-1:0] A;
	input  [B_WIDTH-1:0] B;
	output [Y_WIDTH-1:0] Y;
	localparam WIDTH = A_WIDTH + B_WIDTH;

	// What is too wide, Yosys cuts into parts; what is narrower than this is cheap in LUTs.
	wire _TECHMAP_FAIL_ = A_WIDTH > 18 || B_WIDTH > 18 || A_WIDTH < 4 || B_WIDTH < 4;

	wire [17:0] a = {A, {(18-A_WIDTH){1'b0}}};
	wire [17:0] b = {B, {(18-B_WIDTH){1'b0}}};
	wire [35:0] p;
	wire [WIDTH-1:0] whole = p[35:36-WIDTH];
	generate
		if (Y_WIDTH <= WIDTH)
			assign Y = whole[Y_WIDTH-1:0];
		else
			assign Y = {{(Y_WIDTH-WIDTH){A_SIGNED && whole[WIDTH-1]}}, whole};
	endgenerate

	MULT18X18D multiplier (
		.A0(a[0]), .A1(a[1]), .A2(a[2]), .A3(a[3]),
		.A4(a[4]), .A5(a[5]), .A6(a[6]), .A7(a[7]),
		.A8(a[8]), .A9(a[9]), .A10(a[10]), .A11(a[11]),
		.A12(a[12]), .A13(a[13]), .A14(a[14]), .A15(a[15]),
		.A16(a[16]), .A17(a[17]),
		.B0(b[0]), .B1(b[1]), .B2(b[2]), .B3(b[3]),
		.B4(b[4]), .B5(b[5]), .B6(b[6]), .B7(b[7]),
		.B8(b[8]), .B9(b[9]), .B10(b[10]), .B11(b[11]),
		.B12(b[12]), .B13(b[13]), .B14(b[14]), .B15(b[15]),
		.B16(b[16]), .B17(b[17]),
		.C0(1'b0), .C1(1'b0), .C2(1'b0), .C3(1'b0),
		.C4(1'b0), .C5(1'b0), .C6(1'b0), .C7(1'b0),
		.C8(1'b0), .C9(1'b0), .C10(1'b0), .C11(1'b0),
		.C12(1'b0), .C13(1'b0), .C14(1'b0), .C15(1'b0),
		.C16(1'b0), .C17(1'b0),
		.SIGNEDA(A_SIGNED ? 1'b1 : 1'b0), .SIGNEDB(B_SIGNED ? 1'b1 : 1'b0),
		.SOURCEA(1'b0), .SOURCEB(1'b0),
		.P0(p[0]), .P1(p[1]), .P2(p[2]), .P3(p[3]),
		.P4(p[4]), .P5(p[5]), .P6(p[6]), .P7(p[7]),
		.P8(p[8]), .P9(p[9]), .P10(p[10]), .P11(p[11]),
		.P12(p[12]), .P13(p[13]), .P14(p[14]), .P15(p[15]),
		.P16(p[16]), .P17(p[17]), .P18(p[18]), .P19(p[19]),
		.P20(p[20]), .P21(p[21]), .P22(p[22]), .P23(p[23]),
		.P24(p[24]), .P25(p[25]), .P26(p[26]), .P27(p[27]),
		.P28(p[28]), .P29(p[29]), .P30(p[30]), .P31(p[31]),
		.P32(p[32]), .P33(p[33]), .P34(p[34]), .P35(p[35])
	);
endmodule
