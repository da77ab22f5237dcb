#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a cloud model with PyTorch and enters it in a bundle as cloud.onnx.

Optional, as train_pytorch.py is: this made the cloud models of models/, and shows a PyTorch user
what a cloud model is to `mea`. It takes the image as it comes from a camera or a file, one byte
per pixel and channel (uint8, N x height x width x RGB), and gives logits over all classes; the
normalisation is inside, so that the wire carries bytes and any inference server can run it.
"""
import argparse
import json
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import train_pytorch as tp


class Cloud(nn.Module):
    """A plain residual network, wider and deeper than what runs at the edge."""

    def __init__(self, classes, width):
        super().__init__()
        self.stem = tp.conv_bn(3, width, 3)
        self.body = nn.Sequential(
            tp.Block(width, width), tp.Block(width, 2 * width, 2), tp.Block(2 * width, 2 * width),
            tp.Block(2 * width, 4 * width, 2), tp.Block(4 * width, 4 * width),
        )
        self.exit = nn.Linear(4 * width, classes)

    def forward(self, image):
        x = self.body(F.relu(self.stem(image)))
        return self.exit(F.adaptive_avg_pool2d(x, 1).flatten(1))


class FromBytes(nn.Module):
    """The network behind its preprocessing: bytes in, rows of pixels."""

    def __init__(self, net, mean, std):
        super().__init__()
        self.net = net
        self.register_buffer("scale", 1 / (255 * torch.tensor(std).view(1, 3, 1, 1)))
        self.register_buffer("shift", (-torch.tensor(mean) / torch.tensor(std)).view(1, 3, 1, 1))

    def forward(self, image):
        return self.net(image.float().permute(0, 3, 1, 2) * self.scale + self.shift)


def mirrored(images):
    """Each image mirrored or not, for data where left and right mean nothing."""
    flip = torch.from_numpy(np.random.randint(0, 2, len(images)).astype(bool))
    return torch.where(flip.view(-1, 1, 1, 1), images.flip(3), images)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="folder with train.bin, test.bin")
    p.add_argument("--bundle", required=True, help="bundle that gets cloud.onnx")
    p.add_argument("--work", required=True, help="folder for checkpoints")
    p.add_argument("--epochs", type=int, default=8)
    p.add_argument("--width", type=int, default=16)
    p.add_argument("--peak", type=float, default=0.2, help="highest learning rate")
    p.add_argument("--start", help="checkpoint of an earlier run whose weights to go on from")
    p.add_argument("--mirror", action="store_true", help="mirror images; not for letters")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    os.makedirs(args.work, exist_ok=True)
    torch.manual_seed(args.seed)
    path = f"{args.bundle}/bundle.json"
    with open(path) as f:
        bundle = json.load(f)
    tp.MEAN, tp.STD = bundle["input"]["mean"], bundle["input"]["std"]
    if args.mirror:
        plain = tp.shifted
        tp.shifted = lambda images: plain(mirrored(images))

    images, labels = tp.load(os.path.join(args.data, "train.bin"))
    net = Cloud(len(bundle["classes"]), args.width)
    if args.start:
        net.load_state_dict(torch.load(args.start)["model"])
    tp.fit("cloud", args.work, net, net.parameters(), net, images, labels, args.epochs, args.peak, net.train)
    test_images, test_labels = tp.load(os.path.join(args.data, "test.bin"))
    with torch.no_grad():
        right = sum((net(tp.normalise(x)).argmax(1) == y).sum().item()
                    for x, y in zip(test_images.split(500), test_labels.split(500)))
    accuracy = round(100 * right / len(test_labels), 2)
    print(f"cloud: {accuracy} % of {len(test_labels)} test images")

    model = FromBytes(net, tp.MEAN, tp.STD).eval()
    image = torch.zeros(1, *test_images.shape[2:], 3, dtype=torch.uint8)
    tp.export(model, image, f"{args.bundle}/cloud.onnx", ["image"], ["logits"])
    bundle["files"]["cloud"] = tp.entry(args.bundle, "cloud.onnx")
    bundle["accuracy"]["float"]["cloud"] = accuracy
    bundle["made_cloud"] = (f"models/train_cloud_pytorch.py, PyTorch {torch.__version__}, seed {args.seed}, "
                            f"width {args.width}, {args.epochs} epochs with peak {args.peak}"
                            + (", from an earlier run" if args.start else ""))
    with open(path, "w") as f:
        json.dump(bundle, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
