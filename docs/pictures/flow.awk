# SPDX-License-Identifier: Apache-2.0
# flow.svg from flow.json: the paths of an image, and what each costs.
#   first line: bundle images threshold MHz accelerator-model radio-model
#   others: path share accuracy accelerator-ms radio-ms mJ; "-" is what a path does not have
BEGIN { FS = "\t"; y["main"] = 76; y["extension"] = 158; y["cloud"] = 240; y["all"] = 302; y["only cloud"] = 326 }
function right(x, y, s, more) { text(x, y, s, "text-anchor=\"end\" " more) }
function row(name, share, accuracy, ms, mj) {
	right(594, y[name] + 5, share, "font-weight=\"600\"")
	right(662, y[name] + 5, accuracy)
	right(720, y[name] + 5, ms)
	right(782, y[name] + 5, mj)
}
function thousands(n) { return n < 1000 ? n : int(n / 1000) "," substr(n, length(n) - 2) }
function percent(x, digits) { return sprintf("%.*f %%", digits, 100 * x) }
NR == 1 {
	head(412, "An image leaves mea at one of three exits",
		"Main looks at every image. Sure answers of easy classes leave at once, hard classes go to the extension, unsure images to the cloud.")
	split("share,right,ms,mJ", name, ",")
	split("594,662,720,782", x, ",")
	for (i = 1; i <= 4; i++)
		right(x[i], 36, name[i], "class=\"dim\"")
	right(782, 20, "modelled", "class=\"dim\" font-size=\"12\"")
	box("box", 18, 130, 82, 56, "image", "32 x 32")
	box("a", 136, 118, 132, 80, "main", "sees every image")
	box("b", 398, 132, 112, 52, "extension", "hard classes")
	box("c", 398, 214, 112, 52, "cloud", "larger model")
	arrow("M100 158H134")
	arrow("M268 158H396")
	arrow("M290 158V76H530")
	arrow("M290 158V240H396")
	arrow("M510 158H530")
	arrow("M510 240H530")
	text(304, 68, "sure, easy class: it leaves")
	text(304, 150, "hard class")
	text(304, 232, "unsure")
	print "<path class=\"grid\" d=\"M16 280.5H784\"/>"
	text(18, 307, "all images: edge and cloud", "font-weight=\"600\"")
	text(18, 331, "for comparison: every image to the cloud", "class=\"dim\"")
	text(18, 362, $1 ", int8, " thousands($2) " test images of CIFAR-100, entropy threshold " $3 " nats.", "class=\"dim\" font-size=\"12\"")
	text(18, 379, "ms: cycles of the simulated RTL at " $4 " MHz; a sent image adds the radio's time by a model, not the server's.", "class=\"dim\" font-size=\"12\"")
	text(18, 396, "mJ: modelled (accelerator " $5 ", radio " $6 "), read from no sensor.", "class=\"dim\" font-size=\"12\"")
	next
}
{ row($1, percent($2, 1), percent($3, 2), ($4 + $5 ? sprintf("%.2f", $4 + $5) : "-"), sprintf("%.3f", $6)) }
END { print "</svg>" }
