#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Unpacks what mea needs of Debian 12 for arm64, libraries and headers, for a compiler that builds
# for a board. Nothing of it is installed or run here.
#
#   tools/arm64/root.sh FOLDER
#
# MIRROR: another mirror than mmdebstrap would take. A folder that is whole stays as it is.
set -eu -o pipefail
[ $# -eq 1 ] || { sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
packages=libc6-dev,libprotobuf-c-dev,libjansson-dev,nettle-dev,libpng-dev,libjpeg-dev,libexif-dev,zlib1g-dev,libdrm-dev,libdnnl-dev
packages=$packages,libcurl4-openssl-dev,libmicrohttpd-dev,libgnutls28-dev,libsystemd-dev,opencl-headers,ocl-icd-libopencl1
packages=$packages,libstdc++6
[ "$(cat "$1/.packages" 2>/dev/null)" != "$packages" ] || exit 0
command -v mmdebstrap >/dev/null || { echo "root.sh: install mmdebstrap" >&2; exit 2; }
rm -rf "$1" "$1.new"
mkdir -p "$(dirname "$1")"
echo "  UNPACK  arm64 libraries, to $1"
mmdebstrap --quiet --variant=extract --architectures=arm64 --include="$packages" bookworm "$1.new" ${MIRROR:+"$MIRROR"} ||
	{ echo "root.sh: the packages could not be fetched" >&2; exit 1; }
echo "$packages" >"$1.new/.packages"
mv "$1.new" "$1"
