#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs `make demo` and prints a recording of its output as an SVG: each line comes up after the time
# it took, twenty times as fast. Without animation all lines are there. Build first (`make all sim`):
# the compiler's messages would be recorded too.
#
#   docs/pictures/demo.sh >docs/pictures/demo.svg      from the repository's root
set -eu
now() { date +%s.%N; }
record() {
	start=$(now)
	make demo 2>&1 | while IFS= read -r line; do
		printf '%s\t%s\t%s\n' "$start" "$(now)" "$line"
	done
}
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort -u | head -n 1)
record | LC_ALL=C awk -F '\t' -v where="$(date +%F), $(nproc) cores, $cpu" -f docs/pictures/svg.awk -f docs/pictures/demo.awk
