# SPDX-License-Identifier: Apache-2.0
# What the tests of mea serve share; lib.sh comes first.

# The tests' own requests stay on this machine. (mea's do as well; test_surroundings.sh shows it.)
curl() {
	command curl --noproxy '*' "$@"
}

servers=
trap 'kill $servers 2>/dev/null; wait $servers 2>/dev/null; rm -rf "$T"' EXIT

# serve ARGS...: starts mea serve on a free port; sets url and server.
serve() {
	# What an earlier server said must not be taken for this one.
	: >"$T/serve"
	"$MEA" serve "$@" --listen 127.0.0.1:0 >"$T/serve" 2>"$T/serve.err" &
	server=$!
	servers="$servers $server"
	for _ in $(seq 100); do
		url=$(grep -o 'http.*' "$T/serve") && return 0
		kill -0 $server 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# get STATUS PATH [CURL-OPTION...]: asks; body in $T/out, head in $T/head.
get() {
	want=$1 path=$2
	shift 2
	code=$(curl -s -o "$T/out" -D "$T/head" -w '%{http_code}' --max-time 30 "$@" "$url$path")
	[ "$code" = "$want" ] || {
		echo "$path: status $code, not $want"
		return 1
	}
}

# certificate NAME SUBJECT-ALT-NAME [DAYS [PURPOSE]]: signed by $T/ca.pem, which is made when missing.
certificate() {
	if [ ! -f "$T/ca.pem" ]; then
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/ca.key" \
			-out "$T/ca.pem" -days 2 -subj "/CN=mea test authority" || return 1
	fi
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$1.key" \
		-out "$T/$1.csr" -subj "/CN=$1" || return 1
	printf 'subjectAltName=%s\n%s\n' "$2" "${4:+extendedKeyUsage=$4}" >"$T/$1.ext"
	openssl x509 -req -in "$T/$1.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -CAcreateserial \
		-extfile "$T/$1.ext" -out "$T/$1.pem" -days "${3:-2}"
}
