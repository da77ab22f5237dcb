#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command in a guest whose PCI bus has the simulated accelerator.
#
#   tools/cosim/run.sh [OPTIONS] [--] COMMAND [ARGUMENT ...]
#
#   -k, --kernel NAME    fast (default) or debug: User-Mode Linux; stock or iommu: Debian's
#                        kernel on four processors in QEMU, without or behind an IOMMU
#   -m, --module FILE    kernel module to load; "FILE parameter=value" gives parameters;
#                        may be repeated; all are unloaded at the end
#   -c, --config NAME    the array (16x16), or "none": no device
#       --cosim OPTIONS  more options for mea-cosim, one word
#   -r, --real-time      the guest's clock is the host's, as in QEMU; else the device's
#   -t, --time SECONDS   limit for the whole run (600)
#       --mem SIZE       of the guest (256M; debug 512M, in QEMU 1024M)
#   -e, --env NAME=VALUE environment of the command; may be repeated
#   -o, --out DIR        keep the logs there; also /run/out in the guest, writable
#   -a, --allow REGEX    lines of the kernel's log that are no fault
#   -u, --unplug         the device will go away: the warnings of UML's bus are no fault
#   -i, --interactive    the terminal is the command's (User-Mode Linux)
#       --gdb            run the kernel under gdb (User-Mode Linux)
#   -v, --verbose        print the kernel's log, boot times and counters
#
# The guest's files are the host's, read-only, but for /run, /tmp, /dev/shm and
# /run/out. Exit status: the command's; 124 over the limit, 125 the guest broke
# down, 3 the device or the driver left its memory, 99 the kernel's log has faults.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${MEA_BUILD:-$top/build}
kernel=fast config=16x16 limit=600 mem='' out='' allow='' unplug='' gdb='' verbose=''
real_time='' modules=() env=() cosim_options=() more=()

usage() { sed -n '3,27s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
	case $1 in
	-k | --kernel) kernel=$2; shift 2 ;;
	-m | --module) modules+=("$2"); shift 2 ;;
	-c | --config) config=$2; shift 2 ;;
	--cosim) read -r -a cosim_options <<<"$2"; shift 2 ;;
	-r | --real-time) real_time=1; shift ;;
	-t | --time) limit=$2; shift 2 ;;
	--mem) mem=$2; shift 2 ;;
	-e | --env) env+=("$2"); shift 2 ;;
	-o | --out) out=$2; shift 2 ;;
	-a | --allow) allow=$2; shift 2 ;;
	-u | --unplug) unplug=--unplug; shift ;;
	-i | --interactive) more+=(MEA_INTERACTIVE=1) real_time=1; shift ;;
	--gdb) gdb=1 real_time=1; shift ;;
	-v | --verbose) verbose=1; shift ;;
	-h | --help) usage; exit 0 ;;
	--) shift; break ;;
	-*) echo "run.sh: $1: unknown option" >&2; usage >&2; exit 2 ;;
	*) break ;;
	esac
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
qemu='' linux=$build/cosim/$kernel/linux sched=$build/cosim/$kernel/drivers/gpu/drm/scheduler/gpu-sched.ko
case $kernel in
stock | iommu) qemu=$build/cosim/qemu linux=$build/cosim/qemu/initrd sched='' mem=${mem:-1024M} ;;
debug) : "${mem:=512M}" ;;
*) : "${mem:=256M}" ;;
esac
[ -e "$linux" ] || { echo "run.sh: no $kernel kernel; see the targets cosim-* of make help" >&2; exit 125; }

# --- the folder between host and guest ------------------------------------------
keep=$out
# The paths of sockets are short.
sockets=$(mktemp -d /tmp/mea-cosim.XXXXXX)
[ -n "$out" ] || out=$sockets/out
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -f "$out"/{status,log,stdout,stderr}
touch "$out"/{stdout,stderr}
printf '%s\0' "$@" >"$out/argv"
printf '%s\0' "$PWD" >"$out/cwd"
: >"$out/env"
: >"$out/modules"
[ ${#env[@]} -eq 0 ] || printf '%s\0' "${env[@]}" >"$out/env"
[ ${#modules[@]} -eq 0 ] || {
	# What accelerator drivers are built on; a module in the tree of the same kernel.
	[ -z "$sched" ] || printf '%s\0' "$sched"
	printf '%s\0' "${modules[@]}"
} >"$out/modules"

cosim='' uml=''
# shellcheck disable=SC2317 # the trap calls it
cleanup()
{
	[ -z "$uml" ] || kill -KILL -- "-$uml" 2>/dev/null
	[ -z "$cosim" ] || kill "$cosim" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$sockets"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- the device --------------------------------------------------------------------
if [ "$config" != none ]; then
	[ -z "$qemu" ] || real_time=1
	[ -n "$real_time" ] || {
		cosim_options+=(--time "$sockets/time")
		more+=("time-travel=ext:$sockets/time")
	}
	"$build/mea-cosim" ${qemu:+--vfio-user} --config "$config" --side "$sockets/side" ${verbose:+--verbose} \
		${cosim_options[@]+"${cosim_options[@]}"} "$sockets/pci" &
	cosim=$!
	for ((i = 0; i < 500; i++)); do
		[ -S "$sockets/pci" ] && break
		kill -0 "$cosim" 2>/dev/null || { echo "run.sh: mea-cosim did not start" >&2; exit 125; }
		sleep 0.01
	done
	[ -n "$qemu" ] || more+=("virtio_uml.device=$sockets/pci:1234")
	[ -z "$verbose" ] || echo "run.sh: side channel: mea-cosim --ctl $sockets/side COMMAND" >&2
fi

# --- the guest ------------------------------------------------------------------------
uml_command()
{
	# shellcheck disable=SC2054 # commas of the kernel's
	command=("$linux" "mem=$mem" root=/dev/root rootfstype=hostfs rootflags=/ ro
		"init=$build/cosim/init" con=null con0=null,fd:1 con1=fd:0,fd:3 con2=null,fd:4 console=tty0
		# A register read waits for the simulator; UML gives up after so many looks of 0.25 ms.
		virt_pci.max_delay_us=100000
		panic=-1 "MEA_RUN=$out" ${more[@]+"${more[@]}"})
}

# QEMU without KVM, so that it runs anywhere; its log and the kernel's share a file.
# shellcheck disable=SC2054 # commas of QEMU's
qemu_command()
{
	local root=$qemu/root append="console=ttyS0 panic=-1 MEA_RUN=$out MEA_TTY=ttyS" i
	local -a iommu=()

	[ "$kernel" != iommu ] || {
		# The kernel lets no unmap wait, so what the device may reach is what the driver maps.
		append+=" intel_iommu=on iommu.passthrough=0 iommu.strict=1"
		iommu=(-device intel-iommu,caching-mode=on)
	}
	command=("$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu"
		"$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios"
		-M q35,memory-backend=ram -object "memory-backend-memfd,id=ram,size=$mem,share=on"
		-accel tcg,thread=multi -cpu max -smp 4 -m "$mem" -nodefaults -display none -no-reboot
		${iommu[@]+"${iommu[@]}"} -kernel "$qemu/vmlinuz" -initrd "$qemu/initrd"
		-fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap
		-device virtio-9p-pci,fsdev=host,mount_tag=host
		-fsdev "local,id=out,path=$out,security_model=none"
		-device virtio-9p-pci,fsdev=out,mount_tag=out)
	for i in log stdout stderr; do
		command+=(-chardev "file,id=$i,path=$out/$i,append=on" -serial "chardev:$i")
	done
	[ "$config" = none ] || command+=(-device
		'{"driver":"vfio-user-pci","addr":"5.0","socket":{"type":"unix","path":"'"$sockets/pci"'"}}')
	command+=(-append "$append")
}
if [ -n "$qemu" ]; then qemu_command; else uml_command; fi
ulimit -c 0
# The guest's memory is a file in TMPDIR, else in /dev/shm, which containers mount
# noexec and small. The kernel needs to execute from it.
if [ -z "${TMPDIR:-}${qemu}" ]; then
	free=$(df --output=avail -BM /dev/shm 2>/dev/null | tail -n 1 | tr -dc 0-9)
	case ",$(findmnt -no OPTIONS -T /dev/shm)," in *,noexec,*) free=0 ;; esac
	[ "${free:-0}" -ge "${mem%M}" ] || export TMPDIR=/tmp
fi
start=$(date +%s%N)
if [ -n "$gdb" ]; then
	# UML uses these signals for itself.
	gdb -q -ex 'handle SIGSEGV SIGUSR1 SIGALRM SIGIO SIGWINCH nostop noprint' \
		--args "${command[@]}" 3>&1 4>&2
	rc=0
else
	# timeout makes a process group of its own, with all that UML forks. A guest that
	# is told to end kindly may wait for its device for ever.
	timeout -s KILL "$limit" "${command[@]}" <&0 3>&1 4>&2 >>"$out/log" 2>&1 &
	uml=$!
	rc=
	# A device that aborts takes the guest with it; one that was killed does not.
	while [ -z "$rc" ]; do
		wait -n -p ended ${cosim:+"$cosim"} "$uml"
		case $ended in
		"$uml") wait "$uml"; rc=$? ;;
		"$cosim")
			wait "$cosim"; cosim_rc=$?
			cosim=
			[ "$cosim_rc" -eq 0 ] || {
				kill -KILL -- "-$uml"
				wait "$uml"
				rc=$cosim_rc
			} ;;
		*) rc=125 ;;
		esac
	done 2>/dev/null
	uml=
fi
ms=$((($(date +%s%N) - start) / 1000000))
if [ -n "$cosim" ]; then
	# It ends with the guest, if the guest came as far as to connect to it.
	grep -q 'Linux version' "$out/log" || kill "$cosim"
	for ((i = 0; i < 1000; i++)); do
		kill -0 "$cosim" 2>/dev/null || break
		sleep 0.01
	done
	kill -KILL "$cosim" 2>/dev/null
	wait "$cosim"
	cosim_rc=$?
	cosim=
fi

# What QEMU's guest has said; User-Mode Linux writes where we do.
[ -z "$qemu" ] || { cat "$out/stdout"; cat "$out/stderr" >&2; }

# --- what came out ------------------------------------------------------------------------
[ -z "$verbose" ] || { cat "$out/log"; echo "run.sh: $ms ms from start to power-off" >&2; } >&2
show()
{
	echo "run.sh: $1" >&2
	grep -v '>\] ? ' "$out/log" | tail -n 30 | sed 's/^/    /' >&2
}
[ "${cosim_rc:-0}" -ne 3 ] || { show "the device stopped the run"; exit 3; }
[ "$rc" -ne 137 ] || [ "$ms" -lt $((limit * 1000)) ] || { show "over the limit of $limit s"; exit 124; }
status=$(cat "$out/status" 2>/dev/null)
[ -n "$status" ] || { show "the guest broke down (status $rc)"; exit 125; }
[ "${cosim_rc:-0}" -eq 0 ] || { show "mea-cosim ended with status $cosim_rc"; exit 125; }
if ! "$here/logcheck.sh" $unplug "$out/log" "$allow" >&2; then
	[ -z "$keep" ] || echo "run.sh: the whole log is $out/log" >&2
	exit 99
fi
exit "$status"
