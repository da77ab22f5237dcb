# SPDX-License-Identifier: Apache-2.0
# utilisation.svg: how much of the multipliers' time is useful work, ours and others'. Ours is in
# the table of docs/measurements-hw.md (128-bit bus). Others' is what hw/fpga/peers quotes in per
# cent, or for a DPU, whose name tells its operations a cycle, frames x MAC / (clock x MAC a cycle).
function bar(class, percent) { printf "<rect class=\"%s\" x=\"250\" y=\"%g\" width=\"%.1f\" height=\"18\"/>\n", class, at - 14, 2.4 * percent }
function show(class, name, percent, source) {
	at += 30
	text(240, at, name, "text-anchor=\"end\"")
	bar(class, percent)
	text(256 + 2.4 * percent, at, percent " %", "font-weight=\"600\"")
	text(556, at, source, "class=\"dim\" font-size=\"12\"")
}
# Ours, then the peers on networks of the same family, the best first.
function family(name,   i, best) {
	at += 34
	text(16, at, name, "font-weight=\"600\"")
	show("ours", "mea 16x16, " net[name], array[name], "RTL, simulated; array only")
	bar("part", all[name])
	text(256, at, sprintf("%.1f %% of all multipliers", all[name]), "style=\"fill:#fff\" font-size=\"12\"")
	for (;;) {
		best = 0
		for (i = 1; i <= peers; i++)
			if (kin[i] == name && !shown[i] && (!best || percent[i] + 0 > percent[best] + 0))
				best = i
		if (!best)
			return
		shown[best] = 1
		show("peer", peer[best], percent[best], source[best])
	}
}
function note(y, s) { text(16, at + y, s, "class=\"dim\" font-size=\"12\"") }
BEGIN {
	FS = "|"
	head(376, "Utilisation of the multipliers, mea beside other accelerators",
		"Bars of useful multiply-accumulates over multipliers and cycles, for ResNets and MobileNetV2 of 224 x 224.")
}
/^#/ || (FILENAME ~ /peers/ && !/^[^|]*B4096|[0-9] %/) { next }
FILENAME ~ /peers/ {
	peers++
	kin[peers] = $4 ~ /^MobileNetV2/ ? "MobileNetV2" : "ResNet"
	sub(/, one core/, "", $1)
	sub(/^(AMD|Arm) /, "", $1)
	sub(/,.*/, "", $4)
	peer[peers] = $1 ", " $4
	source[peers] = $8 == "as above" ? last : $8
	last = source[peers]
	sub(/[:;].*/, "", source[peers])
	if (match($8, /[0-9.]+ %/))
		percent[peers] = substr($8, RSTART, RLENGTH - 2)
	else {
		match($1, /B[0-9]+/)
		percent[peers] = sprintf("%.1f", 100 * $5 * $6 / ($3 * substr($1, RSTART + 1, RLENGTH - 1) / 2))
	}
}
/^\| (ResNet18|MobileNetV2) B, main \| 16 / {
	name = $2 ~ /ResNet/ ? "ResNet" : "MobileNetV2"
	net[name] = $2 ~ /ResNet/ ? "ResNet18" : "MobileNetV2"
	array[name] = $5 + 0
	all[name] = $6 + 0
}
END {
	family("ResNet")
	family("MobileNetV2")
	note(36, "Whole networks, 224 x 224 pixels (the pull request on Gemmini names no size). mea: useful MACs / (multipliers x cycles),")
	note(53, "simulated RTL, DRAM latency 100 cycles, no board. DPU: frames x MACs / (clock x 2,048 MACs), measured on a ZCU104.")
	note(70, "Ethos-U55: from the 5.5 million cycles that the pull request names. Gemmini: as the pull request says.")
	print "</svg>"
}
