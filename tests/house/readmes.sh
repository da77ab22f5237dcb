#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# readmes.sh: what the tables of the folders' READMEs name and what is there. Prints a line for each
# file that a first column names and that is not in the folder, and each source file that no table names.
set -f
git ls-files | grep -E '\.(c|cpp|cl|v|sh|py)$' >"$1/sources"
for readme in $(git ls-files '*/README.md'); do
	dir=${readme%/README.md}
	names=$(sed -n 's/^| \(`[^|]*\)|.*/\1/p' "$readme" | grep -o '`[^`]*`' | tr -d '`')
	files=$(grep -E '^[A-Za-z0-9_*./-]+\.(c|h|cpp|cl|v|vlt|vh|sh|py|def|json)$' <<<"$names")
	[ -n "$files" ] || continue
	for f in $files; do
		[ -n "$(set +f; compgen -G "$dir/$f")" ] || echo "$readme: no file $f"
	done
	grep -E "^$dir/[^/]+$" "$1/sources" | while read -r source; do
		for f in $names; do
			# shellcheck disable=SC2053 # a pattern
			[[ ${source#"$dir"/} != $f ]] || continue 2
		done
		echo "$readme: nothing about ${source#"$dir"/}"
	done
done
