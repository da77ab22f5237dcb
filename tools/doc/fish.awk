# SPDX-License-Identifier: Apache-2.0
# Completion for fish.
function quoted(s) {
	return "'" escaped(s, "\\'") "'"
}
# What may stand there; flags that say so.
function value(arg, words,   k) {
	k = kind(arg)
	k = k == "folders" ? "(__fish_complete_directories)" : k == "bundles" ? "(__mea_bundles)" : k
	if (k == "files")
		return words ? "-F -a " quoted(words) : "-F"
	return words || k ? "-a " quoted(words (words && k ? " " : "") k) : ""
}
BEGIN {
	print "# SPDX-License-Identifier: Apache-2.0\n# Completion of the mea command for fish; made from its tables of options."
	print "function __mea_is\n\tset -l words (commandline -opc)\n\ttest \"$words[2]\" = $argv[1]\nend"
	print "function __mea_bundles\n\tset -l folders (__fish_complete_directories)\n\tset -l bundles"
	print "\tfor f in $folders\n\t\ttest -e (string split \\t -- $f)[1]/bundle.json; and set -a bundles $f\n\tend"
	print "\tset -q bundles[1]; and printf '%s\\n' $bundles; or printf '%s\\n' $folders\nend"
	print "complete -c mea -f\ncomplete -c mea -l help\ncomplete -c mea -l version"
}
$1 == "tool" { print "complete -c mea -n __fish_use_subcommand -a", $2, "-d", quoted($4) }
$1 == "argument" { print "complete -c mea -n '__mea_is " $2 "'", value($6, $7) }
$1 == "option" {
	printf "complete -c mea -n '__mea_is %s' -l %s%s%s -d %s\n", $2, $4, $5 ? " -s " $5 : "",
		!$6 ? "" : kind($6) == "files" ? " -r " value($6, $7) : " -x " value($6, $7), quoted($3)
}
