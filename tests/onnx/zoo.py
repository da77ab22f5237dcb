# SPDX-License-Identifier: Apache-2.0
"""Networks of torchvision and timm, as both of PyTorch's exporters write them, through mea; TAP.

zoo.py MEA [--table FILE] [--keep FOLDER] [NAME...]

Run from the repository's root by a Python that has torch, torchvision, timm, onnx, onnxscript and
onnxruntime. Weights are random, from a seed. Each network is exported, made a bundle, quantised on a
few pictures and run on backend ref; its float form answers as ONNX Runtime does. Those in REFUSED must
be refused, with that reason. --table writes the result as Markdown. --keep leaves the exported files
and takes those that are there.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import tempfile
import warnings

TORCHVISION = """alexnet vgg11 vgg16_bn resnet18 resnet50 resnext50_32x4d wide_resnet50_2 densenet121 googlenet
inception_v3 squeezenet1_0 squeezenet1_1 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large mnasnet0_5 mnasnet1_0
shufflenet_v2_x0_5 shufflenet_v2_x1_0 efficientnet_b0 efficientnet_v2_s regnet_x_400mf regnet_y_400mf
convnext_tiny""".split()
TIMM = """tf_efficientnet_lite0 mobilenetv3_small_100 lcnet_050 ghostnet_100 mixnet_s fbnetc_100 spnasnet_100
semnasnet_100 hardcorenas_a tinynet_e repvgg_a0 dla34 hrnet_w18_small res2net50_26w_4s selecsls42b cspresnet50
cspdarknet53 darknet53 vovnet39a ese_vovnet19b_dw xception41 rexnet_100 gernet_s mobileone_s0 repghostnet_050
resnest14d skresnet18 seresnet18 eca_resnet33ts dpn48b efficientvit_b0 fastvit_t8 mobilenetv4_conv_small
edgenext_xx_small regnetz_005""".split()
EXPORTERS = ("script", "dynamo")
# What the refusal of a network says, by both exporters or by one.
REFUSED = {"convnext_tiny": "LayerNormalization", "efficientvit_b0": "LayerNormalization",
           "edgenext_xx_small": "LayerNormalization", "hrnet_w18_small": "Resize", "resnest14d": "ReduceSum",
           "skresnet18": "ReduceSum", "eca_resnet33ts": "only 2-D is supported"}
PICTURES = 4


def network(library, name):
    torch.manual_seed(1)
    if library == "timm":
        return timm.create_model(name, pretrained=False).eval()
    more = {"init_weights": True, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    return getattr(torchvision.models, name)(weights=None, **more).eval()


def export(library, name, exporter, path):
    side = 299 if name == "inception_v3" else 224
    with warnings.catch_warnings(), open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet):
        warnings.simplefilter("ignore")
        torch.onnx.export(network(library, name), (torch.randn(1, 3, side, side),), path,
                          dynamo=exporter == "dynamo")


def pictures(folder):
    rng = np.random.default_rng(5)
    for i in range(PICTURES):
        coarse = Image.fromarray(rng.uniform(0, 255, (12, 12, 3)).astype(np.uint8))
        coarse.resize((320, 320), Image.BICUBIC).save(os.path.join(folder, f"{i}.png"))


def call(*args):
    """Standard output, and what was wrong, or None."""
    done = subprocess.run(args, capture_output=True, text=True)
    return done.stdout, done.stderr.strip().split("\n")[-1] if done.returncode else None


def float_error(mea, path):
    """How far mea's float executor is from ONNX Runtime, of the largest logit."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    s = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    taken = s.get_inputs()[0]
    x = np.random.default_rng(7).normal(0, 1, taken.shape).astype(np.float32)
    theirs = s.run(None, {taken.name: x})[0].ravel()
    answer = os.path.join(os.path.dirname(mea), "tests", "e2e", "answer")
    done = subprocess.run([answer, path], input=x.tobytes(), capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode().strip())
    ours = np.array([float(v) for v in done.stdout.split()[1:]])
    return abs(theirs - ours).max() / abs(theirs).max()


def through(mea, path, data, folder):
    """Layers and MACs of the int8 network, and what of them the accelerator takes; or why it is refused."""
    classes, b = os.path.join(folder, "classes.txt"), os.path.join(folder, "b")
    shutil.rmtree(b, ignore_errors=True)
    with open(classes, "w") as f:
        f.writelines(f"class {i}\n" for i in range(1000))
    for args in (("bundle", b, "--main", path, "--classes", classes, "--name", "zoo", "--mean", ".5,.5,.5",
                  "--std", ".25,.25,.25"),
                 ("quantize", b, "--data", data, "--limit", str(PICTURES)),
                 ("run", b, "--data", data, "--limit", "1", "--backend", "ref", "--json"), ("info", b, "--json")):
        out, why = call(mea, *args)
        if why:
            return None, re.sub(r"^mea \w+: (\S*\.onnx: )?", "", why)
    main = json.loads(out)["main"]
    on = [layer for layer in main["layers"] if layer["backend"] == "accel"]
    return {"layers": len(main["layers"]), "accel": len(on), "macs": main["macs"],
            "share": 100 * sum(layer["macs"] for layer in on) / main["macs"]}, None


def examine(args, library, name, folder, row):
    for exporter in EXPORTERS:
        what = f"{name}, {exporter}"
        path = os.path.join(args.keep or folder, f"{library}-{name}-{exporter}.onnx")
        try:
            if not os.path.exists(path):
                export(library, name, exporter, path)
        except Exception as e:  # no fault of mea's
            row[exporter] = ("not exported", None)
            yield f"ok {{}} - {what} # SKIP not exported: {str(e).splitlines()[0][:80]}"
            continue
        got, why = through(args.mea, path, os.path.join(folder, "pictures"), folder)
        expected = REFUSED.get(name) or REFUSED.get(what)
        error = float_error(args.mea, path) if got else 0
        row[exporter] = (re.sub(r"^node \S+( \(\w+\))?: ", "", why) if why else "taken", got)
        good = error <= 1e-3 and (expected in why if expected and why else not expected and not why)
        yield f"{'ok' if good else 'not ok'} {{}} - {what}: {'refused' if expected else 'taken'}"
        if not good:
            yield f"# {why or 'taken'}; float error {error}"
        if not args.keep:
            for f in glob.glob(path + "*"):
                os.remove(f)


def write_table(path, rows):
    with open(path, "w") as f:
        f.write("| network | script | dynamo | MMAC | on accel, % | layers | of them on accel |\n" + "|---" * 7 + "|\n")
        for (library, name), row in rows.items():
            got = next((g for _, g in row.values() if g), None)
            cells = [row.get(e, ("-",))[0] for e in EXPORTERS]
            cells += [f"{got['macs'] / 1e6:,.0f}", f"{got['share']:.1f}", got["layers"],
                      got["accel"]] if got else ["-"] * 4
            f.write(f"| {name} ({library}) | " + " | ".join(map(str, cells)) + " |\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mea")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--table")
    parser.add_argument("--keep")
    args = parser.parse_intermixed_args()
    rows, count, failed = {}, 0, 0
    print(f"# torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "pictures"))
        pictures(os.path.join(folder, "pictures"))
        for library, names in (("torchvision", TORCHVISION), ("timm", TIMM)):
            for name in names:
                if args.names and name not in args.names:
                    continue
                row = rows[library, name] = {}
                for line in examine(args, library, name, folder, row):
                    count += not line.startswith("#")
                    failed += line.startswith("not")
                    print(line.format(count), flush=True)
    if args.table:
        write_table(args.table, rows)
    print(f"1..{count}")
    return failed != 0


try:
    import contextlib
    import shutil
    import sys

    import numpy as np
    import onnxruntime
    import onnxscript  # noqa: F401, which an exporter needs
    import timm
    import torch
    import torchvision
    from PIL import Image
except ImportError as e:
    print(f"ok 1 - networks of torchvision and timm # SKIP no {e.name}\n1..1")
else:
    sys.exit(main())
