#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libmea.so as a user of mea.h sees it: what it exports, and a program against it.
. tests/e2e/lib.sh

dir=$(dirname "$MEA")
# Installed, the name with the version is a link.
ln -s "$PWD/$dir/libmea.so" "$T/libmea.so.0"
flags="-Iruntime/include -L$dir -Wl,-rpath,$T"
case $dir in */san) flags="$flags -fsanitize=address,undefined" ;; esac

nm -D --defined-only "$dir/libmea.so" 2>/dev/null | awk '{print $3}' | grep -v '^__' | sort >"$T/have"
grep -oE 'MEA_API .*\(' runtime/include/mea.h | grep -oE 'mea_[a-z_]+\($' | tr -d '(' | sort >"$T/want"
# The sanitizers add globals of their own.
ok "exports what mea.h marks, and nothing else" diff "$T/want" <(grep '^mea_' "$T/have" | grep -v odr)
ok "nothing of its libraries" sh -c "! grep -vE '^mea_|asan|ubsan|odr|gcov|mangle_path' $T/have"

for lang in c c++; do
	printf '%s\n' '#include "mea.h"' 'struct mea_options options(void);' \
		'struct mea_options options(void) { struct mea_options o = MEA_OPTIONS_INIT; return o; }' >"$T/h.c"
	case $lang in c) std=c11 ;; *) std=c++11 ;; esac
	ok "mea.h is valid $lang" ${CC:-gcc} -x $lang -std=$std -fsyntax-only -Wall -Wextra -Wpedantic -Werror \
		-Iruntime/include "$T/h.c"
done

cat >"$T/user.c" <<'C'
#include <mea.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct mea_options opt = MEA_OPTIONS_INIT;
	unsigned char grey[32 * 32 * 3];
	struct mea_exit_stats stats[MEA_EXITS];
	struct mea_session *s;
	struct mea_result r;
	unsigned seen = 0;

	opt.backends = "ref";
	if (argc != 2 || mea_open(argv[1], &opt, &s)) {
		fprintf(stderr, "%s\n", mea_errmsg());
		return 1;
	}
	memset(grey, 128, sizeof(grey));
	for (unsigned tag = 0; tag < 10; tag++)
		if (mea_submit(s, grey, tag))
			return 2;
	while (mea_collect(s, 1000, &r) == 0)
		seen |= 1u << r.tag;
	mea_stats(s, stats);
	printf("%x %s %s %llu\n", seen, mea_class_name(s, r.label), mea_exit_name(r.exit),
	       (unsigned long long)(stats[0].images + stats[1].images));
	mea_close(s);
	return 0;
}
C
ok "a program builds" ${CC:-gcc} -Wall -Wextra -Werror $flags -o "$T/user" "$T/user.c" -lmea
ok "and runs" sh -c "$T/user models/glyphs >$T/out"
ok "ten answers" grep -Eq '^3ff [0-9A-Z] (main|extension) 10$' "$T/out"
ok "and says what is wrong" sh -c "! $T/user /nonexistent 2>$T/err && grep -q '/nonexistent/bundle.json' $T/err"
# --- where simulators are looked for -----------------------------------------------
# Each place gets a library of its own that says where it was loaded.
unset MEA_SIM_DIR
cat >"$T/fake.c" <<'C'
#include <stdio.h>
__attribute__((constructor)) static void loaded(void)
{
	fprintf(stderr, "loaded " PLACE "\n");
}
C
fake() {
	mkdir -p "$1" && ${CC:-gcc} -shared -fPIC -DPLACE="\"$2\"" -o "$1/libmea_sim_16x16.so" "$T/fake.c"
}
case $dir in */san) preload=$(${CC:-gcc} -print-file-name=libasan.so) ;; *) preload= ;; esac
cp "$dir/libmea.so" "$T/lib.real" && mkdir -p "$T/p/lib" "$T/p/bin" "$T/elsewhere"
cp "$T/lib.real" "$T/p/lib/libmea.so.0"
sed 's/"ref"/"accel"/' "$T/user.c" >"$T/accel.c"
ok "a program on backend accel" ${CC:-gcc} -Wall $flags -Wl,-rpath,"$T/p/lib" -o "$T/elsewhere/accel" "$T/accel.c" -lmea
rm "$T/libmea.so.0"
models=$PWD/models/glyphs
# finds PLACE DIRECTORY: the program, run from there, loads the simulator of that place; "" for none.
finds() {
	(cd "$2" && LD_PRELOAD=$preload "$T/elsewhere/accel" "$models") >"$T/out" 2>"$T/err"
	[ "$(sed -n 's/^loaded //p' "$T/err")" = "$1" ] || {
		cat "$T/err"
		return 1
	}
}
fake "$T/stranger/build/hw/sim" stranger
fake "$T/stranger/hw/sim" stranger
fake "$T/stranger/mea" stranger
fake "$T/stranger" stranger
ok "nothing below the current directory is loaded" finds "" "$T/stranger"
ok "and the message says where to get one" err_says "simulator 16x16 is neither built"
fake "$T/p/lib/mea" prefix
ok "installed, beside the library" finds prefix "$T/stranger"
fake "$T/named" named
export MEA_SIM_DIR=$T/named
ok "MEA_SIM_DIR" finds named "$T/stranger"
unset MEA_SIM_DIR
mkdir -p "$T/stranger/bin" && cp "$MEA" "$T/p/bin/mea"
ok "installed, from the program" sh -c "cd $T/stranger && ! $T/p/bin/mea run $models --limit 1 --backend accel 2>$T/err; grep -q '^loaded prefix' $T/err"
done_testing
