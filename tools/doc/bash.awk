# SPDX-License-Identifier: Apache-2.0
# Completion for bash.
$1 == "tool" {
	tools = tools " " $2
	order[++n] = $2
	# Behind the last argument stands none, unless it may stand again.
	behind[$2] = $3 ~ /\.\.\.\]?$/ ? "" : " \":\""
}
$1 == "argument" { arguments[$2] = arguments[$2] " \"" kind($6) ":" $7 "\"" }
$1 == "option" { options[$2] = options[$2] " --" $4 }
$1 == "option" && $6 { cases = cases sprintf("\t\"%s --%s\") _mea_offer \"%s\" \"%s\"; return ;;\n", $2, $4, kind($6), $7) }
$1 == "option" && $6 { valued[$2] = valued[$2] " --" $4 }
$1 == "option" && $6 && $5 { valued[$2] = valued[$2] " -" $5 }
END {
	print "# SPDX-License-Identifier: Apache-2.0\n# Completion of the mea command for bash; made from its tables of options."
	while ((getline line < "tools/doc/mea.bash.in") > 0)
		print line
	print "_mea() {\n\tlocal cur prev tool options valued arguments\n\t_mea_look \"" substr(tools, 2) "\" || return\n\tcase $tool in"
	for (i = 1; i <= n; i++)
		printf "\t%s)\n\t\toptions=\"%s\"\n\t\tvalued=\"%s\"\n\t\targuments=(%s) ;;\n", order[i],
			substr(options[order[i]], 2), substr(valued[order[i]], 2), substr(arguments[order[i]] behind[order[i]], 2)
	printf "\tesac\n\tcase \"$tool $prev\" in\n%s\tesac\n\t_mea_rest\n}\ncomplete -F _mea mea\n", cases
}
