#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Packages: what is said before they are installed, and when nothing is installed. dpkg-query and
# apt-get are played: no package is here, and each installation leaves a trace.
. tests/e2e/lib.sh

mkdir "$T/bin"
printf '#!/bin/sh\nexit 1\n' >"$T/bin/dpkg-query"
cat >"$T/bin/apt-get" <<SH
#!/bin/sh
case "\$*" in
*--assume-no*) [ -e $T/old ] && exit 100
	echo "Need to get 512 MB of archives."
	echo "After this operation, 2,048 MB of additional disk space will be used."
	exit 1 ;;
*update*) rm -f $T/old; echo updated >>$T/did ;;
*install*) [ -e $T/broken ] && exit 100; echo "\$*" >>$T/did ;;
esac
SH
printf '#!/bin/sh\nexec "$@"\n' >"$T/bin/sudo"
chmod +x "$T/bin/"*
alone() {
	rm -f "$T/did"
	PATH=$T/bin:$PATH timeout 60 env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u PACKAGES_ARE_HERE "$@" >"$T/out" 2>"$T/err"
}

# In a tree where nothing is built.
ok "make -n" alone make -n B="$T/b" SIM_DIR="$T/sim" all
ok "installs nothing" test ! -e "$T/did"
ok "and shows that it would" grep -q "tools/deps.sh.* run" "$T/out"
ok "make help needs no package" alone make help
ok "and asks for none" test ! -e "$T/did"
ok "DEPS=0" alone make -n DEPS=0 B="$T/b" SIM_DIR="$T/sim" demo
ok "installs nothing either" test ! -e "$T/did"
ok "the list" alone tools/deps.sh --list lint
ok "names what is missing" grep -q "not installed, for 'lint': clang-format cppcheck" "$T/err"
ok "and installs nothing" test ! -e "$T/did"
ok "an installation" alone tools/deps.sh lint
ok "names the packages and the group" grep -q "Debian packages for 'lint': clang-format cppcheck" "$T/err"
ok "says how much it is, before" grep -q "Need to get 512 MB.*2,048 MB of additional disk space" "$T/err"
ok "installs just these" grep -q "install -y --no-install-recommends clang-format cppcheck$" "$T/did"
touch "$T/old"
ok "lists that are too old" alone tools/deps.sh lint
ok "are fetched first" test "$(head -n 1 "$T/did")" = updated
touch "$T/broken"
ok "a failure" sh -c "! PATH=$T/bin:\$PATH tools/deps.sh lint 2>$T/err"
ok "is told" grep -q "could not be installed" "$T/err"
ok "an unknown group" sh -c "tools/deps.sh nothing 2>$T/err; [ \$? -eq 2 ]"
ok "is named" grep -q "nothing: unknown group" "$T/err"

# Every target that help or a README names installs what it needs, or needs nothing.
targets=$({ grep -ohE '^[a-z0-9-]+:.*## ' Makefile */rules.mk */*/*.mk */*.mk | sed 's/:.*//'
	git ls-files '*.md' | xargs grep -ohE '^ +make [a-z0-9-]+' | sed 's/.* //'; } | sort -u)
for t in $targets; do
	case $t in clean | help | uninstall) continue ;; esac
	ok "make $t knows its packages" grep -q "^PACKAGES_$t := " Makefile
done
done_testing
