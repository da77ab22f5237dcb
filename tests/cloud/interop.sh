#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea and programs of others: the public Triton client against mea serve, mea run against KServe's
# Python server and MLServer. They are installed, pinned, in environments under build/interop.
. tests/e2e/lib.sh
. tests/e2e/serve_lib.sh
here=tests/cloud/interop
G=models/glyphs

# environment NAME: makes build/interop/NAME from NAME.txt unless it is there.
environment() {
	dir=build/interop/$1
	[ -f "$dir/done" ] && return 0
	python3 -m venv "$dir" && "$dir/bin/pip" install -q -r "$here/$1.txt" >"$T/pip" 2>&1 && touch "$dir/done"
}

# answered_by NAME COMMAND...: starts a foreign server on $port and runs images against it.
answered_by() {
	who=$1
	shift
	"$@" >"$T/foreign" 2>&1 &
	foreign=$!
	servers="$servers $foreign"
	for _ in $(seq 300); do
		curl -sf "http://127.0.0.1:$port/v2/models/glyphs/ready" >/dev/null && break
		sleep 0.2
	done
	ok "$who: a run" run 0 run $G --backend ref --limit 100 --threshold 0 --deadline 5000 --json --each \
		--cloud "http://127.0.0.1:$port"
	ok "$who: all answered by it" is exits.2.images 100
	# Its model says: the first byte of the image modulo 36, which no network would.
	ok "$who: with its answers" jq -e '[.each[] | select(.confidence > 0.99)] | length == 100' "$T/out"
	ok "$who: another model is told" fails 1 "has no /v2/models/other" run $G --limit 1 \
		--cloud "http://127.0.0.1:$port/v2/models/other"
	kill $foreign
	wait $foreign 2>/dev/null
}

if environment client; then
	serve $G
	build/interop/client/bin/python $here/triton_client.py "${url#http://}" >"$T/tap" 2>"$T/err"
	grep -E '^(not )?ok' "$T/tap"
	n=$(grep -cE '^(not )?ok' "$T/tap")
	ok "the Triton client came to its end" grep -q '^1\.\.' "$T/tap"
	kill $server
else
	skip "Triton client" "tritonclient cannot be installed here"
fi

port=$((20000 + RANDOM % 20000))
if environment kserve; then
	answered_by KServe build/interop/kserve/bin/python $here/foreign_kserve.py --http_port $port
else
	skip "KServe" "kserve cannot be installed here"
fi
if environment mlserver; then
	cp $here/foreign_mlserver.py $here/model-settings.json "$T/"
	echo "{\"http_port\": $port, \"grpc_port\": $((port + 1)), \"metrics_endpoint\": null, \"parallel_workers\": 0}" \
		>"$T/settings.json"
	answered_by MLServer build/interop/mlserver/bin/mlserver start "$T"
else
	skip "MLServer" "mlserver cannot be installed here"
fi
done_testing
