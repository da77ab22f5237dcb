#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Which room uses which: a line "FROM TO FILE NAME" for each include of a header of another room
# and for each symbol that an object takes from another room's. A room is a folder below runtime/
# or tools/ (backend/ with what is below it), hw/sim, hw/isa, kmod/uapi, or tools/main.c.
#
#   arrows.sh BUILD      from the repository's root; objects are under BUILD
set -u
build=$1

includes() {
	git ls-files 'runtime/*.[ch]' 'tools/*.[ch]' 'hw/*.[ch]' 'kmod/uapi/*.h' >"$t/files"
	xargs grep -HoE '^#include "[^"]+"' <"$t/files" | tr -d '"' | sed 's/:#include / /' |
		awk '
		NR == FNR { is[$1] = 1; next }
		{
			dir = $1
			sub(/[^\/]*$/, "", dir)
			n = split(dir " runtime/ runtime/include/ tools/ hw/ hw/isa/ kmod/uapi/", folder, " ")
			for (i = 1; i <= n; i++) {
				path = folder[i] $2
				while (sub(/[^\/]+\/\.\.\//, "", path))
					;
				if (path in is) {
					print $1, path, $2
					break
				}
			}
		}' "$t/files" -
}

# Of objects whose source is here: others are left from an older build.
calls() {
	sed -n 's/\.c$//p' "$t/files" | while read -r stem; do
		[ -f "$build/$stem.o" ] && nm "$build/$stem.o" | sed "s,^,$stem.c ,"
	done | awk '
		NF == 4 && $3 ~ /^[TDRBVW]$/ { owner[$4] = $1 }
		NF == 3 && $2 == "U" { n++; user[n] = $1; name[n] = $3 }
		END {
			for (i = 1; i <= n; i++)
				if (name[i] in owner)
					print user[i], owner[name[i]], name[i]
		}'
}

t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
{ includes; calls; } | awk '
	function room(path) {
		if (path ~ /^runtime\/backend\//) return "runtime/backend"
		if (path == "tools/main.c") return "tools/main"
		match(path, /^(hw|kmod|runtime|tools)\/[a-z]+/)
		return substr(path, 1, RLENGTH)
	}
	room($1) != room($2) { print room($1), room($2), $1, $3 }' | sort -u
