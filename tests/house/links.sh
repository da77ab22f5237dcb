#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# links.sh: a line for each link in a Markdown file that leads to no committed file or folder, or to
# no heading of a Markdown file. Code, and addresses of other hosts, are passed over.
export LC_ALL=C
{
	git ls-files
	git ls-files '*.md' | tr '\n' '\0' | xargs -0 awk '
	# The anchor that GitHub gives a heading.
	function slug(s) {
		s = tolower(s)
		gsub(/[^a-z0-9 _\200-\377-]/, "", s)
		gsub(/ /, "-", s)
		return s
	}
	function target(to, from,   i, path) {
		if (to ~ /^[a-z]+:/)
			return
		i = index(to "#", "#")
		path = substr(to, 1, i - 1)
		if (path != "" && path !~ /^\//)
			path = dir path
		gsub(/\/\.\//, "/", path)
		sub(/^\.?\//, "", path)
		while (sub(/[^\/]+\/\.\.\//, "", path))
			;
		sub(/\/$/, "", path)
		print "link", FILENAME ":" FNR, to, (path == "" ? FILENAME : path), substr(to, i + 1)
	}
	FNR == 1 { code = 0; blank = 1; dir = FILENAME; sub(/[^\/]*$/, "", dir) }
	/^[ \t]*```/ { code = !code }
	code { next }
	/^[ \t]*$/ { blank = 1; next }
	# Behind an empty line, what is indented is code.
	blank && /^(    |\t)/ { next }
	{ blank = 0 }
	/^#+ / {
		line = $0
		sub(/^#+ +/, "", line)
		gsub(/\]\([^)]*\)/, "", line)
		s = slug(line)
		print "anchor", FILENAME "#" s (seen[FILENAME, s]++ ? "-" seen[FILENAME, s] - 1 : "")
	}
	{
		line = $0
		gsub(/`[^`]*`/, "", line)
		# [text](target), the definition [text]: target, and HTML.
		while (match(line, /\]\([^) ]+|^\[[^]]+\]: +[^ ]+|(src|href)="[^"]+/)) {
			to = substr(line, RSTART, RLENGTH)
			line = substr(line, RSTART + RLENGTH)
			sub(/^\]\(|^\[[^]]+\]: +|^(src|href)="/, "", to)
			target(to)
		}
	}'
} | awk '
	$1 == "anchor" { there[$2] = 1; next }
	$1 == "link" { n++; at[n] = $2; to[n] = $3; path[n] = $4; anchor[n] = $5; next }
	{
		there[$0] = 1
		for (dir = $0; sub(/\/[^\/]*$/, "", dir);)
			there[dir] = 1
	}
	END {
		for (i = 1; i <= n; i++)
			if (!(path[i] in there))
				print at[i] ": " to[i] " leads to no file"
			else if (anchor[i] != "" && path[i] ~ /\.md$/ && !(path[i] "#" anchor[i] in there))
				print at[i] ": " to[i] " leads to no heading"
	}'
