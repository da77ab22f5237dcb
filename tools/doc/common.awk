# SPDX-License-Identifier: Apache-2.0
# What the scripts here share. They read what `mea --rows` prints; option.h says its columns.
BEGIN { FS = "\t" }

# What the shell completes a value by, from what help calls it.
function kind(arg) {
	return arg ~ /FILE|PATH|IMAGE|onnx/ ? "files" : arg ~ /BUNDLE/ ? "bundles" : arg ~ /DIR/ ? "folders" : ""
}

# s with a backslash before each character of the set.
function escaped(s, set,   i, c, out) {
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		out = out (index(set, c) ? "\\" c : c)
	}
	return out
}
