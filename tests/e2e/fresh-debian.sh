#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Shows that a clone of this repository needs nothing but make and git: makes a
# minimal Debian 12 in a folder with debootstrap, clones the committed tree into it
# and runs a make target there.
#
#   tests/e2e/fresh-debian.sh [TARGET [FOLDER]]      demo, build/fresh-debian
#
# Needs root and debootstrap. MIRROR names another mirror than debootstrap would take.
set -euo pipefail
target=${1:-demo}
root=${2:-build/fresh-debian}
top=$(git rev-parse --show-toplevel)

[ "$(id -u)" -eq 0 ] || { echo "fresh-debian.sh: chroot needs root" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "fresh-debian.sh: install debootstrap" >&2; exit 2; }
if [ ! -e "$root/usr/bin/git" ]; then
	mkdir -p "$root"
	debootstrap --variant=minbase --include=make,git bookworm "$root" ${MIRROR:+"$MIRROR"} >"$root.log"
fi
root=$(cd "$root" && pwd)
cp /etc/resolv.conf "$root/etc/"
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
trap 'umount "$root/proc"' EXIT
rm -rf "$root/srv/mea"
git clone -q "$top" "$root/srv/mea"
echo "packages before: $(chroot "$root" dpkg-query -W -f x | wc -c)"
# The environment of this shell must not help.
time chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
	make -C /srv/mea "$target"
