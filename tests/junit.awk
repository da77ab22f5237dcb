# SPDX-License-Identifier: Apache-2.0
# One <testsuite> of JUnit's XML from a program's TAP.
#
#   awk -v suite=NAME -v seconds=N -f junit.awk TAP LOG
#
# Lines "# ..." behind a test that failed say why. A suite in which one failed has the end of LOG.

function xml(s) {
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	gsub(/>/, "\\&gt;", s)
	gsub(/"/, "\\&quot;", s)
	# XML 1.0 has no place for these.
	gsub(/[\001-\010\013\014\016-\037\177]/, "?", s)
	return s
}

FILENAME == ARGV[1] && /^(ok|not ok)/ {
	n++
	bad[n] = /^not/
	sub(/^(not )?ok *[0-9]* *-? */, "")
	if (!bad[n] && match($0, / *# SKIP/)) {
		skip[n] = 1
		why[n] = substr($0, RSTART + RLENGTH)
		sub(/^ */, "", why[n])
		$0 = substr($0, 1, RSTART - 1)
	}
	# A name is the same from run to run: "(6 ms)" or "(0.01s)" behind it is the test's time.
	if (match($0, / *\([0-9.]+ ?m?s\)$/)) {
		took[n] = substr($0, RSTART, RLENGTH)
		milli = took[n] ~ /ms\)$/
		gsub(/[^0-9.]/, "", took[n])
		took[n] = sprintf(" time=\"%.3f\"", took[n] / (milli ? 1000 : 1))
		$0 = substr($0, 1, RSTART - 1)
	}
	name[n] = $0 == "" ? "test " n : $0
	failed += bad[n]
	skipped += skip[n]
	next
}
FILENAME == ARGV[1] && /^# / && bad[n] { why[n] = why[n] substr($0, 3) "\n" }
FILENAME == ARGV[2] { log_line[++lines] = $0 }

END {
	suite = xml(suite)
	printf "<testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" time=\"%d\">\n",
		suite, n, failed, skipped, seconds
	for (i = 1; i <= n; i++) {
		printf "<testcase classname=\"%s\" name=\"%s\"%s", suite, xml(name[i]), took[i]
		if (bad[i])
			printf "><failure message=\"failed\">%s</failure></testcase>\n", xml(why[i])
		else if (skip[i])
			printf "><skipped message=\"%s\"/></testcase>\n", xml(why[i])
		else
			print "/>"
	}
	if (failed) {
		print "<system-err>"
		for (i = lines > 40 ? lines - 39 : 1; i <= lines; i++)
			print xml(log_line[i])
		print "</system-err>"
	}
	print "</testsuite>"
}
