#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A torchvision checkpoint as main of a MEANet: ONNX with logits and features.

  import-torchvision.py resnet18|mobilenet_v2 CHECKPOINT --out FOLDER [--size N]

CHECKPOINT is a state_dict as torchvision saves it (resnet18-f37072fd.pth, mobilenet_v2-7ebf99e0.pth,
or one trained on other classes), read as tensors only. FOLDER gets main.onnx: image -> logits,
features, the last being what the extension of resnet18-b or mobilenetv2-b takes (512 or 320
channels). Batch norms stay nodes, so that mea train can go on from it. Optional: Debian's
python3-torchvision and python3-onnx. models/README.md has the commands that make a bundle of it.
"""
import argparse
import os

import torch
import torchvision
from torch import nn

NETS = {"resnet18": "resnet18-b", "mobilenet_v2": "mobilenetv2-b"}


class Main(nn.Module):
    """The whole network, which shows the map before its exit as well."""

    def __init__(self, name, classes):
        super().__init__()
        self.name = name
        self.net = getattr(torchvision.models, name)(weights=None, num_classes=classes)

    def forward(self, image):
        net = self.net
        if self.name == "resnet18":
            x = net.maxpool(net.relu(net.bn1(net.conv1(image))))
            features = net.layer4(net.layer3(net.layer2(net.layer1(x))))
            return net.fc(net.avgpool(features).flatten(1)), features
        features = net.features[:18](image)
        x = nn.functional.adaptive_avg_pool2d(net.features[18](features), 1).flatten(1)
        return net.classifier(x), features


def read(path):
    """The tensors of a checkpoint; pickled code in it is never run."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:
        raise SystemExit(f"{path}: no checkpoint of tensors alone: {str(e).splitlines()[0]}")
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise SystemExit(f"{path}: holds no state_dict")
    # nn.DataParallel puts this before every name.
    return {k[len("module."):] if k.startswith("module.") else k: v for k, v in state.items()}


def build(name, path):
    state, last = read(path), {"resnet18": "fc.weight", "mobilenet_v2": "classifier.1.weight"}[name]
    if last not in state:
        raise SystemExit(f"{path}: has no {last}, so it is no {name}")
    model = Main(name, state[last].shape[0])
    try:
        model.net.load_state_dict(state)
    except RuntimeError as e:
        raise SystemExit(f"{path}: {str(e).splitlines()[1].strip()}")
    return model.eval()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("net", choices=NETS)
    p.add_argument("checkpoint")
    p.add_argument("--out", required=True, help="folder to write main.onnx to")
    p.add_argument("--size", type=int, default=224, help="images of N x N pixels (224)")
    args = p.parse_args()
    if not 32 <= args.size <= 640:
        p.error(f"--size: {args.size} is not from 32 to 640")
    model = build(args.net, args.checkpoint)
    os.makedirs(args.out, exist_ok=True)
    names = ["image", "logits", "features"]
    torch.onnx.export(
        model, torch.zeros(1, 3, args.size, args.size), f"{args.out}/main.onnx", opset_version=13,
        input_names=names[:1], output_names=names[1:], dynamic_axes={n: {0: "n"} for n in names},
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
    )
    print(f"{args.out}/main.onnx: {NETS[args.net]}, {model(torch.zeros(1, 3, 32, 32))[0].shape[1]} classes")


if __name__ == "__main__":
    main()
