#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Drawn glyphs are the same bytes whatever compiler and processor drew them: shipped accuracies
# are measured on them.
. tests/e2e/lib.sh

cat >"$T/sum.c" <<'C'
#include <inttypes.h>
#include <stdio.h>
#include "images/glyphs.h"

int main(void)
{
	uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a */
	uint8_t rgb[MEA_GLYPHS_BYTES];

	for (uint32_t i = 0; i < 360; i++) {
		mea_glyph_draw(1, MEA_GLYPHS_TEST, i, rgb);
		for (size_t k = 0; k < sizeof(rgb); k++)
			sum = (sum ^ rgb[k]) * 0x100000001b3u;
	}
	printf("%016" PRIx64 "\n", sum);
	return 0;
}
C
# draws RUNNER COMPILER...: prints the sum of what that compiler's program draws.
draws() {
	runner=$1
	shift
	"$@" -std=c11 -D_GNU_SOURCE -Iruntime -Iruntime/include -Itools -o "$T/sum" "$T/sum.c" \
		tools/images/glyphs.c tools/images/glyph_outlines.c && $runner "$T/sum"
}
# same RUNNER COMPILER...
same() {
	draws "$@" >"$T/out" && cmp "$T/out" "$T/want"
}
draws "" gcc -O2 >"$T/want"
ok "gcc -O2" test -s "$T/want"
for options in -O0 "-O3 -march=native" "-O1 -funsigned-char"; do
	# shellcheck disable=SC2086
	ok "gcc $options" same "" gcc $options
done
for cc in clang clang-14 clang-19; do
	command -v $cc >/dev/null && ok $cc same "" $cc -O2 || skip $cc "no $cc"
done
if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64-static >/dev/null; then
	ok "arm64" same qemu-aarch64-static aarch64-linux-gnu-gcc -O2 -static
else
	skip "arm64" "no aarch64-linux-gnu-gcc and qemu-user-static"
fi
done_testing
