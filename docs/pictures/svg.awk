# SPDX-License-Identifier: Apache-2.0
# What the pictures share: a card with a ground of its own, so that it reads on any page, and its
# light and dark colours. Lengths are pixels of a picture that is 800 wide.

# title: what a tooltip shows; desc: what a screen reader says.
function head(height, title, desc) {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 %d\" role=\"img\"", height
	print " font-family=\"system-ui,'Segoe UI',Helvetica,Arial,sans-serif\" font-size=\"13\">"
	print "<!-- SPDX-License-Identifier: Apache-2.0; made by make pictures -->"
	print "<title>" escape(title) "</title><desc>" escape(desc) "</desc>"
	print "<style>"
	print "text{fill:#1f2328}.dim{fill:#59636e}.card{fill:#fff;stroke:#d1d9e0}.box{fill:#f6f8fa;stroke:#818b98}"
	print ".a{fill:#ddf4ff;stroke:#0969da}.b{fill:#dafbe1;stroke:#1a7f37}.c{fill:#fbefff;stroke:#8250df}"
	print ".guest,.line{fill:none;stroke:#59636e}.guest{stroke-dasharray:5 4}.line{stroke-width:1.5}.tip{fill:#59636e}"
	print ".grid{stroke:#d1d9e0}.ours{fill:#54aeff}.part{fill:#0550ae}.peer{fill:#818b98}"
	print ".pa,.pb{fill:none;stroke-width:2}.pa{stroke:#0969da}.pb{stroke:#8250df}.theirs{stroke-dasharray:6 4}"
	print ".dot.pa{fill:#0969da}.dot.pb{fill:#8250df}.dot.theirs{fill:#fff;stroke-dasharray:none}"
	print "@media(prefers-color-scheme:dark){"
	print "text{fill:#f0f6fc}.dim{fill:#a8b1bb}.card{fill:#0d1117;stroke:#3d444d}.box{fill:#151b23;stroke:#9198a1}"
	print ".a{fill:#0c2d6b;stroke:#58a6ff}.b{fill:#033a16;stroke:#3fb950}.c{fill:#3c1e70;stroke:#be8fff}"
	print ".guest,.line{stroke:#9198a1}.tip{fill:#9198a1}.grid{stroke:#3d444d}"
	print ".ours{fill:#388bfd}.part{fill:#1158c7}.peer{fill:#6e7681}.pa{stroke:#58a6ff}.pb{stroke:#be8fff}"
	print ".dot.pa{fill:#58a6ff}.dot.pb{fill:#be8fff}.dot.theirs{fill:#0d1117}"
	print "}</style>"
	print "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\""
	print " markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"tip\" d=\"M0 0L8 4L0 8z\"/></marker></defs>"
	printf "<rect class=\"card\" x=\".5\" y=\".5\" width=\"799\" height=\"%d\" rx=\"8\"/>\n", height - 1
}
function escape(s) {
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	gsub(/>/, "\\&gt;", s)
	return s
}
# more: attributes such as "class=\"dim\" text-anchor=\"end\"".
function text(x, y, s, more) {
	printf "<text x=\"%g\" y=\"%g\"%s>%s</text>\n", x, y, (more == "" ? "" : " " more), escape(s)
}
function rect(class, x, y, w, h) {
	printf "<rect class=\"%s\" x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" rx=\"4\"/>\n", class, x, y, w, h
}
# A box with a name and, under it, a dim line.
function box(class, x, y, w, h, name, under) {
	rect(class, x, y, w, h)
	text(x + w / 2, y + h / 2 + (under == "" ? 5 : -3), name, "text-anchor=\"middle\" font-weight=\"600\"")
	if (under != "")
		text(x + w / 2, y + h / 2 + 15, under, "class=\"dim\" text-anchor=\"middle\" font-size=\"12\"")
}
# path: as in SVG; the tip is at its end.
function arrow(path) {
	printf "<path class=\"line\" d=\"%s\" marker-end=\"url(#tip)\"/>\n", path
}
