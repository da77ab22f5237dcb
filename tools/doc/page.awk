# SPDX-License-Identifier: Apache-2.0
# A manual page: page.awk -v name=run ROWS mea-run.1.in. A subcommand's prose begins within its
# DESCRIPTION; @OPTIONS@ stands for the section of that name, @SUBCOMMANDS@ for the list of all.
function roff(s) {
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	return s ~ /^[.']/ ? "\\&" s : s
}
function sentence(s) {
	return roff(toupper(substr(s, 1, 1)) substr(s, 2) (s ~ /[.]$/ ? "" : "."))
}
# The head that every page has, and of a subcommand's page all up to its prose.
function head() {
	title = name ? "mea-" name : "mea"
	printf ".TH %s 1 \"\" \"mea %s\" \"User Commands\"\n", roff(toupper(title)), version
	if (!name)
		return
	printf ".SH NAME\n%s \\- %s\n", roff(title), roff(summary[name])
	printf ".SH SYNOPSIS\n\\fBmea %s\\fR [\\fIOPTION\\fR...]%s\n", name, usage ? " " roff(usage) : ""
	printf ".SH DESCRIPTION\n%s\n", roff(text)
}
function subcommands(   i) {
	for (i = 1; i <= n; i++)
		printf ".TP\n.BR mea\\-%s (1)\n%s\n", order[i], sentence(summary[order[i]])
}
NR == FNR && $1 == "version" { version = $2 }
NR == FNR && $1 == "tool" {
	order[++n] = $2
	summary[$2] = $4
	if ($2 == name) {
		usage = $3
		text = $5
		after = $6
	}
}
NR == FNR && $1 == "option" && $2 == name {
	options = options sprintf(".TP\n\\fB%s\\-\\-%s\\fR%s\n%s\n", $5 ? "\\-" $5 "\\fR, \\fB" : "", roff($4),
		$6 ? " \\fI" roff($6) "\\fR" : "", sentence($3))
}
NR == FNR { next }
FNR == 1 { print; head(); next }
$0 == "@SUBCOMMANDS@" { subcommands(); next }
$0 == "@OPTIONS@" { printf ".SH OPTIONS\n%s", options; next }
{ print }
END {
	if (name && after)
		printf ".SH EXIT STATUS\n%s\n", roff(substr(after, length("Exit status: ") + 1))
	if (name)
		print ".SH SEE ALSO\n.BR mea (1)"
}
