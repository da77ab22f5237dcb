#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What CI servers use: JUnit's XML of tests/run.sh, and ci/run.sh with what was kept.
. tests/e2e/lib.sh

# --- JUnit ---------------------------------------------------------------------------------
cat >"$T/one" <<'SH'
#!/bin/sh
echo "ok 1 - plain"
echo "not ok 2 - a < b & \"c\""
printf '# got <1> \033[31m\377\n# and more\n'
echo "ok 3 - left out # SKIP no <data>"
echo "ok - suite::named  (0.25s)"
echo "ok 5 - of the driver (6 ms)"
echo "the log & its <end>" >&2
echo "1..5"
exit 1
SH
printf '#!/bin/sh\necho "ok 1 - good"\n' >"$T/two"
printf '#!/bin/sh\nexit 3\n' >"$T/three"
chmod +x "$T/one" "$T/two" "$T/three"
(cd "$T" && JUNIT=$T/junit.xml "$OLDPWD/tests/run.sh" ./one "./two with words" ./three >"$T/out" 2>"$T/err")
ok "a test that failed is the status" test $? = 1
ok "the sums" grep -qx "4 passed, 2 failed, 1 skipped" "$T/out"
sed -i '/<testsuite /s/time="[0-9]*"/time=""/' "$T/junit.xml"
cat >"$T/expected" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
<testsuite name="./one" tests="5" failures="1" skipped="1" time="">
<testcase classname="./one" name="plain"/>
<testcase classname="./one" name="a &lt; b &amp; &quot;c&quot;"><failure message="failed">got &lt;1&gt; ?[31m
and more
</failure></testcase>
<testcase classname="./one" name="left out"><skipped message="no &lt;data&gt;"/></testcase>
<testcase classname="./one" name="suite::named" time="0.250"/>
<testcase classname="./one" name="of the driver" time="0.006"/>
<system-err>
the log &amp; its &lt;end&gt;
</system-err>
</testsuite>
<testsuite name="./two with words" tests="1" failures="0" skipped="0" time="">
<testcase classname="./two with words" name="good"/>
</testsuite>
<testsuite name="./three" tests="1" failures="1" skipped="0" time="">
<testcase classname="./three" name="./three ended with status 3"><failure message="failed"></failure></testcase>
<system-err>
</system-err>
</testsuite>
</testsuites>
XML
ok "JUnit's XML" diff "$T/expected" "$T/junit.xml"
ok "without JUNIT none" sh -c "cd '$T' && rm junit.xml && '$PWD/tests/run.sh' ./two >out && [ ! -e junit.xml ]"
ok "a file that cannot be written is a failure" sh -c "! JUNIT=$T/none/x tests/run.sh $T/two >$T/out 2>$T/err"
ok "that is named" err_says "$T/none/x"

# --- what a job runs -----------------------------------------------------------------------
mkdir -p "$T/fork/bin"
cp -r ci hw "$T/fork"
cat >"$T/fork/bin/make" <<'SH'
#!/bin/sh
echo "make $* with $SIM_OPT" >>did
# As make does it: a simulator is built where it is older than its sources.
[ build/hw/sim/16x16.so -nt hw/rtl/mea_accel.v ] || { echo built >>did; echo so >build/hw/sim/16x16.so; }
[ "$1" = check ] && echo "<check/>" >"$JUNIT"
[ "$1" = cosim ] && mkdir -p build/cosim/logs/fast/core && echo "<core/>" >build/cosim/logs/fast/core/junit.xml
[ ! -e broken ]
SH
chmod +x "$T/fork/bin/make"
job() {
	rm -f "$T/fork/did"
	(cd "$T/fork" && PATH=$T/fork/bin:$PATH SIM_OPT='' ci/run.sh "$@") >"$T/out" 2>"$T/err"
}
did() {
	[ "$(cat "$T/fork/did")" = "$1" ] || {
		cat "$T/fork/did"
		return 1
	}
}
ok "the first run" job check
ok "builds simulators for any processor" did "make check with -O3
built"
ok "has results" grep -q check "$T/fork/build/junit/check.xml"
# Sources that are checked out are newer than what was kept.
find "$T/fork/build/hw/sim" -type f -exec touch -d '-1 day' {} +
ok "with what was kept" job cosim
ok "builds nothing again" did "make cosim with -O3"
ok "has the guests' results, and no older ones" test "$(ls "$T/fork/build/junit")" = cosim-logs-fast-core.xml
echo "// changed" >>"$T/fork/hw/rtl/mea_accel.v"
ok "another RTL" job check
ok "is built" did "make check with -O3
built"
: >"$T/fork/broken"
ok "a job that fails" sh -c "! (cd '$T/fork' && PATH=$T/fork/bin:\$PATH ci/run.sh check)"
ok "has results too" test -e "$T/fork/build/junit/check.xml"
ok "no such job" sh -c "ci/run.sh deploy 2>$T/err; [ \$? = 2 ]"
ok "says which there are" err_says "ci/run.sh cosim"

# --- the servers' files --------------------------------------------------------------------
for job in $(sed -n 's/^        what: \[\(.*\)\]/\1/p' ci/github.yml | tr -d ,) $(sed -n 's/^\([a-z]*\):$/\1/p' ci/gitlab.yml); do
	ok "job $job" grep -qE "^$job: " tools/cosim/cosim.mk tests/rules.mk
done
while read -r glob; do
	ok "$glob is there" compgen -G "${glob%/\*\*}"
done < <(grep -o "hashFiles(.*)" ci/github.yml | grep -o "'[^']*'" | tr -d "'")
ok "the image's groups of packages" tools/deps.sh --list $(sed -n 's,.*/tmp/deps.sh \([a-z ]*\) \\,\1,p' ci/Containerfile)
ok "are those of the jobs" test "$(sed -n 's,.*/tmp/deps.sh \([a-z ]*\) \\,\1,p' ci/Containerfile)" = "$(sed -n 's/^PACKAGES_check := //p' Makefile)"
done_testing
