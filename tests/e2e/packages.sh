#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the Debian packages in a minimal Debian, installs them, uses them as a user does, and
# removes them again.
#
#   tests/e2e/packages.sh [FOLDER]      build/packages-SUITE
#
# SUITE: bookworm, or trixie. KERNEL: the headers for which DKMS builds the driver. See
# bare_debian.sh for what it needs. Prints TAP.
set -euo pipefail
# shellcheck source=tests/e2e/bare_debian.sh
. "$(dirname "$0")/bare_debian.sh"
SUITE=${SUITE:-bookworm}
case $SUITE in
bookworm) KERNEL=${KERNEL:-linux-headers-amd64/bookworm-backports} ;;
*) KERNEL=${KERNEL:-linux-headers-amd64} ;;
esac
bare_debian "$SUITE" "${1:-build/packages-$SUITE}" make,git
n=0

# ok WHAT COMMAND...: a test; what the command says is shown when it fails.
ok() {
	local what=$1

	n=$((n + 1))
	shift
	if "$@" >"$root.out" 2>&1; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		sed 's/^/# /' "$root.out" | tail -n 30
		exit 1
	fi
}
in_shell() { there sh -c "cd /srv/mea && $1"; }
as_user() { there su -s /bin/sh nobody -c "cd / && HOME=/tmp $1"; }
files() {
	there find /usr /etc /lib /var/lib -name mea -o -name 'mea[-._]*' -o -name 'libmea*' -o -name _mea -o -name '60-mea*' | sort
}

if [ "$SUITE" = bookworm ] && [ ! -e "$root/etc/apt/sources.list.d/backports.list" ]; then
	sed -n "s/^\(deb [^ ]*\) bookworm main.*/\1 bookworm-backports main/p" "$root/etc/apt/sources.list" \
		>"$root/etc/apt/sources.list.d/backports.list"
fi
ok "lists of packages" there apt-get update
ok "tools" there apt-get install -y --no-install-recommends build-essential devscripts lintian
# What an earlier run left.
there sh -c 'rm -f /srv/*.deb; apt-get purge -y $(dpkg-query -W -f "\${Package}\n" | grep mea)' >"$root.out" 2>&1 || true
files >"$root.before"
ok "what the build needs" in_shell 'apt-get build-dep -y --no-install-recommends ./'
ok "the packages are built" in_shell 'dpkg-buildpackage -us -uc -b -j2'
ok "lintian finds no error" there sh -c 'lintian --allow-root --fail-on error /srv/mea_*.changes'
ok "they install" there sh -c "apt-get install -y --no-install-recommends $KERNEL \
	pocl-opencl-icd \$(ls /srv/*.deb | grep -v dbgsym)"
ok "a user classifies glyphs on the simulator" as_user \
	'mea run glyphs --limit 5 --device sim --backend accel --json >/tmp/run.json'
ok "five images were answered" grep -q '"images": 5,' "$root/tmp/run.json"
ok "the manual is there" there test -e /usr/share/man/man1/mea-run.1.gz
ok "the driver was built" in_shell 'dkms status mea | grep -q installed'
ok "an example builds with pkg-config" in_shell \
	'cc -o /tmp/classify examples/classify/classify.c $(pkg-config --cflags --libs mea)'
{ printf 'P6 32 32 255\n' && head -c 3072 /dev/zero; } >"$root/tmp/black.ppm"
ok "and it runs" as_user '/tmp/classify glyphs /tmp/black.ppm'
ok "mea-cosim starts" as_user 'mea-cosim --help'
ok "they are removed" there sh -c 'apt-get purge -y $(dpkg-query -W -f "\${Package}\n" | grep mea)'
rm -rf "$root/srv/mea" "$root"/tmp/*
files | grep -v '^/var/lib/dpkg\|^/var/lib/apt' >"$root.after" || true
ok "and leave nothing" diff "$root.before" "$root.after"
echo "1..$n"
