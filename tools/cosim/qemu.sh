#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fetches a stock Debian 13 kernel and QEMU, builds the driver for the kernel, and keeps them.
#
#   tools/cosim/qemu.sh DIR
#
# DIR/root has the packages, unpacked but not installed: kernel, headers, compiler, and QEMU
# of the backports. Nothing lands outside DIR. The packages come from where this host's apt has
# those of Debian; once they are there, the network is not needed. Remove DIR/root for newer
# ones. From them and build/cosim/init come DIR/vmlinuz, DIR/initrd and DIR/mea/mea.ko.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
suite=trixie
packages=(qemu-system-x86 "linux-image-amd64/$suite" "linux-headers-amd64/$suite"
	'?essential' cpio kmod make mawk xz-utils)
# What the driver and the test programs need of the kernel's modules, and the guest's files.
modules=(virtio_pci 9pnet_virtio 9p gpu_sched vgem)
[ $# -eq 1 ] || { sed -n '3,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
exec 9>"$dir/.lock"
flock 9

die() { echo "qemu.sh: $1" >&2; exit 1; }

# apt with an empty system of its own, so that it names all that the packages need.
apt_get()
{
	APT_CONFIG=$dir/apt/apt.conf apt-get -qq "$@" >>"$dir/apt/log" 2>&1 ||
		{ tail -n 20 "$dir/apt/log" >&2; die "apt-get $1 failed; its log is $dir/apt/log"; }
}

fetch()
{
	local mirror key=/usr/share/keyrings/debian-archive-keyring.gpg

	# shellcheck disable=SC2016 # apt expands it
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 'Created-By: Packages' |
		sort -u | head -n 1)
	[ -n "$mirror" ] || die "this host's apt knows no Debian mirror (or has no lists: apt-get update)"
	[ -r "$key" ] || die "no $key; install debian-archive-keyring"
	rm -rf "$dir/apt" "$dir/root.new"
	mkdir -p "$dir"/apt/{lists,archives}/partial "$dir/root.new"
	: >"$dir/apt/status"
	printf "deb [signed-by=$key] $mirror %s main\n" $suite $suite-backports >"$dir/apt/sources.list"
	cat >"$dir/apt/apt.conf" <<-END
		Dir::Etc::sourcelist "$dir/apt/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::Etc::preferencesparts "-";
		Dir::State::status "$dir/apt/status";
		Dir::State::lists "$dir/apt/lists";
		Dir::Cache "$dir/apt";
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; };
		APT::Install-Recommends "false";
		APT::Sandbox::User "";
		Acquire::Languages "none";
	END
	apt_get update
	apt_get install --yes --download-only -t $suite-backports "${packages[@]}"
	# base-files first: it has the links that the others' files go through.
	for deb in "$dir"/apt/archives/base-files_*.deb "$dir"/apt/archives/*.deb; do
		dpkg -x "$deb" "$dir/root.new" || die "$deb does not unpack"
	done
	# Its installation would make this link.
	ln -s mawk "$dir/root.new/usr/bin/awk"
	rm -rf "$dir/root" "$dir/apt"
	mv "$dir/root.new" "$dir/root"
}

# Runs a command in DIR/root; programs want /dev.
in_root()
{
	local user=r

	[ "$(id -u)" -ne 0 ] || user=
	# shellcheck disable=SC2016 # the inner shell expands it
	unshare -${user}m /bin/sh -c 'mount --rbind /dev "$1/dev" && exec chroot "$@"' sh \
		"$dir/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin "$@"
}

# DIR/initrd: init, and modules in the order in which they load.
make_initrd()
{
	local files=$dir/root/srv/initrd file

	rm -rf "$files"
	mkdir -p "$files/modules" "$files/host"
	cp "$top/build/cosim/init" "$files/init"
	in_root depmod "$kernel"
	in_root modprobe --set-version "$kernel" --all --show-depends "${modules[@]}" |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$dir/modules"
	while read -r file; do
		xz -dc "$dir/root$file" >"$files/modules/$(basename "$file" .xz)"
		basename "$file" .xz
	done <"$dir/modules" >"$files/modules/order"
	in_root sh -c 'cd /srv/initrd && find . | cpio --quiet -o -H newc | gzip -1' >"$dir/initrd.new"
	mv "$dir/initrd.new" "$dir/initrd"
}

[ -d "$dir/root" ] || { echo "  FETCH   Debian's kernel and QEMU"; fetch; }
kernel=$(basename "$dir"/root/usr/src/linux-headers-*-amd64)
kernel=${kernel#linux-headers-}
cp -u "$dir/root/boot/vmlinuz-$kernel" "$dir/vmlinuz"
make -s -C "$top" kmod-source KMOD_OUT="$dir/root/srv/mea"
echo "  KMOD    Linux $kernel"
in_root make -s -C "/usr/src/linux-headers-$kernel" M=/srv/mea modules >"$dir/kmod.log" 2>&1 ||
	{ cat "$dir/kmod.log" >&2; die "the driver does not build"; }
mkdir -p "$dir/mea"
cp "$dir/root/srv/mea/mea.ko" "$dir/mea/mea.ko"
make_initrd
