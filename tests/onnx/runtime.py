# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime's and the ONNX checker's judgement of the files that mea ships and writes; TAP.

runtime.py MEA

Run from the repository's root. For each file: the checker's full check, no name of a node used
twice, a session that opens. For the glyphs: the class at main, as `mea run` gives it, of 200
drawn images, and main's tensors as `mea run MODEL.onnx` gives them. Then the answers of small
networks as other programs write them (foreign.py).
"""
import collections
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

import foreign
import numpy as np
import onnx
import onnxruntime as ort

MEA = sys.argv[1]
ANSWER = os.path.join(os.path.dirname(MEA), "tests", "e2e", "answer")
IMAGES = 200
count = failed = 0


def ok(name, good, why=""):
    """Prints a line of TAP, with why behind it when good is false."""
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good and why:
        print("# " + str(why).replace("\n", "\n# "))


def mea(*args):
    return subprocess.run([MEA, *args], check=True, capture_output=True, text=True).stdout


def session(path):
    """A session without optimisation: what the file says, operation by operation."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def opens(path, name):
    try:
        onnx.checker.check_model(path, full_check=True)
        names = collections.Counter(n.name for n in onnx.load(path).graph.node)
        twice = [k for k, v in names.items() if v > 1]
        session(path)
        # As programs open it that do not care.
        ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as e:  # what is refused, and why, is the result
        ok(f"{name} is opened", False, e)
        return
    ok(f"{name} is opened", not twice, f"names used twice: {twice}")


def activations(folder):
    """A network with other activations, each in the opset that has it, in float and in int8."""
    helper = os.path.join(os.path.dirname(MEA), "tests", "e2e", "helper")
    for op in ("HardSwish", "Mish", "Gelu", "x*Sigmoid"):
        path, int8 = (os.path.join(folder, n) for n in ("act.onnx", "act.int8.onnx"))
        shutil.copy("models/glyphs/main.onnx", path)
        subprocess.run([helper, "activate", path, op], check=True, capture_output=True)
        mea("quantize", path, "--out", int8, "--limit", "16", "--mean", ".5,.5,.5", "--std", ".25,.25,.25")
        opens(path, f"written: {op}")
        opens(int8, f"written: {op} in int8")


def same_classes(bundle, folder):
    """Main's class of each image, with no image sent on."""
    with open(os.path.join(bundle, "bundle.json")) as f:
        b = json.load(f)
    x = np.fromfile(os.path.join(folder, "test.bin"), np.uint8).reshape(-1, 3074)[:IMAGES, 2:]
    x = x.reshape(-1, 1, 3, 32, 32).astype(np.float32) / 255
    mean, std = (np.array(b["input"][k], np.float32).reshape(3, 1, 1) for k in ("mean", "std"))
    s = session(os.path.join(bundle, "main.int8.onnx"))
    theirs = [int(s.run([s.get_outputs()[0].name], {s.get_inputs()[0].name: (i - mean) / std})[0].argmax())
              for i in x]
    report = json.loads(mea("run", bundle, "--data", os.path.join(folder, "test.bin"), "--limit",
                            str(IMAGES), "--backend", "ref", "--each", "--json"))
    at_main = [i for i, e in enumerate(report["each"]) if e["exit"] == "main"]
    agree = sum(report["each"][i]["class"] == theirs[i] for i in at_main)
    ok(f"{bundle}: ONNX Runtime's class for at least 99 % of {len(at_main)} images that leave at main",
       len(at_main) >= IMAGES / 4 and agree >= 0.99 * len(at_main), f"{agree} of {len(at_main)}")


def same_tensors(path, folder):
    """The outputs of `mea run MODEL.onnx` on real values, within a step of ONNX Runtime's."""
    s = session(path)
    x = np.random.default_rng(1).uniform(-2, 2, (1, 3, 32, 32)).astype(np.float32)
    want = s.run(None, {s.get_inputs()[0].name: x})
    files = [os.path.join(folder, f"out{i}.npy") for i in range(len(want))]
    np.save(os.path.join(folder, "in.npy"), x)
    arguments = [f"--output={o.name}={f}" for o, f in zip(s.get_outputs(), files)]
    for backend in ("ref", "opencl", "accel"):
        mea("run", path, "--backend", backend, "--input", os.path.join(folder, "in.npy"), *arguments)
        for o, f, w in zip(s.get_outputs(), files, want):
            got = np.load(f)
            step = np.min(np.diff(np.unique(w)))
            worst = np.abs(got - w).max() / step if got.shape == w.shape else np.inf
            ok(f"{path}: {o.name} on {backend}", worst < 1.01 and len(np.unique(w)) > 5,
               f"{worst:.2f} steps off; shape {got.shape}, {w.shape}")


def same_answers(name, path):
    """Floats within 1e-4 of the largest, integers within one step of the output's scale."""
    s = session(path)
    taken = s.get_inputs()[0]
    shape = [d if isinstance(d, int) else 1 for d in taken.shape]
    rng = np.random.default_rng(7)
    worst, span = 0.0, 0.0
    for _ in range(8):
        x = rng.normal(0, 1, shape).astype(np.float32)
        if taken.type == "tensor(uint8)":
            x = np.clip(x * 60 + 128, 0, 255).astype(np.uint8)
        theirs = s.run(None, {taken.name: x})[0].ravel()
        done = subprocess.run([ANSWER, path], input=x.tobytes(), capture_output=True)
        if done.returncode:
            ok(f"{name}: answers", False, done.stderr.decode())
            return
        step, *ours = map(float, done.stdout.split())
        step = step or 1e-4 * abs(theirs).max()
        worst = max(worst, abs(theirs - ours).max() / step)
        span = max(span, np.ptp(theirs) / step)
    ok(f"{name}: as ONNX Runtime answers", worst <= 1.001 and span > 8, f"{worst} steps of {span}")


def main():
    print(f"# onnxruntime {ort.__version__}, onnx {onnx.__version__}")
    for path in sorted(glob.glob("models/*/*.onnx")):
        opens(path, path)
    with tempfile.TemporaryDirectory() as t:
        mea("dataset", "glyphs", "--out", t, "--train", "400", "--test", "400")
        out = os.path.join(t, "b")
        for stage, net in (("main", "resnet8-a"), ("edge", "resnet8-a"), ("cloud", "resnet8")):
            mea("train", stage, "--net", net, "--data", t, "--out", out, "--epochs", "1",
                "--batch", "32", *(["--quantize"] if stage == "edge" else []))
        mea("quantize", os.path.join(out, "main.onnx"), "--out", os.path.join(out, "alone.onnx"),
            "--data", t, "--limit", "16", "--mean", ".5,.5,.5", "--std", ".25,.25,.25")
        written = sorted(glob.glob(os.path.join(out, "*.onnx")))
        ok("train and quantize write six files", len(written) == 6, written)
        for path in written:
            opens(path, "written: " + os.path.basename(path))
        activations(t)
        same_classes("models/glyphs", t)
        same_tensors("models/glyphs/main.int8.onnx", t)
    with tempfile.TemporaryDirectory() as t:
        for name, path in (*foreign.write_float(t), *foreign.write_int8(t), *foreign.write_qdq(t),
                           *foreign.write_unquantised(t)):
            same_answers(name, path)
    print(f"1..{count}")
    return failed != 0


sys.exit(main())
