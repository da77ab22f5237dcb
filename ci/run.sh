#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a CI job runs, on a Debian 12 as root or with sudo: the packages are installed first.
#
#   ci/run.sh cosim        the driver on the RTL (make cosim)
#   ci/run.sh check        all tests but the slow ones (make check)
#
# Results are also in build/junit/*.xml, as JUnit's XML. Between runs, a CI server may keep
# build/hw/sim and build/cosim; what does not belong to the sources is built again. Exit status: 0
# if nothing failed.
set -u
cd "$(dirname "$0")/.." || exit 1
usage() { sed -n '3,11s/^# \{0,1\}//p' ci/run.sh >&2; }
case ${1-} in
cosim | check) ;;
*) usage; exit 2 ;;
esac
# Simulators that were kept may have come from a machine with another processor.
export SIM_OPT=${SIM_OPT:--O3}
sims=build/hw/sim

# Of all that simulators are made from.
key() {
	{
		echo "$SIM_OPT"
		find hw/rtl hw/isa hw/sim hw/configs hw/rules.mk -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
	} | sha256sum
}

# Sources that were just checked out are newer than what was kept, whatever is in them.
if [ "$(cat $sims/.key 2>/dev/null)" = "$(key)" ]; then
	touch $sims/.key
	find $sims -type f -exec touch -r $sims/.key {} +
else
	rm -rf $sims
fi

rm -rf build/junit build/cosim/logs
mkdir -p build/junit $sims
JUNIT=$PWD/build/junit/$1.xml make "$1"
rc=$?
key >$sims/.key
for xml in build/cosim/logs/*/*/junit.xml; do
	[ ! -e "$xml" ] || cp "$xml" "build/junit/$(dirname "${xml#build/}" | tr / -).xml"
done
exit $rc
