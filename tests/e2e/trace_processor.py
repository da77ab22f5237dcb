# SPDX-License-Identifier: Apache-2.0
"""Perfetto's own trace processor on what `mea trace --perfetto` writes; TAP.

trace_processor.py MEA

Run from the repository's root. It opens the file without an error, and its tracks add up to the
counters. PyPI's package fetches the processor when it is first used; without it, all is skipped.
"""
import json
import os
import subprocess
import sys
import tempfile

from perfetto.trace_processor import TraceProcessor, TraceProcessorConfig

MEA = sys.argv[1]
CLASSES = "array: cycles by class"
count = failed = 0


def ok(name, good, why=""):
    """Prints a line of TAP, with why behind it when good is false."""
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good and why:
        print("# " + str(why).replace("\n", "\n# "))


def processor(trace=None):
    return TraceProcessor(trace=trace, config=TraceProcessorConfig(load_timeout=30))


def sums(tp):
    """Nanoseconds, which stand for cycles, of each name on the track of classes."""
    rows = tp.query(
        "select slice.name as name, sum(slice.dur) as dur from slice "
        "join thread_track on slice.track_id = thread_track.id join thread using (utid) "
        f"where thread.name = '{CLASSES}' group by slice.name")
    return {r.name: r.dur for r in rows}


def check(tp, table):
    errors = [(r.name, r.value) for r in tp.query(
        "select name, value from stats where severity = 'error' and value > 0")]
    counted = {}
    for net in table["networks"]:
        for name, cycles in net["classes"].items():
            counted[name] = counted.get(name, 0) + cycles
    counted = {name: cycles for name, cycles in counted.items() if cycles}
    ok("no error", not errors, errors)
    ok("cycles by class", sums(tp) == counted, f"{sums(tp)}, not {counted}")


try:
    processor().close()
except Exception as e:  # what fails, and how, differs from release to release
    print(f"ok 1 - Perfetto's trace processor # SKIP it cannot be had: {type(e).__name__}")
    print("1..1")
    sys.exit(0)

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "trace.json")
    for bundle in ("models/glyphs", "models/cifar100-mobilenetv2-b"):
        out = subprocess.run([MEA, "trace", bundle, "--device", "sim", "--json", "--perfetto", path],
                             capture_output=True, check=True, timeout=300).stdout
        tp = processor(path)
        print(f"# {bundle}")
        check(tp, json.loads(out))
        tp.close()
print(f"1..{count}")
sys.exit(failed > 0)
