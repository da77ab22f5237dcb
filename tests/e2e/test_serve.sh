#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea serve, asked by curl: paths, forms of requests, errors, TLS, reload, drain.
. tests/e2e/lib.sh
. tests/e2e/serve_lib.sh

G=models/glyphs
infer=/v2/models/glyphs/infer
head -c 3072 /dev/zero >"$T/image"

ok "starts" serve $G
ok "server metadata" get 200 /v2
ok "name" is name mea
ok "binary tensors announced" is extensions.0 binary_tensor_data
ok "PNG announced" is extensions.4 image_png
ok "live" get 200 /v2/health/live
ok "ready" get 200 /v2/health/ready
ok "model metadata" get 200 /v2/models/glyphs
ok "its input" is inputs.0.datatype UINT8
ok "free batch" is inputs.0.shape.0 -1
ok "pixels" is inputs.0.shape.3 3
ok "its output" is outputs.0.shape.1 36
ok "its version" is versions.0 1
ok "by version" get 200 /v2/models/glyphs/versions/1
ok "model ready" get 200 /v2/models/glyphs/ready
ok "version ready" get 200 /v2/models/glyphs/versions/1/ready
ok "index" get 200 /v2/repository/index -X POST
ok "state" is 0.state READY

# Forms of requests.
raw="-H Inference-Header-Content-Length:0 -H Content-Type:application/octet-stream"
ok "raw" get 200 $infer $raw --data-binary "@$T/image"
ok "binary answer" grep -qi '^Content-Type: application/octet-stream' "$T/head"
json_bytes=$(tr -d '\r' <"$T/head" | sed -n 's/^Inference-Header-Content-Length: //p')
ok "logits behind the JSON" test "$(($(wc -c <"$T/out") - json_bytes))" -eq 144
tail -c 144 "$T/out" >"$T/logits"
head -c "$json_bytes" "$T/out" >"$T/json" && cp "$T/json" "$T/out"
ok "its JSON" is outputs.0.parameters.binary_data_size 144
ok "model" is model_name glyphs

zeros=$(head -c 3072 "$T/image" | tr '\0' '0' | sed 's/0/0,/g; s/,$//')
printf '{"id":"a1","inputs":[{"name":"image","shape":[1,32,32,3],"datatype":"UINT8","data":[%s]}]}' "$zeros" >"$T/request"
ok "JSON" get 200 $infer --data-binary "@$T/request"
ok "id" is id a1
ok "JSON answer" is outputs.0.shape.1 36
ok "36 numbers" is outputs.0.data 36
first=$(od -An -tf4 -N4 "$T/logits" | tr -d ' ')
ok "the same number" awk "BEGIN {d = $(json outputs.0.data.0) - ($first); exit !(d < 1e-5 && d > -1e-5)}"

head='{"inputs":[{"name":"image","shape":[1,32,32,3],"datatype":"UINT8","parameters":{"binary_data_size":3072}}],"outputs":[{"name":"logits","parameters":{"binary_data":true}}]}'
printf '%s' "$head" | cat - "$T/image" >"$T/request"
ok "JSON and binary" get 200 $infer -H "Inference-Header-Content-Length: ${#head}" --data-binary "@$T/request"
ok "the same logits" sh -c "tail -c 144 $T/out | cmp - $T/logits"
ok "batch" sh -c "sed 's/\[1,32/[2,32/; s/3072}/6144}/' >$T/request2 <<'END'
$head
END
"
two=$(cat "$T/request2")
printf '%s' "$two" | cat - "$T/image" "$T/image" >"$T/request"
ok "of two" get 200 $infer -H "Inference-Header-Content-Length: ${#two}" --data-binary "@$T/request"
ok "two answers" sh -c "tail -c 288 $T/out | head -c 144 | cmp - $T/logits && tail -c 144 $T/out | cmp - $T/logits"
ok "version in the path" get 200 /v2/models/glyphs/versions/1/infer $raw --data-binary "@$T/image"

# Errors.
error_is() {
	json error | grep -qF -- "$1" || {
		json error
		return 1
	}
}
ok "no such path" get 404 /v3
ok "says so" error_is "nothing at this path"
ok "no such model" get 404 /v2/models/nope
ok "named" error_is "no model 'nope' here"
ok "infer there" get 404 /v2/models/nope/infer $raw --data-binary "@$T/image"
ok "no such version" get 404 /v2/models/glyphs/versions/7/infer $raw --data-binary "@$T/image"
ok "named" error_is "has no version 7"
ok "wrong method" get 405 $infer
ok "allowed" grep -qi '^Allow: POST' "$T/head"
ok "wrong method there" get 405 /v2/health/ready -d x
ok "no JSON" get 400 $infer -d "{"
ok "empty" get 400 $infer -d ""
ok "length of JSON beyond the body" get 400 $infer -H "Inference-Header-Content-Length: 99999" -d "{}"
ok "named" error_is "Inference-Header-Content-Length is 99999"
ok "no number" get 400 $infer -H "Inference-Header-Content-Length: x" -d "{}"
ok "negative" get 400 $infer -H "Inference-Header-Content-Length: -1" -d "{}"
ok "short raw body" get 400 $infer $raw -d "abc"
ok "named" error_is "the raw body has 3 bytes; one item has 3072"
ok "compressed" get 501 $infer $raw -H "Content-Encoding: gzip" --data-binary "@$T/image"
ok "chunked by hand" get 501 $infer $raw -H "Content-Encoding: chunked" --data-binary "@$T/image"
ok "named" error_is "Content-Encoding 'chunked'"
ok "no PNG" get 400 $infer -H Inference-Header-Content-Length:0 -H Content-Type:image/png --data-binary "@$T/image"
ok "named" error_is "PNG"
ok "bad timeout" get 400 $infer $raw -H "timeout: soon" --data-binary "@$T/image"
ok "statistics" get 200 /v2/models/glyphs/stats
ok "five answers" is model_stats.0.inference_stats.success.count 5
ok "six images" is model_stats.0.inference_count 6
ok "all models" get 200 /v2/models/stats
ok "metrics" get 200 /metrics
ok "counted" grep -q '^mea_inference_request_success_total{model="glyphs",version="1"} 5$' "$T/out"
ok "engine" grep -q '^mea_model_info{model="glyphs",version="1",engine="oneDNN"} 1$' "$T/out"

# mea run against it, with time enough for a busy machine.
ok "mea run" run 0 run $G --backend ref --cloud "$url" --deadline 30000 --limit 200 --json
ok "cloud answers" sh -c "[ \$($HELPER json $T/out exits.2.images) -gt 10 ]"
ok "bytes up" between "$T/out" exits.2.bytes_up 3072 3500
for k in rtt_ms answer_ms bytes_per_s; do
	ok "link.$k" between "$T/out" link.$k 1e-9 1e12
done
for k in p50_ms p95_ms p99_ms bytes_down fallbacks; do
	ok "exits.2.$k" json exits.2.$k
done
ok "all images" run 0 run $G --backend ref --cloud "$url" --deadline 30000 --limit 50 --threshold 0 --json --each
cp "$T/out" "$T/each"
ok "all at the cloud" is exits.2.images 50
# As PNG: the same answers for fewer bytes.
jq -c '.each[] | [.index, .class]' "$T/each" >"$T/raw.classes"
raw_up=$(jq '.exits[2].bytes_up' "$T/each")
ok "as PNG" run 0 run $G --backend ref --cloud "$url" --deadline 30000 --limit 50 --threshold 0 --json --each --cloud-send png
ok "all at the cloud" is exits.2.images 50
ok "the same answers" sh -c "jq -c '.each[] | [.index, .class]' $T/out | cmp - $T/raw.classes"
ok "fewer bytes" jq -e ".exits[2].bytes_up < $raw_up - 300" "$T/out"
ok "a table" run 0 run $G --backend ref --cloud "$url" --limit 100
ok "with a cloud row" grep -Eq "^cloud +[1-9]" "$T/out"
ok "wrong model" fails 1 "has no /v2/models/x" run $G --cloud "$url/v2/models/x" --limit 1
ok "bad threshold" fails 2 "--threshold: 'x'" run $G --threshold x
ok "bad deadline" fails 2 "--deadline: '0'" run $G --deadline 0
kill $server
ok "ends well" wait $server
ok "nobody there" run 0 run $G --backend ref --cloud "$url" --limit 100 --json --each
ok "all answered" is images 100
ok "by the edge" is exits.2.images 0
ok "which says why" grep -q '"cloud_missed": "not reachable"' "$T/out"

# A repository, looked at again.
mkdir -p "$T/repo/one/1" "$T/repo/one/3" "$T/repo/two/1"
cp $G/cloud.onnx "$T/repo/one/1/model.onnx"
cp $G/cloud.onnx "$T/repo/one/3/model.onnx"
echo rubbish >"$T/repo/two/1/model.onnx"
# Neither a version that is being copied nor a link to nothing keeps the others from being served.
mkdir -p "$T/repo/half/1" "$T/repo/link/1"
ln -s nowhere "$T/repo/link/1/model.onnx"
ok "repository" serve "$T/repo"
ok "what is not whole" sh -c "grep -q 'half/1/model.onnx: No such file' $T/serve.err && grep -q 'link/1/model.onnx' $T/serve.err"
rm -r "$T/repo/half" "$T/repo/link"
kill -HUP $server
for _ in $(seq 50); do
	get 200 /v2/repository/index && is "" 3 >/dev/null && break
	sleep 0.1
done
ok "index" get 200 /v2/repository/index
ok "three versions" is "" 3
ok "the highest first" is 0.version 3
ok "a model that does not load" is 2.state UNAVAILABLE
ok "told on stderr" grep -q "two/1/model.onnx" "$T/serve.err"
ok "and who computes the rest" grep -q "computed by" "$T/serve.err"
ok "its path is 404" get 404 /v2/models/two
ok "the highest answers" get 200 /v2/models/one/infer $raw --data-binary "@$T/image"
ok "it says" sh -c "head -c 60 $T/out | grep -q '\"model_version\":\"3\"'"
cp $G/cloud.onnx "$T/repo/two/1/new" && mv "$T/repo/two/1/new" "$T/repo/two/1/model.onnx"
rm -r "$T/repo/one/3"
kill -HUP $server
for _ in $(seq 50); do
	get 200 /v2/models/two && break
	sleep 0.1
done
ok "a new model" get 200 /v2/models/two
ok "a version that went" get 404 /v2/models/one/versions/3
ok "the other stays" get 200 /v2/models/one/versions/1
kill $server
wait $server

ok "an ONNX file" serve $G/cloud.onnx
ok "named as the file" get 200 /v2/models/cloud
kill $server
wait $server

ok "an int8 network" serve $G/main.int8.onnx
ok "its metrics" get 200 /metrics
ok "computed in integers" grep -q 'model="main.int8",version="1",engine="int8, ' "$T/out"
ok "its input" get 200 /v2/models/main.int8
ok "is float" is inputs.0.datatype FP32
zeros=$(awk 'BEGIN { for (i = 0; i < 3072; i++) printf "%s0", i ? "," : "" }')
printf '{"inputs":[{"name":"%s","shape":[1,3,32,32],"datatype":"FP32","data":[%s]}]}' "$(json inputs.0.name)" "$zeros" >"$T/request"
ok "answers" get 200 /v2/models/main.int8/infer --data-binary "@$T/request"
ok "its logits" is outputs.0.data 36
kill $server
wait $server

# Features instead of images: the cloud computes main's own exit from them, so that its answer must
# be main's, which for easy images is the edge's.
mkdir -p "$T/cut"
ok "a cut model" "$HELPER" cut $G "$T/cut/glyphs.onnx"
ok "served" serve "$T/cut/glyphs.onnx"
ok "takes int8" get 200 /v2/models/glyphs
ok "as metadata says" is inputs.0.datatype INT8
ok "edge alone" run 0 run $G --backend ref --limit 200 --json --each
jq -c '.each[] | select(.exit == "main") | [.index, .class]' "$T/out" >"$T/easy"
ok "features" run 0 run $G --backend ref --deadline 30000 --limit 200 --json --each --threshold 0 --cloud "$url" --cloud-send features
ok "all at the cloud" is exits.2.images 200
up=$(json exits.2.bytes_up)
ok "bytes of features" awk "BEGIN {exit !($up > 8192 && $up < 8700)}"
jq -c '.each[] | [.index, .class]' "$T/out" >"$T/all"
ok "main's answers" test "$(grep -cxF -f "$T/all" "$T/easy")" -ge $(($(wc -l <"$T/easy") * 98 / 100))
ok "an image there is refused" fails 1 "is INT8; UINT8 is sent" run $G --limit 1 --cloud "$url"
ok "features to a model of images" fails 2 "is none of image, png, features" run $G --cloud-send x
kill $server
wait $server

# What systemd is told.
"$HELPER" notify "$T/notify" >"$T/told" &
servers="$servers $!"
for _ in $(seq 50); do
	[ -S "$T/notify" ] && break
	sleep 0.1
done
NOTIFY_SOCKET=$T/notify serve $G
kill -HUP $server
# Ready again after the reload, or the end comes before it.
for _ in $(seq 200); do
	[ "$(grep -c READY "$T/told")" -ge 2 ] && break
	sleep 0.1
done
kill $server
wait $server
ok "systemd is told of start, reload and end" test "$(paste -sd' ' "$T/told")" = \
	"READY=1 RELOADING=1 READY=1 STOPPING=1"

# TLS.
certificate server IP:127.0.0.1 >"$T/err" 2>&1
certificate client DNS:edge >>"$T/err" 2>&1
certificate stranger DNS:elsewhere >>"$T/err" 2>&1
certificate forclients DNS:edge 2 clientAuth >>"$T/err" 2>&1
certificate forservers DNS:edge 2 serverAuth >>"$T/err" 2>&1
ok "TLS" serve $G --cert "$T/server.pem" --key "$T/server.key" --client-ca "$T/ca.pem"
ok "https" grep -q https:// "$T/serve"
mine="--cacert $T/ca.pem --cert $T/client.pem --key $T/client.key"
ok "with a certificate" get 200 /v2/health/ready $mine
ok "without one" get 403 /v2/health/ready --cacert "$T/ca.pem"
of() {
	echo "--cacert $T/ca.pem --cert $T/$1.pem --key $T/$1.key"
}
ok "one that is for clients" get 200 /v2/health/ready $(of forclients)
ok "one that is for servers" get 403 /v2/health/ready $(of forservers)
ok "TLS 1.2" get 200 /v2/health/ready $mine --tls-max 1.2
ok "TLS 1.1 is over" sh -c "! curl -s -m 5 $url/v2/health/ready $mine --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0"
edge="--backend ref --limit 100 --json --cloud $url"
ok "mea run with TLS" run 0 run $G $edge --cloud-ca "$T/ca.pem" --cloud-cert "$T/client.pem" --cloud-key "$T/client.key"
ok "cloud answers" sh -c "[ \$($HELPER json $T/out exits.2.images) -gt 5 ]"
ok "no authority, no answer" run 0 run $G $edge
ok "none" is exits.2.images 0
ok "no certificate, no answer" run 0 run $G $edge --cloud-ca "$T/ca.pem"
ok "none" is exits.2.images 0
kill $server
wait $server
ok "another host's certificate" serve $G --cert "$T/stranger.pem" --key "$T/stranger.key"
ok "is refused" run 0 run $G --backend ref --limit 100 --json --cloud "$url" --cloud-ca "$T/ca.pem"
ok "none" is exits.2.images 0
kill $server

# Usage.
ok "no model" fails 2 "which BUNDLE" serve
ok "no such file" fails 1 "/none" serve "$T/none"
cp -r $G "$T/plain"
jq 'del(.files.cloud)' $G/bundle.json >"$T/plain/bundle.json"
ok "no cloud model" fails 1 "has no cloud model" serve "$T/plain"
ok "mea bundle takes one" run 0 bundle "$T/plain" --cloud $G/cloud.onnx
ok "that is served" serve "$T/plain"
kill $server
ok "but none that does not fit" fails 1 "is FP32; UINT8 is sent" bundle "$T/plain" --cloud $G/main.onnx
ok "an empty folder" sh -c "mkdir $T/empty; ! $MEA serve $T/empty 2>$T/err; grep -q 'holds no NAME/VERSION/model.onnx' $T/err"
ok "listen" fails 2 "--listen: 'x'" serve $G --listen x
ok "port" fails 2 "--listen (port)" serve $G --listen 127.0.0.1:99999
ok "address" fails 1 "listen: 203.0.113.1:1:" serve $G --listen 203.0.113.1:1
ok "an address has a share" fails 2 "--address-share: '0'" serve $G --address-share 0
ok "key without certificate" fails 1 "TLS needs" serve $G --listen 127.0.0.1:0 --key "$T/server.key"
ok "key of another" fails 1 "belong together" serve $G --listen 127.0.0.1:0 --cert "$T/server.pem" --key "$T/client.key"
ok "no PEM" fails 1 "is no PEM file" serve $G --listen 127.0.0.1:0 --cert $G/cloud.onnx --key "$T/client.key"
done_testing
