# SPDX-License-Identifier: Apache-2.0
# Completion for zsh: a specification of _arguments for each row.
function quoted(s) {
	gsub(/'/, "'\\''", s)
	return "'" s "'"
}
function action(arg, words,   k) {
	k = kind(arg)
	k = k == "files" ? "_files" : k == "folders" ? "_files -/" : k == "bundles" ? "_mea_bundles" : ""
	if (words && k)
		return "{ compadd -- " words "; " k " }"
	return words ? "(" words ")" : k ? k : " "
}
function value(arg, words) {
	return arg || words ? ":" escaped(arg, "\\:") ":" action(arg, words) : ""
}
function add(tool, spec) {
	specs[tool] = specs[tool] " \\\n\t\t\t" spec
}
$1 == "tool" {
	order[++n] = $2
	list = list sprintf("\n\t\t%s", quoted($2 ":" escaped($4, "\\:")))
	many[$2] = $3 ~ /\.\.\.\]?$/
}
$1 == "argument" { arguments[$2, ++count[$2]] = value($6 ? $6 : $3, $7) }
$1 == "option" {
	rest = "[" escaped($3, "\\[]:") "]" value($6, $7)
	add($2, quoted("*--" $4 ($6 ? "=" : "") rest))
	if ($5)
		add($2, quoted("*-" $5 ($6 ? "+" : "") rest))
}
END {
	print "#compdef mea\n# SPDX-License-Identifier: Apache-2.0\n# Completion of the mea command for zsh; made from its tables of options.\n"
	print "_mea_bundles() {\n\t_path_files -g '*(-/e:\"[[ -e $REPLY/bundle.json ]]\":)' || _files -/\n}\n"
	print "_mea() {\n\tlocal -a tools\n\ttools=(" list "\n\t)\n\tif ((CURRENT == 2)); then"
	print "\t\t_describe subcommand tools\n\t\treturn\n\tfi\n\tshift words\n\t((CURRENT--))\n\tcase $words[1] in"
	for (i = 1; i <= n; i++) {
		tool = order[i]
		for (k = 1; k <= count[tool]; k++)
			add(tool, quoted((k == count[tool] && many[tool] ? "*" : k) arguments[tool, k]))
		printf "\t%s)\n\t\t_arguments -s -S --help --usage --version%s ;;\n", tool, specs[tool]
	}
	print "\tesac\n}\n\n_mea \"$@\""
}
