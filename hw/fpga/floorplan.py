#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gives the multipliers of a netlist their places on an ECP5-85F.

    floorplan.py CONFIG COLS FROM.json TO.json

FROM is what synth_ecp5 wrote. The device has three rows of multipliers over its whole
width. Left to itself the placer gathers all lanes in the middle, where the wires then do
not suffice; here each of the COLS lanes gets a strip of its own from top to bottom, and
its logic follows its multipliers. Which multiplier goes to which row stands in
`floorplan`. What is not named there, and all else, is the placer's.
"""
import json
import os
import re
import sys

# A row's multipliers: blocks of four, by the column a block begins at.
BLOCKS = (4, 13, 22, 31, 40, 49, 58, 69, 78, 87, 96, 105, 114)
PLACES = [(block + k, k) for block in BLOCKS for k in (0, 1, 4, 5)]
PRODUCT_BITS = 16


def die(why):
    sys.exit("floorplan.py: " + why)


def read_plan(config):
    """Row of the device -> names of a lane's multipliers in it."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "floorplan")
    plan = {}
    with open(path, encoding="ascii") as table:
        for line in table:
            words = line.split()
            if words and words[0] == config:
                plan[int(words[1])] = words[2:]
    return plan


def name_of(register, bit, cols):
    """(name, lane) of the multiplier whose product goes to a bit of a register, or None."""
    if register.endswith("array.g_plain.products"):
        k = bit // PRODUCT_BITS
        return f"a{k // cols}", k % cols
    if register.endswith("mac.g_multipliers.product"):
        k = bit // PRODUCT_BITS
        return f"d{k // cols}", k % cols
    found = re.search(r"g_lane\[(\d+)\]\.(?:multiply|join_residual)\.(?:g_\w+\.)?([hl][hlxy])$", register)
    return (found[2], int(found[1])) if found else None


def multipliers(module, cols):
    """(name, lane) -> cell, for each multiplier whose product lies in a known register."""
    who_of = {}
    for register, net in module["netnames"].items():
        for i, bit in enumerate(net["bits"]):
            who = name_of(register, i, cols)
            if who:
                who_of[bit] = who
    cells = module["cells"].values()
    behind = {c["connections"]["DI"][0]: c["connections"]["Q"][0] for c in cells if c["type"] == "TRELLIS_FF"}
    found = {}
    for cell in cells:
        if cell["type"] != "MULT18X18D":
            continue
        for port, bits in cell["connections"].items():
            who = who_of.get(behind.get(bits[0])) if bits and re.fullmatch(r"P\d+", port) else None
            if who:
                found[who] = cell
                break
    return found


def main():
    if len(sys.argv) != 5:
        die(__doc__.splitlines()[2].strip())
    config, cols, source, target = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    plan = read_plan(config)
    with open(source, encoding="utf-8") as file:
        netlist = json.load(file)
    found = multipliers(netlist["modules"]["mea_fit"], cols)
    for row, names in plan.items():
        for lane in range(cols):
            mine = [i for i in range(len(PLACES)) if lane <= (i + 0.5) * cols / len(PLACES) < lane + 1]
            if len(names) > len(mine):
                die(f"row {row} has {len(mine)} multipliers for a lane, not {len(names)}")
            for k, name in enumerate(names):
                if (name, lane) not in found:
                    die(f"no multiplier {name} of lane {lane} in {source}")
                x, z = PLACES[mine[int((k + 0.5) * len(mine) / len(names))]]
                found[name, lane]["attributes"]["BEL"] = f"X{x}/Y{row}/MULT18_{z}"
    with open(target, "w", encoding="utf-8") as file:
        json.dump(netlist, file)


if __name__ == "__main__":
    main()
