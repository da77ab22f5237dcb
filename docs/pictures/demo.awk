# SPDX-License-Identifier: Apache-2.0
# demo.svg from lines "start TAB now TAB text", as demo.sh records them. The widest line fills the
# picture; the reader's font is squeezed or stretched to that.
function take(s, when) {
	sub(/ +$/, "", s)
	said[++n] = s
	after[n] = when
	if (length(s) > widest)
		widest = length(s)
}
function line(i,   y) {
	y = 38 + 19 * i
	printf "<g style=\"animation-delay:%.2fs\">", after[i] / 20
	printf "<text x=\"14\" y=\"%d\" textLength=\"%.1f\" lengthAdjust=\"spacingAndGlyphs\">%s</text>", y, 772 / widest * length(said[i]), escape(said[i])
	# The time, where it is another one and there is room.
	if (after[i] - last > 0.05 && length(said[i]) < widest - 12) {
		printf "<text class=\"time\" x=\"786\" y=\"%d\" text-anchor=\"end\">%.1f s</text>", y, after[i]
		last = after[i]
	}
	print "</g>"
}
BEGIN { take("$ make demo", 0) }
{ take($3, $2 - $1) }
END {
	height = 38 + 19 * n + 20
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 %d\" role=\"img\"", height
	print " font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"13\" xml:space=\"preserve\">"
	print "<!-- SPDX-License-Identifier: Apache-2.0; made by docs/pictures/demo.sh -->"
	print "<title>make demo</title><desc>A recording of make demo: 200 glyphs, for each exit images, accuracy, cycles, utilisation and times.</desc>"
	print "<style>text{fill:#e6edf3;white-space:pre}.time,.bar{fill:#9198a1}g{animation:come .01s backwards}"
	print "@keyframes come{from{opacity:.2}}@media(prefers-reduced-motion){g{animation:none}}</style>"
	printf "<rect x=\".5\" y=\".5\" width=\"799\" height=\"%d\" rx=\"8\" fill=\"#0d1117\" stroke=\"#3d444d\"/>\n", height - 1
	print "<circle cx=\"18\" cy=\"17\" r=\"5\" fill=\"#f85149\"/><circle cx=\"35\" cy=\"17\" r=\"5\" fill=\"#d29922\"/><circle cx=\"52\" cy=\"17\" r=\"5\" fill=\"#3fb950\"/>"
	printf "<text class=\"bar\" x=\"786\" y=\"21\" font-size=\"12\" text-anchor=\"end\">recorded %s</text>\n", escape(where)
	for (i = 1; i <= n; i++)
		line(i)
	print "</svg>"
}
