#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Help, manual page and completion name the same subcommands and options.
. tests/e2e/lib.sh

page=tools/mea.1
words=tools/mea.bash-completion
plain=$(sed 's/\\-/-/g' $page)

# Long options that a subcommand's --help shows, without argp's own.
options() {
	"$MEA" "$1" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+' |
		grep -vE -- '--(help|usage|version)$'
}
# Candidates of the completion for the words given.
complete_for() {
	(
		. "$words"
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_mea
		printf '%s\n' "${COMPREPLY[@]}"
	)
}

"$MEA" --help >"$T/out"
names=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' "$T/out")
ok "all subcommands" test "$(echo "$names" | wc -w)" -ge 7
for s in $names; do
	ok "$s in the manual" grep -q "^\.SS mea $s" $page
	ok "$s in the completion" sh -c "[ -n '$(complete_for mea "$s" | grep -x "$s")' ]"
	for o in $(options "$s"); do
		ok "$s $o in the manual" grep -qF -- "$o" <<<"$plain"
		ok "$s $o in the completion" grep -qxF -- "$o" <(complete_for mea "$s" --)
	done
	for o in $(complete_for mea "$s" -- | grep -vE -- '--(help|usage|version)$'); do
		ok "$s $o exists" grep -qxF -- "$o" <(options "$s")
	done
done
ok "methods" test "$(complete_for mea quantize --method m | tr '\n' ' ')" = "mse minmax "
ok "devices" test "$(complete_for mea run x --device '' | tr '\n' ' ')" = "drm sim auto "
ok "what is trained" test "$(complete_for mea train '' | tr '\n' ' ')" = "main edge cloud joint init "
for net in resnet32-a resnet32-b resnet18-b mobilenetv2-b resnet9; do
	ok "net $net" grep -qx $net <(complete_for mea train main --net ${net%?})
done
ok "files" grep -qx Makefile <(complete_for mea info Make)
ok "glyphs" test "$(complete_for mea dataset g)" = glyphs
if command -v man >/dev/null && man --warnings -l $page >/dev/null 2>"$T/err"; then
	ok "manual page formats without a warning" test ! -s "$T/err"
else
	skip "manual page" "no man command"
fi
done_testing
