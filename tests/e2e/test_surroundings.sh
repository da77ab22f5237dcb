#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the environment of a user does not change: proxies, a clock that is set, locales.
. tests/e2e/lib.sh
. tests/e2e/serve_lib.sh
G=models/glyphs

# in_env VARIABLE=VALUE... -- ARGS...: mea run on the glyphs with these variables.
in_env() {
	vars=()
	while [ "$1" != -- ]; do
		vars+=("$1")
		shift
	done
	shift
	env "${vars[@]}" "$MEA" run $G --json --each "$@" >"$T/out" 2>"$T/err" </dev/null
}

# --- a proxy has no way to this machine's loopback, so none is asked
proxy=http://127.0.0.1:9
ok "server" serve $G
port=${url##*:}
for host in 127.0.0.1 localhost LocalHost; do
	for name in http_proxy all_proxy ALL_PROXY; do
		ok "$name and a cloud on $host" in_env "$name=$proxy" -- --limit 3 --backend ref \
			--threshold 0 --deadline 20000 --cloud "http://$host:$port"
		ok "three answers from there" is exits.2.images 3
	done
done
# A name that no resolver knows: without the proxy the message would be of the name.
ok "the edge answers for a host behind a dead proxy" in_env http_proxy=$proxy -- --limit 1 \
	--backend ref --threshold 0 --cloud http://cloud.invalid:8000
ok "the proxy was asked" grep -q "127.0.0.1 port 9" "$T/out" "$T/err"

# --- a clock that is set while mea waits
# Every reading of the wall clock is an hour old by the time that it is used.
cat >"$T/old.c" <<'C'
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, t);

	if (!rc && clock == CLOCK_REALTIME)
		t->tv_sec -= 3600;
	return rc;
}

int gettimeofday(struct timeval *t, void *zone)
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now))
		return -1;
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *to)
{
	struct timespec now;
	time_t t = clock_gettime(CLOCK_REALTIME, &now) ? -1 : now.tv_sec;

	if (to)
		*to = t;
	return t;
}
C
${CC:-gcc} -shared -fPIC -O2 -o "$T/old.so" "$T/old.c"
case $MEA in
*/san/*) skip "a clock that is set" "the sanitizer's library must be loaded first" ;;
*)
	for backend in accel opencl ref; do
		ok "the clock is set forward: $backend" in_env LD_PRELOAD="$T/old.so" -- --limit 3 --backend $backend
		ok "three answers by $backend" sh -c "jq -e '[.each[].backend] == [\"$backend\", \"$backend\", \"$backend\"]' $T/out"
	done
	ok "the clock is set forward: cloud" in_env LD_PRELOAD="$T/old.so" -- --limit 3 --backend ref \
		--threshold 0 --deadline 20000 --cloud "$url"
	ok "three answers by the cloud" is exits.2.images 3
	;;
esac
done_testing
