#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernels for which DKMS builds the driver when they are installed, and those that it leaves
# alone: for them it succeeds, as it is part of the installation of the kernel's package. Folders
# of its own; no kernel of these names has headers, so what is tried fails.
. tests/e2e/lib.sh
PATH=$PATH:/usr/sbin
why=
command -v dkms >/dev/null || why="no dkms"
[ "$(id -u)" = 0 ] || why="dkms is root's alone"
[ -z "$why" ] || {
	skip dkms "$why"
	done_testing
	exit 0
}
mkdir -p "$T/tree" "$T/lib"
ok "make install-kmod" make -s install-kmod DESTDIR="$T/root"
conf=$(echo "$T"/root/usr/src/mea-*/dkms.conf)
run_dkms() { dkms --dkmstree "$T/tree" --sourcetree "$T/root/usr/src" --installtree "$T/lib" "$@" >"$T/out" 2>&1; }
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$conf")
ok "dkms takes the source" run_dkms add "mea/$version"
leaves() { run_dkms autoinstall --kernelver "$1" && ! grep -q "headers for kernel $1" "$T/out"; }
tries() { ! run_dkms autoinstall --kernelver "$1" && grep -q "headers for kernel $1" "$T/out"; }
# Debian 12's own kernel has no accel devices; the last ones do not exist.
for kernel in 6.1.0-57-amd64 6.11.10-amd64 6.120.1-amd64 7.20.1-amd64 16.12.1-amd64 99.1.0-amd64; do
	ok "$kernel is left alone" leaves $kernel
done
for kernel in 6.12.9999+deb12-amd64 7.2.9999+deb13-amd64; do
	ok "$kernel is tried" tries $kernel
done
done_testing
