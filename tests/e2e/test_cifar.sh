#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The CIFAR-100 bundles on real images; CIFAR_IMAGES=10000 for all of them.
. tests/e2e/lib.sh

B=models/cifar100-resnet32-a
data=${MEA_DATA_GIVEN:-../shared/data/cifar-100-binary}
images=${CIFAR_IMAGES:-500}
ok "info" run 0 info $B
ok "glyphs are not its classes" fails 1 "has 36 classes, but the bundle has 100" run $B
if ! grep -q '^aquarium_fish' "$data/fine_label_names.txt" 2>/dev/null; then
	skip "CIFAR-100" "no CIFAR-100"
	done_testing
	exit 0
fi

# accurate BUNDLE FRACTION IMAGES: int8 is right about as often as bundle.json says of all test images.
accurate() {
	ok "$1 on ref" run 0 run "models/$1" --data "$data" --backend ref --limit "$3" --json
	ok "images" is images "$3"
	echo "# accuracy $(json accuracy), main $(json exits.0.share) $(json exits.0.accuracy)"
	# Of all test images just that; of some within three standard errors.
	off=$(echo "$2 $3" | awk '{ print $2 == 10000 ? 0.0001 : 3 * sqrt($1 * (1 - $1) / $2) }')
	ok "accuracy" sh -c "json=\$($HELPER json $T/out accuracy) && awk -v a=\$json 'BEGIN { d = a - $2; exit !(d <= $off && d >= -$off) }'"
}
for b in cifar100-resnet32-a cifar100-resnet32-b cifar100-mobilenetv2-b; do
	accurate $b "$(jq .accuracy.int8.cascade/100 models/$b/bundle.json)" "$images"
done
"$MEA" info --backend accel --device sim --json >"$T/out"
if [ "$(json backends.0.available)" = true ]; then
	ok "accel" run 0 run $B --data "$data" --device sim --limit 6 --json --each
	cp "$T/out" "$T/accel"
	ok "utilisation of main" between "$T/accel" exits.0.utilisation 0.97 1
	ok "utilisation of main + extension" between "$T/accel" exits.1.utilisation 0.97 1
	ok "ref" run 0 run $B --data "$data" --backend ref --limit 6 --json --each
	ok "same answers" sh -c "for i in 0 1 2 3 4 5; do for f in accel out; do
			for k in index class entropy; do $HELPER json $T/\$f each.\$i.\$k; done | paste - - - >>$T/\$f.txt
		done; done; sort $T/accel.txt >$T/1; sort $T/out.txt >$T/2; cmp $T/1 $T/2"
else
	skip "accel" "no simulator built (make sim)"
fi
done_testing
