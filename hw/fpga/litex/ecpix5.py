#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Linux-capable SoC with the accelerator for the ECPIX-5 85F (LFE5UM5G-85F-8BG554I, 512 MiB
of DDR3): VexRiscv with MMU, LiteDRAM, UART, mea_accel. Pins are those of litex-boards.

    ecpix5.py [--config small] [--clock MHz] [--build] [--output DIR]

Without --build the sources and the script of the open flow are only written.
"""
import argparse

from litex.soc.integration.builder import Builder

from litex_boards.targets.lambdaconcept_ecpix5 import BaseSoC

from mea import add_mea


def main():
    parser = argparse.ArgumentParser(description="SoC with mea_accel for the ECPIX-5 85F")
    parser.add_argument("--config", default="small", help="configuration of hw/configs")
    parser.add_argument("--clock", type=float, default=75, help="MHz")
    parser.add_argument("--build", action="store_true", help="run yosys and nextpnr")
    parser.add_argument("--output", default="build/fpga/litex-ecpix5")
    args = parser.parse_args()

    soc = BaseSoC(device="85F", sys_clk_freq=args.clock * 1e6, cpu_type="vexriscv",
                  cpu_variant="linux", l2_size=0, integrated_rom_size=0x10000)
    add_mea(soc, args.config)
    Builder(soc, output_dir=args.output, compile_software=args.build,
            compile_gateware=args.build).build(run=args.build, build_name="mea_ecpix5")


if __name__ == "__main__":
    main()
