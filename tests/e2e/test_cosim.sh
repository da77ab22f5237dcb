#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tools/cosim/run.sh where the guest's memory cannot lie: containers mount /dev/shm noexec and
# small. It uses another folder, or says why it cannot, and never waits for a guest that is gone.
# And the guest's clock, which is the device's: a job's time depends on nothing of the host's.
. tests/e2e/lib.sh

why=
[ -x build/cosim/fast/linux ] && [ -x build/cosim/init ] || why="no guest kernel (make cosim-kernel)"
unshare -rm mount -t tmpfs tmpfs /mnt 2>/dev/null || why="no right to mount"
[ -n "$why" ] || tools/cosim/run.sh -c none -t 60 -- true 2>/dev/null || why="User-Mode Linux does not start"
[ -z "$why" ] || {
	skip "run.sh without /dev/shm" "$why"
	done_testing
	exit 0
}
# guest MOUNTS: in a name space of its own; its exit status in $T/status. The limit is a hang.
guest() {
	env -u TMPDIR timeout -s KILL 100 unshare -rm bash -c "$1
		tools/cosim/run.sh -t 60 -c 8x8s -- true" >"$T/out" 2>"$T/err"
	echo $? >"$T/status"
}
ends() { [ "$(cat "$T/status")" -eq "$1" ] || { cat "$T/status"; return 1; }; }

guest "mount -t tmpfs -o size=400m,noexec tmpfs /dev/shm"
ok "/dev/shm noexec: the guest runs" ends 0
guest "mount -t tmpfs -o size=64m tmpfs /dev/shm"
ok "/dev/shm small: the guest runs" ends 0
guest "mount -t tmpfs -o noexec tmpfs /dev/shm; mount -t tmpfs -o noexec tmpfs /tmp"
ok "both noexec: the guest breaks down" ends 125
ok "and the log says why" grep -q 'must be not mounted noexec' "$T/err"

# times FILE: how long jobs take, to the nanosecond
times()
{
	tools/cosim/run.sh -t 300 -c 8x8s -m build/cosim/fast/mea/mea.ko -- \
		build/tests/kmod/bench_jobs >"$1" 2>"$T/err" || { cat "$T/err"; return 1; }
}
ok "jobs on an idle host" times "$T/idle"
ok "they say how long they took" grep -q 'empty job: median [0-9]*\.[0-9]* us' "$T/idle"
# 512 beats in and as many out, at 100 MHz.
ok "a page takes its beats and not much more" awk '/copy of a page/ && $6 >= 10.24 && $6 <= 20.48 { good = 1 }
	END { exit !good }' "$T/idle"
busy=()
for _ in 1 2 3; do
	timeout 300 sh -c 'while :; do :; done' &
	busy+=($!)
done
ok "jobs on a busy host" times "$T/busy"
kill "${busy[@]}"
ok "to the nanosecond the same" cmp "$T/idle" "$T/busy"
done_testing
