#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pictures.sh: a line for each picture that is not what its script draws from today's data, or is
# too large for a page. The recording of the demo differs from run to run; only its script is read.
draw=docs/pictures/draw.sh
git ls-files 'docs/pictures/*.svg' | while read -r svg; do
	name=$(basename "$svg" .svg)
	[ "$(wc -c <"$svg")" -lt 40960 ] || echo "$svg: 40 KB or more"
	[ "$name" = demo ] && continue
	$draw "$name" 2>&1 | cmp -s - "$svg" || echo "$svg: not what $draw draws; run make pictures"
done
sh -n docs/pictures/demo.sh 2>&1
