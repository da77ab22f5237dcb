# SPDX-License-Identifier: Apache-2.0
# Inserts the pieces of a sample into the files below the current directory, and prints each file's
# name. A piece begins with one of
#   @ FILE after PATTERN    @ FILE before PATTERN    @ FILE replace PATTERN    @ FILE end
# PATTERN (without spaces at its ends) must fit one line of FILE.
function insert(    line, text, hits) {
	if (file == "")
		return
	while ((getline line < file) > 0) {
		if (where == "end" || line !~ pattern) {
			text = text line "\n"
			continue
		}
		hits++
		text = text (where == "after" ? line "\n" piece : where == "before" ? piece line "\n" : piece)
	}
	close(file)
	if (where == "end")
		text = text piece
	else if (hits != 1) {
		printf "%s: %d lines fit \"%s\", not 1\n", file, hits, pattern >"/dev/stderr"
		exit bad = 1
	}
	printf "%s", text >file
	close(file)
	print file
}
/^# / && file == "" { next }
/^@ / {
	insert()
	file = $2
	where = $3
	pattern = $0
	sub(/^@ [^ ]+ [a-z]+ ?/, "", pattern)
	piece = ""
	next
}
{ piece = piece $0 "\n" }
END {
	if (!bad)
		insert()
	exit bad
}
