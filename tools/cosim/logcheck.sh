#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Finds faults that a kernel reports in its log.
#
#   tools/cosim/logcheck.sh [--unplug] LOG [REGEX]
#
# REGEX: lines that are no fault. --unplug: the device went away under the guest, which
# the virtual PCI bus of User-Mode Linux itself warns of and leaks at. Prints what it
# found and ends with status 1, or prints nothing.
set -u
faults='WARNING|BUG:|BUG |KASAN|KCSAN|UBSAN|Oops|Kernel panic|Kernel mode fault|[Gg]eneral protection'
faults+='|possible circular|possible recursive|possible irq lock|inconsistent lock state'
faults+='|suspicious RCU|bad unlock|held lock freed|still held|Invalid wait context|lock held when'
faults+='|turning off the locking|sleeping function|scheduling while atomic'
faults+='|unreferenced object|kmemleak: [0-9]+ new|DMA-API|ODEBUG|refcount_t|list_add corruption'
faults+='|list_del corruption|[Bb]ad page|Poison overwritten|Redzone|Slab corruption'
faults+='|Object already free|blocked for more than|workqueue lockup|self-detected stall'
faults+='|nobody cared|usercopy:|unbalanced|init: error'
# What the detectors say of themselves when they start.
fine='DMA-API: preallocated|DMA-API: debugging enabled|Lock dependency validator'
fine+='|kmemleak: Kernel memory leak detector'
unplug=0
if [ "$1" = --unplug ]; then
	unplug=1
	fine+='|at arch/um/drivers/(virt-pci|virtio_uml)\.c|at drivers/virtio/virtio'
	# Each leak is looked at below.
	fine+='|kmemleak: [0-9]+ new suspected'
	shift
	# What another device has mapped, the driver cannot give back, and says so.
	! grep -q 'memory of .* buffers .* is kept for good' "$1" ||
		fine+='|dma_debug_device_change|device driver has pending DMA allocations|DMA-API: Mapped at'
fi
[ -z "${2-}" ] || fine+="|$2"

# Call traces of UML hold much that only looks like a return address. A report of
# kmemleak is one unit: its first line, and indented ones.
awk -v faults="$faults" -v fine="$fine" -v unplug="$unplug" '
	function finish_leak() {
		if (leak != "" && !(unplug && leak ~ /um_pci_|vu_|virtio_uml|vring_/)) {
			printf "%s    ---\n", leak
			found++
		}
		leak = ""
	}
	/>\] \? / { next }
	leak != "" && /^ / { leak = leak "    " $0 "\n"; next }
	leak != "" { finish_leak() }
	/^unreferenced object/ { leak = "    " $0 "\n"; next }
	show > 0 { print "    " $0; show--; next }
	$0 ~ faults && $0 !~ fine {
		if (found++ < 5) {
			print "    " $0
			show = 20
		}
	}
	END { finish_leak(); exit found > 0 }
' "$1" >"${TMPDIR:-/tmp}/logcheck.$$" || {
	echo "logcheck: the kernel reports faults:"
	head -120 "${TMPDIR:-/tmp}/logcheck.$$"
	rm -f "${TMPDIR:-/tmp}/logcheck.$$"
	exit 1
}
rm -f "${TMPDIR:-/tmp}/logcheck.$$"
