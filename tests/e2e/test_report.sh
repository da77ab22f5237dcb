#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea report: a page whose figures are those of mea run, bench and trace; texts of strangers are
# text; a failure leaves an older page as it was; a browser has nothing to complain about.
. tests/e2e/lib.sh
. tests/e2e/serve_lib.sh

G=models/glyphs
R=$T/report/index.html
fast="--window 0.05 --sysfs $T/none"

# page ID: the exact value behind a figure of the page.
page() {
	grep -o "id=\"$1\" value=\"[^\"]*\"" "$R" | head -1 | cut -d'"' -f4
}
# same ID FILTER FILE: whether the page has the value that a filter finds in a command's JSON.
same() {
	local here there
	here=$(page "$1")
	there=$(jq -r "$2" "$3")
	awk -v a="$here" -v b="$there" 'BEGIN { exit !(a != "" && b != "" && (a - b) ^ 2 <= (1e-6 * b) ^ 2) }' || {
		echo "$1 is '$here', not '$there'"
		return 1
	}
}
# gallery KIND: how many images the page has of a kind, over all exits.
gallery() {
	grep -oE "<h4>[0-9]+ $1" "$R" | awk '{ sub("<h4>", "", $1); n += $1 } END { print n + 0 }'
}

# --- the edge alone, on the simulated accelerator
ok "report" run 0 report $G --backend accel --device sim --limit 16 $fast --out "$T/report"
ok "says where the page is" says "$R"
ok "nothing but the page" test "$(ls -A "$T/report")" = index.html
ok "run" run 0 run $G --backend accel --device sim --limit 16 --json
cp "$T/out" "$T/run"
for i in 0 1; do
	exit=$(jq -r ".exits[$i].name" "$T/run")
	for figure in images share accuracy cycles; do
		ok "$exit: $figure" same "$exit-$figure" ".exits[$i].$figure" "$T/run"
	done
	ok "$exit: the matrix has all images" same "$exit-labelled" ".exits[$i].images" "$T/run"
	ok "$exit: right ones" same "$exit-right" ".exits[$i] | .images * .accuracy | round" "$T/run"
done
ok "the gallery has all images" test "$(gallery "")" = 16
ok "those that are wrong" test "$(($(gallery "misrouted: wrong") + $(gallery wrong)))" = \
	"$(jq '.images - .correct' "$T/run")"
ok "trace" run 0 trace $G --device sim --json
for i in 0 1; do
	name=$(jq -r ".networks[$i].name" "$T/out")
	ok "$name: cycles of the network" same "$name-network-cycles" ".networks[$i].cycles" "$T/out"
	jq -r ".networks[$i].layers[] | select(.cycles) | \"<bdi>\(.name)</bdi></th>\" +
		\"<td>\(.macs / 1e6 * 1000 | round | . / 1000)\"" "$T/out" | sed -E 's/<td>([0-9]+)$/<td>\1.0/' >"$T/layers"
	ok "$name: every layer with its MMAC" test -z "$(while read -r l; do grep -qF "$l" "$R" || echo "$l"; done <"$T/layers")"
done
ok "bench" run 0 bench $G --backend accel --device sim --limit 16 $fast --json
for i in 0 1; do
	name=$(jq -r ".paths[$i].name" "$T/out")
	ok "$name: energy" same "$name-mj" ".paths[$i].energy.sum" "$T/out"
	ok "that is modelled" grep -qF "&middot; $(jq -r ".paths[$i].energy.sum" "$T/out" | xargs printf %.4g) mJ modelled" "$R"
done
ok "all images: energy" same edge-only-mj .totals.edge_only.mj "$T/out"
ok "all images: accuracy" same edge-only-accuracy .accuracy "$T/run"
ok "no cloud, no sweep" grep -q "Without a cloud no threshold changes anything" "$R"

# --- with a cloud
ok "server" serve $G
cloudy="--backend ref --limit 60 --cloud $url --deadline 20000"
ok "report" run 0 report $G $cloudy $fast --out "$T/report"
ok "run" run 0 run $G $cloudy --json --each
cp "$T/out" "$T/run"
for i in 0 1 2; do
	exit=$(jq -r ".exits[$i].name" "$T/run")
	for figure in images share accuracy; do
		ok "$exit: $figure" same "$exit-$figure" ".exits[$i].$figure" "$T/run"
	done
	ok "$exit: right ones" same "$exit-right" ".exits[$i] | .images * .accuracy | round" "$T/run"
done
ok "edge and cloud: accuracy" same edge-cloud-accuracy .accuracy "$T/run"
ok "the gallery has all images" test "$(gallery "")" = 60
# What each network says, from runs that let it have the last word.
ok "the cloud for all" run 0 run $G $cloudy --threshold 0 --json --each
jq -r '.each[].name' "$T/out" >"$T/cloud"
jq -r '.each[] | select(.exit != "cloud") | .index' "$T/run" | head -3 >"$T/stay"
for i in $(cat "$T/stay"); do
	ok "image $i: what the cloud would have said" grep -A1 -F "title=\"glyphs#$i; " "$R"
	ok "is told, faintly" grep -qE "title=\"glyphs#$i; .* beside\">cloud: <bdi>$(sed -n "$((i + 1))p" "$T/cloud")</bdi>" "$R"
done
ok "a sweep" test "$(grep -c 'class="dot' "$R")" -ge 40
ok "its energy is named as modelled" grep -qF "mJ an image, modelled" "$R"
ok "error bars" test "$(grep -c 'class="whisker"' "$R")" -ge 6
ok "bench" run 0 bench $G $cloudy $fast --json
ok "cloud: energy" same cloud-mj '.paths[2].energy.sum' "$T/out"
ok "edge and cloud: energy" same edge-cloud-mj .totals.edge_cloud.mj "$T/out"

# --- texts of strangers
evil='<script>alert("x")</script><img src=x onerror=alert(1)> &amp; '"'\"><b>"
cp -r $G "$T/b"
jq --arg n "$evil" '.name = $n | .classes = [.classes[] | . + $n]' $G/bundle.json >"$T/b/bundle.json"
"$MEA" dataset glyphs --out "$T/d" --train 36 --test 40 >/dev/null
jq -r '.classes[]' "$T/b/bundle.json" >"$T/d/fine_label_names.txt"
evil_dir="$T/<b onload='x'>&\"dir"
mv "$T/d" "$evil_dir"
ok "names with tags" run 0 report "$T/b" --backend ref $fast --data "$evil_dir" --out "$T/report"
ok "are shown" grep -qF "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; &amp;amp; &#39;&quot;&gt;&lt;b&gt;" "$R"
ok "the folder's too" grep -qF "&lt;b onload=&#39;x&#39;&gt;&amp;&quot;dir" "$R"
ok "no tag of theirs" sh -c "! grep -qiE '<(script|b[ >])|<img src=x|<[a-z]+ [^<>]*onerror' '$R'"
ok "each picture is in the page" sh -c "! grep -oE '<img [^>]*>' '$R' | grep -v 'src=\"data:image/png;base64,'"
ok "nothing is loaded" sh -c "! grep -qE '(src|href)=\"(https?:|//|file:)|url\(|@import' '$R'"
printf 'a\xe2\x80\xaeb\x01\x1b[31m\xff' >"$T/name"
png="$T/$(cat "$T/name").png"
ok "a picture whose name turns round" "$HELPER" png "$png" 0 4
ok "report" run 0 report $G --backend ref $fast --data "$png" --out "$T/report"
ok "it keeps its direction" sh -c "! LC_ALL=C grep -qP '\xe2\x80\xae|\x1b|\x01|\xff' '$R'"
ok "its class is not known" grep -qF "1 without a known class" "$R"
ok "nor is an accuracy" test -z "$(page edge-only-accuracy)"

# What can be read once only.
ok "a picture on stdin" sh -c "timeout 60 $MEA report $G --backend ref $fast --data - --out '$T/report' <'$png' >'$T/out' 2>'$T/err'"
ok "has its layers" test -n "$(page main-network-cycles)"

# --- failures
echo older >"$R"
ok "no server" run 1 report $G --backend ref $fast --limit 8 --cloud http://127.0.0.1:1 --out "$T/report"
ok "is named" err_says "http://127.0.0.1:1"
ok "an older page stays" test "$(cat "$R")" = older
ok "and nothing else comes" test "$(ls -A "$T/report")" = index.html
ok "a new folder" run 1 report $G --backend ref $fast --limit 8 --cloud http://127.0.0.1:1 --out "$T/new"
ok "goes again" test ! -e "$T/new"
ok "a full disk" sh -c "trap '' XFSZ; ulimit -f 16; ! timeout 60 $MEA report $G --backend ref $fast --limit 24 --out $T/report >$T/out 2>$T/err"
ok "is named" err_says "cannot be written"
ok "and loses nothing" test "$(cat "$R")$(ls -A "$T/report")" = olderindex.html
echo >"$T/file"
ok "a file as folder" fails 1 "--out: $T/file: is no folder" report $G --out "$T/file"
ok "before anything is measured" fails 1 "$T/no/folder" report $G --out "$T/no/folder"
ok "no folder" fails 2 "--out" report $G
ok "thresholds without a cloud" fails 2 "--thresholds: without --cloud" report $G --thresholds 1 --out "$T/report"

# --- a browser
# console FILE: what a browser says of a page on its console, and that it came to the page's end.
console() {
	timeout 120 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$T/chromium" --enable-logging=stderr \
		--dump-dom "file://$1" >"$T/dom" 2>"$T/browser"
	grep CONSOLE "$T/browser"
}
if command -v chromium >/dev/null; then
	ok "report" run 0 report "$T/b" $cloudy --cloud "$url/v2/models/glyphs" $fast --data "$evil_dir" --out "$T/report"
	ok "the browser has nothing to say" test -z "$(console "$R")"
	ok "and shows all of it" grep -q "</footer>" "$T/dom"
	echo '<script>console.error("x")</script>' >"$T/bad.html"
	ok "of another page it has" test -n "$(console "$T/bad.html")"
else
	skip "in a browser" "no chromium"
fi
done_testing
