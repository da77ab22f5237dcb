#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mpirun -np N mea train: the same network from 1, 2 and 4 processes, and a clean end whatever
# happens to one of them. Needs OpenMPI and libmea_mpi.so (make mpi).
. tests/e2e/lib.sh

DISTANCE=$(dirname "$MEA")/tests/train/distance
# Root in a container, and more ranks than cores.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
command -v mpirun >/dev/null || {
	skip "several ranks" "no mpirun"
	done_testing
	exit 0
}

D=$T/data
"$MEA" dataset glyphs --out "$D" --train 320 --test 40 >"$T/log"
S="--net resnet8-a --data $D --batch 32 --pad 2 --no-mirror --mixup 0.2 --seed 4 --threads 1 --type f32 --rate 0.0003"

# ranks N STATUS ARGS...: mea under mpirun, as run() does it.
ranks() {
	want=$2
	timeout 110 mpirun --oversubscribe -np "$1" "$MEA" "${@:3}" >"$T/out" 2>"$T/err" </dev/null
	got=$?
	[ "$got" -eq "$want" ] || {
		echo "mea ${*:3}: exit status $got, not $want"
		return 1
	}
}
# Lines that mea itself said on stderr.
said() {
	[ "$(grep -c '^mea train: ' "$T/err")" -eq "$1" ] && err_says "$2"
}
near() {
	distance=$("$DISTANCE" "$T/$1/main.onnx" "$T/$2/main.onnx") || return 1
	echo "distance $distance"
	awk -v d="$distance" 'BEGIN { exit !(d <= 1e-5) }'
}

# --- the same result, at a rate at which rounding does not grow -----------------------------
for ranks in 1 2 4; do
	ok "main on $ranks" ranks $ranks 0 train main $S --epochs 2 --out "$T/main$ranks" -v
	ok "one rank reports" test "$(grep -c '^epoch 2 of 2' "$T/out")" -eq 1
	ok "one bundle" run 0 info "$T/main$ranks"
done
ok "2 ranks as 1" near main1 main2
ok "4 ranks as 1" near main1 main4
ok "but something was learned" sh -c "! $DISTANCE $T/main1/main.onnx $T/main1/main.onnx | grep -qv '^0$' &&
	$MEA train main $S --epochs 1 --out $T/less && $DISTANCE $T/main1/main.onnx $T/less/main.onnx | grep -qv '^0$'"
ok "the same again" ranks 2 0 train main $S --epochs 2 --out "$T/again"
ok "the same bytes" cmp "$T/main2/main.onnx" "$T/again/main.onnx"
ok "cloud on 2" ranks 2 0 train cloud $S --net resnet8 --epochs 1 --out "$T/main2"
ok "is in the bundle" run 0 info "$T/main2"

# --- compressed gradients ---------------------------------------------------------------------
C="train main $S --rate 0.05 --epochs 2 --compress adacomp:dense=0,factor=2"
ok "compressed" ranks 2 0 $C --out "$T/c" -v
rate() {
	awk -v kind="$1" '$1 == kind { print $4 }' "$T/out"
}
ok "one rank tells what it sent" test "$(grep -c '^packets of this rank' "$T/out")" -eq 1
ok "convolutions" awk -v r="$(rate convolutions)" 'BEGIN { exit !(r > 20) }'
ok "heads" awk -v r="$(rate heads)" 'BEGIN { exit !(r > 80) }'
ok "vectors whole" test "$(rate vectors)" = 1.0
ok "and all that MPI got" grep -q "^handed to MPI by this rank, of all kinds: [1-9]" "$T/out"
ok "the same again" ranks 2 0 $C --out "$T/c2"
ok "the same bytes" cmp "$T/c/main.onnx" "$T/c2/main.onnx"
ok "noted" grep -q '"compress": "adacomp:dense=0,factor=2"' "$T/c/bundle.json"
ok "an epoch sends all first" ranks 2 0 train main $S --epochs 1 --compress adacomp:dense=1 --out "$T/c3"
ok "and one without compression" ranks 2 0 train main $S --epochs 1 --out "$T/c4"
ok "the same bytes" cmp "$T/c3/main.onnx" "$T/c4/main.onnx"
ok "top-k" ranks 2 0 train main $S --epochs 1 --compress topk:0.01 --out "$T/c4"
ok "what is faster" ranks 2 0 train main $S --epochs 1 --compress auto --out "$T/c5"
ok "not between ranks of one machine" says "--compress auto: no network lies between the ranks"
ok "the same bytes" cmp "$T/c5/main.onnx" "$T/c3/main.onnx"

# --- what goes wrong -------------------------------------------------------------------------
ok "slices must be even" ranks 3 1 train main $S --out "$T/x"
ok "says one rank" said 1 "a batch of 32 cannot be shared evenly by 3 ranks"
ok "no data" ranks 2 1 train main $S --data "$T/none" --out "$T/x"
ok "says one rank" said 1 "$T/none"
ok "the edge trains alone" ranks 2 1 train edge $S --out "$T/main2"
ok "says one rank" said 1 "only main and cloud"
cp "$MEA" "$T/alone"
ok "without the plugin" sh -c "! MEA=$T/alone mpirun --oversubscribe -np 2 $T/alone train main $S --out $T/x >$T/out 2>$T/err"
ok "says how to get it" err_says "the MPI plugin is missing; \`make mpi\` builds it"
ok "and without mpirun it is not needed" "$T/alone" train main $S --epochs 1 --out "$T/x"

# start: a training on 2 ranks in the background; waits until it has a checkpoint, so that it is
# on its way. $mpirun is its process, rank_of gives those of its ranks.
start() {
	rm -rf "$T/k"
	timeout 110 mpirun --oversubscribe -np 2 "$MEA" train main $S --epochs 8 --out "$T/k" "$@" \
		>"$T/out" 2>"$T/err" </dev/null &
	mpirun=$!
	for _ in $(seq 600); do
		[ -e "$T/k/main.checkpoint" ] && break
		sleep 0.1
	done
}
rank_of() {
	for p in $(pgrep -f -- "--out $T/k"); do
		tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$1" && echo "$p"
	done
}
ended() {
	wait "$mpirun"
	got=$?
	[ "$got" -eq "$1" ] || {
		echo "exit status $got, not $1"
		return 1
	}
	[ -z "$(pgrep -f -- "--out $T/k")" ]
}
S2="$S --compress adacomp"
ok "whole, compressed" ranks 2 0 train main $S2 --epochs 8 --out "$T/whole"
start --checkpoint-every 0 --compress adacomp
kill -INT "$(rank_of 1)"
ok "SIGINT ends all" ended 1
ok "--resume" ranks 2 0 train main $S2 --epochs 8 --out "$T/k" --resume
ok "the same bytes" cmp "$T/whole/main.onnx" "$T/k/main.onnx"
ok "whole" ranks 2 0 train main $S --epochs 8 --out "$T/whole"
start --checkpoint-every 0
kill -INT "$(rank_of 1)"
ok "SIGINT on rank 1 ends all" ended 1
ok "tells where it goes on" said 1 "main.checkpoint holds what was done"
ok "--resume" ranks 2 0 train main $S --epochs 8 --out "$T/k" --resume
ok "the same bytes" cmp "$T/whole/main.onnx" "$T/k/main.onnx"
start --checkpoint-every 0
kill -KILL "$(rank_of 1)"
ok "SIGKILL on rank 1 ends all" ended 137
ok "--resume" ranks 2 0 train main $S --epochs 8 --out "$T/k" --resume
ok "the same bytes" cmp "$T/whole/main.onnx" "$T/k/main.onnx"
export MEA_MPI_TIMEOUT=3
start --checkpoint-every 0 --epochs 400
kill -STOP "$(rank_of 1)"
ok "a rank that hangs ends all" ended 1
ok "says so" err_says "rank 0 of 2: the other ranks did not come within 3 s"
done_testing
