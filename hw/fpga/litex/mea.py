# SPDX-License-Identifier: Apache-2.0
"""mea_accel as a LiteX module: registers on the SoC's bus, DMA on a port of LiteDRAM.

The port goes to the DRAM controller itself, past the L2 cache, so that a burst stays one;
a SoC with an L2 cache would have to flush it, and is refused.
"""
import os

from migen import ClockSignal, Instance, ResetSignal, Signal

from litex.gen import LiteXModule
from litex.soc.integration.soc import SoCRegion
from litex.soc.interconnect import axi

from litedram.frontend.axi import LiteDRAMAXI2Native, LiteDRAMAXIPort

HW = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def parameters(name):
    """Parameters of a named configuration of hw/configs, for ECP5."""
    with open(os.path.join(HW, "configs")) as f:
        for line in f:
            fields = line.split()
            if fields[:2] == [name, "ecp5"]:
                return {k: int(v) for k, v in (p.split("=") for p in fields[2].split(","))}
    raise ValueError(f"{name}: no configuration of family ecp5 in hw/configs")


class _Event:
    """What LiteX looks for to wire an interrupt."""
    def __init__(self):
        self.irq = Signal()


class Mea(LiteXModule):
    """registers: AXI4-Lite slave of one page; dma: AXI4 master; ev.irq: level interrupt."""
    def __init__(self, platform, config, clock, address_width=32):
        params = parameters(config)
        width = params["AXI_DW"]
        self.registers = r = axi.AXILiteInterface(data_width=32, address_width=32)
        self.dma = m = LiteDRAMAXIPort(width, address_width, id_width=1)
        self.ev = _Event()

        ports = dict(i_clk=ClockSignal(), i_rst=ResetSignal(), o_irq=self.ev.irq)
        for channel, signals in dict(aw="addr", w="data strb", b="", ar="addr", r="data").items():
            c, inward = getattr(r, channel), channel in ("aw", "w", "ar")
            for s in signals.split():
                signal = getattr(c, s)
                ports[f"{'i' if inward else 'o'}_s_axil_{channel}{s}"] = (
                    signal[:12] if s == "addr" else signal)
            ports[f"{'i' if inward else 'o'}_s_axil_{channel}valid"] = c.valid
            ports[f"{'o' if inward else 'i'}_s_axil_{channel}ready"] = c.ready
        ports.update(o_s_axil_bresp=r.b.resp, o_s_axil_rresp=r.r.resp)
        for channel in ("ar", "aw"):
            c = getattr(m, channel)
            for s in ("addr", "len", "size", "burst", "valid"):
                ports[f"o_m_axi_{channel}{s}"] = getattr(c, s)
            ports[f"i_m_axi_{channel}ready"] = c.ready
        ports.update(
            i_m_axi_rdata=m.r.data, i_m_axi_rresp=m.r.resp, i_m_axi_rvalid=m.r.valid,
            o_m_axi_rready=m.r.ready, o_m_axi_wdata=m.w.data, o_m_axi_wstrb=m.w.strb,
            o_m_axi_wlast=m.w.last, o_m_axi_wvalid=m.w.valid, i_m_axi_wready=m.w.ready,
            i_m_axi_bresp=m.b.resp, i_m_axi_bvalid=m.b.valid, o_m_axi_bready=m.b.ready)
        params.update(AXI_AW=address_width, CLOCK_KHZ=int(clock / 1000))
        self.specials += Instance("mea_accel", **{f"p_{k}": v for k, v in params.items()}, **ports)

        platform.add_verilog_include_path(os.path.join(HW, "isa"))
        platform.add_source_dir(os.path.join(HW, "rtl"), recursive=False)


def add_mea(soc, config, origin=0x90000000):
    """Adds the accelerator to a SoC that has LiteDRAM and no L2 cache."""
    if soc.constants.get("CONFIG_L2_SIZE", 0):
        raise ValueError("the SoC has an L2 cache, which the accelerator's DMA would go past")
    soc.mea = Mea(soc.platform, config, soc.sys_clk_freq)
    soc.bus.add_slave("mea", soc.mea.registers, SoCRegion(origin=origin, size=0x1000, cached=False))
    soc.irq.add("mea")
    port = soc.sdram.crossbar.get_port(data_width=soc.mea.dma.data_width)
    soc.submodules += LiteDRAMAXI2Native(
        soc.mea.dma, port, base_address=soc.bus.regions["main_ram"].origin)
