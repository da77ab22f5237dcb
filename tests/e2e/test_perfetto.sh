#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea trace --perfetto: what the engines did when adds up to what the accelerator counted.
. tests/e2e/lib.sh

P=$T/trace.json
sim="--backend accel --device sim"

# p FILTER: whether the trace fulfils a condition; $t is the table of the same run, $all the slices
# of the accelerator's tracks in cycles.
p() {
	jq -e --slurpfile t "$T/out" "\$t[0].networks as \$t
		| (.traceEvents | map(select(.ph == \"M\" and .name == \"thread_name\") | {key: \"\(.pid).\(.tid)\", value: .args.name})
			| from_entries) as \$names
		| (.traceEvents | map(select(.ph == \"X\") | .track = \$names[\"\(.pid).\(.tid)\"]
			| .begin = (.ts * 1000 | round) | .cycles = (.dur * 1000 | round) | .end = .begin + .cycles)) as \$all
		| $1" "$P" >"$T/jq" 2>&1 || {
		echo "not: $1"
		head -c 300 "$T/jq"
		return 1
	}
}

# adds_up NAME ARGS...: the tracks of a traced bundle against its counters.
adds_up() {
	local name=$1
	shift
	ok "$name" run 0 trace "$@" --json --perfetto "$P"
	ok "no cycle is lost: each class" p '[$t[] | . as $n | .classes | to_entries[]
		| .key as $k | .value == ([$all[] | select(.cat == $n.name and .track == "array: cycles by class" and .name == $k)
			| .cycles] | add // 0)] | length == 22 and all'
	ok "all of a network" p '[$t[] | . as $n | .cycles == ([$all[] | select(.cat == $n.name
		and .track == "array: cycles by class") | .cycles] | add)] | all'
	ok "bytes that were loaded, and the commands themselves" p '[$t[] | . as $n | [$all[] | select(.cat == $n.name)
		| select(.args.command != null)] | .[0] as $any | ([.[] | select(.track == "load") | .args.bytes] | add) + 64 * length == $n.bytes_read] | all'
	ok "bytes that were stored" p '[$t[] | . as $n | .bytes_written == ([$all[] | select(.cat == $n.name and .track == "store")
		| .args.bytes] | add)] | all'
	ok "each command once" p '[$t[] | . as $n | [$all[] | select(.cat == $n.name and .args.command != null) | .args.command]
		| sort == [range(length)]] | all'
	ok "an engine's slices follow each other" p '[$all | group_by(.pid, .tid)[] | sort_by(.begin)
		| [.[:-1], .[1:]] | transpose[] | .[0].end <= .[1].begin] | all'
	ok "none is taken after it begins" p '[$all[] | select(.args.taken != null) | .cycles > 0] | all'
	ok "all within the networks" p '([$t[].cycles] | add) as $c | [$all[] | .begin >= 0 and .end <= $c] | all'
	ok "one image, over both networks" p '[$all[] | select(.track == "image")] | length == 1 and .[0].cycles == ([$t[].cycles] | add)'
	ok "exits" p '[.traceEvents[] | select(.ph == "i") | .name] == ["exit main", "exit extension"]'
	ok "layers that compute" p '[$all[] | select(.track == "layers") | .name] as $l
		| [$t[].layers[] | select(.macs > 0) | .name] - $l == []'
}

adds_up "glyphs" models/glyphs $sim
ok "the engines" p '[$all[] | select(.pid == 2) | .track] | unique == ["array", "array: cycles by class", "load", "store"]'
adds_up "a slow bus, a small array" models/glyphs --backend accel --device sim:4x4,latency=200,stall=30
adds_up "with a depthwise unit" models/cifar100-mobilenetv2-b $sim
ok "the depthwise unit" p '[$all[] | select(.track == "depthwise") | .name] | unique == ["depthwise"]'
cp "$P" "$T/depthwise.json"
# (16 x 16 multipliers of the array, 16 x 3 of the depthwise unit.)
"$HELPER" png "$T/one.png" 0 1
ok "events of one image" run 0 bench models/cifar100-mobilenetv2-b --backend ref --data "$T/one.png" --window 0.01 --sysfs "$T/none" --json
ok "multiplications" sh -c "jq -s -e '.[1].networks.main.mac.events as \$events | [.[0].traceEvents[] | select(.cat == \"main\")]
	| (map(select(.name == \"mac\") | .dur * 1000 | round) | add) * 256 + (map(.args.multiplier_cycles // 0) | add) * 48 == \$events' \
	$T/depthwise.json $T/out"

# --- names and failures
cp -r models/glyphs "$T/b"
jq '.name = "a\"},<b>"' models/glyphs/bundle.json >"$T/b/bundle.json"
mv "$T/b" "$T/\"},{<b>"
ok "a bundle with quotes" run 0 trace "$T/\"},{<b>" $sim --perfetto "$P"
ok "is told" sh -c "[ \"\$(jq -r .otherData.bundle '$P')\" = '$T/\"},{<b>' ]"
ok "the table too" says "stem"
echo older >"$P"
ok "another backend" fails 1 "--perfetto: backend ref has no engines" trace models/glyphs --backend ref --perfetto "$P"
ok "keeps an older file" test "$(cat "$P")" = older
ok "and leaves nothing" sh -c "! ls $T | grep tmp"
ok "no folder" fails 1 "$T/none/x: cannot be written" trace models/glyphs $sim --perfetto "$T/none/x"
ok "a full disk" sh -c "trap '' XFSZ; ulimit -f 16; ! timeout 60 $MEA trace models/glyphs $sim --perfetto $P >$T/out 2>$T/err"
ok "is named" err_says "$P: cannot be written"
ok "and loses nothing" test "$(cat "$P")" = older
done_testing
