#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command itself: help, version, exit codes, wrong options of every subcommand.
. tests/e2e/lib.sh

ok "help" run 0 --help
for s in run info trace bound quantize bundle dataset; do
	ok "help names $s" grep -q "^  $s " "$T/out"
done
for s in run info trace bound quantize bundle dataset; do
	ok "$s --help" run 0 $s --help
	ok "$s --help says usage" says "Usage: mea $s"
	ok "$s --usage" run 0 $s --usage
	ok "$s --version" run 0 $s --version
	ok "$s: unknown option" fails 2 "mea $s: unrecognized option '--nonsense'" $s --nonsense
	# What stands behind the bundle of `mea run` is images.
	[ $s = run ] || ok "$s: too many arguments" run 2 $s a b c d
done
ok "--version" run 0 --version
version=$(sed -n 's,^#define MEA_VERSION "\(.*\)",\1,p' runtime/include/mea.h)
ok "--version prints the version of mea.h" says "mea $version"
ok "the version stands in mea.h alone" \
	test "$(grep -rlF "\"$version\"" runtime tools)" = runtime/include/mea.h
ok "no arguments" fails 2 "Usage: mea SUBCOMMAND"
ok "unknown subcommand" fails 2 "unknown subcommand 'nonsense'; mea --help lists them" nonsense
ok "empty subcommand" fails 2 "unknown subcommand ''" ""
ok "misspelt subcommand" fails 2 "mea: unknown subcommand 'rnu'; did you mean 'run'?" rnu
ok "misspelt option" fails 2 "mea run: unrecognized option '--dta'; did you mean '--data'?" run x --dta=y
ok "misspelt option of a group" fails 2 "did you mean '--threshold'?" bench x --thershold 1
ok "an option's value is no option" fails 2 "unrecognized option '--liimt'; did you mean '--limit'?" run --data --dta --liimt 1
ok "what help is may be shortened" run 0 train --he
for s in run trace quantize bundle; do
	ok "$s needs a model" run 2 $s
	ok "$s: no such bundle" fails 1 "/nonexistent" $s /nonexistent/x
done
ok "info needs none" run 0 info
ok "info lists ref" says "ref: plain C"
ok "info --json" run 0 info --json
ok "info --json is JSON" json
ok "info --json names the version" is version "$version"
ok "info: no such model" fails 1 "/nonexistent" info /nonexistent
ok "info: not an ONNX file" fails 1 "Makefile" info Makefile
for s in "info --json" info "dataset glyphs --train 1 --test 1 --out $T/d"; do
	ok "$s to a full disk" sh -c "! $MEA $s >/dev/full 2>$T/err && grep -q 'cannot be written' $T/err"
done
ok "quiet when piped" sh -c "$MEA info | cat >/dev/null"
done_testing
