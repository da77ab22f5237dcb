#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks the device-tree binding, its example and the overlay with dtschema and dtc.
#
#   kmod/dt/check.sh BUILD LINUX     LINUX: a kernel source, for its dt-bindings headers
#
# dtschema is a Python package, installed under BUILD when it is not there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1 linux=$2
mkdir -p "$build"
[ -x "$build/venv/bin/dt-validate" ] || {
	python3 -m venv "$build/venv"
	"$build/venv/bin/pip" -q install dtschema
}
PATH=$build/venv/bin:$PATH
# Where a binding lies is part of its name.
binding=$build/bindings/npu/mea,accel.yaml
install -D -m 644 "$here/mea,accel.yaml" "$binding"

# Each tool says what it finds; some of them end with status 0 all the same.
quiet()
{
	"$@" >"$build/out" 2>&1 && [ ! -s "$build/out" ] && return
	echo "$1 finds:" >&2
	cat "$build/out" >&2
	exit 1
}

quiet dt-doc-validate "$binding"
dt-extract-example "$binding" >"$build/example.dts"
cpp -nostdinc -undef -x assembler-with-cpp -I "$linux/include" "$build/example.dts" "$build/example.pre"
quiet dtc -q -I dts -O dtb -o "$build/example.dtb" "$build/example.pre"
quiet dt-mk-schema -j -o "$build/schema.json" "$build/bindings"
quiet dt-validate -s "$build/schema.json" "$build/example.dtb"
quiet dtc -@ -I dts -O dtb -o "$build/zynq-7000.dtbo" "$here/zynq-7000.dtso"

# A check that cannot fail is none: a wrong property must be found.
sed 's/interrupts = /colour = /' "$build/example.pre" >"$build/wrong.pre"
dtc -q -I dts -O dtb -o "$build/wrong.dtb" "$build/wrong.pre"
[ -n "$(dt-validate -s "$build/schema.json" "$build/wrong.dtb" 2>&1)" ] ||
	{ echo "dt-validate does not see a wrong property" >&2; exit 1; }
echo "binding, example and overlay are sound"
