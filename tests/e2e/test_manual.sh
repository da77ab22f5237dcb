#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Help, manual pages and completions name the same subcommands and options; an option is a row.
. tests/e2e/lib.sh

built=$(dirname "$MEA")
words=$built/completion/mea.bash

# Long options that a subcommand's --help shows, without argp's own.
options() {
	"$MEA" "$1" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+' |
		grep -vE -- '--(help|usage|version)$'
}
# Candidates of bash's completion for the words given.
complete_for() {
	(
		. "$words"
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_mea
		printf '%s\n' "${COMPREPLY[@]}"
	)
}
# Candidates of fish's completion for a command line.
fish_for() {
	fish -N -c "source $built/completion/mea.fish; complete -C '$1'" | cut -f1
}
# Candidates of zsh's completion for a command line, as zsh shows them on a terminal.
zsh_for() {
	timeout 60 zsh -f -c '
		zmodload zsh/zpty
		zpty shell zsh -f -i
		zpty -w shell "PS1=; stty columns 200 kill undef; setopt no_beep; fpath=($1 \$fpath)
			autoload -Uz compinit; compinit -D; zstyle \":completion:*\" list-separator \"#\"
			LISTMAX=1000; bindkey \"^I\" list-choices; print re\"\"ady"
		zpty -r -m shell text "*ready*"
		# ^U takes the line back; what stands behind it is read when the list is shown.
		zpty -w -n shell "$2"$'"'\\t\\x15print do\"\"ne\\n'"'
		zpty -r -m shell text "*done*"
		print -r -- "$text"
		zpty -d shell' zsh "$PWD/$built/completion" "$1" | tr -d '\r' | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'
}

"$MEA" --help >"$T/out"
names=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' "$T/out")
ok "all subcommands" test "$(echo "$names" | wc -w)" -ge 7
for s in $names; do
	page=$built/man/mea-$s.1
	ok "$s has a manual page" grep -qF "mea $s" "$page"
	ok "$s in the manual" grep -qF "mea\\-$s (1)" "$built/man/mea.1"
	ok "$s in the completion" sh -c "[ -n '$(complete_for mea "$s" | grep -x "$s")' ]"
	ok "$s in zsh's" grep -qE "^	$s\)$" "$built/completion/_mea"
	ok "$s in fish's" grep -q -- "-a $s -d" "$built/completion/mea.fish"
	# The same options everywhere.
	options "$s" | sort -u >"$T/options.$s"
	sed -n "/^	$s)\$/,/;;\$/p" "$built/completion/_mea" >"$T/zsh"
	ok "$s: options in the manual" diff "$T/options.$s" \
		<(sed 's/\\-/-/g' "$page" | sed -nE '/^\.TP/{n;s/^\\fB(-.\\fR, \\fB)?(--[a-z-]+)\\fR.*/\2/p}' | sort)
	ok "$s: options in the completion" diff "$T/options.$s" \
		<(complete_for mea "$s" -- | grep -vE -- '--(help|usage|version)$' | sort)
	ok "$s: options in zsh's" diff "$T/options.$s" <(grep -oE -- "'\*--[a-z-]+" "$T/zsh" | cut -c3- | sort)
	ok "$s: options in fish's" diff "$T/options.$s" \
		<(sed -nE "s/.*'__mea_is $s' -l ([a-z-]+) .*/--\1/p" "$built/completion/mea.fish" | sort)
done
ok "methods" test "$(complete_for mea quantize --method m | tr '\n' ' ')" = "mse minmax "
ok "devices" test "$(complete_for mea run x --device '' | tr '\n' ' ')" = "drm sim auto "
ok "what is trained" test "$(complete_for mea train '' | tr '\n' ' ')" = "main edge cloud joint init "
ok "one thing is trained" test -z "$(complete_for mea train main '')"
for net in resnet32-a resnet32-b resnet18-b mobilenetv2-b resnet9; do
	ok "net $net" grep -qx $net <(complete_for mea train main --net ${net%?})
done
ok "files" grep -qx Makefile <(complete_for mea info Make)
ok "files of an option" grep -qx Makefile <(complete_for mea run --data = Make)
ok "glyphs" test "$(complete_for mea dataset g)" = glyphs
ok "folders" test "$(complete_for mea dataset --out m)" = models
ok "bundles" test "$(complete_for mea run models/g)" = models/glyphs
mkdir -p "$T/b/other" && cp -r models/glyphs "$T/b"
ok "bundles alone, where one is" test "$(complete_for mea trace "$T/b/")" = "$T/b/glyphs"
ok "folders on the way to one" test "$(complete_for mea trace "$T/")" = "$T/b"
ok "images behind a bundle" grep -qx Makefile <(complete_for mea run models/glyphs --limit 3 Make)

if command -v fish >/dev/null; then
	ok "fish: methods" test "$(fish_for 'mea quantize --method ' | sort | tr '\n' ' ')" = "minmax mse percentile "
	ok "fish: subcommands" test "$(fish_for 'mea tra' | tr '\n' ' ')" = "trace train "
	ok "fish: options" grep -qx -- --epochs <(fish_for 'mea train --ep')
	# (fish 4 also offers what has these letters in this order, such as --help.)
ok "fish: none of another subcommand" sh -c "! echo '$(fish_for 'mea run --ep')' | grep -qx -- --epochs"
	ok "fish: networks" grep -qx resnet9 <(fish_for 'mea train main --net resn')
	ok "fish: bundles" test "$(fish_for "mea trace $T/b/")" = "$T/b/glyphs/"
else
	skip "completion in fish" "no fish"
fi
if command -v zsh >/dev/null; then
	ok "zsh: methods" grep -qE 'minmax.*mse.*percentile' <(zsh_for 'mea quantize --method ')
	ok "zsh: subcommands" grep -qE 'train +# train the networks' <(zsh_for 'mea tra')
	ok "zsh: options" grep -qE -- '--epochs +# passes over' <(zsh_for 'mea train --ep')
	ok "zsh: networks" grep -qE 'resnet32-a +resnet32-b' <(zsh_for 'mea train main --net resnet3')
	ok "zsh: files beside them" grep -q tests/ <(zsh_for 'mea train main --net ')
	ok "zsh: bundles" grep -q 'glyphs/' <(zsh_for 'mea trace models/')
else
	skip "completion in zsh" "no zsh"
fi
for page in "$built"/man/*.1; do
	if command -v man >/dev/null && man --warnings -l "$page" >/dev/null 2>"$T/err"; then
		ok "${page##*/} formats without a warning" test ! -s "$T/err"
	else
		skip "manual page" "no man command"
	fi
done
ok "every page has its release" test "$(grep -l "\"mea $("$MEA" --version | cut -d' ' -f2)\"" "$built"/man/*.1 | wc -l)" = $(($(echo "$names" | wc -w) + 1))

# --- an option is a row --------------------------------------------------------------------
# Tables that a C file includes by .rows, and the files that hold them.
tables() {
	local t f
	for t in $(grep -oE '\.rows = [a-z_]+' "$1" | cut -d' ' -f3); do
		f=$(grep -lE "^const struct row .*\b$t\[\] = \{" tools/*/*.c)
		echo "$f"
		[ "$f" = "$1" ] || tables "$f"
	done
}
for s in $names; do
	file=$(grep -lE "^const struct tool tool_$s = " tools/*/*.c)
	files=$(for f in "$file" $(tables "$file"); do echo "$f"; done | sort -u)
	# shellcheck disable=SC2086 # several files
	ok "$s: each option is a row, in one place" diff "$T/options.$s" \
		<(sed -nE 's/^	+\{?"([a-z-]+)", ("|NULL).*/--\1/p' $files | grep -xFf "$T/options.$s" | sort)
done
ok "argp is behind one file" test "$(grep -l '<argp.h>' tools/*/*.[ch])" = tools/mea/option_parse.c
ok "pages by hand have no entry of an option" sh -c "! grep -nE -A1 '^\.TP' tools/doc/*.in | grep -F '\\-'"
ok "scripts name no option" sh -c "! grep -ohE -- '[ \"]--[a-z]+' tools/doc/*.awk tools/doc/mea.bash.in | grep -vE -- '--(help|usage|version|rows)'"
# A row that no one else knows of comes out everywhere.
"$MEA" --rows >"$T/rows"
printf 'option\tdataset\tcolour of the paper: white, grey (white)\tpaper\tp\tNAME\twhite grey\n' >>"$T/rows"
from_row() { awk -f tools/doc/common.awk -f tools/doc/"$1".awk -v name=dataset "$T/rows" ${2-}; }
from_row page tools/doc/mea-dataset.1.in >"$T/page"
ok "a new row is in the page" grep -qF '\fB\-p\fR, \fB\-\-paper\fR \fINAME\fR' "$T/page"
ok "with what it does" grep -qxF 'Colour of the paper: white, grey (white).' "$T/page"
from_row bash >"$T/mea.bash"
words=$T/mea.bash
ok "in bash's completion" test "$(complete_for mea dataset --pap)" = --paper
ok "with its choices" test "$(complete_for mea dataset --paper g)" = grey
ok "in zsh's" grep -qF -- "'*--paper=[colour of the paper\\: white, grey (white)]:NAME:(white grey)'" <(from_row zsh)
ok "in fish's" grep -qF -- "-l paper -s p -x -a 'white grey' -d 'colour of the paper" <(from_row fish)
done_testing
