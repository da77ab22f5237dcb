# SPDX-License-Identifier: Apache-2.0
# figure7.svg: accuracy over the share of images sent to the cloud, the paper's networks and ours.
# Standard input has the paper's points: "paper", network A or B, threshold, % sent, % right. The
# table of docs/measurements.md#offload has ours: threshold, then sent and accuracy of A and of B.
function x(sent) { return 70 + 6.9 * sent }
function y(right) { return 376 - 24 * (right - 62) }
function point(whose, net, sent, right,   class) {
	class = "p" tolower(net) (whose == "paper" ? " theirs" : "")
	line[class] = line[class] sprintf("%s%.1f %.1f", (line[class] == "" ? "M" : "L"), x(sent), y(right))
	dots = dots sprintf("<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>\n", class, x(sent), y(right))
}
function key(at, class, s) {
	printf "<path class=\"%s\" d=\"M510 %dH546\"/><circle class=\"dot %s\" cx=\"528\" cy=\"%d\" r=\"3.5\"/>\n", class, at, class, at
	text(556, at + 5, s)
}
BEGIN {
	FS = "\t"
	head(476, "Figure 7 of the MEANet paper, beside mea",
		"Accuracy over the share of images sent to the cloud, for ResNet32 A and B of the paper and of mea. A point is an entropy threshold.")
	for (i = 62; i <= 76; i += 2) {
		printf "<path class=\"grid\" d=\"M70 %gH760\"/>\n", y(i)
		text(60, y(i) + 5, i " %", "class=\"dim\" text-anchor=\"end\"")
	}
	for (i = 0; i <= 100; i += 20)
		text(x(i), 398, i " %", "class=\"dim\" text-anchor=\"middle\"")
	text(415, 420, "images sent to the cloud", "class=\"dim\" text-anchor=\"middle\"")
	text(16, 24, "images answered right", "class=\"dim\"")
	text(16, 446, "CIFAR-100, 10,000 test images. A point is an entropy threshold, from 0 (all images are sent) to 3.", "class=\"dim\" font-size=\"12\"")
	text(16, 463, "Paper: Long et al., ICDCS 2021, doi 10.1109/ICDCS51616.2021.00061, labels of figure 7.", "class=\"dim\" font-size=\"12\"")
}
FILENAME == "-" { point($1, $2, $4, $5); next }
/^##+ / { FS = "[|% ]+"; on = /^## Offload/ }
on && /^\| [0-9]/ { point("mea", "A", $3, $4); point("mea", "B", $5, $6) }
END {
	split("pb,pa,pb theirs,pa theirs", class, ",")
	split("mea, ResNet32 B;mea, ResNet32 A;paper, ResNet32 B;paper, ResNet32 A", name, ";")
	for (i = 1; i <= 4; i++)
		printf "<path class=\"%s\" d=\"%s\"/>\n", class[i], line[class[i]]
	printf "%s", dots
	rect("card", 500, 264, 196, 96)
	for (i = 1; i <= 4; i++)
		key(258 + 22 * i, class[i], name[i])
	print "</svg>"
}
