# SPDX-License-Identifier: Apache-2.0
# What the end-to-end tests share. Each test script sources this, prints TAP and is run from the
# repository's root with MEA (the command) and HELPER (tests/e2e/helper.c) in the environment.

set -u
MEA=${MEA:-build/mea}
HELPER=${HELPER:-$(dirname "$MEA")/tests/e2e/helper}
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
unset MEA_DATA_GIVEN
[ -n "${MEA_DATA:-}" ] && MEA_DATA_GIVEN=$MEA_DATA
unset MEA_DATA
n=0

# ok NAME CONDITION-COMMAND...: passes when the command succeeds.
ok() {
	n=$((n + 1))
	name=$1
	shift
	if "$@" >"$T/.check" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' "$T/.check" "$T/out" "$T/err" 2>/dev/null | head -20
	fi
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# run STATUS ARGS...: runs mea; stdout in $T/out, stderr in $T/err; true when it exits as
# expected. RUN_LIMIT seconds (120) are a hang.
run() {
	want=$1
	shift
	timeout "${RUN_LIMIT:-120}" "$MEA" "$@" >"$T/out" 2>"$T/err" </dev/null
	got=$?
	[ "$got" -eq "$want" ] || {
		echo "mea $*: exit status $got, not $want"
		return 1
	}
}

# fails STATUS TEXT ARGS...: mea exits so, says TEXT on stderr (one line, but for the hint that
# argp adds) and nothing on stdout.
fails() {
	status=$1 text=$2
	shift 2
	run "$status" "$@" || return 1
	grep -qF -- "$text" "$T/err" || {
		echo "stderr lacks: $text"
		return 1
	}
	[ ! -s "$T/out" ] || {
		echo "stdout is not empty"
		return 1
	}
}

# says TEXT: the last run's stdout holds it; err_says: its stderr.
says() {
	grep -qF -- "$1" "$T/out"
}
err_says() {
	grep -qF -- "$1" "$T/err"
}

# json PATH: the value there in the last run's stdout.
json() {
	"$HELPER" json "$T/out" "$@"
}

# is PATH VALUE: whether the last run's JSON has that value.
is() {
	value=$(json "$1") || return 1
	[ "$value" = "$2" ] || {
		echo "$1 is $value, not $2"
		return 1
	}
}

# between FILE PATH LOW HIGH: whether the value there in a file's JSON is a number in this range.
between() {
	value=$("$HELPER" json "$1" "$2") || return 1
	awk -v v="$value" -v low="$3" -v high="$4" 'BEGIN { exit !(v ~ /^[0-9]/ && v >= low && v <= high) }' || {
		echo "$2 is $value, not $3 to $4"
		return 1
	}
}

done_testing() {
	echo "1..$n"
}
