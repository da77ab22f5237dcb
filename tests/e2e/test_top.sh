#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea top: sessions of this machine, and clients of the driver in a fake /proc.
. tests/e2e/lib.sh

ok "nobody" run 0 top -n 1 -i 0.1 --procfs "$T" --sysfs "$T"
ok "says so" says "no session and no client of the driver"
ok "no sensor" says "power: no sensor here"

"$MEA" run models/glyphs --backend ref --limit 100000 >/dev/null 2>&1 &
session=$!
trap 'kill $session 2>/dev/null; rm -rf "$T"' EXIT
for _ in $(seq 50); do
	"$MEA" top -n 1 -i 0.2 --sysfs "$T" >"$T/out"
	grep -Eq "^ *$session " "$T/out" && break
	sleep 0.2
done
ok "a session" run 0 top -n 2 -i 0.5 --sysfs "$T"
ok "its exits" awk -v pid=$session '$1 == pid && $3 == "glyphs" && $4 > 0 && $5 > 0 && $6 == 0 && $7 > 0 { n++ } END { exit n != 2 }' "$T/out"
kill $session

# client FD ID BUSY-NS JOBS: an open file of the driver
client() {
	ln -sf /dev/accel/accel0 "$T/proc/77/fd/$1"
	printf 'pos:\t0\ndrm-driver:\tmea\ndrm-client-id:\t%s\ndrm-engine-array:\t%s ns\ndrm-cycles-array:\t5000\ndrm-maxfreq-array:\t100000000 Hz\nmea-jobs:\t%s\ndrm-total-memory:\t1 MiB\n' \
		"$2" "$3" "$4" >"$T/proc/77/fdinfo/$1.new"
	mv "$T/proc/77/fdinfo/$1.new" "$T/proc/77/fdinfo/$1"
}
mkdir -p "$T/proc/77/fd" "$T/proc/77/fdinfo" "$T/proc/78/fd" "$T/proc/78/fdinfo"
printf 'came\033[2Jra\n' >"$T/proc/77/comm"
client 5 12 1000000000 7
client 6 12 1000000000 7
# Another driver's client is none of ours.
ln -s /dev/accel/accel1 "$T/proc/78/fd/4"
printf 'drm-driver:\trocket\ndrm-client-id:\t3\n' >"$T/proc/78/fdinfo/4"
"$MEA" top -n 1 -i 1 --procfs "$T/proc" --sysfs "$T" >"$T/out" &
top=$!
sleep 0.3
client 5 12 1250000000 17
client 6 12 1250000000 17
wait $top
ok "one client" test "$(grep -c /dev/accel "$T/out")" = 1
ok "about a quarter busy, ten jobs a second" awk '$1 == 77 && $2 == "came\\x1b[2Jra" && $4 > 15 && $4 < 26 && $5 > 6 && $5 < 10.1 && $6 == 17 && $8 == 100.0 && $9 == 1024 { n++ } END { exit n != 1 }' "$T/out"

ok "no escape sequence of a stranger's process" sh -c "! grep -q '$(printf '\033')' $T/out"
ok "bad interval" fails 2 "--interval: '0'" top -i 0
ok "bad count" fails 2 "--count: 'x'" top -n x
ok "no /proc" fails 1 "/none:" top -n 1 -i 0.1 --procfs /none
done_testing
