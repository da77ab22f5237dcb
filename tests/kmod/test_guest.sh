#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What every other test in the guest builds on: device, driver, and side channel.
set -u
n=0
check()
{
	local what=$1
	n=$((n + 1))
	shift
	if "$@"; then echo "ok $n - $what"; else echo "not ok $n - $what"; fi
}
ctl() { build/mea-cosim --ctl pci "$@"; }
counter() { ctl counters | grep -o "$1=[0-9]*" | cut -d= -f2; }

device=$(grep -lx 0x6d65 /sys/bus/pci/devices/*/device)
check "the device is on the PCI bus" test -e "$device"
check "the driver has it" test "$(basename "$(readlink "${device%/*}/driver")")" = mea
check "its node is there" test -c /dev/accel/accel0
ko=${COSIM_FOLDER:-build/cosim/fast}/mea/mea.ko
check "the module names its PCI function" grep -qa 'alias=pci:v00001234d00006D65' "$ko"
check "its device-tree node" grep -qa 'alias=of:N\*T\*Cmea,accel-1.0' "$ko"
check "and its platform device" grep -qa 'alias=platform:mea' "$ko"
check "the side channel answers" test "$(ctl ping)" = ok
check "the side channel refuses nonsense" eval '! ctl nonsense 2>/dev/null'
check "register accesses are counted" test "$(counter mmio_reads)" -gt 0
check "the tree is read-only" eval '! touch Makefile 2>/dev/null'
check "there is room to write" touch /run/out/x "$TMPDIR/x" /dev/shm/x
echo "1..$n"
