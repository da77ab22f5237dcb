#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the User-Mode Linux kernels of the co-simulation and keeps them.
#
#   tools/cosim/kernel.sh DIR KERNEL ...      kernels: fast, debug; source: unpacks only
#
# From Debian's linux-source package into DIR/KERNEL; DIR/linux is the source.
# A kernel is built again when its configuration, the source or the compiler
# changes. JOBS: parallel jobs (all processors). LINUX_SOURCE: another source
# archive. Prints how long it took.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
archive=${LINUX_SOURCE:-/usr/src/linux-source-6.12.tar.xz}
jobs=${JOBS:-$(nproc)}
[ $# -ge 2 ] || { sed -n '3,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
[ -r "$archive" ] || { echo "kernel.sh: no $archive; apt-get install linux-source-6.12" >&2; exit 1; }

# One at a time in a directory.
exec 9>"$dir/.lock"
flock 9

# Size and time stand for the content of 150 MB; the number is that of adapt().
version="$(stat -L -c '%s %Y' "$archive") 6"

changed()
{
	echo "kernel.sh: $archive has changed; see adapt()" >&2
	exit 1
}

# change FILE FROM TO: a line of the source.
change()
{
	sed -i "s/$2/$3/" "$1"
	grep -q "$3" "$1" || changed
}

adapt()
{
	# UML 6.12 keeps 2696 bytes for a process's vector registers, and panics on a host
	# whose set is larger: AMX has 11008. Later kernels ask the host.
	change "$1/arch/x86/um/user-offsets.c" 'HOST_FP_SIZE, 2696' 'HOST_FP_SIZE, 12288'
	# DRM's core puts a device that it could not allocate, which the tests that make
	# allocations of probe() fail would run into.
	change "$1/drivers/gpu/drm/drm_drv.c" '	put_device(minor->kdev);' \
		'	put_device(IS_ERR(minor->kdev) ? NULL : minor->kdev);'
	# An interrupt of the device lets UML 6.12 take finished writes off the queue to which
	# a write may just be being added, and the two damage it.
	sed -i '/^static int um_pci_send_cmd/,/^}/{
		s/^\tint delay_count = 0;/\tunsigned long flags;\n&/
		s/^\tbuf = get_cpu_var/\tlocal_irq_save(flags);\n&/
		s/^\tput_cpu_var(.*/&\n\tlocal_irq_restore(flags);/
	}' "$1/arch/um/drivers/virt-pci.c"
	[ "$(grep -c '^	local_irq_.*(flags);$' "$1/arch/um/drivers/virt-pci.c")" = 2 ] || changed
	# Who waits for a register leaves its processor to the device, which may need it for the
	# answer; the answer's signal ends the sleep. Writes that come back meanwhile are no wait.
	sed -i -e 's/^#include <irq_kern.h>/&\n\nint sched_yield(void);\nint usleep(unsigned int);/' \
		-e '/^static int um_pci_send_cmd/,/^}/s/^\t\tudelay(1);/\
\t\tif (completed)\
\t\t\tcontinue;\
\t\tif (delay_count < 20)\
\t\t\tsched_yield();\
\t\telse\
\t\t\tusleep(200);/' "$1/arch/um/drivers/virt-pci.c"
	[ "$(grep -c 'usleep(' "$1/arch/um/drivers/virt-pci.c")" = 2 ] || changed
	# What allocates or locks keeps a trace of its calls in the debug kernel. UML asks of every
	# word of the stack whether it lies in a text, and keeps what a frame pointer leads to.
	sed -i 's/^\twhile (((long) sp & (THREAD_SIZE-1)) != 0) {/&\
\t\tif (IS_ENABLED(CONFIG_FRAME_POINTER) \&\& (unsigned long)sp != bp + sizeof(long)) {\
\t\t\tsp++;\
\t\t\tcontinue;\
\t\t}/' "$1/arch/um/kernel/stacktrace.c"
	[ "$(grep -c 'sizeof(long)) {$' "$1/arch/um/kernel/stacktrace.c")" = 2 ] || changed
	# Every debug guest waits this long at its end; the scan that follows is done twice against
	# what is not a leak.
	change "$1/mm/kmemleak.c" 'MSECS_MIN_AGE		5000' 'MSECS_MIN_AGE		500'
}

unpack()
{
	[ "$(cat "$dir/linux/.version" 2>/dev/null)" = "$version" ] && return
	echo "  UNPACK  $archive"
	rm -rf "$dir/linux" "$dir/linux.new"
	mkdir "$dir/linux.new"
	# What no kernel here is built from is two thirds of the archive.
	tar -xf "$archive" -C "$dir/linux.new" --strip-components=1 --wildcards \
		--exclude='*/drivers/gpu/drm/amd/include/asic_reg' \
		--exclude='*/Documentation/[a-zA-Z]*/*' --exclude='*/tools/testing/*' \
		--exclude='*/arch/*/boot/dts/*.dts*'
	adapt "$dir/linux.new"
	echo "$version" >"$dir/linux.new/.version"
	mv "$dir/linux.new" "$dir/linux"
}

# Every line of the fragments must hold in the configuration that came out.
check_config()
{
	local line bad=0

	while read -r line; do
		case $line in
		CONFIG_*=n) grep -q "^${line%n}" "$2" && { echo "kernel.sh: $line did not take" >&2; bad=1; } ;;
		CONFIG_*) grep -qxF "$line" "$2" || { echo "kernel.sh: $line did not take" >&2; bad=1; } ;;
		esac
	done <"$1"
	return $bad
}

build()
{
	local name=$1 out=$dir/$1 fragments start=$SECONDS key

	case $name in
	fast) fragments=("$here/fast.config") ;;
	debug) fragments=("$here/fast.config" "$here/debug.config") ;;
	*) echo "kernel.sh: $name: unknown kernel" >&2; exit 2 ;;
	esac
	key=$({ echo "$version"; ${CC:-gcc} --version; cat "${fragments[@]}"; } | sha256sum)
	if [ -x "$out/linux" ] && [ "$(cat "$out/.key" 2>/dev/null)" = "$key" ]; then
		echo "  KERNEL  $name (cached)"
		return
	fi
	unpack
	echo "  KERNEL  $name"
	mkdir -p "$out"
	rm -f "$out/.key"
	# The last word on an option counts.
	cat "${fragments[@]}" | tac | awk -F= '/^#|^$/ || !seen[$1]++' | tac >"$out/fragment"
	make -s -C "$dir/linux" ARCH=um O="$out" KCONFIG_ALLCONFIG="$out/fragment" allnoconfig \
		>"$out/build.log" 2>&1 || { tail -20 "$out/build.log" >&2; exit 1; }
	check_config "$out/fragment" "$out/.config"
	make -s -C "$dir/linux" ARCH=um O="$out" -j"$jobs" linux modules >>"$out/build.log" 2>&1 || {
		grep -m 20 -E 'error|Error|undefined' "$out/build.log" >&2
		tail -20 "$out/build.log" >&2
		exit 1
	}
	echo "$key" >"$out/.key"
	echo "  KERNEL  $name took $((SECONDS - start)) s"
}

for name in "$@"; do
	if [ "$name" = source ]; then unpack; else build "$name"; fi
done
