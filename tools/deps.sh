#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that a target needs and that are not here.
#
#   tools/deps.sh [--list] GROUP ...
#
#   groups: run (build and demo), check, lint, coverage, pictures, fuzz, cloud, kmod, cosim, dt, sparse, arm64,
#           cross, mpi, torch, onnx
#   --list  says what is missing and installs nothing
#
# Says what it installs, for what, and how much that is. Needs root: as another user it asks sudo.
set -eu
list=
[ "${1:-}" != --list ] || { list=1; shift; }
# Generating and parsing models, images, bundles; compiling; simulating the RTL.
run="gcc g++ libc6-dev pkg-config protobuf-c-compiler libprotobuf-c-dev libonnx-dev libjansson-dev
	nettle-dev libpng-dev libjpeg-dev libexif-dev verilator zlib1g-dev libdrm-dev libdnnl-dev
	libcurl4-openssl-dev libmicrohttpd-dev libgnutls28-dev libsystemd-dev opencl-headers
	pocl-opencl-icd ocl-icd-libopencl1"
# Unit tests, RTL unit benches, proofs, synthesis, the ONNX node tests.
check="$run libcriterion-dev libonnx-testdata zsh fish cmake iverilog yosys z3 jq gnuplot-nox procps curl openssl iproute2"
# Drawing docs/pictures.
pictures="jq"
lint="clang-format cppcheck"
coverage="gcovr"
# libFuzzer, of the version that tests/rules.mk names.
fuzz="clang-14"
# Servers that mea serve is tested and measured beside.
cloud="haproxy nginx-light"
# Training over several processes or machines (mpirun).
mpi="pkg-config libopenmpi-dev openmpi-bin"
# What training is compared with, and models/import-torchvision.py.
torch="python3-torch python3-torchvision python3-onnx"

# A Python environment for the newest ONNX Runtime.
onnx="python3-venv"

# The kernel module, for the headers of Debian's 6.12 kernel.
kmod="gcc libc6-dev linux-headers-6.12-amd64"
# The guest kernels of the co-simulation.
cosim="gcc libc6-dev make linux-source-6.12 xz-utils flex bison bc libelf-dev"
# The device-tree binding; the driver for arm64.
dt="python3-venv device-tree-compiler"
sparse="sparse"
arm64="gcc-aarch64-linux-gnu"
# The command and the library for arm64.
cross="gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross mmdebstrap qemu-user-static"

want=
for group in "$@"; do
	case $group in
	run) want="$want $run" ;;
	check) want="$want $check" ;;
	cloud) want="$want $cloud" ;;
	lint) want="$want $lint" ;;
	pictures) want="$want $pictures" ;;
	fuzz) want="$want $fuzz" ;;
	coverage) want="$want $coverage" ;;
	mpi) want="$want $mpi" ;;
	torch) want="$want $torch" ;;
	onnx) want="$want $onnx" ;;
	kmod) want="$want $kmod" ;;
	cosim) want="$want $cosim" ;;
	dt) want="$want $dt" ;;
	sparse) want="$want $sparse" ;;
	arm64) want="$want $arm64" ;;
	cross) want="$want $cross" ;;
	*) echo "deps.sh: $group: unknown group" >&2; exit 2 ;;
	esac
done
missing=
for p in $want; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] && continue
	case " $missing " in *" $p "*) ;; *) missing="$missing $p" ;; esac
done
[ -n "$missing" ] || exit 0
if [ -n "$list" ]; then
	echo "mea: not installed, for '$*':$missing" >&2
	exit 0
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
	sudo=sudo
	command -v sudo >/dev/null || {
		echo "mea: not root and no sudo here; as root: apt-get install$missing" >&2
		exit 1
	}
fi
export DEBIAN_FRONTEND=noninteractive
# Another package manager at work (a machine's nightly upgrade, say) is waited for.
get="$sudo apt-get -q -o DPkg::Lock::Timeout=300"
# "Need to get 512 MB of archives. After this operation, 2,048 MB of additional disk space ..."
size() {
	LC_ALL=C apt-get -q --assume-no install --no-install-recommends $missing 2>/dev/null |
		grep -E '^(Need to get|After this)' | tr '\n' ' '
}
echo "mea: installing Debian packages for '$*':$missing" >&2
# A list of packages that is old or was never fetched knows none of them, or no longer their files.
[ -n "$(size)" ] || $get update >&2
echo "mea: $(size)DEPS=0 installs nothing." >&2
for try in first second; do
	$get install -y --no-install-recommends $missing >&2 && exit 0
	[ $try = second ] || $get update >&2
done
echo "mea: the packages could not be installed" >&2
exit 1
