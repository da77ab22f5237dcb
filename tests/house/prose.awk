# SPDX-License-Identifier: Apache-2.0
# Prints what is hard to read in Markdown files: "FILE:LINE: N columns" for a line of more than 120
# columns, "FILE:LINE: N words: ..." for a sentence of more than 35 words. Code blocks are passed over.
# A sentence ends at a full stop, question or exclamation mark, colon or semicolon with white space
# behind it, at an empty line, at a table's cell and where a list's item begins.
function flush() {
	if (words > 35)
		printf "%s:%d: %d words: %s ...\n", FILENAME, start, words, first
	words = 0
	first = ""
}
function take(text,   n, i, word) {
	n = split(text, word, /[ \t]+/)
	for (i = 1; i <= n; i++) {
		if (word[i] == "")
			continue
		if (!words)
			start = FNR
		# A dash or a sign alone is no word.
		if (word[i] ~ /[A-Za-z0-9]/)
			words++
		if (words <= 8)
			first = first (first == "" ? "" : " ") word[i]
		if (word[i] ~ /[.?!:;][)"`*]*$/ && word[i] !~ /^(e\.g\.|i\.e\.|etc\.)$/)
			flush()
	}
}
FNR == 1 { flush(); code = 0 }
/^[ \t]*```/ { flush(); code = !code; next }
code { next }
{
	line = $0
	width = gsub(/[^\200-\277]/, "&", line) # bytes that begin a character
	if (width > 120)
		printf "%s:%d: %d columns\n", FILENAME, FNR, width
}
/^(    |\t)/ && !words { next } # an indented block is code
/^[ \t]*$/ { flush(); next }
/^#/ { flush(); next }
/^[ \t]*\|/ {
	flush()
	cells = split($0, cell, /\|/)
	for (c = 1; c <= cells; c++) {
		take(cell[c])
		flush()
	}
	next
}
/^[ \t]*([-*]|[0-9]+\.) / { flush(); sub(/^[ \t]*([-*]|[0-9]+\.) /, "") }
{ take($0) }
END { flush() }
