# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written without Vivado at hand.
#
# A block design with the processor and mea_accel: registers on a general-purpose AXI port,
# DMA on a high-performance port, the interrupt into the processor.
#
#   vivado -mode batch -source hw/fpga/vivado/block.tcl -tclargs BOARD       after ip.tcl
#
# BOARD: zynq7020 (configuration base: 16x16, two products in a DSP48E1, 64-bit HP port) or
# zynqmp (large: 32x32, DSP48E2, 128-bit HP port). Only the parts of the boards are named, not
# the boards: DDR, clocks and MIO of the processor are the board files' own business.
set board [expr {[llength $argv] > 0 ? [lindex $argv 0] : "zynq7020"}]
switch $board {
	zynq7020 { set part xc7z020clg400-1; set config base; set family xc7; set mhz 100 }
	zynqmp   { set part xck26-sfvc784-2LV-c; set config large; set family vivado; set mhz 200 }
	default  { error "block.tcl: $board: zynq7020 or zynqmp" }
}

# The parameters of hw/configs.
set params {}
set file [open hw/configs]
foreach line [split [read $file] "\n"] {
	if {[lindex $line 0] eq $config && [lindex $line 1] eq $family} {
		foreach p [split [lindex $line 2] ,] {
			lassign [split $p =] name value
			lappend params CONFIG.$name $value
		}
	}
}
close $file
if {[llength $params] == 0} { error "block.tcl: $config $family is not in hw/configs" }
lappend params CONFIG.CLOCK_KHZ [expr {$mhz * 1000}]

create_project -force mea_$board build/fpga/$board -part $part
set_property ip_repo_paths build/fpga/ip [current_project]
update_ip_catalog
create_bd_design mea

if {$board eq "zynq7020"} {
	# S_AXI_HP ports speak AXI3: bursts of 16 beats, which is MAX_BURST.
	set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 ps]
	set_property -dict [list CONFIG.PCW_USE_M_AXI_GP0 1 CONFIG.PCW_USE_S_AXI_HP0 1 \
		CONFIG.PCW_S_AXI_HP0_DATA_WIDTH 64 CONFIG.PCW_USE_FABRIC_INTERRUPT 1 \
		CONFIG.PCW_IRQ_F2P_INTR 1 CONFIG.PCW_EN_CLK0_PORT 1 \
		CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $mhz] $ps
	set clock ps/FCLK_CLK0; set reset ps/FCLK_RESET0_N
	set master ps/M_AXI_GP0; set slave ps/S_AXI_HP0; set irq ps/IRQ_F2P
	set clocks {ps/M_AXI_GP0_ACLK ps/S_AXI_HP0_ACLK}
	lappend params CONFIG.AXI_AW 32
} else {
	set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e ps]
	set_property -dict [list CONFIG.PSU__USE__M_AXI_GP0 1 CONFIG.PSU__USE__M_AXI_GP1 0 \
		CONFIG.PSU__USE__S_AXI_GP2 1 CONFIG.PSU__SAXIGP2__DATA_WIDTH 128 \
		CONFIG.PSU__USE__IRQ0 1 CONFIG.PSU__FPGA_PL0_ENABLE 1 \
		CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $mhz] $ps
	set clock ps/pl_clk0; set reset ps/pl_resetn0
	set master ps/M_AXI_HPM0_FPD; set slave ps/S_AXI_HP0_FPD; set irq ps/pl_ps_irq0
	set clocks {ps/maxihpm0_fpd_aclk ps/saxihp0_fpd_aclk}
}

set mea [create_bd_cell -type ip -vlnv mea:mea:mea_accel mea]
set_property -dict $params $mea
set sync [create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset sync]
set registers [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect registers]
set_property -dict {CONFIG.NUM_SI 1 CONFIG.NUM_MI 1} $registers
set memory [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect memory]
set_property -dict {CONFIG.NUM_SI 1 CONFIG.NUM_MI 1} $memory

connect_bd_net [get_bd_pins $clock] [get_bd_pins mea/clk] [get_bd_pins sync/slowest_sync_clk] \
	[get_bd_pins registers/aclk] [get_bd_pins memory/aclk]
foreach pin $clocks { connect_bd_net [get_bd_pins $clock] [get_bd_pins $pin] }
connect_bd_net [get_bd_pins $reset] [get_bd_pins sync/ext_reset_in]
connect_bd_net [get_bd_pins sync/peripheral_reset] [get_bd_pins mea/rst]
connect_bd_net [get_bd_pins sync/interconnect_aresetn] [get_bd_pins registers/aresetn] \
	[get_bd_pins memory/aresetn]
connect_bd_intf_net [get_bd_intf_pins $master] [get_bd_intf_pins registers/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins registers/M00_AXI] [get_bd_intf_pins mea/s_axil]
connect_bd_intf_net [get_bd_intf_pins mea/m_axi] [get_bd_intf_pins memory/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins memory/M00_AXI] [get_bd_intf_pins $slave]
connect_bd_net [get_bd_pins mea/irq] [get_bd_pins $irq]

assign_bd_address
validate_bd_design
save_bd_design
make_wrapper -files [get_files mea.bd] -top -import
launch_runs impl_1 -to_step write_bitstream -jobs 2
wait_on_run impl_1
open_run impl_1
report_utilization -file build/fpga/$board/utilization.txt
report_timing_summary -file build/fpga/$board/timing.txt
