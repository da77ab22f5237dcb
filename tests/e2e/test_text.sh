#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Texts of strangers (a bundle's name, names in --models and --beside) are data wherever they go.
. tests/e2e/lib.sh
. tests/e2e/serve_lib.sh

# Each would run `id >$T/ran` if gnuplot or a shell took it for script, end the string, the line or
# the block of data that it stands in, or be typeset. The title keeps what can be shown.
names=(
	'back`id >$T/ran`quote'
	"single' . system(\"id >\$T/ran\") . 'quote"
	'double" . system("id >$T/ran") . "quote'
	'dollar $(id >$T/ran) @macro %s %d \n \\'
	$'line\nEOD\n!id >$T/ran\nsystem("id >$T/ran")'
	$'carriage\r!id >$T/ran\r\ttab \x1b[31m bell \x07'
	'subscript_a ^b {c} &{d} ~e @f <b>&amp;'
)

if ! command -v gnuplot >/dev/null; then
	skip "--plot" "no gnuplot"
	done_testing
	exit
fi
# No locale at all, as in a container or a cron job.
unset LANG LC_ALL LC_CTYPE LANGUAGE
export T
ok "server" serve models/glyphs
cp -r models/glyphs "$T/b"
i=0
for name in "${names[@]}"; do
	i=$((i + 1)) plots=$T/plots$i
	# (A bundle's name with control characters is refused.)
	jq --arg n "${name//[[:cntrl:]]/}" '.name = $n' models/glyphs/bundle.json >"$T/b/bundle.json"
	jq --arg n "$name" '.name = $n | .sweeps[].network = $n | .sweeps[].data = $n' \
		models/meanet-paper.json >"$T/beside.json"
	jq --arg n "$name" '.accelerators[$n] = .accelerators["asic-45nm"]' \
		tools/bench/models.json >"$T/models.json"
	ok "name $i" run 0 bench "$T/b" --backend ref --window 0.05 --limit 8 --sysfs "$T/none" --cloud "$url/v2/models/glyphs" \
		--sweep --plot "$plots" --beside "$T/beside.json" --models "$T/models.json" --accelerator "$name"
	ok "runs nothing" test ! -e "$T/ran" -a ! -e "$plots/ran"
	# Long names and single points make it warn.
	ok "gnuplot understood the scripts" sh -c "! grep -iv 'warning' $T/err"
	for f in energy-by-path energy-by-threshold accuracy-energy accuracy-sent accuracy-latency; do
		ok "$f" grep -q "</svg>" "$plots/$f.svg"
	done
	word=${name%%[^a-z]*}
	ok "the name is in the title" grep -q "$word" "$plots/accuracy-sent.svg"
done
done_testing
