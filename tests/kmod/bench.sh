#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Overhead of the driver, in the guest: `make bench-kmod`. Figures per image are the
# difference of two runs, so that what happens once does not count.
#
#   tests/kmod/bench.sh [DATA]     DATA: CIFAR-100; without it only glyphs
set -eu
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT

build/tests/kmod/bench_jobs

counter() { build/mea-cosim --ctl pci counters | grep -o " $1=[0-9]*" | cut -d= -f2; }

# measure IMAGES ARGS...: before and after: jobs, messages, register reads and writes; then
# ioctls, submits, buffers; times and bytes copied into buffers and out of them, other bytes
# copied; images at main, at the extension
measure()
{
	local images=$1 before after
	shift
	before="$(counter irqs) $(counter messages) $(counter mmio_reads) $(counter mmio_writes)"
	rm -f "$T/ioctls" "$T/copies"
	IOCTLS=$T/ioctls COPIES=$T/copies LD_PRELOAD=$PWD/build/tests/kmod/count_ioctls.so \
		build/tests/kmod/mea-copies run "$@" --device drm --backend accel --limit "$images" --json >"$T/json"
	after="$(counter irqs) $(counter messages) $(counter mmio_reads) $(counter mmio_writes)"
	echo "$before $after $(cat "$T/ioctls" "$T/copies" | tr '\n' ' ')$(build/tests/e2e/helper json "$T/json" exits.0.images)" \
		"$(build/tests/e2e/helper json "$T/json" exits.1.images)"
}

network()
{
	local name=$1
	shift
	build/mea run "$@" --device drm --backend accel --limit 1 --json >"$T/json"
	for i in 0 1; do
		[ "$(build/tests/e2e/helper json "$T/json" exits.$i.images)" = 1 ] || continue
		echo "$name, one image alone: $(build/tests/e2e/helper json "$T/json" exits.$i.ms) ms" \
			"from submission to result, exit" \
			"$(build/tests/e2e/helper json "$T/json" exits.$i.name)"
	done
	{
		measure 4 "$@"
		measure 20 "$@"
	} | awk -v name="$name" '
		{ for (i = 1; i <= 4; i++) v[NR, i] = $(i + 4) - $i
		  for (i = 9; i <= 18; i++) v[NR, i] = $i }
		function d(i) { return v[2, i] - v[1, i] }
		END {
			n = d(17) + d(18); networks = n + d(18)
			printf "%s, per image of %d (%.2f networks each): %.2f ioctls (%.2f submits, %.2f buffers), " \
				"%.2f interrupts, %.2f messages, %.1f register reads, %.1f writes\n", name, n,
				networks / n, d(9) / n, d(10) / n, d(11) / n, d(1) / n, d(2) / n, d(3) / n, d(4) / n
			printf "%s, per network: %.2f submits, %.2f interrupts\n", name, d(10) / networks,
				d(1) / networks
			printf "%s, copies per image: %.2f into buffers (%.0f bytes), %.2f out of them (%.0f bytes), " \
				"%.0f bytes of anything else (weights, commands)\n", name, d(12) / n, d(13) / n,
				d(14) / n, d(15) / n, d(16) / n
			printf "%s, copied once, at load: %.0f bytes of weights and commands\n", name, v[1, 16]
		}'
}

network glyphs models/glyphs
[ $# -eq 0 ] || network ResNet32 models/cifar100-resnet32-a --data "$1"
