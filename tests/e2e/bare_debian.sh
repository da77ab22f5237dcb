# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A minimal Debian in a folder, for scripts that show what a new machine needs. Needs root and
# debootstrap; MIRROR names another mirror than debootstrap would take.

# bare_debian SUITE FOLDER PACKAGES: makes FOLDER, if it is not there, and clones the committed
# tree into its /srv/mea. Sets root; /proc is mounted there until this shell ends.
bare_debian() {
	[ "$(id -u)" -eq 0 ] || { echo "${0##*/}: chroot needs root" >&2; exit 2; }
	command -v debootstrap >/dev/null || { echo "${0##*/}: install debootstrap" >&2; exit 2; }
	if [ ! -e "$2/usr/bin/git" ]; then
		mkdir -p "$2"
		debootstrap --variant=minbase --include="$3" "$1" "$2" ${MIRROR:+"$MIRROR"} >"$2.log"
	fi
	root=$(cd "$2" && pwd)
	cp /etc/resolv.conf "$root/etc/"
	mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
	trap 'umount "$root/proc"' EXIT
	rm -rf "$root/srv/mea"
	git clone -q "$(git rev-parse --show-toplevel)" "$root/srv/mea"
}

# there COMMAND...: in that system, without the environment of this shell.
there() {
	chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
		DEBIAN_FRONTEND=noninteractive "$@"
}
