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
ok "nothing of its libraries" sh -c "! grep -vE '^mea_|asan|ubsan|odr' $T/have"

for lang in c c++; do
	echo '#include "mea.h"' >"$T/h.c"
	ok "mea.h is valid $lang" ${CC:-gcc} -x $lang -fsyntax-only -Wall -Wextra -Wpedantic -Werror \
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
done_testing
