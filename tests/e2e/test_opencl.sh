#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Where an OpenCL driver would end the process, mea goes on: with kernels made anew where that
# helps, else by ref.
. tests/e2e/lib.sh

G=models/glyphs
# by BACKEND HOME [BEFORE...]: a run with that home answers all images by that backend.
by() {
	want=$1 home=$2
	shift 2
	env -u POCL_CACHE_DIR -u XDG_CACHE_HOME HOME="$home" "$@" "$MEA" run $G --limit 2 \
		--backend opencl,ref --json --each -v >"$T/out" 2>"$T/err" </dev/null || {
		echo "status $?"
		return 1
	}
	[ "$(jq -r '[.each[].backend] | unique | join(" ")' "$T/out")" = "$want" ] || {
		jq -c '[.each[].backend], .notes' "$T/out"
		cat "$T/err"
		return 1
	}
}

"$MEA" info --backend opencl --json >"$T/out" 2>/dev/null
if [ "$(json backends.0.available)" != true ]; then
	skip "opencl" "$(json backends.0.text)"
	done_testing
	exit 0
fi

# --- kernels that pocl kept and that broke, as by a power cut
mkdir "$T/home"
ok "first run" by opencl "$T/home"
ok "says that it compiles" err_says "compiling kernels for "
ok "once" sh -c "[ \$(grep -c 'compiling kernels for' $T/err) = 1 ]"
ok "kernels are kept" by opencl "$T/home"
ok "and used" sh -c "! grep 'compiling' $T/err"
for file in '*smallgrid*.so' program.bc; do
	ok "$file is there" test -n "$(find "$T/home" -path "*$file")"
	find "$T/home" -path "*$file" -exec truncate -s 0 {} +
	ok "an empty $file: opencl answers" by opencl "$T/home"
	ok "$file: says what was wrong" err_says "trying again without the kernels that it has kept"
	ok "$file: it heals" by opencl "$T/home"
	ok "$file: and is silent" sh -c "[ ! -s $T/err ]"
done

# --- surroundings
if ! unshare -m true 2>/dev/null; then
	skip "noexec, full and missing file systems" "not root"
	done_testing
	exit 0
fi
# within MOUNT-COMMAND...: the arguments' shell command, then mea, in a mount namespace of its own.
mkdir "$T/small" "$T/tmp"
in_mount() {
	mount=$1
	shift
	by "$@" unshare -m sh -c "$mount"' && exec "$@"' sh
}
ok "a home without execution: kernels go to a folder for temporary files" \
	in_mount "mount -t tmpfs -o noexec,size=50M tmpfs $T/small" opencl "$T/small" env TMPDIR="$T/tmp"
ok "and it is said" err_says "pocl cannot keep kernels in $T/small/.cache/mea/pocl; it uses $T/tmp"
ok "a full home" in_mount "mount -t tmpfs -o size=64k tmpfs $T/small" opencl "$T/small" env TMPDIR="$T/tmp"
ok "neither has room: ref" in_mount "mount -t tmpfs -o size=64k tmpfs $T/small && mount -t tmpfs -o size=64k tmpfs $T/tmp" \
	ref "$T/small" env TMPDIR="$T/tmp"
ok "nowhere is execution: ref" in_mount "mount -t tmpfs -o noexec tmpfs $T/small && mount -t tmpfs -o noexec tmpfs $T/tmp" \
	ref "$T/small" env TMPDIR="$T/tmp"
ok "no /sys: ref" in_mount "mount -t tmpfs tmpfs /sys" ref "$T/home"
ok "says that the driver died" err_says "the driver died (Aborted)"
ok "and the kept kernels are still there" by opencl "$T/home"
ok "not compiled again" sh -c "[ ! -s $T/err ]"
ok "mea info in such a place" unshare -m sh -c "mount -t tmpfs tmpfs /sys; exec $MEA info"
ok "an accelerator that fails there" unshare -m sh -c "mount -t tmpfs tmpfs /sys
	exec $MEA run $G --limit 5 --device sim:16x16,fault=3 >$T/out"
done_testing
