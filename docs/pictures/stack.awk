# SPDX-License-Identifier: Apache-2.0
# stack.svg: the parts of mea from the bundle to the RTL, and the three ways in which the RTL runs.
function small(x, y, s, anchor) { text(x, y, s, "class=\"dim\" font-size=\"12\" text-anchor=\"" anchor "\"") }
BEGIN {
	head(520, "The stack of mea",
		"Bundle, programs, libmea, backends ref, OpenCL and accel; below accel the driver in co-simulation with the Verilated RTL, the simulator, and the FPGA flow. mea serve is the cloud.")
	box("box", 16, 16, 178, 54, "bundle", "ONNX files, bundle.json")
	box("box", 220, 16, 370, 54, "mea", "train, quantize, run, bench, trace, top")
	rect("c", 640, 16, 144, 132)
	text(712, 58, "mea serve", "font-weight=\"600\" text-anchor=\"middle\"")
	small(712, 76, "runs the cloud model", "middle")
	box("a", 16, 94, 574, 54, "libmea", "planner, exits, deadlines, offload; interface mea.h")
	arrow("M105 70V92")
	arrow("M405 70V92")
	arrow("M590 121H638")
	small(614, 113, "HTTP", "middle")
	small(712, 118, "Open Inference", "middle")
	small(712, 134, "Protocol v2", "middle")

	box("b", 16, 184, 574, 46, "backend accel: commands and slots for one accelerator")
	box("box", 610, 184, 80, 46, "opencl", "CPU")
	box("box", 704, 184, 80, 46, "ref", "plain C")
	arrow("M303 148V182")
	arrow("M570 148V166H650V182")
	arrow("M650 166H744V182")
	small(697, 250, "all three give the same bits", "middle")

	# Co-simulation: the loop of driver and RTL.
	rect("guest", 16, 264, 402, 152)
	text(406, 284, "co-simulation", "font-weight=\"600\" text-anchor=\"end\"")
	rect("guest", 28, 296, 158, 110)
	box("b", 38, 308, 138, 66, "mea.ko", "driver, Linux 6.12")
	small(107, 394, "User-Mode Linux guest", "middle")
	box("b", 296, 308, 110, 66, "mea-cosim", "PCI device")
	arrow("M176 328H294")
	arrow("M296 356H178")
	small(241, 322, "registers", "middle")
	small(241, 373, "DMA, interrupts", "middle")
	arrow("M107 230V306")
	small(117, 250, "/dev/accel/accel0", "start")

	box("b", 436, 308, 154, 66, "simulator", "library in the program")
	arrow("M513 230V306")
	small(505, 250, "device sim", "end")

	box("box", 610, 308, 174, 66, "FPGA flow", "Yosys, nextpnr: ECP5")
	small(697, 298, "never on a board", "middle")

	box("a", 16, 452, 768, 52, "accelerator in Verilog", "systolic array, depthwise unit, DMA behind a guard that is proved")
	arrow("M351 452V376")
	arrow("M513 452V376")
	arrow("M697 452V376")
	small(359, 436, "Verilator", "start")
	small(521, 436, "Verilator", "start")
	small(705, 436, "synthesis", "start")
	print "</svg>"
}
