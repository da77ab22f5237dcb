#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The structure of the project: no room uses another that tests/house/rooms does not allow, rooms
# use only what stands below them, and libmea.so needs no library that only programs use. Links in
# Markdown lead somewhere, and pictures show today's data. TAP.
#
#   test_house.sh BUILD
set -u
build=${1:-build}
here=tests/house
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
n=0 bad=0
ok() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$t/why" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		head -n 20 "$t/why" | sed 's/^/# /'
		bad=1
	fi
}
empty() {
	[ ! -s "$1" ] || { cat "$1"; return 1; }
}

"$here/arrows.sh" "$build" >"$t/arrows"
grep -v '^#' "$here/rooms" | awk -F: '{ split($2, to, " "); for (i in to) print $1, to[i] }' | sort >"$t/allowed"
cut -d' ' -f1,2 "$t/arrows" | sort -u >"$t/there"

ok "arrows were found" test "$(wc -l <"$t/arrows")" -gt 300
comm -13 "$t/allowed" "$t/there" | while read -r arrow; do grep "^$arrow " "$t/arrows"; done >"$t/new"
ok "no room uses a room that it may not" empty "$t/new"
comm -23 "$t/allowed" "$t/there" >"$t/stale"
ok "every arrow that is allowed is there" empty "$t/stale"
# In the list's order each room uses only those before it: so there is no circle.
grep -v '^#' "$here/rooms" | awk -F: '
	{ known[$1] = 1; split($2, to, " "); for (i in to) if (!(to[i] in known)) print $1, "uses", to[i], "which stands below it" }' >"$t/up"
ok "no arrow leads up" empty "$t/up"
git ls-files 'runtime/*/*.c' 'tools/*/*.c' | sed -E 's,^((runtime|tools)/[a-z]+)/.*,\1,' | sort -u |
	while read -r room; do grep -q "^$room:" "$here/rooms" || echo "$room"; done >"$t/unlisted"
ok "every room is in the list" empty "$t/unlisted"
LC_ALL=C readelf -d "$build/libmea.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' >"$t/needed"
ok "libmea.so knows its libraries" grep -q libcurl "$t/needed"
grep -E 'microhttpd|jpeg|gnutls|dnnl|gomp|systemd' "$t/needed" >"$t/heavy"
ok "libmea.so needs none that only programs use" empty "$t/heavy"
git ls-files 'runtime/*.[ch]' 'tools/*.[ch]' | xargs awk -f "$here/size.awk" >"$t/large"
ok "no function is over 60 lines, no file over 450" empty "$t/large"
"$here/readmes.sh" "$t" >"$t/readmes"
ok "the READMEs' tables name what is there" empty "$t/readmes"
git ls-files '*.md' | LC_ALL=C xargs awk -f "$here/prose.awk" >"$t/prose"
ok "Markdown has no long lines and sentences" empty "$t/prose"
"$here/links.sh" >"$t/links" 2>&1
ok "links in Markdown lead somewhere" empty "$t/links"
"$here/pictures.sh" >"$t/pictures" 2>&1
ok "pictures show today's data" empty "$t/pictures"
echo "1..$n"
exit $bad
