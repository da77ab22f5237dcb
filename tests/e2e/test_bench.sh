#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea bench: no figure without a source, energies that add up, a sweep that tells what a run does,
# sensors of a fake /sys.
. tests/e2e/lib.sh
. tests/e2e/serve_lib.sh

G=models/glyphs
fast="--backend opencl,ref --window 0.1 --limit 60 --sysfs $T/none"

# q FILTER: whether the last report fulfils a condition.
q() {
	jq -e "$1" "$T/out" >/dev/null || {
		echo "not: $1"
		jq -c "${2:-empty}" "$T/out" 2>/dev/null
		return 1
	}
}

# --- without a sensor, without a cloud
ok "bench" run 0 bench $G $fast
ok "table" grep -Eq "^main +[1-9]" "$T/out"
ok "says that nothing is measured" says "Sensors: none here, so nothing is measured."
ok "no energy is printed as 0" sh -c "! grep -E '^(main|extension|cloud|edge)' $T/out | grep -Eq ' [~=]?0(\.0+)?( |\$)'"
ok "the model is named" says "accelerator, modelled: asic-45nm"
ok "the host is not guessed" says "host, unavailable: no sensor, and no power of a busy core is stated"
ok "verdict" grep -q "The edge alone takes .* mJ per image" "$T/out"

ok "--json" run 0 bench $G $fast --json
ok "format" q '.format == "mea-bench" and .version == 1'
ok "two paths" q '[.paths[].name] == ["main", "extension"]'
ok "shares sum to 1" q '([.paths[].share] | add) == 1'
ok "every figure has its source" q '[.paths[].energy | to_entries[] | select(.key != "sum") | .value
	| (.source == "modelled" and .mj > 0) or (.source == "unavailable" and .mj == null and .of != "")
	or (.source == "none" and .mj == 0)] | all'
ok "events x table, main" q '.paths[0].energy.accelerator.mj as $e
	| ([.networks.main[] | .events * .pj] | add * 1e-9) / $e - 1 | fabs < 1e-8'
ok "events x table, extension" q '.paths[1].energy.accelerator.mj as $e
	| ([.networks[][] | .events * .pj] | add * 1e-9) / $e - 1 | fabs < 1e-8'
ok "total is shares x paths" q '.totals.edge_only.parts.accelerator as $t
	| ([.paths[] | .share * .energy.accelerator.mj] | add) / $t - 1 | fabs < 1e-8'
ok "95 % interval for another run, of three windows" q '[.paths[] | .latency_ms as $l | .windows[-3:] | map(.latency_ms)
	| (add / 3) as $m | (map(. - $m | . * .) | add / 2 * (1 / 3 + 1 / 3) | sqrt * 4.303) as $half
	| ($l.mean / $m - 1 | fabs < 1e-6) and (($l.high - $l.mean) / $half - 1 | fabs < 1e-4)] | all'
ok "three windows at least" q '[.paths[].windows | length >= 3] | all'
cp "$T/out" "$T/first"
ok "trace" run 0 trace $G --json
ok "bytes and cycles are those of the RTL's counters" sh -c "
	jq -s -e '.[0].networks as \$b | .[1].networks as \$t
		| \$b.main.bus_read.events == \$t[0].bytes_read and \$b.main.bus_write.events == \$t[0].bytes_written
		and \$b.extension.bus_read.events == \$t[1].bytes_read
		and \$t[0].cycles == .[0].paths[0].cycles
		and \$t[0].cycles + \$t[1].cycles == .[0].paths[1].cycles' $T/first $T/out"
ok "again" run 0 bench $G $fast --json
ok "same energies and accuracy" sh -c "
	jq -s -e '[.[] | [.paths[].energy, .networks, .totals.edge_only.accuracy]] | .[0] == .[1]' $T/first $T/out"

# Events do not depend on the image: each one on the accelerator shows the same.
ok "on the accelerator" run 0 bench $G --backend accel --device sim --window 0.1 --limit 12 --sysfs "$T/none" --json
ok "no image differs" q '[.notes[] | select(test("had other events"))] == []'
ok "and they are those of the one image above" sh -c "jq -s -e '.[0].networks == .[1].networks' $T/first $T/out"
ok "simulation is not the host's energy" q '[.paths[].energy.host.source == "unavailable"] | all'
ok "and the note says what the latencies are" q '[.notes[] | select(test("the simulation"))] | length == 1'

ok "host by a stated power" run 0 bench $G $fast --host-power 2 --json
ok "is modelled" q '[.paths[].energy.host | .source == "modelled" and .mj > 0] | all'
ok "static power and clock of another table" sh -c "
	jq '.accelerators.mine = .accelerators[\"asic-45nm\"] | .accelerators.mine.static_mw = 50' \
		tools/bench/models.json >$T/mine.json
	$MEA bench $G $fast --models $T/mine.json --accelerator mine --clock 50 --json >$T/out"
ok "idle = static power x cycles / clock" q '.paths[0] | .energy.idle.mj / (50 * .cycles / 50e6) - 1 | fabs < 1e-8'

# --- with a cloud
ok "server" serve $G
ok "bench" run 0 bench $G $fast --cloud "$url" --deadline 20000 --json --sweep --thresholds 0.3,1.3111,9 --csv "$T/csv"
ok "four paths" q '[.paths[].name] == ["main", "extension", "cloud", "only cloud"]'
ok "bytes went" q '.paths[2].bytes_up > 3072 and .paths[2].bytes_up < 3600 and .paths[3].bytes_down > 144'
ok "radio = the paper's formula on them" q '.paths[3]
	| .energy.radio.mj / (.bytes_up * 8 / 18.88e3 * (18.88 * 283.17 + 132.86) * 1e-3) - 1 | fabs < 1e-8'
ok "nothing sent at main" q '.paths[0].energy.radio.source == "none" and .paths[0].bytes_up == null'
ok "cloud only" q '.totals.cloud_only.sent == 1 and .totals.cloud_only.parts.radio > 7'
ok "the cloud alone is better than the edge alone" q '.totals.cloud_only.accuracy > .totals.edge_only.accuracy'
ok "the ways take windows in turn" q '[range(3) as $i | .paths[].windows[$i].start_s] | . == sort and .[0] == 0'
ok "nobody missed" q '.cloud_missed == 0 and ([.paths[].fallbacks] | add) == 0'
ok "three points" q '[.sweep[].threshold] == [0.3, 1.3111, 9]'
ok "9 nats: the edge alone" q '.sweep[2].sent == 0 and .sweep[2].accuracy == .totals.edge_only.accuracy and .sweep[2].pareto'
ok "CSV" sh -c "[ \$(wc -l <$T/csv) -eq 11 ] && [ \$(awk -F, '{print NF}' $T/csv | sort -u) = 22 ]"
cp "$T/out" "$T/sweep"
for i in 0 1; do
	t=$(jq .sweep[$i].threshold "$T/sweep")
	ok "a run at $t" run 0 run $G --backend opencl,ref --limit 60 --cloud "$url" --deadline 20000 --threshold "$t" --json
	ok "takes the sweep's exits and is as right" sh -c "
		jq -s -e '.[0].sweep[$i] as \$s | .[1] | .accuracy == \$s.accuracy
			and .exits[0].share == \$s.exits.main and .exits[1].share == \$s.exits.extension
			and .exits[2].share == \$s.exits.cloud' $T/sweep $T/out"
done
ok "--max-rate, LTE" run 0 bench $G $fast --window 0.5 --cloud "$url" --max-rate 50 --radio lte --json
ok "keeps the rate" q '[.paths[] | .windows[] | .images / .seconds < 54] | all'
ok "tail of 20 ms" q '.paths[3].energy.radio | .of | test("21.2 mJ of it are the tail")'
if command -v gnuplot >/dev/null; then
	ok "--plot" run 0 bench $G $fast --cloud "$url" --sweep --plot "$T/plots" --beside models/meanet-paper.json
	ok "no complaint of gnuplot" sh -c "[ ! -s $T/err ]"
	for f in energy-by-path energy-by-threshold accuracy-energy accuracy-sent accuracy-latency; do
		ok "$f" sh -c "file -b $T/plots/$f.png 2>/dev/null | grep -q PNG || head -c 4 $T/plots/$f.png | grep -q PNG"
		ok "$f.svg" grep -q "</svg>" "$T/plots/$f.svg"
	done
	ok "the paper's points" grep -q "ResNet32 A, CIFAR-100" "$T/plots/accuracy-sent.svg"
	ok "table VII" says "| MEANet paper: ResNet32 A, CIFAR-100, GTX 1080 Ti | 56 | 5.48 | 0.056 | 1.3 | 3.14 | 7.12 |"
else
	skip "--plot" "no gnuplot"
fi

mkdir "$T/bin"
ln -s "$(command -v sh)" "$T/bin/sh"
ok "--plot without gnuplot" sh -c "! PATH=$T/bin $MEA bench $G $fast --plot $T/plots >$T/out 2>$T/err"
ok "says what to install" err_says "gnuplot is not installed (Debian: gnuplot-nox)"
ok "and still reports" says "mJ per image"

# One that main answers; which one that is, the weights tell.
i=0
until "$HELPER" png "$T/a.png" $i 1 && "$MEA" run $G --backend ref --each --data "$T/a.png" | grep -q "main's class is easy" || [ $i = 20 ]; do
	i=$((i + 1))
done
ok "an image without a label" run 0 bench $G $fast --data "$T/a.png"
ok "no energy of a way that none took and nothing is known of" awk '$1 == "extension" && $NF == "-" { n++ } END { exit n != 1 }' "$T/out"
ok "no accuracy is made up" sh -c "! grep -q nan $T/out && grep -q 'without labels no accuracy is known' $T/out"

# --- the choice of a threshold
cp -r $G "$T/b"
"$MEA" dataset glyphs --out "$T/val" --train 2 --test 400 --seed 77 >/dev/null
target="bench $T/b --backend opencl,ref --window 0.05 --limit 20 --sysfs $T/none --cloud $url --deadline 20000 --validation $T/val"
ok "sent=20%" run 0 $target --target sent=20% --json
ok "is written" sh -c "jq -e '.thresholds.chosen | .sent <= 0.2 and .sent > 0.1 and .images == 400' $T/b/bundle.json"
ok "and used" sh -c "[ \$(jq .threshold $T/out) = \$(jq .thresholds.entropy $T/b/bundle.json) ]"
ok "mea info takes it" run 0 info "$T/b"
ok "accuracy=94%" run 0 $target --target accuracy=94% --json
ok "is reached" sh -c "jq -e '.thresholds.chosen | .accuracy >= 0.94 and .sent < 0.5' $T/b/bundle.json"
cp "$T/b/bundle.json" "$T/kept"
ok "out of reach" fails 1 "--target accuracy=0.9999: out of reach" $target --target accuracy=0.9999
ok "leaves the bundle" cmp "$T/kept" "$T/b/bundle.json"
ok "no target" fails 1 "'speed=3' is none of" $target --target speed=3
ok "not the images that it learned from" fails 1 "their number is another); name validation images with --validation" \
	bench $G $fast --cloud "$url" --target sent=0.1
cp -r $G "$T/silent"
jq "del(.training)" $G/bundle.json >"$T/silent/bundle.json"
ok "which images were held out?" fails 1 "name validation images with --validation" bench "$T/silent" $fast --cloud "$url" --target sent=0.1

# --- sensors of a fake /sys: 5 W on RAPL, which wraps every 4 s. The writer and the sampler of a busy
# machine are late now and then: test_energy_meter holds 1 %, with a clock of its own.
fake=$T/sys/class/powercap/intel-rapl:0
mkdir -p "$fake" "$T/sys/class/hwmon/hwmon0"
echo package-0 >"$fake/name"
echo 20000000 >"$fake/max_energy_range_uj"
echo ina226_u76 >"$T/sys/class/hwmon/hwmon0/name"
echo 35 >"$T/sys/class/hwmon/hwmon0/update_interval"
echo 3000000 >"$T/sys/class/hwmon/hwmon0/power1_input"
"$HELPER" energy "$fake/energy_uj" 5 20000000 &
writer=$!
servers="$servers $writer"
sleep 0.2
ok "measured" run 0 bench $G --backend ref --window 2 --limit 40 --sysfs "$T/sys" --rail idle=package-0 --json
kill $writer
ok "RAPL is the host's" q '.paths[0].energy.host | .source == "measured" and .rail == "package-0"' '.paths[0].energy.host'
ok "5 W when idle" q '.sensors[] | select(.rail == "package-0") | .idle_w > 4.75 and .idle_w < 5.25' .sensors
ok "and in the windows" q '[.paths[] | (.windows[-3:] | map(.seconds / .images) | add / 3) as $s
	| .rails[] | select(.rail == "package-0") | .mj / (5000 * $s) | . > 0.95 and . < 1.05] | length == 2 and all' '[.paths[].rails]'
ok "idle is idle power x time" q '[.paths[] | (.windows[-3:] | map(.seconds / .images) | add / 3) as $s
	| .energy.idle | .source == "measured" and (.mj / (1000 * .idle_w * $s) - 1 | fabs < 1e-6)] | length == 2 and all'
ok "a stuck sensor is no figure" q '.sensors[] | select(.rail == "ina226_u76") | .idle_w == null and (.trouble | test("stuck"))' .sensors
ok "nor in the paths" q '[.paths[].rails[] | select(.rail == "ina226_u76") | .source == "unavailable" and .mj == null] | all'

# Two packages are one host, and a zone that RAPL has twice counts once.
for zone in "intel-rapl:0 package-0 20" "intel-rapl:1 package-1 30" "intel-rapl-mmio:0 package-0 20" "intel-rapl:0:0 core 10"; do
	read -r zone rail watts <<<"$zone"
	fake=$T/two/class/powercap/$zone
	mkdir -p "$fake"
	echo "$rail" >"$fake/name"
	echo 262143328850 >"$fake/max_energy_range_uj"
	"$HELPER" energy "$fake/energy_uj" "$watts" 262143328850 &
	servers="$servers $!" writers="${writers-} $!"
done
sleep 0.2
ok "two packages" run 0 bench $G --backend ref --window 1 --limit 20 --sysfs "$T/two" --json
kill $writers
ok "are the host together" q '.paths[0].energy.host | .rail == "package-0 + package-1" and .idle_w > 45 and .idle_w < 55' \
	'.paths[0].energy.host'

# --- flags
ok "which bundle" fails 2 "which BUNDLE?" bench
ok "no such model" fails 1 "no '3nm' among the accelerators: asic-45nm fpga-28nm" bench $G --accelerator 3nm
ok "no such radio" fails 1 "among the radios" bench $G --radio carrier-pigeon
ok "bad rail" fails 2 "--rail: 'cpu=x'" bench $G --rail cpu=x
ok "bad rate" fails 2 "--max-rate: '0'" bench $G --max-rate 0
ok "bad thresholds" fails 1 "'x' is no list of entropies" bench $G $fast --cloud http://127.0.0.1:1 --thresholds x
ok "a sweep without a cloud" fails 2 "--sweep: without --cloud" bench $G --sweep
ok "a target and a threshold" fails 2 "not with --threshold" bench $G --target sent=1% --threshold 1
ok "a target without a cloud" fails 2 "--target: without --cloud" bench $G --target sent=1%
ok "unknown sensor" run 0 bench $G $fast --rail host=gone --json
ok "is named" q '.paths[0].energy.host.of == "no sensor is called '"'gone'"'"'
ok "nobody at the cloud" fails 1 "answered none of 60 images" bench $G $fast --cloud http://127.0.0.1:1
ok "a file that cannot be written" run 1 bench $G $fast --csv "$T/none/csv"
ok "named" err_says "$T/none/csv"
done_testing
