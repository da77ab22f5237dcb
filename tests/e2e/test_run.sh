#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mea run, on backend ref; test_accel.sh has the accelerator.
. tests/e2e/lib.sh

G=models/glyphs
ref="--backend ref"

ok "default data" run 0 run $G $ref
ok "table" says "exit      images  share accuracy"
ok "a thousand" grep -q "^all *1000 *100.0%" "$T/out"
ok "main leaves" grep -Eq "^main +[1-9]" "$T/out"
ok "extension leaves" grep -Eq "^extension +[1-9]" "$T/out"
ok "no cycles without a clock" grep -Eq "^main .* - +[0-9.]+ +- +[0-9.]+ +[0-9.]+$" "$T/out"
ok "quiet on stderr" sh -c "[ ! -s $T/err ]"

ok "--json" run 0 run $G $ref --json --limit 100
ok "is JSON" json
ok "images" is images 100
ok "three exits" is exits 3
for i in 0 1 2; do
	for k in name images share accuracy cycles macs utilisation ms; do
		ok "exits.$i.$k" json exits.$i.$k
	done
done
ok "main" is exits.0.name main
ok "extension" is exits.1.name extension
ok "cloud" is exits.2.name cloud
ok "cloud answered none" is exits.2.images 0
ok "unknown is null" is exits.2.accuracy null
ok "no clock" is exits.0.cycles null
ok "backend" is backend ref
ok "no fallbacks" is fallbacks 0
ok "accuracy is right" sh -c "
	a=\$($HELPER json $T/out accuracy) c=\$($HELPER json $T/out correct)
	[ \"\$(echo \"\$a \$c\" | awk '{print (\$1 * 100 == \$2)}')\" = 1 ]"
ok "accurate enough" sh -c "[ \$($HELPER json $T/out correct) -ge 85 ]"
ok "macs of main" is exits.0.macs 8859776
ok "no each unless asked" sh -c "! $HELPER json $T/out each"

ok "--each --json" run 0 run $G $ref --json --each --limit 20
ok "each image" is each 20
for k in image index class name label exit why confidence entropy complex backend latency_ms; do
	ok "each.3.$k" json each.3.$k
done
ok "each --text" run 0 run $G $ref --each --limit 20
ok "a line for each" sh -c "[ \$(grep -c '^glyphs#' $T/out) -eq 20 ]"
ok "with a reason" grep -q "main's class is easy" "$T/out"

ok "limit over a thousand" run 0 run $G $ref --json --limit 1200
ok "draws more" is images 1200
ok "same images, same answers, same order" sh -c "
	$MEA run $G $ref --each --limit 50 | grep '#' >$T/one
	$MEA run $G $ref --each --limit 50 | grep '#' >$T/two
	cmp $T/one $T/two && sort -t'#' -k2n $T/one | cmp - $T/one"

# Images as files. Enlarged and shrunk back they keep their class.
"$HELPER" png "$T/a.png" 0 1
"$HELPER" png "$T/b.png" 0 7
"$HELPER" jpeg "$T/c.jpg" 0 4
"$HELPER" jpeg "$T/d.jpg" 5 8
class() {
	"$MEA" run $G $ref --each --json "$@" >"$T/out" && json each.0.class
}
want=$(class --limit 1)
for f in a.png b.png c.jpg; do
	ok "$f is classified as the sample" sh -c "[ '$(class --data "$T/$f")' = '$want' ]"
done
ok "no label, no accuracy" is accuracy null
ok "no label" is each.0.label null
ok "several" run 0 run $G $ref --json --data "$T/a.png" "$T/b.png" "$T/c.jpg" "$T/d.jpg"
ok "all four" is images 4
ok "repeated --data" run 0 run $G $ref --json --data "$T/a.png" --data "$T/d.jpg"
ok "both" is images 2
ok "a folder of images" run 0 run $G $ref --json --data "$T"
ok "all in it" is images 4
ok "text for unlabelled" run 0 run $G $ref --data "$T/a.png"
ok "accuracy -" grep -Eq "^all +1 +100.0% +- " "$T/out"

# A bad file among good ones costs its own answer.
head -c 300 "$T/a.png" >"$T/cut.png"
ok "truncated PNG" run 1 run $G $ref --json --data "$T/a.png" "$T/cut.png" "$T/d.jpg"
ok "the others are answered" is images 2
ok "counted" is unreadable 1
ok "named" err_says "cut.png: "
head -c 700 "$T/d.jpg" >"$T/cut.jpg"
ok "truncated JPEG" run 1 run $G $ref --data "$T/cut.jpg"
ok "named" err_says "cut.jpg: "
# A name that is no UTF-8 must not spoil the JSON.
cp "$T/a.png" "$T/$(printf 'a\377b.png')"
ok "any file name" run 0 run $G $ref --json --each --data "$T/$(printf 'a\377b.png')"
ok "is JSON" json each.0.image

# Data and bundle must mean the same.
"$MEA" dataset glyphs --out "$T/d" --train 5 --test 5 >/dev/null
cp -r "$T/d" "$T/e"
echo extra >>"$T/e/fine_label_names.txt"
ok "other number of classes" fails 1 "has 37 classes, but the bundle has 36" run $G --data "$T/e"
sed 's/^A$/alpha/' "$T/d/fine_label_names.txt" >"$T/e/fine_label_names.txt"
ok "other names" fails 1 "class 10 is 'alpha', but 'A' in the bundle" run $G --data "$T/e"
rm "$T/e/fine_label_names.txt"
ok "no names" run 0 run $G $ref --data "$T/e"
printf '\001\143' | dd of="$T/e/test.bin" conv=notrunc status=none
ok "a label that the bundle does not know" run 1 run $G $ref --data "$T/e"
ok "says so" err_says "class 99, but models/glyphs has 36 classes"
printf x >>"$T/e/test.bin"
ok "a file of no whole samples" fails 1 "no whole number" run $G --data "$T/e"
# At a fixed rate. How late an answer comes is the machine's affair; that the figures agree is not.
agrees() { jq -e ".period | $1" "$T/out"; }
ok "--period" run 0 run $G $ref --json --period 50 --limit 12
ok "each image is released once" agrees '.images == 12 and .answered == 12 and .dropped == 0'
ok "figures in order" agrees '0 < .p50_ms and .p50_ms <= .p99_ms and .p99_ms <= .p999_ms and .p999_ms <= .max_ms'
ok "the worst ten, the latest first" agrees '(.worst | length) == 10 and .worst[0].ms == .max_ms and ([.worst[].ms] | . == (sort | reverse))'
ok "a part is no longer than the whole" agrees '[.worst[] | .part_ms <= .ms] | all'
ok "late ones are counted" agrees '([.missed, 10] | min) == ([.worst[] | select(.ms > 50)] | length)'
ok "images again and again" run 0 run $G $ref --json --period 20 --periods 7 --limit 3 --each
ok "seven answers" jq -e '.images == 7 and (.each | length) == 7' "$T/out"
ok "the same for the same image" jq -e '.each | .[0].confidence == .[3].confidence and .[0].image == .[6].image' "$T/out"
ok "faster than any machine" run 1 run $G $ref --json --period 0.0001 --periods 2000
ok "answers and full queues are all" agrees '.answered + .dropped == 2000 and .dropped > 0 and .missed == .answered'
ok "and it says so" err_says "no answer: the queue is full"
ok "--periods alone" fails 2 "--periods: needs --period" run $G --periods 3
for v in 0 -1 x; do
	ok "--period '$v'" fails 2 "--period: '$v'" run $G --period="$v"
done
ok "MEA_DATA" sh -c "MEA_DATA=$T/d $MEA run $G $ref --json >$T/out"
ok "its images" is images 5
ok "bad MEA_DATA" sh -c "! MEA_DATA=$T/none $MEA run $G $ref 2>$T/err && grep -q 'MEA_DATA: $T/none' $T/err"
ok "--data wins" sh -c "MEA_DATA=$T/none $MEA run $G $ref --data $T/d"
ok "no such data" fails 1 "$T/none" run $G --data "$T/none"
ok "an empty folder" sh -c "mkdir $T/empty; ! $MEA run $G --data $T/empty 2>$T/err; grep -q 'holds no test.bin' $T/err"

# Flags.
for v in 0 -1 x ""; do
	ok "--limit '$v'" fails 2 "--limit: '$v'" run $G --limit="$v"
done
ok "a name with an escape sequence" fails 1 '\x1b[2Jbundle' run "$T/$(printf '\033')[2Jbundle"
ok "unknown backend" fails 1 "no backend is called 'nope'" run $G --backend nope
ok "empty backend" fails 1 "no backend is called ''" run $G --backend ""
ok "device without accel" fails 1 "belongs to backend accel" run $G $ref --device sim
ok "unknown device" fails 1 "nodevice" run $G --backend accel --device nodevice
ok "device auto" run 0 run $G $ref --device auto --limit 1
ok "a device by name must be there" fails 1 "nodevice" run $G --device nodevice --limit 3
ok "no device in a list, next backend" run 0 run $G --backend accel:nodevice,ref --limit 3 --json
ok "ref answers" is backend ref
ok "and the note tells why" sh -c "$HELPER json $T/out notes.0 | grep -q nodevice"
ok "-v tells on stderr" sh -c "$MEA run $G --backend accel:nodevice,ref --limit 3 -v 2>&1 >/dev/null | grep -q nodevice"
# A line of --each is there as soon as the image is: the first comes long before the last.
mkfifo "$T/lines"
"$MEA" run $G --device sim --backend accel --limit 400 --each >"$T/lines" 2>"$T/err" &
pid=$!
exec 7<"$T/lines"
read -r -t 60 line <&7
ok "--each in a pipe, line by line" grep -q "^glyphs#0: " <<<"$line"
ok "while the run goes on" kill -0 $pid
# Interrupted, it tells what it has.
kill -INT $pid
cat <&7 >"$T/out"
exec 7<&-
wait $pid
ok "SIGINT is status 130" test $? -eq 130
ok "with the table so far" grep -Eq "^all +[1-9]" "$T/out"
ok "which says so" grep -q "^Interrupted: [1-9][0-9]* of 400 images" "$T/out"
done_testing
