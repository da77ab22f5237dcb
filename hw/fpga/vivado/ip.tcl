# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written without Vivado at hand.
#
# Describes mea_accel as an IP of Vivado's catalogue, with its AXI4 master, AXI4-Lite slave,
# clock, reset and interrupt:
#
#   vivado -mode batch -source hw/fpga/vivado/ip.tcl -tclargs PART      from the repository's root
#
# The IP goes to build/fpga/ip. PART: xc7z020clg400-1 unless given.
set part [expr {[llength $argv] > 0 ? [lindex $argv 0] : "xc7z020clg400-1"}]
set out build/fpga/ip
file mkdir $out

create_project -force mea_ip build/fpga/ip-project -part $part
add_files [glob hw/rtl/*.v] hw/isa/mea_isa.vh
set_property file_type {Verilog Header} [get_files mea_isa.vh]
set_property include_dirs [file normalize hw/isa] [current_fileset]
set_property top mea_accel [current_fileset]
update_compile_order -fileset sources_1

ipx::package_project -root_dir $out -vendor mea -library mea -taxonomy /UserIP -import_files
set core [ipx::current_core]
set_property name mea_accel $core
set_property display_name {mea int8 convolution accelerator} $core

# The buses are found by their ports' names; these are checked, since a bus that was missed
# would become loose wires in a block design.
foreach bus {s_axil m_axi} {
	if {[llength [ipx::get_bus_interfaces $bus -of_objects $core]] == 0} {
		error "ip.tcl: bus $bus was not inferred"
	}
}
ipx::infer_bus_interface clk xilinx.com:signal:clock_rtl:1.0 $core
ipx::infer_bus_interface rst xilinx.com:signal:reset_rtl:1.0 $core
ipx::infer_bus_interface irq xilinx.com:signal:interrupt_rtl:1.0 $core
ipx::associate_bus_interfaces -busif s_axil -clock clk $core
ipx::associate_bus_interfaces -busif m_axi -clock clk -reset rst $core
set reset [ipx::get_bus_interfaces rst -of_objects $core]
set_property value ACTIVE_HIGH [ipx::add_bus_parameter POLARITY $reset]
set interrupt [ipx::get_bus_interfaces irq -of_objects $core]
set_property value LEVEL_HIGH [ipx::add_bus_parameter SENSITIVITY $interrupt]

ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::save_core $core
close_project
