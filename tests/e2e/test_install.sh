#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An installed copy: the examples build against it by make and by CMake, bundles are found by their
# names, and make uninstall leaves nothing.
. tests/e2e/lib.sh
unset MEA_SIM_DIR
case $(dirname "$MEA") in
build) ;;
*) skip "an installed copy" "of the plain build only" && done_testing && exit ;;
esac

place="PREFIX=$T/p LIBDIR=$T/p/lib/some-triplet"
make_it() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s DEPS=0 "$@" >"$T/make" 2>&1 || {
		tail -n 20 "$T/make"
		return 1
	}
}
ok "make install" make_it install $place
ok "the command" test "$("$T/p/bin/mea" --version)" = "mea $(sed -n 's/^#define MEA_VERSION "\(.*\)"/\1/p' runtime/include/mea.h)"
ok "pages" test -s "$T/p/share/man/man1/mea-run.1"
export PKG_CONFIG_PATH=$T/p/lib/some-triplet/pkgconfig
ok "pkg-config has the version" test "mea $(pkg-config --modversion mea)" = "$("$T/p/bin/mea" --version)"

# Pictures of the built-in data set, as the example takes them.
for i in 0 1 2; do
	"$HELPER" ppm "$T/$i.ppm" $i 1 && "$HELPER" png "$T/$i.png" $i 1
done

mkdir "$T/example"
cp examples/classify/* "$T/example/"
ok "the example by make" make_it -C "$T/example"
export LD_LIBRARY_PATH=$T/p/lib/some-triplet
answers() {
	(cd / && "$1" glyphs "$T/0.ppm" "$T/1.ppm" "$T/2.ppm") >"$T/out" && [ "$(grep -c ', at \(main\|extension\);' "$T/out")" -eq 3 ]
}
ok "answers, the bundle by its name" answers "$T/example/classify"
ok "as mea run does" sh -c "cd / && '$T/p/bin/mea' run glyphs --backend ref --json --each --data $T/0.png --data $T/1.png --data $T/2.png |
	jq -r '.each[].name' >$T/names && sed 's/.*ppm: \(.*\), [0-9.]* %.*/\1/' $T/out | cmp - $T/names"
ok "the command finds the simulator" sh -c "cd / && '$T/p/bin/mea' run glyphs --backend accel --device sim --limit 1"
ok "no such bundle" sh -c "! '$T/example/classify' nothing $T/0.ppm 2>$T/err && grep -q 'nothing/bundle.json' $T/err"
ok "not a picture" sh -c "! '$T/example/classify' glyphs $T/0.png 2>$T/err && grep -q 'is no PPM of 32 x 32' $T/err"
if command -v cmake >/dev/null; then
	ok "the example by CMake" sh -c "cmake -S $T/example -B $T/cmake && cmake --build $T/cmake"
	ok "answers too" answers "$T/cmake/classify"
else
	skip "CMake" "no cmake"
fi
unset LD_LIBRARY_PATH
ok "a folder goes before a name" sh -c "cd $T && mkdir -p glyphs && ! '$T/p/bin/mea' info glyphs 2>$T/err && grep -q 'glyphs/bundle.json: No such' $T/err"
ok "info by name" sh -c "cd / && '$T/p/bin/mea' info glyphs --backend ref >$T/out"
ok "make uninstall" make_it uninstall $place
ok "leaves no file" sh -c "! find $T/p -type f -o -type l | grep ."
done_testing
